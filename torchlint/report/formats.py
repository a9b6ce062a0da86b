"""The formats in which findings can be had: the one list that the command line, its help and its documentation share.

**Invariant:** nothing is imported here, so that naming a format costs nothing; each format's module is imported when
it renders. Such a module has one function, ``render(findings: Findings) -> str``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from torchlint.report.findings import Findings


class Format:
    """A format: the module that renders it, what it is, and who reads it."""

    __slots__ = ("module", "reader", "summary")

    def __init__(self, module: str, summary: str, reader: str) -> None:
        self.module, self.summary, self.reader = module, summary, reader

    def render(self, findings: Findings) -> str:
        """All findings in this format, with a final end of line."""
        from importlib import import_module

        function: Callable[[Findings], str] = import_module(f"torchlint.report.{self.module}").render
        return function(findings)


FORMATS = {
    "concise": Format("concise", "one line a finding", "people, editors' error parsers"),
    "full": Format("full", "frames of source with the trail; the default on a terminal", "people"),
    "grouped": Format("grouped", "the lines of each file below its name", "people"),
    "json": Format("json", "ruff's JSON keys and `name`, `severity`, `trail`, `fixes`, `verdict`", "scripts"),
    "json-lines": Format("json_lines", "the same, one object a line", "scripts, log collectors"),
    "sarif": Format(
        "sarif", "SARIF 2.1.0 with code flows, fixes and rule pages", "GitHub code scanning, SARIF viewers"
    ),
    "github": Format("github", "workflow commands, which annotate the changed lines", "GitHub Actions"),
    "gitlab": Format("gitlab", "a Code Quality report", "GitLab merge requests"),
    "junit": Format("junit", "JUnit XML, one failed test case a finding", "Jenkins and others that show tests"),
    "pylint": Format("pylint", "`path:line: [CODE] message`", "tools that read pylint's parseable output"),
    "rdjson": Format("rdjson", "Reviewdog Diagnostic Format with suggestions", "reviewdog"),
    "lsp": Format("lsp", "an object from file URI to the parameters of `publishDiagnostics`", "editors' scripts"),
}
