"""``torchlint check --fix`` and ``--diff``: mend, show or write what has changed, and report the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from torchlint.diagnostic import Diagnostic, Edit, Fix
from torchlint.engine.apply import Mended, mend
from torchlint.engine.lint import Result
from torchlint.frontends.check import Session, conclude
from torchlint.frontends.documents import edited as edited_document
from torchlint.frontends.documents import is_document
from torchlint.frontends.outcome import CLEAN, ERROR, FINDINGS
from torchlint.frontends.output import fixable_line, tell_faults, warn
from torchlint.frontends.plain import read_or_none
from torchlint.frontends.terminal import wants_colour
from torchlint.report.diff import shown, unified
from torchlint.report.text import Paint, visible
from torchlint.source.discover import is_below
from torchlint.source.edit import OverlapError, applied
from torchlint.source.text import DecodeError, EncodeError, decode, encode, encoding_of
from torchlint.source.write import ChangedError, Rewriting, remove_leavings, rewrite_together
from torchlint.syntax.tree import parses


def fix(session: Session, given: Mapping[str, bytes], seen: Callable[[Iterable[str]], None]) -> int:
    """Mend what can be mended, and say by the exit status what came of it; `seen` is told on which files it depends
    beside those that it lints.

    Raises:
        UsageError, ConfigError: as `Session.lint` does.
    """
    session.spoil()
    arguments = session.arguments
    latest: list[Mapping[str, bytes]] = []

    def lint(contents: Mapping[str, bytes]) -> Result:
        latest[:] = [contents]
        return session.lint(contents, progress)

    away: dict[str, bool] = {}

    def usable(one: Diagnostic) -> Fix | None:
        best = one.best_fix(session.unsafe_fixes)
        paths = {edit.span.path for edit in best.edits} if best is not None and not session.piped else ()
        for path in paths:
            if path not in away:
                away[path] = _leads_away(path, arguments.paths or [os.curdir])
        return None if any(away[path] for path in paths) else best

    with session.progress() as progress:
        mended = mend(given, lint, usable, edited)
    for path in sorted(path for path in away if away[path]):
        warn(f"{path}: not fixed, since it is a link that leads out of what was given", arguments.quiet)
    seen(session.further())
    for one in mended.refused:
        place = f"{visible(one.span.path)}:{one.span.start.row}"
        warn(f"{place}: {one.code} is not fixed: it would stay, or something else would be wrong", arguments.quiet)
    if arguments.diff:
        _show_diffs(given, mended.contents, session)
        return _closing(session, mended, "Would fix", change=bool(mended.fixed))
    left_alone: list[str] = []
    failed = False
    if session.piped:
        _print_text(mended.contents)
    else:
        left_alone, failed = _write(given, mended, arguments.quiet)
    if left_alone:
        mended = _as_it_is(session, mended, left_alone)
    elif not session.fix_only and latest != [mended.contents]:
        session.lint(mended.contents)  # so that the source that is shown is that of the findings
    if mended.unfinished:
        warn("there is more to fix: run it again", arguments.quiet)
    if session.fix_only:
        change = bool(mended.fixed) and arguments.exit_non_zero_on_fix
        status = _closing(session, mended, "Fixed", change=change)
    else:
        status = conclude(session, mended.result, [one for one, _ in mended.fixed])
        if status == CLEAN and mended.fixed and arguments.exit_non_zero_on_fix and not arguments.exit_zero:
            status = FINDINGS
    return ERROR if failed else status


def edited(path: str, content: bytes, edits: Sequence[Edit]) -> bytes | None:
    """The content of a file with edits made; None if that is no Python, or cannot be written as it was.

    Encoding, byte order mark, line ends and form feeds stay as they are.
    """
    if is_document(path):
        return edited_document(path, content, edits)
    try:
        text = applied(decode(content), edits)
        return encode(text, content) if parses(text) else None
    except (DecodeError, EncodeError, OverlapError):
        return None


def _leads_away(path: str, given: Iterable[str]) -> bool:
    """Whether a file that was found is a link to one that stands in no folder that was given, so that mending a
    stranger's project could change files beside it."""
    real = os.path.realpath(path)
    tops = [os.path.realpath(one) for one in given]
    return not any(real == top or is_below(real, top) for top in tops)


def _closing(session: Session, mended: Mended, words: str, *, change: bool) -> int:
    """Say how much was fixed, or would be, and nothing of the rest."""
    arguments = session.arguments
    count = len(mended.fixed)
    if not arguments.quiet:
        if count:
            sys.stderr.write(f"{words} {count} finding{'' if count == 1 else 's'}.\n")
        sys.stderr.write(fixable_line(mended.result.diagnostics, session.unsafe_fixes, offered=False))
    tell_faults(mended.result.diagnostics)
    if session.status(mended.result.diagnostics) == ERROR:
        return ERROR
    return FINDINGS if change and not arguments.exit_zero else CLEAN


def _show_diffs(before: Mapping[str, bytes], after: Mapping[str, bytes], session: Session) -> None:
    paint = Paint(wants_colour(session.arguments.color, sys.stdout, os.environ))
    sys.stdout.flush()
    for path in sorted(before):
        if before[path] == after[path]:
            continue
        diff = unified(path, before[path], after[path])
        if paint.on or sys.stdout.isatty():
            sys.stdout.write(shown(diff, "utf-8" if is_document(path) else encoding_of(after[path]), paint))
        else:
            sys.stdout.buffer.write(diff)
    sys.stdout.flush()


def _print_text(contents: Mapping[str, bytes]) -> None:
    """The text of standard input, as it is now; just as it came if it is excluded."""
    sys.stdout.flush()
    for content in contents.values() or [sys.stdin.buffer.read()]:
        sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _write(given: Mapping[str, bytes], mended: Mended, quiet: bool) -> tuple[list[str], bool]:
    """Write what has changed, files of one fix together: the paths that are left alone, and whether writing failed."""
    groups = _groups(fix for _, fix in mended.fixed if fix is not None)
    remove_leavings(path for group in groups for path in group)
    left_alone: list[str] = []
    failed = False
    for group in groups:
        files = [Rewriting(path, given[path], mended.contents[path]) for path in group]
        try:
            rewrite_together([file for file in files if file.old != file.new])
            continue
        except ChangedError as error:
            warn(f"{visible(error.path)}: not fixed, since it has changed while it was read", quiet)
        except OSError as error:
            failed = True
            path = visible(str(error.filename or group[0]))
            sys.stderr.write(f"torchlint: error: {path}: cannot be written: {error.strerror or error}\n")
        left_alone += group
    return left_alone, failed


def _groups(fixes: Iterable[Fix]) -> list[list[str]]:
    """The files that fixes change: those of one fix, and of all fixes that share a file with it, are one group."""
    group_of: dict[str, set[str]] = {}
    for fix in fixes:
        group = {edit.span.path for edit in fix.edits}
        for path in list(group):
            group |= group_of.get(path, set())
        group_of.update((path, group) for path in group)
    return sorted({id(group): sorted(group) for group in group_of.values()}.values())


def _as_it_is(session: Session, mended: Mended, left_alone: Collection[str]) -> Mended:
    """What there is to say once some files could not be written."""
    contents = dict(mended.contents)
    for path in left_alone:
        content = read_or_none(path)
        if content is not None:
            contents[path] = content
        else:
            del contents[path]
    fixed = [
        (one, fix)
        for one, fix in mended.fixed
        if not {one.span.path, *(edit.span.path for edit in (fix.edits if fix is not None else ()))} & {*left_alone}
    ]
    return Mended(contents, session.lint(contents), fixed, [])
