"""Notebooks as Python text, and changed text as a notebook again.

Definitions
    cell      one entry of a notebook; all cells are counted, from 1, but only those that hold Python are read
    masked    with Python in place of IPython's magics, of the same rows and columns: see `torchlint.source.magics`
    joined    the masked cells one after another as one Python text, in which names flow from cell to cell
    broken    a cell that is no Python even so

Worked example: a notebook whose cell 2 holds ``%matplotlib inline`` and ``x = f()`` and whose cell 4 holds ``g(x)`` is
joined to two empty rows, ``#``, ``x = f()``, an empty row and ``g(x)``. Row 6 of that is row 1 of cell 4.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from codecs import BOM_UTF8
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from torchlint.source.magics import CELL_MAGIC, LINE_END, Mask, effects, is_indented, masked, runs_elsewhere

_SWITCH = re.compile(r"#\s*torchlint:\s*(off|on)(?![\w-])")
_ON = "# torchlint: on"


class NotebookError(ValueError):
    """A file that is no notebook, or a text that cannot be put back into one. The message says why."""


@dataclass(frozen=True)
class Cell:
    """A Python cell. `source` is what it holds; `text` the same, masked, and `masks` where that is not the same."""

    number: int
    source: str
    text: str
    masks: tuple[Mask, ...]

    @property
    def alone(self) -> str:
        """The masked cell below a row that lets it be indented, as IPython does."""
        return f"{'if 1:' if is_indented(self.text) else ''}\n{self.text}"

    @cached_property
    def rows(self) -> list[str]:
        """The rows of the source, without their ends."""
        return LINE_END.split(self.source)


@dataclass(frozen=True, slots=True)
class Notebook:
    """The Python cells of a notebook, and how the rows of most of them end."""

    cells: tuple[Cell, ...]
    end: str

    def joined(self, broken: Collection[int] = ()) -> Joined:
        """The cells as one text. Of the cells with the numbers `broken` only their effects remain: see `effects`."""
        # two rows keep a comment that names an encoding out of those in which it would be believed
        parts = [self.end]
        row = 2
        before = ""
        firsts: list[int] = []
        for cell in self.cells:
            text = effects(cell.source) if cell.number in broken else cell.text
            # the row above a cell ends what a comment has switched off before, and carries an indented one
            above = ("if 1:  " if is_indented(text) else "") + (_ON if _SWITCH.findall(before)[-1:] == ["off"] else "")
            below = "\r\n" if text.endswith("\r") else self.end  # a carriage return and a line feed would be one end
            parts += [above.rstrip(), self.end, text, below]
            before = text
            firsts.append(row + 1)
            row += 1 + len(LINE_END.findall(text + below))
        return Joined("".join(parts), self.cells, tuple(firsts), frozenset(broken))


# --- reading -------------------------------------------------------------------------------------------------------


def read(raw: bytes) -> Notebook:
    """The Python cells of a notebook; of one in another language, none.

    Raises:
        NotebookError: it is no notebook.
    """
    document = _loaded(_text(raw))
    if not isinstance(document, dict):
        raise NotebookError("this is no notebook: its JSON is no object")
    cells = _cells(document)
    if cells is None:
        raise NotebookError("this is no notebook: it has no list of cells")
    sources = list(_python(cells)) if _is_python(document) else []
    ends = (found[0] for _, source in sources if (found := re.search(r"\r?\n", source)) is not None)
    end = next(ends, "\n")
    return Notebook(tuple(cell(number, source) for number, source in sources), end)


def cell(number: int, source: str) -> Cell:
    """A Python cell of this source."""
    text, masks = masked(source)
    return Cell(number, source, text, tuple(masks))


def _text(raw: bytes) -> str:
    try:
        return raw.removeprefix(BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotebookError(f"this is no notebook: byte 0x{raw[error.start]:02x} is not valid utf-8") from error


#: Whole numbers of thousands of digits are no problem as floats.
_DECODER = json.JSONDecoder(parse_int=float)


def _loaded(text: str) -> object:
    try:
        found: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"row {error.lineno}, column {error.colno}"
        raise NotebookError(f"this is no notebook: its JSON is broken at {where}") from error
    except RecursionError as error:
        raise NotebookError("this is no notebook: its JSON is nested too deeply") from error
    return found


def _cells(document: Mapping[str, Any]) -> list[object] | None:
    """The cells in order; those of all worksheets in the format of 2011 to 2014."""
    cells = document.get("cells")
    if isinstance(cells, list):
        return cells
    sheets = document.get("worksheets")
    if not isinstance(sheets, list):
        return None
    inner = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [cell for some in inner if isinstance(some, list) for cell in some]


def _is_python(document: Mapping[str, Any]) -> bool:
    metadata = document.get("metadata")
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        inner = metadata.get(part) if isinstance(metadata, dict) else None
        language = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(language, str) and language:
            return "python" in language.lower()
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = kernel.get("name") if isinstance(kernel, dict) else None
    return not isinstance(name, str) or re.match(_OTHER_KERNELS, name) is None


#: Kernels whose name says their language.
_OTHER_KERNELS = r"ir\b|julia|xcpp|bash|octave|matlab|scala|spylon|java|deno|tslab|rust|gophernotes|sos\b"


def _python(cells: Sequence[object]) -> Iterator[tuple[int, str]]:
    """Number and source of each cell that holds Python which runs in the notebook's own process."""
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        if str(cell.get("language", "python")).lower() != "python" or _foreign(cell.get("metadata")):
            continue
        source = _source(cell.get(_key(cell)))
        if not runs_elsewhere(source):
            yield number, source


