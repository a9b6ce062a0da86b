"""A session in real Neovim, without a screen, with the files of `editors/neovim`: a person opens a training script,
sees the finding, edits the model beside it, takes the quick fix, and leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server import editors

PATIENCE = 15.0  # seconds for one step
WHOLE = 60.0


def session(neovim: str, tmp_path: Path, **more: Any) -> dict[str, Any]:
    folder = editors.project(tmp_path / "project")
    started = editors.server()
    report = tmp_path / "report.json"
    prefix = editors.TRAIN.splitlines()[editors.LINE][: editors.TRAIN.splitlines()[editors.LINE].index("(x)")]
    given = {
        "files": str(editors.EDITORS / "neovim"),
        "command": started.command,
        "folder": str(folder),
        "report": str(report),
        "patience": PATIENCE,
        "line": editors.LINE,
        "hover": {
            "utf-8": {"line": editors.LINE, "character": len(prefix.encode())},
            "utf-16": {"line": editors.LINE, "character": len(prefix.encode("utf-16-le")) // 2},
        },
        "sigmoid": editors.SIGMOID,
        "logits": editors.LOGITS,
        "fix": editors.FIX,
        **more,
    }
    started.environment["TORCHLINT_TEST_DRIVE"] = json.dumps(given)
    started.environment["XDG_STATE_HOME"] = started.environment["XDG_DATA_HOME"] = str(tmp_path / "state")
    script = Path(__file__).parent / "drive_neovim.lua"
    words = [neovim, "--clean", "--headless", "-c", f"luafile {script}", "-c", "cquit"]
    seen = editors.drive(words, started, folder, report, WHOLE)
    assert seen["problems"] == [], seen
    assert started.left() == []
    seen["folder"] = folder
    return seen


def expected() -> dict[str, Any]:
    """The finding as Neovim has it, whose columns are bytes."""
    line = editors.TRAIN.splitlines()[editors.LINE]
    start = len(line[: editors.COLUMN].encode())
    return {"code": editors.CODE, "line": editors.LINE, "column": start, "end_column": len(line.encode())}


@pytest.mark.parametrize(
    ("neovim", "pull"),
    [
        pytest.param(editors.distributed_neovim, False, id="distributed"),
        pytest.param(editors.recent_neovim, False, id="recent"),
        pytest.param(editors.recent_neovim, True, id="recent-pull"),
    ],
)
def test_a_session(neovim: Callable[[], str], pull: bool, tmp_path: Path) -> None:
    seen = session(neovim(), tmp_path, pull=pull)
    (first,) = seen["first"]
    assert {key: first[key] for key in expected()} == expected()
    assert first["source"] == "torchlint" and first["related"] >= 3 and first["href"].startswith("file://")
    assert seen["root"] == str(seen["folder"])
    assert seen["pulls"] is pull
    assert (seen.get("refreshed", 0) > 0) is pull
    assert seen["after_edit"] == [] and seen["after_undo"] == seen["first"] and not seen["modified"]
    assert seen["code_here"] == editors.CODE
    assert editors.CODE in seen["page"]
    assert "sigmoid" in seen["data_path"]
    assert any(title.startswith(editors.FIX) for title in seen["titles"])
    assert seen["fixed"] == editors.FIXED
    assert (seen["folder"] / "train.py").read_text(encoding="utf-8") == editors.TRAIN  # nothing was written
    assert editors.KNOWN in seen["hover"].replace("\\", "")
    assert seen.get("hints_toggled", True)
    assert seen["ended"] == {"code": 0, "signal": 0}


def test_recent_neovim_speaks_utf_8_and_an_old_one_utf_16(tmp_path: Path) -> None:
    assert session(editors.recent_neovim(), tmp_path, fix_on_save=True)["encoding"] == "utf-8"


def test_fixes_are_made_on_saving_where_that_is_asked_for(tmp_path: Path) -> None:
    seen = session(editors.distributed_neovim(), tmp_path, fix_on_save=True)
    assert seen["fixed"] == editors.FIXED
    assert (seen["folder"] / "train.py").read_text(encoding="utf-8") == editors.FIXED
