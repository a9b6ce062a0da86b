"""Changes of a text: edits by span, applied together.

Worked example: ``applied("a = 1\\n", [Edit(Span("x.py", Location(1, 5), Location(1, 6)), "2")])`` is ``"a = 2\\n"``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


class Place(Protocol):
    """A place in a text: `row` and `column` count from 1, in code points."""

    @property
    def row(self) -> int: ...
    @property
    def column(self) -> int: ...


class Stretch(Protocol):
    """From `start` to `end`, exclusive."""

    @property
    def start(self) -> Place: ...
    @property
    def end(self) -> Place: ...


class Change(Protocol):
    """Replace what stands at `span` by `text`."""

    @property
    def span(self) -> Stretch: ...
    @property
    def text(self) -> str: ...


class OverlapError(ValueError):
    """Two edits change the same stretch of text."""


class Offsets:
    """Rows and columns of one text as offsets into it."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        for line in _LINE.findall(text):
            self._starts.append(self._starts[-1] + len(line))

    def of(self, place: Place) -> int:
        """The offset of a place."""
        return self._starts[place.row - 1] + place.column - 1

    def rows(self, text: str, first: int, last: int) -> str:
        """The rows of that text from `first` to `last`, with their ends."""
        return text[self._starts[first - 1] : self._starts[last]]

    def cut(self, text: str, span: Stretch) -> str:
        """What stands at a span of that text."""
        return text[self.of(span.start) : self.of(span.end)]


def applied(text: str, edits: Sequence[Change]) -> str:
    """The text with all edits made; of several insertions at one place the first comes first.

    Raises:
        OverlapError: two edits overlap.
    """
    offsets = Offsets(text)
    out: list[str] = []
    done = 0
    for start, end, new in sorted(
        ((offsets.of(e.span.start), offsets.of(e.span.end), e.text) for e in edits), key=lambda edit: edit[:2]
    ):
        if start < done:
            raise OverlapError(f"two edits at offset {start}")
        out += [text[done:start], new]
        done = end
    return "".join([*out, text[done:]])
