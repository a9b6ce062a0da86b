"""The whole way from files to facts: what is run, what is counted, and what is revealed."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torchlint.facts.base import Occurrence
from torchlint.facts.build import facts
from torchlint.facts.coverage import loss_calls
from torchlint.facts.paths import DataPath, paths
from torchlint.facts.roots import Fault, Roots
from torchlint.flow.describe import describe
from torchlint.flow.library import complaints
from torchlint.flow.library.tables import Contracts, Table
from torchlint.flow.machine import Machine
from torchlint.flow.values import Class, Function
from torchlint.project.modules import Problem, Project
from torchlint.source.text import decode
from torchlint.syntax import ir
from torchlint.syntax.positions import locate


@dataclass(slots=True)
class Statistics:
    """What an analysis covered. `unfollowed` counts, by reason, the loss calls whose input was not followed."""

    files: int = 0
    parsed: int = 0
    lines: int = 0
    loss_calls: int = 0
    loss_calls_followed: int = 0
    roots: int = 0
    roots_exhausted: int = 0
    unfollowed: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    taught: int = 0
    taught_met: int = 0


@dataclass(frozen=True, slots=True)
class Reveal:
    """The value of a name after the statement at `row`."""

    row: int
    name: str
    text: str


@dataclass(slots=True)
class Analysis:
    """What is known after a run: facts, files that could not be read, faults, counts, what seems to be wrong with the
    configuration's contracts, revealed values, and the ways of the data if they were asked for."""

    occurrences: list[Occurrence]
    problems: list[Problem]
    faults: list[Fault]
    statistics: Statistics
    notes: list[str] = field(default_factory=list)
    revealed: list[Reveal] = field(default_factory=list)
    paths: list[DataPath] = field(default_factory=list)


def analyse(
    files: Mapping[str, bytes],
    context: Callable[[str], bytes | None],
    contract_folders: Sequence[str],
    taught: Sequence[Table] = (),
    *,
    folder: str = "",
    watch: tuple[str, int | None] | None = None,
    trace: bool = False,
) -> Analysis:
    """Run a project on abstract values.

    Args:
        files: what is linted, path to content. context: reads further files of the project.
        contract_folders: folders of contract tables; taught: further tables, which hold for names of the project
            too; later ones override earlier ones. folder: where the paths start.
        watch: a (path, row) whose values are wanted; row None for the whole file. trace: whether the ways of the data
        are wanted.

    Raises:
        ContractError: a contract table cannot be read.
    """
    project = Project(files, context, folder)
    machine = Machine(project, Contracts.load(contract_folders, taught, folder))
    rows: dict[int, int] = {}
    if watch is not None:
        rows = _watch(machine, project, watch)
    run = Roots(machine, project)
    _deeply(run.all)
    statistics = _count(machine, project)
    problems = [u.problem for u in project.units.values() if u.problem is not None and u.path in files]
    analysis = Analysis(facts(machine.events), problems, run.faults, statistics, _notes(machine))
    if watch is not None:
        analysis.revealed = list(_revealed(machine, rows))
    if trace:
        analysis.paths = paths(machine.events)
    return analysis


#: The interpreter calls itself for every nested call of the program, so it runs with room for that.
STACK_BYTES, RECURSION = 512 << 20, 30_000


def _deeply(run: Callable[[], None]) -> None:
    """Run in a thread with a large stack and a recursion limit to match."""
    failure: list[BaseException] = []

    def guarded() -> None:
        try:
            run()
        except BaseException as error:
            failure.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(STACK_BYTES)
    sys.setrecursionlimit(max(limit, RECURSION))
    try:
        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)
    if failure:
        raise failure[0]


# --- counting and revealing --------------------------------------------------------------------------------------


def _count(m: Machine, project: Project) -> Statistics:
    out = Statistics(files=len(project.linted))
    for unit in project.units.values():
        if unit.loaded:
            out.parsed += 1
            out.lines += unit.lines
    followed = loss_calls(m)
    out.loss_calls = len(followed)
    out.loss_calls_followed = sum(1 for reason in followed.values() if not reason)
    out.unfollowed = dict(Counter(reason for reason in followed.values() if reason))
    out.roots, out.roots_exhausted, out.steps = m.roots, m.exhausted, m.total_steps
    out.taught, out.taught_met = len(m.contracts.taught), len(m.met)
    return out


def _notes(m: Machine) -> list[str]:
    """What seems to be wrong with contracts: names that a module of the project does not have."""
    notes = list(m.notes)
    for name in sorted(m.absent.keys() - m.placed):
        module = m.namespaces[m.absent[name]]
        has = [n for n, v in module.attrs.items() if isinstance(v, (Function, Class)) and v.module is module]
        short = name.rpartition(".")[2]
        close = complaints.meant(short, has)
        notes.append(f"{m.contracts.taught[name].origin}: {name}: no `{short}` in {module.path}{close}")
    return notes


def _watch(m: Machine, project: Project, watch: tuple[str, int | None]) -> dict[int, int]:
    path, row = watch
    unit = next((u for u in project.units.values() if u.path == path), None)
    module = unit.load() if unit is not None else None
    if unit is None or module is None:
        return {}
    numbers = list(_statement_numbers(module.body))
    spans = locate(decode(unit.data), numbers, path)
    rows = {n: span.end.row for n, span in spans.items() if row is None or span.start.row <= row <= span.end.row}
    if row is not None and rows:
        least = {n: spans[n].end.row - spans[n].start.row for n in rows}
        rows = {n: row for n in rows if least[n] == min(least.values())}
    m.watch = (path, frozenset(rows))
    return rows


def _statement_numbers(body: Sequence[ir.Stmt]) -> Iterator[int]:
    for node in body:
        yield node.n
        for name in ("body", "orelse", "final"):
            yield from _statement_numbers(getattr(node, name, ()))
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _statement_numbers(part.body)


def _revealed(m: Machine, rows: Mapping[int, int]) -> Iterator[Reveal]:
    for n in sorted(m.watched, key=lambda n: (rows[n], n)):
        names: dict[str, list[str]] = {}
        for scope in m.watched[n]:
            for name, value in scope.items():
                text = describe(value)
                if not name.startswith("__") and text not in names.setdefault(name, []):
                    names[name].append(text)
        for name, texts in names.items():
            yield Reveal(rows[n], name, " | ".join(texts[:4]))


__all__ = ["Analysis", "DataPath", "Fault", "Problem", "Reveal", "Statistics", "analyse"]
