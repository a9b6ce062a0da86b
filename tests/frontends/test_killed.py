"""A fixing run that is killed, at whatever moment, leaves every file old or new and nothing that hinders the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
def test_a_hundred_kills(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(tmp_path / "program"), "100", "5"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert told["killed"] == 100
    # the moments were those that matter: some files written and some not, and a temporary file that nobody renamed
    assert told["between"] >= 5 and told["leavings"] >= 3 and told["runs"] >= 1
    assert told["status"] == 0
