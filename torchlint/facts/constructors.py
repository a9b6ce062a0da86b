"""Constructors of models: whether they run that of ``nn.Module``, and what they do before.

Definitions
    base call   ``super().__init__(…)``, or ``Base.__init__(self, …)``
    chain       the constructors that a base call runs one after the other, along the linearised bases

Worked example: with ``class Shifted(Scaled)`` whose ``__init__`` ends in ``super().__init__()``, and
``class Scaled(nn.Module)`` whose own sets ``self.fc = nn.Linear(2, 2)`` and calls nothing, the chain of `Shifted` ends
in `Scaled`: that one is spoken of, since it is the one that does not go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.hierarchy import (
    PLAIN_BASES,
    Assigned,
    Hierarchy,
    Scope,
    assignments,
    holds_module,
    is_attribute,
    kind_made,
    ordered,
    own_expressions,
    receiver_of,
    walk,
)
from torchlint.flow import calls, objects
from torchlint.flow.machine import Machine
from torchlint.flow.spell import spell
from torchlint.flow.values import Class, Function, Library, Place
from torchlint.syntax import ir

How = Literal["absent", "late", "uncalled", "misspelled", "unnamed", "foreign", "stopped"]

#: Methods that write down parts of a module, and need the constructor of ``nn.Module`` to have run.
REGISTERING = {
    "register_buffer": "a buffer", "register_parameter": "a parameter", "register_module": "a layer",
    "add_module": "a layer",
}  # fmt: skip

#: Functions that may be given the object and call no constructor of it.
HARMLESS = frozenset(
    {"super", "isinstance", "hasattr", "getattr", "setattr", "type", "id", "print", "repr", "str", "vars", "len"}
)

#: Decorators that write a constructor.
WRITING = frozenset({"@dataclass", "@s", "@attrs", "@define", "@frozen", "@mutable"})

#: How ``__init__`` is misspelled, underscores aside.
_MISSPELLED = re.compile(r"_*(?:init|int|ini|inti|intit|iniit|inint|inits|initi|innit|__init)_*")


class ConstructorRun(Fact, frozen=True):
    """A class of models whose constructor does not run that of ``nn.Module``, or not before it is needed.

    cls: its name; base: what it is derived from. how: ``absent``, no base call; ``late``, one that stands behind the
    first part that is assigned; ``uncalled``, ``super().__init__`` without brackets; ``misspelled``, another name is
    called (`written`); ``unnamed``, the constructor itself has another name (`written`); ``foreign``, ``super`` of a
    class that it is not derived from; ``stopped``, the chain ends in the constructor of `stops`.
    assigned, holds: the first part of the model that is set without it, as the program spells it (``self.fc``), and
    what that is (``a layer``); empty if none is. first: the statement that sets it. call: the base call that there is;
    named: what it is called by. body: the first statement of the constructor that does something. free: whether a base
    call without arguments would do, at the beginning. registers: whether `assigned` is a method that writes down a part
    (``self.register_buffer``), and no attribute.
    """

    cls: str
    base: str
    how: How
    assigned: str = ""
    holds: str = ""
    written: str = ""
    stops: str = ""
    first: Place | None = None
    call: Place | None = None
    named: Place | None = None
    body: Place | None = None
    free: bool = False
    registers: bool = False


class _Init(msgspec.Struct):
    """What a constructor says: its base calls with where each stands in the order of statements, misspelled ones, and
    whether something else may be one."""

    cls: Class
    node: ir.FunctionDef
    calls: list[tuple[int, ir.Call, int | None]] = msgspec.field(default_factory=list)  # order, call, place in the mro
    uncalled: list[ir.Attr] = msgspec.field(default_factory=list)
    misspelled: list[ir.Call] = msgspec.field(default_factory=list)
    foreign: list[ir.Call] = msgspec.field(default_factory=list)
    unsure: bool = False


def constructors(hierarchy: Hierarchy) -> Iterable[Occurrence]:
    """The constructors of models that do not run that of ``nn.Module`` in time."""
    found = _Constructors(hierarchy)
    for cls in hierarchy.models:
        fact = found.fact(cls)
        if fact is not None:
            yield Occurrence(((fact,),))


class _Constructors:
    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.m: Machine = hierarchy.m
        self._read: dict[int, _Init] = {}

    # --- one constructor ---------------------------------------------------------------------------------------------

    def init(self, cls: Class) -> _Init | None:
        """What the class's own constructor says; None if it has none that can be read."""
        value = cls.attrs.get("__init__")
        if not isinstance(value, Function) or not isinstance(value.node, ir.FunctionDef):
            return None
        known = self._read.get(id(value.node))
        if known is None:
            known = self._read[id(value.node)] = self._reading(cls, value.node)
        return known

    def _reading(self, cls: Class, node: ir.FunctionDef) -> _Init:
        found = _Init(cls, node, unsure=bool(node.decorators) or not receiver_of(node))
        receiver, scope = receiver_of(node), self.hierarchy.scope(cls, node)
        for order, (statement, _) in enumerate(ordered(node.body)):
            for one in own_expressions(statement):
                if isinstance(one, ir.Call):
                    self._call(found, one, order, receiver, scope)
                elif isinstance(one, ir.Lambda):
                    found.unsure = found.unsure or _mentions_constructor(one)
            if isinstance(statement, ir.ExprStmt) and _is_super(statement.value, "__init__"):
                assert isinstance(statement.value, ir.Attr)
                found.uncalled.append(statement.value)
            if isinstance(statement, (ir.FunctionDef, ir.ClassDef)):
                found.unsure = found.unsure or _mentions_constructor(statement)
        return found

    def _call(self, found: _Init, call: ir.Call, order: int, receiver: str, scope: Scope) -> None:
        func, cls = call.func, found.cls
        if isinstance(func, ir.Attr) and func.name == "__init__":
            if isinstance(func.value, ir.Name) and func.value.name == "super":
                found.misspelled.append(call)
            elif isinstance(func.value, ir.Call) and _is_super_call(func.value):
                self._super(found, call, func.value, order, receiver, scope)
            else:
                base = scope.value(func.value)
                at = cls.mro.index(base) if base in cls.mro else None
                found.calls.append((order, call, at))
                found.unsure = found.unsure or (at is None and not isinstance(base, Library))
            return
        if isinstance(func, ir.Attr) and _is_super_call(func.value) and _MISSPELLED.fullmatch(func.name):
            known = any(isinstance(base, Class) and func.name in base.attrs for base in cls.mro)
            if not known:
                found.misspelled.append(call)
            return
        if isinstance(func, ir.Attr) and isinstance(func.value, ir.Name) and func.value.name == receiver:
            method = self.hierarchy.method(cls, func.name)
            if method is not None and _mentions_constructor(method[1]):
                found.unsure = True
            return
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if any(isinstance(one, ir.Name) and one.name == receiver for one in given):
            if isinstance(func, ir.Name) and func.name in HARMLESS:
                return
            value = scope.value(func)
            harmless = isinstance(value, Function) and not _mentions_constructor(value.node)
            found.unsure = found.unsure or not harmless
        if isinstance(func, ir.Name) and func.name in ("exec", "eval"):
            found.unsure = True

    def _super(self, found: _Init, call: ir.Call, of: ir.Call, order: int, receiver: str, scope: Scope) -> None:
        """``super().__init__(…)`` and ``super(Net, self).__init__(…)``."""
        cls = found.cls
        if not of.args:
            found.calls.append((order, call, cls.mro.index(cls) + 1))
            return
        named = scope.value(of.args[0])
        own = isinstance(of.args[0], ir.Attr) and of.args[0].name == "__class__"
        if named is cls or own or (isinstance(of.args[0], ir.Name) and of.args[0].name in (cls.name, "__class__")):
            found.calls.append((order, call, cls.mro.index(cls) + 1))
        elif isinstance(named, Class) and named in cls.mro:
            found.calls.append((order, call, cls.mro.index(named) + 1))
        elif isinstance(named, Class) and all(isinstance(base, (Class, Library)) for base in cls.mro):
            same = any(isinstance(base, Class) and base.name == named.name for base in cls.mro)
            if same:
                found.unsure = True
            else:
                found.foreign.append(call)
        else:
            found.unsure = True

    # --- the chain -----------------------------------------------------------------------------------------------

    def runs(self, mro: tuple[object, ...], at: int) -> bool | Class | None:
        """Whether the constructor that a base call reaches runs that of ``nn.Module`` in the end: True, the class
        whose own does not go on, or None if that is not known."""
        for number in range(at, len(mro)):
            base = mro[number]
            if isinstance(base, Library):
                if base.name in PLAIN_BASES:
                    continue
                return True if _is_module_base(self.m, base) else None
            if not isinstance(base, Class) or base.contract or not WRITING.isdisjoint(base.attrs):
                return None
            if "__init__" not in base.attrs:
                continue
            init = self.init(base)
            if init is None or init.unsure or init.uncalled or init.foreign:
                return None
            if not init.calls:
                return base
            ways = [self._onward(init, mro, call, position) for _, call, position in init.calls]
            return next((way for way in ways if way is True), ways[0])
        return None

    def _onward(self, init: _Init, mro: tuple[object, ...], call: ir.Call, position: int | None) -> bool | Class | None:
        func = call.func
        if position is None:
            base = self.hierarchy.scope(init.cls, init.node).value(func.value) if isinstance(func, ir.Attr) else None
            return True if isinstance(base, Library) and _is_module_base(self.m, base) else None
        if isinstance(func, ir.Attr) and _is_super_call(func.value):
            after = init.cls.mro[position - 1]
            return self.runs(mro, mro.index(after) + 1) if after in mro else None
        return self.runs(init.cls.mro, position)

    # --- facts ---------------------------------------------------------------------------------------------------

    def fact(self, cls: Class) -> ConstructorRun | None:
        """What there is to say of a class's constructor."""
        if not WRITING.isdisjoint(cls.attrs) or not self.hierarchy.is_closed(cls) or _is_made_otherwise(cls):
            return None
        init = self.init(cls)
        if init is None:
            return self._unnamed(cls) if "__init__" not in cls.attrs else None
        if init.unsure or self._started_elsewhere(cls):
            return None
        first = self._first(init)
        if init.calls:
            return self._with_calls(init, first)
        how: How = "absent"
        call: ir.Call | None = None
        written, named = "", None
        if init.foreign:
            how, call = "foreign", init.foreign[0]
        elif init.misspelled:
            how, call = "misspelled", init.misspelled[0]
        elif init.uncalled:
            how, written, named = "uncalled", spell(init.uncalled[0]), Place(cls.path, init.uncalled[0].n)
        if call is not None:
            written, named = spell(call), Place(cls.path, call.func.n)
        if how == "absent" and first is None and not self._used(cls):
            return None
        position = Place(cls.path, call.n) if call is not None else None
        place = position or named or Place(cls.path, init.node.n)
        return self._made(init, how, place, first, written=written, call=position, named=named)

    def _with_calls(self, init: _Init, first: tuple[int, ir.Expr, str, str, ir.Expr] | None) -> ConstructorRun | None:
        cls = init.cls
        order, call, _ = min(init.calls, key=lambda one: one[0])
        ways = [self._onward(init, cls.mro, one, at) for _, one, at in init.calls]
        if first is not None and first[0] < order and True in ways:
            place = Place(cls.path, first[1].n)
            return self._made(init, "late", place, first, written=spell(call), call=Place(cls.path, call.n))
        stops = ways[0]
        if isinstance(stops, Class) and True not in ways and None not in ways and first is not None:
            if stops not in self.hierarchy.models:
                place = Place(cls.path, call.n)
                return self._made(init, "stopped", place, first, written=spell(call), call=place, stops=stops.name)
        return None

    def _made(
        self,
        init: _Init,
        how: How,
        place: Place,
        first: tuple[int, ir.Expr, str, str, ir.Expr] | None,
        *,
        written: str = "",
        call: Place | None = None,
        named: Place | None = None,
        stops: str = "",
    ) -> ConstructorRun:
        cls = init.cls
        base = next((spell(one) for one in cls.node.bases), "")
        body = next((one for one in init.node.body if not _is_docstring(one)), None)
        value = body.value if isinstance(body, (ir.Assign, ir.ExprStmt)) else None
        moved = init.calls[0][1] if how == "late" else None
        free = self._takes_nothing(cls) if moved is None else _given_by_parameters(init.node, moved)
        assigned, holds, set_at = "", "", None
        if first is not None:
            _, _, assigned, holds, statement = first
            set_at = Place(cls.path, statement.n)
        return ConstructorRun(
            place, "", cls.name, base, how, assigned, holds, written, stops, set_at, call, named,
            None if value is None else Place(cls.path, value.n), free,
            first is not None and assigned.rpartition(".")[2] in REGISTERING,
        )  # fmt: skip

    def _takes_nothing(self, cls: Class) -> bool:
        """Whether ``super().__init__()`` needs no arguments, and runs the constructor of ``nn.Module``."""
        for base in cls.mro[1:]:
            if isinstance(base, Class):
                if "__init__" in base.attrs:
                    return False
            elif isinstance(base, Library) and base.name not in PLAIN_BASES:
                return base.name.endswith(objects.MODULE_BASES[:1])
        return False

    def _first(self, init: _Init) -> tuple[int, ir.Expr, str, str, ir.Expr] | None:
        """The first part of the model that a constructor sets: its place in the order, the node that says so, how it is
        spelled, what it is, and the expression of its statement."""
        receiver, scope = receiver_of(init.node), self.hierarchy.scope(init.cls, init.node)
        assigned: dict[int, list[Assigned]] = {}
        for one in assignments(init.node):
            assigned.setdefault(id(one.statement), []).append(one)
        for order, (statement, _) in enumerate(ordered(init.node.body)):
            for one in assigned.get(id(statement), ()):
                holds = self._holds(init, one.value, scope)
                if holds:
                    return order, one.target, spell(one.target), holds, one.value
            for part in own_expressions(statement):
                if not isinstance(part, ir.Call) or not is_attribute(part.func, receiver):
                    continue
                assert isinstance(part.func, ir.Attr)
                method = self.hierarchy.method(init.cls, part.func.name)
                if method is None and part.func.name in REGISTERING:
                    return order, part, spell(part.func), REGISTERING[part.func.name], part
                if method is not None and not method[1].decorators:
                    inner = self.hierarchy.scope(method[0], method[1])
                    for one in assignments(method[1]):
                        if (holds := self._holds(None, one.value, inner)) and not one.under:
                            return order, part, f"{receiver}.{one.name}", holds, part
        return None

    def _holds(self, init: _Init | None, value: ir.Expr, scope: Scope) -> str:
        """What an attribute holds, if that is a part of a model for certain."""
        kind = scope.kind(value)
        if kind is not None:
            return "a parameter" if kind == "parameter" else "a layer" if kind != "model" else "a model"
        if init is None or not isinstance(value, ir.Name):
            return ""
        given = self._given(init, value.name)
        return "a module" if given else ""

    def _given(self, init: _Init, name: str) -> bool:
        """Whether a parameter of a constructor is a module where the program first makes such an object, or says so."""
        param = next((one for one in init.node.params if one.name == name), None)
        if param is None or any(one.name == name for one in _rebound(init.node)):
            return False
        scope = Scope(self.m, init.cls.module, None)
        annotated = scope.value(param.annotation)
        if isinstance(annotated, (Library, Class)) and _is_module_annotation(self.m, annotated):
            return True
        instance = self.m.instances.get(id(init.cls.node))
        function = init.cls.attrs.get("__init__")
        if instance is None or not isinstance(function, Function) or "given" not in instance.meta:
            return False
        args, keywords = instance.meta["given"]
        return holds_module(self.m, calls.bind(self.m, function, [instance, *args], keywords).get(name))

    def _used(self, cls: Class) -> bool:
        """Whether the program makes an object of the class and calls it."""
        forward = self.hierarchy.method(cls, "forward")
        return id(cls.node) in self.m.constructed and forward is not None and id(forward[1]) in self.m.entered

    def _started_elsewhere(self, cls: Class) -> bool:
        """Whether a class that is derived from this one runs the constructors of its bases by their names, and perhaps
        one that runs before this one."""
        for derived in self.hierarchy.derived.get(id(cls.node), ()):
            init = self.init(derived)
            if init is not None and (init.unsure or len(init.calls) > 1):
                return True
            if init is not None and any(not _is_super_call(getattr(call.func, "value", None)) and at is None
                                        for _, call, at in init.calls):  # fmt: skip
                return True
        return False

    def _unnamed(self, cls: Class) -> ConstructorRun | None:
        """A method that is a constructor but for its name."""
        for name, node in self.hierarchy.methods(cls).items():
            if name == "__init__" or not name.startswith("_") or not _MISSPELLED.fullmatch(name):
                continue
            everywhere = (method for one in self.hierarchy.classes for method in self.hierarchy.methods(one).values())
            if any(name in method.uses for method in everywhere):
                continue
            init = self._reading(cls, node)
            if init.calls and not init.unsure and (first := self._first(init)) is not None:
                return self._made(init, "unnamed", Place(cls.path, node.n), first, written=name)
        return None


