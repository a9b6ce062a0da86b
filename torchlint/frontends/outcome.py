"""How a command ends: its exit status, or the reason why there is nothing sensible to do."""

from __future__ import annotations

CLEAN, FINDINGS, ERROR = 0, 1, 2


class UsageError(Exception):
    """The arguments, or what they name, cannot be used."""
