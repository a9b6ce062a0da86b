"""Where numbered nodes stand: positions, looked up late and only for files that have a finding.

Worked example: ``locate("y = f(x)\\n", [2], "a.py")`` is ``{2: Span("a.py", Location(1, 5), Location(1, 9))}``: the
call, whose last column is 8.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import libcst as cst

from torchlint.diagnostic import Location, Span
from torchlint.syntax import depth
from torchlint.syntax.lower import TooDeepError, lower
from torchlint.syntax.tree import SyntaxProblem, parse_here

if TYPE_CHECKING:
    from libcst.metadata import CodePosition

# Writing a tree out takes three Python frames a level, and some native stack under them.
_MOST_FRAMES = 100_000
_MORE_STACK = 4

_LINE_END = re.compile(r"\r\n|\r|\n")


def locate(text: str, numbers: Collection[int], path: str) -> dict[int, Span]:
    """The spans of the nodes with these numbers: rows and columns from 1, in code points, end exclusive.

    `text` must be the text whose IR the numbers come from; a number that it does not have is left out.
    """
    size = depth.needed_stack(text) if numbers else None
    if size is None:
        return {}
    return depth.run_with_stack(size * _MORE_STACK, lambda: _locate(text, numbers, path))


def _locate(text: str, numbers: Collection[int], path: str) -> dict[int, Span]:
    from libcst.metadata import MetadataWrapper, PositionProvider  # slow to import

    tree = parse_here(text)
    if isinstance(tree, SyntaxProblem):
        return {}
    record: list[cst.CSTNode] = []
    try:
        lower(tree, record)
    except TooDeepError:
        return {}
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _MOST_FRAMES))
    try:
        places = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)
        lost = _lost_columns(text, tree.code) if "\f" in text or text.startswith("\ufeff") else {}
    finally:
        sys.setrecursionlimit(before)
    spans: dict[int, Span] = {}
    for number in numbers:
        if 0 <= number < len(record):
            place = places[record[number]]
            spans[number] = Span(path, _location(place.start, lost), _location(place.end, lost))
    return spans


def _location(place: CodePosition, lost: dict[int, int]) -> Location:
    return Location(place.line, place.column + 1 + lost.get(place.line, 0))


def _lost_columns(text: str, code: str) -> dict[int, int]:
    """By row, how many characters the tree dropped at its start: a byte order mark, or form feeds in indentation."""
    rows = zip(_LINE_END.split(text), _LINE_END.split(code), strict=False)
    return {row: len(old) - len(new) for row, (old, new) in enumerate(rows, 1) if old != new}
