"""A model as the interpreter sees it: its layers, what each gives for an input, and what each holds.

Definitions
    subject  the class that is looked at, or a function that makes a model
    made     the model: the one that the program makes itself, if it makes one; else one of the arguments that are given
             and of defaults
    given    the input: what was asked for; else what the program gives that model; else what its first layer takes

Worked example: of ``class Net`` with ``Conv2d(3, 16, 3, padding=1)`` and ``Linear(16, 10)`` in it, an input of
1×3×32×32 gives the layers ``""`` (1×10), ``conv`` (1×16×32×32, 448 parameters) and ``fc`` (1×10, 170 parameters).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

from torchlint.architecture import Layer, Model, Output, Step
from torchlint.facts.receptive import Fields
from torchlint.facts.roots import Roots
from torchlint.facts.wording import call_words
from torchlint.flow import calls, imports, models, objects
from torchlint.flow.budget import Stop, most_per_root, never
from torchlint.flow.events import LayerEvent, RunEvent
from torchlint.flow.library import parameters, tables
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.library.dtypes import category
from torchlint.flow.machine import Machine
from torchlint.flow.recording import ModuleCall
from torchlint.flow.shape import Dim, Shape, product, symbol
from torchlint.flow.values import (
    NONE,
    Alternatives,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    List,
    Object,
    Place,
    Rest,
    Tensor,
    Tuple,
    Unknown,
    Value,
    make_list,
)
from torchlint.project.modules import Project

#: Nodes that a look at one model may evaluate, how deep its calls may be nested, and modules inside each other.
MOST_NODES, DEEPEST, NESTED = 20_000_000, 400, 24

#: Layers that are listed, and calls of them.
MOST_LAYERS, MOST_STEPS = 5_000, 10_000

#: Kinds of layers that hold no parameters, whoever made them.
PLAIN = frozenset({"reshape", "pool", "dropout"})

#: What a user may give: constants, and lists, tuples and dicts of them.
Constant = Union[None, bool, int, float, str, list[Any], tuple[Any, ...], dict[Any, Any]]


class Asked(NamedTuple):
    """What is asked for: arguments of the constructor by name, and the shapes and dtypes of what `forward` takes."""

    arguments: Mapping[str, Constant]
    inputs: Sequence[tuple[tuple[int, ...], str | None]]


class NotFoundError(Exception):
    """There is no such model; the message says which there are."""


class Found(NamedTuple):
    """A model, and where each of its layers was made, as far as that is known."""

    model: Model
    places: tuple[Place | None, ...] = ()


class Inspector:
    """Looks at the models of one file of a project.

    Args:
        path: the file, as the project knows it.
    """

    def __init__(self, project: Project, contracts: Contracts, path: str, stop: Stop = never) -> None:
        self._project, self._path = project, path
        self.m = m = Machine(project, contracts.copy(), stop=stop)
        m.deepest, m.again = DEEPEST, NESTED
        self._roots = Roots(m, project, [path])
        self._ran = False
        self._load()

    def _load(self) -> None:
        self.m.most = most_per_root(0)
        self._roots.root(self._path, lambda: imports.load(self.m, self._path))

    @property
    def faults(self) -> Sequence[Any]:
        """What went wrong inside torchlint."""
        return self._roots.faults

    @property
    def problem(self) -> str:
        """Why the file cannot be read; nothing if it can."""
        unit = self._project.unit(self._path)
        return unit.problem.message if unit is not None and unit.problem is not None else ""

    def names(self) -> list[str]:
        """The models that the file defines and that no other of its models is made of or derived from; all of them
        where there is no such one."""
        own = [cls for cls in self._classes() if objects.is_module_class(self.m, cls)]
        used = {name for cls in own for other in own if other is not cls for name in _uses(other) if name == cls.name}
        roots = [cls.name for cls in own if cls.name not in used]
        return roots or [cls.name for cls in own]

    def _classes(self) -> list[Class]:
        namespace = self.m.namespaces.get(self._path)
        values = [] if namespace is None else [v for k, v in namespace.attrs.items() if k != "__name__"]
        return [v for v in values if isinstance(v, Class) and v.path == self._own_path]

    @property
    def _own_path(self) -> str:
        unit = self._project.unit(self._path)
        return unit.path if unit is not None else self._path

    def look(self, name: str, asked: Asked) -> Found:
        """One model, whose layers do not say yet in which row they are made.

        Raises:
            NotFoundError: the file has no class or function of that name.
        """
        namespace = self.m.namespaces[self._path]
        subject = self.m.resolve(namespace.attrs[name]) if name in namespace.attrs else None
        if not isinstance(subject, (Class, Function)):
            listed = ", ".join(cls.name for cls in self._classes() if objects.is_module_class(self.m, cls))
            raise NotFoundError(f"there is no class or function {name!r}; its models are {listed or 'none'}")
        return _Look(self.m, self._roots, self._path, name, subject, asked, self._program).model()

    def _program(self) -> list[RunEvent]:
        """The calls of models when the whole program is run."""
        if not self._ran:
            self._ran = True
            self._roots.after_top_levels(0)
        return [event for event in self.m.events if isinstance(event, RunEvent)]


def _uses(cls: Class) -> set[str]:
    """The names that a class's bases and methods use."""
    used = {base.name for base in cls.mro[1:] if isinstance(base, Class)}
    for value in cls.attrs.values():
        if isinstance(value, Function) and hasattr(value.node, "uses"):
            used.update(value.node.uses)
    return used


