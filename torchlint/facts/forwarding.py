"""What a model's ``forward`` does with its layers, as it is written: layers made on the way, dropout, returns.

Definitions
    reached   the functions of the project that ``forward`` calls, to any depth: methods of the object, and functions by
              their names
    carried   a variable that is there before a loop and is changed by each round from what it was: ``x = layer(x)``

Worked example: of ``for layer in self.layers: x = layer(x); return x`` the ``return`` ends the first round, in which
the carried variable ``x`` has come through one layer only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.hierarchy import (
    LEARNING,
    Hierarchy,
    Scope,
    assignments,
    is_attribute,
    ordered,
    parts,
    receiver_of,
    walk,
)
from torchlint.flow.spell import spell
from torchlint.flow.values import Class, Const, Function, Place
from torchlint.syntax import ir

#: Dropouts that a function does: where its arguments ``p`` and ``training`` stand.
DROPOUTS = frozenset(
    {
        "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "feature_dropout",
    }
)  # fmt: skip

#: Names that tell whether a model is trained or used.
_MODE = re.compile(r"train|eval|infer|test|predict|sampl|determin|stochastic|mc_|phase|mode", re.IGNORECASE)


class LayerMade(Fact, frozen=True):
    """A call of a model makes a layer and uses it, so that each call has another one.

    layer: as the program spells it; kind: that of its contract, or ``container`` or ``module``; method: the function
    that makes it; cls: the model. name: what it is assigned to, empty for nothing. p: the probability of a dropout.
    call, operand: where it is called at once, and on what; receiver: what the method calls its object, empty outside a
    method.
    """

    layer: str
    kind: str
    method: str
    cls: str
    name: str = ""
    p: str = ""
    call: Place | None = None
    operand: Place | None = None
    receiver: str = ""


class DropoutCalled(Fact, frozen=True):
    """A function that drops values out is called by a model, and nothing says whether it is trained.

    function: as the program spells it; attention: whether it is attention, whose probability is written (`p`); at:
    where that stands; receiver: what the method calls its object, empty outside a method; method: the function that
    calls it.
    """

    function: str
    method: str
    cls: str
    p: str
    attention: bool = False
    at: Place | None = None
    receiver: str = ""


class ForwardEnds(Fact, frozen=True):
    """A ``forward`` that computes something, and on some way returns nothing.

    cls: the model; last: the last thing that is computed; name: what it is assigned to; always: whether no way returns
    anything; line: where that stands.
    """

    cls: str
    last: str
    name: str
    always: bool
    line: Place


class LoopReturns(Fact, frozen=True):
    """A loop whose first round returns, although it changes what a later one would go on with.

    name: the variable that is changed; change: the statement that does so; over: what the loop goes through; function:
    the function, with its class; loop: where it stands.
    """

    name: str
    change: str
    over: str
    function: str
    loop: Place


class Reached(msgspec.Struct, frozen=True):
    """A function that a model's ``forward`` reaches: the class whose ``forward`` it is, and what names mean in it; own:
    whether it is a method of that object."""

    cls: Class
    node: ir.FunctionDef
    scope: Scope
    path: str
    own: bool

    @property
    def receiver(self) -> str:
        return receiver_of(self.node) if self.own else ""

    @property
    def title(self) -> str:
        return f"{self.scope.cls.name}.{self.node.name}" if self.scope.cls is not None else self.node.name


def forwarding(hierarchy: Hierarchy) -> Iterator[Occurrence]:
    """Layers made and dropout done on the way through models, and ways through them that end early or in nothing."""
    seen: set[Place] = set()
    for cls in hierarchy.models:
        forward = hierarchy.methods(cls).get("forward")
        if forward is None:
            continue
        for one in reached(hierarchy, cls, forward):
            for fact in (*_layers(hierarchy, one), *_dropouts(hierarchy, one)):
                if fact.place not in seen:
                    seen.add(fact.place)
                    yield Occurrence(((fact,),))
        ends = _ends(hierarchy, cls, forward)
        if ends is not None:
            yield Occurrence(((ends,),))
    yield from _loops(hierarchy)


def reached(hierarchy: Hierarchy, cls: Class, forward: ir.FunctionDef) -> Iterable[Reached]:
    """The functions that a class's ``forward`` reaches, itself first."""
    found: dict[int, Reached] = {}
    pending = [Reached(cls, forward, hierarchy.scope(cls, forward), cls.path, True)]
    while pending and len(found) < 60:
        one = pending.pop(0)
        if id(one.node) in found:
            continue
        found[id(one.node)] = one
        for call in walk(one.node):
            if not isinstance(call, ir.Call):
                continue
            if one.receiver and is_attribute(call.func, one.receiver):
                method = hierarchy.method(cls, call.func.name)
                if method is not None and not call.func.name.startswith("__"):
                    pending.append(Reached(cls, method[1], hierarchy.scope(*method), method[0].path, True))
                continue
            value = one.scope.value(call.func)
            if isinstance(value, Function) and isinstance(value.node, ir.FunctionDef) and value.owner is None:
                pending.append(
                    Reached(cls, value.node, Scope(hierarchy.m, value.module, value.node), value.path, False)
                )
    return found.values()


