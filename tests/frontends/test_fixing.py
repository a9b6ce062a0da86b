"""Fixes as a user has them made: files in, files out, and what is said of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.frontends.test_cli import BAD, GOOD, RAISING
from torchlint.frontends import fixing
from torchlint.frontends.cli import main

ROOT = Path(__file__).parents[2]
UNSAFE = """\
import torch
from torch import nn

net = nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())
criterion = nn.MSELoss()


def loss_of(x, y):
    return criterion(net(x), y)


print(loss_of(torch.rand(4, 8), (torch.rand(4, 1) > 0.5).float()))
"""
UNSAFE_FIXED = UNSAFE.replace("MSELoss", "BCELoss")
CLEAN = "import torch\n\nprint(torch.zeros(3))\n"


@dataclass
class Done:
    """Exit status, standard output and standard error of a run."""

    status: int
    out: bytes
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs torchlint in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Done:
        status = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = capfdbinary.readouterr()
        return Done(status, out, err.decode())

    return run


def in_a_process(*words: str, cwd: Path, stdin: bytes = b"") -> Done:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "torchlint", *words]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, env=environment)
    return Done(done.returncode, done.stdout, done.stderr.decode())


def test_safe_fixes_are_made_and_the_rest_is_reported(tmp_path: Path, run: Run) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(UNSAFE)
    done = run("--fix")
    assert done.status == 1
    assert done.out.decode().startswith("b.py:9:12: TL107 `MSELoss`") and done.out.count(b"\n") == 1
    assert (
        "Found 1 error, 1 warning (1 fixed, 1 remaining); 2 files checked.\n1 fixable with `--unsafe-fixes`.\n"
        in done.err
    )
    assert Path("a.py").read_text() == GOOD
    assert Path("b.py").read_text() == UNSAFE
    done = run("--fix", "--unsafe-fixes")
    assert (done.status, done.out) == (0, b"")
    assert done.err == "Found 1 warning (1 fixed, 0 remaining); 2 files checked.\n"
    assert Path("b.py").read_text() == UNSAFE_FIXED
    assert run("--fix", "--unsafe-fixes").err == "No findings; 2 files checked.\n"
    assert sorted(os.listdir()) == ["a.py", "b.py"]


def test_what_is_fixable_is_marked_and_counted(run: Run) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(UNSAFE)
    done = run()
    assert [line.split()[1:3] for line in done.out.decode().splitlines()] == [["TL101", "[*]"], ["TL107", "`MSELoss`"]]
    assert done.err.endswith("[*] 1 fixable with `--fix` (1 more with `--unsafe-fixes`).\n")
    done = run("--unsafe-fixes", "--output-format", "full")
    assert done.out.count(b"]: [*] ") == 2
    assert done.err.endswith("[*] 2 fixable with `--fix`.\n")


def test_a_file_without_findings_is_not_touched(run: Run) -> None:
    Path("a.py").write_text(CLEAN)
    before = os.stat("a.py")
    assert run("--fix").status == 0
    after = os.stat("a.py")
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_diff_writes_nothing_and_can_be_applied(tmp_path: Path, run: Run) -> None:
    latin = ("# coding: latin-1\n# für\n" + BAD).replace("\n", "\r\n").encode("latin-1").removesuffix(b"\r\n")
    Path("a.py").write_bytes(latin)
    Path("inner").mkdir()
    Path("inner", "b.py").write_text(UNSAFE)
    Path("inner", "c d.py").write_text(UNSAFE)
    done = run("--diff")
    assert done.status == 1
    assert done.err == "Would fix 1 finding.\n2 fixable with `--unsafe-fixes`.\n"
    assert b"inner" not in done.out
    assert Path("a.py").read_bytes() == latin
    done = run("--diff", "--unsafe-fixes", "--quiet")
    assert (done.status, done.err) == (1, "")
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path, copy)
    subprocess.run(["git", "apply", "-p0"], cwd=copy, input=done.out, check=True)
    assert b"+++ inner/b.py\n" in done.out
    assert b"+++ inner/c d.py\t\n" in done.out  # as `patch` wants a name with a space
    run("--fix", "--unsafe-fixes", "a.py", "inner")
    assert (copy / "a.py").read_bytes() == Path("a.py").read_bytes() == latin.replace(b"BCELoss", b"BCEWithLogitsLoss")
    assert (copy / "inner" / "c d.py").read_text() == UNSAFE_FIXED
    assert (copy / "inner" / "b.py").read_text() == Path("inner", "b.py").read_text() == UNSAFE_FIXED
    done = run("--diff", "a.py")
    assert (done.status, done.out, done.err) == (0, b"", "")


def test_a_diff_in_colour_is_safe_to_look_at(run: Run) -> None:
    Path("a.py").write_text(BAD.replace("nn.BCELoss()", "nn.BCELoss()  # \x1b[2J"))
    done = run("--diff", "--color", "always")
    assert b"\x1b[31m-criterion = nn.BCELoss()  # \\x1b[2J\x1b[0m\n" in done.out
    assert b"\x1b[32m+criterion = nn.BCEWithLogitsLoss()  # \\x1b[2J\x1b[0m\n" in done.out


def test_fix_only_says_nothing_of_the_rest(run: Run) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(UNSAFE)
    done = run("--fix-only")
    assert (done.status, done.out, done.err) == (0, b"", "Fixed 1 finding.\n1 fixable with `--unsafe-fixes`.\n")
    assert Path("a.py").read_text() == GOOD


@pytest.mark.parametrize("words", [["--diff"], ["--fix-only"], ["--diff", "--quiet"]])
def test_what_could_not_be_judged_is_told_where_no_findings_are(run: Run, words: list[str]) -> None:
    Path("a.py").write_text(BAD)
    Path("ours").mkdir()
    Path("ours", "raises.py").write_text(RAISING)
    done = run("--rules-dir", "ours", *words, "a.py")
    assert done.status == 2
    assert "error: a.py:1:1: TL000 internal error: the rule `raises-always` failed" in done.err


@pytest.mark.parametrize("flag", ["--fix", "--fix-only"])
def test_exit_non_zero_on_fix(run: Run, flag: str) -> None:
    Path("a.py").write_text(BAD)
    assert run(flag, "--exit-non-zero-on-fix").status == 1
    assert run(flag, "--exit-non-zero-on-fix").status == 0
    Path("a.py").write_text(BAD)
    assert run(flag, "--exit-non-zero-on-fix", "--exit-zero").status == 0


def test_the_configuration_asks_for_fixes_and_the_command_line_has_the_last_word(run: Run) -> None:
    Path("torchlint.toml").write_text("fix = true\nunsafe-fixes = true\n")
    Path("a.py").write_text(UNSAFE)
    assert run("--no-fix").status == 1
    assert run("--no-unsafe-fixes").status == 1
    assert run("--isolated").status == 1
    assert Path("a.py").read_text() == UNSAFE
    assert run().status == 0
    assert Path("a.py").read_text() == UNSAFE_FIXED


@pytest.mark.parametrize("keys", ['unfixable = ["TL1"]', 'fixable = ["TL2"]', 'unfixable = ["bce-on-logits"]'])
def test_rules_whose_fixes_are_not_wanted(run: Run, keys: str) -> None:
    Path("torchlint.toml").write_text(keys + "\n")
    Path("a.py").write_text(BAD)
    done = run("--fix", "--unsafe-fixes")
    assert done.status == 1 and b"[*]" not in done.out
    assert "(0 fixed, 1 remaining)" in done.err
    assert Path("a.py").read_text() == BAD
    assert run("--fix", "--config", "fixable = ['ALL']", "--config", "unfixable = ['TL2']").status == 0


def test_a_word_among_the_fixable_that_means_no_rule(run: Run) -> None:
    Path("torchlint.toml").write_text('unfixable = ["bce-on-logit"]\n')
    assert run("--fix").status == 2


def test_standard_input_is_mended_on_standard_output(tmp_path: Path) -> None:
    done = in_a_process("--fix", "-", cwd=tmp_path, stdin=UNSAFE.encode())
    assert (done.status, done.out) == (1, UNSAFE.encode())
    assert done.err.startswith("-:9:12: TL107 ")
    done = in_a_process("--fix", "--unsafe-fixes", "--stdin-filename", "a.py", "-", cwd=tmp_path, stdin=UNSAFE.encode())
    assert (done.status, done.out) == (0, UNSAFE_FIXED.encode())
    assert os.listdir(tmp_path) == []
    done = in_a_process("--diff", "-q", "-", cwd=tmp_path, stdin=BAD.encode())
    assert done.status == 1 and done.out.startswith(b"--- -\n+++ -\n@@ ")


def test_excluded_text_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "a.py").write_text(BAD)
    words = ("--fix", "-q", "--force-exclude", "--stdin-filename", "build/a.py", "-")
    done = in_a_process(*words, cwd=tmp_path, stdin=BAD.encode())
    assert (done.status, done.out, done.err) == (0, BAD.encode(), "")


def test_a_file_that_does_not_parse_hinders_no_other(run: Run) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text("import torch\nx = (\n")
    assert run("--fix").status == 1
    assert Path("a.py").read_text() == GOOD


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(BAD.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(BAD.replace("\n", "\r").encode(), id="CR"),
        pytest.param(BAD.replace("\n", "\r\n", 9).replace("\n\n", "\n\r", 1).encode(), id="mixed"),
        pytest.param(BAD.removesuffix("\n").encode(), id="no end"),
        pytest.param(b"\xef\xbb\xbf" + BAD.encode(), id="BOM"),
        pytest.param(("# -*- coding: cp1251 -*-\n# модель\n" + BAD).encode("cp1251"), id="PEP 263"),
        pytest.param(
            BAD.replace("\n\n\n", "\n\n\f\n").replace("    def forward", "\f    def forward").encode(), id="FF"
        ),
        pytest.param(BAD.replace("    ", "\t").encode(), id="tabs"),
    ],
)
def test_encoding_and_line_ends_stay(run: Run, content: bytes) -> None:
    Path("a.py").write_bytes(content)
    assert run("--fix").status == 0
    assert Path("a.py").read_bytes() == content.replace(b"BCELoss", b"BCEWithLogitsLoss")


MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return torch.softmax(self.head(x), dim=1)
"""
TRAIN = """\
import torch
from torch import nn

from model import Net

net = Net()
criterion = nn.CrossEntropyLoss()


def loss_of(x, y):
    return criterion(net(x), y)


print(loss_of(torch.rand(4, 8), torch.zeros(4).long()))
"""