class _Look:
    """One look at one model."""

    def __init__(
        self, m: Machine, roots: Roots, path: str, name: str, subject: Class | Function, asked: Asked, program: Any
    ) -> None:
        self.m, self.roots, self.path, self.name = m, roots, path, name
        self.subject, self.asked, self.program = subject, asked, program
        self.trouble: list[str] = []
        self.place = Place(subject.path, subject.node.n)

    def model(self) -> Found:
        """What is found."""
        made, call, source, given = self._made()
        if not isinstance(made, (Instance, Object)):
            said = made.origin.reason if isinstance(made, Unknown) and made.origin is not None else ""
            self.trouble.append(f"the model that it gives could not be followed{f': it {said}' if said else ''}")
            return Found(Model(self.name, call, (), source, (), 0, False, tuple(self.trouble)))
        listed = list(_listed(self.m, made))
        inputs, told = self._inputs(made, given)
        log = self._run(made, inputs)
        fields = Fields(v for v in inputs if isinstance(v, Tensor))
        layers, total, complete = self._layers(listed, log, fields)
        shown = tuple(_output(v, "") for v in inputs if isinstance(v, Tensor))
        words = " and ".join(x for x in (source, told) if x)
        found = Model(self.name, call, shown, words, layers, total, complete, tuple(self.trouble), _steps(listed, log))
        return Found(
            found, tuple(module.made if isinstance(module, (Instance, Object)) else None for _, module in listed)
        )

    # --- making it -----------------------------------------------------------------------------------------------

    def _made(self) -> tuple[Value | None, str, str, RunEvent | None]:
        """The model, the call that makes it, where that comes from, and a call of it in the program."""
        m = self.m
        if isinstance(self.subject, Class) and not self.asked.arguments:
            for event in self.program() if self._lacks() or not self.asked.inputs else ():
                model = event.run.model
                own = isinstance(model, Instance) and model.made is not None and model.made.n != 0
                if isinstance(model, Instance) and own and model.cls.node is self.subject.node:
                    return model, self._call(model), "as the program makes it", event
        keywords: dict[str, Value] = {name: value_of(v) for name, v in self.asked.arguments.items()}
        made: list[Value] = []

        def build() -> None:
            made.append(m.resolve(calls.call(m, self.subject, [], keywords, self.place)))

        self._root(build)
        value = made[0] if made else None
        if isinstance(value, Alternatives):
            self.trouble.append("which model is made depends on a test that is not known; this is the first")
            value = value.options[0][1]
        lacking = self._lacks() if not self.asked.arguments else [n for n in self._lacks() if n not in keywords]
        if lacking:
            names = ", ".join(f"`{name}`" for name in lacking)
            self.trouble.append(f"the program does not say what {names} is: give it with --args")
        given = ", ".join(f"{name}={v!r}" for name, v in self.asked.arguments.items())
        return value, f"{self.name}({given})", "" if self.asked.arguments else "with its defaults", None

    def _lacks(self) -> list[str]:
        """The parameters without default of what makes the model."""
        function: Value | None = self.subject
        bound = 0
        if isinstance(self.subject, Class):
            found = (b.attrs.get("__init__") for b in self.subject.mro if isinstance(b, Class))
            function, bound = next((f for f in found if isinstance(f, Function)), None), 1
        if not isinstance(function, Function):
            return []
        params = [p for p in function.node.params if p.kind in ("any", "pos", "kw")][bound:]
        return [p.name for p in params if p.name not in function.defaults]

    def _call(self, model: Instance) -> str:
        given = model.meta.get("given")
        if given is None:
            return f"{self.name}(…)"
        args, keywords = given
        return call_words(Object("module", self.name, {"*": Tuple(tuple(args)), **keywords}, {}), self.m.contracts)

    def _root(self, run: Any) -> None:
        self.m.most = MOST_NODES
        before = self.m.exhausted
        self.roots.root(self.path, run)
        if self.m.exhausted > before:
            self.trouble.append("it is too large to be followed to its end")

    # --- running it ----------------------------------------------------------------------------------------------

    def _inputs(self, model: Value, event: RunEvent | None) -> tuple[list[Value], str]:
        if self.asked.inputs:
            return [Tensor(None, None, dtype or "float32", shape, "detached") for shape, dtype in self.asked.inputs], ""
        if event is not None:
            given = [*event.run.inputs, *event.run.keywords.values()]
            if any(isinstance(v, Tensor) and v.shape is not None for v in given):
                return list(event.run.inputs), "given what the program gives it"
        found = self._first_layer(model)
        if found is not None:
            return [Tensor(None, None, "float32", found, "detached")], "given what its first layer takes"
        self.trouble.append("what it takes is not known: give a shape with --input")
        return [Tensor(grad="detached")], ""

    def _first_layer(self, model: Value) -> Shape:
        """The input that the first layer takes that sees it as it is."""
        given, mark = Tensor(grad="detached"), len(self.m.events)
        self._root(lambda: calls.call(self.m, model, [given], {}, self.place))
        for event in self.m.events[mark:]:
            if isinstance(event, LayerEvent) and event.input is given and event.expected is not None:
                row = self.m.contracts.lookup(event.layer.name)
                if isinstance(row, tables.Module) and row.spatial:
                    axes: tuple[Dim, ...] = tuple(map(symbol, {1: "L", 2: "HW", 3: "DHW"}[row.spatial]))
                    return (symbol("B"), event.expected, *axes)
                if isinstance(row, tables.Module) and row.channel_dim == -1:
                    return (symbol("B"), event.expected)
        return None

    def _run(self, model: Value, inputs: list[Value]) -> list[ModuleCall]:
        m = self.m
        m.modules = []
        self._root(lambda: calls.call(m, model, inputs, {}, self.place))
        log, m.modules = m.modules, None
        return log

    # --- telling it ----------------------------------------------------------------------------------------------

    def _layers(
        self, listed: Sequence[tuple[str, Value]], log: Sequence[ModuleCall], fields: Fields
    ) -> tuple[tuple[Layer, ...], int, bool]:
        results: dict[int, list[Value]] = {}
        for one in log:
            results.setdefault(id(one.module), []).append(one.result)
        seen: set[int] = set()
        total, complete = 0, True
        layers: list[Layer] = []
        for name, module in listed:
            gave = results.get(id(module), [])
            held = _held(self.m, module)
            count, shared = None if held is None else 0, False
            for key, size in (held or {}).items():
                if size is None:
                    count = None
                elif key in seen:
                    shared = True
                elif count is not None:
                    count += size
                seen.add(key)
            complete = complete and count is not None
            total += count or 0
            outputs = tuple(_outputs(gave[0])) if gave else ()
            field = next((fields.of(v) for v in _tensors(gave[0])), None) if gave else None
            why = "" if not gave or outputs else _reason(gave[0])
            words = _words(self.m, module)
            layers.append(Layer(name, _type(module), words, outputs, len(gave), count, shared, field, why))
        return tuple(layers), total, complete


