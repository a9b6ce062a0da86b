"""Files, names and places that nobody expects: the run goes on, and says what it could not read."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.frontends.test_cli import BAD, GOOD, ROOT, torchlint
from torchlint.engine.lint import Result, Work
from torchlint.frontends import check, files
from torchlint.frontends.cli import main

POSIX = pytest.mark.skipif(os.name == "nt", reason="no such thing on Windows")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems refuse such names")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "bad.py").write_text(BAD)
    return tmp_path


def shown(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The files with findings."""
    assert "Traceback" not in done.stderr
    return [line.split(":19:12: TL101 ")[0].replace(os.sep, "/") for line in done.stdout.splitlines()]


def as_anybody() -> None:
    """Take away what lets root read everything: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, from the next program on."""
    drop = 24
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(drop, capability, 0, 0, 0)


def run_as_anybody(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "torchlint", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=as_anybody,
    )


@LINUX
def test_files_and_folders_without_permission(project: Path) -> None:
    """They are named, the others are linted, and the exit status tells."""
    (project / "closed").mkdir()
    (project / "closed" / "bad.py").write_text(BAD)
    (project / "secret.py").write_text(BAD)
    (project / "secret.py").chmod(0)
    (project / "closed").chmod(0)
    try:
        for words in ((), ("bad.py", "secret.py", "bad.py")):
            done = run_as_anybody(*words, cwd=project)
            assert (shown(done), done.returncode) == (["bad.py"], 2)
            assert "torchlint: error: secret.py: cannot be read: Permission denied\n" in done.stderr
            assert ("closed: cannot be read: Permission denied" in done.stderr) is (not words)
        for path in ("closed", "closed/bad.py"):
            done = run_as_anybody(path, cwd=project)
            assert (done.stdout, done.returncode) == ("", 2)
            assert done.stderr == f"torchlint: error: {path}: cannot be read: Permission denied\n"
    finally:
        (project / "closed").chmod(0o700)


@POSIX
def test_links_that_lead_nowhere_or_in_circles(project: Path) -> None:
    (project / "broken.py").symlink_to("nowhere.py")
    (project / "loop.py").symlink_to("loop.py")
    (project / "around").symlink_to(project)
    (project / "root").symlink_to("/")
    assert shown(torchlint(cwd=project)) == ["bad.py"]
    assert torchlint("broken.py", cwd=project).stderr == "torchlint: error: no such file or folder: broken.py\n"
    assert torchlint("loop.py", cwd=project).returncode == 2


