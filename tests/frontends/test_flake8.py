"""The plugin as people use it: real flake8, on the same files as the command.

flake8 runs in this process where nothing depends on how it was started, for that is much quicker.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from flake8.main.cli import main as flake8_main

from tests.frontends.programs import MODEL, TRAIN
from torchlint.frontends.cli import main

ROOT = Path(__file__).parents[2]
SOFTMAX = """\
from torch import nn


def chances(scores):
    return nn.functional.softmax(scores)
"""
#: An informative finding: off unless it is asked for.
TWICE = """\
import torch
from torch import nn

criterion = nn.CrossEntropyLoss()
scores = nn.Linear(8, 3)(torch.rand(4, 8))
print(criterion(torch.log_softmax(scores, 1), torch.tensor([0, 1, 2, 0])))
"""
#: flake8 under a start method for its workers, with a note of every analysis, and perhaps a fault in each.
FLAKE8 = """\
import multiprocessing
import os
import sys

from torchlint.engine.lint import Work

analyse = Work.result


def lint(work):
    with open("analyses.txt", "a") as file:
        file.write(" ".join(sorted(work.request.files)) + "\\n")
    if os.environ.get("FAULT"):
        raise ZeroDivisionError("on purpose")
    return analyse(work)


Work.result = lint
if __name__ == "__main__":
    method = sys.argv.pop(1)
    if method not in multiprocessing.get_all_start_methods():
        method = "spawn"
    multiprocessing.set_start_method(method)
    from flake8.main.cli import main

    sys.exit(main())
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "soft.py").write_text(SOFTMAX)
    return tmp_path


