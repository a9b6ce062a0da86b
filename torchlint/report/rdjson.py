"""Reviewdog Diagnostic Format: one object with all findings, in which columns count bytes of UTF-8 from 1.

A suggestion is one edit in the finding's own file, so only fixes of one such edit are suggested: half a fix would be
worse than none. A finding in a notebook has the file for its place and no range, because rows of a cell are no lines
of the file; the message names the cell.
"""

from __future__ import annotations

from typing import Any

from torchlint.diagnostic import Diagnostic, Fix, Location, Severity, Span
from torchlint.report.encode import dumps
from torchlint.report.findings import Findings, Lines
from torchlint.report.paths import shortest, utf8
from torchlint.report.text import cell_note, place, with_verdict

SEVERITIES = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.INFO: "INFO"}


def render(findings: Findings) -> str:
    """The object, indented."""
    lines = Lines(findings.text)
    diagnostics = [_diagnostic(one, findings.folder, lines) for one in findings.diagnostics]
    return dumps({"source": {"name": "torchlint"}, "diagnostics": diagnostics}, indent=2) + "\n"


def _diagnostic(one: Diagnostic, folder: str, lines: Lines) -> dict[str, Any]:
    out: dict[str, Any] = {
        "message": f"{cell_note(one.span)}{with_verdict(one)}",
        "location": _location(one.span, folder, lines),
        "severity": SEVERITIES[one.severity],
        "code": {"value": one.code, **({"url": one.url} if one.url else {})},
    }
    suggestions = [made for fix in one.fixes if (made := _suggestion(fix, one.span, lines)) is not None]
    if suggestions:
        out["suggestions"] = suggestions
    if one.trail:
        out["related_locations"] = [
            {
                "message": step.note if not step.span.cell else f"{place(step.span)}: {step.note}",
                "location": _location(step.span, folder, lines),
            }
            for step in one.trail
        ]
    return out


def _location(span: Span, folder: str, lines: Lines) -> dict[str, Any]:
    path = shortest(span.path, folder)
    return {"path": path} if span.cell else {"path": path, "range": _range(span, lines)}


def _suggestion(fix: Fix, where: Span, lines: Lines) -> dict[str, Any] | None:
    if len(fix.edits) != 1 or fix.edits[0].span.path != where.path or where.cell:
        return None
    (edit,) = fix.edits
    return {"range": _range(edit.span, lines), "text": edit.text}


def _range(span: Span, lines: Lines) -> dict[str, Any]:
    return {"start": _position(span, span.start, lines), "end": _position(span, span.end, lines)}


def _position(span: Span, location: Location, lines: Lines) -> dict[str, int]:
    line = lines(span.path, span.cell, location.row)
    return {"line": location.row, "column": utf8(line, location.column) + 1}
