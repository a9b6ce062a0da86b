"""Subscripts, and assignment to names, attributes, subscripts and patterns of them."""

from __future__ import annotations

from functools import partial

import msgspec

from torchlint.flow import (
    attributes,
    builtins,
    calls,
    dynamic,
    expressions,
    frames,
    join,
    layers,
    lists,
    objects,
    weights,
)
from torchlint.flow.interval import Interval, hull, point
from torchlint.flow.library import apply
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    UNKNOWN,
    Alternatives,
    Const,
    Dict,
    Instance,
    List,
    Meaning,
    Object,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Unsure,
    Value,
    Via,
    list_of,
    make_list,
)
from torchlint.syntax import ir


class Slice(Value, msgspec.Struct, frozen=True):
    """``lower:upper:step``, each a value (None where absent)."""

    lower: Value
    upper: Value
    step: Value


def _tensor_index(value: Value) -> Value:
    if isinstance(value, Slice):
        return apply.SliceIndex(value.lower, value.upper, value.step)
    if isinstance(value, Tuple):
        return Tuple(tuple(_tensor_index(v) for v in value.items))
    return value


def get(m: Machine, base: Value, index: Value, place: Place) -> Value:
    """``base[index]``."""

    def one(pair: list[Value]) -> Value:
        return _get(m, pair[0], pair[1], place)

    if type(base) is Alternatives or type(index) is Alternatives:
        return m.over([base, index], one)
    return _get(m, base, index, place)


def _get(m: Machine, base: Value, index: Value, place: Place) -> Value:
    if isinstance(base, Tensor) and frames.is_frame(base):
        return frames.subscript(base, index, lambda part: isinstance(part, Slice))
    if isinstance(base, Tensor):
        part = apply.subscript(base, _tensor_index(index))
        return (
            part.with_(via=Via("select", {"input": base, "index": index}, place)) if isinstance(part, Tensor) else part
        )
    if isinstance(base, Dict):
        named = dynamic.item(m, base, index) if "of" in base.meta else None
        if named is not None:
            return named
        if isinstance(index, Const):
            found = base.items.get(index.value)
            if found is not None:
                return m.resolve(found)
            return base.meta.get("element", UNKNOWN) if base.meta.get("open") else UNKNOWN
        if not base.items:
            element: Value = base.meta.get("element", UNKNOWN)
            return element
        if len(base.items) <= join.MOST_ALTERNATIVES and not base.meta.get("open"):
            key = index.key if isinstance(index, Unknown) and index.key is not None else m.fresh_key()
            return dynamic.choice(key, base.items.items())
        if not dynamic.CALLABLE.isdisjoint(map(type, base.items.values())):
            key = index.key if isinstance(index, Unknown) and index.key is not None else m.fresh_key()
            return dynamic.choice(key, base.items.items())
        return join.summary(base.items.values())
    if isinstance(base, (Tuple, List)):
        return _sequence(m, base, index)
    if isinstance(base, Instance):
        method = attributes.find_method(m, base, "__getitem__")
        if method is not None:
            return calls.call(m, attributes.get(m, base, "__getitem__", place.n), [index], {}, place)
        return objects.subscript(m, base, index, place)
    if isinstance(base, Object):
        return objects.subscript(m, base, index, place)
    if isinstance(base, Unknown):
        if base.blank:
            return base
        key = ("[]", base.key, index.value) if base.key is not None and isinstance(index, Const) else None
        return Unknown(key, Via("select", {"input": base, "index": index}, place), base.grad, base.origin)
    if isinstance(base, Const) and isinstance(base.value, str) and isinstance(index, Const):
        if isinstance(index.value, int) and -len(base.value) <= index.value < len(base.value):
            return Const(base.value[index.value])
    return UNKNOWN


def _sequence(m: Machine, base: Tuple | List, index: Value) -> Value:
    items = base.items
    if isinstance(index, Const) and isinstance(index.value, int):
        if items is None:
            if not isinstance(base, List):
                return UNKNOWN
            content = base.content
            if isinstance(content, Unsure) and -len(content.tail) <= index.value < 0:
                return m.resolve(content.tail[index.value])
            return base.element
        if -len(items) <= index.value < len(items):
            return m.resolve(items[index.value])
        return UNKNOWN
    if isinstance(index, Slice):
        bounds = [m.resolve(part) for part in (index.lower, index.upper, index.step)]
        numbers = [b.value if isinstance(b, Const) else "?" for b in bounds]
        if items is not None and all(x is None or isinstance(x, int) for x in numbers):
            low, high, step = (x if isinstance(x, int) else None for x in numbers)
            part = items[slice(low, high, step if step != 0 else None)]
            return Tuple(part) if isinstance(base, Tuple) else make_list(part)
        return list_of(join.element_of(base))
    if items is not None and items:
        return join.summary(items)
    return base.element if isinstance(base, List) else UNKNOWN


