"""What a statement does: one function a node of the IR; loops, branches and definitions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torchlint.flow import builtins, calls, imports, join, lists, objects, subscripts, taught
from torchlint.flow.events import LoopEvent, StepEvent
from torchlint.flow.expressions import binary, evaluate, make_function
from torchlint.flow.machine import (
    BREAK,
    CONTINUE,
    MISSING,
    NEXT,
    RAISE,
    RETURN,
    Cells,
    Frame,
    Machine,
)
from torchlint.flow.spell import spell
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Bound,
    Class,
    Const,
    Dict,
    Function,
    Guard,
    Instance,
    Library,
    List,
    Object,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from torchlint.project.classes import linearise
from torchlint.syntax import ir

#: Iterations of a loop over a known sequence that are run one by one.
MOST_UNROLLED = 40

#: Words that a loop goes through one by one, whatever is done with them.
MOST_PHASES = 3


def execute(m: Machine, body: Sequence[ir.Stmt]) -> int:
    """Run a block on the present path; its status."""
    table = TABLE
    for node in body:
        m.steps += 1
        if m.steps > m.pause:
            m.tick()
        status = table[type(node)](m, node)
        if m.watch is not None:
            _watch(m, node)
        if status != NEXT:
            return status
    return NEXT


def _watch(m: Machine, node: Any) -> None:
    path, numbers = m.watch or ("", frozenset())
    if m.frame.path == path and node.n in numbers:
        m.watched.setdefault(node.n, []).append({k: m.resolve(v) for k, v in m.frame.vars.items()})


def _assign(m: Machine, node: ir.Assign) -> int:
    value = evaluate(m, node.value)
    for target in node.targets:
        subscripts.assign(m, target, value)
    return NEXT


def _ann_assign(m: Machine, node: ir.AnnAssign) -> int:
    if node.value is not None:
        subscripts.assign(m, node.target, evaluate(m, node.value))
    return NEXT


def _aug_assign(m: Machine, node: ir.AugAssign) -> int:
    before = evaluate(m, node.target)
    value = evaluate(m, node.value)
    if isinstance(before, List) and node.op == "+":
        lists.extend(m, before, value)
        return NEXT
    text = f"{spell(node.target)} {node.op}= {spell(node.value)}" if isinstance(before, Tensor) else ""
    subscripts.assign(m, node.target, binary(m, node.op, before, value, node.n, text))
    return NEXT


def _expr(m: Machine, node: ir.ExprStmt) -> int:
    evaluate(m, node.value)
    return RAISE if calls.never_returns(node.value) else NEXT


def _return(m: Machine, node: ir.Return) -> int:
    value = NONE if node.value is None else evaluate(m, node.value)
    frame = m.frame
    if node.value is not None and frame.function is not None and frame.function.name == "forward":
        value = objects.returned(m, value, node)
    frame.returns.append((m.guard(frame.entry), value, m.written_since(frame.logs, frame.vars)))
    return RETURN


def _if(m: Machine, node: ir.If) -> int:
    if builtins.is_main_test(node.test):
        m.mains.append((m.frame.module, node.body))
        return execute(m, node.orelse)
    return decide_block(m, m.decide(evaluate(m, node.test)), node.body, node.orelse)


def decide_block(m: Machine, ways: list[tuple[Guard, bool]], body: Sequence[ir.Stmt], orelse: Sequence[ir.Stmt]) -> int:
    """Run the block that a test chooses, or both as arms of a branch."""
    if len(ways) == 1:
        return execute(m, body if ways[0][1] else orelse)

    def arm(truth: bool) -> Callable[[], int]:
        return lambda: execute(m, body if truth else orelse)

    return m.branch([(guard, arm(truth)) for guard, truth in ways])


def _for(m: Machine, node: ir.For) -> int:
    iterable = evaluate(m, node.iter)
    drawn = m.drawn
    items = builtins.items_of(m, iterable)
    status = NEXT
    m.loops += 1
    outer, m.frame.loop_breaks = m.frame.loop_breaks, []
    path = m.path
    try:
        if items is not None:
            begun, phases = len(m.events), _are_phases(items)
            for i, item in enumerate(items):
                m.path = path
                mark = len(m.events) if phases else begun
                subscripts.assign(m, node.target, item)
                status = execute(m, node.body)
                if status in (BREAK, RETURN, RAISE):
                    break
                trained = m.drawn != drawn or any(isinstance(e, StepEvent) for e in m.events[mark:])
                if phases:
                    _emit_loop(m, node, mark)
                elif i + 1 < len(items) and (trained or i + 1 >= MOST_UNROLLED):
                    m.path = path
                    status = _steady(m, node, join.summary(items), 1)
                    break
                elif trained and i + 1 == len(items):
                    _emit_loop(m, node, mark)
        else:
            element = builtins.element(m, iterable, m.place(node.n))
            status = _steady(m, node, element, 2 if m.loops < 4 else 1)
        _join_breaks(m)
    finally:
        m.frame.loop_breaks = outer
        m.loops -= 1
    m.path = path
    if status in (RETURN, RAISE):
        return status
    return execute(m, node.orelse) if status != BREAK else NEXT


def _are_phases(items: Sequence[Value]) -> bool:
    """Whether a few words are gone through, alone or with what belongs to them: ``for phase in ("train", "val")``."""
    firsts = [item.items[0] if isinstance(item, Tuple) and item.items else item for item in items]
    words = {first.value for first in firsts if isinstance(first, Const) and isinstance(first.value, str)}
    return len(words) == len(items) <= MOST_PHASES


def _emit_loop(m: Machine, node: ir.For | ir.While, mark: int) -> None:
    events = tuple(m.events[mark:])
    if any(isinstance(e, StepEvent) for e in events):
        m.events.append(LoopEvent(m.place(node.n), m.guard(), events, m.loops))


def _steady(m: Machine, node: ir.For | ir.While, element: Value | None, passes: int) -> int:
    """Run a body until its state is steady: after each pass, what changed is widened."""
    status = NEXT
    path = m.path
    for number in range(passes):
        mark = len(m.events)
        m.path = path
        log = m.open_log()
        if isinstance(node, ir.For):
            assert element is not None
            subscripts.assign(m, node.target, element)
        status = execute(m, node.body)
        first: dict[tuple[int, Any], tuple[dict[Any, Any], Any, Any]] = {}
        for owner, key, old in log:
            first.setdefault((id(owner), key), (owner, key, old))
        m.close_log(keep=True)
        if status in (RETURN, RAISE):
            return status
        m.path = path
        for owner, key, old in first.values():
            _widen_cell(m, owner, key, old)
        if number == passes - 1:
            _emit_loop(m, node, mark)
        if status == BREAK:
            _emit_loop(m, node, mark)
            break
    return status


def _widen_cell(m: Machine, owner: dict[Any, Any], key: Any, old: Any) -> None:
    new = owner.get(key, MISSING)
    if old is MISSING or new is MISSING or old is new:
        return
    if isinstance(old, Value) and isinstance(new, Value):
        wide = join.widen(old, new)
        if wide is not new:
            m.write(owner, key, wide)
    elif key == "items":
        items = join.widen_items(old, new)
        if items is not new:
            m.write(owner, "items", items)


def _join_breaks(m: Machine) -> None:
    """Let what a guarded ``break`` left behind meet what the loop left at its end."""
    for guard, cells in m.frame.loop_breaks or []:
        m.merge_cells([(guard, cells), (_opposite(guard), {})])


def _opposite(guard: Guard) -> Guard:
    return ((guard[-1][0], not guard[-1][1]),) if guard else ()


def _while(m: Machine, node: ir.While) -> int:
    ways = m.decide(evaluate(m, node.test))
    if len(ways) == 1 and not ways[0][1]:
        return execute(m, node.orelse)
    m.loops += 1
    outer, m.frame.loop_breaks = m.frame.loop_breaks, []
    path = m.path
    try:
        status = _steady(m, node, None, 2 if m.loops < 4 else 1)
        _join_breaks(m)
    finally:
        m.frame.loop_breaks = outer
        m.loops -= 1
    m.path = path
    return status if status in (RETURN, RAISE) else NEXT


def _jump(m: Machine, node: ir.Jump) -> int:
    if node.kind == "pass":
        return NEXT
    if node.kind == "continue":
        return CONTINUE
    if m.frame.loop_breaks is not None:
        guard = m.guard(m.frame.entry)
        cells: Cells = m.written_since(m.frame.logs, None)
        if guard and cells:
            m.frame.loop_breaks.append((guard, cells))
    return BREAK


def _with(m: Machine, node: ir.With) -> int:
    modes = m.grad, m.autocast, m.catching
    for item in node.items:
        if _awaits(m, item.value):
            m.catching = m.loops
        value = calls.enter(m, evaluate(m, item.value))
        if item.target is not None:
            subscripts.assign(m, item.target, value)
    status = execute(m, node.body)
    m.grad, m.autocast, m.catching = modes
    return status


#: What torch raises where values do not fit together, or no gradient leads back.
ERRORS = frozenset({"RuntimeError", "ValueError"})

#: Context managers that end in an error, as test frameworks have them.
AWAITING = frozenset({"raises", "assertRaises", "assertRaisesRegex"})


def _awaits(m: Machine, node: ir.Expr) -> bool:
    """Whether a ``with`` lets an error of torch happen: ``pytest.raises(…)``, ``suppress(RuntimeError)``."""
    name = getattr(node.func, "name", "") if isinstance(node, ir.Call) else ""
    if not isinstance(node, ir.Call) or name not in AWAITING | {"suppress"}:
        return False
    callee = m.resolve(evaluate(m, node.func))
    if not isinstance(callee, (Library, Bound)) or (isinstance(callee, Bound) and not isinstance(callee.function, str)):
        return False
    return name in AWAITING or any(_is_error(m, one) for one in node.args)


def _is_error(m: Machine, node: ir.Expr | None) -> bool:
    """Whether an exception is named that torch raises, alone or among others."""
    if isinstance(node, ir.TupleExpr):
        return any(_is_error(m, one) for one in node.items)
    return isinstance(node, ir.Name) and node.name in ERRORS and m.look_up(node.name) is None


def _catches(m: Machine, node: ir.Try) -> bool:
    """Whether a ``try`` is for an error of torch, which it names, and the program goes on after it as if that had to
    be. An error in a loop inside the ``try`` ends the loop, and is none that was meant: that is why `Machine.catching`
    is a depth."""
    return any(_is_error(m, handler.type) and not _gives_up(handler.body) for handler in node.handlers)


def _gives_up(body: Sequence[ir.Stmt]) -> bool:
    """Whether a block may raise an error itself, or end the program."""
    return any(
        isinstance(one, ir.Raise)
        or (isinstance(one, ir.ExprStmt) and calls.never_returns(one.value))
        or _gives_up(list(ir.blocks(one)))
        for one in body
    )


def _try(m: Machine, node: ir.Try) -> int:
    handled = not _imports_known(m, node)
    if not node.handlers or not handled:
        status = execute(m, node.body)
        if status == NEXT:
            status = execute(m, node.orelse)
    else:
        key = m.fresh_key()

        def body() -> int:
            before, m.catching = m.catching, m.loops if _catches(m, node) else m.catching
            try:
                status = execute(m, node.body)
            finally:
                m.catching = before
            return execute(m, node.orelse) if status == NEXT else status

        def handler(h: ir.Handler) -> Callable[[], int]:
            def run() -> int:
                if h.name:
                    m.bind(h.name, UNKNOWN)
                return execute(m, h.body)

            return run

        arms: list[tuple[Guard, Callable[[], int]]] = [(((key, True),), body)]
        arms.extend((((key, False), ((key, i), True)), handler(h)) for i, h in enumerate(node.handlers))
        status = m.branch(arms)
    final = execute(m, node.final)
    return final if final != NEXT else status


def _imports_known(m: Machine, node: ir.Try) -> bool:
    """Whether a ``try`` only imports, and what it imports is in the project."""
    for statement in node.body:
        if not isinstance(statement, (ir.Import, ir.ImportFrom)):
            return False
        if not imports.resolvable(m, statement):
            return False
    return bool(node.body)


def _raise(m: Machine, node: ir.Raise) -> int:
    return RAISE


def _assert(m: Machine, node: ir.Assert) -> int:
    ways = m.decide(evaluate(m, node.test))
    true = [guard for guard, truth in ways if truth]
    if not true:
        return NEXT
    if len(true) == 1 and len(ways) > 1:
        m.path = m.under(true[0])
    return NEXT


def _delete(m: Machine, node: ir.Delete) -> int:
    for target in node.targets:
        if isinstance(target, ir.Name):
            m.remove(m.frame.vars, target.name)
        elif isinstance(target, ir.Subscript):
            base = m.resolve(evaluate(m, target.value))
            index = m.resolve(evaluate(m, target.index))
            if isinstance(base, Dict) and isinstance(index, Const):
                m.remove(base.items, index.value)
            elif isinstance(base, List):
                lists.forget(m, base)
        elif isinstance(target, ir.Attr):
            owner = m.resolve(evaluate(m, target.value))
            if isinstance(owner, Instance):
                m.remove(owner.attrs, target.name)
    return NEXT


def _scope(m: Machine, node: ir.Scope) -> int:
    frame = m.frame
    if frame.outer_names is None:
        frame.outer_names = {}
    for name in node.names:
        frame.outer_names[name] = node.kind
        if node.kind == "global" and frame.vars is not frame.module.attrs:
            frame.vars.pop(name, None)
    return NEXT


def _function(m: Machine, node: ir.FunctionDef) -> int:
    function = make_function(m, node, node.params)
    m.functions.append(function)
    value: Value = function
    for decorator in reversed(node.decorators):
        value = _decorate(m, function, value, decorator)
    if m.contracts.taught:
        taught.define(m, function, m.frame)
        if isinstance(value, Function):
            m.amend(value, function.contract)
    m.bind(node.name, value)
    return NEXT


def _decorate(m: Machine, function: Function, value: Value, decorator: ir.Expr) -> Value:
    last = decorator
    if isinstance(last, ir.Call):
        last = last.func
    if isinstance(last, ir.Attr) and last.name in ("setter", "getter", "deleter"):
        function.decorations = (*function.decorations, last.name)
        return value
    wrapper = m.resolve(evaluate(m, decorator))
    if isinstance(wrapper, Library) or (isinstance(wrapper, Object) and wrapper.kind == "no_grad"):
        function.decorations = (*function.decorations, wrapper.name.rsplit(".", 1)[-1])
        return value
    if isinstance(wrapper, Object):  # `no_grad()`, which is called before it decorates
        function.decorations = (*function.decorations, wrapper.kind)
        return value
    if isinstance(wrapper, Function):
        m.entered.add(id(wrapper.node))
        result = m.resolve(calls.call(m, wrapper, [value], {}, m.place(node_number(decorator))))
        if isinstance(result, Function):
            return result
    return value


def node_number(node: Any) -> int:
    """The number of any node that has one."""
    number: int = getattr(node, "n", 0)
    return number


def _class(m: Machine, node: ir.ClassDef) -> int:
    bases: list[Value] = []
    for base in node.bases:
        value = m.resolve(evaluate(m, base))
        bases.append(value if isinstance(value, (Class, Library)) else Unknown())
    frame = m.frame
    cls = Class(node, frame.path, frame.module, tuple(bases), {})
    cls.mro = linearise(cls, bases, lambda b: b.mro if isinstance(b, Class) else (b,))
    closure = (frame.vars, *frame.closure) if frame.vars is not frame.module.attrs else frame.closure
    m.push(Frame(cls.attrs, closure, frame.module, frame.path, None, cls))
    try:
        execute(m, node.body)
    finally:
        m.pop()
    m.classes.append(cls)
    if m.contracts.taught:
        taught.define(m, cls, frame)
    value = cls
    for decorator in reversed(node.decorators):
        made = m.resolve(evaluate(m, decorator))
        if isinstance(made, Library):
            cls.attrs.setdefault("@" + made.name.rsplit(".", 1)[-1], NONE)
        elif isinstance(made, Function):
            result = m.resolve(calls.call(m, made, [cls], {}, m.place(node.n)))
            if isinstance(result, Class):
                value = result
    m.bind(node.name, value)
    return NEXT


def _match(m: Machine, node: ir.Match) -> int:
    subject = evaluate(m, node.subject)
    return _cases(m, subject, node.cases)


def _cases(m: Machine, subject: Value, cases: Sequence[ir.Case]) -> int:
    if not cases:
        return NEXT
    case, rest = cases[0], cases[1:]
    ways = _matches(m, subject, case.pattern)
    if case.guard is not None:
        _bind_pattern(m, case.pattern, subject)
        inner = m.decide(evaluate(m, case.guard))
        ways = [(join.merge(g, h), a and b) for g, a in ways for h, b in inner]
    if len(ways) == 1:
        if not ways[0][1]:
            return _cases(m, subject, rest)
        _bind_pattern(m, case.pattern, subject)
        return execute(m, case.body)

    def arm(truth: bool) -> Callable[[], int]:
        def run() -> int:
            if not truth:
                return _cases(m, subject, rest)
            _bind_pattern(m, case.pattern, subject)
            return execute(m, case.body)

        return run

    return m.branch([(guard, arm(truth)) for guard, truth in ways])


def _matches(m: Machine, subject: Value, pattern: ir.Pattern) -> list[tuple[Guard, bool]]:
    if isinstance(pattern, ir.CapturePattern):
        return [((), True)] if pattern.pattern is None else _matches(m, subject, pattern.pattern)
    if isinstance(pattern, ir.ValuePattern):
        wanted = m.resolve(evaluate(m, pattern.value))
        result = m.over([subject], lambda v: _equals(v[0], wanted))
        return m.decide(result)
    if isinstance(pattern, ir.OrPattern):
        out: list[tuple[Guard, bool]] = []
        for option in pattern.patterns:
            ways = _matches(m, subject, option)
            if len(ways) == 1 and ways[0][1]:
                return ways
            out.extend(way for way in ways if way[1])
        if not out:
            return [((), False)]
        return m.decide(Unknown(m.fresh_key()))
    return m.decide(Unknown(m.fresh_key()))


def _equals(a: Value, b: Value) -> Value:
    if isinstance(a, Const) and isinstance(b, Const):
        return Const(a.value == b.value)
    if isinstance(a, Unknown) and a.key is not None and isinstance(b, Const):
        return Unknown(("==", a.key, b.value))
    return UNKNOWN


def _bind_pattern(m: Machine, pattern: ir.Pattern, subject: Value) -> None:
    if isinstance(pattern, ir.CapturePattern) and pattern.name:
        m.bind(pattern.name, subject)
    elif isinstance(pattern, ir.OtherPattern):
        for name in pattern.names:
            m.bind(name, UNKNOWN)


def _import(m: Machine, node: ir.Import) -> int:
    imports.run_import(m, node)
    return NEXT


def _import_from(m: Machine, node: ir.ImportFrom) -> int:
    imports.run_import_from(m, node)
    return NEXT


TABLE: dict[type, Callable[[Machine, Any], int]] = {
    ir.Assign: _assign, ir.AnnAssign: _ann_assign, ir.AugAssign: _aug_assign, ir.ExprStmt: _expr,
    ir.Return: _return, ir.If: _if, ir.For: _for, ir.While: _while, ir.With: _with, ir.Try: _try,
    ir.Raise: _raise, ir.Assert: _assert, ir.Delete: _delete, ir.Import: _import, ir.ImportFrom: _import_from,
    ir.Scope: _scope, ir.Jump: _jump, ir.FunctionDef: _function, ir.ClassDef: _class, ir.Match: _match,
}  # fmt: skip
