"""SARIF 2.1.0, as code scanning and viewers read it.

Definitions
    base       ``%SRCROOT%``, the folder in which torchlint works: places below it are relative to it, others are URIs
    code flow  the trail, from the origin of the value to the finding
    rule       only those that found something, with their pages as help

Worked example: a finding in ``src/train.py`` whose value comes from ``src/model.py`` is one result, whose location is
``{"uri": "src/train.py", "uriBaseId": "%SRCROOT%"}``, and whose one code flow has two locations.

What a run said of a finding is in its `properties`, as in the JSON format, and gives its `rank`. Its `kind` stays
``fail``, as the level of every other kind has to be ``none``: what a run refuted is still to be seen.

Faults of torchlint (TL000) are no results but notifications of the invocation, which then was not successful. Rows of
a notebook's cell are no lines of its file, so what is in one has the whole file for its place, the cell as its logical
location, and no fix: edits by rows would destroy the file. No more is written than GitHub takes; what is left out is
said in a notification.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torchlint.claim import Outcome
from torchlint.diagnostic import Diagnostic, Fix, Severity, Span, Step
from torchlint.report.encode import dumps
from torchlint.report.explain import section, summary
from torchlint.report.findings import INTERNAL_ERROR, About, Findings
from torchlint.report.json import verdict
from torchlint.report.paths import reference, relative, uri
from torchlint.report.text import cell_note, place

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BASE = "%SRCROOT%"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
#: How a finding that a run was asked about stands among the others, from 0 to 100.
RANKS = {Outcome.CONFIRMED: 100.0, Outcome.INCONCLUSIVE: 50.0, Outcome.REFUTED: 0.0}
MOST_RESULTS, MOST_LOCATIONS = 25_000, 1_000


def render(findings: Findings) -> str:
    """The log with its one run, indented."""
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [_Run(findings).run()]}, indent=2) + "\n"


class _Run:
    """One run on its way to JSON; `_numbers` are the places of the rules in the driver's list, by code."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._folder = findings.folder
        prints = dict(zip(map(id, findings.diagnostics), findings.fingerprints(), strict=True))
        self._faults = [one for one in findings.diagnostics if one.code == INTERNAL_ERROR]
        said = [one for one in findings.diagnostics if one.code != INTERNAL_ERROR]
        worst = set(map(id, sorted(said, key=lambda one: one.severity.mildness)[:MOST_RESULTS]))
        self._said = [(one, prints[id(one)]) for one in said if id(one) in worst]
        self._left_out = len(said) - len(self._said)
        self._shortened = 0
        self._rules = {one.code: self._about(one) for one, _ in self._said}
        self._numbers = {code: n for n, code in enumerate(sorted(self._rules))}

    def run(self) -> dict[str, Any]:
        results = [self._result(one, mark) for one, mark in self._said]
        return {
            "tool": {"driver": self._driver()},
            "invocations": [self._invocation()],
            "originalUriBaseIds": {BASE: {"uri": uri(self._folder, "/").rstrip("/") + "/"}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }

    # --- the tool ------------------------------------------------------------------------------------------------

    def _driver(self) -> dict[str, Any]:
        driver: dict[str, Any] = {"name": "torchlint"}
        if self._findings.version:
            driver |= {"version": self._findings.version, "semanticVersion": self._findings.version}
        driver["rules"] = [_rule(code, about) for code, about in sorted(self._rules.items())]
        if self._faults:
            about = self._about(self._faults[0])
            driver["notifications"] = [_rule(INTERNAL_ERROR, about)]
        return driver

    def _about(self, one: Diagnostic) -> About:
        return self._findings.about(one.code) or About(one.name, one.severity, url=one.url)

    def _invocation(self) -> dict[str, Any]:
        notifications: list[dict[str, Any]] = [
            {
                "level": "error",
                "message": _message(one.message),
                "descriptor": {"id": one.code, "index": 0},
                "locations": [self._location(one.span)],
            }
            for one in self._faults
        ]
        notifications += [{"level": "error", "message": _message(text)} for text in self._findings.problems]
        notes = []
        if self._left_out:
            notes.append(f"{self._left_out} further findings are left out: GitHub takes {MOST_RESULTS} results")
        if self._shortened:
            notes.append(f"the trail of {self._shortened} findings is shortened to {MOST_LOCATIONS} locations")
        notifications += [{"level": "note", "message": _message(text)} for text in notes]
        return {
            "executionSuccessful": not self._faults and not self._findings.problems,
            "toolExecutionNotifications": notifications,
        }

    # --- results -------------------------------------------------------------------------------------------------

    def _result(self, one: Diagnostic, fingerprint: str) -> dict[str, Any]:
        trail = one.trail
        if len(trail) > MOST_LOCATIONS - 1:
            self._shortened += 1
            trail = trail[-(MOST_LOCATIONS - 1) :]
        result: dict[str, Any] = {
            "ruleId": one.code,
            "ruleIndex": self._numbers[one.code],
            "level": LEVELS[one.severity],
            "message": _message(f"{cell_note(one.span)}{one.message}"),
            "locations": [self._location(one.span)],
            "partialFingerprints": {"primaryLocationLineHash": fingerprint, "torchlint/v1": fingerprint},
        }
        if one.verdict is not None:
            result |= {"kind": "fail", "rank": RANKS[one.verdict.outcome], "properties": {"verdict": verdict(one)}}
        if trail:
            result["relatedLocations"] = [
                {"id": number, **self._told(step)} for number, step in enumerate(trail, start=1)
            ]
            result["codeFlows"] = [{"threadFlows": [{"locations": list(self._flow(trail, one))}]}]
        fixes = [made for fix in one.fixes if (made := self._fix(fix)) is not None]
        if fixes:
            result["fixes"] = fixes
        return result

    def _flow(self, trail: Sequence[Step], one: Diagnostic) -> Iterable[dict[str, Any]]:
        steps = (*trail, Step(one.span, one.message))
        for order, step in enumerate(steps, start=1):
            importance = "essential" if order == len(steps) else "important"
            yield {"location": self._told(step), "executionOrder": order, "importance": importance}

    def _told(self, step: Step) -> dict[str, Any]:
        return {**self._location(step.span), "message": _message(f"{cell_note(step.span)}{step.note}")}

    def _location(self, span: Span) -> dict[str, Any]:
        physical: dict[str, Any] = {"artifactLocation": self._artifact(span.path)}
        if span.cell:
            cell = {"name": f"cell {span.cell}", "fullyQualifiedName": place(span), "kind": "module"}
            return {"physicalLocation": {**physical, "region": {"startLine": 1}}, "logicalLocations": [cell]}
        return {"physicalLocation": {**physical, "region": _region(span)}}

    def _artifact(self, path: str) -> Mapping[str, str]:
        inside = relative(path, self._folder)
        return {"uri": uri(path, self._folder)} if inside is None else {"uri": reference(inside), "uriBaseId": BASE}

    def _fix(self, fix: Fix) -> dict[str, Any] | None:
        """A fix as a whole, or None if a part of it lies in a notebook."""
        if not fix.edits or any(edit.span.cell for edit in fix.edits):
            return None
        by_path: dict[str, list[dict[str, Any]]] = {}
        for edit in fix.edits:
            replacement = {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
            by_path.setdefault(edit.span.path, []).append(replacement)
        return {
            "description": _message(fix.title),
            "artifactChanges": [
                {"artifactLocation": self._artifact(path), "replacements": replacements}
                for path, replacements in by_path.items()
            ],
            "properties": {"applicability": "safe" if fix.safe else "unsafe"},
        }


def _message(text: str) -> dict[str, str]:
    """A message that is shown as it is written: braces would begin placeholders, and brackets could make a link."""
    literal = re.sub(r"\[([^\[\]]*)\](?=\()", r"\\[\1\\]", text)
    return {"text": literal.replace("{", "{{").replace("}", "}}")}


def _rule(code: str, about: About) -> dict[str, Any]:
    """What a rule is; GitHub wants every description, so a rule without a page is described by its name."""
    short = summary(about.page) or about.name
    full = section(about.page, "Why it matters") or short
    page = about.page or f"# {about.name} ({code})\n"
    rule: dict[str, Any] = {
        "id": code,
        "name": about.name,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full, "markdown": full},
        "defaultConfiguration": {"level": LEVELS[about.severity]},
        "help": {"text": page, "markdown": page},
    }
    if about.url:
        rule["helpUri"] = about.url
    kind = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}[about.severity]
    rule["properties"] = {"tags": ["pytorch"], "precision": "high", "problem.severity": kind}
    return rule


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start.row,
        "startColumn": span.start.column,
        "endLine": span.end.row,
        "endColumn": span.end.column,
    }