def assign(m: Machine, target: ir.Expr, value: Value) -> None:
    """``target = value`` for every kind of target. Something unknown gets a name, so that its tests agree later."""
    if isinstance(value, Unknown) and value.key is None:
        value = value.named(m.fresh_key())
    if m.recorder is not None:
        m.recorder.bind(m.frame.path, target.n, value)
    if isinstance(target, ir.Name):
        m.bind(target.name, value)
    elif isinstance(target, ir.Attr):
        if target.name == "data":
            layers.weights_written(m, target.value)
        owner = expressions.evaluate(m, target.value)
        if target.name == "requires_grad" and isinstance(target.value, (ir.Name, ir.Attr)):
            owner = _asking(m, owner, m.resolve(value), target)
        if isinstance(owner, Tensor) and frames.is_frame(owner):
            _store_in_table(m, owner, frames.written(owner, Const(target.name), m.resolve(value)), target.value)
        attributes.assign(m, owner, target.name, value)
    elif isinstance(target, (ir.TupleExpr, ir.ListExpr)):
        _unpack(m, target.items, value)
    elif isinstance(target, ir.Subscript):
        layers.weights_written(m, target.value)
        base = m.resolve(expressions.evaluate(m, target.value))
        store(m, base, m.resolve(expressions.evaluate(m, target.index)), value, target)
    elif isinstance(target, ir.Starred):
        assign(m, target.value, value)


def _asking(m: Machine, owner: Value, value: Value, target: ir.Attr) -> Value:
    """``tensor.requires_grad = True``: the name stands for a tensor with a gradient of its own."""
    if not isinstance(owner, Tensor):
        return owner
    wanted = {True: "attached", False: "detached"}.get(value.value) if isinstance(value, Const) else None  # type: ignore[call-overload]
    fresh = owner.with_(grad=wanted, via=Via("requires_grad", {"input": owner}, m.place(target.n)))
    assign(m, target.value, fresh)
    return fresh


def _unpack(m: Machine, targets: list[ir.Expr], value: Value) -> None:
    star = next((i for i, t in enumerate(targets) if isinstance(t, ir.Starred)), None)
    if type(value) is Alternatives:
        for i, target in enumerate(targets):
            if isinstance(target, ir.Starred):
                assign(m, target, list_of(UNKNOWN))
            else:
                position = i if star is None or i < star else i - len(targets)
                assign(m, target, m.over([value], partial(_at, m, position, len(targets))))
        return
    items = builtins.items_of(m, value)
    if items is not None and star is None and len(items) == len(targets):
        for target, item in zip(targets, items):
            assign(m, target, item)
        return
    if items is not None and star is not None and len(items) >= len(targets) - 1:
        after = len(targets) - star - 1
        for target, item in zip(targets[:star], items):
            assign(m, target, item)
        assign(m, targets[star], make_list(items[star : len(items) - after]))
        for target, item in zip(targets[star + 1 :], items[len(items) - after :]):
            assign(m, target, item)
        return
    for i, target in enumerate(targets):
        if isinstance(target, ir.Starred):
            assign(m, target, list_of(UNKNOWN))
        else:
            assign(m, target, item_at(m, value, i, len(targets)))


def _at(m: Machine, i: int, count: int, values: list[Value]) -> Value:
    return item_at(m, values[0], i, count)


def item_at(m: Machine, value: Value, i: int, count: int) -> Value:
    """What unpacking a value gives at position i of `count`."""
    if isinstance(value, Tensor):
        return apply.subscript(value, Const(0)) if value.shape else value.with_(shape=None)
    if isinstance(value, Unknown):
        return Unknown(("[]", value.key, i), None, value.grad, value.origin) if value.key is not None else value.part()
    items = builtins.items_of(m, value)
    if items is not None:
        return m.resolve(items[i]) if -len(items) <= i < len(items) else UNKNOWN
    return builtins.element(m, value, m.place(0))


