"""What is said: plain data that outlives the analysis.

**Invariant:** a diagnostic holds no tree, no rule object and no open file; it compares by its fields and pickles.
Rows and columns count from 1; columns count code points, as libcst and editors' messages do.
"""

from __future__ import annotations

import enum

import msgspec

from torchlint.claim import Claim, Verdict
from torchlint.source.span import Location, Span

__all__ = ["Diagnostic", "Edit", "Fix", "Location", "Severity", "Span", "Step"]


class Severity(enum.Enum):
    """How sure and how bad: see the rule catalogue."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def mildness(self) -> int:
        """0 for the worst."""
        return tuple(Severity).index(self)


class Step(msgspec.Struct, frozen=True):
    """One step of a trail: where the value was, and what is known of it there."""

    span: Span
    note: str


class Edit(msgspec.Struct, frozen=True):
    """Replace the text of `span` by `text`."""

    span: Span
    text: str


class Fix(msgspec.Struct, frozen=True):
    """A change that mends a finding; `safe` if it cannot change what a correct program does."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool


class Diagnostic(msgspec.Struct, frozen=True):
    """One finding, ready to print.

    `trail` goes from the origin of the value to the place of the finding; `fixes` are ways to mend it, the best first.
    `claim` is what a run could decide of it, if that was asked for, and `verdict` what a run has decided.
    """

    code: str
    name: str
    severity: Severity
    message: str
    span: Span
    trail: tuple[Step, ...] = ()
    fixes: tuple[Fix, ...] = ()
    url: str = ""
    claim: Claim | None = None
    verdict: Verdict | None = None

    def best_fix(self, unsafe: bool) -> Fix | None:
        """The fix that is made without being asked which: the first, if it is safe or `unsafe` ones are wanted."""
        return self.fixes[0] if self.fixes and (self.fixes[0].safe or unsafe) else None

    def sort_key(self) -> tuple[object, ...]:
        """Order of output: by place, then by code and message."""
        return (self.span.path, self.span.cell, self.span.start, self.code, self.message, self.span.end)
