"""Text as a terminal shows it: lines as the parser counts them, cells, and colour.

**Invariant:** no control character of a linted file passes through here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from torchlint.claim import Grade
from torchlint.diagnostic import Diagnostic, Span

TAB = 4


def source_lines(text: str) -> list[str]:
    """The lines of a file as Python counts them: only LF, CRLF and CR end one."""
    return re.split("\r\n|\n|\r", text)


def visible(text: str) -> str:
    """One line in which every control character is shown as an escape."""
    return text if text.isprintable() else "".join(_glyph(character) for character in text)


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


def unprintable(character: str) -> bool:
    """Whether a character drives the terminal, ends a line, turns the direction of what follows, or is half of one."""
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def visible_path(path: str) -> str:
    """A path as it begins a line: one that GitHub Actions would read as a command, such as ``::warning::``, gets the
    working folder before it."""
    shown = visible(path)
    return f"./{shown}" if shown.lstrip().startswith("::") else shown


def place(span: Span) -> str:
    """Where a span begins, as ``path:row:column``; in a notebook ``path:cell 2:row:column``."""
    return f"{visible_path(span.path)}:{within(span)}"


def within(span: Span) -> str:
    """The same without the path."""
    cell = f"cell {span.cell}:" if span.cell else ""
    return f"{cell}{span.start.row}:{span.start.column}"


def cell_note(span: Span) -> str:
    """What a message begins with in a format that knows no cells; nothing outside notebooks."""
    return f"{within(span)}: " if span.cell else ""


def _glyph(character: str) -> str:
    if unprintable(character):
        code = ord(character)
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def mark(one: Diagnostic) -> str:
    """What a run said of a finding in a word or three, behind a space; nothing if none was asked."""
    if one.verdict is None:
        return ""
    grade = one.verdict.grade
    return f" [{one.verdict.outcome.value}{'' if grade is Grade.NONE else f': {grade.value}'}]"


def with_verdict(one: Diagnostic) -> str:
    """The message, and what a run said of it as a sentence behind it."""
    if one.verdict is None or not one.verdict.text:
        return one.message
    said = one.verdict.text
    return f"{one.message}. {said[0].upper()}{said[1:]}"


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
    "confirmed": "1;31",
    "refuted": "32",
    "inconclusive": "2",
    "hunk": "36",
}


def fixable(one: Diagnostic, unsafe: bool, paint: Paint) -> str:
    """The mark of a finding that can be fixed, behind a space; `unsafe`: unsafe fixes count."""
    return f" {paint('note', '[*]')}" if one.best_fix(unsafe) else ""