def test_a_fix_stays_among_the_linted_files(run: Run) -> None:
    Path("model.py").write_text(MODEL)
    Path("train.py").write_text(TRAIN)
    run("--fix", "--unsafe-fixes", "train.py")
    assert Path("model.py").read_text() == MODEL


def test_a_fix_may_be_in_another_file_than_its_finding(run: Run) -> None:
    Path("model.py").write_text(MODEL)
    Path("train.py").write_text(TRAIN)
    done = run("--fix", "--unsafe-fixes")
    assert (done.status, done.err) == (0, "Found 1 error (1 fixed, 0 remaining); 2 files checked.\n")
    assert Path("model.py").read_text() == MODEL.replace("torch.softmax(self.head(x), dim=1)", "self.head(x)")
    assert Path("train.py").read_text() == TRAIN


def test_a_fix_that_would_bring_a_finding_is_taken_back_and_the_others_stay(run: Run) -> None:
    spoiled = BAD + "\n\ndef guess(x):\n    return net(x) > 0.5\n"
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(spoiled)
    Path("c.py").write_text(UNSAFE)
    done = run("--fix", "--unsafe-fixes")
    assert done.status == 1
    assert [Path(name).read_text() for name in ("a.py", "b.py", "c.py")] == [GOOD, spoiled, UNSAFE_FIXED]
    assert done.out.startswith(b"b.py:19:12: TL101") and done.out.count(b"\n") == 1
    assert "warning: b.py:19: TL101 is not fixed" in done.err and "(2 fixed, 1 remaining)" in done.err