# --- layers made on the way --------------------------------------------------------------------------------------


def _layers(hierarchy: Hierarchy, one: Reached) -> Iterator[LayerMade]:
    calls = [call for call in walk(one.node) if isinstance(call, ir.Call)]
    for call in calls:
        made = _unmoved(call.func)
        if made is None or not (kind := _made(one.scope, made)) or _is_guarded(one.node, call):
            continue
        yield _layer(one, made, kind, call)
    for statement, under in ordered(one.node.body):
        if not isinstance(statement, ir.Assign) or len(statement.targets) != 1:
            continue
        made, target = _unmoved(statement.value), statement.targets[0]
        kind = "" if made is None else _made(one.scope, made)
        if made is None or not kind:
            continue
        if isinstance(target, ir.Name) and _only_called(one.node, target) and not _is_guarded(one.node, made):
            yield _layer(one, made, kind, None, target.name)
        elif one.own and one.node.name == "forward" and not under and is_attribute(target, one.receiver):
            if target.name in {call.func.name for call in calls if is_attribute(call.func, one.receiver)}:
                yield _layer(one, made, kind, None, spell(target))


def _layer(one: Reached, made: ir.Call, kind: str, call: ir.Call | None, name: str = "") -> LayerMade:
    operand = None
    if call is not None and len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ir.Starred):
        operand = Place(one.path, call.args[0].n)
    given = made.args[0] if made.args else next((k.value for k in made.keywords if k.name == "p"), None)
    p = spell(given) if isinstance(given, (ir.Const, ir.Name, ir.Attr)) else "0.5" if given is None else ""
    return LayerMade(
        Place(one.path, made.n), "", spell(made), kind, one.title, one.cls.name, name, p if kind == "dropout" else "",
        None if call is None else Place(one.path, call.n), operand, one.receiver,
    )  # fmt: skip


def _unmoved(node: ir.Node) -> ir.Call | None:
    """The construction in ``nn.Linear(2, 3).to(device)``."""
    while isinstance(node, ir.Call) and isinstance(node.func, ir.Attr) and node.func.name in ("to", "cuda", "type_as"):
        node = node.func.value
    return node if isinstance(node, ir.Call) else None


def _made(scope: Scope, call: ir.Call) -> str:
    """The kind of a layer that a call makes, if it holds parameters or drops values out; empty otherwise."""
    if isinstance(call.func, ir.Attr) and isinstance(call.func.value, ir.Call):
        return ""  # `nn.Dropout(0.5).train(self.training)`
    kind = scope.kind(call)
    named = {keyword.name: keyword.value for keyword in call.keywords}
    if kind in LEARNING:
        return str(kind)
    if kind == "dropout":
        p = call.args[0] if call.args else named.get("p")
        return "" if isinstance(p, ir.Const) and p.value in (0, 0.0, None) else "dropout"
    if kind == "norm":
        affine = named.get("affine", named.get("elementwise_affine"))
        plain = "InstanceNorm" in spell(call.func)
        return "" if plain or isinstance(affine, ir.Const) or len(call.args) > 2 else "norm"
    if kind == "container" and any(_made(scope, arg) for arg in call.args if isinstance(arg, ir.Call)):
        return "container"
    return "module" if kind == "module" and _learns(scope, call) else ""


def _learns(scope: Scope, call: ir.Call) -> bool:
    """Whether a class of the project makes layers with parameters in its constructor."""
    value = scope.value(call.func)
    if not isinstance(value, Class):
        return False
    init = value.attrs.get("__init__")
    if not isinstance(init, Function) or not isinstance(init.node, ir.FunctionDef):
        return False
    inner = Scope(scope.m, value.module, init.node, value)
    return any(inner.kind(one.value) in LEARNING for one in assignments(init.node))


