"""What is known of every expression of an open document, ready to be looked up: a worker makes it, the front reads it.

Definitions
    table   `torchlint.frontends.server.messages.Table`
    parts   the documents of one linted text: the file itself, or the cells of a notebook

Worked example: in row 22, ``output = model(frames)`` has four places: ``output``, ``model(frames)``, ``model`` and
``frames``; the first two share a text, ``float32[B, 1, 256, 256] · range (−∞, ∞) · logits · from self.head
(model.py:31)``, and the trail that leads there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from torchlint.diagnostic import Location, Span
from torchlint.facts.known import Known, KnownValues
from torchlint.facts.wording import SEPARATOR
from torchlint.flow.spell import spell
from torchlint.flow.values import Place as Node
from torchlint.frontends.server.messages import Hint, Place, Table
from torchlint.report.lsp import Places, span_range
from torchlint.syntax import ir
from torchlint.syntax.rewrite import expressions
from torchlint.syntax.spans import Spans, Stretch, spans

#: The longest text of a line; longer ones help nobody.
LONGEST = 300


class File:
    """A file that values come from: where its nodes stand, and which they are; worked out when it is needed."""

    def __init__(self, text: str, module: ir.Module) -> None:
        self.spans: Spans = spans(text, module)
        self._module = module
        self._nodes: dict[int, ir.Expr] | None = None

    def node(self, number: int) -> ir.Expr | None:
        """The expression with a number."""
        if self._nodes is None:
            self._nodes = expressions(self._module)
        return self._nodes.get(number)

    def stretch(self, number: int) -> Stretch | None:
        """Where the expression or statement with a number stands."""
        return self.spans.expressions.get(number) or self.spans.statements.get(number)

    @cached_property
    def loops(self) -> set[str]:
        """The names that a ``for`` binds."""
        found: set[str] = set()
        pending: list[ir.Node] = [self._module]
        while pending:
            for one in ir.blocks(pending.pop()):
                if isinstance(one, ir.For):
                    targets = one.target.items if isinstance(one.target, ir.TupleExpr) else [one.target]
                    found.update(target.name for target in targets if isinstance(target, ir.Name))
                pending.append(one)
        return found


class Files:
    """The files of a project, as far as values come from them; kept while their texts stay what they are."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, File]] = {}

    def of(self, path: str, text: str | None, module: ir.Module | None) -> File | None:
        """A file of this text, or None if it has none."""
        if text is None or module is None:
            return None
        known = self._files.get(path)
        if known is None or known[0] != text:
            known = self._files[path] = text, File(text, module)
        return known[1]


class Maker:
    """Makes tables.

    files: by path as analysed; None for one that cannot be had. within: a span of an analysed text in its document.
    places: how the client knows places.
    """

    def __init__(self, files: Callable[[str], File | None], within: Callable[[Span], Span], places: Places) -> None:
        self._files = files
        self._within = within
        self._places = places
        self._uris: dict[tuple[str, int], str] = {}
        self._steps: dict[Node, dict[str, Any] | None] = {}

    def tables(self, path: str, values: KnownValues, stamp: int, versions: Mapping[str, int]) -> list[Table]:
        """The tables of the documents of a file; `versions` are those of the open ones, by URI."""
        file = self._files(path)
        made: dict[str, _Draft] = {}
        if file is not None:
            for stretch, said, hint in _placed(file, values):
                span = self._within(_span(path, stretch))
                uri = self._uri(span)
                if uri in versions:
                    after = None if hint is None else self._within(_span(path, hint)).end
                    made.setdefault(uri, _Draft()).add(span, said, after, hint != stretch, self)
        return [(made.get(uri) or _Draft()).table(stamp, uri, version) for uri, version in versions.items()]

    def line(self, one: Known) -> str:
        """What is known of a value, in one line."""
        after = "".join(self._origin(one, one.origin)) if one.origin is not None else ""
        if one.when:
            after += f" … if {one.when}"
        room = LONGEST - len(after)
        return (one.text if len(one.text) <= room else f"{one.text[: room - 1]}…") + after

    def _origin(self, one: Known, origin: Node) -> Iterator[str]:
        """How a value came to be: its operation, and where that is."""
        file = self._files(origin.path)
        name = one.name
        if name:
            node = file.node(origin.n) if file is not None else None
            spelled = spell(node.func if isinstance(node, ir.Call) else node)
            name = name if spelled in ("", "…") else spelled
        stretch = None if file is None else file.stretch(origin.n)
        where = ""
        if stretch is not None:
            span = self._within(_span(origin.path, stretch))
            cell = f", cell {span.cell}" if span.cell else ""
            where = f"{os.path.basename(span.path)}{cell}:{span.start.row}"
        if name or where:
            yield f"{SEPARATOR}{one.verb} {name}"
            yield f" ({where})" if name and where else where

    def step(self, node: Node) -> dict[str, Any] | None:
        """A place that values came through, as a location; None if it is not known."""
        if node not in self._steps:
            file = self._files(node.path)
            stretch = None if file is None else file.stretch(node.n)
            span = None if stretch is None else self._within(_span(node.path, stretch))
            location = None if span is None else {"uri": self._uri(span), "range": span_range(span, self._places)}
            self._steps[node] = location
        return self._steps[node]

    def _uri(self, span: Span) -> str:
        key = span.path, span.cell
        if key not in self._uris:
            self._uris[key] = self._places.uri(span)
        return self._uris[key]


