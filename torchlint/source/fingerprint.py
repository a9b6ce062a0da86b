"""What makes a finding the same finding in another version of its file.

Definitions
    logical line  a statement's line, with those that brackets, strings and backslashes join to it
    scope         the names of the classes and functions around a place, outermost first
    fingerprint   a digest of a rule's code, a path, the scope and the words of the reported source

Worked example: in ``class Net:\\n    def loss(self):\\n        return bce(x,\\n            y)  # why\\n`` the source of
the call is read as ``bce(x,y)`` and its scope is ``Net.loss``. The same call further down, indented more, laid out on
one line or without the comment has the same fingerprint; in another function it has another.

No line number and no column is a part of it, so it survives whatever is changed elsewhere in the file. Equal source in
one scope has equal fingerprints, which `numbered` tells apart by their order.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from torchlint.source.edit import Offsets, Stretch

# Texts of which the logical lines are remembered: findings come file by file.
_REMEMBERED = 4

_STRING = r"""(?s:'{3}(?:\\.|(?!'{3}).)*(?:'{3}|\Z)|"{3}(?:\\.|(?!"{3}).)*(?:"{3}|\Z))""" + (
    r"""|'(?:\\(?:\r\n|[\s\S])|[^'\\\r\n])*'?|"(?:\\(?:\r\n|[\s\S])|[^"\\\r\n])*"?"""
)
_PIECE = re.compile(
    rf"(?P<string>{_STRING})|(?P<comment>\#[^\r\n]*)|(?P<joined>\\(?:\r\n|\r|\n))|(?P<end>\r\n|\r|\n)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
)
_HEAD = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")
_WORDS = re.compile(rf"(?P<string>{_STRING})|(?P<skipped>\#[^\r\n]*|\\(?:\r\n|\r|\n))|(?P<word>\w+)|(?P<sign>\S)")
_TAB = 8


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line: its first row, its indentation, and the name that it defines, if any."""

    row: int
    indent: int
    name: str


def fingerprint(code: str, path: str, text: str, span: Stretch) -> str:
    """The fingerprint, 32 hexadecimal digits, of a finding of the rule `code` at `span` of the file `text`.

    `path` is the file's name as it is to be compared, relative to a folder that all versions share.
    """
    parts = (code, path.replace("\\", "/"), scope(text, span), words(text, span))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def numbered(prints: Iterable[str]) -> list[tuple[str, int]]:
    """Each fingerprint with the number, from 1, that it has among its equals; given in the order of the text."""
    seen: dict[str, int] = {}
    out: list[tuple[str, int]] = []
    for one in prints:
        seen[one] = seen.get(one, 0) + 1
        out.append((one, seen[one]))
    return out


def scope(text: str, span: Stretch) -> str:
    """The classes and functions around the start of a span, joined by dots; empty at the top level."""
    lines = _logical_lines(text)
    index = bisect_right(lines, span.start.row, key=lambda line: line.row) - 1
    if index < 0:
        return ""
    names: list[str] = []
    indent = lines[index].indent
    while index >= 0 and indent > 0:
        line = lines[index]
        if line.indent < indent:
            indent = line.indent
            names.append(line.name)
        index -= 1
    return ".".join(name for name in reversed(names) if name)


def words(text: str, span: Stretch) -> str:
    """The source of a span as one line: comments, space that parts no words, and trailing commas are left out.

    Of a comment, all words are given.
    """
    try:
        source = _offsets(text).cut(text, span)
    except IndexError:  # a place beyond the text has no source
        return ""
    out = ""
    for piece in _WORDS.finditer(source):
        if piece["skipped"] is not None:
            continue
        token = piece[0]
        if out and (out[-1].isalnum() or out[-1] == "_") and (token[0].isalnum() or token[0] == "_"):
            out += " "
        elif token in ")]}" and out.endswith(","):
            out = out[:-1]
        out += token
    return out or " ".join(source.split())


@lru_cache(maxsize=_REMEMBERED)
def _offsets(text: str) -> Offsets:
    return Offsets(text)


@lru_cache(maxsize=_REMEMBERED)
def _logical_lines(text: str) -> tuple[_Line, ...]:
    lines: list[_Line] = []
    row = first = 1
    start = depth = 0
    for piece in _PIECE.finditer(text):
        kind = piece.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind == "end":
            row += 1
            if depth == 0:
                lines += _logical_line(text[start : piece.start()], first)
                start, first = piece.end(), row
        elif kind in ("string", "joined"):
            row += len(re.findall(r"\r\n|\r|\n", piece[0]))
    return (*lines, *_logical_line(text[start:], first))


def _logical_line(source: str, row: int) -> list[_Line]:
    """The line, unless it is blank or a comment."""
    code = source.lstrip(" \t\f")
    if not code or code[0] == "#":
        return []
    head = _HEAD.match(code)
    indent = len(source[: len(source) - len(code)].replace("\f", "").expandtabs(_TAB))
    return [_Line(row, indent, head[1] if head else "")]
