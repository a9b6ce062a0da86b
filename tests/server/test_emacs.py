"""A session in real Emacs, in batch, with `editors/emacs/torchlint.el` and Eglot: a person opens a training script,
sees the finding, edits the model beside it, takes the quick fix, and leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.server import editors

PATIENCE = 15.0  # seconds for one step
WHOLE = 60.0


def session(tmp_path: Path, **more: Any) -> dict[str, Any]:
    folder = editors.project(tmp_path / "project")
    started = editors.server()
    report = tmp_path / "report.json"
    given = {
        "file": str(editors.EDITORS / "emacs" / "torchlint.el"),
        "command": started.command,
        "folder": str(folder),
        "report": str(report),
        "patience": PATIENCE,
        "line": editors.LINE,
        "sigmoid": editors.SIGMOID,
        "logits": editors.LOGITS,
        "fix": editors.FIX,
        **more,
    }
    started.environment["TORCHLINT_TEST_DRIVE"] = json.dumps(given)
    started.environment["HOME"] = str(tmp_path)
    started.environment["LC_ALL"] = "C.UTF-8"
    script = Path(__file__).parent / "drive_emacs.el"
    seen = editors.drive([editors.emacs(), "-q", "--batch", "-l", str(script)], started, folder, report, WHOLE)
    assert seen["problems"] == [], seen
    assert started.left() == []
    return seen


def test_a_session(tmp_path: Path) -> None:
    seen = session(tmp_path)
    (first,) = seen["first"]
    line = editors.TRAIN.splitlines()[editors.LINE]
    assert (first["line"], first["column"]) == (editors.LINE, editors.COLUMN)
    assert first["text"] == line[editors.COLUMN :]
    assert first["code"] == editors.CODE and first["source"] == "torchlint" and first["related"] >= 3
    assert "float32[4, 1]" in seen["hover"]
    assert seen["again"] == seen["first"]
    assert seen["code_here"] == editors.CODE
    assert editors.CODE in seen["page"]
    assert "sigmoid" in seen["data_path"]
    assert any(title.startswith(editors.FIX) for title in seen["titles"])
    assert seen["fixed"] == seen["fixed_all"] == editors.FIXED
    assert seen["ended"] == 0


def test_nothing_is_left_when_eglot_kills_the_server(tmp_path: Path) -> None:
    (first,) = session(tmp_path, short=True)["first"]
    assert first["column"] == editors.COLUMN
