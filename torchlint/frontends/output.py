"""What a run prints: the findings in a format, and a closing line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence

from torchlint.diagnostic import Diagnostic
from torchlint.report.text import Paint

Text = Callable[[str], "str | None"]


def render(
    choice: str | None, diagnostics: Sequence[Diagnostic], text: Text, paint: Paint, unsafe: bool = False
) -> str:
    """The findings in the chosen format; without a choice, frames on a terminal and lines elsewhere.

    text: the text of a path. unsafe: whether findings with an unsafe fix are marked as fixable.
    """
    choice = choice or ("full" if sys.stdout.isatty() else "concise")
    if choice == "json":
        from torchlint.report.json import as_json

        return as_json(diagnostics)
    if choice == "full":
        from torchlint.report.full import full

        return full(diagnostics, text, paint, unsafe)
    from torchlint.report.concise import concise

    return concise(diagnostics, paint, unsafe)


def closing_line(diagnostics: Sequence[Diagnostic], files: int, fixed: Sequence[Diagnostic] | None = None) -> str:
    """How many findings of each severity there are, and how many files were linted.

    fixed: findings that were mended, beside those that are left; None if none were to be.
    """
    checked = f"{files} file{'' if files == 1 else 's'} checked"
    if not diagnostics and not fixed:
        return f"No findings; {checked}.\n"
    counts = Counter(one.severity.value for one in (*diagnostics, *(fixed or ())))
    parts = ", ".join(
        f"{counts[kind]} {kind}{'' if counts[kind] == 1 or kind == 'info' else 's'}"
        for kind in ("error", "warning", "info")
        if counts[kind]
    )
    rest = "" if fixed is None else f" ({len(fixed)} fixed, {len(diagnostics)} remaining)"
    return f"Found {parts}{rest}; {checked}.\n"


def fixable_line(diagnostics: Sequence[Diagnostic], unsafe: bool, *, offered: bool) -> str:
    """How many of these findings could be fixed; nothing if none can.

    unsafe: whether unsafe fixes are wanted. offered: whether those that are wanted are still to be made.
    """
    fixable = sum(1 for one in diagnostics if one.best_fix(unsafe)) if offered else 0
    hidden = sum(1 for one in diagnostics if one.best_fix(True)) - sum(1 for one in diagnostics if one.best_fix(unsafe))
    enable = f"{hidden} more with `--unsafe-fixes`"
    if fixable:
        return f"[*] {fixable} fixable with `--fix`{f' ({enable})' if hidden else ''}.\n"
    return f"{enable}.\n".replace("more ", "fixable ") if hidden else ""


def warn(message: str, quiet: bool) -> None:
    """Say on standard error what seems to be wrong, unless it is not wanted."""
    if not quiet:
        sys.stderr.write(f"torchlint: warning: {message}\n")
