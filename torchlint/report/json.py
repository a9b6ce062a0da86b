"""Findings as JSON with ruff's keys, and a few of our own (`name`, `severity`, `trail`, `fixes`, `verdict`).

`fix` is the first of `fixes`, which are different ways to mend one finding. Wherever a place is in a notebook, `cell`
beside it is the number of the cell, from 1, whose rows are counted; elsewhere it is null. `verdict` is what a run said
of the finding, null if none was asked.
"""

from __future__ import annotations

from typing import Any

from torchlint.diagnostic import Diagnostic, Fix, Location, Span, Step
from torchlint.report.encode import dumps
from torchlint.report.findings import Findings


def render(findings: Findings) -> str:
    """One array, indented."""
    return dumps([as_object(one) for one in findings.diagnostics], indent=2) + "\n"


def as_object(one: Diagnostic) -> dict[str, Any]:
    """A finding as an object of JSON."""
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
        "verdict": verdict(one),
    }


def verdict(one: Diagnostic) -> dict[str, Any] | None:
    """What a run said of a finding, or None if none was asked; without the text of the linted program's exceptions."""
    said = one.verdict
    if said is None:
        return None
    return {
        "outcome": said.outcome.value,
        "grade": said.grade.value,
        "reason": said.reason.value,
        "text": said.text,
        "numbers": said.numbers,
        "shape": list(said.shape),
        "recipe": said.recipe,
        "guessed": list(said.guessed),
        "inputs": list(said.inputs),
        "operation": said.operation,
        "torch": said.torch,
        "isolation": said.isolation,
    }


def _location(location: Location) -> dict[str, int]:
    return {"column": location.column, "row": location.row}


def _place(span: Span) -> dict[str, Any]:
    return {
        "cell": span.cell or None,
        "filename": span.path,
        "location": _location(span.start),
        "end_location": _location(span.end),
    }


def _step(step: Step) -> dict[str, Any]:
    return {**_place(step.span), "note": step.note}


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{"content": edit.text, **_place(edit.span)} for edit in fix.edits]
    return {"applicability": "safe" if fix.safe else "unsafe", "edits": edits, "message": fix.title}