def _foreign(metadata: object) -> bool:
    editor = metadata.get("vscode") if isinstance(metadata, dict) else None
    language = editor.get("languageId") if isinstance(editor, dict) else None
    return language not in (None, "python")


def _key(cell: Container[str]) -> str:
    return "source" if "source" in cell or "input" not in cell else "input"


def _source(value: object) -> str:
    if isinstance(value, str):
        return value
    return "".join(item for item in value if isinstance(item, str)) if isinstance(value, list) else ""


# --- places ----------------------------------------------------------------------------------------------------------

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Joined:
    """The cells of a notebook as one Python text, and where its rows stand in the notebook.

    firsts: the row of the text on which each cell begins.
    """

    text: str
    cells: tuple[Cell, ...]
    firsts: tuple[int, ...]
    broken: frozenset[int]

    def span(self, start: Point, end: Point) -> tuple[int, Point, Point]:
        """The cell where a stretch begins, and its ends (row and column) there; what goes beyond the cell is cut off.

        There must be a cell.
        """
        index = max(bisect_right(self.firsts, start[0]) - 1, 0)
        here = self._within(index, start)
        return self.cells[index].number, here, max(here, self._within(index, end))

    def holds(self, row: int) -> bool:
        """Whether a row is that of a cell, or above all of them; not of what stands between cells."""
        index = bisect_right(self.firsts, row) - 1
        return index < 0 or row - self.firsts[index] < len(self.cells[index].rows)

    def edit(self, start: Point, end: Point, text: str) -> tuple[int, Point, Point, str] | None:
        """A change of the text as a change of one cell; None if it is none, or would change a magic."""
        if start == end and start[0] < self.firsts[0]:
            return self._on_top(text)
        number, here, there = self.span(start, end)
        index = max(bisect_right(self.firsts, start[0]) - 1, 0)
        cell, first = self.cells[index], self.firsts[index]
        if number in self.broken:
            return None
        if start == end and start[0] - first + 1 > len(cell.rows):
            # new rows below the last one, which has no end
            return number, here, there, _LAST_END.sub(r"\2\1", text)
        exact = here == (start[0] - first + 1, start[1]) and there == (end[0] - first + 1, end[1])
        if not exact or any(here <= (mask.row, mask.end - 1) and (mask.row, mask.start) < there for mask in cell.masks):
            return None
        return number, here, there, text

    def _within(self, index: int, place: Point) -> Point:
        rows = self.cells[index].rows
        row = place[0] - self.firsts[index] + 1
        if row < 1:
            return 1, 1
        if row > len(rows):
            return len(rows), len(rows[-1]) + 1
        return row, min(place[1], len(rows[row - 1]) + 1)

    def _on_top(self, text: str) -> tuple[int, Point, Point, str] | None:
        """New rows on the top of the text, as those of the first cell that runs, below its cell magic."""
        for cell in self.cells:
            magic = CELL_MAGIC.match(cell.source)
            row = 1 if magic is None else len(LINE_END.findall(magic[0])) + 2
            if cell.number not in self.broken and row <= len(cell.rows):
                return cell.number, (row, 1), (row, 1), text
        return None


#: A last end of row, and what stands before it.
_LAST_END = re.compile(r"([\s\S]*?)(\r\n|\r|\n)\Z")


# --- writing ---------------------------------------------------------------------------------------------------------


