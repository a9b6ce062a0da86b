"""The objects of the JSON format, one a line."""

from __future__ import annotations

from torchlint.report.encode import dumps
from torchlint.report.findings import Findings
from torchlint.report.json import as_object


def render(findings: Findings) -> str:
    """The lines, each with its end; none if there is nothing to say."""
    return "".join(dumps(as_object(one)) + "\n" for one in findings.diagnostics)