def value_of(constant: Constant) -> Value:
    """A constant of Python as a value."""
    if isinstance(constant, list):
        return make_list(map(value_of, constant))
    if isinstance(constant, tuple):
        return Tuple(tuple(map(value_of, constant)))
    if isinstance(constant, dict):
        return Dict({key: value_of(v) for key, v in constant.items()})
    return Const(constant)


# --- what a model consists of ------------------------------------------------------------------------------------


def _listed(m: Machine, model: Value) -> Iterator[tuple[str, Value]]:
    """Every module that is registered, by its dotted name, in torch's order; each once."""
    seen: set[int] = set()
    pending: list[tuple[str, Value]] = [("", model)]
    while pending and len(seen) < MOST_LAYERS:
        name, value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield name, value
        inner = [(f"{name}.{key}" if name else key, child) for key, child in children(m, value)]
        pending.extend(reversed(inner))


class _Open(NamedTuple):
    """A call and those inside it, the last of them first to be looked at."""

    layer: int
    result: Value
    inner: list[_Open]


def _steps(listed: Sequence[tuple[str, Value]], log: Sequence[ModuleCall]) -> tuple[Step, ...]:
    """The calls of listed modules in the order in which they begin. The log has them as they end: those that came
    before the end of a call, and are of parts of that module, were made inside it."""
    numbers = {id(module): number for number, (_, module) in enumerate(listed)}
    done: list[_Open] = []
    for call in log:
        number = numbers.get(id(call.module))
        if number is None:
            continue
        name = listed[number][0]
        first = len(done)
        while first and _within(listed[done[first - 1].layer][0], name):
            first -= 1
        inner = done[first:]
        del done[first:]
        done.append(_Open(number, call.result, inner))
    found: list[Step] = []
    pending = [(one, 0) for one in reversed(done)]
    while pending and len(found) < MOST_STEPS:
        one, depth = pending.pop()
        tensor = next(_tensors(one.result), None)
        found.append(Step(one.layer, depth, None if tensor is None else _output(tensor, "").shape))
        pending.extend((inner, depth + 1) for inner in reversed(one.inner))
    return tuple(found)


