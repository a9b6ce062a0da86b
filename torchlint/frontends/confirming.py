"""``--confirm``: who has allowed that models are run, which findings are asked about, and what came of it.

Definitions
    consent   what the person who runs torchlint allows: by the command line, or by a configuration of their own
    project   the folder whose code may be loaded for a finding: the top of its file's repository, else the folder of
              its configuration, else the file's own

A linted project cannot give consent, whatever it holds. It can refuse: then nothing of it is run, though the command
line asks for it.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec.structs import replace

from torchlint.claim import Grade, Outcome
from torchlint.config.user import Allowed, read
from torchlint.config.values import Pattern, Settings
from torchlint.confirm.planner import Plan, Runner, paths_of
from torchlint.confirm.planner import confirm as decide
from torchlint.diagnostic import Diagnostic, Location, Span
from torchlint.engine import select
from torchlint.engine.builtin import BUILTINS
from torchlint.frontends.files import project_top
from torchlint.frontends.outcome import UsageError
from torchlint.report.text import source_lines
from torchlint.source.discover import is_below

if TYPE_CHECKING:
    from torchlint.frontends.check import Session
    from torchlint.frontends.configuration import Configuration

CPU, MEMORY, ISOLATION = 10.0, 4 << 30, "strong"

#: Grades that hold for more than what was tried, so that a refutation of them may be trusted if the user says so.
TRUSTED = (Grade.PROOF, Grade.EXHAUSTIVE)

#: What one cannot have together with ``--confirm``, by the name of its argument.
_APART = {
    "watch": "--watch, which would run code of the project again whenever a file changes",
    "write_baseline": "--write-baseline",
    "add_noqa": "--add-noqa",
    "diff": "--diff",
    "show_files": "--show-files",
}


class Consent(msgspec.Struct, frozen=True):
    """What may be run, and how.

    asked: whether the command line asks for it, so that it holds for every project that is linted; else `allowed` does.
    python: the interpreter that was named, or None. cpu: seconds for a finding; memory: bytes for a process. codes: the
    rules whose findings are asked about, None for all. explain: nothing is run, only shown.
    """

    asked: bool
    allowed: Allowed
    python: str | None = None
    isolation: str = ISOLATION
    cpu: float = CPU
    memory: int = MEMORY
    codes: frozenset[str] | None = None
    trust_refuted: bool = False
    explain: bool = False

    def covers(self, project: str) -> bool:
        """Whether code of the project in this folder may be run."""
        real = os.path.realpath(project)
        if self.asked:
            return True
        if _holds(real, os.path.realpath(self.allowed.file)):
            return False  # the file that allows it is one of the project's own
        return self.allowed.everywhere or any(_holds(os.path.realpath(one), real) for one in self.allowed.folders)

    def selects(self, code: str) -> bool:
        """Whether findings of a rule are asked about."""
        return self.codes is None or code in self.codes


class Confirmed(msgspec.Struct):
    """What came of it: the diagnostics, those that were asked about with verdicts.

    problem: why some or all could not be asked about, empty if nothing was in the way. notes: projects that refuse.
    """

    diagnostics: list[Diagnostic]
    problem: str = ""
    notes: list[str] = []
    torch: str = ""
    isolation: str = ""

    def line(self) -> str:
        """How many findings were confirmed, refuted and neither, and how; nothing if none was asked about."""
        counts = Counter(one.verdict.outcome for one in self.diagnostics if one.verdict is not None)
        if not counts:
            return ""
        said = ", ".join(f"{outcome.value} {counts[outcome]}" for outcome in Outcome)
        how = ", ".join([*([f"torch {self.torch}"] if self.torch else []), f"isolation {self.isolation}"])
        rest = len(self.diagnostics) - counts.total()
        others = f"; no run was asked about {rest} other{'' if rest == 1 else 's'}" if rest else ""
        return f"{said[0].upper()}{said[1:]} ({how}){others}.\n"


# --- consent -----------------------------------------------------------------------------------------------------


def consent(session: Session, file: str) -> Consent | None:
    """What the command line and the user's own configuration (`file`, empty if there is none) allow; None for nothing.

    Raises:
        UsageError, ConfigError: they are wrong.
    """
    arguments = session.arguments
    asked = bool(arguments.confirming)
    allowed = read(file) if file else Allowed()
    named = [_option(name) for name in _DETAILS if getattr(arguments, name)]
    apart = [words for name, words in _APART.items() if getattr(arguments, name) not in (None, False)]
    if (asked or arguments.confirm_explain) and apart:
        raise UsageError(f"{'--confirm' if asked else '--confirm-explain'} does not go with {apart[0]}")
    willing = allowed.everywhere or allowed.folders
    if not (asked or willing or arguments.confirm_explain):
        if named:
            raise UsageError(f"{named[0]} says how models are run, and nothing says that they are: add --confirm")
        return None
    if not asked and not arguments.confirm_explain and (apart or session.piped or session.fix_only):
        return None
    session.spoil()
    return Consent(
        asked,
        allowed,
        arguments.confirm_python or allowed.python or None,
        arguments.confirm_isolation or allowed.isolation or ISOLATION,
        arguments.confirm_cpu or CPU,
        arguments.confirm_memory or MEMORY,
        _codes(session, arguments.confirm_select),
        arguments.confirm_trust_refuted,
        arguments.confirm_explain,
    )


_DETAILS = (
    "confirm_python", "confirm_isolation", "confirm_cpu", "confirm_memory", "confirm_select", "confirm_trust_refuted",
)  # fmt: skip


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _codes(session: Session, selectors: Sequence[str] | None) -> frozenset[str] | None:
    """The codes of the rules that the selectors mean.

    Raises:
        UsageError: one means none.
    """
    if selectors is None:
        return None
    known: list[select.Named] = [*session.rules.rules, *BUILTINS]
    for selector in select.strangers(selectors, known):
        raise UsageError(f"--confirm-select: no rule has the code or name {selector!r}{select.meant(selector, known)}")
    return frozenset(rule.code for rule in known if any(not select.strangers([one], [rule]) for one in selectors))


def _holds(folder: str, path: str) -> bool:
    """Whether a path is a folder's or lies in it."""
    return path == folder or is_below(path, folder)