class _Draft:
    """A table that grows: each text, trail and step is there once."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.hints: list[Hint] = []
        self._texts: dict[str, int] = {}
        self._trails: dict[tuple[int, ...], int] = {}
        self._steps: list[dict[str, Any]] = []
        self._numbers: dict[int, int] = {}
        self._lines: dict[int, tuple[list[Known], int, int]] = {}

    def add(self, span: Span, said: list[Known], after: Location | None, annotated: bool, maker: Maker) -> None:
        """An expression, and what is known of it; if something is bound there, behind what to hint at it, and whether
        that is an annotation."""
        start, end = span.start, span.end
        if id(said) not in self._lines:
            steps = next((one.steps for one in said if one.steps), ())
            trail = self._trail([step for node in steps if (step := maker.step(node)) is not None])
            self._lines[id(said)] = said, self._text("\n".join(maker.line(one) for one in said)), trail
        _, text, trail = self._lines[id(said)]
        self.places.append(Place(start.row, start.column, end.row, end.column, text, trail))
        if after is not None:
            shapes = dict.fromkeys(one.shape for one in said)
            ranges = dict.fromkeys(one.range for one in said)
            shape, reach = (next(iter(some)) if len(some) == 1 else "" for some in (shapes, ranges))
            if shape or reach:
                first, second = (self._text(words) if words else -1 for words in (shape, reach))
                self.hints.append(Hint(after.row, after.column, first, second, annotated))

    def take(self, table: Table, shift: Shift | None = None) -> None:
        """What another table of the document knows of expressions of which nothing is known yet; `shift`: where they
        stand, if its text is an older one."""
        known = {(one.row, one.column, one.last, one.end) for one in self.places}
        trails = {-1: -1}
        for one in (*table.tall, *table.places):
            stretch: Stretch | None = one.row, one.column, one.last, one.end
            if shift is not None:
                stretch = shift.stretch(one.row, one.column, one.last, one.end)
            if stretch is None or stretch in known:
                continue
            if one.trail not in trails:
                trails[one.trail] = self._trail([table.steps[index] for index in table.trails[one.trail]])
            self.places.append(Place(*stretch, self._text(table.texts[one.text]), trails[one.trail]))
        for hint in table.hints:
            stretch = hint.row, hint.column, hint.row, hint.column
            if shift is not None:
                stretch = shift.stretch(*stretch)
            if stretch is not None:
                shape, reach = (
                    self._text(table.texts[index]) if index >= 0 else -1 for index in (hint.shape, hint.range)
                )
                self.hints.append(Hint(stretch[0], stretch[1], shape, reach, hint.annotated))

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _trail(self, steps: Sequence[dict[str, Any]]) -> int:
        for step in steps:
            if id(step) not in self._numbers:
                self._numbers[id(step)] = len(self._steps)
                self._steps.append(step)
        numbers = tuple(self._numbers[id(step)] for step in steps)
        return self._trails.setdefault(numbers, len(self._trails)) if numbers else -1

    def table(self, stamp: int, uri: str, version: int) -> Table:
        """The table, sorted."""
        tall = [one for one in self.places if one.row != one.last]
        flat = sorted((one for one in self.places if one.row == one.last), key=lambda one: (one.row, one.column))
        hints = {(one.row, one.column): one for one in reversed(self.hints)}
        ordered = [hints[place] for place in sorted(hints)]
        trails = [list(trail) for trail in self._trails]
        return Table(stamp, uri, version, list(self._texts), tall, flat, ordered, trails, self._steps)


def nothing(stamp: int, uri: str, version: int) -> Table:
    """The table of a document of whose expressions nothing is known."""
    return _Draft().table(stamp, uri, version)


class Shift:
    """From the places of an old text to those of a new one, which differ in one stretch. What stands in rows that this
    touches has no place in the new one, unless nothing is different but white space."""

    def __init__(self, old: str, new: str) -> None:
        before = _alike(old, new)
        after = min(len(old) - before, len(new) - before, _alike(old[::-1], new[::-1]))
        if (old[before : len(old) - after] + new[before : len(new) - after]).strip():
            before = old.rfind("\n", 0, before) + 1
            if any(text[: len(text) - after][-1:] not in ("", "\n") for text in (old, new)):
                end = old.find("\n", len(old) - after)
                after = len(old) - end if end >= 0 else 0
        while before and any(_WORD.match(text[before - 1 : before + 1]) for text in (old, new)):
            before -= 1
        while after and any(_WORD.match(text[len(text) - after - 1 : len(text) - after + 1]) for text in (old, new)):
            after -= 1
        self._before = _point(old, before)
        self._after = _point(old, len(old) - after)
        row, column = _point(new, len(new) - after)
        self._rows, self._columns = row - self._after[0], column - self._after[1]

    def stretch(self, row: int, column: int, last: int, end: int) -> Stretch | None:
        """Where a stretch of the old text is now; None if it is another."""
        if (last, end) <= self._before:
            return row, column, last, end
        if (row, column) < self._after:
            return None
        return (*self._moved(row, column), *self._moved(last, end))

    def _moved(self, row: int, column: int) -> tuple[int, int]:
        return row + self._rows, column + (self._columns if row == self._after[0] else 0)


#: Two characters of which the second goes on with the name that the first belongs to.
_WORD = re.compile(r"\w\w")

_LINE_END = re.compile(r"\r\n|\r|\n")


def _alike(first: str, second: str) -> int:
    """With how many characters both texts begin alike."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _point(text: str, offset: int) -> tuple[int, int]:
    """The row and column of a character, from 1; between a carriage return and a line feed, the end of the row."""
    rows = _LINE_END.split(text[: offset + (text[offset - 1 : offset + 1] == "\r\n")])
    return len(rows), len(rows[-1]) + 1


