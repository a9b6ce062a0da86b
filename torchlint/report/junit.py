"""JUnit XML: a suite for each file with findings, in which each finding is a failed test case.

A fault of torchlint itself (TL000) is an error, not a failure. Without findings there is one case, which passed, since
some readers refuse a report without any. XML has no way to write control characters, so they are shown as in messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from os.path import splitext

from torchlint.diagnostic import Diagnostic
from torchlint.report.encode import xml
from torchlint.report.findings import INTERNAL_ERROR, Findings
from torchlint.report.text import place, within


def render(findings: Findings) -> str:
    """The whole document."""
    groups = [(path, list(group)) for path, group in groupby(findings.diagnostics, key=lambda one: one.span.path)]
    body = "".join(_suite(path, group) for path, group in groups) or _passed()
    tests = max(1, len(findings.diagnostics))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="torchlint" tests="{tests}" {_counts(findings.diagnostics)}>\n{body}</testsuites>\n'
    )


def _suite(path: str, group: Sequence[Diagnostic]) -> str:
    cases = "".join(_case(one) for one in group)
    head = f'name="{xml(path)}" tests="{len(group)}" {_counts(group)} skipped="0" time="0"'
    return f"  <testsuite {head}>\n{cases}  </testsuite>\n"


def _case(one: Diagnostic) -> str:
    kind = "error" if one.code == INTERNAL_ERROR else "failure"
    row = "" if one.span.cell else f' line="{one.span.start.row}"'
    told = [one.message, *([one.verdict.text] if one.verdict is not None and one.verdict.text else [])]
    told += [f"  {place(step.span)}: {step.note}" for step in one.trail]
    text = "\n".join(xml(line) for line in told)
    name, path = xml(f"{within(one.span)} {one.code} {one.name}"), xml(one.span.path)
    return (
        f'    <testcase name="{name}" classname="{xml(splitext(one.span.path)[0])}" file="{path}"{row} time="0">\n'
        f'      <{kind} type="{one.severity.value}" message="{xml(one.message)}">{text}</{kind}>\n'
        "    </testcase>\n"
    )


def _counts(group: Sequence[Diagnostic]) -> str:
    errors = sum(one.code == INTERNAL_ERROR for one in group)
    return f'failures="{len(group) - errors}" errors="{errors}"'


def _passed() -> str:
    return (
        '  <testsuite name="torchlint" tests="1" failures="0" errors="0" skipped="0" time="0">\n'
        '    <testcase name="no findings" classname="torchlint" time="0"/>\n'
        "  </testsuite>\n"
    )
