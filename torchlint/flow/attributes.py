"""Attributes: look-up through instances, classes and library objects, and assignment.

Every assignment goes through the machine's cells, so that branches can be undone.
"""

from __future__ import annotations

from torchlint.flow import calls, dynamic, imports, models, objects, taught, tensors, training, weights
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    FALSE,
    TRUE,
    UNKNOWN,
    Alternatives,
    Bound,
    Class,
    Const,
    Dict,
    Function,
    Instance,
    Library,
    List,
    Namespace,
    Number,
    Object,
    Super,
    Tensor,
    Text,
    Tuple,
    Unknown,
    Value,
    Via,
)


def get(m: Machine, owner: Value, name: str, n: int) -> Value:
    """``owner.name``."""
    kind = type(owner)
    if kind is Unknown:
        assert isinstance(owner, Unknown)
        return _of_unknown(m, owner, name, n)
    if kind is Library:
        assert isinstance(owner, Library)
        if name == "__dict__":
            return dynamic.names_of(owner)
        return Library(f"{owner.name}.{name}")
    if kind is Instance:
        assert isinstance(owner, Instance)
        value = owner.attrs.get(name)
        if value is None:
            return _through_class(m, owner, owner.cls.mro, name, n)
        return m.resolve(value) if type(value) is Alternatives else value
    if kind is Alternatives:
        return m.over([owner], lambda v: get(m, v[0], name, n))
    if kind is Tensor:
        assert isinstance(owner, Tensor)
        return tensors.attribute(m, owner, name, n)
    if kind is Namespace:
        assert isinstance(owner, Namespace)
        if name == "__dict__":
            return dynamic.names_of(owner)
        return imports.member(m, owner, name)
    if kind is Object:
        assert isinstance(owner, Object)
        return objects.attribute(m, owner, name, n)
    if kind is Class:
        assert isinstance(owner, Class)
        return _class_attribute(m, owner, name)
    if kind is Super:
        assert isinstance(owner, Super)
        receiver = owner.receiver
        mro = receiver.cls.mro if isinstance(receiver, Instance) else owner.after.mro
        rest = mro[mro.index(owner.after) + 1 :] if owner.after in mro else ()
        return _through_class(m, receiver, rest, name, n)
    if kind is Function:
        assert isinstance(owner, Function)
        found = owner.attrs.get(name)
        if found is not None:
            return found
        return Const(owner.name) if name == "__name__" else UNKNOWN
    if isinstance(owner, (List, Dict, Const, Tuple, Text)):
        return Bound(name, owner, m.place(n))
    if isinstance(owner, Number) and name == "backward":
        return Bound(name, owner, m.place(n))
    return UNKNOWN


def _of_unknown(m: Machine, owner: Unknown, name: str, n: int) -> Unknown:
    """An attribute of something unknown; that it may be a method of a tensor is noted."""
    key = (".", owner.key, name) if owner.key is not None else None
    if owner.blank or m.contracts.method(name, "tensor") is None:
        return Unknown(key, None, owner.grad, owner.origin) if key is not None else owner.part()
    return Unknown(key, Via(".", {"input": owner}, m.place(n)), owner.grad, owner.origin)


def _class_attribute(m: Machine, cls: Class, name: str) -> Value:
    for base in cls.mro:
        if isinstance(base, Class):
            value = base.attrs.get(name)
            if value is not None:
                value = m.resolve(value)
                if isinstance(value, Function) and "classmethod" in value.decorations:
                    return Bound(value, cls)
                return value
        elif isinstance(base, Library):
            if name.startswith("__") and name != "__init__":
                continue
            return Library(f"{base.name}.{name}") if objects.is_known(m, base) else UNKNOWN
        else:
            return UNKNOWN
    if name == "__name__":
        return Const(cls.name)
    if any(isinstance(b, Library) and b.name.startswith("enum.") for b in cls.mro):
        return UNKNOWN
    return UNKNOWN


