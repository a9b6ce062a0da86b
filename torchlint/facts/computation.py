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

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from torchlint.flow import join
from torchlint.flow.interval import Interval, hull
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
        "batch", "copy", "flip", "fromarray", "unflatten", "Unflatten",
    }
)  # fmt: skip


#: Operations that look at the size of the tensor that is named first, and not at its values.
VALUELESS = frozenset(
    {
        "size", "numel", "dim", "len", "shape", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like",
        "randn_like", "randint_like", "new_zeros", "new_ones", "new_full", "new_empty", "new_tensor",
    }
)  # fmt: skip

#: Operations that put several tensors together.
JOINTS = frozenset({"cat", "concat", "concatenate", "stack", "vstack", "hstack", "dstack", "column_stack"})


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


def alternatives(value: Value, guard: Guard) -> list[tuple[Guard, Value]]:
    """What a value may be under a guard."""
    if isinstance(value, Alternatives):
        out: list[tuple[Guard, Value]] = []
        for inner, v in value.options:
            if not join.contradicts(guard, inner):
                out.extend(alternatives(v, join.merge(guard, inner)))
        return out
    return [(guard, value)]


def options(value: Value, guard: Guard) -> list[tuple[Guard, Tensor | None]]:
    """What a value may be under a guard: tensors, and None for whatever is no tensor."""
    return [(found, v if isinstance(v, Tensor) else None) for found, v in alternatives(value, guard)]


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


def same_core(a: Value | None, b: Value | None) -> bool:
    """Whether two tensors are the same values, moved about."""
    first, second = core(a), core(b)
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return False
    return first is second or (first.via is not None and first.via is second.via)


def reached(value: Value | None, depth: int = 0) -> Interval | None:
    """An interval whose ends are sure to occur among a tensor's values; None if that is not known of any.

    Unlike its range, which must hold every value, it may leave out what is not known: of a tensor that is stacked from
    columns, it is the hull of those columns that are known.
    """
    if not isinstance(value, Tensor) or depth > 20:
        return None
    if value.range is not None and value.range.tight:
        return value.range
    via = value.via
    if via is None:
        return None
    whole = via.op in MOVES and via.op not in SELECTIONS
    if whole or (via.op == "select" and _is_row(via.arguments.get("index"))):
        return reached(operand(via), depth + 1)
    found: Interval | None = None
    for part in parts(operand(via)) if via.op in JOINTS else ():
        one = reached(part, depth + 1)
        if one is not None:
            found = one if found is None else hull(found, one)
    return found


#: Moves after which less may be left than there was.
SELECTIONS = frozenset({"select", "narrow", "masked_select", "index_select", "unbind", "split", "chunk"})


def _is_row(index: Value | None) -> bool:
    """Whether an index picks one sample: over all samples every value still occurs."""
    return isinstance(index, Number) or (isinstance(index, Const) and isinstance(index.value, int))


#: Operations that decide for every element by itself whether it is 0 or 1.
DRAWS = frozenset({"multi-hot", "bernoulli", "randint"})
COMPARISONS = frozenset({"gt", "ge", "lt", "le"})


def several_hot(tensor: Tensor) -> bool:
    """Whether each element of a tensor of zeros and ones was decided by itself, so that a row may hold any number."""
    inner = core(tensor)
    if tensor.meaning is None or tensor.meaning.kind != "binary" or not isinstance(inner, Tensor) or inner.via is None:
        return False
    via = inner.via
    if via.op in DRAWS or (via.op == "setitem" and _marks_several(via)):
        return True
    if via.op not in COMPARISONS or not isinstance(via.arguments.get("other"), Const):
        return False
    return not any(isinstance(part, Tensor) and _shared(part) for part in parts(via.arguments.get("input")))


def _marks_several(via: Via) -> bool:
    """Whether ones are written at several places of one row of zeros: at the places of a list, or one after another."""
    base, index, value = (via.arguments.get(name) for name in ("input", "index", "value"))
    if not isinstance(base, Tensor) or base.shape is None or len(base.shape) != 1 or base.range is None:
        return False
    if not isinstance(value, Const) or value.value != 1 or base.meaning is None or base.meaning.kind != "binary":
        return False
    listed = (isinstance(index, Tensor) and index.shape is not None and len(index.shape) == 1) or (
        isinstance(index, List) and (index.items is None or len(index.items) > 1)
    )
    return listed or base.range.high == 1.0


def _shared(tensor: Tensor) -> bool:
    """Whether the elements of a row may depend on each other: one bright channel, one likely class."""
    kind = tensor.meaning.kind if tensor.meaning is not None else ""
    return tensor.run is not None or kind in ("image", "binary", "distribution", "class-index")


def given_as_data(value: Value | None) -> bool:
    """Whether something of which little else is known comes with the data, perhaps moved about since."""
    while isinstance(value, Tensor) and value.via is not None and value.via.op in MOVES:
        value = operand(value.via)
    return isinstance(value, Unknown) and value.grad == "detached"


def computed_by_model(value: Value | None, budget: int = 400, *, by_size: bool = True) -> bool:
    """Whether a tensor goes back to one that depends on parameters, even if its gradient was cut off since.

    by_size: whether it counts that only the size of such a one was used.
    """
    pending = list(parts(value))
    seen: set[int] = set()
    while pending and budget:
        budget -= 1
        one = pending.pop()
        if isinstance(one, Tensor) and (one.run is not None or one.grad == "attached"):
            return True
        via = one.via if isinstance(one, (Tensor, Number)) else None
        if via is not None and id(via) not in seen:
            seen.add(id(via))
            used = islice(via.arguments.values(), int(not by_size and via.op in VALUELESS), None)
            pending.extend(part for argument in used for part in parts(argument))
    return False


def origins(values: Iterable[Value | None]) -> frozenset[int]:
    """The identities of all operations that lead to these values."""
    pending = [part for value in values for part in parts(value)]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, (Tensor, Number)) and one.via is not None and id(one.via) not in seen:
            seen.add(id(one.via))
            pending.extend(part for argument in one.via.arguments.values() for part in parts(argument))
    return frozenset(seen)


class Cut(msgspec.Struct, frozen=True):
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
