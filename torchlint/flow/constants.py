"""Numbers that a program writes down, read back from the tensors and arrays that it made of them.

Worked example: of ``torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255`` these are 123.675, 116.28 and 103.53.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torchlint.flow.shape import Shape
from torchlint.flow.values import Const, List, Number, Tensor, Tuple, Value, Via

#: Operations that make a tensor of numbers, or give the same numbers in another form, order of dimensions or place.
KEPT = frozenset(
    {
        "tensor", "as_tensor", "asarray", "array", "from_numpy", "numpy", "FloatTensor", "Tensor", "to", "type",
        "float", "double", "half", "astype", "float32", "cpu", "view", "reshape", "unsqueeze", "squeeze", "expand",
        "expand_as", "view_as", "clone", "copy", "detach", "contiguous", "Parameter", "data", "no_grad",
        "requires_grad", "type_as", "permute", "transpose", "ascontiguousarray", "asfarray", "flatten", "ravel", "cuda",
        "float64", "moveaxis", "Variable", "identity", "tolist", "expand_dims", "stack",
    }
)  # fmt: skip

ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}
#: Nested operations and numbers that are looked at.
DEEPEST, MOST = 12, 64


def constants(value: Value | None, depth: int = 0) -> tuple[float, ...] | None:
    """The numbers that a value holds, in order; None if they are not known, or too many."""
    if value is None or depth > DEEPEST:
        return None
    if isinstance(value, Const):
        number = value.value
        return (float(number),) if isinstance(number, (int, float)) and not isinstance(number, bool) else None
    if isinstance(value, Number):
        ends = value.interval
        return (ends.low,) if ends is not None and ends.low == ends.high else None
    if isinstance(value, (Tuple, List)):
        return _joined(value.items, depth) if value.items is not None else None
    if not isinstance(value, Tensor):
        return None
    found = _computed(value.via, depth + 1) if value.via is not None else None
    if found is not None and value.via is not None and value.via.op == "select" and len(found) != _count(value.shape):
        return None
    if found is None and value.range is not None and value.range.low == value.range.high:
        return (value.range.low,)
    return found


def _joined(items: Iterable[Value], depth: int) -> tuple[float, ...] | None:
    found: list[float] = []
    for item in items:
        some = constants(item, depth + 1)
        if some is None or len(found) + len(some) > MOST:
            return None
        found += some
    return tuple(found) or None


def _computed(via: Via, depth: int) -> tuple[float, ...] | None:
    first = next(iter(via.arguments.values()), None)
    if via.op in KEPT:
        return constants(first, depth)
    if via.op == "select":
        held, index = constants(first, depth), via.arguments.get("index")
        if not isinstance(index, Const):
            return held if isinstance(index, Tuple) and not any(_picks(one) for one in index.items) else None
        if index.value is None:
            return held
        at = index.value if isinstance(index.value, int) and not isinstance(index.value, bool) else MOST
        return (held[at],) if held is not None and -len(held) <= at < len(held) else None
    work = ARITHMETIC.get(via.op)
    if work is None:
        return None
    left, right = constants(first, depth), constants(via.arguments.get("other"), depth)
    if left is None or right is None or (via.op == "div" and 0.0 in right):
        return None
    count = max(len(left), len(right))
    if {len(left), len(right)} - {1, count}:
        return None
    return tuple(work(left[i % len(left)], right[i % len(right)]) for i in range(count))


def _count(shape: Shape) -> int | None:
    """How many elements there are; None if that is not known."""
    found = 1
    for size in shape if shape is not None else (None,):
        if not isinstance(size, int):
            return None
        found *= size
    return found


def _picks(index: Value) -> bool:
    """Whether an index leaves less than there was: anything but whole slices and new dimensions may."""
    return isinstance(index, (Number, Tensor)) or (isinstance(index, Const) and index.value is not None)
