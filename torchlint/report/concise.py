"""One line a finding: ``path:row:column: CODE message``; in a notebook ``path:cell 2:row:column: CODE message``."""

from __future__ import annotations

from torchlint.diagnostic import Diagnostic
from torchlint.report.findings import Findings
from torchlint.report.text import Paint, visible, visible_path, within


def render(findings: Findings) -> str:
    """The lines, each with its end."""
    return "".join(_line(one, findings.paint) for one in findings.diagnostics)


def _line(one: Diagnostic, paint: Paint) -> str:
    place = f"{paint('bold', visible_path(one.span.path))}:{within(one.span)}"
    return f"{place}: {paint(one.severity.value, one.code)} {visible(one.message)}\n"
