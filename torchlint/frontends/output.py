"""What a run prints: the findings in a format, and a closing line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence

from torchlint.diagnostic import Diagnostic
from torchlint.report.text import Paint

Text = Callable[[str], "str | None"]


def render(choice: str | None, diagnostics: Sequence[Diagnostic], text: Text, paint: Paint) -> str:
    """The findings in the chosen format; without a choice, frames on a terminal and lines elsewhere.

    text: the text of a path.
    """
    choice = choice or ("full" if sys.stdout.isatty() else "concise")
    if choice == "json":
        from torchlint.report.json import as_json

        return as_json(diagnostics)
    if choice == "full":
        from torchlint.report.full import full

        return full(diagnostics, text, paint)
    from torchlint.report.concise import concise

    return concise(diagnostics, paint)


def closing_line(diagnostics: Sequence[Diagnostic], files: int) -> str:
    """How many findings of each severity there are, and how many files were linted."""
    checked = f"{files} file{'' if files == 1 else 's'} checked"
    if not diagnostics:
        return f"No findings; {checked}.\n"
    counts = Counter(one.severity.value for one in diagnostics)
    parts = ", ".join(
        f"{counts[kind]} {kind}{'' if counts[kind] == 1 or kind == 'info' else 's'}"
        for kind in ("error", "warning", "info")
        if counts[kind]
    )
    return f"Found {parts}; {checked}.\n"


def warn(message: str, quiet: bool) -> None:
    """Say on standard error what seems to be wrong, unless it is not wanted."""
    if not quiet:
        sys.stderr.write(f"torchlint: warning: {message}\n")