# --- asking ------------------------------------------------------------------------------------------------------


def confirm(
    session: Session,
    allowance: Consent,
    diagnostics: Sequence[Diagnostic],
    progress: Callable[[str, int, int], None] | None = None,
) -> Confirmed:
    """Ask about the findings that a run can decide, project by project; they keep their order.

    It runs code of the linted projects, as far as the consent goes.
    """
    confirmed = Confirmed(list(diagnostics), isolation=allowance.isolation)
    for indices, errand in errands(session, allowance, diagnostics, confirmed.notes):
        done = run(errand, progress)
        confirmed.torch, confirmed.isolation = done.torch or confirmed.torch, done.isolation
        if done.problem:
            confirmed.problem = done.problem
            break
        for index, one in zip(indices, done.diagnostics, strict=True):
            confirmed.diagnostics[index] = placed(session, one)
    return confirmed


class Errand(msgspec.Struct, frozen=True):
    """All that it takes to ask about findings of one project, so that another process can do it.

    folder: where paths start. texts: of the files that the claims name. inputs, arguments: hints of the configuration.
    """

    diagnostics: list[Diagnostic]
    project: str
    folder: str
    texts: dict[str, str]
    inputs: dict[str, list[list[int]]]
    arguments: dict[str, dict[str, Any]]
    allowance: Consent


def errands(
    session: Session, allowance: Consent, diagnostics: Sequence[Diagnostic], notes: list[str]
) -> Iterator[tuple[list[int], Errand]]:
    """What is to be asked, project by project, and of which of the findings, as far as the consent goes; `notes` hears
    of projects that refuse."""
    for project, indices in sorted(_by_project(session, allowance, diagnostics, notes).items()):
        some = [diagnostics[index] for index in indices]
        inputs, arguments = hints(session, some, project)
        paths = {path for one in some if one.claim is not None for path in paths_of(one.claim)}
        texts = {path: text for path in sorted(paths) if (text := session.sources.text(path)) is not None}
        yield indices, Errand(some, project, os.getcwd(), texts, inputs, arguments, allowance)


def may_ask(session: Session, allowance: Consent, one: Diagnostic) -> bool:
    """Whether a run can decide a finding, and is allowed to."""
    return bool(_by_project(session, allowance, [one], []))


def run(errand: Errand, progress: Callable[[str, int, int], None] | None = None) -> Confirmed:
    """Do an errand. It runs code of the project."""
    confirmed = Confirmed(errand.diagnostics, isolation=errand.allowance.isolation)
    with started(errand.allowance, errand.project) as ready:
        if isinstance(ready, str):
            confirmed.problem = ready
            return confirmed
        confirmed.torch, confirmed.isolation = ready.torch, ready.isolation
        plan = Plan(
            errand.project,
            errand.folder,
            errand.allowance.cpu,
            inputs=errand.inputs,
            arguments=errand.arguments,
            isolation=ready.isolation,
        )
        confirmed.diagnostics = decide(errand.diagnostics, errand.texts.get, plan, ready.runner, progress)
    return confirmed


#: How the planner says where a model was made: in a text as it was linted.
_MADE = re.compile(r"(?P<name>[\w.]+) \((?P<path>.+):(?P<row>\d+)\)")


def placed(session: Session, one: Diagnostic) -> Diagnostic:
    """A finding whose verdict names places of the notebook or Markdown file that the linted text was taken from."""
    verdict = one.verdict
    made = None if verdict is None else _MADE.fullmatch(verdict.recipe)
    if verdict is None or made is None or made["path"] not in session.documents.files:
        return one
    row = int(made["row"])
    if row > len(source_lines(session.sources.text(made["path"]) or "")):
        return one  # an answer may say anything
    there = session.documents.within(Span(made["path"], Location(row, 1), Location(row, 1)))
    cell = f"cell {there.cell}:" if there.cell else ""
    recipe = f"{made['name']} ({there.path}:{cell}{there.start.row})"
    return replace(one, verdict=replace(verdict, recipe=recipe, text=verdict.text.replace(verdict.recipe, recipe)))