def store(m: Machine, base: Value, index: Value, value: Value, target: ir.Subscript) -> None:
    """``base[index] = value``."""
    if isinstance(base, Dict):
        if isinstance(index, Const):
            m.write(base.items, index.value, value)
        else:
            old = base.meta.get("element")
            m.write(base.meta, "element", value if old is None else join.summary([old, value]))
            m.write(base.meta, "open", True)
    elif isinstance(base, List):
        items = base.items
        if items is not None and isinstance(index, Const) and isinstance(index.value, int):
            i = index.value
            if -len(items) <= i < len(items):
                changed = list(items)
                changed[i] = value
                m.write(base.attrs, "items", tuple(changed))
        else:
            lists.forget(m, base)
    elif isinstance(base, Tensor) and frames.is_frame(base):
        _store_in_table(m, base, frames.written(base, index, value), target.value)
    elif isinstance(base, Tensor):
        if isinstance(target.value, (ir.Name, ir.Attr, ir.Subscript)):
            assign(m, target.value, mixture(m, target, base, index, value))
    elif isinstance(base, Alternatives):
        _store_in_one(m, base, index, value, target)
    elif isinstance(base, Unknown):
        weights.mark_changed(m, base)
    elif isinstance(base, (Object, Instance)):
        if isinstance(base, Instance) and attributes.find_method(m, base, "__setitem__") is not None:
            calls.call(m, attributes.get(m, base, "__setitem__", target.n), [index, value], {}, m.place(target.n))
            return
        objects.store(m, base, index, value)


def _store_in_table(m: Machine, old: Tensor, new: Tensor, target: ir.Expr) -> None:
    """A table was changed that an expression stands for: every name of it stands for the new one."""
    if new is old:
        return
    while isinstance(target, ir.Attr) and target.name in frames.LOCATING:
        target = target.value
    if isinstance(target, (ir.Name, ir.Attr, ir.Subscript)):
        assign(m, target, new)
    for frame in (m.frame, *m.frames):
        for name, value in list(frame.vars.items()):
            if value is old:
                m.write(frame.vars, name, new)


def _store_in_one(m: Machine, base: Alternatives, index: Value, value: Value, target: ir.Subscript) -> None:
    """``base[index] = value`` where base is one of several: each tensor has it, and nothing is known of that entry of a
    list or dict, which has it or not."""
    for _, option in base.options:
        if isinstance(option, List):
            lists.forget(m, option)
        elif isinstance(option, Dict):
            store(m, option, index, UNKNOWN, target)
    whole = target.value
    if isinstance(whole, ir.Attr) and whole.name in frames.LOCATING:
        whole = whole.value
    if isinstance(whole, (ir.Name, ir.Attr, ir.Subscript)):

        def one(values: list[Value]) -> Value:
            old, new = values
            if isinstance(old, Tensor) and frames.is_frame(old):
                return frames.written(old, index, new)
            return mixture(m, target, old, index, new) if isinstance(old, Tensor) else old

        assign(m, whole, m.over([base, value], one))


def mixture(m: Machine, target: ir.Subscript, base: Tensor, index: Value, value: Value) -> Tensor:
    """``tensor[...] = value``: the name then stands for a mixture of what was there and what is written."""
    if isinstance(value, Const) and isinstance(value.value, (int, float)):
        added: Interval | None = point(float(value.value))
        grad = base.grad
    elif isinstance(value, Tensor):
        added, grad = value.range, base.grad or value.grad
    else:
        added, grad = None, None
    mixed = hull(base.range, added)
    binary = (
        mixed is not None
        and base.meaning is not None
        and base.meaning.kind == "binary"
        and (isinstance(value, Const) and value.value in (0, 1))
    )
    constants = (
        base.range is not None and added is not None and base.range.low == base.range.high
        and added.low == added.high and {base.range.low, added.low} <= {0.0, 1.0}
    )  # fmt: skip
    meaning = base.meaning if binary else None
    if constants and meaning is None:
        meaning = Meaning("binary")
    via = Via("setitem", {"input": base, "index": index, "value": value}, m.place(target.n))
    fresh = base.with_(range=mixed, meaning=meaning, grad=grad, via=via)
    if mixed is not None and not (binary or constants):
        fresh = fresh.with_(range=mixed.loose())
    return fresh
