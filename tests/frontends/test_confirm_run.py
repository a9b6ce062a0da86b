"""What comes of ``--confirm``: marks, exit statuses, closing lines, and what is said where nothing can be run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frontends.confirming import (
    MEASURED,
    PROGRAM,
    PROOF,
    UNDECIDED,
    WITNESS,
    Process,
    Run,
    Torchlint,
    home,
    process,
    project,
    torchlint,
)
from torchlint.confirm import host

__all__ = ["home", "process", "project", "torchlint"]

ROOT = Path(__file__).parents[2]
BROKEN = "import torch\nfrom torch import nn\n\nnet = nn.Conv2d(3, 8, 3)\nnet(torch.rand(1, 4, 8, 8))\n"


@pytest.fixture
def three(project: Path) -> Path:
    """Three files with a finding each."""
    for name in ("a.py", "b.py"):
        (project / name).write_text(PROGRAM)
    return project


# --- marks, lines, statuses ----------------------------------------------------------------------------------------


def test_findings_keep_their_order_and_the_closing_line_counts(
    torchlint: Torchlint, process: Process, three: Path
) -> None:
    process.answers = [PROOF, UNDECIDED, WITNESS]
    done = torchlint("--confirm")
    marks = [(line.partition(":")[0], line.rpartition(" [")[2]) for line in done.out.splitlines()]
    assert marks == [("a.py", "refuted: proof]"), ("b.py", "inconclusive]"), ("train.py", "confirmed: witness]")]
    assert done.err.splitlines()[-1] == ("Confirmed 1, refuted 1, inconclusive 1 (torch 9.9.9, isolation strong).")
    assert done.status == 1
    assert torchlint("--confirm", "--quiet").err == ""


def test_the_text_of_a_verdict_is_evidence(torchlint: Torchlint, process: Process) -> None:
    out = torchlint("--confirm", "--output-format=full").out
    assert re.search(
        r"^ +\| .*\n +\| .*\n(.*\n)* +=(.*) confirmed \(witness\): .*min −0\.5, max 0\.25", out, re.MULTILINE
    )
    process.answers = [UNDECIDED]
    out = torchlint("--confirm", "--output-format=full").out
    assert "= inconclusive: the model raised an exception\n" in out
    assert "TOKEN" not in out


@pytest.mark.parametrize("choice", ["full", "json", "sarif", "github", "junit"])
def test_what_an_exception_said_is_in_no_file(
    torchlint: Torchlint, process: Process, project: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    process.answers = [UNDECIDED]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    torchlint("--confirm", "--output-format", choice, "--output-file", "out")
    written = (project / "out").read_text()
    assert "inconclusive" in written
    assert "TOKEN" not in written


@pytest.mark.parametrize(
    ("answer", "status", "trusting"),
    [(WITNESS, 1, 1), (UNDECIDED, 1, 1), (MEASURED, 1, 1), (PROOF, 1, 0), ({**PROOF, "grade": "exhaustive"}, 1, 0),
     ({**WITNESS, "grade": "proof"}, 1, 1)],
)  # fmt: skip
def test_exit_statuses(
    torchlint: Torchlint, process: Process, answer: dict[str, object], status: int, trusting: int
) -> None:
    process.answers = [answer]
    done = torchlint("--confirm")
    trusted = torchlint("--confirm", "--confirm-trust-refuted")
    assert (done.status, trusted.status) == (status, trusting)
    assert trusted.out == done.out
    assert "TL101" in trusted.out


def test_findings_that_count_beside_one_that_does_not(torchlint: Torchlint, process: Process, three: Path) -> None:
    process.answers = [PROOF, PROOF, MEASURED]
    assert torchlint("--confirm", "--confirm-trust-refuted").status == 1
    assert torchlint("--confirm", "--confirm-trust-refuted", "--exit-zero").status == 0


def test_an_answer_that_is_none_decides_nothing(torchlint: Torchlint, process: Process) -> None:
    for answer in ({"outcome": "refuted", "grade": "none", "reason": "bounded"}, {**PROOF, "numbers": {"low": "\x1b"}}):
        process.answers = [answer]
        done = torchlint("--confirm", "--confirm-trust-refuted")
        assert (done.status, done.out.rstrip().endswith("[inconclusive]")) == (1, True)


def test_what_was_found_is_printed_though_the_runs_are_interrupted(
    torchlint: Torchlint, process: Process, three: Path
) -> None:
    def run(job: object) -> None:
        raise KeyboardInterrupt

    process.run = run  # type: ignore[method-assign, assignment]
    done = torchlint("--confirm")
    assert done.status == 130
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["a.py", "b.py", "train.py"]


# --- which findings ------------------------------------------------------------------------------------------------


def test_a_clean_project_starts_nothing(torchlint: Torchlint, process: Process, project: Path) -> None:
    (project / "train.py").write_text("import torch\n")
    done = torchlint("--confirm")
    assert (done.status, done.err, process.started) == (0, "No findings; 1 file checked.\n", [])


def test_only_the_findings_of_some_rules(torchlint: Torchlint, process: Process, three: Path) -> None:
    for chosen, asked in (("TL1", 3), ("bce-on-logits", 3), ("TL2,TL3", 0), ("ALL", 3)):
        process.jobs.clear()
        torchlint("--confirm", "--confirm-select", chosen)
        assert len(process.jobs) == asked, chosen
    done = torchlint("--confirm", "--confirm-select", "bce-on-logit")
    assert done.status == 2
    assert "--confirm-select: no rule has the code or name 'bce-on-logit'; did you mean `bce-on-logits`?" in done.err


def test_findings_of_the_baseline_are_not_asked_about(torchlint: Torchlint, process: Process, three: Path) -> None:
    torchlint("--write-baseline", "known.json", "a.py")
    torchlint("--confirm", "--baseline", "known.json")
    assert len(process.jobs) == 2


def test_what_a_fix_leaves_is_asked_about(torchlint: Torchlint, process: Process, three: Path) -> None:
    (three / "b.py").write_text(PROGRAM.replace("nn.BCELoss()(net(torch.rand(4, 8)), ", "nn.BCELoss()(Net(8)(net.x), "))
    done = torchlint("--fix", "--confirm")
    assert "3 fixed" in done.err or "2 fixed" in done.err
    left = done.out.splitlines()
    assert len(process.jobs) == len(left)
    assert all(line.endswith("[confirmed: witness]") for line in left)
    torchlint("--fix-only", "--confirm")
    assert len(process.jobs) == len(left)


def test_each_project_has_a_process_of_its_own(
    torchlint: Torchlint, process: Process, project: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / ".git").mkdir(parents=True)
    (other / "sub").mkdir()
    (other / "sub" / "train.py").write_text(PROGRAM)
    torchlint("--confirm", ".", str(other))
    assert [folder for _, folder in process.started] == [str(other), str(project)]
    assert [sorted(job["files"]) for job in process.jobs] == [["sub/train.py"], ["train.py"]]
    assert [job["root"] for job in process.jobs] == [str(other), str(project)]


def test_the_users_home_is_no_project(
    torchlint: Torchlint, process: Process, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.parent / ".git").mkdir()
    (project / ".git").rmdir()
    inner = project.parent / "home" / "work"
    inner.mkdir()
    (inner / "train.py").write_text(PROGRAM)
    torchlint("--confirm", str(inner))
    assert [folder for _, folder in process.started] == [str(inner)]
    (inner.parent / "train.py").write_text(PROGRAM)
    done = torchlint("--confirm", str(inner.parent / "train.py"))
    assert (done.status, len(process.started)) == (1, 1)
    assert "nothing is run, since a run could read your whole home folder" in done.err
    assert "nothing is run" in torchlint("--confirm-explain", str(inner.parent / "train.py")).out


def test_texts_are_those_that_were_linted(torchlint: Torchlint, process: Process, project: Path) -> None:
    cell: dict[str, object] = {
        "cell_type": "code",
        "source": PROGRAM,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    first = {**cell, "source": "%matplotlib inline\nx = 1\n"}
    book = {
        "cells": [first, cell],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (project / "train.py").unlink()
    (project / "book.ipynb").write_text(json.dumps(book))
    done = torchlint("--confirm")
    assert done.out.startswith("book.ipynb:cell 2:16:8: TL101")
    assert done.out.rstrip().endswith("[confirmed: witness]")
    (job,) = process.jobs
    text = job["files"]["book.ipynb"].splitlines()
    (claim,) = job["claims"]
    rows = {text[place["start"]["row"] - 1] for place in claim["places"]}
    assert "net = Net(8)" in rows


# --- hints ---------------------------------------------------------------------------------------------------------


def test_hints_of_a_configuration_reach_the_run(torchlint: Torchlint, process: Process, project: Path) -> None:
    (project / "conf").mkdir()
    (project / "conf" / "base.toml").write_text(
        '[confirm.inputs]\n"../train.py:Net" = [[1, 8]]\n"../other.py:A.B" = [[2, 3], []]\n'
    )
    (project / "torchlint.toml").write_text(
        'extend = "conf/base.toml"\n[confirm.inputs]\n"train.py:Net" = [[4, 8]]\n'
        '[confirm.arguments]\n"train.py:Net" = {width = 8, name = "a", sizes = [1, [2.5]], deep = true}\n'
    )
    torchlint("--confirm")
    (job,) = process.jobs
    assert job["hints"] == {
        "inputs": {"train.py:Net": [[4, 8]], "other.py:A.B": [[2, 3], []]},
        "arguments": {"train.py:Net": {"width": 8, "name": "a", "sizes": [1, [2.5]], "deep": True}},
    }


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("inputs = 1", ":2: `confirm.inputs` must be a table of classes, not 1"),
        ("inputs.'Net' = [[1]]", ':2: `confirm.inputs` names no class as "file.py:Class" does: "Net"'),
        ("inputs.'a.py:Net' = [1, 2]", ':2: `confirm.inputs` for "a.py:Net" must be a list of shapes; 1 is none'),
        ("inputs.'a.py:Net' = []", "must be a list of shapes, one for each input"),
        ("inputs.'a.py:Net' = [[\n-1]]", "-1 is no size"),
        ("inputs.'a.py:Net' = [[true]]", "true is no size"),
        ("inputs.'a.py:Net' = [[2147483648]]", "is no size"),
        ("arguments.'a.py:Net' = [1]", '`confirm.arguments` for "a.py:Net" must be a table of arguments'),
        ("arguments.'a.py:Net'.x = {a = 1}", "has x, which is neither a number, a text, true, false nor a list"),
        ("arguments.'a.py:Net'.x = nan", "has x, which is neither"),
        ("arguments.'a.py:Net'.x = 2020-01-01", "has x, which is neither"),
        ("arguments.'a.py:Net'.'x()' = 1", 'has "x()", which is the name of no parameter'),
    ],
)
def test_hints_are_data_of_one_form(
    torchlint: Torchlint, process: Process, project: Path, said: str, told: str
) -> None:
    (project / "torchlint.toml").write_text(f"[confirm]\n{said}\n")
    done = torchlint("--confirm")
    assert (done.status, process.started) == (2, [])
    assert "torchlint.toml:2: `confirm." in done.err
    assert told in done.err, done.err


# --- where nothing can be run --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment, which has no torch."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def test_no_torch(torchlint: Torchlint, project: Path, without_torch: Path) -> None:
    done = torchlint("--confirm", "--confirm-python", str(without_torch))
    assert done.status == 2
    assert done.out.startswith("train.py:16:8: TL101")
    assert done.err.splitlines()[-1] == (
        f"torchlint: error: nothing was run: `{without_torch}` has no torch; install it there "
        f"(`{without_torch} -m pip install torch`), or name the Python of the project with --confirm-python"
    )
    assert torchlint("--confirm", "--confirm-python", str(without_torch), "--exit-zero").status == 2
    assert not (project / "written").exists()


def test_no_python(torchlint: Torchlint) -> None:
    done = torchlint("--confirm", "--confirm-python", "gone/python")
    assert done.status == 2
    assert "gone/python` is no Python that runs" in done.err


def test_isolation_that_is_not_there_is_named_with_the_way_to_do_without(torchlint: Torchlint) -> None:
    interpreter = host.Interpreter(sys.executable, (3, 11), "9.9.9", False)
    for level, wanted, named in (
        (host.Level.BASIC, "strong", True),
        (host.Level.NONE, "strong", False),
        (host.Level.NONE, "basic", False),
    ):
        refused = host.Refused("a job can read a secret", level, ("read a secret",))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(host, "find_interpreter", lambda *unused: interpreter)
            patch.setattr(host.Host, "start", lambda *unused, refused=refused: refused)
            done = torchlint("--confirm", f"--confirm-isolation={wanted}")
        assert done.status == 2
        assert done.out.startswith("train.py:16:8: TL101")
        assert "torchlint: error: nothing was run: a job can read a secret" in done.err
        assert ("--confirm-isolation=basic" in done.err) == named


# --- what would be run ---------------------------------------------------------------------------------------------


def explained(torchlint: Torchlint, *words: str) -> Run:
    return torchlint("--confirm-explain", *words)


def test_explaining_shows_the_slice_and_runs_nothing(
    torchlint: Torchlint, process: Process, project: Path, without_torch: Path
) -> None:
    for words in ((), ("--confirm",), ("--confirm-python", str(without_torch))):
        done = explained(torchlint, *words)
        assert done.status == 1
        assert process.started == []
        assert not (project / "written").exists()
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[0].startswith("train.py:16:8: TL101 `BCELoss` expects probabilities")
    assert lines[1:5] == [
        "check: outside-range (low 0, high 1)",
        "model: Net, constructed at train.py:14:7",
        "arguments: width = 8",
        "input: float32[4, 8] in [0, 1]",
    ]
    assert "5  class Net(nn.Module):" in lines
    assert "14  Net(8)" in lines
    assert "written" not in done.out
    assert done.err == ""


def test_explaining_follows_imports_and_hints(torchlint: Torchlint, project: Path) -> None:
    head, _, tail = PROGRAM.partition("\n\nnet = ")
    (project / "net.py").write_text(f"{head}\n\nopen('written', 'w')\nraise SystemExit(3)\n")
    (project / "train.py").write_text(f"import torch\nfrom torch import nn\nfrom net import Net\n\nnet = {tail}")
    (project / "torchlint.toml").write_text('[confirm.inputs]\n"net.py:Net" = [[2, 8]]\n')
    done = explained(torchlint)
    assert "# net.py\n" in done.out
    assert "# train.py\n" in done.out
    assert "shapes of its inputs, by configuration: [2, 8]\n" in done.out
    assert "SystemExit" not in done.out
    assert not (project / "written").exists()


def test_explaining_says_where_nothing_is_run(torchlint: Torchlint, project: Path) -> None:
    assert "no run is asked about this rule\n" in explained(torchlint, "--confirm-select=TL3").out
    (project / "torchlint.toml").write_text("confirm.enabled = false\n")
    assert "nothing is run: `confirm.enabled` is false\n" in explained(torchlint).out


def test_explained_text_drives_no_terminal(torchlint: Torchlint, project: Path) -> None:
    (project / "train.py").write_text(PROGRAM.replace("super()", "'\\x1b[2J\u202e'; super()"))
    assert not [letter for letter in explained(torchlint).out if not letter.isprintable() and letter != "\n"]


def test_explaining_a_model_that_is_not_there(torchlint: Torchlint, project: Path) -> None:
    (project / "train.py").write_text(BROKEN)
    done = explained(torchlint)
    assert done.status == 1
    assert done.out.startswith("train.py:5:1: TL301")


# --- values of options ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["", "0", "4X", "-1", "G", "1.5G", "9999999999T"])
def test_no_amount_of_memory(torchlint: Torchlint, size: str) -> None:
    done = torchlint("--confirm", f"--confirm-memory={size}")
    assert done.status == 2
    assert "is no amount of memory" in done.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "ten", "1e9"])
def test_no_number_of_seconds(torchlint: Torchlint, seconds: str) -> None:
    done = torchlint("--confirm", f"--confirm-cpu={seconds}")
    assert done.status == 2
    assert "is no number of seconds" in done.err


@pytest.mark.parametrize(("size", "amount"), [("512M", 512 << 20), ("4g", 4 << 30), ("4GiB", 4 << 30), ("9", 9)])
def test_amounts_of_memory(torchlint: Torchlint, process: Process, size: str, amount: int) -> None:
    torchlint("--confirm", "--confirm-memory", size)
    assert process.started[0][0].memory == amount
