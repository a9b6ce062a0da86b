"""What models hold: layers that nothing reaches, layers and parameters that a model does not know of, shared state.

Definitions
    mention   where a name stands as an attribute or in a text: ``self.conv``, ``model.conv``, ``"conv"``
    kin       classes that share objects: a class, its bases, and what derives from it

Worked example: with ``self.blocks = [Block() for _ in range(4)]`` the blocks lie in a list, of which ``nn.Module``
takes no notice: `Unregistered`. With ``nn.ModuleList([nn.Linear(8, 8)] * 4)`` four entries are one layer:
`StateShared`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torchlint.facts.base import Fact, Occurrence, TrailStep
from torchlint.facts.hierarchy import (
    LEARNING,
    Assigned,
    Hierarchy,
    Scope,
    assignments,
    is_attribute,
    receiver_of,
    walk,
)
from torchlint.flow import join, objects
from torchlint.flow.events import Event, LayerEvent
from torchlint.flow.machine import Machine
from torchlint.flow.spell import spell
from torchlint.flow.values import (
    Alternatives,
    Class,
    Dict,
    Function,
    Instance,
    List,
    Object,
    Place,
    Rest,
    Tensor,
    Tuple,
)
from torchlint.syntax import ir

#: Methods by which everything that a module holds is reached at once.
EVERYTHING = frozenset(
    {
        "children", "named_children", "_modules", "modules", "named_modules", "get_submodule", "getattr", "__getattr__",
        "__dict__", "vars", "eval", "exec", "locals", "attrgetter", "__getattribute__",
    }
)  # fmt: skip

#: Ways to write down parts under names that are worked out.
REGISTERS = frozenset({"setattr", "add_module", "register_module", "register_parameter", "__setattr__", "_modules"})


class UnusedLayer(Fact, frozen=True):
    """A model makes a layer in its constructor, and nothing in the program ever names it again.

    cls: the model; name: the attribute; layer: how it is made; forward: where the ``forward`` stands.
    """

    cls: str
    name: str
    layer: str
    forward: Place


class Unregistered(Fact, frozen=True):
    """A model keeps modules in a list or dict that is none of torch's, so that it does not know of them.

    cls: the model; name: the attribute; what: ``list``, ``dict`` or ``tuple``; layer: one of the modules, as it is
    made; made: where that is; value: the expression that the attribute is set to; flat: whether the container holds
    modules only, none inside another container; keyed: for a dict, whether its keys are texts.
    """

    cls: str
    name: str
    what: str
    layer: str
    made: Place | None
    value: Place
    flat: bool


class StateShared(Fact, frozen=True):
    """One layer with state stands at several places of a model.

    layer: how it is made. container: the list that holds it several times, with how often, as the program spells it
    (`times`); or else `after`: where it is called on what different layers give, with how those are made.
    """

    layer: str
    times: str = ""
    container: str = ""
    after: tuple[TrailStep, ...] = ()


# --- mentions ----------------------------------------------------------------------------------------------------


class Mentions:
    """Where names of attributes stand in a program: by the method that names them of its own object, or elsewhere."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        m = hierarchy.m
        #: names of attributes of anything but a method's own object, and words in texts
        self.elsewhere: set[str] = set()
        #: by class, the names that its methods read of their own object
        self.own: dict[int, set[str]] = {}
        self.dynamic: set[int] = set()
        methods: dict[int, tuple[Class, ir.FunctionDef]] = {}
        for cls in hierarchy.classes:
            for node in hierarchy.methods(cls).values():
                methods[id(node)] = (cls, node)
        for cls in hierarchy.classes:
            self.own.setdefault(id(cls.node), set())
        for path, namespace in m.namespaces.items():
            unit = None if path.endswith("/") else m.project.units.get(path)
            if unit is not None and unit.module is not None and namespace is not None:
                self._read(unit.module, methods, None, None)

    def _read(
        self, node: ir.Node, methods: dict[int, tuple[Class, ir.FunctionDef]], cls: Class | None, receiver: str | None
    ) -> None:
        stack: list[tuple[ir.Node, Class | None, str | None]] = [(node, cls, receiver)]
        while stack:
            one, of, own = stack.pop()
            found = methods.get(id(one)) if isinstance(one, ir.FunctionDef) else None
            if found is not None:
                of, own = found[0], receiver_of(found[1])
                if not EVERYTHING.isdisjoint(found[1].uses):
                    self._everything(found[1], of, own)
            if isinstance(one, ir.Attr):
                if of is not None and own and is_attribute(one, own):
                    self.own[id(of.node)].add(one.name)
                else:
                    self.elsewhere.add(one.name)
            elif isinstance(one, ir.Const) and isinstance(one.value, str):
                self.elsewhere.update(one.value.replace(".", " ").split() if len(one.value) < 200 else ())
            elif isinstance(one, ir.Keyword) and one.name:
                pass
            if isinstance(one, (ir.Assign, ir.AnnAssign)):
                targets = one.targets if isinstance(one, ir.Assign) else [one.target]
                stack += [(target, of, own) for target in targets if not (own and is_attribute(target, own))]
                if one.value is not None:
                    stack.append((one.value, of, own))
                continue
            for name in one.__struct_fields__:
                value = getattr(one, name)
                for part in value if isinstance(value, list) else (value,):
                    if isinstance(part, ir.Node):
                        stack.append((part, of, own))

    def _everything(self, node: ir.FunctionDef, cls: Class, receiver: str) -> None:
        """Note a method that may reach everything its object holds, but for setting weights up."""
        for one in walk(node):
            if isinstance(one, ir.Call) and isinstance(one.func, ir.Name) and one.func.name in EVERYTHING:
                name = one.args[1] if len(one.args) > 1 else None
                if not isinstance(name, ir.Const):
                    self.dynamic.add(id(cls.node))
            if isinstance(one, ir.Attr) and one.name in EVERYTHING and is_attribute(one, receiver):
                if one.name not in ("modules", "named_modules"):
                    self.dynamic.add(id(cls.node))
            if isinstance(one, ir.Attr) and one.name in ("modules", "named_modules") and node.name == "forward":
                self.dynamic.add(id(cls.node))

    def kin(self, cls: Class) -> list[Class]:
        """The classes that share objects with a class."""
        bases = [base for base in cls.mro if isinstance(base, Class)]
        derived = [one for base in bases for one in self.hierarchy.derived.get(id(base.node), ())]
        return list({id(one.node): one for one in (*bases, *derived)}.values())

    def names(self, cls: Class, name: str) -> bool:
        """Whether anything may read an attribute of objects of a class."""
        if name in self.elsewhere:
            return True
        return any(name in self.own.get(id(one.node), ()) for one in self.kin(cls))


