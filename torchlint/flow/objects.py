"""Objects and functions of libraries, as their contracts describe them: making, calling, attributes, items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import (
    architectures,
    builtins,
    data,
    dynamic,
    engines,
    estimators,
    functions,
    join,
    layers,
    lightning,
    losses,
    models,
    records,
    subscripts,
    taught,
    training,
)
from torchlint.flow.events import WindowEvent
from torchlint.flow.interval import REAL
from torchlint.flow.library import apply, tables
from torchlint.flow.machine import Machine, flatten
from torchlint.flow.observing import observe
from torchlint.flow.recording import ModuleCall
from torchlint.flow.spell import passed, spell
from torchlint.flow.tensors import grad_mode
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Alternatives,
    Bound,
    Class,
    Const,
    Dict,
    Instance,
    Key,
    Library,
    Object,
    Place,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
    Via,
    because,
    has_rest,
    list_of,
)
from torchlint.syntax import ir

#: How the names of classes end that make models of what is derived from them.
MODULE_BASES = (".nn.Module", ".ScriptModule", ".LightningModule", "PreTrainedModel")


def is_lightning(cls: Class) -> bool:
    """Whether Lightning drives the class's hooks."""
    return any(isinstance(b, Library) and b.name.endswith("LightningModule") for b in cls.mro)


def is_module(m: Machine, instance: Instance) -> bool:
    """Whether an object is an ``nn.Module``, through any base."""
    known = instance.meta.get("module")
    if known is None:
        known = is_module_class(m, instance.cls)
        m.note(instance.meta, "module", known)
    return bool(known)


def identity(m: Machine, instance: Instance) -> Key:
    """What names an object in the names of its unknown attributes."""
    known = instance.meta.get("id")
    if known is None:
        known = m.fresh_key()
        m.note(instance.meta, "id", known)
    return known


def is_module_class(m: Machine, cls: Class) -> bool:
    """Whether a class of the project is an ``nn.Module``."""
    for base in cls.mro:
        if isinstance(base, Library):
            if base.name.endswith(MODULE_BASES) or _is_layer_class(base.name):
                return True
            if isinstance(m.contracts.lookup(base.name), (tables.Module, tables.Loss, tables.Model)):
                return True
    return False


def _is_layer_class(name: str) -> bool:
    """Whether a name is a class of ``torch.nn`` that is not described, as ``torch.nn.modules.batchnorm._BatchNorm``."""
    last = name.rsplit(".", 1)[-1].lstrip("_")
    return name.startswith("torch.nn.") and last[:1].isupper() and not last.endswith(("Parameter", "Buffer"))


def is_known(m: Machine, library: Library) -> bool:
    """Whether a library's name has a contract or is a base that the interpreter knows."""
    name = library.name
    return name.endswith(MODULE_BASES) or name in functions.HANDLERS or m.contracts.lookup(name) is not None


