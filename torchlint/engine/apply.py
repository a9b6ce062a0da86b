"""Fixes made on contents in memory, pass by pass, and kept only where the analysis says that they mend.

Definitions
    pass        fixes that do not meet each other are made together, and the program is linted again
    meet        the stretches from the first to the last edit of two fixes touch in some file; imports, which are whole
                lines, meet nothing. The later fix waits for the next pass, when its finding has a fix of the new text
    trial       some fixes made, and what there is to say then
    good        a trial in which every changed file parses, the findings of the fixes are gone, and none is new
    new         a finding without one of the same code that stood where it stands now
    taken back  a fix that spoils every trial; found by halving, so that the good ones beside it are kept

Worked example: of the three findings of a file the first two share the argument of one call. The first pass mends the
first and the third, the second pass what is left of the second. If the fix of the third brings a new finding, the trial
of both is not good, that of the first alone is, and that of the third beside it is not: it is taken back. A fix that
was taken back is tried once more at the end, when the others are made, so that a second run has nothing to do.

Each trial that is kept has fewer findings than the one before, so this ends.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Span
from torchlint.engine.lint import Result

#: Passes that mend something, and trials of one pass. A fix that waits longer than that waits for the next run.
MOST_PASSES, MOST_TRIALS = 20, 200

Contents = Mapping[str, bytes]
_LINE_END = re.compile(r"\r\n|\r|\n")
_Stretch = tuple[str, int, Location, Location]


class Mended(msgspec.Struct, frozen=True):
    """Contents with fixes made, and what there is to say of them.

    fixed: the findings that are gone, each with its fix; None if it went with another's.
    refused: findings whose fix was taken back.
    unfinished: there are fixes that another run would make.
    """

    contents: dict[str, bytes]
    result: Result
    fixed: list[tuple[Diagnostic, Fix | None]]
    refused: list[Diagnostic]
    unfinished: bool = False


class _Trial(msgspec.Struct, frozen=True):
    """Contents with some fixes made, and the finding that each of those before has become, by index."""

    contents: dict[str, bytes]
    result: Result
    became: Mapping[int, int]


def mend(
    contents: Contents,
    lint: Callable[[Contents], Result],
    usable: Callable[[Diagnostic], Fix | None],
    edited: Callable[[str, bytes, Sequence[Edit]], bytes | None],
) -> Mended:
    """Make the usable fixes of these contents.

    usable: the fix of a finding that may be made. edited: a file's content with edits made, by its path; None if that
    is no Python or cannot be written in the file's encoding. A fix that changes a file beyond `contents` is not made.
    """
    now = _Trial(dict(contents), lint(contents), {})
    fixed: list[tuple[Diagnostic, Fix | None]] = []
    refused: set[int] = set()
    passes, retry = 0, False
    while True:
        fixes = {
            index: fix
            for index, one in enumerate(now.result.diagnostics)
            if (fix := usable(one)) is not None and all(edit.span.path in contents for edit in fix.edits)
        }
        chosen = _apart({index: fix for index, fix in fixes.items() if index not in refused})
        if not chosen and refused and retry:
            refused, retry = set(), False
            continue
        if not chosen or passes == MOST_PASSES:
            taken_back = [now.result.diagnostics[index] for index in sorted(refused)]
            return Mended(now.contents, now.result, fixed, taken_back, unfinished=bool(chosen))
        kept, untried, trial = _kept(now, chosen, lint, edited)
        refused |= chosen.keys() - kept
        if trial is not None:
            gone = ((index, one) for index, one in enumerate(now.result.diagnostics) if index not in trial.became)
            fixed += [(one, chosen.get(index)) for index, one in gone]
            refused = {trial.became[index] for index in refused if index in trial.became}
            now = trial
            passes, retry = passes + 1, True
        if untried:
            return Mended(now.contents, now.result, fixed, [], unfinished=True)


def _kept(
    now: _Trial,
    chosen: Mapping[int, Fix],
    lint: Callable[[Contents], Result],
    edited: Callable[[str, bytes, Sequence[Edit]], bytes | None],
) -> tuple[set[int], bool, _Trial | None]:
    """The fixes that are good together, by the index of their finding; whether some were not tried; and their trial."""
    kept: list[int] = []
    best: _Trial | None = None
    stack = [sorted(chosen)]
    for _ in range(MOST_TRIALS):
        if not stack:
            break
        some = stack.pop()
        trial = _tried(now, {index: chosen[index] for index in (*kept, *some)}, lint, edited)
        if trial is not None:
            kept += some
            best = trial
        elif len(some) > 1:
            half = len(some) // 2
            stack += [some[half:], some[:half]]
    return set(kept), bool(stack), best


def _tried(
    now: _Trial,
    fixes: Mapping[int, Fix],
    lint: Callable[[Contents], Result],
    edited: Callable[[str, bytes, Sequence[Edit]], bytes | None],
) -> _Trial | None:
    """The trial of these fixes, if it is good."""
    by_path: dict[str, set[Edit]] = defaultdict(set)
    for edit in (edit for fix in fixes.values() for edit in fix.edits):
        by_path[edit.span.path].add(edit)
    contents = dict(now.contents)
    for path, edits in sorted(by_path.items()):
        after = edited(path, contents[path], sorted(edits, key=_edit_key))
        if after is None:
            return None
        contents[path] = after
    result = lint(contents)
    by_cell: dict[tuple[str, int], list[Edit]] = defaultdict(list)
    for edit in (edit for edits in by_path.values() for edit in edits):
        by_cell[edit.span.path, edit.span.cell].append(edit)
    became, new = _paired(now.result.diagnostics, result.diagnostics, by_cell)
    return None if new or fixes.keys() & became.keys() else _Trial(contents, result, became)


def _edit_key(edit: Edit) -> tuple[Span, str]:
    return edit.span, edit.text


def _apart(fixes: Mapping[int, Fix]) -> dict[int, Fix]:
    """Of these fixes the first, and each after it that meets none of those that were taken; the same is no other."""
    taken: dict[int, Fix] = {}
    made: set[frozenset[Edit]] = set()
    stretches: list[_Stretch] = []
    for index, fix in fixes.items():
        edits = frozenset(edit for edit in fix.edits if not _is_line(edit))
        own = _stretches(edits)
        if edits in made or not any(_meet(one, other) for one in own for other in stretches):
            taken[index] = fix
            made.add(edits)
            stretches += own
    return taken


def _is_line(edit: Edit) -> bool:
    """Whether an edit only inserts whole lines."""
    return edit.span.start == edit.span.end and edit.span.start.column == 1 and edit.text.endswith(("\n", "\r"))


def _stretches(edits: Collection[Edit]) -> list[_Stretch]:
    by_file: dict[tuple[str, int], list[Span]] = defaultdict(list)
    for edit in edits:
        by_file[edit.span.path, edit.span.cell].append(edit.span)
    return [(*file, min(s.start for s in spans), max(s.end for s in spans)) for file, spans in by_file.items()]


def _meet(one: _Stretch, other: _Stretch) -> bool:
    return one[:2] == other[:2] and one[2] <= other[3] and other[2] <= one[3]


def _paired(
    before: Sequence[Diagnostic], after: Sequence[Diagnostic], edits: Mapping[tuple[str, int], Collection[Edit]]
) -> tuple[dict[int, int], set[int]]:
    """Which finding each has become, by index, and which ones were not there before the edits.

    What a message says may change with the names in it, so it only decides between findings at one place.
    """
    at: dict[tuple[str, int, str, Location], list[int]] = defaultdict(list)
    within: dict[tuple[str, int, str], list[tuple[Location, Location, int]]] = defaultdict(list)
    for index, one in enumerate(before):
        file = (one.span.path, one.span.cell, one.code)
        first, last = moved(one.span.start, edits.get(file[:2], ()))
        if first == last:
            at[(*file, first)].append(index)
        else:
            within[file].append((first, last, index))
    became: dict[int, int] = {}
    left = dict(enumerate(after))
    for touched, same_message in ((False, True), (False, False), (True, True), (True, False)):
        for index, one in list(left.items()):
            file, place = (one.span.path, one.span.cell, one.code), one.span.start
            if touched:
                olds = [old for first, last, old in within.get(file, ()) if first <= place <= last]
            else:
                olds = at.get((*file, place), [])
            for old in olds:
                if old not in became and (not same_message or before[old].message == one.message):
                    became[old] = index
                    del left[index]
                    break
    return became, set(left)


def moved(place: Location, edits: Collection[Edit]) -> tuple[Location, Location]:
    """Where a place is after edits of its text, from … to: what is written anew begins anywhere in the new text."""
    first = last = place
    for edit in sorted(edits, key=_edit_key, reverse=True):  # from the end, where the places of the others still hold
        span = edit.span
        if place < span.start:
            continue
        if place > span.end:
            first = _behind(first, edit)
        else:
            first = span.start
        last = _behind(max(last, span.end), edit)
    return first, last


def _behind(place: Location, edit: Edit) -> Location:
    """Where a place at the end of an edit's span, or behind it, is once the edit is made."""
    lines = _LINE_END.split(edit.text)
    start, end = edit.span.start, edit.span.end
    row = start.row + len(lines) - 1
    if place.row > end.row:
        return Location(place.row + row - end.row, place.column)
    column = len(lines[-1]) + (start.column if len(lines) == 1 else 1)
    return Location(row, column + place.column - end.column)
