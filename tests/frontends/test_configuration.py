"""Selection and configuration as a user meets them: options, files, and what `torchlint config` says of both."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from torchlint.config import ConfigError, load
from torchlint.config.keys import FORMATS, KEYS
from torchlint.config.lines import lines_of
from torchlint.config.schema import schema
from torchlint.frontends.cli import main
from torchlint.report import formats

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROGRAM = """\
import torch
from torch import nn

net = nn.Linear(8, 1)
criterion = nn.BCELoss()
loss = criterion(net(torch.randn(4, 8)), torch.rand(4, 1))
"""


class Run:
    """What a run gave."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def files(self) -> list[str]:
        return sorted({line.split(":")[0] for line in self.out.splitlines()})


Torchlint = Callable[..., Run]


@pytest.fixture
def torchlint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Torchlint:
    """Run it in a project of four files that each have one finding, TL101."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "tests/test_a.py", "gen/g.py", "build/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(PROGRAM)

    def run(*words: str) -> Run:
        try:
            status = main(words)
        except SystemExit as error:
            status = int(error.code or 0)
        return Run(status, *capsys.readouterr())

    return run


# --- which files -------------------------------------------------------------------------------------------------


def test_exclude_takes_the_place_of_the_usual_folders(torchlint: Torchlint) -> None:
    assert torchlint().files == ["a.py", "gen/g.py", "tests/test_a.py"]
    assert torchlint("--exclude", "gen").files == ["a.py", "build/b.py", "tests/test_a.py"]
    assert torchlint("--extend-exclude", "gen,./tests").files == ["a.py"]
    assert torchlint("--exclude", "gen", "--extend-exclude", "/a.py").files == ["build/b.py", "tests/test_a.py"]


def test_exclusions_of_files(torchlint: Torchlint, tmp_path: Path) -> None:
    config = tmp_path / "torchlint.toml"
    config.write_text('exclude = ["gen/"]\nextend-exclude = ["test_*.py"]\n')
    assert torchlint().files == ["a.py", "build/b.py"]
    assert torchlint("--exclude", "a.py").files == ["build/b.py", "gen/g.py"]
    assert torchlint("--extend-exclude", "a.py").files == ["build/b.py"]
    assert torchlint("--extend-exclude", str(tmp_path / "a.py")).files == ["build/b.py"]
    assert torchlint("gen/g.py").files == ["gen/g.py"]
    assert torchlint("gen/g.py", "--force-exclude").files == []
    config.write_text('exclude = ["gen/"]\nforce-exclude = true\n')
    assert torchlint("gen/g.py", "a.py").files == ["a.py"]
    assert torchlint("gen/g.py", "--no-force-exclude").files == ["gen/g.py"]


def test_an_inner_configuration_decides_in_its_folder(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text('extend-exclude = ["*.py"]\n')
    (tmp_path / "gen" / "torchlint.toml").write_text("")
    assert torchlint().files == ["gen/g.py"]
    (tmp_path / "gen" / "build").mkdir()
    (tmp_path / "gen" / "build" / "c.py").write_text(PROGRAM)
    assert torchlint().files == ["gen/g.py"]
    (tmp_path / "gen" / "torchlint.toml").write_text("exclude = []\n")
    assert torchlint().files == ["gen/build/c.py", "gen/g.py"]


def test_patterns_of_a_named_file_start_where_we_are(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "lint.toml").write_text(
        'exclude = ["/gen", "/build"]\n[per-file-ignores]\n"/a.py" = ["ALL"]\n'
    )
    assert torchlint("--config", "shared/lint.toml").files == ["tests/test_a.py"]


# --- which findings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ('"tests/" = ["TL1"]', ["a.py", "gen/g.py"]),
        ('"tests/*" = ["bce-on-logits"]', ["a.py", "gen/g.py"]),
        ('"test_a.py" = ["ALL"]', ["a.py", "gen/g.py"]),
        ('"**/g.py" = ["TL101"]\n"/a.py" = ["TL101"]', ["tests/test_a.py"]),
        ('"!tests/" = ["TL101"]', ["tests/test_a.py"]),
        ('"tests/" = ["TL102"]', ["a.py", "gen/g.py", "tests/test_a.py"]),
        ('"elsewhere/" = ["TL1"]', ["a.py", "gen/g.py", "tests/test_a.py"]),
    ],
)
def test_per_file_ignores(torchlint: Torchlint, tmp_path: Path, table: str, left: list[str]) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.torchlint.per-file-ignores]\n{table}\n")
    assert torchlint().files == left
    assert torchlint("--select", "TL101").files == left


def test_per_file_ignores_of_the_command_line(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text('per-file-ignores = {"a.py" = ["TL1"]}\n')
    assert torchlint().files == ["gen/g.py", "tests/test_a.py"]
    assert torchlint("--per-file-ignores", "tests/:TL2,TL1,gen/:TL101").files == ["a.py"]
    twice = ("--per-file-ignores", "tests/:TL1", "--per-file-ignores", "gen/:TL1")
    assert torchlint(*twice).files == ["a.py"]
    for wrong in ("tests/", ":TL1", "tests/:"):
        done = torchlint("--per-file-ignores", wrong)
        assert done.status == 2
        assert "is not PATTERN:RULE" in done.err


def test_extend_ignore_adds(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('ignore = ["TL2"]\n')
    (tmp_path / "torchlint.toml").write_text('extend = "base.toml"\nextend-ignore = ["TL1"]\n')
    assert torchlint().files == []
    assert torchlint("--extend-select", "TL1").files == ["a.py", "gen/g.py", "tests/test_a.py"]
    assert torchlint("--isolated", "--extend-ignore", "TL101").files == []


def test_severity(torchlint: Torchlint, tmp_path: Path) -> None:
    for name in ("tests/test_a.py", "gen/g.py"):
        (tmp_path / name).unlink()
    (tmp_path / "a.py").write_text(PROGRAM + "x = 1  # noqa: TL101\n")
    assert [line.split()[1] for line in torchlint().out.splitlines()] == ["TL101", "TL002"]
    assert [line.split()[1] for line in torchlint("--severity", "error").out.splitlines()] == ["TL101"]
    (tmp_path / "torchlint.toml").write_text('severity = "error"\n')
    assert [line.split()[1] for line in torchlint().out.splitlines()] == ["TL101"]
    assert [line.split()[1] for line in torchlint("--severity", "warning").out.splitlines()] == ["TL101", "TL002"]
    assert torchlint("--severity", "bad").status == 2


def test_the_least_severity_selects_nothing(torchlint: Torchlint, tmp_path: Path) -> None:
    text = PROGRAM.replace("BCELoss()", "CrossEntropyLoss()").replace("Linear(8, 1)", "Linear(8, 3)")
    text = text.replace("8)), torch.rand(4, 1)", "8)).log_softmax(1), torch.zeros(4, dtype=torch.long)")
    (tmp_path / "a.py").write_text(text)
    assert torchlint("--severity", "info", "a.py").out == ""
    assert "TL" in torchlint("--severity", "info", "--extend-select", "ALL", "a.py").out
    assert torchlint("--severity", "warning", "--extend-select", "ALL", "a.py").out == ""


def test_a_rule_that_there_is_not(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text('\nselect = ["bce-on-logit"]\n')
    done = torchlint()
    assert (done.status, done.out) == (2, "")
    assert (
        "torchlint.toml:2: `select`: no rule has the code or name 'bce-on-logit'; did you mean `bce-on-logits`?"
        in done.err
    )
    assert "did you mean `bce-on-logits`?" in torchlint("--isolated", "--ignore", "bce_on_logits").err
    assert "did you mean `ALL`?" in torchlint("--isolated", "--ignore", "all").err


def test_the_format_of_the_working_folder(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text('output-format = "json"\n')
    assert len(json.loads(torchlint().out)) == 3
    assert torchlint("--output-format", "concise").out.startswith("a.py:")
    assert tuple(formats.FORMATS) == FORMATS


def test_control_characters_do_not_reach_the_terminal(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text('"\\u001b[31mred" = 1\n')
    done = torchlint()
    assert done.status == 2
    assert "\\x1b[31mred" in done.err and "\x1b" not in done.err
    (tmp_path / "torchlint.toml").write_text('select = ["TL\\u001b[31m"]\n')
    assert "\x1b" not in torchlint().err
    (tmp_path / "\x1b.json").write_text(
        '{"version": 1, "findings": [{"path": "x", "code": "TL1", "fingerprint": "\\u001b"}]}'
    )
    (tmp_path / "torchlint.toml").write_text('baseline = "\\u001b.json"\n')
    done = torchlint()
    assert "\\x1b.json: there is one finding less" in done.err and "\x1b" not in done.err


# --- comments, as far as they need the whole project -------------------------------------------------------------


def test_a_comment_is_unused_only_in_a_run_over_the_whole_project(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(PROGRAM + "x = 1  # noqa: TL101\n")
    (tmp_path / "torchlint.toml").write_text('ignore = ["TL1"]\nextend-select = ["TL101"]\n')

    def unused(*words: str) -> bool:
        return "TL002" in torchlint(*words).out

    assert unused()
    assert unused("a.py", "gen", "tests")
    assert not unused("a.py")
    assert not unused("a.py", "gen")
    assert not unused("tests")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "caller.py").write_text("")
    assert unused()
    assert not unused("a.py", "gen", "tests")
    (tmp_path / "torchlint.toml").write_text('extend-exclude = ["new", "tests", "gen"]\n')
    assert unused("a.py")
    (tmp_path / "torchlint.toml").unlink()
    assert unused("--isolated", "a.py", "gen", "tests", "new")
    (tmp_path / "gen" / ".git").mkdir()
    (tmp_path / "gen" / "g.py").write_text((tmp_path / "a.py").read_text())
    assert unused("gen/g.py")


def test_a_broken_configuration_beside_what_is_linted_is_nobodys_concern(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(PROGRAM + "x = 1  # noqa: TL101\n")
    (tmp_path / "gen" / "torchlint.toml").write_text("nonsense = 1\n")
    done = torchlint("a.py", "--isolated")
    assert (done.status, done.out.count("TL101"), "TL002" in done.out) == (1, 1, False)
    assert torchlint("a.py").status == 1


@pytest.mark.parametrize("rule", ["TL002", "unused-suppression", "TL003", "invalid-suppression"])
def test_the_pages_of_what_is_said_of_comments(torchlint: Torchlint, rule: str) -> None:
    done = torchlint("explain", rule)
    assert done.status == 0
    assert "-suppression (TL00" in done.out


# --- torchlint config --------------------------------------------------------------------------------------------


def test_where_settings_come_from(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('# base\nselect = ["TL1"]\nextend-exclude = ["old/"]\n')
    (tmp_path / "pyproject.toml").write_text(
        '[tool.torchlint]\nextend = "base.toml"\n\n[tool.torchlint.per-file-ignores]\n"tests/" = [\n  "TL2",\n]\n'
    )
    done = torchlint("config", "tests/test_a.py", "--config", 'severity = "warning"', "--extend-exclude", "gen/")
    assert done.status == 0
    lines = {line.split(" = ")[0]: line for line in done.out.splitlines()}
    base, own = tmp_path / "base.toml", tmp_path / "pyproject.toml"
    assert lines["select"].split() == ["select", "=", '["TL1"]', "#", f"{base}:2"]
    assert lines["extend-exclude"].endswith(f"# {base}:3, command line")
    assert lines["per-file-ignores"].split("  ")[0] == 'per-file-ignores = {"tests/" = ["TL2"]}'
    assert lines["per-file-ignores"].endswith(f" # {own}:4")
    assert lines["severity"].endswith("# --config 'severity = \"warning\"'")
    assert lines["force-exclude"].endswith("# default")
    assert "# not run in this file: TL2" in done.out
    assert done.out.startswith(f"# tests/test_a.py: settings of {own}\n")
    tomllib.loads(done.out)


def test_settings_as_json(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text('ignore = ["TL2"]\nexclude = ["a.py"]\n')
    told = json.loads(torchlint("config", "a.py", "--ignore", "TL3", "--output-format", "json").out)
    assert told["configuration"] == str(tmp_path / "torchlint.toml")
    assert told["excluded"] is True
    assert told["settings"]["ignore"] == {
        "value": ["TL2", "TL3"],
        "sources": [{"name": str(tmp_path / "torchlint.toml"), "line": 1}, {"name": "command line", "line": None}],
    }
    assert told["settings"]["baseline"] == {"value": None, "sources": []}
    assert told["settings"].keys() == KEYS.keys() - {"extend"}
    told = json.loads(torchlint("config", "--isolated", "--select", "TL1", "--output-format", "json").out)
    assert (told["path"], told["configuration"], told["excluded"]) == (".", None, False)
    assert told["settings"]["select"]["sources"] == [{"name": "command line", "line": None}]


def test_what_a_search_passes_over(torchlint: Torchlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("gen/\n")
    passed_over = "no configuration file; it is passed over, as excluded or ignored by git"
    for path in ("build", "build/b.py", "gen", "gen/g.py"):
        assert torchlint("config", path).out.startswith(f"# {path}: {passed_over}\n")
    assert torchlint("config", "--no-respect-gitignore", "gen/g.py").out.startswith(
        "# gen/g.py: no configuration file\n"
    )
    for path in ("a.py", ".", "tests", "tests/gone.py"):
        assert torchlint("config", path).out.startswith(f"# {path}: no configuration file\n")
    monkeypatch.chdir(tmp_path / "build")
    assert torchlint("config").out.startswith("# .: no configuration file\n")


def test_the_way_to_what_is_extended_is_shown_without_detours(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text('[per-file-ignores]\n"tests/" = ["TL1"]\n')
    (tmp_path / "gen" / "torchlint.toml").write_text('extend = "../torchlint.toml"\n')
    (tmp_path / "tests" / "torchlint.toml").write_text('extend = "../gen/../gen/torchlint.toml"\n')
    assert f" # {tmp_path / 'torchlint.toml'}:1\n" in torchlint("config", "tests/test_a.py").out
    assert torchlint().files == ["a.py", "gen/g.py"]


def test_a_wrong_configuration_is_told_there_too(torchlint: Torchlint, tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text("ignor = 1\n")
    done = torchlint("config")
    assert (done.status, done.out) == (2, "")
    assert "torchlint.toml:1: unknown key `ignor`; did you mean `ignore`?" in done.err


# --- the schema --------------------------------------------------------------------------------------------------


def test_the_schema_is_printed(torchlint: Torchlint) -> None:
    printed = json.loads(torchlint("config", "--schema").out)
    jsonschema.Draft7Validator.check_schema(printed)
    assert printed["properties"].keys() == KEYS.keys()


RIGHT = [
    "",
    *(f"{key.name} = {key.example}" for key in KEYS.values() if key.name not in ("extend", "contracts")),
    *(f"{key.name} = {key.default}" for key in KEYS.values() if key.default),
    'select = ["ALL"]\nignore = []',
    "[per-file-ignores]",
    "[contracts]\nfiles = []",
    '[[contracts.loss]]\nname = "kit.Soft"\ntakes = "probability"',
    '[[contracts.wrapper]]\nname = "kit.wrap"\nargument = "*"',
]
WRONG = [
    "selct = []",
    "select = 'TL1'",
    "ignore = [1]",
    "ignore = ['']",
    "exclude = {}",
    "extend-exclude = 'a'",
    "force-exclude = 'yes'",
    "respect-gitignore = 1",
    "markdown = 'no'",
    "severity = 'fatal'",
    "severity = ['error']",
    "output-format = 'xml'",
    "baseline = 1",
    "baseline = ''",
    "per-file-ignores = ['a']",
    "[per-file-ignores]\na = 'TL1'",
    "[per-file-ignores]\n'' = ['TL1']",
    "extend = 1",
    "confirm = false",
    "confirm.enabled = true",
    "confirm.python = 'python'",
    "confirm.inputs.Net = [[1]]",
    "confirm.inputs.'a.py:Net' = [1]",
    "confirm.inputs.'a.py:Net' = [[0]]",
    "confirm.arguments.'a.py:Net' = [1]",
    "confirm.arguments.'a.py:Net'.x = {a = 1}",
    "contracts = 'a.toml'",
    "contracts = [1]",
    "[contracts]\nfiles = 1",
    "[[contracts.lss]]\nname = 'a.b'",
    "[contracts.loss]\nname = 'a.b'",
    "[[contracts.loss]]\nname = 'kit.Soft'",
    "[[contracts.loss]]\nname = 'kit.Soft'\ntakes = 'anything'",
    "[[contracts.wrapper]]\nname = 'kit.wrap'\nargument = '*'\nother = 1",
]


@pytest.mark.parametrize("text", RIGHT)
def test_reader_and_schema_agree_on_what_is_right(tmp_path: Path, text: str) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_text(text)
    load(path)
    jsonschema.validate(tomllib.loads(text), schema())


@pytest.mark.parametrize("text", WRONG)
def test_reader_and_schema_agree_on_what_is_wrong(tmp_path: Path, text: str) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"torchlint\.toml:\d+: "):
        load(path)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), schema())


# --- lines -------------------------------------------------------------------------------------------------------

DOCUMENT = '''\
# a = 1
a = 1
b.c."d.e" = [
  1, # "f = 2"
  "g = 3", """
