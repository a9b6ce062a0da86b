"""The same project gives the same output, whatever the hash seed and however the paths are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def lint(seed: str, *paths: str) -> str:
    """What torchlint prints about the demo, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "torchlint", "check", "--isolated", "--no-cache", "--output-format", "json", *paths],
        cwd=ROOT / "fixtures",
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_hash_seeds_and_order() -> None:
    first = lint("0", "demo")
    assert '"TL101"' in first
    assert lint("1", "demo") == first
    assert lint("4242", "demo") == first
    files = sorted(str(path.relative_to(ROOT / "fixtures")) for path in (ROOT / "fixtures" / "demo").glob("*.py"))
    assert lint("7", *reversed(files)) == first
