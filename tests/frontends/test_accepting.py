"""Findings taken as they are: a baseline, and comments that are added."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from torchlint.frontends.cli import main

HEAD = """\
import torch
from torch import nn

net = nn.Linear(8, 1)
criterion = nn.BCELoss()
x, y = torch.randn(4, 8), torch.rand(4, 1)
"""
PROGRAM = HEAD + "loss = criterion(net(x), y)\n"


class Run:
    """What a run gave."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def codes(self) -> list[str]:
        return [line.split()[1] for line in self.out.splitlines()]


Torchlint = Callable[..., Run]


@pytest.fixture
def torchlint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Torchlint:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Run:
        status = main(words)
        return Run(status, *capsys.readouterr())

    return run


# --- baseline ----------------------------------------------------------------------------------------------------


@pytest.fixture
def baseline(tmp_path: Path, torchlint: Torchlint) -> Path:
    """A baseline of a project with one finding."""
    (tmp_path / "a.py").write_text(PROGRAM)
    done = torchlint("--write-baseline", "known.json")
    assert (done.status, done.out, done.err) == (0, "", "known.json lists 1 finding.\n")
    return tmp_path / "known.json"


def test_what_is_listed_is_passed_over(baseline: Path, torchlint: Torchlint) -> None:
    done = torchlint("--baseline", "known.json")
    assert (done.status, done.out) == (0, "")
    assert done.err == "No findings; 1 file checked; 1 more is in the baseline.\n"
    assert torchlint().codes == ["TL101"]


@pytest.mark.parametrize(
    "changed",
    [
        "# a comment\n\n\n" + PROGRAM,
        PROGRAM.replace("net(x), y)", "\n    net( x ),  # raw\n    y,\n)"),
        PROGRAM.replace("loss = ", "total = 1 + "),
        PROGRAM.replace("loss = ", "if torch.cuda.is_available() or 1:\n    loss = "),
        PROGRAM.replace("net = nn.Linear(8, 1)", "scale = 3\nnet = nn.Linear(8, 1)").replace("\n", "\r\n"),
    ],
)
def test_a_finding_that_moved_is_the_same(baseline: Path, torchlint: Torchlint, changed: str) -> None:
    (baseline.parent / "a.py").write_text(changed, newline="")
    assert torchlint().codes == ["TL101"]
    done = torchlint("--baseline", "known.json")
    assert (done.status, done.codes) == (0, [])
    assert "less than it lists" not in done.err


def test_a_new_finding_is_reported(baseline: Path, torchlint: Torchlint) -> None:
    (baseline.parent / "a.py").write_text(PROGRAM + "again = criterion(net(x), y)\n")
    done = torchlint("--baseline", "known.json")
    assert (done.status, done.codes) == (1, ["TL101"])
    assert done.out.startswith("a.py:8:")
    inside = "def f():\n    return criterion(net(x), y)\nf()\n"
    (baseline.parent / "a.py").write_text(PROGRAM + inside)
    assert torchlint("--baseline", "known.json").out.startswith("a.py:9:")
    (baseline.parent / "b.py").write_text(PROGRAM)
    assert "b.py:7:" in torchlint("--baseline", "known.json").out


def test_equal_findings_are_counted(baseline: Path, torchlint: Torchlint) -> None:
    (baseline.parent / "a.py").write_text(PROGRAM + "again = criterion(net(x), y)\n")
    torchlint("--write-baseline", "known.json")
    (row,) = json.loads(baseline.read_text())["findings"]
    assert (row["path"], row["code"], row["scope"], row["source"], row["count"]) == (
        "a.py",
        "TL101",
        "",
        "criterion(net(x),y)",
        2,
    )
    assert torchlint("--baseline", "known.json").codes == []
    (baseline.parent / "a.py").write_text(PROGRAM + 2 * "again = criterion(net(x), y)\n")
    assert torchlint("--baseline", "known.json").codes == ["TL101"]


def test_what_is_stale_is_told_and_dropped(baseline: Path, torchlint: Torchlint) -> None:
    (baseline.parent / "a.py").write_text(HEAD)
    done = torchlint("--baseline", "known.json")
    assert done.status == 0
    assert "warning: known.json: there is one finding less than it lists" in done.err
    assert torchlint("--baseline", "known.json", "--select", "TL2").err.count("less than") == 0
    torchlint("--write-baseline", "known.json")
    assert json.loads(baseline.read_text()) == {"version": 1, "findings": []}
    assert torchlint("--baseline", "known.json").err == "No findings; 1 file checked.\n"


