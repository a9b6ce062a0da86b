"""``torchlint trace``: the way of the data through a file, or through one line of it, as a picture."""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from torchlint.diagnostic import Span
from torchlint.engine import registry, run
from torchlint.facts.analysis import Analysis
from torchlint.facts.paths import DataPath
from torchlint.flow.values import Place
from torchlint.frontends.reveal import Look, Target, split_line
from torchlint.frontends.terminal import wants_colour
from torchlint.report.text import Paint, visible
from torchlint.report.trace import picture
from torchlint.rule import Rule
from torchlint.syntax.positions import locate

#: What there is to say where no way of the data is found.
NOTHING = "no data is seen to pass here; does anything in the given files reach it?"


def trace(arguments: argparse.Namespace) -> int:
    """Print every way of the data that touches a file or a line.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    target = split_line(arguments.target)
    look = Look.at(target, arguments.paths)
    analysis = look.analysed(trace=True)
    shown = ways(look, target, analysis, registry.load(()).rules)
    encoding = (sys.stdout.encoding or "").lower()
    paint = Paint(wants_colour(arguments.color, sys.stdout, os.environ))
    sys.stdout.write(picture(*shown, paint, plain="utf" not in encoding, whole=arguments.whole))
    if not shown.paths:
        sys.stderr.write(f"torchlint: {NOTHING} (`--help` says how to give more)\n")
    return look.status(analysis)


class Ways(NamedTuple):
    """What a picture shows: the paths, how a place is written, and what rules have to say of a path."""

    paths: list[DataPath]
    where: Callable[[Place], str]
    said: Callable[[DataPath], list[str]]


def ways(look: Look, target: Target, analysis: Analysis, rules: Sequence[Rule]) -> Ways:
    """Every way of the data that touches the target, those first that end there; what rules that are on by default
    say of them."""
    path, line = look.path, look.line
    touching = [one for one in analysis.paths if any(place.path == path for place in one.places)]
    spans = _located(touching, look.sources.text)
    if line is not None:
        touching = [one for one in touching if _passes(one, path, line, spans)]
    if target.cell:
        touching = [
            one for one in touching if any(look.row(spans[p]).cell == target.cell for p in _own(one, path, spans))
        ]
    touching.sort(key=lambda one: _key(one, path, spans))

    def where(place: Place) -> str:
        span = spans.get(place)
        return look.words(look.row(span)) if span is not None else visible(place.path)

    found, _ = run.judge(analysis.occurrences, [rule for rule in rules if rule.on_by_default])

    def said(one: DataPath) -> list[str]:
        """What rules say of this way: of its end, or of a place on it and of where the value goes from there."""
        here = set(one.places)
        return [
            f"{each.rule.code} {each.finding.message}"
            for each in found
            if each.finding.place == one.place
            or (each.finding.place in here and all(step.place in here for step in each.finding.trail[-1:]))
        ]

    return Ways(touching, where, said)


def _located(paths: Iterable[DataPath], text: Callable[[str], str | None]) -> dict[Place, Span]:
    wanted: dict[str, set[int]] = defaultdict(set)
    for one in paths:
        for place in one.places:
            wanted[place.path].add(place.n)
    found: dict[Place, Span] = {}
    for path, numbers in sorted(wanted.items()):
        content = text(path)
        if content is not None:
            found.update((Place(path, n), span) for n, span in locate(content, sorted(numbers), path).items())
    return found


def _passes(one: DataPath, path: str, line: int, spans: Mapping[Place, Span]) -> bool:
    return any(spans[place].start.row <= line <= spans[place].end.row for place in _own(one, path, spans))


def _own(one: DataPath, path: str, spans: Mapping[Place, Span]) -> list[Place]:
    """The places of a way in one file."""
    return [place for place in one.places if place.path == path and place in spans]


def _key(one: DataPath, path: str, spans: Mapping[Place, Span]) -> tuple[bool, str, int, str]:
    row = spans[one.place].start.row if one.place in spans else 0
    return (one.place.path != path, one.place.path, row, one.role)