def library_init(
    m: Machine, instance: Instance, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> None:
    """The constructor of a library's class runs on an instance of a project class derived from it."""
    for base in instance.cls.mro:
        if not isinstance(base, Library) or base.name.endswith(MODULE_BASES):
            continue
        row = m.contracts.lookup(base.name)
        if isinstance(row, tables.Module) and row.kind == "container":
            layers.fill_container(m, instance.attrs, row.short, args, keywords)
        elif isinstance(row, (tables.Module, tables.Loss, tables.Model, tables.Dataset, tables.Engine)) or (
            isinstance(row, tables.Data) and row.kind in ("loader", "tensor_dataset", "subset", "concat")
        ):
            made = make(m, row, base.name, args, keywords, place, None)
            m.write(instance.attrs, "(layer)", made)
        return


#: What functions are called that set the state from which random numbers are drawn.
SEEDING = frozenset({
    "manual_seed", "manual_seed_all", "seed", "seed_all", "set_rng_state", "set_rng_state_all", "setstate", "set_state",
    "seed_everything", "set_seed", "fork_rng", "set_determinism", "set_random_seed",
})  # fmt: skip


def call_library(
    m: Machine,
    name: str,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """Calling a name of a library: a function's result, or a new object."""
    if name.rsplit(".", 1)[-1] in SEEDING:
        m.seeded += 1
    handler = functions.HANDLERS.get(name)
    if handler is not None and name not in m.contracts.taught:
        return handler(m, args, keywords, place)
    row = m.contracts.lookup(name)
    if row is None:
        builtins.escape(m, args, keywords)
        training.unknown_call(m, args, keywords, place)
        if m.contracts.leads_on(name):
            return Object("package", name, {}, {}, place)
        dynamic.called_by_another(m, keywords, place)
        return because(f"comes from `{_known_as(name)}`, of which that much is not known")
    functional = isinstance(row, (tables.Loss, tables.Transform)) and name in row.function
    return perform(m, row, name, args, keywords, place, node, function=functional or name.rsplit(".", 1)[-1].islower())


def call_taught(
    m: Machine,
    name: str,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """Calling a function of the project that has a contract."""
    row = m.contracts.lookup(name)
    assert row is not None
    return perform(m, row, name, args, keywords, place, node, function=True)


def perform(
    m: Machine,
    row: tables.Row,
    name: str,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
    *,
    function: bool,
) -> Value:
    """What a row says of calling `name`: the result of a function, or a new object of a class."""
    if name in m.contracts.taught:
        m.met.add(name)
    if isinstance(row, tables.Operation):
        return operation(m, row, args, keywords, place, node, name)
    if isinstance(row, tables.Loss) and function:
        return losses.functional(m, row, args, keywords, place, node, name)
    if isinstance(row, tables.Transform) and function:
        return data.functional_transform(m, row, name, args, keywords, place)
    if isinstance(row, tables.Sink):
        return data.sink(m, row, args, keywords, place, node)
    if isinstance(row, tables.Samples):
        return estimators.samples(m, row, args, keywords, place)
    if isinstance(row, tables.Estimator) and name == row.function:
        return estimators.function(m, row, args, keywords, place)
    if isinstance(row, tables.Wrapper):
        bound = row.parameters.bind(args, keywords)
        if row.argument == "*":
            return args[0] if len(args) == 1 else Tuple(tuple(args))
        given = m.resolve(bound.get(row.argument, UNKNOWN))
        return data.copied(given, place) if name.startswith("copy.") else given
    if isinstance(row, tables.Caller) and not row.call_signature:
        return engines.function(m, row, args, keywords, place)
    return make(m, row, name, args, keywords, place, node)


def _known_as(name: str) -> str:
    """A library's name, or the whole name of something in a library that is otherwise known."""
    library = name.partition(".")[0]
    return name if library in ("torch", "torchvision", "numpy") else library


def operation(
    m: Machine,
    row: tables.Operation,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
    name: str,
) -> Value:
    """The result of an operation on tensors, for every combination of alternatives."""
    spelled = spell(node.func) if node is not None else row.short
    names, n = list(keywords), len(args)
    first = node.args[0].n if node is not None and node.args else None
    m.calls += 1
    number = m.calls

    def one(values: list[Value]) -> Value:
        bound = row.parameters.bind(values[:n], dict(zip(names, values[n:])))
        result = apply.apply(row, bound, place, spelled, None, first)
        seen = result
        if isinstance(result, Unknown) and (result.via is None or result.via.refused is None):
            seen = Tensor(via=Via(row.verb, bound, place))
        observe(m, seen, spelled, number, node, row.parameters.positional)
        return grad_mode(m, result)

    result = m.over([m.opened(v) for v in (*args, *keywords.values())], one)
    if row.writes:
        written = passed(node, row.parameters.positional).get(row.writes)
        if isinstance(written, (ir.Name, ir.Attr)) and not any(isinstance(v, Unknown) for v in flatten(args[:1])):
            subscripts.assign(m, written, result)
    return result


def make(
    m: Machine,
    row: tables.Row,
    name: str,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """A new object of a class (or from a constructor function) that a contract describes."""
    bound = row.parameters.bind(args, keywords)
    attrs: dict[str, object] = {"node": node}
    if isinstance(row, tables.Module):
        made = Object("container" if row.kind == "container" else "module", row.name, bound, attrs, place)
        if row.kind == "container":
            layers.fill_container(m, attrs, row.short, args, keywords)
        elif "kernel_size" in bound:
            places = {name: Place(place.path, a.n) for name, a in passed(node, row.parameters.positional).items()}
            m.events.append(WindowEvent(place, m.guard(), row.short, row.spatial, bound, places))
        return made
    if isinstance(row, tables.Source):
        n, names = len(args), tuple(keywords)
        return m.over([*args, *keywords.values()], lambda v: data.source(row, place, v[:n], dict(zip(names, v[n:]))))
    if isinstance(row, tables.Data):
        return data.make(m, row, bound, attrs, place)
    if isinstance(row, tables.Optimizer):
        optimizer = Object("optimizer", row.name, bound, attrs, place)
        training.record(m, "made", optimizer, "", place)
        return optimizer
    kinds = {
        tables.Loss: "loss", tables.Transform: "transform", tables.Dataset: "dataset", tables.Model: "model",
        tables.Scheduler: "scheduler", tables.Estimator: "estimator", tables.Engine: "engine", tables.Caller: "caller",
        tables.Operation: "operation", tables.Maker: "package",
    }  # fmt: skip
    # version 2 of torchvision's transforms differs from version 1 where it is given what it does not know
    spelled = "*" in row.name or isinstance(row, (tables.Transform, tables.Maker))
    known = name if spelled else row.name
    return Object(kinds[type(row)], known, bound, attrs, place)


def call_object(
    m: Machine,
    owner: Object,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """``owner(…)`` for an object of a library."""
    if owner.kind in ("module", "container", "model"):
        value = models.call_library_module(m, owner, args, keywords, place, node)
        if m.modules is not None:
            m.modules.append(ModuleCall(owner, value))
        return value
    if owner.kind == "loss":
        return losses.module(m, owner, args, keywords, place, node)
    if owner.kind == "transform":
        return data.apply_transform(m, owner, args, keywords, place)
    if owner.kind == "losses":
        return losses.several(m, owner, args, keywords, place)
    if owner.kind == "caller":
        return engines.call(m, owner, args, keywords, place)
    if owner.kind == "operation":
        row = m.contracts.operation(owner.name)
        return operation(m, row, args, keywords, place, node, owner.name) if row is not None else UNKNOWN
    if owner.kind == "package" and m.contracts.operation(f"{owner.name}.__call__") is not None:
        return call_library(m, f"{owner.name}.__call__", args, keywords, place, node)
    if owner.kind == "no_grad" and args:
        return args[0]
    if owner.kind == "record":
        return records.make(m, owner, args, keywords, place)
    return UNKNOWN


def attribute(m: Machine, owner: Object, name: str, n: int) -> Value:
    """``owner.name`` for an object of a library."""
    found = owner.attrs.get(name)
    if isinstance(found, Value):
        return m.resolve(found)
    if owner.kind == "arguments":
        return Unknown(("name", name, id(owner)))
    if owner.kind == "package":
        full = f"{owner.name}.{name}"
        known = m.contracts.lookup(full) is not None or m.contracts.leads_on(full)
        return Library(full) if known else Unknown((".", ("name", owner.short, id(owner)), name))
    if owner.kind in ("module", "container", "loss"):
        if name == "training":
            return Const(True)
        if name in ("weight", "bias"):
            return Tensor(
                REAL if owner.kind == "module" and not owner.attrs.get("(written)") else None,
                None,
                "float",
                None,
                "attached",
            )
        if owner.kind == "container":
            for key, child in owner.attrs.get("()") or ():
                if key == name:
                    return m.resolve(child)
        argument = owner.arguments.get(name)
        if argument is not None:
            return argument
    if name in ("module", "_orig_mod") and owner.kind in ("module", "container", "model"):
        return owner  # what wraps a model stands for it
    if owner.kind in ("model", "part"):
        return architectures.attribute(m, owner, name, n)
    if owner.kind == "engine":
        row = m.contracts.lookup(owner.name)
        return Bound(name, owner, m.place(n)) if isinstance(row, tables.Engine) and name in row.runs else UNKNOWN
    if owner.kind == "output":
        return Bound(name, owner, m.place(n)) if name in ("to_tuple", "keys", "items") else UNKNOWN
    if owner.kind in ("dataset", "loader", "subset", "transform", "tensor_dataset", "concat"):
        argument = owner.arguments.get(name)
        if argument is not None and not (argument == NONE and name in ("loader", "transforms")):
            return m.resolve(argument)
        if name == "tensors":
            return owner.arguments.get("*", UNKNOWN)
        if owner.kind == "dataset":
            return data.dataset_attribute(m, owner, name)
    if owner.kind == "estimator":
        return estimators.attribute(owner, name, m.place(n))
    if owner.kind == "optimizer" and name == "param_groups":
        return list_of(Dict({}, {"open": True}))
    if owner.kind == "trainer" and name not in lightning.HOOKS:
        return UNKNOWN
    return Bound(name, owner, m.place(n))


def call_method(
    m: Machine, owner: Object, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """``owner.name(…)`` for an object of a library."""
    kind = owner.kind
    if kind in ("module", "container", "loss", "model", "part"):
        return models.library_method(m, owner, name, args, keywords, place)
    if kind in ("optimizer", "scheduler", "scaler"):
        return training.call_method(m, owner, name, args, keywords, place)
    if kind == "estimator":
        return estimators.call_method(m, owner, name, args, place)
    if kind == "generator":
        return estimators.draw(m, name, args, keywords, place)
    if kind == "engine":
        return engines.call_method(m, owner, name, args, keywords, place)
    if kind == "accelerator":
        return training.accelerator_method(m, name, args, keywords, place)
    if kind == "parser":
        return functions.parser_method(m, owner, name, args, keywords, place)
    if kind == "trainer":
        if name in lightning.HOOKS:
            lightning.run(m, name, args, keywords, place)
        return NONE if name == "fit" else UNKNOWN
    if kind == "arguments" and name == "get" and args:
        key = m.resolve(args[0])
        return attribute(m, owner, str(key.value), place.n) if isinstance(key, Const) else UNKNOWN
    if kind == "transform" and name == "enhance":
        return data.apply_transform(m, owner, [owner.arguments.get("image", UNKNOWN)], {}, place)
    if kind == "transform" and name in ("append",):
        return NONE
    if name == "__getitem__" and args:
        return subscript(m, owner, args[0], place)
    return UNKNOWN


def subscript(m: Machine, owner: Object | Instance, index: Value, place: Place) -> Value:
    """``owner[index]``: children of containers, samples of datasets."""
    children = owner.attrs.get("()")
    if isinstance(children, tuple):
        return layers.child(m, owner, children, index)
    described = taught.inner(m, owner) if isinstance(owner, Instance) else None
    if described is not None:
        return subscript(m, described, index, place)
    if isinstance(owner, Object):
        if owner.kind in ("dataset", "subset", "tensor_dataset", "concat"):
            return data.sample(m, owner, place)
        if owner.kind == "output":
            return architectures.output_item(m, owner, m.resolve(index))
        if owner.kind == "part":
            key = m.resolve(index)
            return architectures.attribute(m, owner, str(key.value), place.n) if isinstance(key, Const) else UNKNOWN
        if owner.kind == "arguments" and isinstance(index, Const):
            return attribute(m, owner, str(index.value), place.n)
    element = owner.attrs.get("element()")
    return element if isinstance(element, Value) else UNKNOWN


def store(m: Machine, owner: Object | Instance, index: Value, value: Value) -> None:
    """``owner[index] = value``: a child of a container, a layer inside a known model."""
    children = owner.attrs.get("()")
    key = m.resolve(index)
    if isinstance(children, tuple) and isinstance(key, Const):
        names = [name for name, _ in children]
        wanted = str(key.value)
        if isinstance(key.value, int) and -len(names) <= key.value < len(names):
            wanted = names[key.value]
        if wanted in names:
            changed = tuple((n, value if n == wanted else v) for n, v in children)
        else:
            changed = (*children, (wanted, value))
        m.write(owner.attrs, "()", changed)
    elif isinstance(owner, Object) and owner.kind == "part" and isinstance(key, Const):
        m.write(owner.attrs, str(key.value), value)
    elif isinstance(owner, Object) and owner.kind == "arguments" and isinstance(key, Const):
        m.write(owner.attrs, str(key.value), value)


def children_values(m: Machine, value: Object | Instance) -> tuple[Value, ...] | None:
    """What iterating over a container of modules gives; None for anything else."""
    children = value.attrs.get("()")
    if isinstance(children, tuple):
        if value.attrs.get("(keyed)"):
            return tuple(Const(name) for name, _ in children)
        return None if has_rest(v for _, v in children) else tuple(m.resolve(child) for _, child in children)
    return None


def returned(m: Machine, value: Value, node: ir.Return) -> Value:
    """What a model's ``forward`` returns, with the return noted in its trail."""
    frame = m.frame
    if m.runs != 1 or not isinstance(frame.receiver, Instance) or not is_module(m, frame.receiver):
        return value
    note = f"`{frame.receiver.cls.name}.forward` returns `{spell(node.value)}`"
    place = m.place(node.n)

    def mark(v: Value) -> Value:
        if isinstance(v, Tensor) and v.trail is not None:
            return v.with_(trail=Trail(place, note, v.trail))
        if isinstance(v, Alternatives):
            return join.alternatives([(g, mark(o)) for g, o in v.options])
        return v

    return mark(value)
