"""Where findings go: formats, files, terminals and pipes."""

from __future__ import annotations

import json
import os
import platform
import pty
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.frontends.test_cli import BAD, GOOD, ROOT, torchlint
from torchlint import __version__
from torchlint.frontends.cli import main
from torchlint.report.formats import FORMATS

FOUND = "Found 1 error; 2 files checked.\n[*] 1 fixable with `--fix`.\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run in this process: the exit status, standard output and standard error."""

    def torchlint(*words: str) -> tuple[int, str, str]:
        status = main(words)
        return status, *capfd.readouterr()

    return torchlint


def _codes(name: str, text: str) -> list[str]:
    """The codes in an output, read by what the format is made for."""
    if name == "json-lines":
        return [json.loads(line)["code"] for line in text.splitlines()]
    if name == "junit":
        return [case.attrib["name"].split()[1] for case in ElementTree.fromstring(text).iter("testcase")]
    if name in ("json", "gitlab"):
        return [one.get("code") or one["check_name"] for one in json.loads(text)]
    if name == "sarif":
        return [one["ruleId"] for one in json.loads(text)["runs"][0]["results"]]
    if name == "rdjson":
        return [one["code"]["value"] for one in json.loads(text)["diagnostics"]]
    if name == "lsp":
        return [one["code"] for published in json.loads(text).values() for one in published["diagnostics"]]
    return ["TL101"] if "TL101" in text else []


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_from_the_command_line(project: Path, run: Run, name: str) -> None:
    status, out, err = run("--output-format", name)
    assert (status, err) == (1, FOUND)
    assert _codes(name, out) == ["TL101"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_hard_to_write(project: Path, run: Run) -> None:
    names = [b"caf\xe9.py", b"a\nb.py", b"::error::.py", b"\x1b[2J&<.py"]
    for file in names:
        (project / os.fsdecode(file)).write_text(BAD)
    (project / "bad.py").unlink()
    for name in FORMATS:
        assert run("--output-format", name, "--output-file", "out")[0] == 1
        written = (project / "out").read_bytes().decode()  # which is valid UTF-8
        assert "\x1b" not in written
        assert written.count("TL101") >= len(names)
        if name not in ("concise", "full", "grouped", "github", "pylint"):
            assert _codes(name, written) == ["TL101"] * len(names)


def test_help_names_every_format(tmp_path: Path) -> None:
    listed = " ".join(torchlint("--help", cwd=tmp_path).stdout.split())
    assert ", ".join(FORMATS) in listed
    done = torchlint("--output-format", "yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "yaml" in done.stderr


def test_sarif_of_a_real_run(project: Path, run: Run) -> None:
    (project / "src dir").mkdir()
    (project / "src dir" / "net.py").write_text(BAD)
    _, out, _ = run("--output-format", "sarif", "src dir")
    log = json.loads(out)["runs"][0]
    driver = log["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("torchlint", __version__)
    assert driver["rules"][0]["help"]["markdown"].startswith("# bce-on-logits (TL101)\n")
    (result,) = log["results"]
    where = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert where == {"uri": "src%20dir/net.py", "uriBaseId": "%SRCROOT%"}
    assert result["codeFlows"]
    assert result["fixes"]


def test_a_rule_that_does_not_load_is_told_in_sarif(project: Path, run: Run) -> None:
    (project / "ours").mkdir()
    (project / "ours" / "wrong.py").write_text("import nothing_of_this_name")
    status, out, _ = run("--rules-dir", "ours", "--output-format", "sarif", "bad.py")
    assert status == 2
    (invocation,) = json.loads(out)["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    assert "wrong.py" in invocation["toolExecutionNotifications"][0]["message"]["text"]


# --- files ----------------------------------------------------------------------------------------------------------


def test_output_file(project: Path, run: Run) -> None:
    (project / "out.txt").write_text("old\n")
    status, out, err = run("--output-file", "out.txt", "--color", "always")
    assert (status, out, err) == (1, "", FOUND)
    written = (project / "out.txt").read_text(encoding="utf-8")
    assert written.startswith("bad.py:19:12: TL101 ")
    assert "\x1b" not in written
    assert sorted(path.name for path in project.iterdir()) == ["bad.py", "good.py", "out.txt"]
    assert run("--output-file", "out.txt", "good.py")[0] == 0
    assert (project / "out.txt").read_text() == ""


def test_output_file_holds_what_standard_output_would(project: Path) -> None:
    (project / "bad.py").write_text(BAD.replace("net", "nêt"), encoding="utf-8")
    words = ("--output-format", "full")
    torchlint(*words, "--output-file", "out", cwd=project, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    written = (project / "out").read_bytes().decode()
    assert "nêt" in written
    assert written == torchlint(*words, cwd=project).stdout


@pytest.mark.parametrize("place", ["no/such/folder/out.txt", "."])
def test_output_file_that_cannot_be_written(project: Path, run: Run, place: str) -> None:
    status, out, err = run("--output-file", place, "bad.py")
    assert (status, out) == (2, "")
    assert err.startswith(f"torchlint: error: {place}: cannot be written: ")


def test_a_linted_file_is_not_written_over(project: Path, run: Run) -> None:
    (project / "link").symlink_to("good.py")
    for place in ("bad.py", "./good.py", "link"):
        status, out, err = run("--output-file", place)
        assert (status, out, err) == (2, "", f"torchlint: error: {place}: is linted, so it is not written over\n")
    assert ((project / "bad.py").read_text(), (project / "good.py").read_text()) == (BAD, GOOD)


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no devices here")
def test_a_device_is_written_to_and_not_replaced(project: Path, run: Run) -> None:
    before = os.stat("/dev/null")
    assert run("--output-file", "/dev/null", "bad.py")[:2] == (1, "")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert os.stat("/dev/null").st_ino == before.st_ino


# --- what is asked for besides --------------------------------------------------------------------------------------


def test_show_files(project: Path, run: Run) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "odd\nname.py").write_text("")
    (project / "torchlint.toml").write_text('exclude = ["good.py"]\n')
    status, out, err = run("--show-files")
    assert (status, err) == (0, "")
    assert out.splitlines() == ["bad.py", os.path.join("sub", r"odd\x0aname.py")]
    assert run("--show-files", "gone.py")[0] == 2


def test_version_names_the_parser_and_python(tmp_path: Path) -> None:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    said = torchlint("--version", cwd=tmp_path).stdout
    assert said == f"torchlint {__version__} (libcst {version('libcst')}, {python})\n"


def test_version_where_nothing_tells_what_is_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert "(libcst of an unknown version, " in capsys.readouterr().out


MODULES = "import sys; from torchlint.frontends.cli import main; main(['good.py']); print(*sys.modules)"


def test_formats_that_are_not_used_are_not_imported(project: Path) -> None:
    imported = set(_python(MODULES).stdout.split())
    assert "torchlint.report.concise" in imported
    unused = {f"torchlint.report.{one.module}" for one in FORMATS.values()} - {"torchlint.report.concise"}
    assert imported.isdisjoint({"rich", "shtab", "watchfiles", "sarif_kit", "importlib.metadata", *unused})


def _python(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


# --- progress -------------------------------------------------------------------------------------------------------

#: As from the command line, but with another patience than a second.
DRIVER = """
import sys
from torchlint.frontends import cli, progress
progress.PATIENCE = float(sys.argv[1])
sys.exit(cli.main(sys.argv[2:]))
"""


def on_terminal(words: list[str], patience: float = 0.0, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run with standard error on a terminal: the exit status, and what the terminal was sent."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(patience), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", **(env or {})},
    )
    os.close(follower)
    sent = b""
    while chunk := _read(leader):
        sent += chunk
    os.close(leader)
    return process.wait(), sent.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_a_long_run_shows_on_a_terminal_how_far_it_is(project: Path) -> None:
    status, sent = on_terminal(["."])
    assert status == 1
    assert "analysing" in sent
    drawn, erased, rest = sent.rpartition("\x1b[2K")
    assert "analysing" in drawn
    assert erased
    assert rest == FOUND.replace("\n", "\r\n")


def test_a_short_run_shows_nothing(project: Path) -> None:
    assert on_terminal(["."], patience=3600.0) == (1, FOUND.replace("\n", "\r\n"))


@pytest.mark.parametrize(("words", "env"), [(["--quiet"], {}), ([], {"TERM": "dumb"})])
def test_progress_that_is_not_wanted(project: Path, words: list[str], env: Mapping[str, str]) -> None:
    _, sent = on_terminal([*words, "."], env=env)
    assert "analysing" not in sent
    assert "\x1b" not in sent


def test_no_progress_on_pipes(project: Path) -> None:
    assert _python(DRIVER, "0", ".").stderr == FOUND


def test_no_colours_in_progress_without_colours(project: Path) -> None:
    _, sent = on_terminal(["--color", "never", "."])
    assert "analysing" in sent
    assert "\x1b[3" not in sent
    assert "\x1b[1;3" not in sent