def test_a_run_over_a_part_says_nothing_of_the_rest(baseline: Path, torchlint: Torchlint) -> None:
    (baseline.parent / "b.py").write_text(PROGRAM)
    torchlint("--write-baseline", "known.json")
    before = baseline.read_text()
    assert "less than" not in torchlint("--baseline", "known.json", "a.py").err
    torchlint("--write-baseline", "known.json", "a.py")
    assert baseline.read_text() == before
    torchlint("--write-baseline", "known.json", "--select", "TL2")
    assert baseline.read_text() == before
    (baseline.parent / "b.py").unlink()
    assert "less than" in torchlint("--baseline", "known.json", "a.py").err
    torchlint("--write-baseline", "known.json", "a.py")
    assert [row["path"] for row in json.loads(baseline.read_text())["findings"]] == ["a.py"]


def test_paths_start_in_the_baselines_folder(
    tmp_path: Path, torchlint: Torchlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "lint").mkdir()
    (tmp_path / "src" / "a.py").write_text(PROGRAM)
    (tmp_path / "torchlint.toml").write_text('baseline = "lint/known.json"\n')
    done = torchlint()
    assert (done.status, done.out) == (2, "")
    assert f"{tmp_path / 'torchlint.toml'}:1: `baseline` names no file: " in done.err
    torchlint("--write-baseline", "lint/known.json")
    assert json.loads((tmp_path / "lint" / "known.json").read_text())["findings"][0]["path"] == "../src/a.py"
    assert torchlint().status == 0
    assert torchlint("--isolated").status == 1
    monkeypatch.chdir(tmp_path / "src")
    assert torchlint(str(tmp_path)).status == 0
    assert torchlint("a.py").status == 0


def test_the_same_findings_make_the_same_baseline(baseline: Path, torchlint: Torchlint) -> None:
    (baseline.parent / "b.py").write_text(PROGRAM)
    torchlint("--write-baseline", "known.json", "b.py", "a.py")
    first = baseline.read_text()
    baseline.unlink()
    torchlint("--write-baseline", "known.json", ".")
    assert baseline.read_text() == first
    assert [line.strip()[:16] for line in first.splitlines() if "path" in line] == [
        '{"path": "a.py",',
        '{"path": "b.py",',
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "import torch\n",
        "[]",
        "{}",
        '{"version": 2, "findings": []}',
        '{"version": 1, "findings": [1]}',
        '{"version": 1, "findings": [{"path": "a.py", "code": "TL101"}]}',
        '{"version": 1, "findings": [{"path": "a.py", "code": "TL101", "fingerprint": "x", "count": -1}]}',
        "[" * 100_000,
        '{"version": 1, "findings": ["\x1b[31m',
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, torchlint: Torchlint, content: str) -> None:
    (tmp_path / "a.py").write_text(PROGRAM)
    (tmp_path / "known.json").write_text(content)
    done = torchlint("--baseline", "known.json")
    assert (done.status, done.out) == (2, "")
    assert "known.json" in done.err and "Traceback" not in done.err and "\x1b" not in done.err
    if content:  # nor is it written over
        assert torchlint("--write-baseline", "known.json").status == 2
        assert (tmp_path / "known.json").read_text() == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(PROGRAM)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "torchlint.toml").write_text('baseline = "pipe"\n')
    assert torchlint().status == 2