# --- layers that nothing reaches ---------------------------------------------------------------------------------


def unused(hierarchy: Hierarchy, mentions: Mentions) -> Iterator[Occurrence]:
    """Layers of constructors that nothing names again."""
    for cls in hierarchy.models:
        methods = hierarchy.methods(cls)
        init, found = methods.get("__init__"), hierarchy.method(cls, "forward")
        if init is None or found is None or not _is_own(hierarchy, cls, mentions) or not _computes(found[1]):
            continue
        scope = hierarchy.scope(cls, init)
        counted: dict[str, list[Assigned]] = {}
        for one in assignments(init):
            counted.setdefault(one.name, []).append(one)
        for name, several in counted.items():
            one = several[0]
            kind = scope.kind(one.value)
            if len(several) != 1 or not (kind in LEARNING | {"norm", "dropout"} or _has_learning(scope, one.value)):
                continue
            if mentions.names(cls, name) or _assigned_together(one):
                continue
            place = Place(cls.path, one.target.n)
            forward = Place(found[0].path, found[1].n)
            yield Occurrence(((UnusedLayer(place, "", cls.name, name, _short(one.value), forward),),))


def _short(node: ir.Expr) -> str:
    """A construction, without the arguments of what is inside it if it is long."""
    text = spell(node)
    return text if len(text) <= 60 or not isinstance(node, ir.Call) else f"{spell(node.func)}(…)"


def _is_own(hierarchy: Hierarchy, cls: Class, mentions: Mentions) -> bool:
    """Whether only the project's own code decides what is done with an object of the class."""
    kin = mentions.kin(cls)
    if any(id(one.node) in mentions.dynamic for one in kin) or not hierarchy.is_closed(cls):
        return False
    libraries = [base.name for base in cls.mro if not isinstance(base, Class) and hasattr(base, "name")]
    plain = (".nn.Module", ".LightningModule", "builtins.object")
    return all(name.endswith(plain) for name in libraries)


