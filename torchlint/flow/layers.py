"""Layers of ``torch.nn`` and containers of layers: children, calls, and what reaches a layer with fixed channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torchlint.flow import builtins, calls, expressions, subscripts
from torchlint.flow.events import LayerEvent
from torchlint.flow.library import apply, tables
from torchlint.flow.machine import Machine, flatten
from torchlint.flow.observing import observe
from torchlint.flow.spell import spell
from torchlint.flow.tensors import grad_mode
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Const,
    Dict,
    Instance,
    List,
    Object,
    Place,
    Rest,
    Several,
    Tensor,
    Tuple,
    Value,
    make_list,
)
from torchlint.syntax import ir

Child = tuple[str, Value]


def fill_container(
    m: Machine, attrs: dict[str, Any], kind: str, args: Sequence[Value], keywords: Mapping[str, Value]
) -> None:
    """Give a container its children: the cell ``"()"`` holds (name, module) pairs, or None if they are not known."""
    m.write(attrs, "()", None)
    if kind == "Sequential":
        first = m.resolve(args[0]) if len(args) == 1 else None
        if isinstance(first, Dict):
            if not first.meta.get("open"):
                m.write(attrs, "()", tuple((str(k), v) for k, v in first.items.items()))
        else:
            m.write(attrs, "()", tuple((str(i), v) for i, v in enumerate(args)))
        return
    given = m.resolve(args[0]) if args else keywords.get("modules", NONE)
    if kind == "ModuleDict":
        m.write(attrs, "(keyed)", True)
        if isinstance(given, Dict):
            if not given.meta.get("open"):
                m.write(attrs, "()", tuple((str(k), v) for k, v in given.items.items()))
        elif isinstance(given, Const):
            m.write(attrs, "()", ())
        return
    if isinstance(given, Const):
        m.write(attrs, "()", ())
        return
    items = builtins.items_of(m, given)
    if items is not None:
        m.write(attrs, "()", tuple((str(i), v) for i, v in enumerate(items)))
    else:
        m.write(attrs, "element()", builtins.element(m, given, m.place(0)))


def add_child(m: Machine, owner: Object | Instance, name: str | None, value: Value) -> None:
    """Append a child to a container."""
    children = owner.attrs.get("()")
    if isinstance(children, tuple):
        m.write(owner.attrs, "()", (*children, (str(len(children)) if name is None else name, value)))


def child(m: Machine, owner: Object | Instance, children: tuple[Child, ...], index: Value) -> Value:
    """``container[index]``."""
    index = m.resolve(index)
    rest = [i for i, (_, v) in enumerate(children) if type(v) is Rest]
    if rest:
        number = index.value if isinstance(index, Const) and isinstance(index.value, int) else None
        if number is None or not (0 <= number < rest[0] or rest[-1] - len(children) < number < 0):
            return UNKNOWN
    if isinstance(index, Const):
        if isinstance(index.value, int) and -len(children) <= index.value < len(children):
            return m.resolve(children[index.value][1])
        for name, value in children:
            if name == index.value:
                return m.resolve(value)
        return UNKNOWN
    if isinstance(index, subscripts.Slice):
        part = subscripts.get(m, make_list(v for _, v in children), index, m.place(0))
        items = part.items if isinstance(part, List) else None
        attrs: dict[str, Any] = {"()": None if items is None else tuple((str(i), v) for i, v in enumerate(items))}
        if isinstance(owner, Object):
            return Object(owner.kind, owner.name, owner.arguments, attrs, owner.made)
        return Object("container", "torch.nn.Sequential", {}, attrs, owner.made)
    if children and all(type(v) is type(children[0][1]) for _, v in children):
        return UNKNOWN
    return UNKNOWN


def run_children(m: Machine, children: tuple[Child, ...] | None, args: Sequence[Value], place: Place) -> Value:
    """A Sequential's call: each child on what the one before gave."""
    if children is None or not args:
        return UNKNOWN
    value = args[0]
    for _, module in children:
        one = m.resolve(module)
        value = calls.call(m, one.element if isinstance(one, Rest) else one, [value], {}, place)
    return value


def spelled(layer: Object) -> str:
    """A layer as the program made it: ``nn.Conv2d(32, 1, 3)``."""
    text = layer.attrs.get("spelled")
    if text is None:
        node = layer.attrs.get("node")
        text = layer.attrs["spelled"] = spell(node) if node is not None else layer.short
    return str(text)


