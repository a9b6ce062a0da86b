"""One line a finding: ``path:row:column: CODE message``; in a notebook ``path:cell 2:row:column: CODE message``.

``[*]`` stands before the message of a finding that can be fixed, and what a run said of it behind the message:
``[confirmed: witness]``.
"""

from __future__ import annotations

from torchlint.diagnostic import Diagnostic
from torchlint.report.findings import Findings
from torchlint.report.text import fixable, mark, visible, visible_path, within


def render(findings: Findings) -> str:
    """The lines, each with its end."""
    return "".join(_line(one, findings) for one in findings.diagnostics)


def _line(one: Diagnostic, findings: Findings) -> str:
    paint = findings.paint
    place = f"{paint('bold', visible_path(one.span.path))}:{within(one.span)}"
    code = f"{paint(one.severity.value, one.code)}{fixable(one, findings.unsafe, paint)}"
    return f"{place}: {code} {visible(one.message)}{mark(one)}\n"