def _computes(forward: ir.FunctionDef) -> bool:
    """Whether a ``forward`` is more than a place to be filled by others, and makes nothing of names."""
    receiver = receiver_of(forward)
    return bool(receiver) and any(is_attribute(one, receiver) for one in walk(forward))


def _assigned_together(one: Assigned) -> bool:
    """Whether the layer is assigned to something else in the same statement."""
    return isinstance(one.statement, ir.Assign) and len(one.statement.targets) > 1


def _has_learning(scope: Scope, node: ir.Expr) -> bool:
    """Whether an expression makes a chain of layers with parameters."""
    if scope.kind(node) != "container" or not isinstance(node, ir.Call):
        return False
    return any(isinstance(part, ir.Call) and part is not node and scope.kind(part) in LEARNING for part in walk(node))


# --- modules in plain containers ---------------------------------------------------------------------------------


def unregistered(hierarchy: Hierarchy) -> Iterator[Occurrence]:
    """Attributes that hold modules in a plain list or dict, each once."""
    seen: set[Place] = set()
    for one in (*_held(hierarchy), *_appended(hierarchy)):
        if one.variants[0][0].place not in seen:
            seen.add(one.variants[0][0].place)
            yield one


def _held(hierarchy: Hierarchy) -> Iterator[Occurrence]:
    """Those of objects that the program or a root made."""
    m = hierarchy.m
    known: set[int] | None = None
    for cls in hierarchy.models:
        instance = m.instances.get(id(cls.node))
        if instance is None or instance.cls.node is not cls.node:
            continue
        for name, value in list(instance.attrs.items()):
            if not isinstance(value, (List, Dict, Tuple)) or name.startswith("("):
                continue
            held = list(_modules(m, value))
            if not held or not any(_learning(m, one) for one, _ in held):
                continue
            if known is None:
                known = _registered(m)
            if any(id(one) in known for one, _ in held) or registers(hierarchy, cls, name):
                continue
            one = _where(hierarchy, cls, name)
            if one is None:
                continue
            owner, assigned = one
            what = {List: "list", Dict: "dict", Tuple: "tuple"}[type(value)]
            first = next(module for module, _ in held if _learning(m, module))
            layer, made = _described(first)
            flat = all(depth == 0 for _, depth in held) and what != "dict"
            yield Occurrence(
                ((Unregistered(Place(owner.path, assigned.target.n), "", cls.name, name, what, layer, made,
                               Place(owner.path, assigned.value.n), flat),),)
            )  # fmt: skip


def _appended(hierarchy: Hierarchy) -> Iterator[Occurrence]:
    """Attributes that start as an empty list, to which a constructor appends layers that it makes there."""
    for cls in hierarchy.models:
        init = hierarchy.methods(cls).get("__init__")
        if init is None:
            continue
        receiver, scope = receiver_of(init), hierarchy.scope(cls, init)
        empty = {one.name for one in assignments(init) if isinstance(one.value, ir.ListExpr) and not one.value.items}
        for call in walk(init, into=False) if empty else ():
            if not isinstance(call, ir.Call) or not isinstance(call.func, ir.Attr) or call.func.name != "append":
                continue
            owner = call.func.value
            if not is_attribute(owner, receiver) or owner.name not in empty or len(call.args) != 1:
                continue
            made = call.args[0]
            if not _keeps_state(scope, made) or scope.kind(made) == "norm" or registers(hierarchy, cls, owner.name):
                continue
            found = _where(hierarchy, cls, owner.name)
            if found is None:
                continue
            empty.discard(owner.name)
            place, value = Place(cls.path, found[1].target.n), Place(cls.path, found[1].value.n)
            layer, at = _short(made), Place(cls.path, made.n)
            yield Occurrence(((Unregistered(place, "", cls.name, owner.name, "list", layer, at, value, True),),))


def _modules(m: Machine, value: object, depth: int = 0) -> Iterator[tuple[Object | Instance, int]]:
    """The modules in a plain container, with how deep they lie."""
    if depth > 3:
        return
    items: Iterable[object] = ()
    if isinstance(value, List):
        content = value.attrs["items"]
        items = content if value.items is not None else (content.element, *content.tail)
    elif isinstance(value, Tuple):
        items = value.items
    elif isinstance(value, Dict):
        items = list(value.items.values())
    for one in items:
        for option in [o for _, o in one.options] if isinstance(one, Alternatives) else [one]:
            if _is_module(m, option):
                assert isinstance(option, (Object, Instance))
                yield option, depth
            elif isinstance(option, (List, Tuple, Dict)):
                yield from _modules(m, option, depth + 1)


