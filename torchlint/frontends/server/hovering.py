"""What is known of the expression under the cursor: hovers, hints beside names, and where a value comes from.

All three look something up in the table that a worker has sent (`torchlint.frontends.server.tables`): nothing is
analysed, parsed or read for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from torchlint.engine import registry
from torchlint.frontends.pages import about
from torchlint.frontends.server.messages import Place, Table
from torchlint.frontends.server.texts import Text
from torchlint.report.lsp import UNITS

if TYPE_CHECKING:
    from torchlint.frontends.server.front import Front

#: A comment that silences rules, and a code in it.
_COMMENT = re.compile(r"#\s*(?:noqa\b|torchlint:\s*(?:file-)?\w+)(?P<codes>.*)", re.IGNORECASE)
_CODE = re.compile(r"\bTL\d{3}\b", re.IGNORECASE)


class Cursor:
    """A position in an open document, and its line."""

    def __init__(self, front: Front, uri: str, position: types.Position) -> None:
        document = front.workspace.get_text_document(uri)
        assert isinstance(document, Text)
        lines = document.lines
        self.line = lines[position.line].rstrip("\r\n") if position.line < len(lines) else ""
        self.row = position.line + 1
        self.column = document.column(self.line, position.character) + 1

    def code(self) -> tuple[str, int, int] | None:
        """The rule that a comment names here, and its columns."""
        comment = _COMMENT.search(self.line)
        for found in _CODE.finditer(self.line, comment.start("codes")) if comment is not None else ():
            if found.start() < self.column <= found.end() + 1:
                return found[0].upper(), found.start() + 1, found.end() + 1
        return None

    def place(self, table: Table) -> Place | None:
        """The innermost expression here of which something is known; at the end of a name, that name still counts."""
        here = (self.row, self.column)
        found = [one for one in table.places if (one.row, one.column) <= here <= (one.last, one.end)]
        inside = [one for one in found if here < (one.last, one.end)] or found
        return min(inside, key=lambda one: (one.last - one.row, one.end - one.column), default=None)


def register(front: Front) -> None:
    """Answer questions about what is known."""

    @front.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        uri = params.text_document.uri
        folder = front.folder_with(uri)
        if folder is None or not front.settings.hover or not front.settings.enable or uri not in folder.versions:
            return None
        cursor = Cursor(front, uri, params.position)
        code = cursor.code()
        if code is not None:
            said = about(code[0], registry.load(()))
            place = Place(cursor.row, code[1], cursor.row, code[2], 0, -1)
            return None if said is None else types.Hover(_page(front, said.page), _range(front, uri, place))
        table = await folder.table(uri)
        if table is None:
            return None
        cursor = Cursor(front, uri, params.position)
        found = cursor.place(table)
        return None if found is None else types.Hover(_words(front, table.texts[found.text]), _range(front, uri, found))

    @front.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        uri = params.text_document.uri
        wanted = front.settings.inlay_hints
        folder = front.folder_with(uri)
        if folder is None or not front.settings.enable or not (wanted.shapes or wanted.ranges):
            return []
        table = await folder.table(uri)
        if table is None:
            return []
        made: list[types.InlayHint] = []
        seen: set[tuple[int, int]] = set()
        for hint in sorted(table.hints, key=lambda one: (one.row, one.column)):
            if not params.range.start.line < hint.row <= params.range.end.line + 1 or (hint.row, hint.column) in seen:
                continue
            seen.add((hint.row, hint.column))
            indices = [hint.shape if wanted.shapes else -1, hint.range if wanted.ranges else -1]
            words = [table.texts[index] for index in indices if index >= 0]
            if words:
                place = _position(front, uri, hint.row, hint.column)
                label = ": " + " ".join(words)
                made.append(types.InlayHint(position=place, label=label, kind=types.InlayHintKind.Type))
        return made

    @front.feature(types.TEXT_DOCUMENT_DECLARATION)
    async def source(params: types.DeclarationParams) -> list[types.Location]:
        uri = params.text_document.uri
        folder = front.folder_with(uri)
        table = None if folder is None or not front.settings.enable else await folder.table(uri)
        found = None if table is None else Cursor(front, uri, params.position).place(table)
        if table is None or found is None or found.trail < 0:
            return []
        locations: list[types.Location] = front.protocol._converter.structure(
            table.trails[found.trail], list[types.Location]
        )
        return locations


def _page(front: Front, page: str) -> types.MarkupContent:
    """A rule's page."""
    return types.MarkupContent(_kind(front), page)


def _words(front: Front, text: str) -> types.MarkupContent:
    """What is known of an expression: a line a value."""
    if _kind(front) is types.MarkupKind.PlainText:
        return types.MarkupContent(types.MarkupKind.PlainText, text)
    lines = [re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", line) for line in text.split("\n")]
    return types.MarkupContent(types.MarkupKind.Markdown, "  \n".join(lines))


def _kind(front: Front) -> types.MarkupKind:
    formats = front.can("text_document.hover.content_format") or [types.MarkupKind.Markdown]
    return next((one for one in formats if one in tuple(types.MarkupKind)), types.MarkupKind.PlainText)


def _range(front: Front, uri: str, place: Place) -> types.Range:
    start = _position(front, uri, place.row, place.column)
    return types.Range(start, _position(front, uri, place.last, place.end))


def _position(front: Front, uri: str, row: int, column: int) -> types.Position:
    document = front.workspace.get_text_document(uri)
    lines = document.lines
    line = lines[row - 1].rstrip("\r\n") if row <= len(lines) else ""
    units = UNITS[str(getattr(front.workspace.position_encoding, "value", front.workspace.position_encoding))]
    return types.Position(row - 1, units(line, column))