def _within(name: str, outer: str) -> bool:
    return name != outer and (not outer or name.startswith(outer + "."))


def children(m: Machine, value: Value) -> list[tuple[str, Value]]:
    """The modules that a module registers itself, by name."""
    if not isinstance(value, (Instance, Object)):
        return []
    held = value.attrs.get("()")
    pairs: list[tuple[str, Any]] = list(held) if isinstance(held, tuple) else []
    known = {name for name, _ in pairs}
    pairs += [(k, v) for k, v in value.attrs.items() if k not in known and "(" not in k]
    found: list[tuple[str, Value]] = []
    for name, child in pairs:
        if isinstance(child, Value) and not isinstance(child, Rest):
            child = m.resolve(child)
            if isinstance(child, Alternatives):
                child = next((v for _, v in child.options if models.is_submodule(m, v)), child)
            if models.is_submodule(m, child):
                found.append((name, child))
    return found


def _held(m: Machine, module: Value) -> dict[int, int | None] | None:
    """How many numbers each parameter has that a module holds itself, by identity; None if that is not known."""
    found: dict[int, int | None] = {}
    if isinstance(module, Instance):
        inherited = m.resolve(module.attrs.get("(layer)", NONE))
        if isinstance(inherited, Alternatives):  # constructed in one of several ways
            held_by = [_held(m, option) for _, option in inherited.options]
            if len({None if one is None else tuple(one.values()) for one in held_by}) > 1:
                return None
            inherited = inherited.options[0][1]
        if inherited != NONE:
            inner = _held(m, inherited)
            if inner is None:
                return None
            found.update(inner)
    elif isinstance(module, Object):
        if module.kind == "model" or (module.kind == "container" and module.attrs.get("()", ()) is None):
            return None
        row = m.contracts.lookup(module.name)
        if isinstance(row, tables.Module):
            if not row.holds and not module.name.startswith("torch.nn.") and row.kind not in PLAIN:
                return None
            shapes = parameters.held(row, {k: m.resolve(v) for k, v in module.arguments.items()})
            if shapes is None:
                return None
            for name, shape in shapes.items():
                if name not in module.attrs or _changed_in_place(m.resolve(module.attrs[name])):
                    found[hash((id(module), name))] = parameters.count({name: shape})
    attrs = module.attrs if isinstance(module, (Instance, Object)) else {}
    held = attrs.get("()")
    pairs = [*attrs.items(), *(held if isinstance(held, tuple) else ())]
    if isinstance(module, Object) and module.short == "ParameterDict":
        given = module.arguments.get("parameters")
        if not isinstance(given, Dict) or given.meta.get("open"):
            return None
        pairs += [(str(key), value) for key, value in given.items.items()]
    for _, value in pairs:
        value = m.resolve(value) if isinstance(value, Value) else None
        if isinstance(value, Tensor) and value.via is not None and value.via.op == "Parameter":
            size = None if value.shape is None else product(value.shape)
            found[id(value)] = size if isinstance(size, int) else None
    return found


