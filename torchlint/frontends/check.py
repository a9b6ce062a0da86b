"""``torchlint check``: from arguments to output and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry, select
from torchlint.engine.builtin import BUILTINS, INTERNAL_ERROR
from torchlint.engine.lint import Request, Result, lint
from torchlint.flow.library.tables import ContractError, Table
from torchlint.frontends.configuration import Configuration, said_by
from torchlint.frontends.files import Sources, find, read_file, require
from torchlint.frontends.memory import without_collector
from torchlint.frontends.outcome import CLEAN, ERROR, FINDINGS, UsageError
from torchlint.frontends.output import closing_line, render, warn
from torchlint.frontends.places import cache_folder, own_version, processors
from torchlint.frontends.replay import Recorder
from torchlint.frontends.store import DiskStore, digest
from torchlint.frontends.terminal import wants_colour
from torchlint.report.text import Paint


def check(arguments: argparse.Namespace) -> int:
    """Lint, print, and say by the exit status what came of it.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    session = Session(arguments)
    given = session.contents()
    if not given:
        warn("no Python files found", arguments.quiet)
    result = session.lint(given)
    for note in result.notes:
        warn(note, arguments.quiet)
    paint = Paint(wants_colour(arguments.color, sys.stdout, os.environ))
    sys.stdout.write(render(arguments.output_format, result.diagnostics, session.sources.text, paint))
    sys.stdout.flush()
    if arguments.statistics:
        from torchlint.report.statistics import statistics

        sys.stderr.write(statistics(result.statistics))
    if not arguments.quiet:
        sys.stderr.write(closing_line(result.diagnostics, len(given)))
    return session.status(result.diagnostics)


class Session:
    """What stays the same over all passes of one command: its arguments, configuration and rules."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.configuration = Configuration(arguments.config, arguments.isolated, said_by(arguments))
        self.rules = _rules(arguments.rules_dir)
        self.sources = Sources({})
        self.recorder: Recorder | None = arguments.recorder
        self.store = None if arguments.no_cache else DiskStore(arguments.cache_dir or cache_folder(os.environ))
        if arguments.rules_dir:
            self.spoil()

    def spoil(self) -> None:
        """This run cannot be repeated from what it read: it is not recorded."""
        if self.recorder is not None:
            self.recorder.spoil()

    def contents(self) -> dict[str, bytes]:
        """The files to lint, by the path that the output shows.

        Raises:
            UsageError, ConfigError: there are none, or they cannot be read.
        """
        arguments = self.arguments
        paths = arguments.paths or [os.curdir]
        if "-" in paths:
            if len(paths) > 1:
                raise UsageError("`-` (standard input) stands alone")
            self.spoil()
            name = arguments.stdin_filename or "-"
            forced = self.configuration.of(name).force_exclude and os.path.exists(name)
            if forced and not find([name], self.configuration):
                return {}
            return {name: sys.stdin.buffer.read()}
        require(paths)
        listed = None if self.recorder is None else self.recorder.folder
        found = find(paths, self.configuration, listed=listed)
        return {path: read_file(path) for path in found}

    def lint(self, given: Mapping[str, bytes]) -> Result:
        """What there is to say of these files.

        Raises:
            UsageError, ConfigError: the configuration is wrong.
        """
        settings = {path: self.configuration.of(path) for path in given}
        _check_selectors(self.configuration, [*given, os.curdir], self.rules, self.arguments.quiet)
        self.sources = Sources(given)
        request = Request(
            given,
            self.sources.context,
            self.rules.rules,
            settings.__getitem__,
            self.sources.text,
            tables(settings.values()),
            os.getcwd(),
            self.store,
            self._version(),
            self.arguments.jobs or processors(),
        )
        with without_collector():
            try:
                return lint(request)
            except ContractError as error:
                raise UsageError(str(error)) from error
            finally:
                self._record()

    def _version(self) -> bytes:
        """What stands for torchlint and for the rules of the user's own."""
        own = [path for folder in self.arguments.rules_dir for path in sorted(Path(folder).rglob("*.py"))]
        return own_version() + b"".join(digest(path.read_bytes()) for path in own)

    def _record(self) -> None:
        """Tell the recorder what was read."""
        if self.recorder is not None:
            for path, content in self.sources.read():
                self.recorder.file(path, content)
            self.recorder.files(self.configuration.files())

    def status(self, diagnostics: Sequence[Diagnostic]) -> int:
        """The exit status of a run that leaves these findings."""
        if self.rules.problems or any(one.code == INTERNAL_ERROR.code for one in diagnostics):
            return ERROR
        return FINDINGS if diagnostics and not self.arguments.exit_zero else CLEAN


def tables(settings: Iterable[Settings]) -> list[Table]:
    """The contracts of all configurations that hold for a file of this run, those of inner folders later."""
    by_folder = {os.path.abspath(one.folder): one.contracts for one in settings}
    return list(dict.fromkeys(table for _, tables in sorted(by_folder.items()) for table in tables))


def _rules(folders: Sequence[str]) -> registry.Registry:
    loaded = registry.load(Path(folder) for folder in folders)
    for problem in loaded.problems:
        sys.stderr.write(f"torchlint: error: {problem}\n")
    return loaded


def _check_selectors(configuration: Configuration, paths: Iterable[str], rules: registry.Registry, quiet: bool) -> None:
    """Refuse a name that no rule has; a code may belong to another version, so it is only warned of."""
    known: list[select.Named] = [*rules.rules, *BUILTINS]
    distinct = {id(configuration.of(path)): path for path in paths}
    selectors = {selector: path for path in distinct.values() for selector in configuration.of(path).selectors}
    for selector in select.strangers(selectors, known):
        if selector == "ALL":
            continue
        where = configuration.source(selectors[selector], selector)
        if select.looks_like_code(selector):
            warn(f"{where}no rule has the code {selector}", quiet)
            continue
        close = select.closest(selector, known)
        hint = f"; did you mean `{close}`?" if close else "; `torchlint rules` lists them"
        raise UsageError(f"{where}no rule has the code or name {selector!r}{hint}")