def test_where_nothing_can_be_written(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(PROGRAM)
    done = torchlint("--write-baseline", "no/such/folder.json")
    assert (done.status, done.out) == (2, "")
    assert "folder.json: cannot be written" in done.err


def test_internal_errors_are_not_listed(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(PROGRAM)
    (tmp_path / "ours" / "mine").mkdir(parents=True)
    (tmp_path / "ours" / "mine" / "fails.py").write_text(
        "from collections.abc import Iterator\nfrom torchlint.facts import LossCalled\n"
        "from torchlint.rule import Finding, Severity, rule\n"
        '@rule(code="TL999", name="fails", since="0.1.0", severity=Severity.ERROR)\n'
        "def fails(call: LossCalled) -> Iterator[Finding]:\n    raise ValueError\n"
    )
    done = torchlint("--rules-dir", "ours", "--write-baseline", "known.json", "a.py")
    assert done.status == 2
    assert "error: a.py:1:1: TL000 internal error: the rule `fails` failed" in done.err
    assert [row["code"] for row in json.loads((tmp_path / "known.json").read_text())["findings"]] == ["TL101"]


# --- comments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("loss = criterion(net(x), y)", "loss = criterion(net(x), y)  # noqa: TL101"),
        ("loss = criterion(net(x), y)  ", "loss = criterion(net(x), y)  # noqa: TL101"),
        ("loss = criterion(net(x), y)  # noqa: E501", "loss = criterion(net(x), y)  # noqa: E501, TL101"),
        ("loss = criterion(net(x), y)  # noqa:E501 why", "loss = criterion(net(x), y)  # noqa:E501, TL101 why"),
        (
            "loss = criterion(net(x), y)  # torchlint: ignore[TL122] why",
            "loss = criterion(net(x), y)  # torchlint: ignore[TL122, TL101] why",
        ),
        ("loss = criterion(net(x), y)  # the loss", "loss = criterion(net(x), y)  # the loss  # noqa: TL101"),
        (
            "loss = criterion(net(x), y)  # noqable",
            "loss = criterion(net(x), y)  # noqable  # torchlint: ignore[TL101]",
        ),
        ("loss = criterion(\n    net(x),\n    y,\n)", "loss = criterion(  # noqa: TL101\n    net(x),\n    y,\n)"),
        (
            "loss = 1 + \\\n    criterion(net(x), y) + \\\n    2",
            "loss = 1 + \\\n    criterion(net(x), y) + \\\n    2  # noqa: TL101",
        ),
        (
            "print(criterion(net(x), y), '''\n# noqa: TL1\n''')",
            "print(criterion(net(x), y), '''\n# noqa: TL1\n''')  # noqa: TL101",
        ),
        (
            "print('''\n''', criterion(net(x), y), f'''{\nx}\n\n'''\n)",
            "print('''\n''', criterion(net(x), y), f'''{\nx}\n\n'''  # noqa: TL101\n)",
        ),
        ("if 1: loss = criterion(net(x), y); pass", "if 1: loss = criterion(net(x), y); pass  # noqa: TL101"),
    ],
)
def test_comments_are_added(tmp_path: Path, torchlint: Torchlint, before: str, after: str) -> None:
    (tmp_path / "a.py").write_text(HEAD + before + "\n")
    done = torchlint("--add-noqa", "--ignore", "TL002,TL003")
    assert (done.status, done.out, done.err) == (0, "", "1 line in 1 file now has a comment.\n")
    assert (tmp_path / "a.py").read_text() == HEAD + after + "\n"
    done = torchlint("--ignore", "TL002,TL003")
    assert (done.status, done.out) == (0, "")


@pytest.mark.parametrize(("end", "last"), [("\r\n", "\r\n"), ("\r", "\r"), ("\n", ""), ("\r\n", "")])
def test_line_ends_are_kept(tmp_path: Path, torchlint: Torchlint, end: str, last: str) -> None:
    def content(loss: str) -> bytes:
        return (HEAD + loss).replace("\n", end).encode() + last.encode()

    (tmp_path / "a.py").write_bytes(content("print(criterion(net(x), y), '''\n\n''')"))
    torchlint("--add-noqa")
    assert (tmp_path / "a.py").read_bytes() == content("print(criterion(net(x), y), '''\n\n''')  # noqa: TL101")
    assert torchlint().status == 0


