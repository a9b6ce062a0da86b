"""Operators between tensors and numbers: ``+ - * / // % ** @``, comparisons, ``& | ^ ~``.

Worked example: ``(torch.tanh(x) + 1) / 2`` is [0, 1]; ``1 - torch.sigmoid(x)`` is a probability.
"""

from __future__ import annotations

from collections.abc import Callable

from torchlint.flow import interval as arithmetic
from torchlint.flow import shape as sizes
from torchlint.flow.constants import constants
from torchlint.flow.interval import REAL, UNIT, Interval
from torchlint.flow.library import curves, meanings, ranges, widths
from torchlint.flow.library.axes import broadcast, matmul_shapes
from torchlint.flow.library.dtypes import category, promote
from torchlint.flow.library.reading import as_tensor, dim_of, interval_of, is_scalar
from torchlint.flow.library.refusals import Refusal, Refused
from torchlint.flow.shape import Shape
from torchlint.flow.values import (
    UNKNOWN,
    Const,
    List,
    Meaning,
    Number,
    Place,
    Run,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
    Via,
    kind_of,
)

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

#: What torch calls the operators.
NAMES = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floor_divide", "%": "remainder", "**": "pow",
    "@": "matmul", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne", "&": "logical_and",
    "|": "logical_or", "^": "logical_xor",
}  # fmt: skip
LOGICAL = ("&", "|", "^")

_RANGES: dict[str, Callable[[Value | None, Value | None], Interval | None]] = {
    "+": ranges.add_values,
    "-": ranges.subtract_values,
    "*": ranges.multiply_values,
    "/": ranges.divide_values,
    "//": ranges.floor_divide_values,
    "%": ranges.remainder_values,
    "**": ranges.power_values,
    "@": ranges.matmul_values,
}


def grad_of(tensors: list[Tensor], unknown: bool) -> str | None:
    """Attached if one operand is; detached if all are."""
    if any(t.grad == "attached" for t in tensors):
        return "attached"
    return "detached" if tensors and not unknown and all(t.grad == "detached" for t in tensors) else None


def run_of(tensors: list[Tensor]) -> Run | None:
    """The model's call that the result goes back to: the first that is known."""
    return next((t.run for t in tensors if t.run is not None), None)


def trail_of(tensors: list[Tensor]) -> Trail | None:
    """The history that the result continues: that of a model's output first."""
    for tensor in tensors:
        if tensor.run is not None and tensor.trail is not None:
            return tensor.trail
    return next((t.trail for t in tensors if t.trail is not None), None)


def holder_of(tensors: list[Tensor]) -> str:
    """numpy only if every array among them is one."""
    arrays = [t for t in tensors if t.shape != () or t.holder != "tensor"]
    return "numpy" if arrays and all(t.holder != "tensor" for t in arrays) else "tensor"


def note(spelled: str, a: Interval | None, shape: Shape = None) -> str:
    """A step of a trail: ``"`torch.sigmoid` → [0, 1]"``."""
    facts = [str(a)] if a is not None else []
    if shape is not None and shape:
        facts.append(sizes.render(shape))
    return f"`{spelled}` → {', '.join(facts)}" if facts else f"`{spelled}`"


def binary(op: str, left: Value, right: Value, place: Place, spelled: str) -> Value:
    """``left op right`` for tensors and numbers; two plain constants are the interpreter's own business."""
    if not isinstance(left, Tensor) and not isinstance(right, Tensor):
        return _numbers(op, left, right)
    left, right = _array(left, right), _array(right, left)
    operands = [left, right]
    if op in ("in", "not in", "is", "is not", "and", "or"):
        return UNKNOWN
    tensors = [t for t in operands if isinstance(t, Tensor)]
    known = all(isinstance(v, Tensor) or is_scalar(v) for v in operands)
    shape: Shape = None
    refusal: Refusal | None = None
    try:
        shape = _shape(op, left, right)
    except Refused as refused:
        certain = all(t.holder == "tensor" for t in tensors)
        shape, refusal = refused.shape, refused.refusal if certain else None
    if op in COMPARISONS:
        found: Interval | None = _decided(op, left, right) or ranges.compare(op, left, right)
        meaning: Meaning | None = meanings.BINARY
        dtype: str | None = "bool"
    elif op in LOGICAL or op in ("<<", ">>"):
        dtype = promote(operands) if known else None
        unit = [interval_of(v) for v in operands]
        both = op in LOGICAL and all(a is not None and a.within(0, 1, 0) for a in unit)
        found, meaning = (UNIT.loose(), meanings.BINARY) if dtype == "bool" or both else (None, None)
    else:
        rule = _RANGES.get(op)
        found = rule(left, right) if rule is not None else None
        dtype = promote(operands) if known else None
        if op == "/" and category(dtype) in (0, 1):
            dtype = "float64" if any(t.holder == "numpy" for t in tensors) else "float32"
        if category(dtype) == 1:
            found = _wrapped(found, dtype)
        meaning = _meaning(op, left, right, found)
        if op == "/" and _standardizes(left, right):
            found = REAL
            meaning = meaning if meaning is not None and meaning.kind == "image" else Meaning("standardized")
    grad = grad_of(tensors, not all(isinstance(v, Tensor) or is_scalar(v) or is_data(v) for v in operands))
    if op in COMPARISONS or op in LOGICAL:
        grad = "detached"
    parent = trail_of(tensors)
    changed = all(found != t.range for t in tensors) and (found is not None or any(t.range for t in tensors))
    trail = Trail(place, note(spelled, found), parent) if changed else parent
    via = _via(op, left, right, place, refusal)
    width = None
    if shape is None:
        width = widths.matmul(left, right) if op == "@" else widths.broadcast(operands)
    return Tensor(found, meaning, dtype, shape, grad, trail, run_of(tensors), holder_of(tensors), via, width)


