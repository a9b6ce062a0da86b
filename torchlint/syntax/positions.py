"""Where numbered nodes stand: positions, looked up late and only for files that have a finding.

Worked example: ``locate("y = f(x)\\n", [2], "a.py")`` is ``{2: Span("a.py", Location(1, 5), Location(1, 9))}``: the
call, whose last column is 8.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchlint.diagnostic import Location, Span
from torchlint.syntax import depth, ir
from torchlint.syntax.lower import TooDeepError, lower
from torchlint.syntax.pieces import Piece, Pieces, pieces
from torchlint.syntax.spans import of_suites
from torchlint.syntax.tree import SyntaxProblem, parse_here

if TYPE_CHECKING:
    from libcst.metadata import CodePosition

# Writing a tree out takes three Python frames a level, and some native stack under them.
_MOST_FRAMES = 100_000
_MORE_STACK = 4

# CPython 3.12 bounds native recursion by itself; a longer ladder is written out rung by rung.
_LONGEST_LADDER = 200

_LINE_END = re.compile(r"\r\n|\r|\n")


def locate(text: str, numbers: Collection[int], path: str, module: ir.Module | None = None) -> dict[int, Span]:
    """The spans of the nodes with these numbers: rows and columns from 1, in code points, end exclusive.

    `text` must be the text whose IR the numbers come from; with that IR, as `module`, only the statements are parsed
    again that hold these nodes. A number that it does not have is left out, and so is everything if the tree is too
    deep to be written out.
    """
    cut = pieces(text, module) if module is not None and numbers else None
    found = {} if cut is None else _at_once(text, cut, numbers, path)
    wanted: dict[tuple[int, bool], tuple[Piece, list[int]]] = {}
    for number in sorted(found.keys() ^ set(numbers)):
        piece = Piece(1, 0, text, ir.Module([], []), 0) if cut is None else cut.closest(number)
        if piece is not None:
            wanted.setdefault((piece.number, piece.inner), (piece, []))[1].append(number)
    slowly, missed = _in_pieces(wanted, path)
    found.update(slowly)
    if missed and cut is not None:
        again: dict[tuple[int, bool], tuple[Piece, list[int]]] = {}
        for number in missed:
            piece = cut.of_number(number)
            if piece is not None:
                again.setdefault((piece.number, piece.inner), (piece, []))[1].append(number)
        found.update(_in_pieces(again, path)[0])
    return found


def _at_once(text: str, cut: Pieces, numbers: Collection[int], path: str) -> dict[int, Span]:
    """The spans of the nodes that Python's own parser places as libcst does, which takes no time."""
    held = {piece.holds: piece for number in numbers if (piece := cut.closest(number)) is not None}
    suites = [(piece.suite, piece.nodes) for piece in held.values() if depth.needed_stack(piece.text) is not None]
    stretches = of_suites(text, suites)
    return {
        number: Span(path, Location(*stretches[number][:2]), Location(*stretches[number][2:]))
        for number in numbers
        if number in stretches
    }


def _in_pieces(
    wanted: Mapping[tuple[int, bool], tuple[Piece, list[int]]], path: str
) -> tuple[dict[int, Span], list[int]]:
    """The spans of nodes in these pieces, and the numbers for which an inner piece is numbered otherwise when it is
    read by itself."""
    sizes = {key: depth.needed_stack(piece.text) for key, (piece, _) in wanted.items()}
    readable = [wanted[key] for key, size in sizes.items() if size is not None]
    if not readable:
        return {}, []
    size = max(size for size in sizes.values() if size is not None)
    read = depth.run_with_stack(
        size * _MORE_STACK, lambda: [(piece, numbers, _locate(piece, numbers, path)) for piece, numbers in readable]
    )
    found: dict[int, Span] = {}
    missed: list[int] = []
    for _, numbers, spans in read:
        if spans is None:
            missed += numbers
        else:
            found.update(spans)
    return found, missed


def _further_down(span: Span, rows: int) -> Span:
    start, end = span.start, span.end
    return Span(span.path, Location(start.row + rows, start.column), Location(end.row + rows, end.column))


def _locate(piece: Piece, numbers: Collection[int], path: str) -> dict[int, Span] | None:
    """The spans of nodes in a piece; None if that is not read as the part of the file that it is."""
    from libcst.metadata import MetadataWrapper, PositionProvider  # slow to import

    text = piece.text
    tree = parse_here(text)
    if isinstance(tree, SyntaxProblem):
        return None if piece.inner else {}
    record: list[cst.CSTNode] = []
    try:
        lower(tree, record)
    except TooDeepError:
        return {}
    if piece.inner and len(record) != _size(piece):
        return None
    flat = text.count("elif") > _LONGEST_LADDER
    if flat:
        _flatten_ladders(tree)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _MOST_FRAMES))
    try:
        places = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(PositionProvider)
        lost = _lost_columns(text, tree.code) if flat or "\f" in text or text.startswith("\ufeff") else {}
    except RecursionError:
        return {}
    finally:
        sys.setrecursionlimit(before)
    spans: dict[int, Span] = {}
    for number in numbers:
        if 0 <= number - piece.number < len(record):
            place = places[record[number - piece.number]]
            span = Span(path, _location(place.start, lost), _location(place.end, lost))
            spans[number] = _further_down(span, piece.first - 1)
    return spans


def _size(piece: Piece) -> int:
    """How many nodes an inner piece has, the ``if`` above it included."""
    if piece.end is not None:
        return piece.end - piece.number
    last = piece.number
    stack: list[object] = [piece.module]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, ir.Node):
            last = max(last, getattr(one, "n", -1))
            stack.extend(getattr(one, field) for field in one.__struct_fields__)
    return last + 1 - piece.number


def _location(place: CodePosition, lost: dict[int, int]) -> Location:
    return Location(place.line, place.column + 1 + lost.get(place.line, 0))


def _lost_columns(text: str, code: str) -> dict[int, int]:
    """By row, how many characters the tree has lost at its start.

    libcst drops a byte order mark and form feeds in indentation; a flattened ladder has ``if`` for ``elif``.
    """
    rows = zip(_LINE_END.split(text), _LINE_END.split(code), strict=False)
    return {row: len(old) - len(new) for row, (old, new) in enumerate(rows, 1) if old != new}


def _flatten_ladders(tree: cst.Module) -> None:
    """Make each rung of a long ladder a statement of its own. The tree is changed in place: nobody else has it."""
    stack: list[object] = [tree]
    while stack:
        node = stack.pop()
        if node is None:
            continue
        body = getattr(node, "body", None)
        if isinstance(body, (list, tuple)):
            flat: list[object] = []
            for statement in body:
                flat.extend(_rungs(statement) if isinstance(statement, cst.If) else [statement])
            object.__setattr__(node, "body", flat)
            stack.extend(flat)
        elif body is not None:
            stack.append(body)
        for field in ("orelse", "finalbody"):
            stack.append(getattr(node, field, None))
        for field in ("handlers", "cases"):
            stack.extend(getattr(node, field, ()))


def _rungs(node: cst.If) -> list[cst.If]:
    rungs = [node]
    while isinstance(after := rungs[-1].orelse, cst.If):
        rungs.append(after)
    if len(rungs) <= _LONGEST_LADDER:
        return [node]
    for rung in rungs[:-1]:
        object.__setattr__(rung, "orelse", None)
    return rungs