def call_layer(
    m: Machine,
    layer: Object,
    row: tables.Module,
    args: Sequence[Value],
    keywords: Mapping[str, Value],
    place: Place,
    node: ir.Call | None = None,
) -> Value:
    """The result of calling a layer; what reaches it is recorded if the layer expects a number of channels."""
    names, n = list(keywords), len(args)
    text = spelled(layer)
    first = node.args[0].n if node is not None and node.args else None
    m.calls += 1
    number = m.calls

    def one(values: list[Value]) -> Value:
        made = layer.arguments
        if any(not isinstance(v, (Const, Tuple, List)) for v in made.values()):
            made = {k: m.resolve(v) for k, v in made.items()}
        bound = dict(zip(names, values[n:]))
        result = apply.apply_module(m.contracts, row, made, values[:n], bound, place, text, layer.made, first)
        if row.expects and values:
            given = values[0] if isinstance(values[0], Tensor) else Tensor()
            _record(m, layer, row, given, place, number, node, result)
        observe(m, result, text, number, layer.attrs.get("node"), row.parameters.positional)
        result = grad_mode(m, result)
        if isinstance(result, Tensor) and (
            layer.attrs.get("(written)") or isinstance(layer.attrs.get("weight"), Value)
        ):
            return result.with_(range=None, meaning=None)
        return result

    if row.kind == "recurrent" or row.kind == "attention":
        return _several(m, row, one, args, keywords)
    return m.over([*args, *keywords.values()], one)


def _several(m: Machine, row: tables.Module, one: Any, args: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    value = m.over([*args, *keywords.values()], one)
    if isinstance(value, Tensor) and row.short in ("LSTM", "GRU", "RNN"):
        return Tuple((_first(value), UNKNOWN))
    return value


def _first(value: Tensor) -> Tensor:
    """The first of several results of the operation that gave it."""
    via = value.via
    if via is None or isinstance(via, Several):
        return value
    several = Several(via.op, via.arguments, via.place, via.made, via.operand, via.text, via.full)
    first = value.with_(via=several)
    several.results.append((first, (0,)))
    return first


def _record(
    m: Machine,
    layer: Object,
    row: tables.Module,
    tensor: Tensor,
    place: Place,
    call: int,
    node: ir.Call | None,
    result: Value,
) -> None:
    expected = m.resolve(layer.arguments.get(row.expects, UNKNOWN))
    size = expected.value if isinstance(expected, Const) and isinstance(expected.value, int) else None
    given = channels(tensor, row)
    m.events.append(
        LayerEvent(
            place,
            m.guard(),
            layer,
            row.expects,
            size,
            given if isinstance(given, int) else None,
            tensor,
            call,
            m.catching == m.loops,
            m.running,
            spell(node.func) if node is not None and isinstance(node.func, (ir.Attr, ir.Name)) else "",
            result,
            layer.attrs.get("(weight)"),
            layer.attrs.get("(bias)"),
        )
    )


def weights_written(m: Machine, node: ir.Expr) -> None:
    """The program fills a layer's ``weight`` itself: what the layer gives is then no longer known to be unbounded."""
    if isinstance(node, ir.Attr) and node.name == "data":
        node = node.value
    if isinstance(node, ir.Attr) and node.name == "weight":
        for layer in flatten([m.resolve(expressions.evaluate(m, node.value))]):
            inherited = layer.attrs.get("(layer)") if isinstance(layer, Instance) else layer
            if isinstance(inherited, Object):
                m.write(inherited.attrs, "(written)", True)


def channels(tensor: Tensor, row: tables.Module) -> object:
    """The size of a tensor at the dimension that a layer takes for its channels; None if it is not known."""
    shape = tensor.shape
    if shape is None and row.channel_dim == -1:
        return tensor.last
    if not shape:
        return None
    if row.channel_dim < 0:
        return shape[row.channel_dim] if len(shape) >= -row.channel_dim else None
    if row.kind == "norm":
        batched = len(shape) == row.spatial + 2 or (row.spatial == 1 and len(shape) == 2)
        return shape[row.channel_dim] if batched else None
    if row.spatial:
        if len(shape) not in (row.spatial + 1, row.spatial + 2):
            return None
        return shape[-(row.spatial + 1)]
    return shape[row.channel_dim] if len(shape) > row.channel_dim else None