def _is_module(m: Machine, value: object) -> bool:
    if isinstance(value, Object):
        return value.kind in ("module", "container", "model")
    return isinstance(value, Instance) and objects.is_module(m, value)


def _learning(m: Machine, value: object, depth: int = 0) -> bool:
    """Whether a module has parameters for certain."""
    if depth > 3:
        return False
    if isinstance(value, Object):
        if value.kind == "module":
            row = m.contracts.lookup(value.name)
            return getattr(row, "kind", "") in LEARNING
        return value.kind == "model" or any(_learning(m, child, depth + 1) for child in _children(value))
    if isinstance(value, Instance):
        return any(_learning(m, child, depth + 1) for child in list(value.attrs.values()))
    return False


def _children(value: Object) -> Iterator[object]:
    for _, child in value.attrs.get("()") or ():
        yield child.element if isinstance(child, Rest) else child


def _registered(m: Machine) -> set[int]:
    """The identities of all modules that some module of the program knows of."""
    found: set[int] = set()
    pending: list[object] = list(m.instances.values())
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if id(one) in seen or len(seen) > 20_000:
            continue
        seen.add(id(one))
        attrs: dict[str, Any] = one.attrs if isinstance(one, (Instance, Object)) else {}
        inside: list[object] = []
        if isinstance(one, Instance) and not objects.is_module(m, one):
            continue
        for key, value in attrs.items():
            options = [o for _, o in value.options] if isinstance(value, Alternatives) else [value]
            inside += [o for o in options if isinstance(o, (Instance, Object))]
            if key == "()" and isinstance(value, tuple):
                inside += [v.element if isinstance(v, Rest) else v for _, v in value]
            if isinstance(value, (List, Tuple, Dict)):
                pending += [module for module, _ in _modules(m, value)]
        found.update(id(part) for part in inside)
        pending += inside
    return found


#: What may be given layers, or parameters, that a class keeps elsewhere.
OF_MODULES = frozenset({"ModuleList", "ModuleDict", "Sequential", "ParameterList"})


def registers(hierarchy: Hierarchy, cls: Class, name: str, containers: frozenset[str] = OF_MODULES) -> bool:
    """Whether a class, or kin, may write down in another way what an attribute holds: in one of `containers`, too."""
    for base in (*cls.mro, *hierarchy.derived.get(id(cls.node), ())):
        if not isinstance(base, Class):
            continue
        for method in hierarchy.methods(base).values():
            if not REGISTERS.isdisjoint(method.uses) or method.name in ("parameters", "_apply", "to", "state_dict"):
                return True
            receiver = receiver_of(method)
            for one in walk(method):
                if not isinstance(one, ir.Call):
                    continue
                func = one.func.name if isinstance(one.func, (ir.Attr, ir.Name)) else ""
                if func in containers:
                    if any(is_attribute(part, receiver) and part.name == name for part in walk(one)):
                        return True
    return False


def _where(hierarchy: Hierarchy, cls: Class, name: str) -> tuple[Class, Assigned] | None:
    """Where an attribute is set, if that is one place, and a method reads it."""
    found: list[tuple[Class, Assigned]] = []
    read = False
    for base in cls.mro:
        if not isinstance(base, Class):
            continue
        for method in hierarchy.methods(base).values():
            found += [(base, one) for one in assignments(method) if one.name == name]
            receiver = receiver_of(method)
            if method.name != "__init__" and name in method.uses:
                read = read or any(is_attribute(one, receiver) and one.name == name for one in walk(method))
    if len(found) != 1 or not read:
        return None
    value = found[0][1].value
    hidden = (
        isinstance(value, (ir.ListExpr, ir.TupleExpr))
        and len(value.items) == 1
        and isinstance(value.items[0], (ir.Name, ir.Attr))
    )
    return None if hidden else found[0]


def _described(module: Object | Instance) -> tuple[str, Place | None]:
    if isinstance(module, Instance):
        return module.cls.name, module.made
    node = module.attrs.get("node")
    return (_short(node) if node is not None else module.short), module.made


# --- state that is shared ----------------------------------------------------------------------------------------

#: Containers that may hold one layer several times.
SEVERAL = frozenset({"ModuleList", "Sequential"})


