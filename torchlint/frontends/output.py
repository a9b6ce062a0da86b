"""What a run prints: the findings in a format, and a closing line."""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from torchlint.diagnostic import Diagnostic
from torchlint.engine.builtin import INTERNAL_ERROR
from torchlint.frontends.outcome import UsageError
from torchlint.report.findings import Findings
from torchlint.report.formats import FORMATS
from torchlint.report.text import place, visible


def render(choice: str | None, findings: Findings, *, to_file: bool = False) -> str:
    """The findings in the chosen format; without a choice, frames on a terminal and lines elsewhere."""
    return FORMATS[choice or ("full" if not to_file and sys.stdout.isatty() else "concise")].render(findings)


def publish(text: str, file: str | None) -> None:
    """Put the findings on standard output, or into a file that holds them all or is as it was before.

    Raises:
        UsageError: the file cannot be written.
    """
    if file is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    content = text.encode("utf-8", "backslashreplace")
    try:
        if _is_device(file):
            with open(file, "wb") as stream:
                stream.write(content)
        else:
            from torchlint.source.write import write_atomically

            write_atomically(file, content)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from error


def spare(file: str | None, linted: Iterable[str]) -> None:
    """Raises: UsageError: the output file is one of the files that are linted."""
    if file is not None and os.path.realpath(file) in {os.path.realpath(path) for path in linted}:
        raise UsageError(f"{file}: is linted, so it is not written over")


def _is_device(path: str) -> bool:
    """Whether a path leads to a pipe, a terminal or the like, which can be written to but not replaced."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def closing_line(
    diagnostics: Sequence[Diagnostic], files: int, known: int = 0, fixed: Sequence[Diagnostic] | None = None
) -> str:
    """How many findings of each severity there are, how many files were linted, and how many findings are `known`.

    fixed: findings that were mended, beside those that are left; None if none were to be.
    """
    checked = f"{files} file{'' if files == 1 else 's'} checked"
    if known:
        checked += f"; {known} more {'is' if known == 1 else 'are'} in the baseline"
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
        sys.stderr.write(f"torchlint: warning: {visible(message)}\n")


def tell_faults(diagnostics: Iterable[Diagnostic]) -> None:
    """Say on standard error which files could not be judged, where no findings are printed."""
    for one in diagnostics:
        if one.code == INTERNAL_ERROR.code:
            sys.stderr.write(f"torchlint: error: {place(one.span)}: {one.code} {visible(one.message)}\n")
