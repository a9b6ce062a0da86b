"""Classes of models as they are written: what their methods say, whatever the interpreter came to.

Definitions
    model class  a class of the project that is an ``nn.Module``, through any base
    receiver     what a method calls the object it is a method of: ``self``
    kind         what a call makes: the kind of a layer's contract (``affine``, ``norm``, ``dropout``, …), ``loss``,
                 ``model``, ``module`` for any other module, ``parameter`` for an ``nn.Parameter``

Names are resolved as the run has left them in their file; a name that a function binds itself is not known here, except
by an import.

Worked example: of ``self.head = make_head(64)`` with ``def make_head(width): return nn.Linear(width, 2)`` the value is
of the kind ``affine``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple, TypeGuard

from torchlint.flow import objects
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine
from torchlint.flow.values import Alternatives, Class, Function, Instance, Library, Namespace, Object, Tuple, Value
from torchlint.syntax import ir

#: Kinds that hold parameters for certain.
LEARNING = frozenset({"affine", "recurrent", "embedding", "attention"})

#: Kinds that hold nothing that is trained or counted.
STATELESS = frozenset({"activation", "pool", "reshape", "dropout"})

#: Bases that change nothing of how objects are made.
PLAIN_BASES = frozenset(
    {"builtins.object", "object", "abc.ABC", "typing.Generic", "typing.Protocol", "ABC", "Generic", "Protocol"}
)

#: How deep functions are followed that return what another function makes.
MOST_CALLS = 3

_SUITES = frozenset({"body", "orelse", "final", "handlers", "cases"})


# --- walking -----------------------------------------------------------------------------------------------------


#: The fields of each kind of node that hold nodes.
_FIELDS: dict[type, tuple[str, ...]] = {}


def parts(node: object) -> Iterator[ir.Node]:
    """The nodes directly inside a node, in the order of their fields."""
    fields = _FIELDS.get(type(node))
    if fields is None:
        names = getattr(node, "__struct_fields__", ())
        plain = ("n", "name", "op", "ops", "kind", "names", "uses", "level", "module", "is_async", "is_generator")
        fields = _FIELDS[type(node)] = tuple(name for name in names if name not in plain)
    for name in fields:
        value = getattr(node, name)
        if isinstance(value, list):
            yield from (one for one in value if isinstance(one, ir.Node))
        elif isinstance(value, ir.Node):
            yield value


def walk(node: ir.Node, *, into: bool = True) -> Iterator[ir.Node]:
    """A node and everything in it, from above; `into` nested functions and classes, or not."""
    stack: list[ir.Node] = [node]
    while stack:
        one = stack.pop()
        yield one
        if into or one is node or not isinstance(one, (ir.FunctionDef, ir.ClassDef, ir.Lambda)):
            stack.extend(reversed(list(parts(one))))


def ordered(body: Iterable[ir.Stmt], *, under: bool = False) -> Iterator[tuple[ir.Stmt, bool]]:
    """The statements of a body and of the blocks in it, in the order in which they stand, and whether each stands in
    a block that may be left out or done again."""
    for one in body:
        yield one, under
        if isinstance(one, (ir.FunctionDef, ir.ClassDef)):
            continue
        yield from ordered(ir.blocks(one), under=under or not isinstance(one, ir.With))


def own_expressions(node: ir.Stmt) -> Iterator[ir.Node]:
    """Everything in a statement, but for the statements in it and what functions and lambdas hold for later."""
    if isinstance(node, (ir.FunctionDef, ir.ClassDef)):
        return
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if name in _SUITES:
            continue
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, ir.Node):
                yield from (part for part in walk(one, into=False))


def is_attribute(node: object, receiver: str) -> TypeGuard[ir.Attr]:
    """Whether an expression is an attribute of the object itself: ``self.x``."""
    return isinstance(node, ir.Attr) and isinstance(node.value, ir.Name) and node.value.name == receiver


def receiver_of(node: ir.FunctionDef) -> str:
    """What a method calls its object; empty if it takes none by a plain name."""
    first = node.params[0] if node.params else None
    return first.name if first is not None and first.kind in ("any", "pos") else ""


class Assigned(NamedTuple):
    """``self.name = value`` in a method; `under` says whether it stands in a block that may be left out."""

    name: str
    target: ir.Attr
    value: ir.Expr
    statement: ir.Stmt
    under: bool


def assignments(node: ir.FunctionDef) -> Iterator[Assigned]:
    """What a method assigns to attributes of its object, in order; of several values for as many targets, each."""
    receiver = receiver_of(node)
    for statement, under in ordered(node.body):
        if isinstance(statement, ir.Assign):
            pairs = [(target, statement.value) for target in statement.targets]
        elif isinstance(statement, ir.AnnAssign) and statement.value is not None:
            pairs = [(statement.target, statement.value)]
        else:
            continue
        for target, value in pairs:
            several = isinstance(target, (ir.TupleExpr, ir.ListExpr)) and isinstance(value, (ir.TupleExpr, ir.ListExpr))
            inner = [(target, value)]
            if several and len(target.items) == len(value.items):  # type: ignore[union-attr]
                inner = list(zip(target.items, value.items))  # type: ignore[union-attr]
            for one, given in inner:
                if isinstance(one, ir.Attr) and is_attribute(one, receiver):
                    yield Assigned(one.name, one, given, statement, under)


def bound_names(node: ir.FunctionDef | ir.Lambda) -> set[str]:
    """The names that a function binds: parameters, targets, imports, nested definitions."""
    names = {param.name for param in node.params}
    for one in walk(node):
        if isinstance(one, ir.Assign):
            names.update(name for target in one.targets for name in target_names(target))
        elif isinstance(one, (ir.AnnAssign, ir.AugAssign, ir.For, ir.Walrus)):
            names.update(target_names(one.target))
        elif isinstance(one, ir.Generator):
            names.update(target_names(one.target))
        elif isinstance(one, ir.WithItem) and one.target is not None:
            names.update(target_names(one.target))
        elif isinstance(one, ir.Handler) and one.name:
            names.add(one.name)
        elif isinstance(one, (ir.FunctionDef, ir.ClassDef)) and one is not node:
            names.add(one.name)
        elif isinstance(one, (ir.Import, ir.ImportFrom)):
            names.update(item.alias or item.name.partition(".")[0] for item in one.names)
        if isinstance(one, (ir.FunctionDef, ir.Lambda)) and one is not node:
            names.update(param.name for param in one.params)
    return names


def target_names(target: ir.Expr) -> Iterator[str]:
    """The names that an assignment to `target` binds."""
    if isinstance(target, ir.Name):
        yield target.name
    elif isinstance(target, (ir.TupleExpr, ir.ListExpr)):
        for item in target.items:
            yield from target_names(item)
    elif isinstance(target, ir.Starred):
        yield from target_names(target.value)


# --- names and classes -------------------------------------------------------------------------------------------


class Scope:
    """A function or method of a file: what its names stand for."""

    def __init__(self, m: Machine, module: Namespace, node: ir.FunctionDef | None, cls: Class | None = None) -> None:
        self.m = m
        self.module = module
        self.node = node
        self.cls = cls

    @cached_property
    def bound(self) -> set[str]:
        """The names that the function binds."""
        return set() if self.node is None else bound_names(self.node)

    @cached_property
    def imported(self) -> dict[str, Value]:
        """The libraries' names that the function imports."""
        found: dict[str, Value] = {}
        for one in walk(self.node) if self.node is not None else ():
            if isinstance(one, ir.ImportFrom) and not one.level:
                found.update((item.alias or item.name, Library(f"{one.module}.{item.name}")) for item in one.names)
            elif isinstance(one, ir.Import):
                for item in one.names:
                    found[item.alias or item.name.partition(".")[0]] = Library(
                        item.name if item.alias else item.name.partition(".")[0]
                    )
        return found

    def value(self, node: ir.Node | None) -> Value | None:
        """What a name or a dotted name stands for; None if that is not known here."""
        if isinstance(node, ir.Name):
            if node.name in self.bound:
                return self.imported.get(node.name)
            found = self.module.attrs.get(node.name)
            return self._starred(node.name) if found is None else found
        if isinstance(node, ir.Attr):
            owner = self.value(node.value)
            if isinstance(owner, Library):
                return Library(f"{owner.name}.{node.name}")
            return owner.attrs.get(node.name) if isinstance(owner, (Namespace, Class)) else None
        return None

    def _starred(self, name: str) -> Value | None:
        stars = self.module.attrs.get("*")
        for library in stars.items if isinstance(stars, Tuple) else ():
            if isinstance(library, Library) and self.m.contracts.lookup(f"{library.name}.{name}") is not None:
                return Library(f"{library.name}.{name}")
        return None

    def library(self, node: ir.Node | None) -> str:
        """The full name of what a library has under an expression; empty for anything else."""
        value = self.value(node)
        return value.name if isinstance(value, Library) else ""

    # --- what calls make -----------------------------------------------------------------------------------------

    def kind(self, node: ir.Node | None, depth: int = 0) -> str | None:
        """The kind of module, or ``parameter``, that an expression makes for certain; None for anything else."""
        if isinstance(node, ir.IfExp):
            kinds = {self.kind(node.body, depth), self.kind(node.orelse, depth)}
            return _common(kinds)
        if not isinstance(node, ir.Call):
            return None
        func = node.func
        if isinstance(func, ir.Attr) and func.name in MODULE_KEEPS and isinstance(func.value, ir.Call):
            inner = self.kind(func.value, depth)
            return None if inner == "parameter" else inner
        return kind_made(self.m, self.value(func), depth)


