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
from torchlint.frontends.output import tell_faults, warn
from torchlint.report.text import visible
from torchlint.source.text import DecodeError, EncodeError, decode, encode
from torchlint.source.write import ChangedError, Rewriting, rewrite_together, write_atomically
from torchlint.syntax.silence import silenced

if TYPE_CHECKING:
    from torchlint.frontends.check import Session
    from torchlint.frontends.documents import Documents


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
        said = _add_comments(session, given, diagnostics, arguments.quiet)
    else:
        said = _write_baseline(session, given, diagnostics)
    if not arguments.quiet:
        sys.stderr.write(visible(said) + "\n")
    tell_faults(diagnostics)
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


def _add_comments(session: Session, given: Mapping[str, bytes], diagnostics: Sequence[Diagnostic], quiet: bool) -> str:
    by_path: dict[str, list[Diagnostic]] = defaultdict(list)
    for one in diagnostics:
        if one.code not in (INTERNAL_ERROR.code, SYNTAX_ERROR.code):
            by_path[one.span.path].append(one)
    files: list[Rewriting] = []
    added = 0
    for path, found in sorted(by_path.items()):
        try:
            if is_document(path):
                made, count = _document(session.documents, path, given[path], found)
            else:
                made, count = _file(given[path], found)
        except (DecodeError, EncodeError, _UncommentedError) as error:
            warn(f"{path}: no comments are added: {error}", quiet)
            continue
        files.append(Rewriting(path, given[path], made))
        added += count
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


class _UncommentedError(Exception):
    """Comments cannot be added to a file."""


def _file(content: bytes, found: Sequence[Diagnostic]) -> tuple[bytes, int]:
    """A Python file with comments, and how many."""
    made, count = silenced(decode(content), [(one.span, one.code) for one in found])
    return encode(made, content), count


def _document(documents: Documents, path: str, content: bytes, found: Sequence[Diagnostic]) -> tuple[bytes, int]:
    """A notebook with comments in its cells, or a Markdown file with comments in its fences, and how many."""
    from torchlint.frontends.documents import edited

    edits = documents.comments(path, found)
    made = edited(path, content, edits)
    if made is None:
        raise _UncommentedError("it would not be the same program")
    return made, len(edits)