def _array(value: Value, beside: Value) -> Value:
    """A list of numbers beside an array, which makes an array of it."""
    if not isinstance(value, (Tuple, List)) or not isinstance(beside, Tensor) or beside.holder != "numpy":
        return value
    numbers = constants(value)
    if numbers is None or value.items is None or len(numbers) != len(value.items):
        return value
    whole = all(isinstance(item, Const) and isinstance(item.value, int) for item in value.items)
    dtype = "int64" if whole else "float64"
    return Tensor(Interval(min(numbers), max(numbers)), None, dtype, (len(numbers),), "detached", holder="numpy",
                  via=Via("array", {"object": value}, Place("", 0)))  # fmt: skip


def _decided(op: str, left: Value, right: Value) -> Interval | None:
    """How a single number, such as a tensor's greatest, compares with what it cannot reach; else None."""
    a, b = interval_of(left), interval_of(right)
    single = any(isinstance(v, Tensor) and v.shape == () for v in (left, right))
    if a is None or b is None or not single or op not in ("<", "<=", ">", ">="):
        return None
    above, below = (a, b) if op[0] == ">" else (b, a)
    if above.low > below.high or (op[1:] and above.low == below.high):
        return arithmetic.point(1.0)
    if above.high < below.low or (not op[1:] and above.high == below.low):
        return arithmetic.point(0.0)
    return None


def unknown_binary(op: str, left: Value, right: Value, place: Place) -> Unknown:
    """``left op right`` where one side is unknown and the other no tensor: how it came to be, and whether of data."""
    data = all(isinstance(v, (Const, Number)) or is_data(v) for v in (left, right))
    return Unknown(None, _via(op, left, right, place), "detached" if data else None)


def is_data(value: Value) -> bool:
    """Whether something unknown depends on no parameter."""
    return isinstance(value, Unknown) and value.grad == "detached"


def _via(op: str, left: Value, right: Value, place: Place, refusal: Refusal | None = None) -> Via:
    arguments = {"input": left, "exponent" if op == "**" else "other": right}
    return Via(NAMES.get(op, op), arguments, place, refused=refusal)


def _standardizes(left: Value, right: Value) -> bool:
    """``(x - x.mean()) / x.std()``, with a small number in the divisor or without one."""
    if not isinstance(left, Tensor) or left.via is None or left.via.op != "sub":
        return False
    x, mean = left.via.arguments.get("input"), left.via.arguments.get("other")
    spread = _reduced(_reduced(right, ("add", "clamp", "clamp_min", "maximum")) or right, ("std", "nanstd"))
    return isinstance(x, Tensor) and _reduced(mean, ("mean", "nanmean")) is x and (spread is x or spread is left)


def _reduced(value: Value | None, ops: tuple[str, ...]) -> Value | None:
    """What a value was reduced from by one of these operations."""
    via = value.via if isinstance(value, (Tensor, Number)) else None
    return next(iter(via.arguments.values()), None) if via is not None and via.op in ops else None


def _wrapped(a: Interval | None, dtype: str | None) -> Interval | None:
    """Integer arithmetic wraps around where the result does not fit."""
    return ranges.cast(a, dtype, dtype) if a is not None and dtype is not None else a