h = 4
""", {i = 5, 'j k' = {l = 6}}
]
[m . "n\\u0041"] # [o]
p = \'\'\'
q = 7
\'\'\'
r = {}
s = 1979-05-27 07:32:00

[[t]]
u = "]"
[[t]]
u = \'#\'
[t.v]
w = """a \\""" b""""
[[t.x]]
y = -1.5e3
'''


def test_the_line_of_every_key() -> None:
    found = lines_of(DOCUMENT)
    expected = {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 3,
        ("b", "c", "d.e"): 3,
        ("b", "c", "d.e", 0): 4,
        ("b", "c", "d.e", 1): 5,
        ("b", "c", "d.e", 2): 5,
        ("b", "c", "d.e", 3): 7,
        ("b", "c", "d.e", 3, "i"): 7,
        ("b", "c", "d.e", 3, "j k"): 7,
        ("b", "c", "d.e", 3, "j k", "l"): 7,
        ("m",): 9,
        ("m", "nA"): 9,
        ("m", "nA", "p"): 10,
        ("m", "nA", "r"): 13,
        ("m", "nA", "s"): 14,
        ("t",): 16,
        ("t", 0): 16,
        ("t", 0, "u"): 17,
        ("t", 1): 18,
        ("t", 1, "u"): 19,
        ("t", 1, "v"): 20,
        ("t", 1, "v", "w"): 21,
        ("t", 1, "x"): 22,
        ("t", 1, "x", 0): 22,
        ("t", 1, "x", 0, "y"): 23,
    }
    assert found == expected
    assert lines_of(DOCUMENT.replace("\n", "\r\n")) == expected


def every_path(value: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """The ways to every value of a tree."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path, *(inner for key, part in items for inner in every_path(part, (*path, key)))}


@pytest.mark.parametrize(
    "text", [DOCUMENT, (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"), *RIGHT, *WRONG]
)
def test_the_lines_are_of_what_a_reader_finds(text: str) -> None:
    assert lines_of(text).keys() == every_path(tomllib.loads(text)) - {()}


@pytest.mark.parametrize("text", ["a = [", "a", "= 1", "[a", "a = {b = 1", '"a = 1', "[" * 9999, "a = " + "[" * 9999])
def test_what_is_not_toml_has_no_lines(text: str) -> None:
    assert lines_of(text) == {}