def shifted(table: Table, shift: Shift) -> Table:
    """What is still known of a text after an edit, where it stands now."""
    draft = _Draft()
    draft.take(table, shift)
    return draft.table(table.stamp, table.uri, table.version)


def merged(table: Table, other: Table) -> Table:
    """A table, and what another one knows of expressions of which this one knows nothing."""
    draft = _Draft()
    draft.take(table)
    draft.take(other)
    return draft.table(table.stamp, table.uri, table.version)


def _placed(file: File, values: KnownValues) -> Iterator[tuple[Stretch, list[Known], Stretch | None]]:
    """Every expression of which something is known, and if something is bound there, behind what to hint at it: itself
    or its annotation. Of a literal nothing is known but what it says itself; a name that a loop binds is no constant,
    whatever it was first."""
    found = file.spans
    loops = file.loops
    for number, said in values.expressions.items():
        stretch = found.expressions.get(number)
        node = file.node(number)
        if stretch is None or isinstance(node, ir.Const):
            continue
        if isinstance(node, ir.Name) and node.name in loops:
            said = [one for one in said if one.origin is not None or one.shape]
        if said:
            yield stretch, said, found.annotations.get(number, stretch) if number in found.bound else None
    for key, said in values.parameters.items():
        stretch = found.parameters.get(key)
        if stretch is not None:
            yield stretch, said, found.annotations.get(key, stretch)


def _span(path: str, stretch: Stretch) -> Span:
    row, column, last, end = stretch
    return Span(path, Location(row, column), Location(last, end))
