"""A file cut at its statements, so that a look at one of them need not parse the others again.

Definitions
    piece  whole rows with one statement, or several that share a row; comments and empty rows before it are no part of
           it
    inner  a piece of a piece: a statement of the body of a class, a function, a loop, an ``if`` or a ``with`` without
           further branches

A piece parses by itself, to the same IR with the same numbers, counted from its first; an inner one below ``if 1:``,
which stands in the row before it. Where the pieces lie is asked of Python's own parser, which takes a seventh of the
time of libcst's and places statements, though not their parts as reports need them.

Worked example: the pieces of ``import torch\\n\\ndef f(x):\\n    y = x\\n    return y\\n`` are row 1, and rows 3 to 5;
were the function a long one, its inner pieces would be rows 4 and 5.
"""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from torchlint.source.edit import Change, Offsets, OverlapError, applied
from torchlint.syntax import ir

#: A piece of no more rows is not cut further.
SMALL = 12

#: What stands above an inner piece, and how many numbers it takes.
_HEAD, _HEAD_NUMBERS = "if 1:", 2

_LINE_END = re.compile(r"\r\n|\r|\n")


class Piece(NamedTuple):
    """Rows `first` to `last`, from 1, of which the first is none of the file's own in an inner piece; what they say,
    and the number of the first node in them (in an inner piece, of the ``if`` above it).

    end: the number after the last one, None where that is not known. inner: whether it is one. nodes: its statements
    as Python's own parser has them.
    """

    first: int
    last: int
    text: str
    module: ir.Module
    number: int
    end: int | None = None
    inner: bool = False
    nodes: Sequence[ast.stmt] = ()

    @property
    def starts(self) -> int:
        """The first row that is the file's own."""
        return self.first + self.inner

    @property
    def suite(self) -> list[ir.Stmt]:
        """Its statements."""
        first = self.module.body[0]
        return first.body if self.inner and isinstance(first, ir.If) else self.module.body

    @property
    def holds(self) -> int:
        """The number of the first node that is the file's own."""
        return self.number + (_HEAD_NUMBERS if self.inner else 0)


class Pieces:
    """The pieces of a text, in order."""

    def __init__(self, text: str, offsets: Offsets, found: Sequence[Piece]) -> None:
        self._text = text
        self._offsets = offsets
        self._found = found
        self._numbers = [piece.number for piece in found]
        self._rows = [piece.first for piece in found]
        self._inner: dict[int, list[Piece]] = {}

    def of_number(self, number: int) -> Piece | None:
        """The outermost piece that holds the node with a number, if there is such a node."""
        index = bisect_right(self._numbers, number) - 1
        return self._found[index] if index >= 0 else None

    def closest(self, number: int) -> Piece | None:
        """The smallest piece that holds the node with a number, if there is such a node."""
        piece = self.of_number(number)
        while piece is not None:
            inner = self._inside(piece)
            index = bisect_right([one.holds for one in inner], number) - 1
            if index < 0:
                break
            piece = inner[index]
        return piece

    def edited(self, edits: Sequence[Change]) -> list[tuple[Piece, str]] | None:
        """The smallest pieces in which there are edits, with their new texts; no two of them overlap.

        None if that cannot be said: an edit lies in no piece, or a piece would run into what follows it.
        """
        by_piece: dict[int, list[Change]] = {}
        for edit in edits:
            index = bisect_right(self._rows, edit.span.start.row) - 1
            if index < 0 or not _within(edit, self._found[index]):
                return None
            by_piece.setdefault(index, []).append(edit)
        texts: list[tuple[Piece, str]] = []
        for index, some in sorted(by_piece.items()):
            piece = self._around(some, self._found[index])
            try:
                new = applied(piece.text, [_Moved(edit, piece.first - 1) for edit in some])
            except OverlapError:
                return None
            if new and piece.text.endswith(("\n", "\r")) and not new.endswith(("\n", "\r")):
                return None
            texts.append((piece, new))
        return texts

    def _around(self, edits: Sequence[Change], piece: Piece) -> Piece:
        """The smallest piece inside this one that holds all of these edits."""
        while True:
            inner = self._inside(piece)
            index = bisect_right([one.starts for one in inner], min(edit.span.start.row for edit in edits)) - 1
            if index < 0 or not all(_within(edit, inner[index]) for edit in edits):
                return piece
            piece = inner[index]

    def _inside(self, piece: Piece) -> list[Piece]:
        """The inner pieces of a piece; none if it is small, or not made of one body."""
        if piece.last - piece.starts < SMALL or len(piece.nodes) != 1:
            return []
        if piece.holds not in self._inner:
            self._inner[piece.holds] = self._cut(piece)
        return self._inner[piece.holds]

    def _cut(self, piece: Piece) -> list[Piece]:
        statement: ir.Stmt = piece.module.body[0]
        if piece.inner:
            assert isinstance(statement, ir.If)
            statement = statement.body[0]
        body = _body(statement)
        nodes = _body_of(piece.nodes[0])
        if body is None or nodes is None or len(body) != len(nodes):
            return []
        found = _pieces(self._text, self._offsets, body, nodes, piece.end, inner=True)
        return [] if any(self._before(one.nodes[0]).strip() for one in found) else found

    def _before(self, node: ast.stmt) -> str:
        """What stands before a statement in its row."""
        row = self._offsets.rows(self._text, _first(node), _first(node))
        return row.encode()[: node.col_offset].decode()


