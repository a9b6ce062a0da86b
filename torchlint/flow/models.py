"""The ``nn.Module`` protocol: calling models, and their methods.

Definitions
    run    one call of a model, noted on the tensors that it returns; the innermost model that returned them counts
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from torchlint.flow import (
    architectures,
    attributes,
    builtins,
    calls,
    engines,
    filling,
    join,
    layers,
    lightning,
    objects,
    records,
    training,
    weights,
)
from torchlint.flow.events import RunEvent
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine
from torchlint.flow.recording import ModuleCall
from torchlint.flow.spell import unnamed
from torchlint.flow.values import (
    NONE,
    TRUE,
    UNKNOWN,
    Alternatives,
    Bound,
    Const,
    Dict,
    Instance,
    Library,
    List,
    Object,
    Output,
    Place,
    Run,
    Tensor,
    Text,
    Tuple,
    Unknown,
    Value,
    list_of,
    make_list,
)
from torchlint.syntax import ir

#: Methods of a module that give the module itself and change nothing that matters here.
SAME = frozenset(
    [
        "to",
        "cuda",
        "cpu",
        "float",
        "half",
        "double",
        "bfloat16",
        "type",
        "requires_grad_",
        "share_memory",
        "to_empty",
        "xpu",
        "npu",
        "compile",
        "_to_device",
    ]
)


def call_module(
    m: Machine,
    instance: Instance,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """A call of a model of the project: its ``forward``, with the call noted on what it returns."""
    forward = attributes.find_method(m, instance, "forward")
    mark = len(m.events)
    with _numbered(m) as number:
        m.runs += 1
        try:
            if forward is not None:
                value = calls.call_function(m, forward, [instance, *args], keywords, instance)
            else:
                value = run_library_part(m, instance, args, keywords, place)
        finally:
            m.runs -= 1
    if m.modules is not None:
        m.modules.append(ModuleCall(instance, value))
    return note(m, value, _run(m, instance, instance.cls.name, args, keywords, place, mark, number))


def _run(
    m: Machine,
    model: Value,
    name: str,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    mark: int,
    number: int,
) -> Run:
    found = weights.arrival(m, mark)
    image, channels, trained = (None, None, None) if found is None else found
    filled = image is not None and weights.is_filled(m, model)
    mode = in_training(m, model)
    inputs, named = tuple(args), dict(keywords)
    return Run(
        model, name, place, inputs, image, trained, mode, m.grad, channels, filled, keywords=named, number=number
    )


@contextmanager
def _numbered(m: Machine) -> Iterator[int]:
    """A call of a model, with the number of the outermost call that it is in."""
    before = m.running
    if m.runs == 0:
        m.outermost += 1
        m.running = m.outermost
    try:
        yield m.running
    finally:
        m.running = before


def in_training(m: Machine, model: Value) -> bool | None:
    """Whether a model is in training mode, if the program says so."""
    mode = m.resolve(model.attrs.get("training", UNKNOWN)) if isinstance(model, (Instance, Object)) else UNKNOWN
    return mode.value if isinstance(mode, Const) and isinstance(mode.value, bool) else None


def note(m: Machine, value: Value, run: Run) -> Value:
    """Record a call of a model, and note it on what the model returned."""
    if m.runs == 0:
        m.events.append(RunEvent(run.place, m.guard(), run))
    return tag(m, value, run)


def tag(m: Machine, value: Value, run: Run, part: tuple[Any, ...] = ()) -> Value:
    """Note a model's call on every tensor in what it returns; `part` is where the value is in that."""
    if isinstance(value, Tensor):
        if run.image is None and value.run is not None and value.run.image is not None:
            m.add(value.run.outputs, Output(value, run, part))
            return value
        tagged = value.with_(run=run)
        m.add(run.outputs, Output(tagged, run, part))
        return tagged
    if isinstance(value, Tuple):
        return Tuple(tuple(tag(m, v, run, (*part, i)) for i, v in enumerate(value.items)))
    if isinstance(value, List) and value.items is not None:
        return make_list((tag(m, v, run, (*part, i)) for i, v in enumerate(value.items)), value.kind)
    if isinstance(value, Dict):
        return Dict({k: tag(m, v, run, (*part, k)) for k, v in value.items.items()}, dict(value.meta))
    if isinstance(value, Object) and value.kind == "output":
        attrs = {k: tag(m, v, run, (*part, k)) if isinstance(v, Value) else v for k, v in value.attrs.items()}
        return Object(value.kind, value.name, value.arguments, attrs, value.made)
    if isinstance(value, Alternatives):
        return join.alternatives([(g, tag(m, v, run, part)) for g, v in value.options])
    if isinstance(value, Object) and value.kind == "fields":
        pairs = tuple((k, tag(m, v, run, (*part, k))) for k, v in value.attrs["()"])
        return Object(value.kind, value.name, {}, {**dict(pairs), "()": pairs}, value.made)
    if isinstance(value, Instance) and records.is_record(value):
        parts = {k: tag(m, v, run, (*part, k)) if isinstance(v, Value) else v for k, v in value.attrs.items()}
        return Instance(value.cls, parts, value.made, value.meta)
    return value


