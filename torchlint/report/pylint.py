"""``path:line: [CODE] message``, as what reads pylint's parseable output expects it.

It knows no cells, so that a finding in a notebook stands at the file's first line, and its message names the cell.
"""

from __future__ import annotations

from torchlint.diagnostic import Diagnostic
from torchlint.report.findings import Findings
from torchlint.report.text import cell_note, mark, visible, visible_path


def render(findings: Findings) -> str:
    """The lines, each with its end."""
    return "".join(_line(one) for one in findings.diagnostics)


def _line(one: Diagnostic) -> str:
    row = 1 if one.span.cell else one.span.start.row
    return f"{visible_path(one.span.path)}:{row}: [{one.code}] {cell_note(one.span)}{visible(one.message)}{mark(one)}\n"
