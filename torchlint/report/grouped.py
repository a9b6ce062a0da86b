"""The findings of each file below its name, their places in a column of one width; a blank line after each file."""

from __future__ import annotations

from itertools import groupby

from torchlint.diagnostic import Diagnostic
from torchlint.report.findings import Findings
from torchlint.report.text import fixable, mark, visible, visible_path, within


def render(findings: Findings) -> str:
    """A block for each file."""
    groups = groupby(findings.diagnostics, key=lambda one: one.span.path)
    return "".join(_block(path, list(group), findings) for path, group in groups)


def _block(path: str, group: list[Diagnostic], findings: Findings) -> str:
    paint = findings.paint
    width = max(len(within(one.span)) for one in group)
    lines: list[str] = []
    for one in group:
        code = paint(one.severity.value, one.code) + fixable(one, findings.unsafe, paint)
        lines.append(f"  {within(one.span):<{width}}  {code} {visible(one.message)}{mark(one)}\n")
    return f"{paint('bold', visible_path(path))}:\n{''.join(lines)}\n"