def run(
    *words: str | Path, cwd: Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **(env or {})}
    done = subprocess.run([sys.executable, *words], cwd=cwd, input=stdin, capture_output=True, env=environment)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def flake8(*words: str, cwd: Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    if stdin is not None:
        return run("-m", "flake8", *words, cwd=cwd, stdin=stdin)
    here, raw, err = os.getcwd(), io.BytesIO(), io.StringIO()
    out = io.TextIOWrapper(raw, "utf-8")
    os.chdir(cwd)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = flake8_main(["--jobs=1", *words])
    finally:
        os.chdir(here)
    out.flush()
    return subprocess.CompletedProcess(words, status, raw.getvalue().decode(), err.getvalue())


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What it says, with the paths as the command writes them."""
    assert done.stderr == ""
    return sorted(line.removeprefix("./").replace(os.sep, "/") for line in done.stdout.splitlines())


def said_by_the_command(project: Path, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    here = os.getcwd()
    os.chdir(project)
    try:
        main(["check", "--quiet", "--output-format", "concise", *words])
    finally:
        os.chdir(here)
    # the command marks what it can mend; flake8 could not
    return sorted(line.replace(os.sep, "/").replace(" [*] ", " ") for line in capsys.readouterr().out.splitlines())


def codes(said: list[str]) -> list[str]:
    return [line.split()[1] for line in said]


def test_flake8_knows_the_plugin(tmp_path: Path) -> None:
    assert "torchlint: 0.1.0" in run("-m", "flake8", "--version", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    "way", ["fork --jobs 1", "fork --jobs 4", "spawn --jobs 2", "forkserver --jobs 2", "spawn --jobs 1"]
)
def test_the_same_findings_from_one_analysis(project: Path, capsys: pytest.CaptureFixture[str], way: str) -> None:
    """However flake8 divides the files among processes, they are analysed once, together."""
    script = project.parent / "flake8_with_notes.py"
    script.write_text(FLAKE8)
    done = run(script, *way.split(), "--select=TL", cwd=project)
    said = lines(done)
    assert codes(said) == ["TL112", "TL101"]
    assert said == said_by_the_command(project, capsys)
    files = ["model.py", os.path.join("sub", "soft.py"), "train.py"]
    assert (project / "analyses.txt").read_text() == " ".join(sorted(files)) + "\n"


def test_files_that_are_named(project: Path) -> None:
    assert codes(lines(flake8("--select=TL", "train.py", "model.py", cwd=project))) == ["TL101"]
    # what it imports is known, though it is not among the files
    assert codes(lines(flake8("--select=TL", str(project / "train.py"), cwd=project))) == ["TL101"]
    assert lines(flake8("--select=TL", "model.py", cwd=project)) == []
    assert "E902" in flake8("gone.py", cwd=project).stdout


def test_noqa_is_flake8s(project: Path) -> None:
    (project / "train.py").write_text(TRAIN.replace("y).backward()", "y).backward()  # noqa: TL101"))
    (project / "sub" / "soft.py").write_text("# flake8: noqa\n" + SOFTMAX)
    (project / "model.py").write_text(MODEL.replace("from torch import nn", "from torch import nn  # noqa: TL101"))
    assert lines(flake8(cwd=project)) == []
    assert codes(lines(flake8("--select=TL", "--disable-noqa", cwd=project))) == ["TL112", "TL101"]


def test_torchlints_own_comments_hold(project: Path) -> None:
    (project / "train.py").write_text(TRAIN.replace("y).backward()", "y).backward()  # torchlint: ignore[TL101]"))
    (project / "sub" / "soft.py").write_text("# torchlint: ignore-file[TL112]\n" + SOFTMAX)
    assert lines(flake8("--select=TL", "--disable-noqa", cwd=project)) == []


def test_unused_comments(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """torchlint judges its own; a `# noqa` may be of use to flake8 where torchlint would not read it."""
    (project / "model.py").write_text(
        MODEL.replace("(8, 1)", "(8, 1)  # noqa: TL101").replace("return", "return (  # torchlint: ignore[TL101]\n")
        .replace("self.head(x)", "self.head(x))")
    )  # fmt: skip
    assert codes(said_by_the_command(project, capsys, "model.py", "train.py", "sub")) == [
        "TL002",
        "TL002",
        "TL112",
        "TL101",
    ]
    assert codes(lines(flake8("--select=TL", cwd=project))) == ["TL002", "TL112", "TL101"]
    assert codes(lines(flake8("--select=TL", "model.py", cwd=project))) == []


def test_known_findings_stay_unsaid(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said_by_the_command(project, capsys, "--write-baseline", "known.json") == []
    (project / "torchlint.toml").write_text('baseline = "known.json"\n')
    assert lines(flake8("--select=TL", cwd=project)) == []
    (project / "sub" / "more.py").write_text(SOFTMAX)
    assert [line.split(":")[0] for line in lines(flake8("--select=TL", cwd=project))] == ["sub/more.py"]


def test_selection_is_flake8s(project: Path) -> None:
    def chosen(*words: str) -> list[str]:
        return codes(lines(flake8(*words, cwd=project)))

    assert chosen("--select=TL") == ["TL112", "TL101"]
    assert chosen("--select=TL11") == ["TL112"]
    assert chosen("--extend-ignore=TL101") == ["TL112"]
    assert chosen("--per-file-ignores=train.py:TL1") == ["TL112"]
    assert chosen("--select=E") == []
    assert chosen("--exclude=sub") == ["TL101"]


def test_what_flake8_does_not_show_costs_nothing(project: Path) -> None:
    script = project.parent / "flake8_with_notes.py"
    script.write_text(FLAKE8)
    assert lines(run(script, "fork", "--jobs=1", "--select=E,F", cwd=project)) == []
    assert not (project / "analyses.txt").exists()


def test_rules_that_are_off_speak_where_they_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "twice.py").write_text(TWICE)
    assert lines(flake8("--select=TL", cwd=tmp_path)) == said_by_the_command(tmp_path, capsys) == []
    assert codes(lines(flake8("--extend-select=TL103", cwd=tmp_path))) == ["TL103"]
    (tmp_path / "torchlint.toml").write_text('extend-select = ["double-softmax"]\n')
    assert codes(lines(flake8(cwd=tmp_path))) == ["TL103"]


def test_torchlints_configuration_holds(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.torchlint]\nexclude = ["/sub/"]\n')
    assert codes(lines(flake8(cwd=project))) == ["TL101"]
    assert lines(flake8("sub/soft.py", cwd=project)) == []
    (project / "sub" / "torchlint.toml").write_text("")
    (project / "pyproject.toml").write_text('[tool.torchlint]\nignore = ["TL101"]\n')
    assert codes(lines(flake8(cwd=project))) == ["TL112"]


def test_a_configuration_may_be_named(project: Path) -> None:
    (project / "lint").mkdir()
    (project / "lint" / "ours.toml").write_text('ignore = ["TL101"]\n')
    (project / ".flake8").write_text("[flake8]\ntorchlint-config = lint/ours.toml\n")
    assert codes(lines(flake8(cwd=project))) == ["TL112"]
    assert codes(lines(flake8("soft.py", "--config=../.flake8", cwd=project / "sub"))) == ["TL112"]


@pytest.mark.parametrize("way", ["--jobs=1", "--jobs=2", "-"])
def test_a_wrong_configuration_stops_the_run(project: Path, way: str) -> None:
    (project / "torchlint.toml").write_text("ignroe = []\n")
    words, stdin = ([way], None) if way != "-" else (["--stdin-display-name=train.py", way], TRAIN.encode())
    done = flake8(*words, cwd=project, stdin=stdin)
    assert done.returncode == 1
    assert "torchlint: " in done.stdout
    assert "unknown key `ignroe`; did you mean `ignore`?" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert lines(flake8("--select=E,F", cwd=project)) == []


def test_standard_input_is_judged_within_its_project(project: Path) -> None:
    """An editor gives what is not saved yet, under the name of the file."""
    (project / "train.py").write_text("")
    words = ("--select=TL", "--stdin-display-name=train.py", "-")
    done = flake8(*words, cwd=project, stdin=TRAIN.encode())
    assert codes(lines(done)) == ["TL101"]
    assert done.stdout.startswith("train.py:11:5: TL101 ")
    assert lines(flake8(*words, cwd=project, stdin=TRAIN.replace("BCELoss", "BCEWithLogitsLoss").encode())) == []
    absolute = ("--select=TL", f"--stdin-display-name={project / 'train.py'}", "-")
    assert codes(lines(flake8(*absolute, cwd=project, stdin=TRAIN.encode()))) == ["TL101"]
    assert codes(lines(flake8("--select=TL", "-", cwd=project, stdin=SOFTMAX.encode()))) == ["TL112"]
    (project / "torchlint.toml").write_text('exclude = ["train.py"]\n')
    assert lines(flake8(*words, cwd=project, stdin=TRAIN.encode())) == []


@pytest.mark.parametrize(
    ("start", "encoding", "end"),
    [
        ("# Ünïcode\n", "utf-8", "\n"),
        ("# Ünïcode\n", "utf-8-sig", "\n"),
        ("# Ünïcode\n", "utf-8", "\r\n"),
        ("# Ünïcode\n", "utf-8", "\r"),
        ("# coding: latin-1\n", "latin-1", "\n"),
        ("# coding: cp1252\n", "cp1252", "\r\n"),
        ("# a\x0cform feed\n\x0c\n", "utf-8", "\n"),
    ],
)
def test_encodings_and_line_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], start: str, encoding: str, end: str
) -> None:
    """What flake8 reads is recognised as what was analysed; from standard input it is analysed as it was written."""
    content = (start + SOFTMAX.replace("return nn", "return 'Ü', nn")).replace("\n", end).encode(encoding)
    (tmp_path / "soft.py").write_bytes(content)
    script = tmp_path / "flake8_with_notes.txt"
    script.write_text(FLAKE8)
    said = lines(run(script, "fork", "--jobs=1", "--select=TL", cwd=tmp_path))
    assert codes(said) == ["TL112"]
    assert said == said_by_the_command(tmp_path, capsys)
    assert (tmp_path / "analyses.txt").read_text() == "soft.py\n"
    assert lines(flake8("--select=TL", "--stdin-display-name=soft.py", "-", cwd=tmp_path, stdin=content)) == said


def test_a_file_that_cannot_be_decoded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "soft.py").write_bytes(SOFTMAX.replace("scores", "'\xfc'").encode("latin-1"))
    assert codes(said_by_the_command(tmp_path, capsys)) == ["TL001"]
    assert set(codes(lines(flake8(cwd=tmp_path)))) <= {"TL001", "E902", "E999"}


def test_a_file_that_does_not_parse_is_flake8s(project: Path) -> None:
    (project / "broken.py").write_text("import torch\nx = (1,\n")
    assert set(codes(lines(flake8("--select=TL,E9", cwd=project)))) <= {"TL112", "TL101", "E999", "E902"}
    assert codes(lines(flake8("--select=TL", cwd=project))) == ["TL112", "TL101"]


@pytest.mark.parametrize("way", ["fork --jobs=1", "fork --jobs=4", "spawn --jobs=2"])
def test_a_fault_is_a_finding_and_flake8_goes_on(project: Path, way: str) -> None:
    script = project.parent / "flake8_with_notes.py"
    script.write_text(FLAKE8)
    (project / "model.py").write_text("import os\n" + MODEL)
    said = lines(run(script, *way.split(), cwd=project, env={"FAULT": "1"}))
    assert [line for line in said if " F401 " in line] == ["model.py:1:1: F401 'os' imported but unused"]
    faults = [line for line in said if " TL000 " in line]
    assert [line.split(" ")[0] for line in faults] == ["model.py:1:1:", "sub/soft.py:1:1:", "train.py:1:1:"]
    assert all("ZeroDivisionError: on purpose" in line for line in faults)


def test_control_characters_stay_in(tmp_path: Path) -> None:
    text = TRAIN.replace("from model import Net\n", MODEL).replace("Net()", 'Net()\nname = "\\x1b[31m"')
    (tmp_path / "train.py").write_text(text.replace("nn.BCELoss()", "nn.BCELoss(reduction='\x1b[31mmean')"))
    assert "\x1b" not in flake8("--select=TL", cwd=tmp_path).stdout


def test_flake8_used_by_a_program(project: Path) -> None:
    """Its interface for programs parses options first, and is told the files afterwards."""
    program = (
        "from flake8.api.legacy import get_style_guide\n"
        "guide = get_style_guide(select=['TL'])\n"
        "assert guide.check_files(['train.py', 'model.py']).total_errors == 1\n"
        "assert guide.check_files(['sub']).total_errors == 1\n"
    )
    done = run("-c", program, cwd=project)
    assert done.returncode == 0, done.stderr


def test_the_readme_shows_what_flake8_says() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    command, _, shown = readme[readme.index("$ flake8 ") :].partition("```")[0].partition("\n")
    assert flake8(*command.split()[2:], cwd=ROOT).stdout.replace(os.sep, "/") == shown
