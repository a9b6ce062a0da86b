"""Text as a terminal shows it: lines as the parser counts them, cells, and colour.

**Invariant:** no control character of a linted file passes through here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

TAB = 4


def source_lines(text: str) -> list[str]:
    """The lines of a file as Python counts them: only LF, CRLF and CR end one."""
    return re.split("\r\n|\n|\r", text)


def visible(text: str) -> str:
    """One line in which every control character is shown as an escape."""
    return "".join(_glyph(character) for character in text)


def expand(line: str) -> tuple[str, list[int]]:
    """A source line as it is shown, and the cell at which each of its characters starts, and the end."""
    shown: list[str] = []
    cells: list[int] = []
    cell = 0
    for character in line:
        glyph = " " * (TAB - cell % TAB) if character == "\t" else _glyph(character)
        cells.append(cell)
        shown.append(glyph)
        cell += sum(_width(one) for one in glyph)
    return "".join(shown), [*cells, cell]


def _glyph(character: str) -> str:
    # format characters (category Cf) turn the direction of what follows, so they are shown too
    if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"
    return character


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours text by the terminal's own palette, or leaves it alone."""

    on: bool

    def __call__(self, style: str, text: str) -> str:
        """The text in a style: a severity's name, or one of the frame's parts."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.on and text else text


_STYLES = {
    "error": "1;31",
    "warning": "1;33",
    "info": "1;36",
    "frame": "34",
    "bold": "1",
    "dim": "2",
    "note": "36",
    "added": "32",
    "removed": "31",
    "hunk": "36",
}
