"""Contracts for the project's own names: which functions and classes they describe, and what that changes.

Definitions
    taught   a row of a configuration; its name is the full name by which the project imports a thing
    inner    the object of a library's kind that stands for an object of a taught class: in the cell ``(layer)``

A function or class is known by its definition (``app/losses.py`` and ``SoftBCE``: ``app.losses.SoftBCE``) and by every
module that has it under a taught name. A taught function is not entered where it is called. An object of a taught class
is made as the class says, and has its methods and attributes; what a call of it gives is what the row says. The bodies
of both are still run for themselves, like all functions that nothing calls.

Worked example: with a row for the loss ``app.losses.SoftBCE``, ``criterion = SoftBCE(0.1)`` runs ``__init__`` and
remembers ``smooth=0.1`` by the class's own parameters; ``criterion(p, t)`` is then the call of a loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torchlint.flow import objects
from torchlint.flow.library import tables
from torchlint.flow.machine import Frame, Machine, flatten
from torchlint.flow.values import (
    UNKNOWN,
    Bound,
    Class,
    Const,
    Function,
    Instance,
    Library,
    Namespace,
    Object,
    Place,
    Tuple,
    Value,
)
from torchlint.syntax import ir

#: What an object does by its contract, where it has one, and not by its class.
PROTOCOL = frozenset({"forward", "__call__", "__getitem__", "__iter__"})

#: The kinds of row that say what calls or items of an object give; the others say what its construction gives.
OF_OBJECTS = (tables.Loss, tables.Model, tables.Module, tables.Transform, tables.Dataset, tables.Operation)


# --- which definitions are described -----------------------------------------------------------------------------


def define(m: Machine, value: Function | Class, frame: Frame) -> None:
    """Note the contract of a function or class where it is defined, in a module or in the body of a class."""
    owner = value.owner if isinstance(value, Function) else None
    if owner is None and frame.vars is not frame.module.attrs:
        return
    name = f"{owner.name}.{value.name}" if owner is not None else value.name
    full = m.contracts.taught_name(frame.module.name, name)
    if full in m.contracts.taught:
        _describe(m, value, full)


def settle(m: Machine, namespace: Namespace) -> None:
    """Note the contracts of what a module has under taught names, once it has run; what is neither a function nor a
    class becomes the name itself, as if a library had it."""
    for full, name in m.contracts.taught_of(namespace.name):
        value = namespace.attrs.get(name)
        if value is None:
            m.absent.setdefault(full, namespace.name)
            continue
        m.placed.add(full)
        found = [one for one in flatten([value]) if isinstance(one, (Function, Class))]
        for one in found:
            if not one.contract:
                _describe(m, one, full)
        if not found:
            m.note(namespace.attrs, name, Library(full))


def _describe(m: Machine, value: Function | Class, full: str) -> None:
    m.amend(value, full)
    signatures = _signatures(m.contracts.as_taught(full), value)
    row = m.contracts.adapt(full, signatures)
    from torchlint.flow.library import complaints  # rarely needed, and slow to import

    stray = complaints.stray_parameter(row) if "signature" in signatures else None
    if stray is not None:
        m.notes.append(complaints.in_table(m.contracts.taught[full], row, stray))


def _signatures(row: tables.Row, value: Function | Class) -> Mapping[str, str]:
    """The project's own parameters, for the signatures that the row leaves out. What a layer is called with goes to the
    operation that it performs, by that operation's names."""
    if isinstance(value, Class):
        methods = {n: f for b in reversed(value.mro) if isinstance(b, Class) for n, f in b.attrs.items()}
        init, call = methods.get("__init__"), methods.get("forward", methods.get("__call__"))
        by_key = {"signature": call if isinstance(row, tables.Operation) else init, "call_signature": call}
    else:
        of_call = isinstance(row, (tables.Loss, tables.Transform))
        by_key = {"call_signature" if of_call else "signature": value}
    if not isinstance(row, (tables.Loss, tables.Transform)):
        by_key.pop("call_signature", None)
    return {key: signature(f) for key, f in by_key.items() if isinstance(f, Function) and not getattr(row, key)}


def signature(function: Function) -> str:
    """The parameters of a function of the project as a row has them, without the receiver of a method."""
    params = list(function.node.params)
    if function.owner is not None and "staticmethod" not in function.decorations:
        params = params[1:]
    parts = []
    for kind, mark in (("pos", ""), ("any", ""), ("args", "*"), ("kw", ""), ("kwargs", "**")):
        if kind == "kw" and not any(p.kind == "args" for p in params) and any(p.kind == "kw" for p in params):
            parts.append("*")
        for param in params:
            if param.kind == kind:
                default = function.defaults.get(param.name)
                parts.append(f"{mark}{param.name}" + ("" if default is None else f"={_literal(default)}"))
    return f"({', '.join(parts)})"


def _literal(value: Value) -> str:
    """A default as the row has it; ``...`` where it is no literal."""
    if isinstance(value, Const) and not (isinstance(value.value, float) and not math.isfinite(value.value)):
        return repr(value.value)
    if isinstance(value, Tuple):
        parts = [_literal(item) for item in value.items]
        return "..." if "..." in parts else f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    return "..."


# --- objects of described classes --------------------------------------------------------------------------------


def contract(cls: Class) -> str:
    """The taught name of the class that says what an object does: its own, or that of the base which gives it its
    call; empty if there is none."""
    for base in cls.mro:
        if isinstance(base, Class):
            if base.contract:
                return base.contract
            if not PROTOCOL.isdisjoint(base.attrs):
                return ""
    return ""


def made(
    m: Machine, instance: Instance, args: Sequence[Value], keywords: Mapping[str, Value], place: Place,
    node: ir.Call | None,
) -> Value:  # fmt: skip
    """An object of a taught class, once its ``__init__`` has run: with its inner object, or what the row says that the
    construction gives."""
    name = next((base.contract for base in instance.cls.mro if isinstance(base, Class) and base.contract), "")
    row = m.contracts.lookup(name) if name else None
    if row is None:
        return instance
    own = instance.cls.contract == name
    if not isinstance(row, OF_OBJECTS):
        return objects.perform(m, row, name, args, keywords, place, node, function=False) if own else instance
    m.met.add(name)
    found = objects.make(m, row, name, args if own else (), keywords if own else {}, place, node)
    assert isinstance(found, Object)
    if not own:
        found.arguments.clear()  # its constructor has parameters of its own
    m.write(instance.attrs, "(layer)", found)
    return instance


def inner(m: Machine, instance: Instance) -> Object | None:
    """The object that says what calls of an object give; None if its class decides."""
    if not m.contracts.taught or not contract(instance.cls):
        return None
    found = instance.attrs.get("(layer)")
    return found if isinstance(found, Object) else None


def method(instance: Instance, name: str) -> Value:
    """``instance.forward`` and the like, where a contract says what they do."""
    found = instance.attrs.get("(layer)")
    if not isinstance(found, Object):
        return UNKNOWN
    return found if name in ("forward", "__call__") else Bound(name, found)