def run_library_part(
    m: Machine, instance: Instance, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """The ``forward`` that an instance inherits from a library: a container's, a layer's or a loss's."""
    inherited = m.resolve(instance.attrs.get("(layer)", NONE))
    if isinstance(inherited, Alternatives):  # constructed in one of several ways
        return calls.call(m, inherited, args, keywords, place)
    if isinstance(inherited, Object):
        if inherited.kind == "loss":
            own = {name: value for name, value in instance.attrs.items() if name in inherited.arguments}
            inherited = replace(inherited, attrs={**inherited.attrs, **own}) if own else inherited
        return objects.call_object(m, inherited, args, keywords, place, None)
    children: Any = instance.attrs.get("()")
    if "()" in instance.attrs:
        sequential = any(isinstance(b, Library) and b.name.endswith(".Sequential") for b in instance.cls.mro)
        return layers.run_children(m, children, args, place) if sequential else UNKNOWN
    return UNKNOWN


def call_library_module(
    m: Machine,
    owner: Object,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None,
) -> Value:
    """A call of a layer, a container or a known architecture."""
    if owner.kind == "model":
        return architectures.call(m, owner, args, keywords, place)
    if owner.kind == "container":
        if owner.short != "Sequential":
            return UNKNOWN
        mark = len(m.events)
        with _numbered(m) as number:
            value = layers.run_children(m, owner.attrs.get("()"), args, place)
        run = _run(m, owner, owner.short, args, keywords, place, mark, number)
        return note(m, value, run) if m.runs == 0 else value
    row = m.contracts.lookup(owner.name)
    if not isinstance(row, tables.Module):
        return UNKNOWN
    return layers.call_layer(m, owner, row, args, keywords, place, node)


# --- attributes and methods --------------------------------------------------------------------------------------


def module_attribute(m: Machine, instance: Instance, name: str, n: int) -> Value:
    """An attribute of a model that neither it nor its project classes have."""
    if name == "training":
        return TRUE
    inherited = instance.attrs.get("(layer)")
    if isinstance(inherited, Object) and name in inherited.arguments:
        return inherited.arguments[name]
    children: Any = instance.attrs.get("()")
    for key, child in children or ():
        if key == name:
            return m.resolve(child)
    if name in ("module", "_orig_mod"):
        return instance  # what wraps a model stands for it
    if name in lightning.ATTACHED and objects.is_lightning(instance.cls):
        return Unknown((".", ("name", "self", objects.identity(m, instance)), name))
    return Bound(name, instance, m.place(n))


def call_method(
    m: Machine, instance: Instance, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A method that an instance inherits from a library's class."""
    if name == "__init__":
        objects.library_init(m, instance, args, keywords, place)
        return NONE
    if not objects.is_module(m, instance):
        return engines.inherited_method(m, instance, name, args, keywords, place)
    if name in ("forward", "__call__"):
        if name == "__call__":
            return call_module(m, instance, args, keywords, place, None)
        return run_library_part(m, instance, args, keywords, place)
    if name == "save_hyperparameters":
        lightning.save_hyperparameters(m, instance, args, place)
        return NONE
    if name == "manual_backward":
        training.record(m, "backward", args[0] if args else None, "", place)
        return NONE
    return _method(m, instance, name, args, keywords, place)


def library_method(
    m: Machine, owner: Object, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A method of a library's module."""
    if name in ("forward", "__call__"):
        return objects.call_object(m, owner, args, keywords, place, None)
    if owner.kind == "part" and name == "children":
        return list_of(UNKNOWN)
    return _method(m, owner, name, args, keywords, place)


def _method(
    m: Machine, owner: Instance | Object, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    if name in SAME:
        return owner
    if name in ("train", "eval"):
        mode = m.resolve(args[0]) if args else keywords.get("mode", TRUE)
        set_mode(m, owner, Const(False) if name == "eval" else mode)
        return owner
    if name == "load_state_dict":
        weights.mark_loaded(m, owner)
        return UNKNOWN
    if name in ("parameters", "named_parameters", "buffers", "state_dict"):
        return training.parameters(owner) if name != "state_dict" else Dict({}, {"open": True})
    if name in ("children", "named_children", "modules"):
        return _children(m, owner, name)
    if name == "apply":
        for module in (filling.all_modules(m, owner) or ()) if args else ():
            calls.call(m, args[0], [module], {}, place)
        return owner
    if name == "zero_grad":
        training.record(m, "zero_grad", owner, "", place)
        return NONE
    if name == "reset_classifier" and isinstance(owner, Object):
        architectures.reset_classifier(m, owner, args, keywords)
        return NONE
    if name in ("add_module", "register_module", "register_buffer", "register_parameter") and len(args) >= 2:
        key = m.resolve(args[0])
        if isinstance(key, Const) and isinstance(key.value, str):
            if isinstance(owner.attrs.get("()"), tuple):
                layers.add_child(m, owner, key.value, args[1])
            m.write(owner.attrs, key.value, args[1])
        elif unnamed(m.guard()):  # which of several children it is, nobody knows
            m.write(owner.attrs, "()", None)
        else:
            layers.add_child(m, owner, "", args[1])
        return NONE
    if name == "append" and args:
        layers.add_child(m, owner, None, args[0])
        return owner
    if name == "extend" and args:
        items = builtins.items_of(m, args[0])
        if items is None:
            m.write(owner.attrs, "()", None)
        for item in items or ():
            layers.add_child(m, owner, None, item)
        return owner
    if name in ("insert", "pop", "__delitem__"):
        m.write(owner.attrs, "()", None)
        return UNKNOWN
    children = owner.attrs.get("()")
    if isinstance(children, tuple) and name in ("items", "keys", "values"):
        if name == "values":
            return make_list(v for _, v in children)
        return make_list(Const(k) if name == "keys" else Tuple((Const(k), v)) for k, v in children)
    return UNKNOWN


def _children(m: Machine, owner: Instance | Object, name: str) -> Value:
    if isinstance(owner, Object) and owner.kind == "model":
        part = architectures.part_of(owner)
        return list_of(part if name == "children" else Tuple((Text(), part)))
    if name == "modules":
        every = filling.all_modules(m, owner)
        return list_of(UNKNOWN) if every is None else make_list(every)
    pairs = owner.attrs.get("()")
    if not isinstance(pairs, tuple):
        pairs = tuple((k, v) for k, v in owner.attrs.items() if is_submodule(m, v))
    if name == "children":
        return make_list(v for _, v in pairs)
    return make_list(Tuple((Const(k), v)) for k, v in pairs)


def is_submodule(m: Machine, value: object) -> bool:
    """Whether a value that is assigned to an attribute of a module is registered as a part of it."""
    if isinstance(value, Object):
        return value.kind in ("module", "container", "model", "loss")
    return isinstance(value, Instance) and objects.is_module(m, value)


def set_mode(m: Machine, owner: Value, mode: Value, seen: set[int] | None = None) -> None:
    """``train(mode)`` of a model and of the models inside it."""
    seen = set() if seen is None else seen
    if id(owner) in seen or len(seen) > 200 or not isinstance(owner, (Instance, Object)):
        return
    seen.add(id(owner))
    if isinstance(owner, Instance) or owner.kind in ("model", "container"):
        m.write(owner.attrs, "training", mode)
    for value in list(owner.attrs.values()):
        if isinstance(value, Instance) or (isinstance(value, Object) and value.kind == "container"):
            set_mode(m, value, mode, seen)
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, tuple) and len(item) == 2:
                    set_mode(m, item[1], mode, seen)
