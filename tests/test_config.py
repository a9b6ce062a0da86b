"""Where settings come from, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from torchlint.config import ConfigError, Hints, Loaded, Pattern, Settings, in_folder, load, with_line
from torchlint.config.keys import KEYS
from torchlint.diagnostic import Severity
from torchlint.flow.library.tables import Table, Wrapper


def test_every_key(tmp_path: Path) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_text(
        'select = ["TL1"]\nextend-select = ["TL2"]\nignore = ["TL101"]\nextend-ignore = ["TL103"]\n'
        'exclude = ["old"]\nextend-exclude = ["older"]\nforce-exclude = true\nrespect-gitignore = false\n'
        'severity = "warning"\nmarkdown = true\nbaseline = "known.json"\n'
        'output-format = "concise"\ncontracts = ["ours.toml"]\n'
        'fix = true\nfix-only = true\nunsafe-fixes = true\nfixable = ["TL1"]\nunfixable = ["TL107"]\n'
        'extend = "base.toml"\n[per-file-ignores]\n"tests/" = ["TL1"]\n"!src/" = ["ALL"]\n'
        '[confirm]\nenabled = false\ninputs."net.py:Net" = [[2, 3]]\narguments."net.py:Net" = {width = 8}\n'
    )
    (tmp_path / "base.toml").write_text("")
    (tmp_path / "ours.toml").write_text('[[wrapper]]\nname = "ours.wrap"\nargument = "model"\n')
    folder = str(tmp_path)
    assert load(path).settings == Settings(
        select=("TL1",),
        extend_select=("TL2",),
        ignore=("TL101",),
        extend_ignore=("TL103",),
        per_file_ignores=((Pattern("tests/", folder), ("TL1",)), (Pattern("!src/", folder), ("ALL",))),
        severity=Severity.WARNING,
        exclude=(Pattern("old", folder),),
        extend_exclude=(Pattern("older", folder),),
        force_exclude=True,
        respect_gitignore=False,
        markdown=True,
        contracts=(Table(str(tmp_path / "ours.toml"), (Wrapper(name="ours.wrap", argument="model"),)),),
        baseline=str(tmp_path / "known.json"),
        output_format="concise",
        fix=True,
        fix_only=True,
        unsafe_fixes=True,
        fixable=("TL1",),
        unfixable=("TL107",),
        confirm=Hints(
            off=True,
            inputs=((Pattern("net.py:Net", folder), ((2, 3),)),),
            arguments=((Pattern("net.py:Net", folder), (("width", 8),)),),
        ),
        folder=folder,
    )
    assert set(tomllib.loads(path.read_text())) == set(KEYS)


def test_the_nearest_file_that_speaks_of_torchlint(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.torchlint]\nignore = ['TL1']\n")
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert in_folder(inner) is None
    assert in_folder(tmp_path) == tmp_path / "pyproject.toml"
    assert load(tmp_path / "pyproject.toml").settings.ignore == ("TL1",)
    (inner / "torchlint.toml").write_text("")
    assert in_folder(inner) == inner / "torchlint.toml"


def test_extend_replaces_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('select = ["TL1"]\nignore = ["TL101"]\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "torchlint.toml").write_text('extend = "../base.toml"\nignore = []\n')
    assert load(tmp_path / "sub" / "torchlint.toml").settings == Settings(select=("TL1",), folder=str(tmp_path / "sub"))


def test_patterns_start_in_the_folder_of_the_file_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "base.toml").write_text('exclude = ["a"]\n')
    (tmp_path / "sub" / "torchlint.toml").write_text('extend = "../base.toml"\nextend-exclude = ["b"]\n')
    settings = load(tmp_path / "sub" / "torchlint.toml").settings
    assert settings.exclude is not None
    assert Path(settings.exclude[0].folder).resolve() == tmp_path.resolve()
    assert settings.extend_exclude == (Pattern("b", str(tmp_path / "sub")),)
    assert load(tmp_path / "base.toml", named=True).settings.exclude == (Pattern("a", "."),)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("# the\nselct = []", "toml:2: unknown key `selct`; did you mean `select`?"),
        ("zzz = []", "toml:1: unknown key `zzz`; there are `extend`, `select`, "),
        ("select = 'TL1'", 'toml:1: `select` must be a list of strings, not "TL1"; write ["TL1"]'),
        ("select = [\n'TL1',\n1]", "toml:3: `select` must be a list of strings; 1 is none"),
        ("select = ['']", "`select` must be a list of strings; one is empty"),
        ("respect-gitignore = 1", "toml:1: `respect-gitignore` must be true or false, not 1; write true"),
        ("force-exclude = 'no'", '`force-exclude` must be true or false, not "no"; write false'),
        ("severity = 'warn'", '`severity` is no word that there is: "warn"; did you mean `warning`?'),
        ("severity = 3", "`severity` is no word that there is: 3; there are `error`, `warning`, `info`"),
        ("per-file-ignores = ['TL1']", "`per-file-ignores` must be a table of lists"),
        ("[per-file-ignores]\n'a' = ['TL1']\n'b' = 'TL2'", 'toml:3: `per-file-ignores` for "b" must be a list'),
        ("[per-file-ignores]\n'b' = [\n1]", 'toml:3: `per-file-ignores` for "b" must be a list'),
        ("[per-file-ignores]\n'' = ['TL1']", "`per-file-ignores` has a pattern that is empty"),
        ("baseline = ['a']", "`baseline` must be the path of a file"),
        ("output-format = 'cncise'", "did you mean `concise`?"),
        ("extend = '/dev/zero'", "`extend` names no file"),
        ("a = " + "[" * 9999, "nested too deeply"),
        ("a = " + "9" * 9999, "torchlint.toml: "),
        ("select = [", "torchlint.toml: "),
        ("extend = 'torchlint.toml'", "leads back"),
        ("\nextend = 'gone.toml'", "toml:2: `extend` names no file: "),
        ("extend = 1", "`extend` must be the path"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert part in str(raised.value), raised.value
    assert "toml" in str(raised.value)


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path)


def test_single_values() -> None:
    assert with_line(Loaded(Settings()), 'ignore = ["TL1"]', "here").settings.ignore == ("TL1",)
    with pytest.raises(ConfigError, match="here: unknown key"):
        with_line(Loaded(Settings()), "x = 1", "here")