def written_back(raw: bytes, sources: Mapping[int, str]) -> bytes:
    """The notebook with new sources in the cells of these numbers.

    Every byte stays but for those sources, and in them every row that stays the same.

    Raises:
        NotebookError: it is no notebook, or has no such cell.
    """
    text = _text(raw)
    old = {cell.number: cell.source for cell in read(raw).cells}
    if not sources.keys() <= old.keys():
        raise NotebookError("there is no such cell")
    plain = text.isascii() and _ESCAPED.search(text) is not None
    places = _cell_places(text)
    out: list[str] = []
    done = 0
    for number, source in sorted(sources.items()):
        if source == old[number]:
            continue
        members = _members(text, places[number - 1][0])
        start, end = members[_key(members)]
        out += [text[done:start], _exchanged(text, start, end, source, plain)]
        done = end
    head = BOM_UTF8 if raw.startswith(BOM_UTF8) else b""
    return head + "".join([*out, text[done:]]).encode("utf-8")


#: A character that JSON may hold as it is, written as an escape.
_ESCAPED = re.compile(r"\\u(?!00[01])")
_SPACE = re.compile(r"[ \t\n\r]*")

Stretch = tuple[int, int]


def _cell_places(text: str) -> list[Stretch]:
    """Where each cell stands in the JSON of a notebook."""
    document = _members(text, _after_space(text, 0))
    cells = document.get("cells")
    if cells is not None and text[cells[0]] == "[":
        return _items(text, cells[0])
    sheets = [_members(text, start) for start, _ in _items(text, document["worksheets"][0]) if text[start] == "{"]
    inner = [sheet["cells"][0] for sheet in sheets if "cells" in sheet]
    return [cell for start in inner if text[start] == "[" for cell in _items(text, start)]


def _members(text: str, start: int) -> dict[str, Stretch]:
    """Where the values of an object stand; of a key that is there twice, the last one."""
    found: dict[str, Stretch] = {}
    at = _after_space(text, start + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        value = _after_space(text, _after_space(text, at) + 1)
        _, end = _DECODER.raw_decode(text, value)
        found[key] = (value, end)
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def _items(text: str, start: int) -> list[Stretch]:
    """Where the items of an array stand."""
    found: list[Stretch] = []
    at = _after_space(text, start + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        found.append((at, end))
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _exchanged(text: str, start: int, end: int, source: str, plain: bool) -> str:
    """The JSON of a source, in the form that the one between two offsets has: one string, or one for each row."""
    if text[start] != "[":
        return _rewritten(text[start:end], source, plain)
    items = _items(text, start)
    old = [text[one:other] for one, other in items]
    by_row = {json.loads(literal).rstrip("\r\n"): literal for literal in old if literal.startswith('"')}
    rows = re.findall(r"[^\n]*\n|[^\n]+\Z", source)
    same_number = len(rows) == len(old) and len(by_row) > 0
    new: list[str] = []
    for index, row in enumerate(rows):
        known = by_row.get(row.rstrip("\r\n"), old[index] if same_number else '""')
        new.append(_rewritten(known, row, plain))
    if not items:
        return f"[{', '.join(new)}]"
    lead, tail = text[start + 1 : items[0][0]], text[items[-1][1] : end - 1]
    between = [text[one[1] : other[0]] for one, other in pairwise(items)]
    between += [between[0] if between else f",{lead}"] * len(new)
    inner = "".join(part for pair in zip(new, between) for part in pair)
    return f"[{lead}{inner.removesuffix(between[len(new) - 1])}{tail}]" if new else "[]"


_UNIT = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)


def _rewritten(literal: str, value: str, plain: bool) -> str:
    """The JSON of a string: what it has in common with another one at either end is spelled as there."""
    units = _UNIT.findall(literal[1:-1]) if literal.startswith('"') else []
    old = json.loads(literal) if units else ""
    if len(old) != len(units):
        units, old = [], ""
    shared = _alike(old, value)
    rest, tail = old[shared:], value[shared:]
    ending = _alike(rest[::-1], tail[::-1])
    middle = json.dumps(tail[: len(tail) - ending], ensure_ascii=plain)[1:-1]
    return '"' + "".join(units[:shared]) + middle + "".join(units[len(units) - ending :] if ending else []) + '"'


def _alike(one: str, other: str) -> int:
    """How many characters two strings have in common at their beginning."""
    pairs = enumerate(zip(one, other))
    return next((index for index, (here, there) in pairs if here != there), min(len(one), len(other)))