def _only_called(node: ir.FunctionDef, target: ir.Name) -> bool:
    """Whether a local name is assigned once, and nothing is done with it but calling it."""
    called, others = 0, -1  # the assignment itself is one
    functions = {id(call.func) for call in walk(node) if isinstance(call, ir.Call)}
    for one in walk(node):
        if isinstance(one, ir.Name) and one.name == target.name:
            if id(one) in functions:
                called += 1
            else:
                others += 1
    return called > 0 and others == 0


def _is_guarded(node: ir.FunctionDef, inside: ir.Node) -> bool:
    """Whether something in a function depends on a test of how the model is used."""
    return any(_tells_mode(test) for test in _tests_around(node, inside))


def _tests_around(node: ir.Node, inside: ir.Node) -> Iterator[ir.Node]:
    """The tests of all statements and expressions around a node, and those of earlier ways out of the function."""
    way = _way(node, inside)
    for outer, inner in pairwise(way):
        if isinstance(outer, (ir.If, ir.IfExp, ir.While)) and inner is not outer.test:
            yield outer.test
        if isinstance(outer, ir.BoolOp):
            yield from (value for value in outer.values if value is not inner)
        for name in ("body", "orelse", "final"):
            suite = getattr(outer, name, None)
            if isinstance(suite, list) and any(inner is one for one in suite):
                at = next(i for i, one in enumerate(suite) if one is inner)
                for earlier in suite[:at]:
                    if isinstance(earlier, ir.If) and _leaves(earlier):
                        yield earlier.test


def _leaves(node: ir.If) -> bool:
    return any(isinstance(one, ir.Return) for body in (node.body, node.orelse) for one, _ in ordered(body))


def _way(node: ir.Node, inside: ir.Node) -> list[ir.Node]:
    """The nodes from one down to another in it; empty if it is not."""
    if node is inside:
        return [node]
    for part in parts(node):
        below = _way(part, inside)
        if below:
            return [node, *below]
    return []


def _tells_mode(test: ir.Node) -> bool:
    """Whether a test asks how the model is used."""
    return any(isinstance(one, (ir.Name, ir.Attr)) and _MODE.search(one.name) for one in walk(test))


# --- dropout -----------------------------------------------------------------------------------------------------


def _dropouts(hierarchy: Hierarchy, one: Reached) -> Iterator[DropoutCalled]:
    for call in walk(one.node):
        if not isinstance(call, ir.Call):
            continue
        full = one.scope.library(call.func)
        name = full.rpartition(".")[2]
        if not full.startswith("torch.nn.functional."):
            continue
        if any(isinstance(arg, ir.Starred) for arg in call.args) or any(k.name is None for k in call.keywords):
            continue
        named = {keyword.name: keyword.value for keyword in call.keywords}
        if name in DROPOUTS:
            p = call.args[1] if len(call.args) > 1 else named.get("p")
            given = len(call.args) > 2 or "training" in named
            attention = False
        elif name == "scaled_dot_product_attention":
            p = call.args[4] if len(call.args) > 4 else named.get("dropout_p")
            given, attention = p is None, True
        else:
            continue
        if given or _is_guarded(one.node, call) or not _drops(hierarchy, one, p, attention):
            continue
        at = Place(one.path, p.n) if p is not None else None
        place = at if attention and at is not None else Place(one.path, call.n)
        yield DropoutCalled(
            place, "", spell(call.func), one.title, one.cls.name, "0.5" if p is None else spell(p), attention, at,
            one.receiver,
        )  # fmt: skip


def _drops(hierarchy: Hierarchy, one: Reached, p: ir.Expr | None, attention: bool, depth: int = 0) -> bool:
    """Whether a probability is one that nothing sets to zero where the model is not trained."""
    if p is None:
        return not attention
    if isinstance(p, ir.Const):
        return isinstance(p.value, (int, float)) and p.value != 0
    if any(isinstance(part, ir.Call) for part in walk(p)) or _tells_mode(p) or depth > 3:
        return False
    if isinstance(p, ir.Name):
        return _local_drops(hierarchy, one, p, attention, depth)
    if isinstance(p, ir.Attr) and p.name == "p" and is_attribute(p.value, one.receiver):
        return True  # the probability of a layer: `self.drop.p`
    if one.receiver and is_attribute(p, one.receiver):
        return _attribute_drops(hierarchy, one.cls, p.name)
    return False


