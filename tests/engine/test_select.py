"""Which rules are asked for."""

from __future__ import annotations

import pytest

from torchlint.config import Settings
from torchlint.diagnostic import Severity
from torchlint.engine.select import shows


@pytest.mark.parametrize(
    ("settings", "severity", "expected"),
    [
        (Settings(), Severity.ERROR, True),
        (Settings(), Severity.WARNING, True),
        (Settings(), Severity.INFO, False),
        (Settings(extend_select=("TL101",)), Severity.INFO, True),
        (Settings(extend_select=("ALL",)), Severity.INFO, True),
        (Settings(select=()), Severity.ERROR, False),
        (Settings(select=("TL1",)), Severity.ERROR, True),
        (Settings(select=("TL2",)), Severity.ERROR, False),
        (Settings(select=("bce-on-logits",)), Severity.ERROR, True),
        (Settings(select=("bce",)), Severity.ERROR, False),
        (Settings(select=("TL2",), extend_select=("TL101",)), Severity.ERROR, True),
        (Settings(ignore=("TL101",)), Severity.ERROR, False),
        (Settings(ignore=("TL1",)), Severity.ERROR, False),
        (Settings(ignore=("ALL",)), Severity.ERROR, False),
        (Settings(select=("TL1",), ignore=("TL101",)), Severity.ERROR, False),
        (Settings(select=("TL101",), ignore=("TL1",)), Severity.ERROR, True),
        (Settings(select=("TL101",), ignore=("TL101",)), Severity.ERROR, False),
        (Settings(select=("TL101",), ignore=("bce-on-logits",)), Severity.ERROR, False),
    ],
)
def test_selection(settings: Settings, severity: Severity, expected: bool) -> None:
    assert shows(settings, "TL101", "bce-on-logits", severity) is expected


def test_a_stronger_voice_replaces_or_adds() -> None:
    below = Settings(select=("TL2",), ignore=("TL101", "TL3"))
    assert below.overridden(select=["TL1"]) == Settings(select=("TL1",))
    above = below.overridden(extend_select=["TL101"], ignore=["TL4"])
    assert above == Settings(select=("TL2",), extend_select=("TL101",), ignore=("TL3", "TL4"))
