"""Where settings come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlint.config import ConfigError, Settings, nearest, read, with_values
from torchlint.flow.library.tables import Table, Wrapper


def test_every_key(tmp_path: Path) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_text(
        'select = ["TL1"]\nextend-select = ["TL2"]\nignore = ["TL101"]\nexclude = ["old"]\n'
        'respect-gitignore = false\ncontracts = ["ours.toml"]\n'
    )
    (tmp_path / "ours.toml").write_text('[[wrapper]]\nname = "ours.wrap"\nargument = "model"\n')
    ours = Table(str(tmp_path / "ours.toml"), (Wrapper(name="ours.wrap", argument="model"),))
    assert read(path) == Settings(("TL1",), ("TL2",), ("TL101",), ("old",), False, (ours,), str(tmp_path))


def test_the_nearest_file_that_speaks_of_torchlint(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.torchlint]\nignore = ['TL1']\n")
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert nearest(inner) == tmp_path / "pyproject.toml"
    assert read(tmp_path / "pyproject.toml").ignore == ("TL1",)
    (inner / "torchlint.toml").write_text("")
    assert nearest(inner) == inner / "torchlint.toml"


def test_extend_replaces_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('select = ["TL1"]\nignore = ["TL101"]\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "torchlint.toml").write_text('extend = "../base.toml"\nignore = []\n')
    assert read(tmp_path / "sub" / "torchlint.toml") == Settings(select=("TL1",), folder=str(tmp_path / "sub"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("selct = []", "unknown key `selct`"),
        ("select = 'TL1'", "`select` must be a list of strings"),
        ("select = [1]", "`select` must be a list of strings"),
        ("respect-gitignore = 1", "`respect-gitignore` must be true or false"),
        ("select = [", "torchlint.toml: "),
        ("extend = 'torchlint.toml'", "leads back"),
        ("extend = 'gone.toml'", "cannot be read"),
        ("extend = 1", "`extend` must be the path"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read(path)
    assert part in str(raised.value)
    assert "toml" in str(raised.value)


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read(path)


def test_single_values() -> None:
    assert with_values(Settings(), 'ignore = ["TL1"]', "here").ignore == ("TL1",)
    with pytest.raises(ConfigError, match="here: unknown key"):
        with_values(Settings(), "x = 1", "here")
