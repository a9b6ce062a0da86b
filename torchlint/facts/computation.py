"""Reading back how a tensor was computed: what is still the same values, which last layer, where a gradient is lost.

Definitions
    move   an operation that rearranges, selects or casts elements and computes nothing: a view, a slice, a cast
    core   a tensor with the moves taken off
    head   the operation that made the core of a tensor: where the last layer was constructed, or where a function was
           called, and its name
    cut    where a value that depends on parameters stops to carry a gradient

Worked example: ``model(x).squeeze(1)[mask].float()`` has three moves; its core is what the model's last layer gave,
and every tensor with the same core has the same head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torchlint.flow import join
from torchlint.flow.values import (
    Alternatives,
    Const,
    Dict,
    Guard,
    List,
    Number,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Value,
    Via,
)

MOVES = frozenset(
    {
        "view", "reshape", "squeeze", "unsqueeze", "flatten", "permute", "transpose", "t", "contiguous", "clone",
        "detach", "cpu", "cuda", "to", "float", "double", "half", "type", "numpy", "from_numpy", "data", "no_grad",
        "expand", "expand_as", "view_as", "reshape_as", "type_as", "movedim", "swapaxes", "ravel", "asarray", "array",
        "select", "narrow", "masked_select", "index_select", "unbind", "split", "chunk", "requires_grad", "tensor",
        "as_tensor", "astype", "Flatten", "Identity", "identity", "tolist", "item", "rearrange", "Variable", "moveaxis",
        "copy", "flip", "fromarray",
    }
)  # fmt: skip


#: Operations that put several tensors together.
JOINTS = frozenset({"cat", "concat", "concatenate", "stack", "vstack", "hstack"})


def operand(via: Via) -> Value | None:
    """What an operation works on: the argument that stands first."""
    return next(iter(via.arguments.values()), None)


def core(value: Value | None) -> Value | None:
    """The value with the moves taken off."""
    while isinstance(value, (Tensor, Number, Unknown)) and value.via is not None and value.via.op in MOVES:
        inner = operand(value.via)
        if not isinstance(inner, (Tensor, Number, Unknown)):
            break
        value = inner
    return value


Head = tuple[Place, str, object]


def head(value: Value | None) -> Head | None:
    """The operation that made the core of a value; None if that is not known.

    Layers that one line constructs are told apart by how many outputs they have. Of several tensors put together it is
    the operation that made them all.
    """
    found = core(value)
    if not isinstance(found, Tensor) or found.via is None:
        return None
    via = found.via
    if via.op in JOINTS:
        heads = {head(part) for part in parts(operand(via))}
        return heads.pop() if len(heads) == 1 else None
    outputs = next((via.arguments[name] for name in ("out_features", "out_channels") if name in via.arguments), None)
    return via.made or via.place, via.op, outputs.value if isinstance(outputs, Const) else None


def options(value: Value, guard: Guard) -> list[tuple[Guard, Tensor | None]]:
    """What a value may be under a guard: tensors, and None for whatever is no tensor."""
    if isinstance(value, Alternatives):
        out: list[tuple[Guard, Tensor | None]] = []
        for inner, v in value.options:
            if not join.contradicts(guard, inner):
                out.extend(options(v, join.merge(guard, inner)))
        return out
    return [(guard, value if isinstance(value, Tensor) else None)]


def parts(value: Value | None) -> Iterator[Value]:
    """The tensors and numbers in a value: itself, or what a list, tuple or dict holds."""
    if isinstance(value, (Tensor, Number)):
        yield value
    elif isinstance(value, Tuple):
        for item in value.items:
            yield from parts(item)
    elif isinstance(value, List):
        for item in value.items if value.items is not None else (value.element,):
            yield from parts(item)
    elif isinstance(value, Dict):
        for item in value.items.values():
            yield from parts(item)
    elif isinstance(value, Alternatives):
        for _, item in value.options:
            yield from parts(item)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a gradient ends: the operation `op` at `place` was given `source`, which depends on parameters, and its
    result does not; `operand` is where the source stands, if that is known."""

    op: str
    place: Place
    source: Tensor
    operand: Place | None = None


def cut(via: Via, source: Tensor, op: str | None = None) -> Cut:
    """That a gradient ends with this operation."""
    operand = Place(via.place.path, via.operand) if via.operand is not None else None
    return Cut(op or via.op, via.place, source, operand)
