"""Calls of library losses as they stand in the code, whether or not the interpreter ever came to them.

Definitions
    scope   the body of a function, class or module; what is written in an inner scope belongs to the inner one
    holder  a name, or an attribute of a class, that a loss is assigned to somewhere
    mention a call whose callee is a loss: a function of a library, or a holder

Worked example: in ``criterion = nn.MSELoss()``, ``train(net, criterion)`` and ``def train(net, fn): fn(net(x), y)`` the
module's ``criterion`` is a holder, hence the parameter ``fn``, and ``fn(…)`` is a mention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from torchlint.facts.hierarchy import parts, target_names
from torchlint.flow.library import tables
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.machine import Machine
from torchlint.flow.values import Alternatives, Class, Function, Library, Namespace, Object, Partial, Place, Value
from torchlint.syntax import ir

#: Methods that give the module itself.
SAME = frozenset({"to", "cuda", "cpu", "float", "half", "double", "type", "eval", "train"})

FUNCTIONAL, CLASS = "functional", "class"


class Scope(msgspec.Struct, eq=False):
    """What stands in one function, class body or module, inner scopes left out."""

    path: str
    namespace: Namespace
    node: ir.FunctionDef | ir.ClassDef | ir.Module
    outer: Scope | None
    cls: ir.ClassDef | None
    uses: frozenset[str]
    inner: list[Scope] = msgspec.field(default_factory=list)
    bound: dict[str, Value | None] = msgspec.field(default_factory=dict)
    assigned: list[tuple[ir.Expr, ir.Expr]] = msgspec.field(default_factory=list)
    calls: list[ir.Call] = msgspec.field(default_factory=list)
    returned: list[ir.Expr] = msgspec.field(default_factory=list)
    read: bool = False


class Mention(msgspec.Struct, frozen=True):
    """A call of a loss: where it stands, and the scope that holds it."""

    place: Place
    scope: Scope


def mentions(m: Machine) -> list[Mention]:
    """Every call of a library loss in the files that were run."""
    return _Search(m).all()


def callee_kind(contracts: Contracts, name: str) -> str | None:
    """Whether a library's name is a loss function, a class of losses, or neither."""
    row = contracts.lookup(name)
    if not isinstance(row, tables.Loss):
        return None
    return FUNCTIONAL if name == row.function or name.rsplit(".", 1)[-1].islower() else CLASS


