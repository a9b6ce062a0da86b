"""``torchlint reveal``, and what the commands that look at one file have in common."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from torchlint.diagnostic import Location, Span
from torchlint.engine import registry
from torchlint.facts.analysis import Analysis, analyse
from torchlint.flow.budget import Stop, never
from torchlint.flow.library.tables import ContractError
from torchlint.frontends.check import tables
from torchlint.frontends.configuration import Configuration
from torchlint.frontends.documents import Documents
from torchlint.frontends.files import Sources, find, read_file, require
from torchlint.frontends.memory import without_collector
from torchlint.frontends.outcome import CLEAN, ERROR, UsageError
from torchlint.report.text import visible

if TYPE_CHECKING:
    from torchlint.facts.architecture import Inspector


def reveal(arguments: argparse.Namespace) -> int:
    """Print what is known of the values of a file, or of one line of it.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    target = split_line(arguments.target)
    look = Look.at(target, arguments.paths)
    analysis = look.analysed(watch=True)
    shown = [(look.row(Span(look.path, Location(one.row, 1), Location(one.row, 1))), one) for one in analysis.revealed]
    shown = [(row, one) for row, one in shown if target.cell in (0, row.cell)]
    for row, one in sorted(shown, key=lambda pair: pair[1].row):
        sys.stdout.write(f"{look.words(row)}: {visible(one.name)}: {visible(one.text)}\n")
    if not shown:
        sys.stderr.write("torchlint: nothing is known here; does anything in the given files reach it?\n")
    return look.status(analysis)


class Target(NamedTuple):
    """A file, one cell of a notebook (0: all of them), and a line of it (None: all of them)."""

    path: str
    cell: int
    line: int | None


class Look:
    """A look at one file, with further files and folders of its project.

    path: the Python text that is looked at, as the analysis knows it.
    """

    def __init__(
        self,
        target: Target,
        given: Mapping[str, bytes],
        configuration: Configuration,
        overlay: Mapping[str, bytes | None] | None = None,
    ) -> None:
        """given: what is analysed, by path, the target among it; overlay: what stands for further files on the disk."""
        self._configuration = configuration
        self._target = target
        self._documents = Documents(given)
        self.path, self.line = self._documents.inside(*target)
        self.sources = Sources(self._documents.files, {**(overlay or {})})

    @classmethod
    def at(cls, target: Target, others: Sequence[str]) -> Look:
        """A look at a file on the disk.

        Raises:
            UsageError, ConfigError: there is nothing sensible to do.
        """
        require([target.path, *others])
        configuration = Configuration()
        wanted = [target.path, *find(others, configuration)]
        return cls(target, {name: read_file(name) for name in dict.fromkeys(wanted)}, configuration)

    def analysed(self, *, watch: bool = False, trace: bool = False, stop: Stop = never) -> Analysis:
        """What is known; with `watch` the values in the target, with `trace` the ways of the data.

        Raises:
            UsageError, ConfigError: there is nothing sensible to do. Stopped: `stop` says that nobody waits for it.
        """
        files, context = self._documents.files, self.sources.context
        own, taught = [str(registry.own_contracts())], tables([self._configuration.of(self._target.path)])
        watched = (self.path, self.line) if watch else None
        with without_collector():
            try:
                found = analyse(files, context, own, taught, folder=os.getcwd(), watch=watched, trace=trace, stop=stop)
            except ContractError as error:
                raise UsageError(str(error)) from error
        found.problems += self._documents.troubles
        return found

    def inspector(self) -> Inspector:
        """What looks at the models of the file.

        Raises:
            UsageError, ConfigError: there is nothing sensible to do.
        """
        from torchlint.facts.architecture import Inspector
        from torchlint.flow.library.contracts import Contracts
        from torchlint.project.modules import Project

        own, taught = [str(registry.own_contracts())], tables([self._configuration.of(self._target.path)])
        project = Project(self._documents.files, self.sources.context, top=os.getcwd())
        try:
            contracts = Contracts.load(own, taught, os.getcwd())
        except ContractError as error:
            raise UsageError(str(error)) from error
        name = next(name for name, unit in project.units.items() if unit.path == self.path)
        return Inspector(project, contracts, name)

    def row(self, span: Span) -> Span:
        """A place of the analysis in the file as the user knows it."""
        return self._documents.within(span)

    def words(self, span: Span) -> str:
        """File, cell and line of such a place."""
        return f"{visible(span.path)}:{f'cell {span.cell}:' if span.cell else ''}{span.start.row}"

    def status(self, analysis: Analysis) -> int:
        """The exit status of a command that prints no findings, after the files that could not be judged are named."""
        problems = [(one.path, one.message) for one in analysis.problems]
        problems += [(one.path, one.message) for one in analysis.faults]
        for where, message in problems:
            sys.stderr.write(f"torchlint: {visible(self._documents.owner(where))}: {message}\n")
        return ERROR if problems else CLEAN


def split_line(target: str) -> Target:
    """``FILE``, ``FILE:LINE``, ``FILE:cell N`` or ``FILE:cell N:LINE`` as its parts."""
    if os.path.exists(target):
        return Target(target, 0, None)
    found = re.fullmatch(r"(?P<path>.*?)(?::cell (?P<cell>\d+))?(?::(?P<line>\d+))?", target, re.DOTALL | re.ASCII)
    assert found is not None
    line = found["line"]
    return Target(found["path"], int(found["cell"] or 0), None if line is None else int(line))
