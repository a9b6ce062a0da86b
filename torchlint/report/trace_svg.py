"""The way of the data as one SVG document: a box a stage, arrows between them, no scripts and nothing from elsewhere.

It is drawn for a light background and a dark one, as whoever shows it prefers. In a box stand the name of the stage,
where it is written, and what is known of the data behind it; what has changed there is set off from what stays.

**Invariant:** every text passes through `encode.xml`, and no control character of a linted file through here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from torchlint.facts.paths import DataPath
from torchlint.flow.values import Place
from torchlint.report.encode import xml
from torchlint.report.text import expand, visible
from torchlint.report.trace import NOTHING, Cells, Row, asides, heading, rows, summary

#: Pixels of a character, of a line, of the margin around all, inside a box, between boxes, and between paths.
CHARACTER, LINE, MARGIN, PADDING, GAP, APART = 7.85, 19, 16, 10, 18, 34
#: Characters between the columns of a box, and in a row of what rules say.
COLUMN, LONGEST = 3, 100

_STYLE = """
.torchlint-trace { color-scheme: light dark; --back: #ffffff; --front: #1c2430; --dim: #5b6675; --frame: #c3ccd8;
  --panel: #f7f9fb; --data: #2a6bb5; --model: #7a3fb0; --end: #1d7a46; --bad: #b3261e; background: var(--back); }
@media (prefers-color-scheme: dark) { .torchlint-trace { --back: #14181e; --front: #e3e8ef; --dim: #9aa6b5;
  --frame: #3a4553; --panel: #1a2028; --data: #6cb0f5; --model: #c79bf2; --end: #6fcf97; --bad: #ff8a80; } }
.torchlint-trace .back { fill: var(--back); }
.torchlint-trace text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--front);
  white-space: pre; }
.torchlint-trace .title, .torchlint-trace .name, .torchlint-trace .new { font-weight: 700; }
.torchlint-trace .dim, .torchlint-trace .same { fill: var(--dim); }
.torchlint-trace .summary { fill: var(--data); }
.torchlint-trace .box { fill: var(--panel); stroke: var(--frame); }
.torchlint-trace .edge { fill: var(--data); }
.torchlint-trace .model { fill: var(--model); }
.torchlint-trace .end { fill: var(--end); }
.torchlint-trace .finding { fill: var(--bad); }
.torchlint-trace .arrow { stroke: var(--dim); fill: none; stroke-width: 1.5; }
.torchlint-trace .head { fill: var(--dim); }
"""


def drawing(
    paths: Sequence[DataPath],
    where: Callable[[Place], str],
    said: Callable[[DataPath], Sequence[str]],
    *,
    whole: bool = False,
) -> str:
    """All paths, one below the other; the arguments are those of `torchlint.report.trace.picture`."""
    drawn = _Drawing()
    for number, path in enumerate(paths):
        drawn.down += APART if number else 0
        drawn.path(path, where, list(dict.fromkeys(said(path))), whole)
    return drawn.document(", ".join(dict.fromkeys(" · ".join(heading(path, where)) for path in paths)))


class _Drawing:
    """What is drawn so far: elements, and how far down and to the right they go, in pixels."""

    def __init__(self) -> None:
        self.down = float(MARGIN)
        self._right = 0.0
        self._parts: list[str] = []

    def document(self, title: str) -> str:
        """The whole of it."""
        width, height = self._right + MARGIN, self.down + MARGIN
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" class="torchlint-trace" role="img" width="{width:.0f}" '
            f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">\n'
            f"<title>{xml(title)}</title>\n<style>{_STYLE}</style>\n"
            f'<rect class="back" width="{width:.0f}" height="{height:.0f}"/>\n' + "\n".join(self._parts) + "\n</svg>\n"
        )

    def path(self, path: DataPath, where: Callable[[Place], str], said: Sequence[str], whole: bool) -> None:
        """Draw a path: its title, what becomes of its range, its boxes, and what rules say of it."""
        title = " · ".join(heading(path, where))
        self._text(MARGIN, title, "title")
        self._text(MARGIN + _width(title), "".join(asides(path)), "dim")
        self.down += LINE
        changes = summary(path)
        if changes:
            self._text(MARGIN, changes, "summary")
            self.down += LINE
        self.down += 6
        self._boxes(rows(path, where, whole))
        for text in said:
            self.down += 8
            for line in textwrap.wrap(f"✗ {visible(text)}", LONGEST, subsequent_indent="  ", break_on_hyphens=False):
                self._text(MARGIN, line, "finding")
                self.down += LINE

    def _boxes(self, some: Sequence[Row]) -> None:
        columns = list(_columns(some))
        inside = max([_width(f"{row.name}    {row.place}") for row in some] + columns[-1:])
        width = inside + 2 * PADDING + 4
        self._right = max(self._right, MARGIN + width)
        before: Cells = NOTHING
        for number, row in enumerate(some):
            if number:
                self._arrow(MARGIN + 2 * PADDING)
            told = row.cells != NOTHING
            height = PADDING * 2 + LINE * (2 if told else 1) - 4
            kind = row.kind if row.kind in ("model", "end") else "edge"
            self._parts.append(
                f'<rect class="box" x="{MARGIN}" y="{self.down:.0f}" width="{width:.1f}" height="{height}" rx="5"/>'
            )
            self._parts.append(f'<rect class="{kind}" x="{MARGIN}" y="{self.down:.0f}" width="4" height="{height}"/>')
            top, left = self.down, MARGIN + 4 + PADDING
            self.down += PADDING - 2
            self._text(left, row.name, "name")
            self._text(left + inside - _width(row.place), row.place, "dim")
            self.down += LINE
            for column, cell, old in zip(columns, row.cells, before) if told else ():
                self._text(left + column, cell, "same" if cell == old else "new")
            self.down = top + height
            before = row.cells

    def _arrow(self, x: float) -> None:
        end = self.down + GAP
        self._parts.append(f'<path class="arrow" d="M{x} {self.down:.0f}V{end - 6:.0f}"/>')
        self._parts.append(f'<path class="head" d="M{x - 4} {end - 7:.0f}H{x + 4}L{x} {end:.0f}Z"/>')
        self.down = end

    def _text(self, x: float, text: str, style: str) -> None:
        """A text below the line that was reached."""
        if text:
            self._right = max(self._right, x + _width(text))
            self._parts.append(f'<text class="{style}" x="{x:.1f}" y="{self.down + 14:.0f}">{xml(text)}</text>')


def _columns(some: Sequence[Row]) -> Iterator[float]:
    """Where each column of cells begins, in pixels from the left, and where the last one ends."""
    at = 0.0
    for index in range(4):
        yield at
        widest = max(_width(row.cells[index]) for row in some)
        at += widest + COLUMN * CHARACTER if widest else 0
    yield at


def _width(text: str) -> float:
    """Pixels that a text takes at most."""
    return expand(text)[1][-1] * CHARACTER