#: Methods of a module that give the module.
MODULE_KEEPS = frozenset({"to", "cuda", "cpu", "float", "half", "double", "eval", "train", "requires_grad_", "apply"})


def _common(kinds: set[str | None]) -> str | None:
    if None in kinds or (len(kinds) > 1 and "parameter" in kinds):
        return None
    return next(iter(kinds)) if len(kinds) == 1 else "module"


def kind_made(m: Machine, value: Value | None, depth: int = 0) -> str | None:
    """The kind of what calling a value makes, if that is a module or a parameter for certain."""
    if isinstance(value, Library):
        return _library_kind(m, value.name)
    if isinstance(value, Class):
        return "module" if objects.is_module_class(m, value) else None
    if isinstance(value, Alternatives):
        return _common({kind_made(m, one, depth) for _, one in value.options})
    if isinstance(value, Function) and isinstance(value.node, ir.FunctionDef) and depth < MOST_CALLS:
        if value.node.is_generator or value.node.is_async or value.decorations:
            return None
        scope = Scope(m, value.module, value.node)
        returned = [one.value for one in walk(value.node, into=False) if isinstance(one, ir.Return)]
        kinds = {scope.kind(one, depth + 1) for one in returned}
        return _common(kinds) if kinds else None
    return None


def _library_kind(m: Machine, name: str) -> str | None:
    last = name.rpartition(".")[2]
    if name.startswith("torch.") and last in ("Parameter", "UninitializedParameter"):
        return "parameter"
    row = m.contracts.lookup(name)
    if isinstance(row, tables.Module):
        return row.kind
    if isinstance(row, tables.Loss):
        return None if name == row.function or last.islower() else "loss"
    if isinstance(row, tables.Model):
        return "model"
    if name.startswith("torch.nn.") and "functional" not in name and ".init." not in name and ".utils." not in name:
        return "module" if last.lstrip("_")[:1].isupper() and last not in ("Buffer",) else None
    return None


