"""A file cut at its top-level statements, so that a look at one of them need not parse the others again.

Definitions
    piece  whole rows with one top-level statement, or several that share a row; comments and empty rows before it are
           no part of it

A piece parses by itself, to the same IR with the same numbers, counted from its first. Where the pieces lie is asked of
Python's own parser, which takes a seventh of the time of libcst's and places statements, though not their parts as
reports need them.

Worked example: the pieces of ``import torch\\n\\ndef f(x):\\n    return x\\n`` are row 1, and rows 3 to 4.
"""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from torchlint.source.edit import Change, Offsets, OverlapError, applied
from torchlint.syntax import ir


class Piece(NamedTuple):
    """Rows `first` to `last`, from 1; what they say, and the first number of a node in them."""

    first: int
    last: int
    text: str
    module: ir.Module
    number: int


class Pieces:
    """The pieces of a text, in order."""

    def __init__(self, found: Sequence[Piece]) -> None:
        self._found = found
        self._numbers = [piece.number for piece in found]
        self._rows = [piece.first for piece in found]

    def of_number(self, number: int) -> Piece | None:
        """The piece that holds the node with a number, if there is such a node."""
        index = bisect_right(self._numbers, number) - 1
        return self._found[index] if index >= 0 else None

    def edited(self, edits: Sequence[Change]) -> list[tuple[Piece, str]] | None:
        """The pieces in which there are edits, with their new texts.

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
            piece = self._found[index]
            try:
                new = applied(piece.text, [_Moved(edit, piece.first - 1) for edit in some])
            except OverlapError:
                return None
            if new and piece.text.endswith(("\n", "\r")) and not new.endswith(("\n", "\r")):
                return None
            texts.append((piece, new))
        return texts


def pieces(text: str, module: ir.Module) -> Pieces | None:
    """The pieces of a text whose IR is `module`; None where Python's parser does not see the same statements."""
    rows = _rows(text)
    if rows is None or len(rows) != len(module.body):
        return None
    groups: list[tuple[int, int, int, int]] = []  # first and last row, first statement and the one after the last
    for index, (first, last) in enumerate(rows):
        if groups and first <= groups[-1][1]:
            groups[-1] = (groups[-1][0], max(last, groups[-1][1]), groups[-1][2], index + 1)
        else:
            groups.append((first, last, index, index + 1))
    offsets = Offsets(text)
    return Pieces(
        [
            Piece(first, last, offsets.rows(text, first, last), ir.Module(module.body[i:j], []), module.body[i].n)
            for first, last, i, j in groups
        ]
    )


def _rows(text: str) -> list[tuple[int, int]] | None:
    """First and last row of each top-level statement."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return [(_first(node), node.end_lineno or node.lineno) for node in tree.body]


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _within(edit: Change, piece: Piece) -> bool:
    end = edit.span.end
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