def _local_drops(hierarchy: Hierarchy, one: Reached, p: ir.Name, attention: bool, depth: int) -> bool:
    if any(param.name == p.name for param in one.node.params):
        return False  # the caller's to say
    values: list[ir.Expr] = []
    for statement, under in ordered(one.node.body):
        if isinstance(statement, ir.Assign) and any(_names(target, p.name) for target in statement.targets):
            if under:
                return False
            values.append(statement.value)
    return len(values) == 1 and _drops(hierarchy, one, values[0], attention, depth + 1)


def _names(target: ir.Node, name: str) -> bool:
    return any(isinstance(part, ir.Name) and part.name == name for part in walk(target))


def _attribute_drops(hierarchy: Hierarchy, cls: Class, name: str) -> bool:
    """Whether an attribute is set in constructors only, to something that is not known to be zero."""
    found = False
    kin = [*cls.mro, *hierarchy.derived.get(id(cls.node), ())]
    for base in kin:
        if not isinstance(base, Class):
            continue
        if name in base.attrs:
            return False
        for method in hierarchy.methods(base).values():
            for one in assignments(method):
                if one.name != name:
                    continue
                if method.name != "__init__" or _tells_mode(one.value):
                    return False
                if isinstance(one.value, ir.Const):
                    if not isinstance(one.value.value, (int, float)) or not one.value.value:
                        continue
                if isinstance(one.value, ir.Call) and hierarchy.scope(base, method).kind(one.value) is not None:
                    return False
                found = True
    instance = hierarchy.m.instances.get(id(cls.node))
    value = None if instance is None else instance.attrs.get(name)
    return found and not (isinstance(value, Const) and not value.value)


# --- ways that end in nothing ------------------------------------------------------------------------------------


def _ends(hierarchy: Hierarchy, cls: Class, forward: ir.FunctionDef) -> ForwardEnds | None:
    """A way through ``forward`` whose last statement computes something that nobody gets."""
    if forward.is_generator or forward.is_async or forward.decorators or not forward.body:
        return None
    returns = [one for one in walk(forward, into=False) if isinstance(one, ir.Return)]
    valued = [one for one in returns if one.value is not None]
    receiver, scope = receiver_of(forward), hierarchy.scope(cls, forward)
    for last in _lasts(forward.body):
        if isinstance(last, ir.Assign) and len(last.targets) == 1 and isinstance(last.targets[0], ir.Name):
            name = last.targets[0].name
            if _uses_layers(hierarchy, cls, forward, receiver, scope):
                return ForwardEnds(
                    Place(cls.path, forward.n), "", cls.name, spell(last.value), name, not valued,
                    Place(cls.path, last.value.n),
                )  # fmt: skip
        if isinstance(last, ir.ExprStmt) and not valued and _is_layer_call(hierarchy, cls, last.value, receiver):
            return ForwardEnds(
                Place(cls.path, forward.n), "", cls.name, spell(last.value), "", True, Place(cls.path, last.value.n)
            )
    return None


def _lasts(body: list[ir.Stmt]) -> Iterator[ir.Stmt]:
    """The statements after which control falls off the end of a body."""
    last = body[-1]
    if isinstance(last, ir.If):
        yield from _lasts(last.body)
        if last.orelse:
            yield from _lasts(last.orelse)
    elif isinstance(last, ir.With):
        yield from _lasts(last.body)
    elif isinstance(last, ir.For) and not last.orelse:
        yield from _lasts(last.body)
    elif not isinstance(last, (ir.Return, ir.Raise)):
        yield last


def _uses_layers(hierarchy: Hierarchy, cls: Class, forward: ir.FunctionDef, receiver: str, scope: Scope) -> bool:
    """Whether ``forward`` calls something that the object holds, or an operation of torch."""
    for one in walk(forward):
        if isinstance(one, ir.Call):
            if is_attribute(one.func, receiver) or scope.library(one.func).startswith("torch."):
                return True
    return False


def _is_layer_call(hierarchy: Hierarchy, cls: Class, node: ir.Expr, receiver: str) -> bool:
    """Whether an expression is a call of a layer that the object holds."""
    if not isinstance(node, ir.Call) or not is_attribute(node.func, receiver):
        return False
    kinds: set[str | None] = set()
    for base in cls.mro:
        if not isinstance(base, Class):
            continue
        for method in hierarchy.methods(base).values():
            inner = hierarchy.scope(base, method)
            kinds.update(inner.kind(one.value) for one in assignments(method) if one.name == node.func.name)
    return bool(kinds) and kinds <= LEARNING | {"container", "norm", "activation", "pool", "dropout", "reshape"}


