"""The abstract interpreter: its state, its branches, and the order in which a project is run.

Definitions
    frame   one activation of a function, class body or module
    log     the cells that a branch has written, with what they held before, so that the branch can be undone
    arm     one way of a branch: a guard and something to run under it
    status  how a block ended: NEXT (fell through), RETURN, RAISE, BREAK or CONTINUE
    root    where the interpreter starts: a module's top level, then every function that nothing has called

Worked example: ``if flag: x = a`` with an unknown flag runs two arms. The first writes the cell (frame.vars, "x") under
the guard ((flag, True),); the write is undone; the second arm writes nothing. Then x becomes the alternatives of what
each arm left in the cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from torchlint.flow import join
from torchlint.flow.budget import AGAIN, DEPTH, STEPS_BETWEEN_QUESTIONS, STEPS_PER_ROOT, Exhausted, Stop, Stopped, never
from torchlint.flow.events import Event
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.recording import ModuleCall, Recorder
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Alternatives,
    Bound,
    Class,
    Const,
    Dict,
    Function,
    Guard,
    Instance,
    Key,
    Library,
    List,
    Namespace,
    Object,
    Partial,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Value,
    make_list,
)
from torchlint.project.modules import Project
from torchlint.syntax import ir

NEXT, RETURN, RAISE, BREAK, CONTINUE = range(5)

#: Combinations of alternatives that one operation is worked out for.
MOST_COMBINATIONS = 16

MISSING = join.MISSING
Cells = dict[tuple[int, Any], tuple[dict[Any, Any], Any, Any]]


class Frame(msgspec.Struct):
    """One activation: see the module's definitions. `returns` collects (guard, value, cells) of its returns; `called`
    is the call that led here, `given` what it passed, `written` that with the expressions that stand for it."""

    vars: dict[str, Value]
    closure: tuple[dict[str, Value], ...]
    module: Namespace
    path: str
    function: Function | None = None
    owner: Class | None = None
    receiver: Value | None = None
    entry: join.Path = msgspec.field(default_factory=dict)
    returns: list[tuple[Guard, Value, Cells]] = msgspec.field(default_factory=list)
    yields: list[Value] | None = None
    logs: int = 0
    outer_names: dict[str, str] | None = None
    loop_breaks: list[tuple[Guard, Cells]] | None = None
    called: Place | None = None
    given: tuple[Value, ...] = ()
    written: tuple[tuple[Value, ir.Expr], ...] = ()


class Machine:
    """Runs a project on abstract values and records events.

    Args:
        project: the files. contracts: what is known of libraries.
        watch: a (path, set of statement numbers) whose variables are recorded in `watched`.
        stop: is asked now and then whether to go on.
    """

    def __init__(
        self,
        project: Project,
        contracts: Contracts,
        watch: tuple[str, frozenset[int]] | None = None,
        stop: Stop = never,
    ) -> None:
        self.project = project
        self.contracts = contracts
        self.watch = watch
        self.recorder: Recorder | None = None
        # the calls of modules in order, where somebody wants them
        self.modules: list[ModuleCall] | None = None
        # how deep calls may be nested, and how often a function may be entered that is not done yet
        self.deepest, self.again = DEPTH, AGAIN
        self.stop = stop
        self.watched: dict[int, list[dict[str, Value]]] = {}
        self.events: list[Event] = []
        self.namespaces: dict[str, Namespace] = {}
        self.path: join.Path = {}
        self.log: list[tuple[dict[Any, Any], Any, Any]] | None = None
        self.logs: list[list[tuple[dict[Any, Any], Any, Any]]] = []
        self.frames: list[Frame] = []
        self.frame: Frame = Frame({}, (), Namespace("", "", {}), "")
        self.steps = 0
        self.total_steps = 0
        self.most = self.limit = STEPS_PER_ROOT
        # the number of nodes at which `tick` looks up: never beyond the limit
        self.pause = 0
        self.fresh = 0
        self.entered: set[int] = set()
        self.constructed: set[int] = set()
        self.instances: dict[int, Instance] = {}
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.mains: list[tuple[Namespace, list[ir.Stmt]]] = []
        self.active: list[int] = []
        self.runs = 0
        self.outermost = self.running = 0
        self.drawn = 0
        self.draws: dict[int, tuple[Value, int]] = {}
        self.loops = 0
        self.calls = 0
        self.seeded = 0
        self.exhausted = 0
        self.cut = 0
        self.group = 0
        self.stepped = ""
        self.roots = 0
        self.grad = True
        self.autocast = False
        self.driven: set[int] = set()
        # names of the configuration's contracts: called, found in a module of the project, and not found in one
        self.met: set[str] = set()
        self.placed: set[str] = set()
        self.absent: dict[str, str] = {}
        self.notes: list[str] = []
        self.calling: Place | None = None
        self.passing: tuple[tuple[Value, ir.Expr], ...] = ()
        self.built: dict[object, tuple[tuple[Guard, Instance], ...]] = {}
        self.scopes: list[dict[str, Value]] | None = None
        self.blind: set[Place] = set()
        self.spent: set[int] = set()
        # the fields that the body of a class declares, by the identity of its node
        self.fields: dict[int, list[str]] = {}
        self.refused = 0
        # how deep in loops the innermost block stands whose errors are caught; see `statements._catches`
        self.catching = -1

    # --- cells ---------------------------------------------------------------------------------------------------

    def write(self, cells: dict[Any, Any], key: Any, value: Any) -> None:
        """Set a cell, remembering what it held if a branch or loop is open."""
        if self.log is not None:
            self.log.append((cells, key, cells.get(key, MISSING)))
        cells[key] = value

    def remove(self, cells: dict[Any, Any], key: Any) -> None:
        """Delete a cell."""
        if key in cells:
            if self.log is not None:
                self.log.append((cells, key, cells[key]))
            del cells[key]

    def note(self, cells: dict[Any, Any], key: Any, value: Any) -> None:
        """Set a cell for good: no branch takes it back, for it says what is so on every path."""
        cells[key] = value

    def add(self, items: list[Any], item: Any) -> None:
        """Append to a list that values share, for good."""
        items.append(item)

    def amend(self, value: Function | Class, contract: str) -> None:
        """Say for good by which contract a function or class is described."""
        value.contract = contract

    def open_log(self) -> list[tuple[dict[Any, Any], Any, Any]]:
        """Start a new log on top of the open ones."""
        log: list[tuple[dict[Any, Any], Any, Any]] = []
        self.logs.append(log)
        self.log = log
        return log

    def close_log(self, *, keep: bool) -> Cells:
        """End the newest log; its writes are kept (and passed to the log below) or undone.

        Returns the written cells with their values at this moment.
        """
        log = self.logs.pop()
        self.log = self.logs[-1] if self.logs else None
        if not log:
            return {}
        cells: Cells = {(id(owner), key): (owner, key, owner.get(key, MISSING)) for owner, key, _ in log}
        if keep:
            if self.log is not None:
                self.log.extend(log)
        else:
            for owner, key, old in reversed(log):
                if old is MISSING:
                    owner.pop(key, None)
                else:
                    owner[key] = old
        return cells

    def written_since(self, depth: int, without: dict[Any, Any] | None) -> Cells:
        """The cells written in the logs above `depth`, except those of `without`."""
        cells: Cells = {}
        for log in self.logs[depth:]:
            for owner, key, _ in log:
                if owner is not without:
                    cells[(id(owner), key)] = (owner, key, owner.get(key, MISSING))
        return cells

    # --- paths and branches --------------------------------------------------------------------------------------

    def fresh_key(self, text: str = "") -> Key:
        """A name for an unknown test that is met only once."""
        self.fresh += 1
        return ("fresh", text, self.fresh)

    def draw_key(self, source: Value, op: str, other: Value) -> Key:
        """The name of a test of a number that the program drew: the same wherever this number is tested so."""
        number = self.draws.setdefault(id(source), (source, len(self.draws)))[1]
        against = other.value if isinstance(other, Const) else other.key if isinstance(other, Unknown) else None
        if op and against is None:
            return self.fresh_key(join.DRAWN)
        if op in (">", ">="):
            return ("not", ("fresh", join.DRAWN, (number, "<=" if op == ">" else "<", against)))
        return ("fresh", join.DRAWN, (number, op, against))

    def guard(self, entry: join.Path | None = None) -> Guard:
        """The tests decided since `entry` (default: since the start)."""
        if not self.path:
            return ()
        if not entry:
            return tuple(self.path.items())
        return join.added(entry, self.path)

    def resolve(self, value: Value) -> Value:
        """The value on the present path."""
        if type(value) is Alternatives:
            return join.resolve(value, self.path)
        return value

    def under(self, guard: Guard) -> join.Path:
        """The present path with a guard added."""
        return {**self.path, **dict(guard)} if guard else self.path

    def over(self, values: Sequence[Value], f: Callable[[list[Value]], Value]) -> Value:
        """f of every combination of the alternatives in `values`, as alternatives again.

        A call of f counts as two nodes. Beyond `MOST_COMBINATIONS` the largest alternatives are collapsed first.
        """
        self.steps += 2
        resolved = list(values)
        split: list[int] = []
        for i, value in enumerate(resolved):
            if type(value) is Alternatives:
                value = resolved[i] = join.resolve(value, self.path)
                if type(value) is Alternatives:
                    split.append(i)
        if not split:
            return f(resolved)
        if len(split) > 1:
            choices = {tuple(g for g, _ in v.options) for v in resolved if type(v) is Alternatives}
            if math.prod(map(len, choices)) > MOST_COMBINATIONS:
                for i in split[1:]:
                    several = resolved[i]
                    assert isinstance(several, Alternatives)
                    resolved[i] = join.collapse([v for _, v in several.options])
        at = split[0]
        first = resolved[at]
        assert isinstance(first, Alternatives)
        saved, out = self.path, []
        for guard, option in first.options:
            self.path = path = saved.copy()
            path.update(guard)
            resolved[at] = option
            out.append((guard, self.over(resolved, f)))
        self.path = saved
        return join.alternatives(out)

    def opened(self, value: Value) -> Value:
        """A list or tuple whose items are alternatives, as alternatives of lists or tuples; any other value itself."""
        if type(value) is Tuple or (type(value) is List and value.items is not None):
            items: Sequence[Value] = value.items or ()
            if any(type(v) is Alternatives for v in items):
                return self.over(items, lambda v: Tuple(tuple(v)) if type(value) is Tuple else make_list(v))
        return value

    def branch(self, arms: Sequence[tuple[Guard, Callable[[], int]]]) -> int:
        """Run each arm from the same state and join the states of those that fall through."""
        saved = self.path
        live: list[tuple[Guard, Cells]] = []
        statuses: list[int] = []
        for guard, run in arms:
            self.path = path = saved.copy()
            path.update(guard)
            self.open_log()
            try:
                status = run()
            except BaseException:
                self.close_log(keep=False)
                self.path = saved
                raise
            arm_path = self.path
            cells = self.close_log(keep=False)
            statuses.append(status)
            if status == NEXT:
                live.append((join.added(saved, arm_path), cells))
        self.path = saved
        if not live:
            return max(set(statuses), key=lambda s: (s == RETURN, s == CONTINUE, s == BREAK, s))
        if len(live) == 1:
            if len(arms) > 1:
                self.path = self.under(live[0][0])
            for owner, key, value in live[0][1].values():
                self.put(owner, key, value)
            return NEXT
        self.merge_cells(live)
        common = set(live[0][0]).intersection(*(guard for guard, _ in live[1:]))
        if common:
            self.path = self.under(tuple(item for item in live[0][0] if item in common))
        return NEXT

    def put(self, owner: dict[Any, Any], key: Any, value: Any) -> None:
        """Write a cell, or remove it if the value is MISSING."""
        if value is MISSING:
            self.remove(owner, key)
        else:
            self.write(owner, key, value)

    def merge_cells(self, arms: Sequence[tuple[Guard, Cells]]) -> None:
        """Give every cell that an arm wrote the alternatives of what the arms left in it."""
        every = arms[0][1].copy()
        for _, cells in arms[1:]:
            for identity, cell in cells.items():
                every.setdefault(identity, cell)
        for identity, (owner, key, _) in every.items():
            options: list[tuple[Guard, Any]] = []
            first, same = None, True
            for guard, cells in arms:
                found = cells.get(identity)
                content = owner.get(key, MISSING) if found is None else found[2]
                if not options:
                    first = content
                elif content is not first:
                    same = False
                options.append((guard, content))
            self.put(owner, key, first if same else join.contents(key, options))

    # --- keeping time --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """At a pause: past the budget of the root or where nobody wants to know any more, end; else go on to the next.

        Raises:
            Exhausted, Stopped: see `torchlint.flow.budget`.
        """
        if self.steps > self.limit:
            self.steps += 1
            self.spent.update(self.active)
            raise Exhausted
        if self.stop():
            raise Stopped
        self.pause = min(self.limit, self.steps + STEPS_BETWEEN_QUESTIONS)

    def place(self, n: int) -> Place:
        """A node of the file that is being run."""
        return _new(Place, (self.frame.path, n))

    # --- scopes --------------------------------------------------------------------------------------------------

    def look_up(self, name: str) -> Value | None:
        """A name as Python finds it: local, enclosing, global; None if it is nowhere (perhaps a builtin)."""
        frame = self.frame
        value = frame.vars.get(name)
        if value is None:
            for scope in frame.closure:
                value = scope.get(name)
                if value is not None:
                    break
            else:
                value = frame.module.attrs.get(name)
                if value is None:
                    return None
        if type(value) is Alternatives:
            return join.resolve(value, self.path)
        return value

    def bind(self, name: str, value: Value) -> None:
        """Assign a name in the scope that the present frame assigns it in."""
        frame = self.frame
        target = frame.vars
        if frame.outer_names and name in frame.outer_names:
            target = frame.module.attrs
            if frame.outer_names[name] == "nonlocal":
                target = next((scope for scope in frame.closure if name in scope), target)
        self.write(target, name, value)

    # --- decisions -----------------------------------------------------------------------------------------------

    def decide(self, value: Value) -> list[tuple[Guard, bool]]:
        """The ways a test can go: one (guard, truth) each; one with an empty guard if it is known."""
        kind = type(value)
        if kind is Const:
            assert isinstance(value, Const)
            return [((), bool(value.value))]
        if kind is Alternatives:
            assert isinstance(value, Alternatives)
            ways: list[tuple[Guard, bool]] = []
            saved = self.path
            for guard, option in value.options:
                if not join.compatible(guard, saved):
                    continue
                self.path = path = saved.copy()
                path.update(guard)
                ways.extend((join.merge(guard, inner), truth) for inner, truth in self.decide(option))
            self.path = saved
            return self._few(ways)
        if kind is Unknown:
            assert isinstance(value, Unknown)
            return self._decide_key(value.key, True)
        if kind is Tuple:
            assert isinstance(value, Tuple)
            return [((), bool(value.items))]
        if kind is List:
            assert isinstance(value, List)
            if value.items is not None:
                return [((), bool(value.items))]
            return self._decide_key(None, True)
        if kind is Dict:
            assert isinstance(value, Dict)
            if value.items or not value.meta.get("open"):
                return [((), bool(value.items))]
            return self._decide_key(None, True)
        if kind in (Function, Class, Bound, Partial, Namespace, Object, Instance, Library):
            return [((), True)]
        if isinstance(value, Tensor) and value.dtype == "bool" and (a := value.range) is not None and a.low == a.high:
            return [((), a.low != 0)]
        drawn = join.drawn(value)
        return self._decide_key(None if drawn is None else self.draw_key(*drawn), True)

    def _decide_key(self, key: Key, way: bool) -> list[tuple[Guard, bool]]:
        while isinstance(key, tuple) and key[0] == "not":
            key, way = key[1], not way
        if key is None:
            key = self.fresh_key()
        decided = self.path.get(key)
        if decided is not None:
            return [((), decided == way)]
        return [(((key, True),), way), (((key, False),), not way)]

    def _few(self, ways: list[tuple[Guard, bool]]) -> list[tuple[Guard, bool]]:
        if len({truth for _, truth in ways}) == 1 and ways:
            return [((), ways[0][1])]
        if len(ways) > join.MOST_ALTERNATIVES:
            key = self.fresh_key()
            return [(((key, True),), True), (((key, False),), False)]
        return ways

    # --- roots ---------------------------------------------------------------------------------------------------

    def run_root(self, run: Callable[[], Any], allowance: float = math.inf) -> bool:
        """Run one root within its budget; False if the budget was used up. State that it left open is closed.

        Args:
            allowance: nodes that may be evaluated in all, those of the roots before included.
        """
        self.roots += 1
        self.limit = int(min(self.most, allowance - self.total_steps))
        if self.limit <= 0:
            self.exhausted += 1
            self.refused += 1
            return False
        self.steps, self.path, self.grad, self.autocast = 0, {}, True, False
        self.pause = 0
        self.active.clear()
        self.log, depth = None, len(self.frames)
        self.logs.clear()
        self.runs = self.running = self.loops = 0
        self.scopes = None
        try:
            run()
            return True
        except Exhausted:
            self.exhausted += 1
            return False
        except RecursionError:
            self.exhausted += 1
            return False
        finally:
            self.total_steps += self.steps
            self.logs.clear()
            self.log = None
            self.path = {}
            if len(self.frames) > depth:
                self.frame = self.frames[depth]
                del self.frames[depth:]

    def push(self, frame: Frame) -> None:
        """Enter a frame."""
        self.frames.append(self.frame)
        if self.scopes is not None:
            self.scopes.append(frame.vars)
        frame.entry = self.path
        frame.logs = len(self.logs)
        self.frame = frame

    def pop(self) -> Frame:
        """Leave the present frame; the path is again what it was when it was entered."""
        done = self.frame
        self.path = done.entry
        self.frame = self.frames.pop()
        return done

    def finish(self, frame: Frame, status: int, last: Value = NONE) -> Value:
        """The value of a call whose body has ended with `status`; joins the states of its early returns.

        Call it before `pop`, while the path still tells which way the body fell through.
        """
        returns = frame.returns
        if status == NEXT:
            returns.append((self.guard(frame.entry), last, {}))
        if not returns:
            return UNKNOWN
        if len(returns) == 1:
            if returns[0][2]:
                for owner, key, value in returns[0][2].values():
                    self.put(owner, key, value)
            return returns[0][1]
        if any(cells for _, _, cells in returns):
            self.merge_cells([(guard, cells) for guard, _, cells in returns])
        return join.alternatives(self.apart([(guard, value) for guard, value, _ in returns]))

    def apart(self, options: list[tuple[Guard, Value]]) -> list[tuple[Guard, Value]]:
        """The options, one of which is taken: where guards may hold together, tests without a name tell which one."""
        guards = [guard for guard, _ in options]
        met = [
            any(not join.contradicts(guard, other) for other in (*guards[:i], *guards[i + 1 :]))
            for i, guard in enumerate(guards)
        ]
        keys = {i: self.fresh_key() for i, meets in enumerate(met) if meets}
        return [
            (join.merge(guard, tuple((key, i == index) for i, key in keys.items())) if met[index] else guard, value)
            for index, (guard, value) in enumerate(options)
        ]


#: What `Place` calls in turn.
_new = tuple.__new__


def flatten(values: Iterable[Value]) -> list[Value]:
    """The values, alternatives opened."""
    out: list[Value] = []
    for value in values:
        if isinstance(value, Alternatives):
            out.extend(option for _, option in value.options)
        else:
            out.append(value)
    return out