def _through_class(m: Machine, receiver: Value, mro: tuple[Value, ...], name: str, n: int) -> Value:
    """A name that the instance itself does not have: along the classes, then the protocol of library bases."""
    for base in mro:
        if isinstance(base, Class):
            if base.contract and name in taught.PROTOCOL and isinstance(receiver, Instance):
                return taught.method(receiver, name)
            value = base.attrs.get(name)
            if value is None:
                continue
            value = m.resolve(value)
            if isinstance(value, Function):
                if "staticmethod" in value.decorations:
                    return value
                if "property" in value.decorations or "cached_property" in value.decorations:
                    return calls.call(m, Bound(value, receiver), [], {}, m.place(n))
                if "classmethod" in value.decorations and isinstance(receiver, Instance):
                    return Bound(value, receiver.cls)
                return Bound(value, receiver, m.place(n))
            if isinstance(value, Unknown) and value.key is None and isinstance(receiver, Instance):
                return Unknown((".", ("name", "self", id(receiver)), name))
            return value
        if isinstance(base, Unknown):
            if isinstance(receiver, Instance) and "__getattr__" not in base.__class__.__dict__:
                return Unknown((".", ("name", "self", objects.identity(m, receiver)), name))
            return UNKNOWN
    if not isinstance(receiver, Instance):
        return Bound(name, receiver, m.place(n))
    if name == "__class__":
        return receiver.cls
    if name == "__dict__":
        return Dict(receiver.attrs)
    if objects.is_module(m, receiver):
        return models.module_attribute(m, receiver, name, n)
    inherited = receiver.attrs.get("(layer)")
    if isinstance(inherited, Object):
        return objects.attribute(m, inherited, name, n)
    inherited = receiver.attrs.get("(layer)")
    if isinstance(inherited, Object) and inherited.kind == "engine" and name in inherited.arguments:
        return m.resolve(inherited.arguments[name])
    if any(isinstance(base, Library) for base in mro):
        return Bound(name, receiver, m.place(n))
    return UNKNOWN


def find_method(m: Machine, receiver: Instance, name: str) -> Function | None:
    """The project's method of that name that a call on the instance reaches, if any; none where a contract says what
    the call does."""
    for base in receiver.cls.mro:
        if isinstance(base, Class):
            if base.contract and name in taught.PROTOCOL:
                return None
            value = base.attrs.get(name)
            if value is not None:
                value = m.resolve(value)
                return value if isinstance(value, Function) else None
    return None


def assign(m: Machine, owner: Value, name: str, value: Value) -> None:
    """``owner.name = value``."""
    owner = m.resolve(owner)
    if name == "grad":
        training.cleared(m, None, m.place(0))
    if isinstance(owner, Instance):
        setter = next((v for b in owner.cls.mro if isinstance(b, Class) and (v := b.attrs.get(name)) is not None), None)
        if isinstance(setter, Function) and ("setter" in setter.decorations):
            calls.call(m, Bound(setter, owner), [value], {}, m.place(0))
            return
        _registered(m, owner, name, value)
        m.write(owner.attrs, name, value)
    elif isinstance(owner, (Object, Namespace)):
        if isinstance(owner, Object) and owner.kind == "container":
            _registered(m, owner, name, value)
        m.write(owner.attrs, name, value)
    elif isinstance(owner, Class):
        m.write(owner.attrs, name, value)
    elif isinstance(owner, Function):
        m.write(owner.attrs, name, value)
    elif isinstance(owner, Unknown) and not isinstance(value, Const):
        weights.mark_changed(m, owner)
    elif isinstance(owner, Alternatives):
        saved = m.path
        for guard, option in owner.options:
            m.path = m.under(guard)
            if isinstance(option, (Instance, Object)):
                m.write(option.attrs, name, value)
        m.path = saved


def _registered(m: Machine, owner: Instance | Object, name: str, value: Value) -> None:
    """A module that is assigned to an attribute of a ``Sequential`` is called behind those that it has."""
    held = owner.attrs.get("()")
    if isinstance(held, tuple) and models.is_submodule(m, value):
        children = [(key, value if key == name else child) for key, child in held]
        if all(key != name for key, _ in children):
            children.append((name, value))
        m.write(owner.attrs, "()", tuple(children))


def has(m: Machine, owner: Value, name: str) -> Value:
    """``hasattr(owner, name)`` as far as it is known."""
    owner = m.resolve(owner)
    if isinstance(owner, Instance):
        if name in owner.attrs:
            return TRUE
        if any(isinstance(b, Class) and name in b.attrs for b in owner.cls.mro):
            return TRUE
        if all(isinstance(b, Class) for b in owner.cls.mro):
            return FALSE
    if isinstance(owner, Namespace):
        return TRUE if name in owner.attrs else UNKNOWN
    return UNKNOWN
