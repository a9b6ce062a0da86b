"""Findings as JSON with ruff's keys, and a few of our own (`name`, `severity`, `trail`, `fixes`).

`fix` is the first of `fixes`, which are different ways to mend one finding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from torchlint.diagnostic import Diagnostic, Fix, Location, Span, Step


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """One array, indented, with a final end of line."""
    return json.dumps([_finding(one) for one in diagnostics], indent=2, ensure_ascii=False) + "\n"


def _finding(one: Diagnostic) -> dict[str, Any]:
    return {
        "cell": one.span.cell or None,
        "code": one.code,
        "end_location": _location(one.span.end),
        "filename": one.span.path,
        "fix": _fix(one.fixes[0]) if one.fixes else None,
        "fixes": [_fix(fix) for fix in one.fixes],
        "location": _location(one.span.start),
        "message": one.message,
        "name": one.name,
        "noqa_row": one.span.start.row,
        "severity": one.severity.value,
        "trail": [_step(step) for step in one.trail],
        "url": one.url or None,
    }


def _location(location: Location) -> dict[str, int]:
    return {"column": location.column, "row": location.row}


def _range(span: Span) -> dict[str, Any]:
    return {"location": _location(span.start), "end_location": _location(span.end)}


def _step(step: Step) -> dict[str, Any]:
    return {"filename": step.span.path, **_range(step.span), "note": step.note}


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{"content": edit.text, "filename": edit.span.path, **_range(edit.span)} for edit in fix.edits]
    return {"applicability": "safe" if fix.safe else "unsafe", "edits": edits, "message": fix.title}
