"""Every format of one sample, to the letter, in ``fixtures/formats`` where people can read it.

After a change that is meant, ``TORCHLINT_SNAPSHOTS=write pytest tests/report/test_snapshots.py`` writes them anew;
what has changed is then read in the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.report.everything import EVERYTHING
from torchlint.report.formats import FORMATS

FOLDER = Path(__file__).parents[2] / "fixtures" / "formats"


@pytest.mark.parametrize("name", FORMATS)
def test_format(name: str) -> None:
    rendered = FORMATS[name].render(EVERYTHING).encode()
    kept = FOLDER / f"{name}.txt"
    if os.environ.get("TORCHLINT_SNAPSHOTS") == "write":
        kept.write_bytes(rendered)
    assert rendered.decode().splitlines() == kept.read_bytes().decode().splitlines()
    assert rendered == kept.read_bytes()


def test_every_snapshot_belongs_to_a_format() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(FORMATS)
