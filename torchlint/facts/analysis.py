"""The whole way from files to facts: what is run, what is counted, and what is revealed."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from torchlint.facts.base import Occurrence
from torchlint.facts.build import facts
from torchlint.facts.coverage import loss_calls
from torchlint.facts.roots import Fault, Roots
from torchlint.facts.structure import structure
from torchlint.flow.budget import Stop, Stopped, never
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.library.tables import Table, names_of
from torchlint.flow.machine import Machine
from torchlint.flow.recording import Recorder
from torchlint.flow.values import Class, Function
from torchlint.project.components import components
from torchlint.project.modules import Problem, Project, Unit
from torchlint.syntax import ir

if TYPE_CHECKING:
    from torchlint.facts.paths import DataPath


class Statistics(msgspec.Struct):
    """What an analysis covered. `unfollowed` counts, by reason, the loss calls whose input was not followed; `taught`
    and `taught_met` count the names of the configuration's contracts, and those of them that were called."""

    files: int = 0
    parsed: int = 0
    lines: int = 0
    loss_calls: int = 0
    loss_calls_followed: int = 0
    roots: int = 0
    roots_exhausted: int = 0
    unfollowed: dict[str, int] = {}
    steps: int = 0
    taught: int = 0
    taught_met: int = 0

    def add(self, other: Statistics) -> None:
        """Count what `other` covered too, except what is counted for a run as a whole: files and contracts."""
        for name in ("parsed", "lines", "loss_calls", "loss_calls_followed", "roots", "roots_exhausted", "steps"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, count in other.unfollowed.items():
            self.unfollowed[reason] = self.unfollowed.get(reason, 0) + count


class Taught(msgspec.Struct):
    """What became of the contracts of a configuration.

    met: their names that were called. placed: those that were found in a module of the project. absent: what there is
    to say of one whose module does not have it. notes: what else seems to be wrong.
    """

    met: list[str] = []
    placed: list[str] = []
    absent: dict[str, str] = {}
    notes: list[str] = []

    def add(self, other: Taught) -> None:
        """Add what is known of another part of the project."""
        self.met += other.met
        self.placed += other.placed
        self.absent = {**other.absent, **self.absent}
        self.notes += [note for note in other.notes if note not in self.notes]

    def complaints(self) -> list[str]:
        """What seems to be wrong with contracts, such as names that their module does not have."""
        return [*self.notes, *(self.absent[name] for name in sorted(self.absent.keys() - set(self.placed)))]


class Reveal(msgspec.Struct, frozen=True):
    """The value of a name after the statement at `row`."""

    row: int
    name: str
    text: str


class Analysis(msgspec.Struct):
    """What is known after a run: facts, files that could not be read, faults, counts, what became of the
    configuration's contracts, revealed values, the ways of the data if they were asked for, and the IR of what
    was read, by path."""

    occurrences: list[Occurrence]
    problems: list[Problem]
    faults: list[Fault]
    statistics: Statistics
    taught: Taught = msgspec.field(default_factory=Taught)
    revealed: list[Reveal] = []
    paths: list[DataPath] = []
    modules: dict[str, ir.Module] = {}


def analyse(
    files: Mapping[str, bytes],
    context: Callable[[str], bytes | None],
    contract_folders: Sequence[str],
    taught: Sequence[Table] = (),
    *,
    folder: str = "",
    watch: tuple[str, int | None] | None = None,
    trace: bool = False,
    stop: Stop = never,
) -> Analysis:
    """Run a project on abstract values, component by component.

    Args:
        files: what is linted, path to content. context: reads further files of the project.
        contract_folders: folders of contract tables; taught: further tables, which hold for names of the project
            too; later ones override earlier ones. folder: where the paths start.
        watch: a (path, row) whose values are wanted; row None for the whole file. trace: whether the ways of the data
        are wanted. stop: is asked now and then whether the answer is no longer wanted.

    Raises:
        ContractError: a contract table cannot be read. Stopped: the answer is no longer wanted.
    """
    project = Project(files, context, top=folder)
    contracts = Contracts.load(contract_folders, taught, folder)
    whole = Analysis([], [], [], Statistics(len(project.linted), taught=len(contracts.taught)))
    for starts in components(project, project.relevant(modules_of(taught))):
        part = analyse_component(project.view(), starts, contracts, watch=watch, trace=trace, stop=stop)
        for name in ("occurrences", "problems", "faults", "revealed", "paths"):
            getattr(whole, name).extend(getattr(part, name))
        whole.statistics.add(part.statistics)
        whole.taught.add(part.taught)
    whole.statistics.taught_met = len(set(whole.taught.met))
    return whole


def analyse_component(
    project: Project,
    starts: Sequence[str],
    contracts: Contracts,
    *,
    watch: tuple[str, int | None] | None = None,
    trace: bool = False,
    stop: Stop = never,
    recorder: Recorder | None = None,
) -> Analysis:
    """Run one component on abstract values: `starts` are its files, the rest as in `analyse`.

    Args:
        stop: is asked now and then whether the answer is no longer wanted. recorder: is told the values of expressions.

    Raises:
        Stopped: it is not.
    """
    machine = Machine(project, contracts.copy(), stop=stop)
    machine.recorder = recorder
    rows: dict[int, int] = {}
    if watch is not None:
        rows = _watch(machine, project, watch)
    run = Roots(machine, project, starts)
    deeply(run.all)
    if stop():
        raise Stopped
    units = [project.units[path] for path in machine.namespaces if path in project.units]
    problems = [unit.problem for unit in units if unit.problem is not None and unit.path in project.given]
    run.faults += (Fault(one.path, one.message) for one in problems if not one.row)
    problems = [one for one in problems if one.row]
    found = [*facts(machine.events), *structure(machine)]
    analysis = Analysis(found, problems, run.faults, _count(machine, units), _taught(machine))
    analysis.modules = {unit.path: unit.module for unit in units if unit.module is not None}
    if watch is not None:
        analysis.revealed = list(_revealed(machine, rows))
    if trace:
        from torchlint.facts.paths import paths

        analysis.paths = paths(machine.events)
    return analysis


def modules_of(taught: Iterable[Table]) -> set[str]:
    """The modules of which the tables speak: a file that imports one is worth reading."""
    return {name.rpartition(".")[0] for table in taught for row in table.rows for name in names_of(row)}


#: The interpreter calls itself for every nested call of the program, so it runs with room for that.
STACK_BYTES, RECURSION = 512 << 20, 30_000


def deeply(run: Callable[[], object]) -> None:
    """Run in a thread with a large stack and a recursion limit to match; what it raises is raised here."""
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


def _count(m: Machine, units: Sequence[Unit]) -> Statistics:
    followed = loss_calls(m)
    reasons = Counter(reason for reason in followed.values() if reason)
    return Statistics(
        parsed=len(units),
        lines=sum(unit.lines for unit in units),
        loss_calls=len(followed),
        loss_calls_followed=len(followed) - reasons.total(),
        roots=m.roots,
        roots_exhausted=m.exhausted,
        unfollowed=dict(reasons),
        steps=m.total_steps,
    )


def _taught(m: Machine) -> Taught:
    """What became of the contracts, among them names that a module of the project does not have."""
    absent: dict[str, str] = {}
    if m.absent:
        from torchlint.flow.library import complaints  # rarely needed, and slow to import
    for name in sorted(m.absent.keys() - m.placed):
        module = m.namespaces[m.absent[name]]
        has = [n for n, v in module.attrs.items() if isinstance(v, (Function, Class)) and v.module is module]
        short = name.rpartition(".")[2]
        close = complaints.meant(short, has)
        absent[name] = f"{m.contracts.taught[name].origin}: {name}: no `{short}` in {module.path}{close}"
    return Taught(sorted(m.met), sorted(m.placed), absent, list(m.notes))


def _watch(m: Machine, project: Project, watch: tuple[str, int | None]) -> dict[int, int]:
    from torchlint.source.text import decode
    from torchlint.syntax.positions import locate

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
    from torchlint.flow.describe import describe

    for n in sorted(m.watched, key=lambda n: (rows[n], n)):
        names: dict[str, list[str]] = {}
        for scope in m.watched[n]:
            for name, value in scope.items():
                text = describe(value)
                if not name.startswith("__") and text not in names.setdefault(name, []):
                    names[name].append(text)
        for name, texts in names.items():
            yield Reveal(rows[n], name, " | ".join(texts[:4]))


__all__ = [
    "Analysis", "Fault", "Problem", "Reveal", "Statistics", "Stop", "Stopped", "Taught", "analyse",
    "analyse_component", "deeply", "modules_of", "never",
]  # fmt: skip