@POSIX
def test_pipes_and_devices_are_not_waited_for(project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    (project / "endless.py").symlink_to("/dev/zero")
    (project / "user.py").write_text("import pipe, endless\n" + BAD)
    assert [line.split(":")[0] for line in torchlint(cwd=project).stdout.splitlines()] == ["bad.py", "user.py"]
    done = torchlint("pipe.py", "endless.py", "bad.py", cwd=project)
    assert (shown(done), done.returncode) == (["bad.py"], 2)
    for name in ("pipe.py", "endless.py"):
        assert f"{name}: neither a file nor a folder" in done.stderr


def test_a_folder_that_is_named_like_a_file(project: Path) -> None:
    (project / "folder.py").mkdir()
    (project / "folder.py" / "bad.py").write_text(BAD)
    assert shown(torchlint(cwd=project)) == ["bad.py", "folder.py/bad.py"]
    assert shown(torchlint("folder.py", cwd=project)) == ["folder.py/bad.py"]


def test_a_file_that_nobody_wrote_by_hand(project: Path) -> None:
    """Fifty megabytes would need tens of gigabytes of memory."""
    (project / "weights.py").write_text("import torch\nDATA = b'" + "x" * (50 << 20) + "'\n")
    (project / "words.py").write_text("DATA = '" + "x" * (50 << 20) + "'\n")
    done = torchlint("--no-cache", "weights.py", "words.py", cwd=project)
    assert done.stdout == "weights.py:1:1: TL001 too large to be analysed: more than 4 MiB\n"


ODD_NAMES = [
    "a\nb.py",
    "a\x1b[31mb.py",
    "C:\\x.py",
    "C:x.py",
    "a:1:2.py",
    "-x.py",
    "#1.md.py",
    " .py",
    "ü.py",
    "..x.py",
]


@LINUX
@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9.py"), *ODD_NAMES], ids=ascii)
def test_names_that_nobody_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """One line a finding, nothing that a terminal obeys, and JSON that can be read; from the cache too."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_text(BAD)
    monkeypatch.chdir(tmp_path)
    for words in (["."], [f"folder/{name}"], ["--no-cache", f"./folder/{name}"]):
        for _ in range(2):
            assert main([*words, "--quiet", "--output-format", "concise"]) == 1
            said = capsys.readouterr()
            assert said.err == ""
            assert said.out.startswith("folder/")
            assert [line.rpartition(":19:12: TL101 ")[1] for line in said.out.splitlines()] == [":19:12: TL101 "]
            assert "\x1b" not in said.out
    # in a process of its own: only a real stream has an encoding
    for form in ("json", "sarif", "full"):
        done = torchlint("--output-format", form, cwd=tmp_path)
        assert done.returncode == 1
        if form != "full":
            assert json.loads(done.stdout)


@LINUX
def test_a_working_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "net.py").write_text(BAD)
    (folder / "good.py").write_text("import net\n" + GOOD)
    for _ in range(2):
        assert shown(torchlint(cwd=folder)) == ["net.py"]


@LINUX
def test_a_working_folder_that_is_gone(project: Path) -> None:
    program = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
        "from torchlint.frontends.cli import main; sys.exit(main(sys.argv[1:]))\n"
    )
    for words in ([], [str(project / "bad.py")], ["-"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 2
        assert done.stderr == "torchlint: error: the working folder does not exist any more\n"


@POSIX
def test_from_the_root_of_the_disk(project: Path) -> None:
    path = str(project / "bad.py")
    assert shown(torchlint(path, cwd=Path("/"))) == [path]
    assert shown(torchlint(path[1:], cwd=Path("/"))) == [path[1:]]


@POSIX
@pytest.mark.parametrize(
    ("redirection", "status", "said"),
    [
        (">&-", 1, "Found 1 error; 1 file checked.\n"),
        ("2>&-", 1, ""),
        (">&- 2>&-", 1, ""),
        (">/dev/full", 2, "torchlint: error: the output cannot be written: No space left on device\n"),
        ("- <&-", 2, "torchlint: error: standard input is closed\n"),
    ],
)
@pytest.mark.parametrize("cache", ["", "--no-cache"])
def test_streams_that_are_closed_or_full(project: Path, redirection: str, status: int, said: str, cache: str) -> None:
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    file = "" if redirection.startswith("-") else "bad.py"
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m torchlint {cache} {file} {redirection}', sys.executable],
        cwd=project,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, "".join(done.stderr.splitlines(keepends=True)[:1])) == (status, said)
    assert "Traceback" not in done.stderr


def test_several_paths_that_overlap(project: Path) -> None:
    """A file is linted once, under its shortest name."""
    (project / "sub").mkdir()
    (project / "sub" / "bad.py").write_text(BAD)
    everything = ["bad.py", "./bad.py", str(project / "bad.py"), "sub/../bad.py", "sub", "sub/bad.py", ".", "./sub/"]
    done = torchlint(*everything, cwd=project)
    assert shown(done) == ["bad.py", "sub/bad.py"]
    assert "2 files checked" in done.stderr
    assert torchlint(*reversed(everything), cwd=project).stdout == done.stdout


@POSIX
def test_the_same_file_by_two_names(project: Path) -> None:
    """A link is a file of its own, as for everybody else."""
    (project / "soft.py").symlink_to("bad.py")
    os.link(project / "bad.py", project / "hard.py")
    assert shown(torchlint(cwd=project)) == ["bad.py", "hard.py", "soft.py"]


def test_a_file_that_is_removed_before_it_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "gone.py").write_text(BAD)
    monkeypatch.chdir(project)

    def read_file(path: str) -> bytes:
        (project / "gone.py").unlink(missing_ok=True)
        return files.read_file(path)

    monkeypatch.setattr(check, "read_file", read_file)
    assert main(["--no-cache", "--quiet", "."]) == 1


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_text("x = (\n")])
def test_a_file_that_changes_while_it_is_analysed(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
) -> None:
    """What is said is said of the text that was read."""
    monkeypatch.chdir(project)

    analyse = Work.result

    def change_and_lint(work: Work) -> Result:
        change(project / "bad.py")
        return analyse(work)

    monkeypatch.setattr(Work, "result", change_and_lint)
    assert main(["--no-cache", "--quiet", "--output-format", "full", "."]) == 1
    assert "19 |     return criterion(net(x), y)\n" in capsys.readouterr().out


def test_thousands_of_files_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As pre-commit names them."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("runs/\n")
    names = [f"m{number}.py" for number in range(3000)]
    for name in names:
        (tmp_path / name).write_text("import torch\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "bad.py").write_text(BAD)
    assert main(["--force-exclude", "runs/bad.py", *names]) == 0
    assert capsys.readouterr().err == "No findings; 3000 files checked.\n"
