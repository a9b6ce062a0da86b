"""What is said: plain data that outlives the analysis.

**Invariant:** a diagnostic holds no tree, no rule object and no open file; it compares by its fields and pickles.
Rows and columns count from 1; columns count code points, as libcst and editors' messages do.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.Enum):
    """How sure and how bad: see the rule catalogue."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, order=True, slots=True)
class Location:
    """A place in a text: `row` and `column` from 1."""

    row: int
    column: int


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A stretch of one file, end exclusive. `path` is as the user would write it.

    `cell` is the number of a notebook's cell, from 1, whose rows `start` and `end` count; 0 in any other file.
    """

    path: str
    start: Location
    end: Location
    cell: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trail: where the value was, and what is known of it there."""

    span: Span
    note: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that mends a finding; `safe` if it cannot change what a correct program does."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding, ready to print.

    `trail` goes from the origin of the value to the place of the finding; `fixes` are ways to mend it, the best first.
    """

    code: str
    name: str
    severity: Severity
    message: str
    span: Span
    trail: tuple[Step, ...] = ()
    fixes: tuple[Fix, ...] = ()
    url: str = ""

    def best_fix(self, unsafe: bool) -> Fix | None:
        """The fix that is made without being asked which: the first, if it is safe or `unsafe` ones are wanted."""
        return self.fixes[0] if self.fixes and (self.fixes[0].safe or unsafe) else None

    def sort_key(self) -> tuple[object, ...]:
        """Order of output: by place, then by code and message."""
        return (self.span.path, self.span.cell, self.span.start, self.code, self.message, self.span.end)
