"""An editor whose user points at things: hovers, hints beside names, and the way to where a value comes from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from lsprotocol import types

from tests.server.clients import PATIENCE, Editor, capabilities

#: How a position counts the characters before it.
UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


class Shown(NamedTuple):
    """A hover: what it says, and the piece of the document that it is about."""

    says: str
    about: str


def able(
    *, formats: list[types.MarkupKind] | None = None, encodings: list[str] | None = None, refresh: bool = False
) -> types.ClientCapabilities:
    """A client that can show hovers in these formats (plain text only unless told otherwise)."""
    capable = capabilities(encodings=encodings)
    assert capable.text_document is not None
    assert capable.workspace is not None
    capable.text_document.hover = types.HoverClientCapabilities(content_format=formats or [types.MarkupKind.PlainText])
    capable.text_document.inlay_hint = types.InlayHintClientCapabilities()
    capable.text_document.declaration = types.DeclarationClientCapabilities()
    capable.workspace.inlay_hint = types.InlayHintWorkspaceClientCapabilities(refresh_support=refresh)
    return capable


def cut(text: str, place: types.Range, encoding: str) -> str:
    """The piece of a text that a range is about."""
    codec, size = UNITS[encoding]
    lines = text.split("\n")
    rows = lines[place.start.line : place.end.line + 1]
    rows[-1] = rows[-1].encode(codec)[: place.end.character * size].decode(codec)
    rows[0] = rows[0].encode(codec)[place.start.character * size :].decode(codec)
    return "\n".join(rows)


def position(text: str, marked: str, encoding: str = "utf-16") -> types.Position:
    """The place of the ``|`` in a piece of a text that is there without it."""
    before, bar, after = marked.partition("|")
    assert bar
    assert text.count(before + after) == 1, f"{text.count(before + after)} times: {before + after!r}"
    head = text[: text.index(before + after) + len(before)]
    codec, size = UNITS[encoding]
    return types.Position(head.count("\n"), len(head.rpartition("\n")[2].encode(codec)) // size)


class Pointer:
    """Points into a document of an editor."""

    def __init__(self, editor: Editor, uri: str) -> None:
        self._editor = editor
        self.uri = uri
        encoding = editor.result.capabilities.position_encoding
        self.encoding = "utf-16" if encoding is None else str(getattr(encoding, "value", encoding))

    @property
    def _text(self) -> str:
        return self._editor.texts[self.uri]

    async def raw(self, marked: str) -> types.Hover | None:
        """The hover at the mark."""
        here = types.TextDocumentIdentifier(self.uri)
        params = types.HoverParams(here, position(self._text, marked, self.encoding))
        return await asyncio.wait_for(self._editor.client.text_document_hover_async(params), PATIENCE)

    async def hover(self, marked: str) -> Shown | None:
        """What is shown at the mark."""
        found = await self.raw(marked)
        if found is None:
            return None
        assert isinstance(found.contents, types.MarkupContent)
        assert found.range is not None
        return Shown(found.contents.value, cut(self._text, found.range, self.encoding))

    async def hints(self, first: int = 0, last: int = 10**6) -> dict[str, str]:
        """The hints in some rows (from 0): each with the line up to where it stands."""
        place = types.Range(types.Position(first, 0), types.Position(last, 0))
        params = types.InlayHintParams(types.TextDocumentIdentifier(self.uri), place)
        found = await asyncio.wait_for(self._editor.client.text_document_inlay_hint_async(params), PATIENCE)
        shown: dict[str, str] = {}
        for one in found or ():
            start = types.Position(one.position.line, 0)
            before = cut(self._text, types.Range(start, one.position), self.encoding).strip()
            assert before not in shown
            assert isinstance(one.label, str)
            shown[before] = one.label
        return shown

    async def source(self, marked: str) -> list[str]:
        """The way of the value at the mark: file and piece of text of each step."""
        here = types.TextDocumentIdentifier(self.uri)
        params = types.DeclarationParams(here, position(self._text, marked, self.encoding))
        found = await asyncio.wait_for(self._editor.client.text_document_declaration_async(params), PATIENCE)
        assert isinstance(found, list)
        steps: list[str] = []
        for one in found:
            assert isinstance(one, types.Location)
            path = Path(one.uri.removeprefix("file://"))
            text = self._editor.texts.get(one.uri) or path.read_text(encoding="utf-8")
            steps.append(f"{path.name}: {cut(text, one.range, self.encoding)}")
        return steps
