"""Which rules are asked for."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from torchlint.config import Settings
from torchlint.diagnostic import Severity
from torchlint.engine.select import closest, shows


class Named(NamedTuple):
    code: str
    name: str


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
        (Settings(extend_ignore=("TL101",)), Severity.ERROR, False),
        (Settings(select=("TL101",), ignored_here=("TL1",)), Severity.ERROR, False),
        (Settings(ignored_here=("TL2",)), Severity.ERROR, True),
        (Settings(severity=Severity.WARNING), Severity.WARNING, True),
        (Settings(severity=Severity.ERROR), Severity.WARNING, False),
        (Settings(severity=Severity.ERROR, select=("TL101",)), Severity.WARNING, False),
        (Settings(severity=Severity.INFO), Severity.INFO, False),
    ],
)
def test_selection(settings: Settings, severity: Severity, expected: bool) -> None:
    assert shows(settings, "TL101", "bce-on-logits", severity) is expected


def test_a_stronger_voice_replaces_or_adds() -> None:
    below = Settings(select=("TL2",), ignore=("TL101", "TL3"), extend_ignore=("TL102",))
    assert below.overridden({"select": ("TL1",)}) == Settings(select=("TL1",))
    above = below.overridden({"extend_select": ("TL101", "TL102"), "ignore": ("TL4",)})
    assert above == Settings(select=("TL2",), extend_select=("TL101", "TL102"), ignore=("TL3", "TL4"))
    assert below.overridden({"severity": Severity.ERROR}).severity is Severity.ERROR


@pytest.mark.parametrize(
    ("wrong", "close"),
    [
        ("bce-on-logit", "bce-on-logits"),
        ("BCE_on_logits", "bce-on-logits"),
        ("TL110", "TL101"),
        ("tl101", "TL101"),
        ("nonsense", None),
    ],
)
def test_what_was_meant(wrong: str, close: str | None) -> None:
    rules = [Named("TL101", "bce-on-logits"), Named("TL301", "parameter-in-a-list")]
    assert closest(wrong, rules) == close
