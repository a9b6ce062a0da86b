"""``torchlint check`` and ``torchlint reveal``: from arguments to output and an exit status."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry, run, select
from torchlint.engine.builtin import BUILTINS, INTERNAL_ERROR
from torchlint.facts.analysis import Analysis, analyse
from torchlint.flow.library.tables import ContractError, Table
from torchlint.frontends.files import Configuration, Sources, find
from torchlint.frontends.terminal import wants_colour
from torchlint.report.text import Paint, visible

CLEAN, FINDINGS, ERROR = 0, 1, 2


class UsageError(Exception):
    """The arguments, or what they name, cannot be used."""


def check(arguments: argparse.Namespace) -> int:
    """Lint, print, and say by the exit status what came of it.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    configuration = Configuration(
        arguments.config,
        arguments.isolated,
        arguments.select,
        arguments.extend_select,
        arguments.ignore,
        arguments.exclude,
        arguments.respect_gitignore,
    )
    rules = _rules(arguments.rules_dir)
    given = _contents(arguments, configuration)
    settings = {path: configuration.of(path) for path in given}
    _check_selectors([*settings.values(), configuration.of(os.curdir)], rules, arguments.quiet)
    if not given:
        _warn("no Python files found", arguments.quiet)
    sources = Sources(given)
    with _without_collector():
        analysis = _analyse(given, sources, settings.values())
        diagnostics = run.diagnose(analysis, rules.rules, given, settings.__getitem__, sources.text)
    for note in analysis.notes:
        _warn(note, arguments.quiet)
    paint = Paint(wants_colour(arguments.color, sys.stdout, os.environ))
    sys.stdout.write(_render(arguments.output_format, diagnostics, sources, paint))
    sys.stdout.flush()
    if arguments.statistics:
        from torchlint.report.statistics import statistics

        sys.stderr.write(statistics(analysis.statistics))
    if not arguments.quiet:
        sys.stderr.write(_closing_line(diagnostics, len(given)))
    if rules.problems or any(one.code == INTERNAL_ERROR.code for one in diagnostics):
        return ERROR
    return FINDINGS if diagnostics and not arguments.exit_zero else CLEAN


def reveal(arguments: argparse.Namespace) -> int:
    """Print what is known of the values of a file, or of one line of it.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    path, line = split_line(arguments.target)
    analysis, _ = analysed(path, arguments.paths, watch=(path, line))
    for shown in sorted(analysis.revealed, key=lambda one: one.row):
        sys.stdout.write(f"{visible(path)}:{shown.row}: {visible(shown.name)}: {visible(shown.text)}\n")
    if not analysis.revealed:
        sys.stderr.write("torchlint: nothing is known here; does anything in the given files reach it?\n")
    return status_of(analysis)


def status_of(analysis: Analysis) -> int:
    """The exit status of a command that prints no findings, after the files that could not be judged are named."""
    problems = [(one.path, one.message) for one in analysis.problems]
    problems += [(one.path, one.message) for one in analysis.faults]
    for where, message in problems:
        sys.stderr.write(f"torchlint: {where}: {message}\n")
    return ERROR if problems else CLEAN


def analysed(
    path: str, others: Sequence[str], *, watch: tuple[str, int | None] | None = None, trace: bool = False
) -> tuple[Analysis, Sources]:
    """What is known of a file, with further files and folders of its project; `watch` and `trace` as in `analyse`.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    configuration = Configuration()
    _require([path, *others])
    wanted = [path, *find(others, configuration, force_exclude=False)]
    given = {name: _read(name) for name in dict.fromkeys(wanted)}
    sources = Sources(given)
    with _without_collector():
        return _analyse(given, sources, [configuration.of(path)], watch, trace), sources


def _rules(folders: Sequence[str]) -> registry.Registry:
    loaded = registry.load(Path(folder) for folder in folders)
    for problem in loaded.problems:
        sys.stderr.write(f"torchlint: error: {problem}\n")
    return loaded


def _contents(arguments: argparse.Namespace, configuration: Configuration) -> dict[str, bytes]:
    """The files to lint, by the path that the output shows."""
    paths = arguments.paths or [os.curdir]
    if "-" in paths:
        if len(paths) > 1:
            raise UsageError("`-` (standard input) stands alone")
        name = arguments.stdin_filename or "-"
        named = arguments.force_exclude and os.path.exists(name)
        if named and not find([name], configuration, force_exclude=True):
            return {}
        return {name: sys.stdin.buffer.read()}
    _require(paths)
    return {path: _read(path) for path in find(paths, configuration, force_exclude=arguments.force_exclude)}


def _require(paths: Iterable[str]) -> None:
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise UsageError(f"no such file or folder: {', '.join(missing)}")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _check_selectors(settings: Iterable[Settings], rules: registry.Registry, quiet: bool) -> None:
    """Refuse a name that no rule has; a code may belong to another version, so it is only warned of."""
    selectors = [selector for one in settings for selector in (*(one.select or ()), *one.extend_select, *one.ignore)]
    for selector in select.strangers(dict.fromkeys(selectors), [*rules.rules, *BUILTINS]):
        if selector == "ALL":
            continue
        if not select.looks_like_code(selector):
            raise UsageError(f"no rule has the code or name {selector!r}; `torchlint rules` lists them")
        _warn(f"no rule has the code {selector}", quiet)


def _analyse(
    given: Mapping[str, bytes],
    sources: Sources,
    settings: Iterable[Settings],
    watch: tuple[str, int | None] | None = None,
    trace: bool = False,
) -> Analysis:
    own = [str(registry.own_contracts())]
    try:
        return analyse(given, sources.context, own, _tables(settings), folder=os.getcwd(), watch=watch, trace=trace)
    except ContractError as error:
        raise UsageError(str(error)) from error


def _tables(settings: Iterable[Settings]) -> list[Table]:
    """The contracts of all configurations that hold for a file of this run, those of inner folders later."""
    by_folder = {os.path.abspath(one.folder): one.contracts for one in settings}
    return list(dict.fromkeys(table for _, tables in sorted(by_folder.items()) for table in tables))


def _render(choice: str | None, diagnostics: Sequence[Diagnostic], sources: Sources, paint: Paint) -> str:
    choice = choice or ("full" if sys.stdout.isatty() else "concise")
    if choice == "json":
        from torchlint.report.json import as_json

        return as_json(diagnostics)
    if choice == "full":
        from torchlint.report.full import full

        return full(diagnostics, sources.text, paint)
    from torchlint.report.concise import concise

    return concise(diagnostics, paint)


def _closing_line(diagnostics: Sequence[Diagnostic], files: int) -> str:
    checked = f"{files} file{'' if files == 1 else 's'} checked"
    if not diagnostics:
        return f"No findings; {checked}.\n"
    counts = Counter(one.severity.value for one in diagnostics)
    parts = ", ".join(
        f"{counts[kind]} {kind}{'' if counts[kind] == 1 or kind == 'info' else 's'}"
        for kind in ("error", "warning", "info")
        if counts[kind]
    )
    return f"Found {parts}; {checked}.\n"


def split_line(target: str) -> tuple[str, int | None]:
    """``FILE:LINE`` as its two parts; the line is None where there is none."""
    path, colon, line = target.rpartition(":")
    if colon and line.isdecimal() and not os.path.exists(target):
        return path, int(line)
    return target, None


def _warn(message: str, quiet: bool) -> None:
    if not quiet:
        sys.stderr.write(f"torchlint: warning: {message}\n")


@contextmanager
def _without_collector() -> Iterator[None]:
    """Trees are large and live to the end, so the cyclic collector would only walk them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
