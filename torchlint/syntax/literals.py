"""What a literal says: the value behind its spelling.

Definitions
    prefix    the letters before the quote (``rb``, ``f``, …)
    body      the characters between the quotes

Worked example: ``text(r"'a\\n'")`` is ``a`` and a line feed. Escapes are decoded here and not by `ast.literal_eval`,
which warns about unknown escapes.
"""

from __future__ import annotations

import re

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1

_ESCAPE = (
    r"\\(?:(\r\n|\r|\n)|([\\'\"abfnrtv])|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|N\{([^}]*)\})"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_UNWRITABLE = "\N{REPLACEMENT CHARACTER}"


def integer(spelling: str) -> int | None:
    """The value of an integer literal; None if it does not fit in 64 bits or is no integer."""
    try:
        value = int(spelling) if spelling.isdecimal() else int(spelling, 0)
    except ValueError:
        return None
    return value if _SMALLEST <= value <= _LARGEST else None


def real(spelling: str) -> float | None:
    """The value of a float literal."""
    try:
        return float(spelling)
    except ValueError:
        return None


def text(spelling: str) -> str | None:
    """The value of one string literal, quotes and prefix included; None for bytes."""
    quote = spelling[0]
    start = 0
    raw = False
    while quote not in "\"'":
        if quote in "bB":
            return None
        raw = raw or quote in "rR"
        start += 1
        quote = spelling[start]
    if spelling.startswith(quote * 3, start) and len(spelling) >= start + 6:
        return body(spelling[start + 3 : -3], raw)
    return body(spelling[start + 1 : -1], raw)


def body(inner: str, raw: bool) -> str:
    """The value of what stands between the quotes; line ends become a line feed, as Python reads them."""
    if "\r" in inner:
        inner = inner.replace("\r\n", "\n").replace("\r", "\n")
    if raw or "\\" not in inner:
        return inner
    return re.sub(_ESCAPE, _unescape, inner)


def _unescape(match: re.Match[str]) -> str:
    continued, simple, octal, byte, short, long, name = match.groups()
    if continued is not None:
        return ""
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    if octal is not None:
        return chr(int(octal, 8))
    if name is not None:
        return _named(name)
    point = int(byte or short or long, 16)
    # A lone surrogate cannot be stored as UTF-8, and no rule reads it.
    return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else _UNWRITABLE


def _named(name: str) -> str:
    import unicodedata  # rare, and half a megabyte

    try:
        return unicodedata.lookup(name)
    except KeyError:
        return _UNWRITABLE
