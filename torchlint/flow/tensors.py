"""Attributes and methods of tensors, arrays and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import frames, pil, training
from torchlint.flow.events import SinkEvent
from torchlint.flow.interval import UNIT
from torchlint.flow.library import apply
from torchlint.flow.library.dtypes import category
from torchlint.flow.library.operators import COMPARISONS
from torchlint.flow.library.reading import dtype_name
from torchlint.flow.machine import Machine, flatten
from torchlint.flow.observing import observe
from torchlint.flow.spell import spell
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Bound,
    Const,
    List,
    Meaning,
    Number,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Value,
    Via,
)
from torchlint.syntax import ir

#: Methods that only a tensor has, or that nothing else of note has: what they give is known even of a receiver that is
#: not.
TENSOR_ONLY = frozenset({
    "view", "sigmoid", "softmax", "log_softmax", "unsqueeze", "permute", "one_hot", "long", "int", "short", "byte",
    "bool", "char", "float", "double", "half", "bfloat16", "type_as",
})  # fmt: skip


def of_unknown(name: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> Value | None:
    """What a method of something unknown says of it: a tensor where only tensors have the method; else None."""
    if name in TENSOR_ONLY:
        return Tensor()
    if name in ("to", "type"):
        named = [dtype_name(value) for value in (*args, *keywords.values())]
        # a module can be brought to floats of another width, but holds no integers
        return Tensor() if any(category(dtype) in (0, 1) for dtype in named) else None
    if name == "size" and len(args) == 1 and isinstance(args[0], Const):
        return Number(kind="int")
    return None


def compared(value: Value) -> Value:
    """Where only a tensor makes sense, the outcome of comparing something unknown is one of booleans."""
    key = value.key if isinstance(value, Unknown) else None
    while isinstance(key, tuple) and key and key[0] == "not":
        key = key[1]
    if isinstance(key, tuple) and key and key[0] in COMPARISONS:
        return Tensor(UNIT.loose(), Meaning("binary"), "bool", None, "detached")
    return value


def attribute(m: Machine, tensor: Tensor, name: str, n: int) -> Value:
    """``tensor.name``."""
    if frames.is_frame(tensor):
        named = frames.attribute(tensor, name, m.place(n))
        if named is not None:
            return named
    if tensor.holder == "pil":
        known = pil.attribute(tensor, name)
        if known is not None:
            return known
    else:
        found = apply.attribute(tensor, name)
        if isinstance(found, Tensor) and name in ("data", "grad") and tensor.holder != "packed":
            return found.with_(via=Via(name, {"input": tensor}, m.place(n)))
        if found is not None:
            return found
    if name in ("device", "is_cuda", "grad_fn", "mode", "height", "width"):
        return UNKNOWN
    return Bound(name, tensor, m.place(n))


def call_method(
    m: Machine, tensor: Tensor, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place,
    node: ir.Call | None = None,
) -> Value:  # fmt: skip
    """``tensor.name(…)``."""
    if name == "backward":
        training.record(m, "backward", _weighted(m, tensor, args, place), "", place)
        return NONE
    if frames.is_frame(tensor):
        return frames.call_method(m, tensor, name, args, keywords, place)
    if tensor.holder == "pil":
        if name in ("save", "show"):
            image = node.func.value if node is not None and isinstance(node.func, ir.Attr) else None
            at = None if image is None else Place(place.path, image.n)
            m.calls += 1
            m.events.append(SinkEvent(place, m.guard(), f"PIL.{name}", name, tensor, m.calls, spell(image), at))
            return NONE
        return m.over(
            [tensor, *args, *keywords.values()],
            lambda v: pil.method(tensor, name, v[1 : len(args) + 1], dict(zip(keywords, v[len(args) + 1 :])), place),
        )
    if name == "apply_" or name == "map_":
        return tensor.with_(range=None, meaning=None)
    row = m.contracts.method(name, tensor.holder)
    if row is None:
        if name.endswith("_") and not name.endswith("__"):
            return tensor.with_(range=None, meaning=None)
        return UNKNOWN

    receiver = node.func.value.n if node is not None and isinstance(node.func, ir.Attr) else None
    m.calls += 1
    number = m.calls

    def one(values: list[Value]) -> Value:
        bound = row.parameters.bind(values[: len(args) + 1], dict(zip(keywords, values[len(args) + 1 :])))
        result = apply.apply(row, bound, place, f".{name}()", None, receiver)
        observe(m, result, f".{name}()", number, node, row.parameters.positional[1:])
        return grad_mode(m, result)

    return m.over([tensor, *args, *keywords.values()], one)


def _weighted(m: Machine, tensor: Tensor, args: Sequence[Value], place: Place) -> Tensor:
    """What ``tensor.backward(gradient)`` starts from: the product of the two."""
    gradient = m.resolve(args[0]) if args else NONE
    if isinstance(gradient, Tensor) and gradient.range is not None and gradient.range.low == gradient.range.high:
        gradient = Const(gradient.range.low)
    if not isinstance(gradient, (Tensor, Const)) or gradient is NONE:
        return tensor
    return tensor.with_(via=Via("mul", {"input": tensor, "other": gradient}, place))


def grad_mode(m: Machine, value: Value) -> Value:
    """Under ``no_grad`` nothing that is computed is attached."""
    if not m.grad and isinstance(value, Tensor) and value.grad == "attached":
        place = value.via.place if value.via is not None else m.place(0)
        return value.with_(grad="detached", via=Via("no_grad", {"input": value}, place))
    return value


def tensor_inputs(values: Sequence[Value]) -> list[Tensor]:
    """The tensors among values, alternatives and one level of tuples opened."""
    out: list[Tensor] = []
    for value in flatten(values):
        if isinstance(value, Tensor):
            out.append(value)
        elif isinstance(value, (Tuple, List)) and value.items is not None:
            out.extend(v for v in flatten(value.items) if isinstance(v, Tensor))
    return out
