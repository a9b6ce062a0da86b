"""On which line each key of a TOML text stands.

Readers of TOML give values and forget their places. This one reads places and forgets values: it is for texts that a
reader has accepted, and knows just enough of the grammar to pass over values.

Worked example: ``lines_of('[tool."x.y"]\\nselect = [\\n  "TL1",\\n]\\n')`` is ``{("tool",): 1, ("tool", "x.y"): 1,
("tool", "x.y", "select"): 2, ("tool", "x.y", "select", 0): 3}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

Path = tuple["str | int", ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|\#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^\s.=\[\]{}\",'#]+")
_OTHER = re.compile(r"[^,\]}#\n]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


@lru_cache(maxsize=4)
def lines_of(text: str) -> Mapping[Path, int]:
    """The line, from 1, of every key, table and item of a list; empty if the text is not understood."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    try:
        scanner.document()
    except (_NotUnderstoodError, RecursionError):
        return {}
    return scanner.found


class _NotUnderstoodError(Exception):
    """The text is not TOML, or not as it is known here."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.counted = 0
        self.row = 1
        self.found: dict[Path, int] = {}
        self.sizes: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self.skip()
        while self.at < len(self.text):
            table = self.header() if self.text[self.at] == "[" else self.pair(table)
            self.skip()

    def header(self) -> Path:
        """Read ``[a.b]`` or ``[[a.b]]`` and give the path of the table that begins."""
        row = self.line()
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        *outer, last = self.key()
        path: Path = ()
        for part in outer:
            path = self.note((*path, part), row)
            if path in self.sizes:  # the last of the tables so far
                path = (*path, self.sizes[path] - 1)
        path = self.note((*path, last), row)
        if many:
            self.sizes[path] = self.sizes.get(path, 0) + 1
            path = self.note((*path, self.sizes[path] - 1), row)
        self.expect("]]" if many else "]")
        return path

    def pair(self, table: Path) -> Path:
        """Read ``key = value`` in a table; gives that table."""
        row = self.line()
        path = table
        for part in self.key():
            path = self.note((*path, part), row)
        self.expect("=")
        self.value(path)
        return table

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self.skip()
            quoted = _STRING.match(self.text, self.at)
            found = quoted or _BARE.match(self.text, self.at)
            if found is None:
                raise _NotUnderstoodError
            parts.append(_unquoted(found[0]) if quoted else found[0])
            self.at = found.end()
            self.skip()
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def value(self, path: Path) -> None:
        self.skip()
        start = self.text[self.at : self.at + 1]
        if start == "[":
            self.items(path, "]")
        elif start == "{":
            self.items(path, "}")
        else:
            found = _STRING.match(self.text, self.at) or _OTHER.match(self.text, self.at)
            if found is None:
                raise _NotUnderstoodError
            self.at = found.end()

    def items(self, path: Path, end: str) -> None:
        """Read a list or an inline table up to its end."""
        self.at += 1
        count = 0
        while True:
            self.skip()
            if self.text.startswith(end, self.at):
                self.at += 1
                return
            if end == "}":
                self.pair(path)
            else:
                self.value(self.note((*path, count), self.line()))
                count += 1
            self.skip()
            if self.text.startswith(",", self.at):
                self.at += 1
            elif not self.text.startswith(end, self.at):
                raise _NotUnderstoodError

    def skip(self) -> None:
        """Pass over space, line ends and comments."""
        found = _SPACE.match(self.text, self.at)
        if found is not None:
            self.at = found.end()

    def expect(self, sign: str) -> None:
        self.skip()
        if not self.text.startswith(sign, self.at):
            raise _NotUnderstoodError
        self.at += len(sign)

    def line(self) -> int:
        self.row += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.row

    def note(self, path: Path, row: int) -> Path:
        self.found.setdefault(path, row)
        return path


def _unquoted(text: str) -> str:
    """What a quoted key means."""
    inner = text[1:-1]
    if text[0] == "'":
        return inner
    return _ESCAPE.sub(
        lambda m: _LETTERS.get(m[4], m[4]) if m[4] else chr(int(m[1] or m[2] or m[3], 16)),
        inner,
    )
