"""Open documents as the protocol means them: only LF, CRLF and CR end a line, and a place that is not there is the
nearest that is.

(The library's own documents split lines wherever `str.splitlines` does, form feeds and U+2028 among them, and lose an
insertion that lies beyond the end.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class Text(TextDocument):
    """An open document."""

    @property
    def lines(self) -> Sequence[str]:
        """Its lines with their ends."""
        return tuple(_LINE.findall(self.source))

    @property
    def source(self) -> str:
        """What it holds. Nothing is read from the disk for it."""
        return self._source or ""

    def _apply_incremental_change(self, change: types.TextDocumentContentChangePartial) -> None:
        source, lines = self.source, self.lines
        start = self._offset(lines, change.range.start)
        end = max(start, self._offset(lines, change.range.end))
        self._source = source[:start] + change.text + source[end:]

    def _offset(self, lines: Sequence[str], position: types.Position) -> int:
        before = sum(map(len, lines[: position.line]))
        if position.line >= len(lines):
            return before
        return before + self.column(lines[position.line], position.character)

    def column(self, line: str, units: int) -> int:
        """The code points before a place in a line that the client gives in its own units."""
        line = line.rstrip("\r\n")
        if units >= len(line) * 4:
            return len(line)
        codec = self.position_codec
        column = 0
        for column, character in enumerate(line):
            if units <= 0:
                return column
            units -= codec.client_num_units(character)
        return column + 1 if line else 0


class Texts(Workspace):
    """All open documents and workspace folders."""

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> Text:
        return Text(
            doc_uri,
            source=source or "",
            version=version,
            language_id=language_id,
            sync_kind=self._sync_kind,
            position_codec=self._position_codec,
        )