def holds_module(m: Machine, value: Value | None) -> bool:
    """Whether a value is a module for certain."""
    if isinstance(value, Object):
        return value.kind in ("module", "container", "model", "loss")
    if isinstance(value, Alternatives):
        return all(holds_module(m, one) for _, one in value.options)
    return isinstance(value, Instance) and objects.is_module(m, value)


class Hierarchy:
    """The model classes of a run, and what derives from what."""

    def __init__(self, m: Machine) -> None:
        self.m = m
        seen: dict[int, Class] = {}
        for cls in m.classes:
            seen.setdefault(id(cls.node), cls)
        self.classes = list(seen.values())
        self.models = [cls for cls in self.classes if objects.is_module_class(m, cls)]
        self._scopes: dict[tuple[int, int], Scope] = {}
        self.derived: dict[int, list[Class]] = {}
        for cls in self.classes:
            for base in cls.mro[1:]:
                if isinstance(base, Class):
                    self.derived.setdefault(id(base.node), []).append(cls)

    def methods(self, cls: Class) -> dict[str, ir.FunctionDef]:
        """The methods that a class defines itself."""
        return {
            one.node.name: one.node
            for value in cls.attrs.values()
            for one in _options(value)
            if isinstance(one, Function) and isinstance(one.node, ir.FunctionDef) and one.path == cls.path
        }

    def method(self, cls: Class, name: str) -> tuple[Class, ir.FunctionDef] | None:
        """The method that a call on an object of the class reaches, with the class that has it; None if a library or
        nobody has it."""
        for base in cls.mro:
            value = base.attrs.get(name) if isinstance(base, Class) else None
            if isinstance(base, Class) and isinstance(value, Function) and isinstance(value.node, ir.FunctionDef):
                return base, value.node
            if value is not None or not isinstance(base, Class):
                return None
        return None

    def scope(self, cls: Class, node: ir.FunctionDef) -> Scope:
        """What names stand for in a method."""
        return self._scope(cls.module, node, cls)

    def function_scope(self, function: Function, node: ir.FunctionDef) -> Scope:
        """What names stand for in a function, whose node that is."""
        return self._scope(function.module, node, None)

    def _scope(self, module: Namespace, node: ir.FunctionDef, cls: Class | None) -> Scope:
        key = id(node), id(cls)
        known = self._scopes.get(key)
        if known is None:
            known = self._scopes[key] = Scope(self.m, module, node, cls)
        return known

    def is_closed(self, cls: Class) -> bool:
        """Whether every base is known."""
        return all(isinstance(base, (Class, Library)) for base in cls.mro)


def _options(value: object) -> list[object]:
    return [one for _, one in value.options] if isinstance(value, Alternatives) else [value]