def repeated(hierarchy: Hierarchy) -> Iterator[Occurrence]:
    """One layer several times in a list that is multiplied: ``nn.ModuleList([nn.Linear(8, 8)] * depth)``."""
    seen: set[int] = set()
    for function in hierarchy.m.functions:
        node = function.node
        if not isinstance(node, ir.FunctionDef) or id(node) in seen:
            continue
        seen.add(id(node))
        if SEVERAL.isdisjoint(node.uses):
            continue
        yield from _repeated_in(hierarchy, function, node)


def _repeated_in(hierarchy: Hierarchy, function: Function, node: ir.FunctionDef) -> Iterator[Occurrence]:
    scope = hierarchy.function_scope(function, node)
    for call in walk(node, into=False):
        if not isinstance(call, ir.Call) or not any(map(_multiplies, call.args)):
            continue
        if scope.kind(call) != "container":
            continue
        for arg in call.args:
            inner = arg.value if isinstance(arg, ir.Starred) else arg
            for one in _sums(inner):
                if not isinstance(one, ir.BinOp) or one.op != "*":
                    continue
                items, times = (one.left, one.right) if isinstance(one.left, ir.ListExpr) else (one.right, one.left)
                if not isinstance(items, ir.ListExpr) or (isinstance(times, ir.Const) and times.value in (0, 1)):
                    continue
                layer = next((item for item in items.items if _keeps_state(scope, item)), None)
                if layer is not None:
                    yield Occurrence(
                        (
                            (
                                StateShared(
                                    Place(function.path, one.n), "", _short(layer), spell(times), spell(call.func)
                                ),
                            ),
                        )
                    )


def statistics_shared(events: Sequence[Event]) -> Iterator[Occurrence]:
    """Batch norms that are called, within one call of a model, on what different layers give."""
    givers: dict[int, Object] = {}
    called: dict[tuple[int, int], list[tuple[LayerEvent, Object]]] = {}
    for event in events:
        if not isinstance(event, LayerEvent) or event.caught or not event.run:
            continue
        given = event.input.via
        giver = givers.get(id(given)) if given is not None else None
        if giver is not None and "BatchNorm" in event.layer.short and giver.made is not None:
            called.setdefault((id(event.layer), event.run), []).append((event, giver))
        if isinstance(event.result, Tensor) and event.result.via is not None and event.parameter != "num_features":
            givers[id(event.result.via)] = event.layer
    seen: set[Place] = set()
    for several in called.values():
        first, by = several[0]
        other = next(
            (one for one in several if one[1] is not by and not join.contradicts(first.guard, one[0].guard)), None
        )
        made = first.layer.made
        if other is None or made is None or made in seen:
            continue
        seen.add(made)
        steps = [(first, by)] if other[0].place == first.place else [(first, by), other]
        after = tuple(TrailStep(e.place, f"called on what `{_described(giver)[0]}` gives") for e, giver in steps)
        yield Occurrence(((StateShared(made, "", _described(first.layer)[0], after=after),),))


def _multiplies(arg: ir.Expr) -> bool:
    """Whether an argument is a list that is put together or multiplied."""
    return isinstance(arg.value if isinstance(arg, ir.Starred) else arg, ir.BinOp)


def _sums(node: ir.Expr) -> Iterator[ir.Expr]:
    """The summands of a list that is put together."""
    if isinstance(node, ir.BinOp) and node.op == "+":
        yield from _sums(node.left)
        yield from _sums(node.right)
    else:
        yield node


def _keeps_state(scope: Scope, node: ir.Expr) -> bool:
    """Whether an expression makes a layer with parameters or statistics."""
    kind = scope.kind(node)
    if kind in LEARNING | {"norm"} or _has_learning(scope, node):
        return True
    value = scope.value(node.func) if isinstance(node, ir.Call) and kind == "module" else None
    if not isinstance(value, Class):
        return False
    init = value.attrs.get("__init__")
    if not isinstance(init, Function) or not isinstance(init.node, ir.FunctionDef):
        return False
    inner = Scope(scope.m, value.module, init.node, value)
    return any(inner.kind(one.value) in LEARNING | {"norm"} for one in assignments(init.node))


__all__ = [
    "Mentions", "StateShared", "Unregistered", "UnusedLayer", "repeated", "statistics_shared", "unregistered", "unused",
]  # fmt: skip
