"""What a language server would publish: one JSON object, from each linted file's URI to the parameters of
``textDocument/publishDiagnostics``.

Lines and characters count from 0, characters in UTF-16 code units, as the protocol has it unless agreed otherwise. A
clean file has an empty list, which is how a client learns that nothing is left of what it showed before. Each cell of
a notebook is a document of its own; its URI is the file's with the fragment ``cell2``, since a client numbers them as
it likes. The `data` of a diagnostic holds its fixes as workspace edits.
"""

from __future__ import annotations

from typing import Any

from torchlint.diagnostic import Diagnostic, Fix, Location, Severity, Span
from torchlint.report.encode import dumps
from torchlint.report.findings import Findings, Lines
from torchlint.report.paths import uri, utf16
from torchlint.report.text import with_verdict

SEVERITIES = {Severity.ERROR: 1, Severity.WARNING: 2, Severity.INFO: 3}


def render(findings: Findings) -> str:
    """The object, indented."""
    lines = Lines(findings.text)
    published: dict[str, list[dict[str, Any]]] = {uri(path, findings.folder): [] for path in sorted(findings.files)}
    for one in findings.diagnostics:
        published.setdefault(_uri(one.span, findings.folder), []).append(_diagnostic(one, findings.folder, lines))
    return dumps({key: {"uri": key, "diagnostics": found} for key, found in published.items()}, indent=2) + "\n"


def _diagnostic(one: Diagnostic, folder: str, lines: Lines) -> dict[str, Any]:
    out: dict[str, Any] = {
        "range": _range(one.span, lines),
        "severity": SEVERITIES[one.severity],
        "code": one.code,
        "source": "torchlint",
        "message": with_verdict(one),
    }
    if one.url:
        out["codeDescription"] = {"href": one.url}
    if one.trail:
        out["relatedInformation"] = [
            {"location": {"uri": _uri(step.span, folder), "range": _range(step.span, lines)}, "message": step.note}
            for step in one.trail
        ]
    if one.fixes:
        out["data"] = {"fixes": [_fix(fix, folder, lines) for fix in one.fixes]}
    return out


def _fix(fix: Fix, folder: str, lines: Lines) -> dict[str, Any]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in fix.edits:
        change = {"range": _range(edit.span, lines), "newText": edit.text}
        changes.setdefault(_uri(edit.span, folder), []).append(change)
    return {"title": fix.title, "safe": fix.safe, "edit": {"changes": changes}}


def _uri(span: Span, folder: str) -> str:
    return uri(span.path, folder) + (f"#cell{span.cell}" if span.cell else "")


def _range(span: Span, lines: Lines) -> dict[str, Any]:
    return {"start": _position(span, span.start, lines), "end": _position(span, span.end, lines)}


def _position(span: Span, location: Location, lines: Lines) -> dict[str, int]:
    line = lines(span.path, span.cell, location.row)
    return {"line": location.row - 1, "character": utf16(line, location.column)}
