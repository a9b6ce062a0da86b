"""A file that is being edited: what is found in it at once, before everything else is looked at again.

Definitions
    focus    a file, ready to be run again and again while the others stay as they are (`torchlint.facts.focus`)
    near     what the file's own top level and roots give, in the file
    foreign  what else the last pass over everything found in the file: it has its cause in other files

After an edit, a file is said to hold what is near in its new text, and what is foreign, moved with the text around it.
What stood in rows that the edit changed is dropped; the pass over everything brings it back if it is still true.

Worked example: ``model.py`` ends in a sigmoid, and ``train.py`` gives that to a loss that wants logits: a finding in
``train.py``, near to it. Two rows are typed above it: the finding is two rows further down. Its own row is changed: it
is looked for anew.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from torchlint.diagnostic import Diagnostic, Edit, Fix, Location, Span, Step
from torchlint.engine import run
from torchlint.engine.lint import Work
from torchlint.facts.focus import Focus
from torchlint.facts.known import KnownValues, everything_known
from torchlint.flow.recording import Recorder
from torchlint.source.text import DecodeError, decode
from torchlint.syntax import ir

#: Nodes that a near pass evaluates after the top level of a file: that takes about as long as to parse it once. What
#: lies beyond is for the pass over everything; until then it counts as foreign.
NODES, NODES_PER_LINE = 1_500, 4


class Editing:
    """A file of a project of which everything has been looked at; its path is as in the request of that work."""

    def __init__(self, work: Work, path: str, stop: Callable[[], bool]) -> None:
        """Raises: NotFollowedError: nothing in the file is looked at. Stopped: nobody waits any longer."""
        normal = posixpath.normpath(path.replace("\\", "/"))
        part = next((part for part in work.parts if normal in part.starts), None)
        if part is None:
            raise NotFollowedError(path)
        self._request = work.request
        self._path = path
        self._recorder = Recorder([path])
        self._module: ir.Module | None = None
        self._contracts = work.contracts
        self._focus = Focus(work.project.view(), normal, part.starts, work.contracts, stop=stop)

    def known(self) -> KnownValues:
        """What is known of the file's expressions, as far as it is near, with the content that was looked at last."""
        return everything_known(self._recorder, self._path, self._contracts)

    def forget(self) -> bool:
        """Give up what the last pass has left, which takes a moment; whether this is still good for another: it is not
        once the file imports what it did not import before."""
        self._focus.forget()
        return not self._focus.unprepared

    @property
    def module(self) -> ir.Module | None:
        """The IR of the content that was looked at last."""
        return self._module

    def near(self, data: bytes) -> list[Diagnostic]:
        """What is near in the file with this content, sorted.

        Raises:
            Stopped: nobody waits any longer.
        """
        request = self._request
        try:
            own = decode(data)
        except DecodeError:
            own = None

        def text(path: str) -> str | None:
            return own if path == self._path else request.text(path)

        files = {**request.files, self._path: data}
        self._recorder = Recorder([self._path])
        most = NODES + NODES_PER_LINE * data.count(b"\n")
        analysis = self._focus.analyse(data, self._recorder, most)
        self._module = analysis.modules.get(self._path)
        found = run.find(analysis, request.rules, files, request.settings, text, request.claims)
        here = [one for one in found if one.span.path == self._path]
        return run.sift(here, request.rules, request.settings, text, foreign_comments=request.foreign_comments)


class NotFollowedError(Exception):
    """A file in which nothing is looked at, such as one that never mentions a framework."""


class Rest(msgspec.Struct, frozen=True):
    """How all that was found in a text differs from what is near in it: what is foreign, and what near passes say that
    is not so, or is said in other words, once everything is known."""

    text: str
    foreign: list[Diagnostic]
    wrong: list[Diagnostic]


def rest(text: str, everything: Sequence[Diagnostic], near: Sequence[Diagnostic]) -> Rest:
    """The difference between all that was found in a text, and what is near."""
    return Rest(text, _without(everything, near), _without(near, everything))


def _without(found: Sequence[Diagnostic], others: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The findings that are not among others, whatever their trails and fixes."""
    known = {(one.code, one.span, one.message) for one in others}
    return [one for one in found if (one.code, one.span, one.message) not in known]


def completed(near: Sequence[Diagnostic], path: str, text: str, rest: Rest) -> list[Diagnostic]:
    """What is near in a new text of a file, with the rest of an older one, sorted."""
    move = _Move(path, rest.text, text)
    kept = _without(near, _moved(rest.wrong, move))
    return sorted([*kept, *_moved(rest.foreign, move)], key=Diagnostic.sort_key)


def _moved(found: Sequence[Diagnostic], move: _Move) -> list[Diagnostic]:
    """Findings of an old text of a file where they stand in its new text, without those in rows that have changed."""
    out: list[Diagnostic] = []
    for one in found:
        span = move.span(one.span)
        if span is not None:
            trail = tuple(Step(there, step.note) for step in one.trail if (there := move.span(step.span)) is not None)
            fixes = tuple(made for fix in one.fixes if (made := move.fix(fix)) is not None)
            out.append(replace(one, span=span, trail=trail, fixes=fixes))
    return out


_LINE_END = re.compile(r"\r\n|\r|\n")


class _Move:
    """From the rows of an old text to those of a new one, which differ in one stretch of rows."""

    def __init__(self, path: str, old: str, new: str) -> None:
        before, after = _LINE_END.split(old), _LINE_END.split(new)
        self._path = path
        self._further = len(after) - len(before)
        shorter = min(len(before), len(after))
        same = next((i for i in range(shorter) if before[i] != after[i]), shorter)
        self._above = same
        rest = shorter - same
        self._below = len(before) - next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)

    def span(self, span: Span) -> Span | None:
        """The span in the new text; None if it touches rows that have changed."""
        if span.path != self._path or span.end.row <= self._above:
            return span
        if span.start.row <= self._below:
            return None
        return replace(span, start=self._location(span.start), end=self._location(span.end))

    def _location(self, location: Location) -> Location:
        return Location(location.row + self._further, location.column)

    def fix(self, fix: Fix) -> Fix | None:
        """The fix in the new text, if nothing that it changes has changed."""
        edits = [(self.span(edit.span), edit) for edit in fix.edits]
        kept = tuple(Edit(span, edit.text) for span, edit in edits if span is not None)
        return replace(fix, edits=kept) if len(kept) == len(edits) else None