def test_a_file_that_has_changed_meanwhile_is_left_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(BAD)
    made = fixing.mend  # type: ignore[attr-defined]

    def slow(*words: object) -> object:
        mended = made(*words)  # type: ignore[arg-type]
        Path("a.py").write_text("# mine\n" + BAD)
        return mended

    monkeypatch.setattr(fixing, "mend", slow)
    done = run("--fix")
    assert done.status == 1
    assert "warning: a.py: not fixed" in done.err and "(1 fixed, 1 remaining)" in done.err
    assert done.out.startswith(b"a.py:20:12: TL101")
    assert Path("a.py").read_text() == "# mine\n" + BAD
    assert Path("b.py").read_text() == GOOD


def test_a_read_only_file_is_an_error(run: Run) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(BAD)
    os.chmod("a.py", 0o444)
    done = run("--fix")
    assert done.status == 2
    assert "torchlint: error: a.py: cannot be written: the file is read-only\n" in done.err
    assert done.out.startswith(b"a.py:19:12: TL101")
    assert (Path("a.py").read_text(), Path("b.py").read_text()) == (BAD, GOOD)
    assert sorted(os.listdir()) == ["a.py", "b.py"]


def test_a_file_by_two_names(run: Run) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").symlink_to("a.py")
    assert run("--fix").status == 0
    assert Path("a.py").read_text() == GOOD and Path("b.py").is_symlink()


