"""A session in real Neovim, without a screen, with the files of `editors/neovim`: a person opens a training script,
sees the finding, edits the model beside it, takes the quick fix, and leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server import clients

PATIENCE = 15.0  # seconds for one step
WHOLE = 60.0


def session(neovim: str, tmp_path: Path, **more: Any) -> dict[str, Any]:
    folder = clients.project(tmp_path / "project")
    started = clients.server()
    report = tmp_path / "report.json"
    prefix = clients.TRAIN.splitlines()[clients.LINE][: clients.TRAIN.splitlines()[clients.LINE].index("net(x)")]
    given = {
        "files": str(clients.EDITORS / "neovim"),
        "command": started.command,
        "folder": str(folder),
        "report": str(report),
        "patience": PATIENCE,
        "line": clients.LINE,
        "hover": {
            "utf-8": {"line": clients.LINE, "character": len(prefix.encode())},
            "utf-16": {"line": clients.LINE, "character": len(prefix.encode("utf-16-le")) // 2},
        },
        "sigmoid": clients.SIGMOID,
        "logits": clients.LOGITS,
        "fix": clients.FIX,
        **more,
    }
    started.environment["TORCHLINT_TEST_DRIVE"] = json.dumps(given)
    started.environment["XDG_STATE_HOME"] = started.environment["XDG_DATA_HOME"] = str(tmp_path / "state")
    script = Path(__file__).parent / "drive_neovim.lua"
    words = [neovim, "--clean", "--headless", "-c", f"luafile {script}", "-c", "cquit"]
    seen = clients.drive(words, started, folder, report, WHOLE)
    assert seen["problems"] == [], seen
    assert started.left() == []
    seen["folder"] = folder
    return seen


def expected() -> dict[str, Any]:
    """The finding as Neovim has it, whose columns are bytes."""
    line = clients.TRAIN.splitlines()[clients.LINE]
    start = len(line[: clients.COLUMN].encode())
    return {"code": clients.CODE, "line": clients.LINE, "column": start, "end_column": len(line.encode())}


@pytest.mark.parametrize(
    ("neovim", "pull"),
    [
        pytest.param(clients.distributed_neovim, False, id="distributed"),
        pytest.param(clients.recent_neovim, False, id="recent"),
        pytest.param(clients.recent_neovim, True, id="recent-pull"),
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
    assert seen["code_here"] == clients.CODE
    assert clients.CODE in seen["page"]
    assert "sigmoid" in seen["data_path"]
    assert any(title.startswith(clients.FIX) for title in seen["titles"])
    assert seen["fixed"] == clients.FIXED
    assert (seen["folder"] / "train.py").read_text(encoding="utf-8") == clients.TRAIN  # nothing was written
    assert "float32[4, 1]" in seen["hover"]
    assert seen.get("hints_toggled", True)
    assert seen["ended"] == {"code": 0, "signal": 0}


def test_recent_neovim_speaks_utf_8_and_an_old_one_utf_16(tmp_path: Path) -> None:
    assert session(clients.recent_neovim(), tmp_path, fix_on_save=True)["encoding"] == "utf-8"


def test_fixes_are_made_on_saving_where_that_is_asked_for(tmp_path: Path) -> None:
    seen = session(clients.distributed_neovim(), tmp_path, fix_on_save=True)
    assert seen["fixed"] == clients.FIXED
    assert (seen["folder"] / "train.py").read_text(encoding="utf-8") == clients.FIXED