# --- loops that end at once --------------------------------------------------------------------------------------

#: Methods that add something to what an object holds.
ADDING = frozenset({"append", "extend", "update", "add", "add_", "backward", "step", "write", "insert"})


def _loops(hierarchy: Hierarchy) -> Iterator[Occurrence]:
    m = hierarchy.m
    seen: set[int] = set()
    for function in m.functions:
        node = function.node
        if not isinstance(node, ir.FunctionDef) or id(node) in seen or node.is_generator:
            continue
        seen.add(id(node))
        if not any(isinstance(one, ir.For) and _ends_at_once(one) for one, _ in ordered(node.body)):
            continue
        before = {param.name for param in node.params}
        for fact in _loops_in(node.body, before, function):
            yield Occurrence(((fact,),))


def _loops_in(body: list[ir.Stmt], before: set[str], function: Function) -> Iterator[LoopReturns]:
    """Loops that end in their first round, in a body and in its blocks; `before` names what is bound so far."""
    for one in body:
        if isinstance(one, ir.For):
            fact = _loop(one, before, function)
            if fact is not None:
                yield fact
        if not isinstance(one, (ir.FunctionDef, ir.ClassDef)):
            for name in ("body", "orelse", "final"):
                yield from _loops_in(getattr(one, name, []), before | _bound(one), function)
            for part in (*getattr(one, "handlers", ()), *getattr(one, "cases", ())):
                yield from _loops_in(part.body, before, function)
        before |= _bound(one)


def _bound(node: ir.Stmt) -> set[str]:
    """The names that a statement assigns, in its blocks too."""
    names: set[str] = set()
    for one, _ in ordered([node]):
        targets = one.targets if isinstance(one, ir.Assign) else [getattr(one, "target", None)]
        for target in targets:
            if isinstance(target, ir.Node):
                names.update(part.name for part in walk(target) if isinstance(part, ir.Name))
    return names


def _ends_at_once(loop: ir.For) -> ir.Return | None:
    """The ``return`` at the end of a loop's body."""
    last = loop.body[-1]
    while isinstance(last, ir.With) and last.body:
        last = last.body[-1]
    return last if isinstance(last, ir.Return) and last.value is not None and len(loop.body) > 1 else None


def _loop(loop: ir.For, before: set[str], function: Function) -> LoopReturns | None:
    last = _ends_at_once(loop)
    if last is None or last.value is None:
        return None
    inner = list(ordered(loop.body))
    if any(isinstance(one, ir.Jump) and one.kind != "pass" for one, _ in inner):
        return None
    if sum(isinstance(one, ir.Return) for one, _ in inner) > 1 or isinstance(loop.iter, (ir.TupleExpr, ir.ListExpr)):
        return None
    returned = {one.name for one in walk(last.value) if isinstance(one, ir.Name)}
    targets = {one.name for one in walk(loop.target) if isinstance(one, ir.Name)}
    for one, under in inner:
        found = _carried(one, before - targets)
        if found and found in returned and not under:
            owner = f"{function.owner.name}." if function.owner is not None else ""
            return LoopReturns(
                Place(function.path, last.n), "", found, _spelled(one), spell(loop.iter), f"{owner}{function.name}",
                Place(function.path, loop.n),
            )  # fmt: skip
    return None


def _carried(node: ir.Stmt, before: set[str]) -> str:
    """The variable that a statement changes from what it was; empty if it changes none."""
    if isinstance(node, ir.Assign) and len(node.targets) == 1:
        for target in walk(node.targets[0]):
            if isinstance(target, ir.Name) and target.name in before:
                if any(isinstance(one, ir.Name) and one.name == target.name for one in walk(node.value)):
                    return target.name
    if isinstance(node, ir.AugAssign) and isinstance(node.target, ir.Name) and node.target.name in before:
        return node.target.name
    if isinstance(node, ir.ExprStmt) and isinstance(node.value, ir.Call) and isinstance(node.value.func, ir.Attr):
        func = node.value.func
        if func.name in ADDING and isinstance(func.value, ir.Name) and func.value.name in before:
            return func.value.name
    return ""


def _spelled(node: ir.Stmt) -> str:
    if isinstance(node, ir.Assign):
        return f"{spell(node.targets[0])} = {spell(node.value)}"
    if isinstance(node, ir.AugAssign):
        return f"{spell(node.target)} {node.op}= {spell(node.value)}"
    return spell(node.value) if isinstance(node, ir.ExprStmt) else ""
