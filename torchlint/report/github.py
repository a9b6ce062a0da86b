"""Workflow commands of GitHub Actions, each of which becomes an annotation of a line.

Worked example::

    ::error title=torchlint (TL101),file=/srv/app/train.py,line=9,col=12,endLine=9,endColumn=35::train.py:9:12: TL101 …

In what follows the second ``::``, a per cent sign and the ends of lines are escaped, in properties ``:`` and ``,``
too. Columns are given only where a finding keeps to one line, as GitHub wants it. Files have their full path, since a
job need not work in the repository's top folder. A finding in a notebook annotates the file at its first line, because
rows of a cell are no lines of the file; the message names the cell. What a run said, the way of the value and the
fixes follow in the same annotation.
"""

from __future__ import annotations

from torchlint.diagnostic import Diagnostic, Severity
from torchlint.report.findings import Findings
from torchlint.report.full import FIRST_STEPS, LAST_STEPS
from torchlint.report.paths import absolute
from torchlint.report.text import place, visible

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(findings: Findings) -> str:
    """One command a line."""
    return "".join(_command(one, findings.folder) for one in findings.diagnostics)


def _command(one: Diagnostic, folder: str) -> str:
    span = one.span
    properties: dict[str, str | int] = {"title": f"torchlint ({one.code})", "file": absolute(span.path, folder)}
    if span.cell:
        properties |= {"line": 1, "endLine": 1}
    elif span.start.row == span.end.row:
        properties |= {"line": span.start.row, "col": span.start.column}
        properties |= {"endLine": span.end.row, "endColumn": span.end.column}
    else:
        properties |= {"line": span.start.row, "endLine": span.end.row}
    said = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    message = "%0A".join(_data(line) for line in _lines(one))
    return f"::{LEVELS[one.severity]} {said}::{message}\n"


def _lines(one: Diagnostic) -> list[str]:
    lines = [f"{place(one.span)}: {one.code} {one.message}"]
    if one.verdict is not None and one.verdict.text:
        lines.append(one.verdict.text)
    if one.trail:
        lines.append("how it comes to this:")
        told = [f"  {place(step.span)}: {step.note}" for step in one.trail]
        left_out = len(told) - FIRST_STEPS - LAST_STEPS
        if left_out > 1:
            told[FIRST_STEPS:-LAST_STEPS] = [f"  ... {left_out} more steps"]
        lines += told
    lines += [
        f"{'or' if n else 'fix'}: {fix.title}{'' if fix.safe else ' (unsafe)'}" for n, fix in enumerate(one.fixes)
    ]
    return lines


def _data(text: str) -> str:
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    """A value in which the ends of lines survive, so that a path stays the same path; other controls are shown."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return visible(text.replace(":", "%3A").replace(",", "%2C"))
