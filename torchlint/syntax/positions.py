"""Where numbered nodes stand: positions, looked up late and only for files that have a finding.

Worked example: ``locate("y = f(x)\\n", [2], "a.py")`` is ``{2: Span("a.py", Location(1, 5), Location(1, 9))}``: the
call, whose last column is 8.
"""

from __future__ import annotations

import sys
from collections.abc import Collection

import libcst as cst

from torchlint.diagnostic import Location, Span
from torchlint.syntax import depth
from torchlint.syntax.lower import lower
from torchlint.syntax.tree import parse_native

# Writing a tree out takes three Python frames a level, and some native stack under them.
_MOST_FRAMES = 100_000
_MORE_STACK = 4


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

    tree = parse_native(text)
    record: list[cst.CSTNode] = []
    lower(tree, record)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _MOST_FRAMES))
    try:
        places = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)
    finally:
        sys.setrecursionlimit(before)
    spans: dict[int, Span] = {}
    for number in numbers:
        if 0 <= number < len(record):
            place = places[record[number]]
            start = Location(place.start.line, place.start.column + 1)
            spans[number] = Span(path, start, Location(place.end.line, place.end.column + 1))
    return spans
