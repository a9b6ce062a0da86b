"""Python in Markdown: the fences that hold it, each a text of its own, and where its rows stand in the file.

Definitions
    fence   a block between rows of three or more backticks or tildes, whose first row names a language
    prefix  what stands before a row of the fence in the file: indentation, the sign of a quotation, a prompt

Worked example: of ``* Use\\n\\n  ```python\\n  x = f()\\n  ```\\n`` the one fence holds ``x = f()\\n``; row 1 of
that is row 4 of the file, and its column 1 column 3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torchlint.source.magics import LINE_END, masked, runs_elsewhere

_LANGUAGE = re.compile(r"\{?\s*\.?(python3?|py3?|pycon)\b", re.IGNORECASE)
_MENTION = re.compile(r"^[ \t>*+\d.)-]*(?:```+|~~~+)[ \t]*(?:\{\s*)?\.?py", re.IGNORECASE | re.MULTILINE)
_PROMPT = re.compile(r">>> |\.\.\. |>>>\Z|\.\.\.\Z")

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Fence:
    """A fence with Python. `first` is the row of the file on which `text` begins; `prefixes` has one for each row.

    prompted: its rows stand behind prompts, between those of what is printed. closed: a row follows that ends it.
    """

    first: int
    text: str
    prefixes: tuple[str, ...]
    prompted: bool = False
    closed: bool = True

    def span(self, start: Point, end: Point) -> tuple[Point, Point]:
        """A stretch of the text as one of the file."""
        return self._point(start), self._point(end)

    def edit(self, start: Point, end: Point, text: str) -> tuple[Point, Point, str] | None:
        """A change of the text as one of the file; None if that is none."""
        if LINE_END.search(text) is None:
            return (*self.span(start, end), text)
        rows = LINE_END.split(text)
        if start == end and start[1] == 1 and not rows[-1]:
            return self._new_rows(start[0], rows[:-1])
        if self.prompted or start[0] > len(self.prefixes):
            return None
        prefix = self.prefixes[start[0] - 1]
        return (*self.span(start, end), LINE_END.sub(lambda end: end[0] + prefix, text))

    def _new_rows(self, before: int, rows: Sequence[str]) -> tuple[Point, Point, str] | None:
        """Whole rows, put before one of the text, or behind all if the fence is closed."""
        if before > len(self.prefixes) and not self.closed:
            return None
        inner = self.text.split("\n")
        prefix = next((prefix for prefix, row in zip(self.prefixes, inner) if row), "")
        place = (self.first + before - 1, 1)
        return place, place, "".join(f"{prefix}{row}\n" for row in rows)

    def _point(self, place: Point) -> Point:
        row = min(place[0], len(self.prefixes))
        before = len(self.prefixes[row - 1]) if row else 0
        return self.first + place[0] - 1, place[1] + (before if row == place[0] else 0)


def fences(text: str) -> list[Fence]:
    """The fences of a Markdown file that hold Python, in order."""
    if _MENTION.search(text) is None:
        return []
    from markdown_it import MarkdownIt  # slow to import

    reader = MarkdownIt("commonmark").disable("inline")
    rows = LINE_END.split(text)
    found: list[Fence] = []
    for token in reader.parse(text):
        if token.type != "fence" or token.map is None or _LANGUAGE.match(token.info) is None:
            continue
        begin = token.map[0] + 1
        inner = token.content.split("\n")[:-1] if token.content.endswith("\n") else token.content.split("\n")
        outer = rows[begin : begin + len(inner)]
        closed = token.map[1] - token.map[0] > len(inner) + 1
        fence = _fence(begin + 1, inner, outer, closed)
        if fence is not None and fence.text.strip():
            found.append(fence)
    return found


def _fence(first: int, inner: list[str], outer: list[str], closed: bool) -> Fence | None:
    """A fence by its rows within it and in the file; None if they do not match, or if it is no Python of its own."""
    if len(inner) != len(outer) or not all(there.endswith(here) for here, there in zip(inner, outer)):
        return None
    prefixes = [there[: len(there) - len(here)] for here, there in zip(inner, outer)]
    prompted = next((row.startswith(">>>") for row in inner if row.strip()), False)
    if prompted:
        prompts = [_PROMPT.match(row) for row in inner]
        prefixes = [p + (found[0] if found else "") for p, found in zip(prefixes, prompts)]
        inner = [row[found.end() :] if found else "" for row, found in zip(inner, prompts)]
    source = "".join(f"{row}\n" for row in inner)
    if "\0" in source or runs_elsewhere(source):
        return None
    return Fence(first, masked(source)[0], tuple(prefixes), prompted, closed)
