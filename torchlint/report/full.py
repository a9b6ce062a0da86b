"""A frame of source for each finding, then the way of the value that it speaks of, then how to learn more.

Worked example, in which the trail crosses files::

    error[TL101]: `BCELoss` expects probabilities in [0, 1], but `output` is unbounded
      --> train.py:9:12
       |
     9 |     loss = criterion(output, mask)
       |            ^^^^^^^^^^^^^^^^^^^^^^^
       |
       = how it comes to this:
      ::: model.py:12:16
       |
    12 |         return self.head(x)
       |                ------------ `Conv2d` gives unbounded values
       = confirmed (witness): a value left [0, 1]: min −0.015, max 0.1; Net (train.py:4); seed 0, initial weights
       = help: `torchlint explain TL101`

The line before the last is there if a run was asked. What an exception of the linted program said is shown to people on
a terminal only: it is that program's own text.
"""

from __future__ import annotations

from collections.abc import Sequence

from torchlint.diagnostic import Diagnostic, Span, Step
from torchlint.report.findings import Findings, Lines
from torchlint.report.text import Paint, expand, fixable, place, visible

FIRST_STEPS, LAST_STEPS = 3, 9


def render(findings: Findings) -> str:
    """The frames, a blank line after each."""
    lines = Lines(findings.text)
    return "".join("\n".join(_frame(one, lines, findings)) + "\n\n" for one in findings.diagnostics)


def _frame(one: Diagnostic, lines: Lines, findings: Findings) -> list[str]:
    paint = findings.paint
    rows = [one.span.start.row, *(step.span.start.row for step in one.trail)]
    margin = len(str(max(rows)))
    bar = " " * (margin + 1) + paint("frame", "|")
    severity = one.severity.value
    fixes = fixable(one, findings.unsafe, paint)
    out = [f"{paint(severity, f'{severity}[{one.code}]')}:{fixes} {paint('bold', visible(one.message))}"]
    out += [_place("-->", one.span, margin, paint), bar]
    out += _excerpt(one.span, "^", "", severity, lines, margin, paint, repeat=True)
    if one.trail:
        out += [bar, f"{' ' * (margin + 1)}{paint('frame', '=')} how it comes to this:"]
        out += _trail(one.trail, lines, margin, paint)
    if one.verdict is not None:
        equals = f"{' ' * (margin + 1)}{paint('frame', '=')}"
        said = one.verdict.text or one.verdict.outcome.value
        out.append(f"{equals} {paint(one.verdict.outcome.value, visible(said))}")
        if one.verdict.message and findings.watched:
            out.append(f"{equals} the exception said: {visible(one.verdict.message)}")
    for number, fix in enumerate(one.fixes):
        kind = "fix" if number == 0 else "or"
        note = "" if fix.safe else " (unsafe)"
        out.append(f"{' ' * (margin + 1)}{paint('frame', '=')} {kind}: {visible(fix.title)}{note}")
    out.append(f"{' ' * (margin + 1)}{paint('frame', '=')} help: `torchlint explain {one.code}`")
    return out


def _trail(trail: Sequence[Step], lines: Lines, margin: int, paint: Paint) -> list[str]:
    """The steps in order; the middle of a long way is left out, and a line is shown once for steps that share it."""
    out: list[str] = []
    skipped = range(0)
    if len(trail) > FIRST_STEPS + LAST_STEPS + 1:
        skipped = range(FIRST_STEPS, len(trail) - LAST_STEPS)
    previous: Span | None = None
    for index, step in enumerate(trail):
        if index in skipped:
            if index == skipped.start:
                out.append(f"{' ' * (margin + 1)}{paint('frame', ':')} ... {len(skipped)} more steps")
            previous = None
            continue
        if previous is None or (previous.path, previous.cell) != (step.span.path, step.span.cell):
            out += [_place(":::", step.span, margin, paint), " " * (margin + 1) + paint("frame", "|")]
        repeat = previous is None or _line(previous) != _line(step.span)
        mark = " " if step.span == previous else "-"
        out += _excerpt(step.span, mark, step.note, "note", lines, margin, paint, repeat=repeat)
        previous = step.span
    return out


def _place(arrow: str, span: Span, margin: int, paint: Paint) -> str:
    return f"{' ' * margin}{paint('frame', arrow)} {place(span)}"


def _line(span: Span) -> tuple[str, int, int]:
    return span.path, span.cell, span.start.row


def _excerpt(
    span: Span, mark: str, note: str, style: str, lines: Lines, margin: int, paint: Paint, *, repeat: bool
) -> list[str]:
    """The first line of a span, underlined, with a note beside it; `repeat` whether the line itself is shown."""
    row = span.start.row
    line = lines(span.path, span.cell, row)
    shown, cells = expand(line)
    first = min(span.start.column - 1, len(line))
    last = min(span.end.column - 1, len(line)) if span.end.row == row else len(line.rstrip())
    width = max(1, cells[max(first, last)] - cells[first])
    under = " " * cells[first] + paint(style, mark * width) + (" " + paint(style, visible(note)) if note else "")
    head = [f"{paint('frame', f'{row:>{margin}} |')} {shown.rstrip()}"] if repeat else []
    return [*head, f"{' ' * (margin + 1)}{paint('frame', '|')} {under}"]