def _by_project(
    session: Session, allowance: Consent, diagnostics: Sequence[Diagnostic], notes: list[str]
) -> Mapping[str, list[int]]:
    """The findings to ask about, as indices, by their project; `notes` hears of those that refuse."""
    found: dict[str, list[int]] = {}
    refusing: dict[str, None] = {}
    for index, one in enumerate(diagnostics):
        if one.claim is None or not allowance.selects(one.code):
            continue
        project = project_of(session, one.span.path)
        if not project:
            refusing[f"{one.span.path}: nothing is run, since a run could read your whole home folder"] = None
            continue
        if not allowance.covers(project):
            continue
        if session.configuration.of(one.span.path).confirm.off:
            origins = session.configuration.origins(one.span.path).get("confirm", ())
            refusing[f"nothing is run where `confirm.enabled` is false: {', '.join(map(str, origins))}"] = None
            continue
        found.setdefault(project, []).append(index)
    notes += refusing
    return found


class Configured(Protocol):
    """Whatever has a configuration: a `Session`."""

    @property
    def configuration(self) -> Configuration:
        """The settings by path."""


def project_of(session: Configured, path: str) -> str:
    """The folder whose code may be loaded, and whose files may be read, for a finding in a file.

    A folder that holds the user's own home is never that: then it is the file's own folder; empty if that is no better.
    """
    full = os.path.abspath(path)
    top = project_top(full, session.configuration.file(path))
    home = os.path.realpath(os.path.expanduser("~"))
    folders = (folder for folder in (top, os.path.dirname(full)) if not _holds(os.path.realpath(folder), home))
    return next(folders, "")


def hints(
    session: Session, diagnostics: Iterable[Diagnostic], project: str
) -> tuple[dict[str, list[list[int]]], dict[str, dict[str, Any]]]:
    """What the configurations of these findings' files say of inputs and arguments, by class as a run knows it."""
    inputs: dict[str, list[list[int]]] = {}
    arguments: dict[str, dict[str, Any]] = {}
    settings: dict[int, Settings] = {}
    for one in diagnostics:
        of = session.configuration.of(one.span.path)
        settings[id(of)] = of
    for of in settings.values():
        inputs |= {_named(at, project): [list(shape) for shape in shapes] for at, shapes in of.confirm.inputs}
        arguments |= {_named(at, project): dict(values) for at, values in of.confirm.arguments}
    return inputs, arguments


def _named(at: Pattern, project: str) -> str:
    """``file.py:Class`` with the path from the project's folder."""
    return os.path.relpath(os.path.join(os.path.abspath(at.folder), at.text), project).replace(os.sep, "/")


# --- the process -------------------------------------------------------------------------------------------------


class Ready(msgspec.Struct):
    """What runs jobs: the version of its torch, and the isolation that it was seen to have."""

    runner: Runner
    torch: str
    isolation: str


@contextmanager
def started(allowance: Consent, project: str) -> Iterator[Ready | str]:
    """A process that can run models of a project, or why there is none; it ends with the block."""
    from pathlib import Path

    from torchlint.confirm.host import Host, Level, Limits, NoInterpreter, Refused, find_interpreter

    interpreter = find_interpreter(allowance.python, os.environ)
    if isinstance(interpreter, NoInterpreter):
        yield no_torch(interpreter.reason, interpreter.asked)
        return
    limits = Limits(cpu=allowance.cpu, memory=allowance.memory)
    host = Host.start(interpreter, Path(project), Level[allowance.isolation.upper()], limits)
    if isinstance(host, Refused):
        weaker = allowance.isolation == "strong" and host.level >= Level.BASIC
        yield refused(host.reason, weaker)
        return
    with host:
        yield Ready(host, host.interpreter.torch, host.level.name.lower())


def no_torch(reason: str, asked: Sequence[str]) -> str:
    """What to do where no interpreter with torch was found; `asked` are those that were."""
    where = asked[0] if asked else sys.executable
    return (
        f"nothing was run: {reason}; install it there (`{where} -m pip install torch`), or name the Python of the "
        "project with --confirm-python"
    )


def refused(reason: str, weaker: bool) -> str:
    """What to do where isolation was not what is wanted; `weaker`: whether the lower level is held."""
    hint = (
        "; --confirm-isolation=basic runs models with what is held, if you trust the code of the project"
        if weaker
        else ""
    )
    return f"nothing was run: {reason}{hint}"


def counts(one: Diagnostic, allowance: Consent | None) -> bool:
    """Whether a finding counts for the exit status."""
    if allowance is None or not allowance.trust_refuted or one.verdict is None:
        return True
    return not (one.verdict.outcome is Outcome.REFUTED and one.verdict.grade in TRUSTED)