def pieces(text: str, module: ir.Module) -> Pieces | None:
    """The pieces of a text whose IR is `module`; None where Python's parser does not see the same statements."""
    nodes = _nodes(text)
    if nodes is None or len(nodes) != len(module.body):
        return None
    offsets = Offsets(text)
    return Pieces(text, offsets, _pieces(text, offsets, module.body, nodes, None))


def _pieces(
    text: str,
    offsets: Offsets,
    body: Sequence[ir.Stmt],
    nodes: Sequence[ast.stmt],
    end: int | None,
    *,
    inner: bool = False,
) -> list[Piece]:
    """The pieces of one body; `end` is the number behind it."""
    groups: list[tuple[int, int, int, int]] = []  # first and last row, first statement and the one after the last
    for index, node in enumerate(nodes):
        first, last = _first(node), node.end_lineno or node.lineno
        if groups and first <= groups[-1][1]:
            groups[-1] = (groups[-1][0], max(last, groups[-1][1]), groups[-1][2], index + 1)
        else:
            groups.append((first, last, index, index + 1))
    line_end = _LINE_END.search(text)
    head = _HEAD + ("\n" if line_end is None else line_end[0])
    found: list[Piece] = []
    for first, last, i, j in groups:
        rows, number, some = offsets.rows(text, first, last), body[i].n, list(body[i:j])
        after = body[j].n if j < len(body) else end
        if inner:
            rows, some = head + rows, [ir.If(-1, ir.Const(-1, 1), some, [])]
            first, number = first - 1, number - _HEAD_NUMBERS
        found.append(Piece(first, last, rows, ir.Module(some, []), number, after, inner, nodes[i:j]))
    return found


def _body(statement: ir.Stmt) -> list[ir.Stmt] | None:
    """The body of a statement whose last part it is."""
    if isinstance(statement, (ir.FunctionDef, ir.ClassDef, ir.With)):
        return statement.body
    if isinstance(statement, (ir.If, ir.For, ir.While)):
        return None if statement.orelse else statement.body
    return None


def _body_of(node: ast.stmt) -> list[ast.stmt] | None:
    """The same of a statement as Python's own parser has it."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.With, ast.AsyncWith)):
        return node.body
    if isinstance(node, (ast.If, ast.For, ast.AsyncFor, ast.While)):
        return None if node.orelse else node.body
    return None


def _nodes(text: str) -> list[ast.stmt] | None:
    """The top-level statements as Python's own parser has them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _within(edit: Change, piece: Piece) -> bool:
    start, end = edit.span.start, edit.span.end
    if start.row < piece.starts:
        return False
    return end.row <= piece.last or (end.row == piece.last + 1 and end.column == 1)


class _Place(NamedTuple):
    row: int
    column: int


class _Stretch(NamedTuple):
    start: _Place
    end: _Place


class _Moved:
    """An edit in rows of a piece."""

    def __init__(self, edit: Change, rows: int) -> None:
        start, end = edit.span.start, edit.span.end
        self.span = _Stretch(_Place(start.row - rows, start.column), _Place(end.row - rows, end.column))
        self.text = edit.text