class _Search:
    """A search of a project: scopes that can matter are read, until nothing more is found to hold a loss."""

    def __init__(self, m: Machine) -> None:
        self.m = m
        self.words = set(m.contracts.words(tables.Loss))
        self.scopes: list[Scope] = []
        self.by_name: dict[str, list[Scope]] = {}
        self.of_function: dict[int, Scope] = {}
        self.kin = _kin(m)
        self.holders: set[tuple[object, str]] = set()
        self.givers: set[int] = set()
        self.fresh: set[str] = set()
        for path, namespace in m.namespaces.items():
            unit = None if path.endswith("/") else m.project.unit(path)
            if unit is not None and unit.module is not None and path in m.project.units:
                top = Scope(unit.path, namespace, unit.module, None, None, frozenset(unit.module.uses))
                self._definitions(top, unit.module.body)
        self.linted = {m.project.units[path].path for path in m.project.linted}

    def _definitions(self, scope: Scope, body: Iterable[ir.Stmt]) -> None:
        """The scopes in a body, without reading them."""
        self.scopes.append(scope)
        pending = list(body)
        while pending:
            node = pending.pop()
            if isinstance(node, ir.FunctionDef):
                made = Scope(scope.path, scope.namespace, node, scope, scope.node if isinstance(scope.node, ir.ClassDef)
                             else scope.cls, frozenset(node.uses))  # fmt: skip
                self.by_name.setdefault(node.name, []).append(made)
                self.of_function[id(node)] = made
            elif isinstance(node, ir.ClassDef):
                made = Scope(scope.path, scope.namespace, node, scope, node, scope.uses)
            else:
                pending.extend(ir.blocks(node))
                continue
            scope.inner.append(made)
            self._definitions(made, node.body)

    def all(self) -> list[Mention]:
        """Read what can matter, to a fixed point; then every call of a loss."""
        m = self.m
        for namespace in m.namespaces.values():
            self._held(("global", namespace.name), namespace.attrs)
        for cls in m.classes:
            if self._inherits(cls):
                self.words.add(cls.name)
            self._held(("class", id(cls.node)), cls.attrs)
            instance = m.instances.get(id(cls.node))
            if instance is not None:
                self._held(("class", id(cls.node)), instance.attrs)
        known = frozenset(self.words | self.fresh)
        pending = [s for s in self.scopes if not known.isdisjoint(s.uses)]
        for _ in range(4):
            self.fresh = set()
            before = len(self.holders) + len(self.givers)
            for scope in pending:
                self._read(scope)
            for scope in self.scopes:
                if scope.read:
                    self._gather(scope)
            if len(self.holders) + len(self.givers) == before:
                break
            pending = [s for s in self.scopes if not s.read and not self.fresh.isdisjoint(s.uses)]
        found = []
        for scope in self.scopes:
            if scope.read and scope.path in self.linted:
                found += [Mention(Place(scope.path, c.n), scope) for c in scope.calls if self.makes(c.func, scope)]
        return found

    def _held(self, owner: object, attrs: dict[str, Value]) -> None:
        for name, value in attrs.items():
            if isinstance(value, Value) and self._value_makes(value):
                self.hold(owner, name)

    def hold(self, owner: object, name: str) -> None:
        """Note that a name holds a loss."""
        if (owner, name) not in self.holders:
            self.holders.add((owner, name))
            self.fresh.add(name)

    # --- reading a scope -----------------------------------------------------------------------------------------

    def _read(self, scope: Scope) -> None:
        if scope.read:
            return
        scope.read = True
        node = scope.node
        if isinstance(node, ir.FunctionDef):
            for param in node.params:
                scope.bound[param.name] = None
                if param.default is not None:
                    scope.assigned.append((ir.Name(0, param.name), param.default))
        pending: list[object] = list(node.body)
        while pending:
            one = pending.pop()
            if isinstance(one, (ir.FunctionDef, ir.ClassDef)):
                scope.bound[one.name] = None
                continue
            if isinstance(one, ir.Call):
                scope.calls.append(one)
            elif isinstance(one, ir.Assign):
                scope.assigned.extend((target, one.value) for target in one.targets)
            elif isinstance(one, ir.AnnAssign):
                if one.value is not None:
                    scope.assigned.append((one.target, one.value))
            elif isinstance(one, ir.For):
                scope.assigned.append((one.target, one.iter))
            elif isinstance(one, ir.Return):
                if one.value is not None:
                    scope.returned.append(one.value)
            elif isinstance(one, ir.ImportFrom):
                if not one.level and isinstance(scope.node, ir.FunctionDef):
                    scope.bound.update((i.alias or i.name, Library(f"{one.module}.{i.name}")) for i in one.names)
            elif isinstance(one, ir.Import) and isinstance(scope.node, ir.FunctionDef):
                for item in one.names:
                    top = item.name.partition(".")[0]
                    scope.bound[item.alias or top] = Library(item.name if item.alias else top)
            pending.extend(parts(one))
        for target, _ in scope.assigned:
            for name in target_names(target):
                scope.bound.setdefault(name, None)

    def _gather(self, scope: Scope) -> None:
        """Holders that a scope makes: by assignment, by giving a loss to a function, by returning one."""
        for target, value in scope.assigned:
            self._assign(target, value, scope)
        if isinstance(scope.node, ir.FunctionDef) and any(self.makes(v, scope) for v in scope.returned):
            if id(scope.node) not in self.givers:
                self.givers.add(id(scope.node))
                self.fresh.add(scope.node.name)
        for call in scope.calls:
            self._give(call, scope)

    def _assign(self, target: ir.Expr, value: ir.Expr, scope: Scope) -> None:
        if isinstance(target, (ir.TupleExpr, ir.ListExpr)):
            if isinstance(value, (ir.TupleExpr, ir.ListExpr)) and len(value.items) == len(target.items):
                for t, v in zip(target.items, value.items):
                    self._assign(t, v, scope)
            return
        if not self.makes(value, scope):
            return
        if isinstance(target, ir.Subscript):
            target = target.value
        if isinstance(target, ir.Name):
            top = isinstance(scope.node, ir.Module)
            self.hold(("global", scope.namespace.name) if top else ("local", id(scope.node)), target.name)
            if isinstance(scope.node, ir.ClassDef):
                self.hold(("class", id(scope.node)), target.name)
        elif isinstance(target, ir.Attr) and isinstance(target.value, ir.Name) and scope.cls is not None:
            if target.value.name == _receiver(scope):
                self.hold(("class", id(scope.cls)), target.name)

    def _give(self, call: ir.Call, scope: Scope) -> None:
        """A call that is given a loss: the parameter of the function of that name holds it."""
        given = [i for i, a in enumerate(call.args) if self.makes(a, scope)]
        named = [k.name for k in call.keywords if k.name and self.makes(k.value, scope)]
        if not given and not named:
            return
        for function, bound in self._called(call.func, scope):
            assert isinstance(function.node, ir.FunctionDef)
            params = [p for p in function.node.params if p.kind in ("pos", "any")][bound:]
            known = {p.name for p in function.node.params}
            names = [params[i].name for i in given if i < len(params)] + [n for n in named if n in known]
            for name in names:
                self._read(function)
                self.hold(("local", id(function.node)), name)

    def _called(self, func: ir.Expr, scope: Scope) -> Iterator[tuple[Scope, int]]:
        """The functions of the project that a call may mean, and how many first parameters are bound already."""
        value = self.value(func, scope)
        for one in _options(value):
            if isinstance(one, Class):
                init = next((f for b in one.mro if isinstance(b, Class) and (f := b.attrs.get("__init__"))), None)
                if isinstance(init, Function) and id(init.node) in self.of_function:
                    yield self.of_function[id(init.node)], 1
            elif isinstance(one, Function) and id(one.node) in self.of_function:
                yield self.of_function[id(one.node)], 0
        if isinstance(func, ir.Attr):
            found = [s for s in self.by_name.get(func.name, ()) if isinstance(s.outer and s.outer.node, ir.ClassDef)]
            if len(found) == 1:
                yield found[0], 1

    # --- what an expression is -----------------------------------------------------------------------------------

    def value(self, node: ir.Expr, scope: Scope) -> Value | None:
        """What a name or dotted name stands for, as far as the run or an import inside a function tells."""
        if isinstance(node, ir.Name):
            at: Scope | None = scope
            while at is not None and not isinstance(at.node, ir.Module):
                if at is scope or not isinstance(at.node, ir.ClassDef):
                    self._read(at)
                    if node.name in at.bound:
                        return at.bound[node.name]
                at = at.outer
            return scope.namespace.attrs.get(node.name)
        if isinstance(node, ir.Attr):
            owner = self.value(node.value, scope)
            if isinstance(owner, Library):
                return Library(f"{owner.name}.{node.name}")
            return owner.attrs.get(node.name) if isinstance(owner, (Namespace, Class)) else None
        return None

    def makes(self, node: ir.Expr, scope: Scope) -> bool:
        """Whether an expression is a loss that can be called, or a list or dict of such."""
        if isinstance(node, ir.Call):
            func = node.func
            if isinstance(func, ir.Attr) and func.name in SAME and self.makes(func.value, scope):
                return True
            value = self.value(func, scope)
            for one in _options(value):
                if isinstance(one, Library):
                    if callee_kind(self.m.contracts, one.name) == CLASS:
                        return True
                    if one.name == "functools.partial" and node.args and self.makes(node.args[0], scope):
                        return True
                if isinstance(one, Class) and self._inherits(one):
                    return True
            return any(id(s.node) in self.givers for s, _ in self._called(func, scope))
        if isinstance(node, (ir.Name, ir.Attr)):
            return self._holder(node, scope) or any(self._value_makes(v) for v in _options(self.value(node, scope)))
        if isinstance(node, ir.Subscript):
            return self.makes(node.value, scope)
        if isinstance(node, ir.IfExp):
            return self.makes(node.body, scope) or self.makes(node.orelse, scope)
        if isinstance(node, ir.BoolOp):
            return any(self.makes(v, scope) for v in node.values)
        if isinstance(node, ir.DictExpr):
            return any(self.makes(v, scope) for v in node.values)
        return isinstance(node, (ir.ListExpr, ir.TupleExpr)) and any(self.makes(v, scope) for v in node.items)

    def _holder(self, node: ir.Name | ir.Attr, scope: Scope) -> bool:
        if isinstance(node, ir.Attr):
            if not isinstance(node.value, ir.Name) or scope.cls is None or node.value.name != _receiver(scope):
                return False
            return any((("class", kin), node.name) in self.holders for kin in self.kin.get(id(scope.cls), ()))
        at: Scope | None = scope
        while at is not None and not isinstance(at.node, ir.Module):
            if (("local", id(at.node)), node.name) in self.holders:
                return True
            if node.name in at.bound:
                return False
            at = at.outer
        return (("global", scope.namespace.name), node.name) in self.holders

    def _value_makes(self, value: Value) -> bool:
        if isinstance(value, Object):
            return value.kind == "loss"
        if isinstance(value, Library):
            return callee_kind(self.m.contracts, value.name) == FUNCTIONAL
        if isinstance(value, Partial):
            return self._value_makes(value.function)
        return isinstance(value, Alternatives) and any(self._value_makes(v) for _, v in value.options)

    def _inherits(self, cls: Class) -> bool:
        """Whether a class is a library's loss, called as the library has it."""
        for base in cls.mro:
            if isinstance(base, Class) and ("forward" in base.attrs or "__call__" in base.attrs):
                return False
            if isinstance(base, Library):
                return callee_kind(self.m.contracts, base.name) == CLASS
        return False


def _kin(m: Machine) -> dict[int, set[int]]:
    """The classes of the project that share instances with a class: itself, its bases, and what derives from it."""
    kin: dict[int, set[int]] = {}
    for cls in m.classes:
        for base in cls.mro:
            if isinstance(base, Class):
                kin.setdefault(id(cls.node), set()).add(id(base.node))
                kin.setdefault(id(base.node), set()).add(id(cls.node))
    return kin


def _receiver(scope: Scope) -> str:
    """What a method calls the object it is a method of."""
    at: Scope | None = scope
    while at is not None and at.outer is not None and not isinstance(at.outer.node, ir.ClassDef):
        at = at.outer
    node = at.node if at is not None else None
    return node.params[0].name if isinstance(node, ir.FunctionDef) and node.params else ""


def _options(value: Value | None) -> list[Value]:
    if value is None:
        return []
    return [v for _, v in value.options] if isinstance(value, Alternatives) else [value]