def _changed_in_place(value: Value) -> bool:
    """Whether what stands for a layer's own parameter is that, with other numbers in it."""
    return isinstance(value, Tensor) and value.via is not None and value.via.op != "Parameter"


# --- words -------------------------------------------------------------------------------------------------------


def _type(module: Value) -> str:
    return module.cls.name if isinstance(module, Instance) else module.short if isinstance(module, Object) else "?"


def _words(m: Machine, module: Value) -> str:
    if isinstance(module, Object) and module.kind != "container":
        return call_words(module, m.contracts)
    return f"{_type(module)}(…)"


def _tensors(value: Value) -> Iterator[Tensor]:
    for _, tensor in _parts(value, ""):
        yield tensor


def _outputs(value: Value) -> Iterator[Output]:
    for name, tensor in _parts(value, ""):
        yield _output(tensor, name)


def _parts(value: Value, name: str, depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """The tensors in what a module gave, with the way to each."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Alternatives):
        yield from _parts(_joined(value), name, depth)
    elif depth < 6 and isinstance(value, (Tuple, List)) and value.items is not None:
        for index, item in enumerate(value.items):
            yield from _parts(item, f"{name}[{index}]", depth + 1)
    elif depth < 6 and isinstance(value, Dict):
        for key, item in value.items.items():
            yield from _parts(item, f"{name}[{key!r}]", depth + 1)
    elif isinstance(value, Object) and value.kind == "output":
        for key, item in value.attrs.items():
            if isinstance(item, Value):
                yield from _parts(item, f"{name}.{key}", depth + 1)


def _joined(value: Alternatives) -> Value:
    """One of several results, if they do not differ in their shapes."""
    options = [v for _, v in value.options]
    shapes = {str(v.shape) for v in options if isinstance(v, Tensor)}
    if all(isinstance(v, Tensor) for v in options) and len(shapes) == 1:
        return options[0]
    if all(isinstance(v, (Tuple, List, Dict)) for v in options):
        told = {str([(name, t.shape) for name, t in _parts(v, "")]) for v in options}
        return options[0] if len(told) == 1 else Unknown()
    return Unknown()


def _output(tensor: Tensor, name: str) -> Output:
    shape = None if tensor.shape is None else tuple(_size(dim) for dim in tensor.shape)
    found = tensor.range
    dtype = tensor.dtype if category(tensor.dtype) is not None else None
    return Output(name, shape, dtype, None if found is None else (found.low, found.high))


def _size(dim: Dim) -> int | str | None:
    return dim if dim is None or isinstance(dim, int) else str(dim)


def _reason(value: Value) -> str:
    if isinstance(value, Alternatives):
        return "what it gives depends on a test that is not known"
    if isinstance(value, Unknown) and value.origin is not None:
        return f"what it gives {value.origin.reason}"
    if isinstance(value, Const) and value.value is None:
        return "it gives None"
    return "what it gives could not be followed"


__all__ = ["Asked", "Constant", "Inspector", "NotFoundError", "children", "value_of"]