def _rebound(node: ir.FunctionDef) -> Iterator[ir.Name]:
    """The names that a function assigns."""
    for statement, _ in ordered(node.body):
        if isinstance(statement, ir.Assign):
            yield from (one for target in statement.targets for one in walk(target) if isinstance(one, ir.Name)
                        and target is one)  # fmt: skip
        elif isinstance(statement, (ir.AnnAssign, ir.AugAssign, ir.For)) and isinstance(statement.target, ir.Name):
            yield statement.target


def _given_by_parameters(node: ir.FunctionDef, call: ir.Call) -> bool:
    """Whether what a call is given could be given at the beginning of the function: nothing in it is worked out
    before, and it stands in a statement of its own."""
    changed = {name.name for name in _rebound(node)} | {receiver_of(node)}
    own = any(isinstance(one, ir.ExprStmt) and one.value is call for one in node.body)
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return own and not any(isinstance(one, ir.Name) and one.name in changed for arg in given for one in walk(arg))


def _is_module_base(m: Machine, base: Library) -> bool:
    """Whether a library's class runs the constructor of ``nn.Module`` in its own."""
    return base.name.endswith(objects.MODULE_BASES) or kind_made(m, base) not in (None, "parameter")


def _is_module_annotation(m: Machine, value: Library | Class) -> bool:
    if isinstance(value, Library) and value.name.endswith(".nn.Module"):
        return True
    return kind_made(m, value) not in (None, "parameter")


def _is_made_otherwise(cls: Class) -> bool:
    """Whether something else than a constructor may set objects up: a metaclass, ``__new__``, or a contract."""
    bases = [base for base in cls.mro if isinstance(base, Class)]
    metaclasses = [keyword.value for base in bases for keyword in base.node.keywords if keyword.name == "metaclass"]
    own = [one for one in metaclasses if not spell(one).endswith("ABCMeta")]
    return bool(own) or any("__new__" in base.attrs or base.contract for base in bases)


def _is_super_call(node: object) -> bool:
    return isinstance(node, ir.Call) and isinstance(node.func, ir.Name) and node.func.name == "super"


def _is_super(node: ir.Expr, name: str) -> bool:
    return isinstance(node, ir.Attr) and node.name == name and _is_super_call(node.value)


def _is_docstring(node: ir.Stmt) -> bool:
    return isinstance(node, ir.ExprStmt) and isinstance(node.value, ir.Const) and isinstance(node.value.value, str)


def _mentions_constructor(node: ir.Node) -> bool:
    """Whether something calls a constructor by its name."""
    return any(isinstance(one, ir.Attr) and one.name == "__init__" for one in walk(node))
