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
            name = arguments.stdin_filename or "-"
            forced = self.configuration.of(name).force_exclude and os.path.exists(name)
            if forced and not find([name], self.configuration):
                return {}
            return {name: sys.stdin.buffer.read()}
        require(paths)
        return {path: read_file(path) for path in find(paths, self.configuration)}

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
        )
        with without_collector():
            try:
                return lint(request)
            except ContractError as error:
                raise UsageError(str(error)) from error

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
    selectors = {selector: path for path in paths for selector in configuration.of(path).selectors}
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
