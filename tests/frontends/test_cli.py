"""The command line as a user meets it: in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BAD = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(x)


net = Net()
criterion = nn.BCELoss()


def loss_of(x, y):
    return criterion(net(x), y)


print(loss_of(torch.rand(4, 8), torch.rand(4, 1)))
"""
GOOD = BAD.replace("nn.BCELoss", "nn.BCEWithLogitsLoss")
RAISING = """
from collections.abc import Iterator
from torchlint.facts import LossCalled
from torchlint.rule import Finding, Severity, rule

@rule(code="TL999", name="raises-always", since="0.1.0", severity=Severity.ERROR)
def raises_always(call: LossCalled) -> Iterator[Finding]:
    raise ZeroDivisionError("on purpose")
"""


def torchlint(
    *words: str, cwd: Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if "COLOR" not in key}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **(env or {})}
    done = subprocess.run(
        [sys.executable, "-m", "torchlint", *words], cwd=cwd, input=stdin, capture_output=True, env=environment
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text(GOOD)
    return tmp_path


def codes(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.split()[1] for line in done.stdout.splitlines()]


def test_findings_on_stdout_the_rest_on_stderr(project: Path) -> None:
    done = torchlint(cwd=project)
    assert done.returncode == 1
    assert done.stdout.startswith("bad.py:19:12: TL101 ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == "Found 1 error; 2 files checked.\n[*] 1 fixable with `--fix`.\n"


def test_clean(project: Path) -> None:
    done = torchlint("check", "good.py", cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "No findings; 1 file checked.\n")


def test_paths_are_shown_as_they_were_given(project: Path) -> None:
    assert torchlint(str(project / "bad.py"), cwd=project).stdout.startswith(str(project / "bad.py") + ":19:")


def test_exit_zero(project: Path) -> None:
    done = torchlint("--exit-zero", cwd=project)
    assert done.returncode == 0
    assert codes(done) == ["TL101"]


def test_quiet(project: Path) -> None:
    assert torchlint("--quiet", cwd=project).stderr == ""


def test_statistics_go_to_stderr(project: Path) -> None:
    done = torchlint("--statistics", "--quiet", cwd=project)
    assert codes(done) == ["TL101"]
    assert "loss calls" in done.stderr


def test_missing_path(project: Path) -> None:
    done = torchlint("bad.py", "gone.py", "nor_this", cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "torchlint: error: no such file or folder: gone.py, nor_this\n"


def test_no_files(tmp_path: Path) -> None:
    done = torchlint(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "warning: no Python files found" in done.stderr


def test_standard_input(project: Path) -> None:
    done = torchlint("-", "--stdin-filename", "sub/name.py", cwd=project, stdin=BAD.encode())
    assert done.returncode == 1
    assert done.stdout.startswith("sub/name.py:19:12: TL101 ")
    assert torchlint("-", cwd=project, stdin=BAD.encode()).stdout.startswith("-:19:12: TL101 ")
    assert torchlint("-", cwd=project, stdin=GOOD.encode()).returncode == 0
    assert torchlint("-", "bad.py", cwd=project).returncode == 2


def test_windows_line_ends(project: Path) -> None:
    done = torchlint("-", "--output-format", "full", cwd=project, stdin=BAD.replace("\n", "\r\n").encode())
    assert "-:19:12" in done.stdout
    assert "\r" not in done.stdout


def test_json(project: Path) -> None:
    (one,) = json.loads(torchlint("--output-format", "json", cwd=project).stdout)
    assert (one["code"], one["name"], one["filename"]) == ("TL101", "bce-on-logits", "bad.py")
    assert one["location"] == {"row": 19, "column": 12}
    assert one["trail"]
    assert torchlint("--output-format", "json", "good.py", cwd=project).stdout == "[]\n"


def test_syntax_error(project: Path) -> None:
    (project / "broken.py").write_text("import torch\nx = (1,\n")
    done = torchlint("broken.py", "good.py", cwd=project)
    assert done.returncode == 1
    assert codes(done) == ["TL001"]
    assert torchlint("--ignore", "TL001", "broken.py", cwd=project).returncode == 0


@pytest.mark.parametrize("comment", ["# torchlint: ignore[TL101] on purpose", "# noqa: TL101", "# noqa"])
def test_suppression(project: Path, comment: str) -> None:
    (project / "bad.py").write_text(BAD.replace("net(x), y)", f"net(x), y)  {comment}"))
    assert torchlint(cwd=project).returncode == 0


def test_selection(project: Path) -> None:
    assert torchlint("--select", "TL2", cwd=project).returncode == 0
    assert torchlint("--select", "TL2,bce-on-logits", cwd=project).returncode == 1
    assert torchlint("--ignore", "TL1", cwd=project).returncode == 0
    assert torchlint("--select", "TL2", "--extend-select", "TL101", cwd=project).returncode == 1


def test_selectors_that_mean_no_rule(project: Path) -> None:
    done = torchlint("--extend-select", "TL998", "good.py", cwd=project)
    assert done.returncode == 0
    assert "warning: no rule has the code TL998" in done.stderr
    done = torchlint("--ignore", "no-such-rule", cwd=project)
    assert done.returncode == 2
    assert "'no-such-rule'" in done.stderr


def test_configuration(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.torchlint]\nignore = ["TL101"]\n')
    assert torchlint(cwd=project).returncode == 0
    assert torchlint("--isolated", cwd=project).returncode == 1
    assert torchlint("--select", "TL101", cwd=project).returncode == 1
    assert torchlint("--config", "ignore=[]", cwd=project).returncode == 1
    (project / "other.toml").write_text('exclude = ["bad.py"]\nignore = []\n')
    assert torchlint("--config", "other.toml", cwd=project).returncode == 0


def test_each_file_under_its_nearest_configuration(project: Path) -> None:
    for name in ("one", "two"):
        (project / name).mkdir()
        (project / name / "net.py").write_text(BAD)
    (project / "one" / "torchlint.toml").write_text('ignore = ["TL101"]\n')
    done = torchlint("one", "two", cwd=project)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [os.path.join("two", "net.py")]


def test_bad_configuration(project: Path) -> None:
    (project / "torchlint.toml").write_text("ignroe = []\n")
    done = torchlint(cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown key `ignroe`" in done.stderr
    assert torchlint("--config", "x=", "--isolated", cwd=project).returncode == 2


def test_contracts_of_the_users(project: Path) -> None:
    (project / "torchlint.toml").write_text('contracts = ["ours"]\n')
    done = torchlint(cwd=project)
    assert done.returncode == 2
    assert "torchlint.toml:1: `contracts` names no file or folder: " in done.stderr
    assert done.stderr.endswith("ours\n")
    (project / "ours").mkdir()
    assert torchlint(cwd=project).returncode == 2
    (project / "ours" / "table.toml").write_text("[[nonsense]]\nname = 1\n")
    done = torchlint(cwd=project)
    assert done.returncode == 2
    assert "table.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_exclusion(project: Path) -> None:
    assert torchlint("--exclude", "bad.py", cwd=project).returncode == 0
    assert torchlint("--exclude", "bad.py", "bad.py", cwd=project).returncode == 1
    assert torchlint("--exclude", "bad.py", "--force-exclude", "bad.py", cwd=project).returncode == 0
    (project / "sub").mkdir()
    (project / "sub" / "bad.py").write_text(BAD)
    (project / "torchlint.toml").write_text('exclude = ["/bad.py"]\n')
    assert torchlint(cwd=project / "sub").returncode == 1
    assert [line.split(":")[0] for line in torchlint(cwd=project).stdout.splitlines()] == [
        os.path.join("sub", "bad.py")
    ]


def test_exclusion_starts_from_the_configurations_folder(project: Path) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "bad.py").write_text(BAD)
    (project / "torchlint.toml").write_text('exclude = ["/sub/*.py"]\n')
    assert torchlint(cwd=project / "sub").returncode == 0


def test_colour(project: Path) -> None:
    assert "\x1b[" not in torchlint(cwd=project).stdout
    assert "\x1b[" in torchlint("--color", "always", cwd=project).stdout
    assert "\x1b[" in torchlint(cwd=project, env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b[" in torchlint(cwd=project, env={"CLICOLOR_FORCE": "1"}).stdout
    assert "\x1b[" not in torchlint(cwd=project, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    assert "\x1b[" in torchlint("--color", "always", cwd=project, env={"NO_COLOR": "1"}).stdout


def test_full_frame(project: Path) -> None:
    done = torchlint("--output-format", "full", cwd=project)
    assert "19 |     return criterion(net(x), y)\n" in done.stdout
    assert "^^^^^^^^^^^^^^^^^^^^" in done.stdout
    assert "how it comes to this" in done.stdout


def test_a_rule_that_raises_is_an_internal_error(project: Path) -> None:
    (project / "ours" / "mine").mkdir(parents=True)
    (project / "ours" / "mine" / "raises_always.py").write_text(RAISING)
    done = torchlint("--rules-dir", "ours", "bad.py", cwd=project)
    assert done.returncode == 2
    assert codes(done) == ["TL000", "TL101"]
    assert "ZeroDivisionError: on purpose" in done.stdout
    assert "TL999  raises-always" in torchlint("rules", "--rules-dir", "ours", cwd=project).stdout


def test_a_rule_file_that_does_not_load_is_an_error(project: Path) -> None:
    (project / "ours").mkdir()
    (project / "ours" / "wrong.py").write_text("import nothing_of_this_name")
    done = torchlint("--rules-dir", "ours", "bad.py", cwd=project)
    assert done.returncode == 2
    assert codes(done) == ["TL101"]
    assert "wrong.py: ModuleNotFoundError" in done.stderr


def test_rules(tmp_path: Path) -> None:
    done = torchlint("rules", cwd=tmp_path)
    assert done.returncode == 0
    assert "TL000  internal-error" in done.stdout
    assert "TL101  bce-on-logits" in done.stdout


@pytest.mark.parametrize("wanted", ["TL101", "bce-on-logits"])
def test_explain(tmp_path: Path, wanted: str) -> None:
    done = torchlint("explain", wanted, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("# bce-on-logits (TL101)\n")


def test_explain_the_tools_own_codes_and_strangers(tmp_path: Path) -> None:
    assert torchlint("explain", "TL001", cwd=tmp_path).stdout.startswith("# syntax-error (TL001)\n")
    assert torchlint("explain", "TL998", cwd=tmp_path).returncode == 2


def test_reveal(project: Path) -> None:
    done = torchlint("reveal", "bad.py:19", cwd=project)
    assert done.returncode == 0
    assert done.stdout
    assert all(line.startswith("bad.py:19: ") for line in done.stdout.splitlines())
    assert torchlint("reveal", "gone.py:1", cwd=project).returncode == 2


def test_version(tmp_path: Path) -> None:
    done = torchlint("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"torchlint \d+\.\d+\.\d+ \(libcst [\d.]+, CPython [\d.]+\)\n", done.stdout)


def test_version_imports_next_to_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "torchlint", "--version"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint({"libcst", "msgspec", "pathspec", "rich", "torchlint.config", "torchlint.engine"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--no-such-flag-at-all"], "unrecognized arguments: --no-such-flag-at-all\n"),
        (["--ouput-format", "json"], "did you mean --output-format?"),
        (["--extend-ignores=TL1"], "did you mean --extend-ignore?"),
        (["--no-cac"], "did you mean --no-cache?"),
        (["--unsafe"], "unrecognized arguments: --unsafe"),
        (["--output-format", "sarf"], "'sarif'"),
        (["--jobs", "many"], "'many' is no number of processes"),
        (["--jobs", "-1"], "--jobs"),
        (["--select", ""], "argument --select: no rule is named"),
        (["--select", ","], "argument --select: no rule is named"),
        (["--baseline", ""], 'error: --baseline must be the path of a file, not ""'),
        (["--write-baseline", " "], "argument --write-baseline: no file is named"),
        (["--output-file", ""], "argument --output-file: no file is named"),
        (["config", "--baseline", ""], 'error: --baseline must be the path of a file, not ""'),
        (["--config", "baseline=''"], "`baseline` must be the path of a file"),
        (["--per-file-ignores", "TL101"], "'TL101' is not PATTERN:RULE"),
        (["--select", "tl101"], "did you mean `TL101`?"),
        (["--config", "selct=['TL1']"], "did you mean `select`?"),
        (["expalin", "TL101"], "did you mean the command `torchlint explain`?"),
        (["explain", "tl101"], "did you mean `TL101`?"),
        (["explain", "bce_on_logit"], "did you mean `bce-on-logits`?"),
        (["explain", "zzzz"], "`torchlint rules` lists them"),
        (["config", "--shema"], "did you mean --schema?"),
        (["completion", "bsh"], "'bash'"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: list[str], said: str) -> None:
    done = torchlint(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_the_rules_that_several_options_ignore_for_one_pattern_add(project: Path) -> None:
    done = torchlint("--per-file-ignores", "bad.py:TL101", "--per-file-ignores", "bad.py:TL2", cwd=project)
    assert done.returncode == 0


def test_a_reader_that_goes_away(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "torchlint", "--quiet", "."],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    complaints = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 1
    assert complaints == b""


def test_a_narrow_encoding(project: Path) -> None:
    (project / "bad.py").write_text(BAD.replace("net", "nêt"), encoding="utf-8")
    done = torchlint("--output-format", "full", cwd=project, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert "n\\xeat" in done.stdout


@pytest.mark.parametrize("seed", ["0", "1", "77"])
def test_the_hash_seed_does_not_matter(project: Path, seed: str) -> None:
    command = ("--output-format", "json", "--no-cache")
    first = torchlint(*command, cwd=project).stdout
    assert torchlint(*command, cwd=project, env={"PYTHONHASHSEED": seed}).stdout == first