def _shape(op: str, left: Value, right: Value) -> Shape:
    shapes: list[Shape] = []
    for value in (left, right):
        tensor = as_tensor(value)
        shapes.append(None if tensor is None else tensor.shape)
    if op == "@":
        return matmul_shapes(shapes[0], shapes[1])
    return broadcast(shapes[0], shapes[1])


def _meaning(op: str, left: Value, right: Value, a: Interval | None) -> Meaning | None:
    if op in ("+", "-"):
        return meanings.meaning_of_sum(left, right, a, 1 if op == "+" else -1)
    if op in ("*", "/"):
        return meanings.meaning_of_product(left, right, a, op == "/")
    if op == "@" and curves.is_free(a):
        return Meaning("logits")
    return None


def _numbers(op: str, left: Value, right: Value) -> Value:
    """Numbers that are not constants: sizes and floats."""
    if isinstance(left, Unknown) or isinstance(right, Unknown) or not (is_scalar(left) and is_scalar(right)):
        return UNKNOWN
    if op in COMPARISONS:
        return UNKNOWN
    a, b = dim_of(left), dim_of(right)
    sized = [(isinstance(v, Const) and isinstance(v.value, int)) or (isinstance(v, Number) and v.interval is None)
             for v in (left, right)]  # fmt: skip
    if all(sized) and (a is not None and b is not None):
        dim = None
        if op == "+":
            dim = sizes.add(a, b)
        elif op == "-":
            dim = sizes.subtract(a, b)
        elif op == "*":
            dim = sizes.multiply(a, b)
        elif op == "//" and isinstance(b, int) and b > 0:
            dim = sizes.floor_divide(a, b)
        elif op == "%" and isinstance(a, int) and isinstance(b, int) and b:
            dim = a % b
        if dim is not None:
            return Const(dim) if isinstance(dim, int) else Number(dim)
        if op in ("+", "-", "*", "//", "%", "**"):
            return Number(kind="int")
    rule = _RANGES.get(op)
    found = rule(left, right) if rule is not None and op != "@" else None
    if isinstance(left, Const) and isinstance(right, Const) and found is not None and found.low == found.high:
        whole = isinstance(left.value, int) and isinstance(right.value, int) and op != "/"
        return Const(int(found.low)) if whole and found.low == int(found.low) else Const(found.low)
    return Number(None, found, kind=_kind(op, left, right))


def _kind(op: str, left: Value, right: Value) -> str | None:
    """The Python type of arithmetic on two numbers."""
    kinds = {kind_of(left), kind_of(right)}
    if None in kinds:
        return None
    if "float" in kinds or op == "/":
        return "float"
    return "int" if op != "**" else None


def unary(op: str, operand: Value, place: Place, spelled: str) -> Value:
    """``-x``, ``+x``, ``~x``, ``not x``."""
    if op == "not":
        return UNKNOWN
    if not isinstance(operand, Tensor):
        if op == "-" and isinstance(operand, Number):
            kind = kind_of(operand) if kind_of(operand) != "bool" else "int"
            return Number(sizes.scale(operand.dim, -1), arithmetic.negate(operand.interval), kind=kind)
        if isinstance(operand, Const) and isinstance(operand.value, (int, float)):
            return Const(-operand.value) if op == "-" else Const(+operand.value) if op == "+" else UNKNOWN
        return operand if op == "+" and isinstance(operand, Number) else UNKNOWN
    if op == "+":
        return operand
    meaning = operand.meaning
    if op == "-":
        found = arithmetic.negate(operand.range)
        if (operand.dtype or "").startswith("uint"):
            found = ranges.cast(found, operand.dtype, operand.dtype)
        kept = meaning is not None and meaning.kind in ("logits", "activation", "noise", "loss")
        meaning = meaning if kept else None
    elif operand.dtype == "bool":
        found, meaning = UNIT.loose(), meanings.BINARY
    else:
        found, meaning = None, None
    grad = operand.grad if op == "-" else "detached"
    changed = found != operand.range
    trail = Trail(place, note(spelled, found), operand.trail) if changed else operand.trail
    via = Via("neg" if op == "-" else "logical_not", {"input": operand}, place)
    return operand.with_(range=found, meaning=meaning, grad=grad, trail=trail, via=via)


def extreme_of_two(name: str, left: Tensor, right: Tensor) -> Tensor:
    """``torch.max(a, b)`` and its like."""
    rule = ranges.maximum_values if "max" in name else ranges.minimum_values
    tensors = [left, right]
    return Tensor(rule(left, right), meanings.meaning_of_all([left, right]), promote([left, right]),
                  sizes.broadcast(left.shape, right.shape), grad_of(tensors, False), trail_of(tensors),
                  run_of(tensors), holder_of(tensors))  # fmt: skip
