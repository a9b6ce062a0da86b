"""What a format is given: the findings, and what it may ask about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from torchlint.diagnostic import Diagnostic, Severity
from torchlint.report.text import Paint, source_lines

#: The code of a fault of torchlint itself; some formats keep such faults apart from findings.
INTERNAL_ERROR = "TL000"


class About(msgspec.Struct, frozen=True):
    """What is known of a rule beside its findings; `page` is its documentation in Markdown, `url` where it is kept."""

    name: str
    severity: Severity
    page: str = ""
    url: str = ""


class Findings(msgspec.Struct, frozen=True):
    """The findings of a run, sorted.

    text: the text of a file, or of one cell of a notebook (`Span.cell`), or None if it cannot be had.
    files: what was linted, clean files too. folder: the full path of the folder where relative paths start.
    about: what is known of the rule of a code.
    unsafe: whether unsafe fixes count as fixes.
    watched: whether a person looks at it on a terminal, so that what the linted program's exceptions say may be shown.
    problems: what else went wrong, such as a rule that could not be loaded. version: torchlint's.
    """

    diagnostics: Sequence[Diagnostic]
    text: Callable[[str, int], str | None]
    files: Sequence[str] = ()
    folder: str = "/"
    about: Callable[[str], About | None] = lambda code: None
    problems: Sequence[str] = ()
    version: str = ""
    paint: Paint = Paint(on=False)
    unsafe: bool = False
    watched: bool = False

    def fingerprints(self) -> list[str]:
        """One for each finding, no two alike: they stay while the source that is reported stays, wherever it moves.

        The number after the colon tells findings of equal source apart.
        """
        from torchlint.report.paths import shortest
        from torchlint.source.fingerprint import fingerprint, numbered

        prints = [
            fingerprint(one.code, shortest(one.span.path, self.folder), self._text(one), one.span)
            for one in self.diagnostics
        ]
        return [f"{mark}:{number}" for mark, number in numbered(prints)]

    def _text(self, one: Diagnostic) -> str:
        return self.text(one.span.path, one.span.cell) or ""


class Lines:
    """Source lines by path and cell, split once."""

    def __init__(self, text: Callable[[str, int], str | None]) -> None:
        self._text = text
        self._lines: dict[tuple[str, int], Sequence[str]] = {}

    def __call__(self, path: str, cell: int, row: int) -> str:
        """A line, by its row from 1; empty if there is none."""
        key = (path, cell)
        if key not in self._lines:
            self._lines[key] = source_lines(self._text(path, cell) or "")
        lines = self._lines[key]
        return lines[row - 1] if 0 < row <= len(lines) else ""
