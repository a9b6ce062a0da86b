"""The rules as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One rule, as the table shows it."""

    code: str
    name: str
    severity: str
    on: bool
    summary: str


def table(rows: Sequence[Row]) -> str:
    """One line a rule, with a note on those that are off by default."""
    width = max((len(row.name) for row in rows), default=0)
    return "".join(
        f"{row.code}  {row.name:<{width}}  {row.severity:<7}  {row.summary}".rstrip()
        + ("" if row.on else " (off by default)")
        + "\n"
        for row in rows
    )
