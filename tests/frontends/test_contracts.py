"""Contracts in configuration files: where they are read from, what is refused, and what is said about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.frontends.test_cli import codes, torchlint
from torchlint.config import ConfigError, load

TRAIN = """\
import torch
from torch import nn
from kit.losses import SoftBCE, soft_bce

net = nn.Linear(4, 1)
x, y = torch.rand(8, 4), torch.rand(8, 1)
SoftBCE(0.1)(net(x), y)
soft_bce(net(x), y)
"""
LOSSES = """\
import torch
from kit import _native


class SoftBCE(torch.nn.Module):
    def __init__(self, smooth):
        super().__init__()

    def forward(self, guess, truth):
        return _native.bce(guess, truth)


def soft_bce(guess, truth):
    return _native.bce(guess, truth)
"""
CLASS = '[[loss]]\nname = "kit.losses.SoftBCE"\ntakes = "probability"\n'
FUNCTION = '[[loss]]\nname = "kit.losses.soft_bce"\ntakes = "probability"\n'


def inline(text: str, below: str = "tool.torchlint.contracts") -> str:
    return text.replace("[[", f"[[{below}.")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, {"train.py": TRAIN, "kit/__init__.py": "", "kit/losses.py": LOSSES})
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def rows(folder: Path, *words: str) -> list[int]:
    """The rows of the findings."""
    done = torchlint(*words, cwd=folder)
    assert done.returncode == (1 if done.stdout else 0), done.stderr
    return [int(line.split(":")[1]) for line in done.stdout.splitlines()]


def test_without_contracts_it_is_not_known(project: Path) -> None:
    assert rows(project) == []


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": inline(CLASS + FUNCTION)},
        {"torchlint.toml": inline(CLASS + FUNCTION, "contracts")},
        {"pyproject.toml": '[tool.torchlint]\ncontracts = ["lint.toml"]\n', "lint.toml": CLASS + FUNCTION},
        {"torchlint.toml": 'contracts = ["lint"]\n', "lint/a.toml": CLASS, "lint/b.toml": FUNCTION, "lint/c.txt": "["},
        {"torchlint.toml": 'contracts = ["lint", "more.toml"]\n', "lint/a.toml": CLASS, "more.toml": FUNCTION},
        {"torchlint.toml": 'contracts.files = ["a.toml"]\n' + inline(FUNCTION, "contracts"), "a.toml": CLASS},
        {
            "torchlint.toml": "[[contracts.loss]]\nname = 'kit.losses.SoftBCE'\nfunction = 'kit.losses.soft_bce'\n"
            "takes = 'probability'\n"
        },
    ],
)
def test_where_contracts_are_written(project: Path, files: dict[str, str]) -> None:
    write(project, files)
    assert rows(project) == [7, 8]


def test_rows_that_hold_tables_of_their_own(project: Path) -> None:
    source = '[[source]]\nname = "kit.io.read"\nholder = "numpy"\nflag = "mode"\nmodes = {grey = "L"}\n'
    write(project, {"torchlint.toml": inline(CLASS + source, "contracts")})
    assert rows(project) == [7]


def test_paths_start_at_the_configuration_file(project: Path) -> None:
    write(project, {"torchlint.toml": 'contracts = ["lint/a.toml"]\n', "lint/a.toml": CLASS})
    assert rows(project / "kit", "../train.py") == [7]
    write(project, {"other/torchlint.toml": 'extend = "../torchlint.toml"\n', "other/train.py": TRAIN})
    assert rows(project / "other", "train.py", "../kit") == [7]


def test_names_do_not_depend_on_the_working_folder(project: Path) -> None:
    inside = LOSSES + "\n\nSoftBCE(0.1)(torch.nn.Linear(4, 1)(torch.rand(8, 4)), torch.rand(8, 1))\n"
    write(project, {"torchlint.toml": inline(CLASS, "contracts"), "kit/losses.py": inside})
    assert rows(project / "kit", "losses.py") == [17]
    assert rows(project, "kit/losses.py") == [17]
    assert rows(project, str(project / "kit" / "losses.py")) == [17]


def test_extend_adds_and_overrides(project: Path) -> None:
    write(project, {"base.toml": inline(CLASS + FUNCTION, "contracts")})
    write(project, {"torchlint.toml": 'extend = "base.toml"\n'})
    assert rows(project) == [7, 8]
    other = CLASS.replace("probability", "logits")
    write(project, {"torchlint.toml": 'extend = "base.toml"\n' + inline(other, "contracts")})
    assert rows(project) == [8]


def test_the_command_line_adds(project: Path) -> None:
    write(project, {"torchlint.toml": inline(CLASS, "contracts"), "kit/more.toml": FUNCTION})
    assert rows(project / "kit", "--config", 'contracts = ["more.toml"]', "../train.py") == [7, 8]
    assert rows(project, "--isolated") == []


def test_several_configurations_in_one_run(project: Path) -> None:
    write(project, {"torchlint.toml": inline(CLASS, "contracts")})
    write(project, {"kit/torchlint.toml": inline(FUNCTION, "contracts")})
    assert rows(project) == rows(project, "kit", "train.py") == rows(project, "train.py", "kit") == [7, 8]


def test_reveal_knows_contracts(project: Path) -> None:
    head = '[[contracts.model]]\nname = "kit.losses.SoftBCE"\nreturns = "probability"\n'
    write(project, {"torchlint.toml": head, "train.py": TRAIN.replace("SoftBCE(0.1)(", "p = SoftBCE(0.1)(")})
    shown = torchlint("reveal", "train.py:7", cwd=project).stdout
    assert "p: tensor, float32, shape ?, range [0, 1], meaning probability, gradient attached" in shown


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLASS.replace("takes", "tkes"), "[[loss]] kit.losses.SoftBCE: unknown key `tkes`; did you mean `takes`?"),
        (
            CLASS.replace('"probability"', '"probabilities"'),
            "[[loss]] kit.losses.SoftBCE: `takes` is no word that there is: 'probabilities'; did you mean "
            "`probability`?",
        ),
        (
            CLASS + 'applies = "tanh"\n',
            "[[loss]] kit.losses.SoftBCE: `applies` is no word that there is: 'tanh'; there are `sigmoid`, `softmax`",
        ),
        (
            CLASS + 'applies = "sigmoid"\n',
            "[[loss]] kit.losses.SoftBCE: `applies` is 'sigmoid', so the loss takes logits, but `takes` is "
            "'probability'",
        ),
        (CLASS + "aliases = 3\n", "[[loss]] kit.losses.SoftBCE: `aliases` must be a list of strings, not 3"),
        (CLASS + "same_shape = 1\n", "[[loss]] kit.losses.SoftBCE: `same_shape` must be true or false, not 1"),
        (CLASS + "mode = 1\n", "`mode` must be a word; there are `activation-flags`, `activation-name`, `by-mode`, "),
        ('[[loss]]\nname = "kit.f"\n', "[[loss]] kit.f: `takes` is missing; there are `distance`, `log-probability`"),
        ('[[loss]]\ntakes = "logits"\n', "[[loss]] number 1: `name` is missing"),
        (CLASS.replace("kit.losses.", ""), "'SoftBCE' is not the full name by which a program imports it"),
        (CLASS.replace("kit.losses.", "kit/losses:"), "'kit/losses:SoftBCE' is not the full name"),
        (CLASS + 'signature = "(a"\n', "[[loss]] kit.losses.SoftBCE: `signature`: '(a' is not a signature"),
        (CLASS + 'call_signature = "(a, b=f())"\n', "`call_signature`: '(a, b=f())' is not a signature"),
        (CLASS + CLASS, "[[loss]] kit.losses.SoftBCE: `kit.losses.SoftBCE` has a contract already, [[loss]]"),
        (CLASS.replace("[[loss]]", "[[lss]]"), "no kind of contract is called `lss`; did you mean `loss`?"),
        ('loss = "kit.f"\n', "`loss` must be a list of tables, each below [[loss]]"),
        ("[loss]\nname = 'kit.f'\n", "`loss` must be a list of tables, each below [[loss]]"),
        ("[[loss]\n", "not a TOML file"),
        (
            '[[operation]]\nname = "kit.f"\nmeaning = "probabilty"\n',
            "[[operation]] kit.f: `meaning` is no word that there is: 'probabilty'; did you mean `probability`?",
        ),
        (
            '[[operation]]\nname = "kit.f"\nrange = "sofmax"\n',
            "[[operation]] kit.f: `range` is no word that there is: 'sofmax'; did you mean `softmax`?",
        ),
        (
            '[[operation]]\nname = "kit.f"\nshape = "sam"\n',
            "`shape` is no word that there is: 'sam'; did you mean `same`?",
        ),
        ('[[operation]]\nname = "kit.f"\nrange = [1, 0]\n', "[[operation]] kit.f: `range` ends before it begins"),
        ('[[operation]]\nname = "kit.f"\nrange = [1]\n', "`range` must be a pair of numbers or a string, not [1]"),
        (
            '[[wrapper]]\nname = "kit.f"\nsignature = "(model, device)"\nargument = "modle"\n',
            "[[wrapper]] kit.f: `argument` names no parameter: 'modle'; did you mean `model`?",
        ),
        ('[[wrapper]]\nname = "kit.f"\n', "[[wrapper]] kit.f: `argument` is missing"),
        (
            '[[model]]\nname = "kit.F"\nreturns = "prob"\n',
            "[[model]] kit.F: `returns` is no word that there is: 'prob'; did you mean `probability`?",
        ),
        ('[[transform]]\nname = "kit.F"\ndoes = "to_tensr"\n', "did you mean `to_tensor`?"),
    ],
)
def test_what_is_wrong_with_a_table(project: Path, text: str, message: str) -> None:
    write(project, {"torchlint.toml": 'contracts = ["lint.toml"]\n', "lint.toml": text})
    said = refused(project / "torchlint.toml")
    assert re.match(re.escape(str(project / "lint.toml")) + (": not" if "not a TOML" in message else r":\d: "), said)
    assert message in said
    assert "\n" not in said or "not a TOML file" in message


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "pyproject.toml",
            inline(CLASS.replace("takes", "tkes")),
            "pyproject.toml:3: [[tool.torchlint.contracts.loss]] kit.losses.SoftBCE: unknown key `tkes`",
        ),
        (
            "torchlint.toml",
            inline(CLASS.replace("takes", "tkes"), "contracts"),
            "torchlint.toml:3: [[contracts.loss]] kit.losses.SoftBCE: unknown key `tkes`",
        ),
        (
            "torchlint.toml",
            "[[contracts.loses]]\n",
            "torchlint.toml:1: `contracts` has no kind of contract that is called `loses`; did you mean `loss`?",
        ),
        ("torchlint.toml", "contracts.fils = []\n", "called `fils`; did you mean `files`?"),
        ("torchlint.toml", "contracts.files = 'a'\n", "torchlint.toml:1: `contracts.files` must be a list of strings"),
        ("torchlint.toml", "contracts = 'lint'\n", "`contracts` must be a list of files and folders, or a table"),
        ("torchlint.toml", "contracts = [1]\n", "`contracts` must be a list of strings"),
        ("torchlint.toml", "contracts = ['gone']\n", "torchlint.toml:1: `contracts` names no file or folder: "),
        ("torchlint.toml", "contracts = ['kit']\n", "torchlint.toml:1: `contracts` names a folder without *.toml: "),
        ("torchlint.toml", "contract = []\n", "unknown key `contract`; did you mean `contracts`?"),
    ],
)
def test_what_is_wrong_with_the_key(project: Path, name: str, text: str, message: str) -> None:
    write(project, {name: text})
    said = refused(project / name)
    assert message in said
    assert said.startswith(str(project / name)) and "\n" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            inline(CLASS.replace("takes", "tkes"), "contracts"),
            ":3: [[contracts.loss]] kit.losses.SoftBCE: unknown key `tkes`; did you mean `takes`?",
        ),
        (
            '[[contracts.module]]\nname = "kit.F"\ncalls = "torch.sigmod"\n',
            ": [[contracts.module]] kit.F: `calls` names no operation: 'torch.sigmod'; did you mean `torch.sigmoid`?",
        ),
    ],
)
def test_it_is_an_error_of_the_configuration(project: Path, text: str, message: str) -> None:
    write(project, {"torchlint.toml": text})
    done = torchlint(cwd=project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"torchlint: error: {project / 'torchlint.toml'}{message}\n"


def test_a_contract_runs_nothing(project: Path) -> None:
    mark = project / "ran"
    text = CLASS + f"signature = \"(x=__import__('pathlib').Path({str(mark)!r}).touch())\"\n"
    write(project, {"torchlint.toml": 'contracts = ["lint"]\n', "lint/a.toml": text, "lint/b.py": "1 / 0"})
    assert torchlint(cwd=project).returncode == 2
    assert not mark.exists()


# --- what is said of contracts that fit nothing ------------------------------------------------------------------


def test_a_name_that_its_module_does_not_have(project: Path) -> None:
    write(project, {"torchlint.toml": inline(CLASS + FUNCTION.replace("soft_bce", "soft_bec"), "contracts")})
    done = torchlint(cwd=project)
    assert codes(done) == ["TL101"]
    assert done.stderr == (
        f"torchlint: warning: {project / 'torchlint.toml'}: kit.losses.soft_bec: no `soft_bec` in kit/losses.py; "
        "did you mean `soft_bce`?\nFound 1 error; 3 files checked.\n1 fixable with `--unsafe-fixes`.\n"
    )
    assert torchlint("--quiet", cwd=project).stderr == ""


def test_a_parameter_that_the_projects_function_does_not_have(project: Path) -> None:
    row = '[[contracts.wrapper]]\nname = "kit.losses.soft_bce"\nargument = "guss"\n'
    write(project, {"torchlint.toml": row})
    assert torchlint(cwd=project).stderr.startswith(
        f"torchlint: warning: {project / 'torchlint.toml'}: [[contracts.wrapper]] kit.losses.soft_bce: `argument` "
        "names no parameter: 'guss'; did you mean `guess`?\n"
    )


def test_nothing_is_said_of_names_that_this_run_does_not_meet(project: Path) -> None:
    elsewhere = CLASS.replace("kit.losses", "acme.losses") + FUNCTION.replace("kit.losses", "kit.other")
    write(project, {"torchlint.toml": inline(elsewhere, "contracts")})
    assert torchlint(cwd=project).stderr == "No findings; 3 files checked.\n"
    statistics = torchlint("--statistics", cwd=project).stderr
    assert "contracts                      2\n  called                 0 (0 %)\n" in statistics


def test_a_name_that_a_module_makes_at_run_time_is_there(project: Path) -> None:
    made = LOSSES.replace("def soft_bce", "def _soft_bce") + "\nglobals()['soft_' + 'bce'] = _soft_bce\n"
    write(project, {"torchlint.toml": inline(FUNCTION, "contracts"), "kit/losses.py": made})
    done = torchlint(cwd=project)
    assert codes(done) == ["TL101"]
    assert "warning:" not in done.stderr
