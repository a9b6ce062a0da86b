"""A Code Quality report, as GitLab takes it from a job's ``artifacts:reports:codequality``.

Paths start from the folder in which torchlint works, which in a job is the repository's. A finding in a notebook stands
at the file's first line, and its description names the cell.
"""

from __future__ import annotations

from typing import Any

from torchlint.diagnostic import Diagnostic, Location, Severity
from torchlint.report.encode import dumps
from torchlint.report.findings import Findings
from torchlint.report.paths import shortest
from torchlint.report.text import cell_note, with_verdict

SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}
FIRST = Location(1, 1)


def render(findings: Findings) -> str:
    """One array, indented."""
    prints = findings.fingerprints()
    issues = [_issue(one, mark, findings.folder) for one, mark in zip(findings.diagnostics, prints, strict=True)]
    return dumps(issues, indent=2) + "\n"


def _issue(one: Diagnostic, fingerprint: str, folder: str) -> dict[str, Any]:
    start, end = (FIRST, FIRST) if one.span.cell else (one.span.start, one.span.end)
    return {
        "description": f"{one.code}: {cell_note(one.span)}{with_verdict(one)}",
        "check_name": one.code,
        "fingerprint": fingerprint,
        "severity": SEVERITIES[one.severity],
        "location": {
            "path": shortest(one.span.path, folder),
            "positions": {
                "begin": {"line": start.row, "column": start.column},
                "end": {"line": end.row, "column": end.column},
            },
        },
    }
