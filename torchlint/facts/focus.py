"""One file of a project, run again and again while it is edited and everything else stays as it is.

Definitions
    focus       the file that is edited
    dependents  the files that import it, directly or through others
    prepared    of a module: loaded once, before the first run, because the focus imports it and it does not import the
                focus

Worked example: ``train.py`` imports ``net.py``. With the focus on ``train.py``, the top level of ``net.py`` is run
once; each `Focus.analyse` runs the top level of ``train.py``, its block under the main test, and what nothing calls of
its own functions and classes; before the next run, whatever that has changed in ``net.py`` is taken back. With the
focus on ``net.py`` nothing is prepared, and its class ``Net``, whose name ``train.py`` uses, is no root: what it is
made with is for the run of the whole component to say. So what is said of the focus is what that run says too, as far
as it goes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from torchlint.facts.analysis import Analysis, Statistics, deeply
from torchlint.facts.build import facts
from torchlint.facts.roots import Fault, Interest, Roots, used
from torchlint.facts.structure import structure
from torchlint.flow import imports
from torchlint.flow.budget import Stop, Stopped, most_per_root, never
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.machine import Machine
from torchlint.flow.recording import Recorder
from torchlint.flow.rewinding import RewindingMachine
from torchlint.flow.values import Class, Function, Namespace
from torchlint.project.components import dependents
from torchlint.project.modules import Project, Unit
from torchlint.syntax import ir

#: Modules that are loaded in vain, for they lead back to the focus, before those that probably do so are left alone.
MOST_IN_VAIN = 3


class Prepared:
    """What is known before the first run. `called` are the names that dependents use, `named` those that functions of
    prepared modules use; `lines` are those of the component without the focus; `classes` and `functions` are how many
    there are."""

    def __init__(self, m: Machine, called: frozenset[str], lines: int) -> None:
        self.interest = Interest(m).with_more(m, m.namespaces.values(), m.classes, m.functions)
        self.called = called
        self.named = frozenset(used(m.functions))
        self.lines = lines
        self.classes = len(m.classes)
        self.functions = len(m.functions)
        self.namespaces = frozenset(m.namespaces)
        self.modules = _modules(m.project, m.namespaces)


class LastRun(msgspec.Struct, frozen=True):
    """A run that no fault or budget cut short: what its content meant, what was found, and who was told of values."""

    meant: tuple[bytes, bool]
    analysis: Analysis
    recorder: Recorder | None


class Focus:
    """The runs of one file of a project whose other files stay as they are.

    Args:
        project: all files. path: the normalised path of the focus. starts: the linted files of its component, the focus
        among them. contracts: what is known of libraries. stop: is asked now and then whether what is being worked out
        is no longer wanted, while this is made and in every run.

    Raises:
        Stopped: it was not wanted while this was made.
    """

    def __init__(
        self, project: Project, path: str, starts: Sequence[str], contracts: Contracts, *, stop: Stop = never
    ) -> None:
        self.path = path
        #: the modules that the last run has loaded itself, because the focus did not import them when this was made
        self.unprepared: list[str] = []
        self._project = project.view()
        self._stop = stop
        self._alone = len(starts) < 2
        self._last: LastRun | None = None
        others = [unit for one in starts if one != path and (unit := self._project.unit(one)) is not None]
        lines = sum(unit.data.count(b"\n") + 1 for unit in others)
        importers = dependents(project.view(), path, starts)
        callers = [self._project.units[one].load() for one in importers]
        called = frozenset(name for module in callers if module is not None for name in _names_used(module))
        #: where the last run can be read off until the next one, or until `forget`
        self.machine = RewindingMachine(self._project, contracts.copy(), stop)
        self.machine.most = most_per_root(lines)
        deeply(lambda: self._prepare(contracts, frozenset(importers)))
        self._prepared = Prepared(self.machine, called, lines)
        self.machine.settle()
        self._mark = self.machine.mark()

    def _prepare(self, contracts: Contracts, importers: frozenset[str]) -> None:
        """Load what the focus imports, unless that leads back to it: that one of `importers` does is probable."""
        scout = Machine(self._project.view(), contracts.copy(), stop=self._stop)
        scout.most = self.machine.most
        _load(scout, self.path)
        m = self.machine
        led_back = 0
        for path in scout.namespaces:
            if path == self.path or path in m.namespaces or (path in importers and led_back >= MOST_IN_VAIN):
                continue
            mark = m.mark()
            _load(m, path)
            if self.path in m.namespaces:
                m.rewind(mark)
                led_back += 1

    def analyse(self, data: bytes, recorder: Recorder | None = None, most: float = math.inf) -> Analysis:
        """What is known of the focus with this content, without counts of losses and contracts. It holds as long as
        nothing else is asked: the next run takes back what this one has changed.

        Args:
            recorder: is told the values of expressions. most: nodes that may be evaluated after the top level; the
            statistics say how many roots that, or a budget of the whole run, has cut short.

        Raises:
            Stopped: it is not wanted.
        """
        m = self.machine
        project = self._project.replaced(self.path, data)
        meant = _meaning(project.units[self.path])
        last = self._last
        if last is not None and last.meant == meant and (recorder is None or last.recorder is not None):
            return self._again(last, project.units[self.path], recorder)
        self.forget()
        m.recorder, m.project = recorder, project
        run = OwnRoots(m, project, self.path, self._prepared, most)
        deeply(run.all)
        unit = project.units[self.path]
        self.unprepared = [path for path in m.namespaces if path not in self._prepared.namespaces and path != self.path]
        if self._stop():
            raise Stopped
        faults, problem = run.faults, unit.problem
        if problem is not None and not problem.row:
            faults = [*faults, Fault(problem.path, problem.message)]
        analysis = Analysis(
            [*facts(m.events, whole=self._alone), *structure(m, (unit.path,), whole=self._alone)],
            [problem] if problem is not None and problem.row else [],
            faults,
            self._statistics(unit),
        )
        analysis.modules = {**self._prepared.modules, **_modules(project, [self.path, *self.unprepared])}
        if not faults and not analysis.statistics.roots_exhausted and m.cut == self._mark.state["cut"]:
            self._last = None if meant is None else LastRun(meant, analysis, recorder)
        return analysis

    def _again(self, last: LastRun, unit: Unit, recorder: Recorder | None) -> Analysis:
        """What the last run found, for a content that differs from its own in rows, columns and comments alone."""
        if recorder is not None and last.recorder is not None:
            recorder.values, recorder.parameters = last.recorder.values, last.recorder.parameters
        statistics = replace(last.analysis.statistics, lines=unit.lines)
        modules = last.analysis.modules if unit.module is None else {**last.analysis.modules, unit.path: unit.module}
        return replace(last.analysis, statistics=statistics, modules=modules)

    def forget(self) -> None:
        """Take back what the last run has changed, and let go of what it made; `analyse` does so too."""
        self._last = None
        self.machine.rewind(self._mark)

    def _statistics(self, unit: Unit) -> Statistics:
        m, before = self.machine, self._mark.state
        return Statistics(
            parsed=1,
            lines=unit.lines,
            roots=m.roots - before["roots"],
            roots_exhausted=m.exhausted - before["exhausted"],
            steps=m.total_steps - before["total_steps"],
        )


class OwnRoots(Roots):
    """The roots of one file, after what it imports was prepared."""

    def __init__(self, machine: Machine, project: Project, path: str, prepared: Prepared, most: float) -> None:
        super().__init__(machine, project, [path])
        self.path = path
        self.prepared = prepared
        self.most = most

    def all(self) -> None:
        m = self.m
        unit = self.project.units[self.path]
        m.most = most_per_root(self.prepared.lines + unit.data.count(b"\n"))
        self.root(unit.path, lambda: imports.load(m, self.path))
        self.after_top_levels(self.prepared.lines + unit.lines, self.most)

    def mains(self) -> list[tuple[Namespace, list[ir.Stmt]]]:
        return [main for main in self.m.mains if main[0].name == self.path]

    def classes(self) -> list[Class]:
        return [cls for cls in self.m.classes[self.prepared.classes :] if cls.module.name == self.path]

    def defined(self) -> Iterator[Function]:
        done = self.prepared.functions
        while done < len(self.m.functions):
            function = self.m.functions[done]
            if function.module.name == self.path:
                yield function
            done += 1

    def interesting(self) -> tuple[frozenset[str], frozenset[str]]:
        m, prepared = self.m, self.prepared
        fresh = [namespace for path, namespace in m.namespaces.items() if path not in prepared.namespaces]
        more = prepared.interest.with_more(m, fresh, m.classes[prepared.classes :], m.functions[prepared.functions :])
        return more.names()

    def named_by_functions(self) -> frozenset[str]:
        fresh = used(self.m.functions[self.prepared.functions :])
        return self.prepared.named.union(self.prepared.called, fresh)

    def left_out(self) -> frozenset[str]:
        return self.prepared.called


def _meaning(unit: Unit) -> tuple[bytes, bool] | None:
    """All that a run takes from a file's content, budgets aside; None if it is no Python."""
    module = unit.load()
    if module is None:
        return None
    try:
        return msgspec.msgpack.encode(module), b"sys.path" in unit.data
    except RecursionError:
        return None


def _load(m: Machine, path: str) -> None:
    """Run the top level of a module; what fails is said of it when it is linted itself."""
    try:
        m.run_root(lambda: imports.load(m, path))
    except Exception:
        return


def _modules(project: Project, paths: Iterable[str]) -> dict[str, ir.Module]:
    units: list[Unit] = [unit for path in paths if (unit := project.units.get(path)) is not None]
    return {unit.path: unit.module for unit in units if unit.module is not None}


def _names_used(module: ir.Module) -> Iterator[str]:
    """The names that a file uses, in functions or outside."""
    yield from module.uses
    pending: list[ir.Stmt] = list(module.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ir.FunctionDef):
            yield from node.uses
        else:
            pending.extend(ir.blocks(node))


__all__ = ["Focus", "Stopped"]