MARKDOWN = """\
* Use

  ```python
  import torch
  from torch import nn

  criterion = nn.BCELoss()
  print(criterion(nn.Linear(8, 1)(torch.rand(4, 8)), torch.rand(4, 1)))
  ```
"""


def test_notebooks_and_fences_are_mended_where_they_stand(run: Run) -> None:
    notebook = (ROOT / "fixtures" / "notebooks" / "leaves.ipynb").read_bytes()
    Path("leaves.ipynb").write_bytes(notebook)
    Path("notes.md").write_text(MARKDOWN)
    done = run("--markdown", "--fix")
    assert (done.status, done.err) == (0, "Found 2 errors (2 fixed, 0 remaining); 2 files checked.\n")
    new = notebook.replace(b"binary_cross_entropy(net", b"binary_cross_entropy_with_logits(net")
    assert new != notebook and Path("leaves.ipynb").read_bytes() == new
    assert Path("notes.md").read_text() == MARKDOWN.replace("BCELoss", "BCEWithLogitsLoss")


def test_what_a_baseline_lists_is_not_mended(run: Run) -> None:
    Path("a.py").write_text(BAD)
    assert run("--write-baseline", "known.json").status == 0
    Path("b.py").write_text(BAD)
    assert run("--baseline", "known.json", "--fix").status == 0
    assert Path("a.py").read_text() == BAD and Path("b.py").read_text() == GOOD


def test_what_a_comment_takes_back_is_not_mended(run: Run) -> None:
    text = BAD.replace("criterion(net(x), y)", "criterion(net(x), y)  # noqa: TL101")
    Path("a.py").write_text(text)
    assert run("--fix").status == 0
    assert Path("a.py").read_text() == text


def test_a_fixing_run_is_made_anew_each_time(run: Run) -> None:
    for _ in range(2):
        Path("a.py").write_text(BAD)
        assert "(1 fixed, 0 remaining)" in run("--fix").err
        assert Path("a.py").read_text() == GOOD
    Path("a.py").write_text(BAD)
    assert run("--diff").out == run("--diff").out != b""


def test_a_link_out_of_what_was_given_is_not_followed(tmp_path: Path, run: Run) -> None:
    Path("project").mkdir()
    Path("secret.py").write_text(BAD)
    Path("project", "a.py").symlink_to(Path("..", "secret.py"))
    done = run("--fix", "project")
    assert done.status == 1 and "warning: project/a.py: not fixed, since it is a link" in done.err
    assert Path("secret.py").read_text() == BAD
    assert run("--fix", "project/a.py").status == 0  # named by its own name
    assert Path("secret.py").read_text() == GOOD
