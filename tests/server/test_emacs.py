"""A session in real Emacs, in batch, with `editors/emacs/torchlint.el` and Eglot: a person opens a training script,
sees the finding, edits the model beside it, takes the quick fix, and leaves."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.server import editors

PATIENCE = 15.0  # seconds for one step
WHOLE = 60.0


def session(
    tmp_path: Path,
    steps: str = "session",
    *,
    library: str = "eglot",
    train: str = editors.TRAIN,
    beside: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """What was seen at some steps of the script; `beside` is another server that a multiplexer runs too."""
    folder = editors.project(tmp_path / "project")
    (folder / "train.py").write_text(train, encoding="utf-8")
    started = editors.server()
    report = tmp_path / "report.json"
    given = {
        "file": str(editors.EDITORS / "emacs" / "torchlint.el"),
        "command": [editors.multiplexer(), "--", *started.command, "--", *beside] if beside else started.command,
        "steps": steps,
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
    seen = editors.drive([editors.emacs(library), "-q", "--batch", "-l", str(script)], started, folder, report, WHOLE)
    assert seen["problems"] == [], seen
    assert started.left() == []
    return seen


def test_a_session(tmp_path: Path) -> None:
    seen = session(tmp_path)
    (first,) = seen["first"]
    line = editors.TRAIN.splitlines()[editors.LINE]
    assert (first["line"], first["column"]) == (editors.LINE, editors.COLUMN)
    assert first["text"] == line[editors.COLUMN :]
    assert first["code"] == editors.CODE and first["source"] == "torchlint"
    assert editors.KNOWN in seen["hover"].replace("\\", "")
    assert seen["again"] == seen["first"]
    assert seen["code_here"] == editors.CODE
    assert editors.CODE in seen["page"]
    assert "sigmoid" in seen["data_path"]
    assert any(title.startswith(editors.FIX) for title in seen["titles"])
    assert seen["fixed"] == seen["fixed_all"] == editors.FIXED
    assert seen["ended"] == 0


def test_nothing_is_left_when_eglot_kills_the_server(tmp_path: Path) -> None:
    (first,) = session(tmp_path, "leave-at-once", findings=1)["first"]
    assert first["column"] == editors.COLUMN


def test_eglot_has_torchlint_beside_another_server_through_a_multiplexer(tmp_path: Path) -> None:
    ruff = [sys.executable, "-m", "ruff", "server"]
    seen = session(tmp_path, "leave-at-once", train=f"{editors.TRAIN}import os\n", beside=ruff, findings=2)
    assert {(one["source"], one["code"]) for one in seen["first"]} == {("torchlint", editors.CODE), ("Ruff", "F401")}


def test_lsp_mode_runs_torchlint_as_one_more_server(tmp_path: Path) -> None:
    """Without emoji: lsp-mode 8 counts characters where the protocol counts units of UTF-16."""
    plain = editors.TRAIN.replace("😀", "☺")
    seen = session(tmp_path, "with-lsp-mode", library="lsp-mode", train=plain)
    assert seen["first"] == [{"code": editors.CODE, "source": "torchlint"}]
    assert "sigmoid" in seen["data_path"]
    assert seen["fixed_all"] == plain.replace("BCEWithLogitsLoss", "BCELoss")
