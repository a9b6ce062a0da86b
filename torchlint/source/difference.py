"""What differs between two texts, as the fewest rows and then the shortest stretches that have to be replaced.

Worked example: between ``a = 1\\nb = 2\\n`` and ``a = 1\\nb = 23\\n`` there is one change, the insertion of ``3`` at
row 2, column 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from torchlint.source.span import Location, Span

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_LINE_END = re.compile(r"\r\n|\r|\n")


class Change(NamedTuple):
    """Replace what stands at `span` (of no path) by `text`."""

    span: Span
    text: str


def changes(old: str, new: str) -> list[Change]:
    """The changes that make the new text of the old, in their order. No end of a line is cut in two."""
    before, after = _LINE.findall(old), _LINE.findall(new)
    shorter = min(len(before), len(after))
    head = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    rest = shorter - head
    tail = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    inner = before[head : len(before) - tail], after[head : len(after) - tail]
    out: list[Change] = []
    for kind, first, last, start, end in SequenceMatcher(None, *inner, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if last - first == end - start:
            for index in range(last - first):
                out += _shortest(head + first + index + 1, inner[0][first + index], inner[1][start + index])
        else:
            out += _shortest(head + first + 1, "".join(inner[0][first:last]), "".join(inner[1][start:end]))
    return out


def _shortest(row: int, old: str, new: str) -> Iterator[Change]:
    """The change of a stretch that begins with a row, without what is the same at its ends."""
    if old == new:
        return
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    if head and old[head - 1] == "\r" and "\n" in (old[head : head + 1], new[head : head + 1]):
        head -= 1
    rest = shorter - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    if tail and old[-tail] == "\n" and "\r" in (old[-tail - 1 : -tail], new[-tail - 1 : -tail]):
        tail -= 1
    start = _location(row, old[:head])
    end = _location(row, old[: len(old) - tail])
    yield Change(Span("", start, end), new[head : len(new) - tail])


def _location(row: int, before: str) -> Location:
    """The place behind a text that begins with a row."""
    lines = _LINE_END.split(before)
    return Location(row + len(lines) - 1, len(lines[-1]) + 1)