def test_codes_of_one_line_share_a_comment(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(HEAD + "a = criterion(net(x), y), criterion(net(x), y)  # noqa: TL998\n")
    assert torchlint().codes == ["TL101", "TL101", "TL003"]
    torchlint("--add-noqa")
    assert (tmp_path / "a.py").read_text().endswith("y)  # noqa: TL998, TL003, TL101\n")
    assert torchlint().codes == []


def test_a_comment_that_is_not_used_is_given_a_comment(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(HEAD + "a = 1  # noqa: TL101\n")
    assert torchlint().codes == ["TL002"]
    torchlint("--add-noqa")
    assert (tmp_path / "a.py").read_text() == HEAD + "a = 1  # noqa: TL101, TL002\n"
    assert torchlint().status == 0


def test_encoding_and_mode_are_kept(tmp_path: Path, torchlint: Torchlint) -> None:
    text = "# coding: latin-1\n" + PROGRAM + "é = 1\n"
    (tmp_path / "a.py").write_bytes(text.encode("latin-1"))
    (tmp_path / "a.py").chmod(0o751)
    (tmp_path / "b.py").write_bytes(b"\xef\xbb\xbf" + PROGRAM.encode())
    assert torchlint("--add-noqa").err == "2 lines in 2 files now have a comment.\n"
    commented = text.replace("net(x), y)", "net(x), y)  # noqa: TL101")
    assert (tmp_path / "a.py").read_bytes() == commented.encode("latin-1")
    assert (tmp_path / "a.py").stat().st_mode & 0o777 == 0o751
    assert (tmp_path / "b.py").read_bytes().startswith(b"\xef\xbb\xbfimport torch\n")
    assert torchlint().status == 0


def test_a_file_that_does_not_parse_is_left_alone(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(PROGRAM + "x = (\n")
    assert torchlint("--add-noqa").err == "0 lines in 0 files now have a comment.\n"
    assert (tmp_path / "a.py").read_text() == PROGRAM + "x = (\n"


def test_what_does_not_go_together(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(PROGRAM)
    assert torchlint("--add-noqa", "--write-baseline", "known.json").status == 2
    assert not (tmp_path / "known.json").exists()
    assert (tmp_path / "a.py").read_text() == PROGRAM


def notebook(*cells: str) -> str:
    """A notebook of these cells of code."""
    made = [
        {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": cell.splitlines(True)}
        for cell in cells
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def test_comments_in_notebooks(tmp_path: Path, torchlint: Torchlint) -> None:
    cells = [HEAD, "%matplotlib inline\nloss = criterion(net(x), y)", "print(criterion(\n    net(x), y))\n"]
    (tmp_path / "a.ipynb").write_text(notebook(*cells))
    assert [one["cell"] for one in json.loads(torchlint("--output-format", "json").out)] == [2, 3]
    assert torchlint("--add-noqa").err == "2 lines in 1 file now have a comment.\n"
    assert (tmp_path / "a.ipynb").read_text() == notebook(
        HEAD,
        "%matplotlib inline\nloss = criterion(net(x), y)  # noqa: TL101",
        "print(criterion(  # noqa: TL101\n    net(x), y))\n",
    )
    assert torchlint().status == 0


def test_what_is_unused_in_a_notebook_can_be_mended(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.ipynb").write_text(notebook(HEAD + "x = x  # noqa: E501, TL101\n"))
    (one,) = json.loads(torchlint("--output-format", "json").out)
    assert (one["code"], one["cell"], one["location"]["row"]) == ("TL002", 1, 7)
    assert one["fix"]["edits"][0]["location"] == {"row": 7, "column": 20}


def test_a_baseline_of_a_notebook(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.ipynb").write_text(notebook(HEAD, "loss = criterion(net(x), y)"))
    torchlint("--write-baseline", "known.json")
    (tmp_path / "a.ipynb").write_text(notebook(HEAD, "print(1)", "loss = 1 + criterion(\n    net(x), y)"))
    assert torchlint("--baseline", "known.json").out == ""


def test_markdown_gets_comments_in_its_fences(tmp_path: Path, torchlint: Torchlint) -> None:
    text = f"```python\n{PROGRAM}```\n"
    (tmp_path / "a.md").write_text(text)
    done = torchlint("--markdown", "--add-noqa")
    assert done.status == 0
    assert (tmp_path / "a.md").read_text().replace("  # noqa: TL101", "") == text
    assert torchlint("--markdown").status == 0


# --- fixes of comments -------------------------------------------------------------------------------------------


def test_comments_that_are_not_used_are_mended(tmp_path: Path, torchlint: Torchlint) -> None:
    used = PROGRAM.replace("net(x), y)", "net(x), y)  # noqa: E501, TL101")
    text = "# torchlint: ignore-file[TL2]\n" + used.replace("TL101", "TL101, TL107") + "# torchlint: off\n"
    (tmp_path / "a.py").write_text(text + "# torchlint: on\nz = 1  # torchlint: ignore[TL101] why\n")
    done = torchlint("--fix")
    assert (done.status, done.out) == (0, "")
    assert (tmp_path / "a.py").read_text() == used + "z = 1\n"


def test_a_run_over_a_part_takes_no_comment_away(tmp_path: Path, torchlint: Torchlint) -> None:
    text = PROGRAM.replace("net(x), y)", "net(x), y)  # noqa: TL101, TL107")
    (tmp_path / "a.py").write_text(text)
    (tmp_path / "b.py").write_text("import a\n")
    assert torchlint("--fix", "a.py").status == 0
    assert (tmp_path / "a.py").read_text() == text


def test_what_is_in_the_baseline_is_not_mended(tmp_path: Path, torchlint: Torchlint) -> None:
    (tmp_path / "a.py").write_text(PROGRAM)
    torchlint("--write-baseline", "known.json")
    torchlint("--baseline", "known.json", "--fix", "--unsafe-fixes")
    assert (tmp_path / "a.py").read_text() == PROGRAM
    torchlint("--fix", "--unsafe-fixes")
    assert (tmp_path / "a.py").read_text() != PROGRAM


@pytest.mark.parametrize("word", ["--fix", "--diff", "--fix-only"])
@pytest.mark.parametrize("words", [["--add-noqa"], ["--write-baseline", "known.json"]])
def test_findings_are_mended_or_taken_as_they_are(
    tmp_path: Path, torchlint: Torchlint, word: str, words: list[str]
) -> None:
    (tmp_path / "a.py").write_text(PROGRAM)
    done = torchlint(word, *words)
    assert (done.status, done.out) == (2, "")
    assert (tmp_path / "a.py").read_text() == PROGRAM and not (tmp_path / "known.json").exists()
