"""``torchlint reveal``, and what the commands that look at one file have in common."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from torchlint.engine import registry
from torchlint.facts.analysis import Analysis, analyse
from torchlint.flow.library.tables import ContractError
from torchlint.frontends.check import tables
from torchlint.frontends.configuration import Configuration
from torchlint.frontends.files import Sources, find, read_file, require
from torchlint.frontends.memory import without_collector
from torchlint.frontends.outcome import CLEAN, ERROR, UsageError
from torchlint.report.text import visible


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
    require([path, *others])
    wanted = [path, *find(others, configuration)]
    given = {name: read_file(name) for name in dict.fromkeys(wanted)}
    sources = Sources(given)
    own, taught = [str(registry.own_contracts())], tables([configuration.of(path)])
    with without_collector():
        try:
            found = analyse(given, sources.context, own, taught, folder=os.getcwd(), watch=watch, trace=trace)
        except ContractError as error:
            raise UsageError(str(error)) from error
    return found, sources


def split_line(target: str) -> tuple[str, int | None]:
    """``FILE:LINE`` as its two parts; the line is None where there is none."""
    path, colon, line = target.rpartition(":")
    if colon and line.isdecimal() and not os.path.exists(target):
        return path, int(line)
    return target, None
