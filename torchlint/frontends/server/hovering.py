"""What is known of the expression under the cursor: hovers, hints beside names, and where a value comes from.

All three look something up in the table that a worker has sent (`torchlint.frontends.server.tables`): nothing is
analysed or parsed for them. The pages of rules, which are shown where a comment names one, are read once.

Worked example: the cursor stands in ``output`` of ``criterion(output, masks)  # noqa: TL101``; the innermost place
around it is that name, whose text is shown. Where it stands in ``TL101``, that rule's page is.
"""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left, bisect_right
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types

from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server import commands
from torchlint.frontends.server.messages import Hint, Place, Table
from torchlint.frontends.server.settings import InlayHints
from torchlint.frontends.server.texts import Text
from torchlint.report.lsp import UNITS

if TYPE_CHECKING:
    from torchlint.frontends.server.front import Front

#: A comment that silences rules, and what may be a code or a name in it.
_COMMENT = re.compile(r"#\s*(?:(?:flake8[:=]\s*)?noqa\b|torchlint:\s*[\w-]+)(?P<words>.*)", re.IGNORECASE)
_WORD = re.compile(r"\bTL\d{3}\b|[a-z][a-z0-9]*(?:-[a-z0-9]+)+", re.IGNORECASE)

#: What means something in Markdown.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|])")


class Cursor:
    """A position in an open document, and its line."""

    def __init__(self, document: Text, position: types.Position) -> None:
        lines = document.lines
        self.line = lines[position.line].rstrip("\r\n") if position.line < len(lines) else ""
        self.row = position.line + 1
        self.column = document.column(self.line, position.character) + 1

    def rule(self) -> tuple[str, Place] | None:
        """What may be the code or name of a rule in a comment that silences some, and where it stands."""
        comment = _COMMENT.search(self.line)
        for found in _WORD.finditer(self.line, comment.start("words")) if comment is not None else ():
            if found.start() < self.column <= found.end() + 1:
                return found[0], Place(self.row, found.start() + 1, self.row, found.end() + 1, -1, -1)
        return None

    def place(self, table: Table) -> Place | None:
        """The innermost expression here of which something is known; at the end of a name, that name still counts."""
        here = self.row, self.column
        flat = table.places
        first = bisect_left(flat, self.row, key=_row)
        around = flat[first : bisect_right(flat, self.row, first, key=_row)] + table.tall
        found = [one for one in around if (one.row, one.column) <= here <= (one.last, one.end)]
        inside = [one for one in found if here < (one.last, one.end)] or found
        return min(inside, key=lambda one: (one.last - one.row, one.end - one.column), default=None)


def _row(one: Place | Hint) -> int:
    return one.row


class Document:
    """A document as a request finds it, and the table of just this text once it is there."""

    def __init__(self, front: Front, uri: str) -> None:
        self._front = front
        self._folder = front.folder_with(uri) if front.settings.enable else None
        self._open = unquote(uri) in front.workspace.text_documents
        self.text = front.workspace.get_text_document(uri)
        self._uri = self.text.uri
        self._source = self.text.source

    def cursor(self, position: types.Position) -> Cursor:
        """A position in it."""
        assert isinstance(self.text, Text)
        return Cursor(self.text, position)

    async def table(self) -> Table | None:
        """What is known of its expressions; None if that is not known of this text, or it is another by now."""
        folder = self._folder
        if folder is None or not self._open or not self._front.is_sent(folder, self._uri):
            return None
        found = await folder.table(self._uri)
        return found if self.text.source == self._source else None

    @property
    def looked_at(self) -> bool:
        """Whether anything is said of it."""
        return self._folder is not None and self._open

    def range(self, place: Place) -> types.Range:
        """Where an expression stands."""
        return types.Range(self.position(place.row, place.column), self.position(place.last, place.end))

    def position(self, row: int, column: int) -> types.Position:
        """A place as the client knows it."""
        lines = self.text.lines
        line = lines[row - 1].rstrip("\r\n") if row <= len(lines) else ""
        encoding = self._front.workspace.position_encoding
        return types.Position(row - 1, UNITS[str(getattr(encoding, "value", encoding))](line, column))


def register(front: Front) -> None:
    """Answer questions about what is known."""

    @front.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        document = Document(front, params.text_document.uri)
        if not (front.settings.hover and document.looked_at):
            return None
        cursor = document.cursor(params.position)
        rule = cursor.rule()
        if rule is not None:
            said = await asyncio.to_thread(_page, rule[0])
            page = None if said is None else types.MarkupContent(_kind(front), said)
            return None if page is None else types.Hover(page, document.range(rule[1]))
        table = await document.table()
        found = None if table is None else cursor.place(table)
        if table is None or found is None:
            return None
        return types.Hover(_words(front, table.texts[found.text]), document.range(found))

    @front.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        wanted = front.settings.inlay_hints
        if not (wanted.shapes or wanted.ranges):
            return []
        document = Document(front, params.text_document.uri)
        table = await document.table()
        if table is None:
            return []
        made: list[types.InlayHint] = []
        first = bisect_left(table.hints, params.range.start.line + 1, key=_row)
        for hint in table.hints[first : bisect_right(table.hints, params.range.end.line + 1, first, key=_row)]:
            place = document.position(hint.row, hint.column)
            label = _label(table, hint, wanted)
            if label and _within(place, params.range):
                made.append(types.InlayHint(place, label, types.InlayHintKind.Type, padding_left=hint.annotated))
        return made

    @front.feature(types.TEXT_DOCUMENT_DECLARATION)
    async def source(params: types.DeclarationParams) -> list[types.Location]:
        document = Document(front, params.text_document.uri)
        table = await document.table()
        found = None if table is None else document.cursor(params.position).place(table)
        if table is None or found is None or found.trail < 0:
            return []
        locations: list[types.Location] = front.protocol._converter.structure(
            [table.steps[index] for index in table.trails[found.trail]], list[types.Location]
        )
        return locations


def _within(place: types.Position, wanted: types.Range) -> bool:
    start, end = wanted.start, wanted.end
    return (start.line, start.character) <= (place.line, place.character) <= (end.line, end.character)


def _label(table: Table, hint: Hint, wanted: InlayHints) -> str:
    """What stands beside a name, or beside its annotation."""
    words = [table.texts[hint.shape]] if wanted.shapes and hint.shape >= 0 else []
    if wanted.ranges and hint.range >= 0:
        reach = table.texts[hint.range]
        words.append(reach if reach.startswith("within") else f"in {reach}")
    return f"{'' if hint.annotated else ': '}{' '.join(words)}" if words else ""


@cache
def _page(word: str) -> str | None:
    """The page of the rule of this code or name, read once; None if there is no such rule."""
    try:
        return commands.page(word.upper() if "-" not in word else word.lower()).text
    except UsageError:
        return None


def _words(front: Front, text: str) -> types.MarkupContent:
    """What is known of an expression: a line a value."""
    if _kind(front) is types.MarkupKind.PlainText:
        return types.MarkupContent(types.MarkupKind.PlainText, text)
    lines = [_MARKUP.sub(r"\\\1", line) for line in text.split("\n")]
    return types.MarkupContent(types.MarkupKind.Markdown, "  \n".join(lines))


def _kind(front: Front) -> types.MarkupKind:
    """The format that the client likes best; one that says nothing can show Markdown."""
    formats = front.can("text_document.hover.content_format")
    return types.MarkupKind(formats[0]) if formats else types.MarkupKind.Markdown
