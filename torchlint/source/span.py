"""Places in a text. Rows and columns count from 1; columns count code points, as libcst and editors' messages do."""

from __future__ import annotations

import msgspec


class Location(msgspec.Struct, frozen=True, order=True):
    """A place in a text: `row` and `column` from 1."""

    row: int
    column: int


class Span(msgspec.Struct, frozen=True, order=True):
    """A stretch of one file, end exclusive. `path` is as the user would write it.

    `cell` is the number of a notebook's cell, from 1, whose rows `start` and `end` count; 0 in any other file.
    """

    path: str
    start: Location
    end: Location
    cell: int = 0
