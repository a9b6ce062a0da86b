"""``--write-baseline`` and ``--add-noqa``: findings taken as they are, so that only new ones are reported."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torchlint.diagnostic import Diagnostic
from torchlint.engine.builtin import INTERNAL_ERROR, SYNTAX_ERROR
from torchlint.frontends.documents import is_document
from torchlint.frontends.outcome import CLEAN, ERROR, UsageError
from torchlint.frontends.output import warn
from torchlint.report.text import visible
from torchlint.source.text import DecodeError, EncodeError, decode, encode
from torchlint.source.write import ChangedError, Rewriting, rewrite_together, write_atomically
from torchlint.syntax.silence import silenced

if TYPE_CHECKING:
    from torchlint.frontends.check import Session


def accept(session: Session, given: Mapping[str, bytes], diagnostics: Sequence[Diagnostic]) -> int:
    """Write the baseline or the comments that the command line asks for; the exit status is returned.

    Raises:
        UsageError, ConfigError: it cannot be written.
    """
    arguments = session.arguments
    if arguments.write_baseline is not None and arguments.add_noqa:
        raise UsageError("--write-baseline and --add-noqa are two ways to the same end: use one")
    if "-" in arguments.paths:
        raise UsageError("standard input has no file to be written to")
    if arguments.add_noqa:
        said = _add_comments(given, diagnostics, arguments.quiet)
    else:
        said = _write_baseline(session, given, diagnostics)
    if not arguments.quiet:
        sys.stderr.write(visible(said) + "\n")
    broken = session.rules.problems or any(one.code == INTERNAL_ERROR.code for one in diagnostics)
    return ERROR if broken else CLEAN


def _write_baseline(session: Session, given: Mapping[str, bytes], diagnostics: Sequence[Diagnostic]) -> str:
    from torchlint.frontends.baseline import written

    file = session.arguments.write_baseline
    made = written(file, diagnostics, session.text, given, session.asks)
    content = made.as_text().encode()
    try:
        write_atomically(file, content)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror or error}") from error
    count = sum(made.entries.values())
    return f"{file} lists {count} finding{'' if count == 1 else 's'}."


def _add_comments(given: Mapping[str, bytes], diagnostics: Sequence[Diagnostic], quiet: bool) -> str:
    by_path: dict[str, list[Diagnostic]] = defaultdict(list)
    for one in diagnostics:
        if one.code not in (INTERNAL_ERROR.code, SYNTAX_ERROR.code):
            by_path[one.span.path].append(one)
    files: list[Rewriting] = []
    added = 0
    for path, found in sorted(by_path.items()):
        if is_document(path):
            warn(f"{visible(path)}: comments are added to Python files only", quiet)
            continue
        try:
            text = decode(given[path])
            made, count = silenced(text, [(one.span, one.code) for one in found])
            files.append(Rewriting(path, given[path], encode(made, given[path])))
            added += count
        except (DecodeError, EncodeError) as error:
            warn(f"{visible(path)}: no comments are added: {error}", quiet)
    for file in files:
        if file.new == file.old:
            continue
        try:
            rewrite_together([file])
        except ChangedError as error:
            raise UsageError(str(error)) from error
        except OSError as error:
            raise UsageError(f"{file.path}: cannot be written: {error.strerror or error}") from error
    changed = sum(file.new != file.old for file in files)
    lines = f"{added} line{'' if added == 1 else 's'}"
    return f"{lines} in {changed} file{'' if changed == 1 else 's'} now {'has' if added == 1 else 'have'} a comment."
