"""What aten operations do to intervals: how a rule is written, and the rules for moved data and for two operands.

Definitions
    A *rule* says which interval the results of an operation have, given a `Call`: one interval for all results, or a
    list with one for each. None means: nothing is known.
    The *precision* of a rule is the number of epsilons by which the library may be wrong: 0 for correctly rounded
    operations, `EXACT` for operations that only choose among numbers that exist already.

Rules are found by the name of the operation without namespace, overload and the trailing underscore of the in-place
form: `aten.add_.Tensor` is `add`. Arguments are found by the names of torch's own schema.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from intervals import (
    APPROXIMATION,
    NON_NEGATIVE,
    UNBOUNDED,
    UNIT,
    ZERO,
    Interval,
    add,
    divide,
    hull,
    is_integral,
    limits,
    magnitude,
    multiply,
    number,
    power,
    settle,
    square,
    subtract,
)

EXACT = -1.0
Result = Interval | list[Interval | None] | None


class Call:
    """One operation that has run: its arguments by name, the intervals of them, and its results."""

    def __init__(
        self, name: str, arguments: dict[str, Any], results: list[Any], interval_of: Callable[[Any], Interval]
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.results = results
        self._interval_of = interval_of

    def value(self, name: str, default: Any = None) -> Any:
        """The argument itself."""
        found = self.arguments.get(name, default)
        return default if found is None else found

    @property
    def dtype(self) -> Any:
        """The dtype of the first result."""
        return self.results[0].dtype

    def raw(self, name: str) -> Interval:
        """The interval of a tensor or number argument as it is stored; unbounded where there is none."""
        return self.interval(self.arguments.get(name))

    def interval(self, argument: Any) -> Interval:
        """The interval of a tensor or a number."""
        if isinstance(argument, torch.Tensor):
            return self._interval_of(argument)
        if isinstance(argument, (bool, int, float, complex)):
            return number(argument)
        return UNBOUNDED

    def of(self, name: str = "self") -> Interval:
        """The interval of an argument after the conversion to the dtype in which torch computes."""
        interval = self.raw(name)
        dtype = self.dtype
        if dtype.is_floating_point:
            return settle(interval, dtype)
        return interval

    def optional(self, name: str) -> Interval | None:
        """As `of`, None where the argument is absent."""
        return None if self.arguments.get(name) is None else self.of(name)

    def size(self, name: str = "self") -> tuple[int, ...]:
        """The shape of a tensor argument."""
        return tuple(int(length) for length in self.arguments[name].shape)

    def epsilon(self) -> float:
        """The machine epsilon of the result."""
        return float(torch.finfo(self.dtype).eps) if self.dtype.is_floating_point else 0.0


Handler = Callable[[Call], Result]


class Rule(NamedTuple):
    """How an operation is interpreted."""

    handler: Handler
    precision: float


RULES: dict[str, Rule] = {}
WITHOUT_BOUNDS: set[str] = set()


def handles(*names: str, precision: float = EXACT) -> Callable[[Handler], Handler]:
    """Registers a handler for operations."""

    def register(handler: Handler) -> Handler:
        for name in names:
            if name in RULES:
                raise ValueError(f"two rules for {name}")
            RULES[name] = Rule(handler, precision)
        return handler

    return register


def without_bounds(*names: str) -> None:
    """Operations that may give any number, because of unknown weights or by their nature."""
    WITHOUT_BOUNDS.update(names)
    handles(*names)(lambda call: None)


def constant(interval: Interval, *names: str) -> None:
    """Operations of which the results lie in one interval, whatever goes in."""
    handles(*names)(lambda call: interval)


# --- data that moves, unchanged: the results hold elements of `self` ------------------------------------------------

MOVEMENT = (
    "clone", "_to_copy", "alias", "alias_copy", "detach", "detach_copy", "view", "view_copy",
    "_reshape_copy", "_reshape_alias", "_unsafe_view", "expand", "expand_copy", "permute", "permute_copy",
    "transpose", "transpose_copy", "t", "t_copy", "squeeze", "squeeze_copy", "unsqueeze", "unsqueeze_copy", "select",
    "select_copy", "slice", "slice_copy", "narrow_copy", "split", "split_copy", "split_with_sizes",
    "split_with_sizes_copy", "unsafe_split", "unsafe_split_with_sizes", "unbind",
    "unbind_copy", "unfold", "unfold_copy", "diagonal", "diagonal_copy", "as_strided", "as_strided_copy", "flip",
    "roll", "rot90", "repeat", "index_select", "index", "_unsafe_index", "gather", "take", "masked_select",
    "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "lift", "lift_fresh",
    "lift_fresh_copy",
    "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d",
    "replication_pad3d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "repeat_interleave", "_pin_memory",
    "_conj",
)  # fmt: skip
# The same, and each element stays in its place in the shape.
IN_PLACE_OF_SHAPE = {"clone", "contiguous", "_to_copy", "alias_copy", "detach_copy", "lift_fresh_copy", "lift"}


@handles(*(name for name in MOVEMENT if name != "repeat_interleave"))
def _moved(call: Call) -> Result:
    interval = call.raw("self")
    source = call.arguments.get("self")
    if isinstance(source, torch.Tensor) and source.dtype != call.dtype:
        return convert(interval, source.dtype, call.dtype)
    return interval


@handles("repeat_interleave")
def _repeat_interleave(call: Call) -> Result:
    if "self" in call.arguments:
        return call.raw("self")
    return Interval(0.0, float(max(math.prod(call.size("repeats")) - 1, 0)))  # indices


@handles("copy")
def _copy(call: Call) -> Result:
    return convert(call.raw("src"), call.value("src").dtype, call.dtype)


def convert(interval: Interval, source: Any, target: Any) -> Interval:
    """The interval after a cast. Floats are cut towards zero on the way to integers, and wrap outside their range."""
    if source == target:
        return interval
    if source.is_complex or target.is_complex:
        return limits(target)
    if target is torch.bool:
        nonzero = interval.low > 0 or interval.high < 0
        return Interval(1.0, 1.0) if nonzero else (ZERO if interval == ZERO else UNIT)
    if is_integral(target) and not is_integral(source):
        if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
            return limits(target)
        return settle(Interval(float(math.trunc(interval.low)), float(math.trunc(interval.high))), target)
    return settle(interval, target)


# --- two operands ----------------------------------------------------------------------------------------------------


def _scaled(call: Call, name: str, by: str) -> Interval:
    """alpha * other, rounded."""
    factor = call.value(by, 1)
    if factor == 1:
        return call.of(name)
    product = multiply(number(factor) if is_integral(call.dtype) else settle(number(factor), call.dtype), call.of(name))
    return settle(product, call.dtype)


@handles("add", precision=0)
def _add(call: Call) -> Result:
    if call.dtype is torch.bool:
        return UNIT
    return add(call.of(), _scaled(call, "other", "alpha"))


@handles("sub", precision=0)
def _sub(call: Call) -> Result:
    return subtract(call.of(), _scaled(call, "other", "alpha"))


@handles("rsub", precision=0)
def _rsub(call: Call) -> Result:
    return subtract(call.of("other"), _scaled(call, "self", "alpha"))


def same_values(one: Any, other: Any) -> bool:
    """Whether two tensors are one view of one storage, so that each element meets itself."""
    if not (isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)):
        return False
    if one is other:
        return True
    return (
        one.shape == other.shape
        and one.stride() == other.stride()
        and one.storage_offset() == other.storage_offset()
        and one.dtype == other.dtype
        and one.untyped_storage()._cdata == other.untyped_storage()._cdata
    )


@handles("mul", precision=0)
def _mul(call: Call) -> Result:
    if same_values(call.value("self"), call.value("other")):
        return square(call.of())
    return multiply(call.of(), call.of("other"))


@handles("div", precision=0)
def _div(call: Call) -> Result:
    quotient = divide(call.of(), call.of("other"))
    mode = call.value("rounding_mode")
    if mode is None:
        return quotient
    if is_integral(call.dtype) and call.of("other").low <= 0 <= call.of("other").high:
        # division by zero raises; the other divisors are at least 1 in size, and -min wraps to min
        size = magnitude(call.of()).high
        return Interval(-size, size)
    return _rounded(quotient, math.floor if mode == "floor" else math.trunc, call)


def _rounded(interval: Interval, function: Callable[[float], int], call: Call) -> Interval:
    low, high = settle(interval, call.dtype) if call.dtype.is_floating_point else interval
    cut = Interval(*(float(function(end)) if math.isfinite(end) else end for end in (low, high)))
    if call.name in ("floor_divide", "div", "divide", "true_divide"):  # computed from a remainder: one off at most
        return Interval(cut.low - 1.0, cut.high) if cut.low != 0 or low < 0 else cut
    return cut


@handles("floor_divide", precision=0)
def _floor_divide(call: Call) -> Result:
    divisor = call.of("other")
    if divisor.low <= 0 <= divisor.high and is_integral(call.dtype):
        size = magnitude(call.of()).high
        return Interval(-size, size)
    return _rounded(divide(call.of(), divisor), math.floor, call)


@handles("remainder", precision=0)
def _remainder(call: Call) -> Result:
    divisor = call.of("other")
    return Interval(min(0.0, divisor.low), max(0.0, divisor.high))


@handles("fmod", precision=0)
def _fmod(call: Call) -> Result:
    size = min(magnitude(call.of("other")).high, magnitude(call.of()).high)
    dividend = call.of()
    return Interval(0.0 if dividend.low >= 0 else -size, 0.0 if dividend.high <= 0 else size)


@handles("maximum")
def _maximum(call: Call) -> Result:
    one, other = call.of(), call.of("other")
    return Interval(max(one.low, other.low), max(one.high, other.high))


@handles("minimum")
def _minimum(call: Call) -> Result:
    one, other = call.of(), call.of("other")
    return Interval(min(one.low, other.low), min(one.high, other.high))


@handles("fmax", "fmin")
def _ignoring_nan(call: Call) -> Result:
    return hull([call.of(), call.of("other")])  # where one is NaN, the other comes out


@handles("atan2", precision=APPROXIMATION)
def _atan2(call: Call) -> Result:
    return Interval(-math.pi, math.pi)


@handles("hypot", precision=APPROXIMATION)
def _hypot(call: Call) -> Result:
    return NON_NEGATIVE


@handles("copysign")
def _copysign(call: Call) -> Result:
    size = magnitude(call.of()).high
    return Interval(-size, size)


@handles("logaddexp", precision=APPROXIMATION)
def _logaddexp(call: Call) -> Result:
    one, other = call.of(), call.of("other")
    slack = 8 * call.epsilon()
    low, high = max(one.low, other.low), max(one.high, other.high)
    return Interval(low - slack * max(1.0, abs(low)), high + (math.log(2.0) + slack * max(1.0, abs(high))))


@handles("pow", precision=APPROXIMATION)
def _pow(call: Call) -> Result:
    exponent = call.value("exponent")
    if isinstance(exponent, (int, float)):
        if is_integral(call.dtype) and exponent < 0:
            return None
        return power(call.of(), float(exponent))
    base, powers = call.of(), call.of("exponent")
    if is_integral(call.dtype) and powers.low < 0:
        return None
    if base.low > 0 or (base.low >= 0 and powers.low >= 0):
        corners = [_power_corner(x, y) for x in base for y in powers]
        return Interval(min(corners), max(corners))
    return None


def _power_corner(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except (OverflowError, ZeroDivisionError, ValueError):
        return math.inf


@handles("addcmul", precision=0)
def _addcmul(call: Call) -> Result:
    product = settle(multiply(call.of("tensor1"), call.of("tensor2")), call.dtype)
    if same_values(call.value("tensor1"), call.value("tensor2")):
        product = settle(square(call.of("tensor1")), call.dtype)
    scaled = settle(multiply(settle(number(call.value("value", 1)), call.dtype), product), call.dtype, 2)
    return add(call.of(), scaled)


@handles("addcdiv", precision=0)
def _addcdiv(call: Call) -> Result:
    quotient = settle(divide(call.of("tensor1"), call.of("tensor2")), call.dtype, 2)
    scaled = settle(multiply(settle(number(call.value("value", 1)), call.dtype), quotient), call.dtype, 2)
    return add(call.of(), scaled)


@handles("lerp", precision=4)
def _lerp(call: Call) -> Result:
    start, end, weight = call.of(), call.of("end"), call.of("weight")
    if weight.low >= 0 and weight.high <= 1:
        both = hull([start, end])
        if both.low == -math.inf or both.high == math.inf:
            return Interval(both.low, both.high)
        slack = 4 * call.epsilon() * max(abs(both.low), abs(both.high))
        return Interval(both.low - slack, both.high + slack)
    difference = settle(subtract(end, start), call.dtype)
    return add(start, settle(multiply(weight, difference), call.dtype, 2)) if weight.low >= 0 else None


constant(
    UNIT, "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "logical_not",
    "isnan", "isinf",
    "isin", "signbit", "isposinf", "isneginf", "equal", "any", "all",
)  # fmt: skip


@handles("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not")
def _bits(call: Call) -> Result:
    return limits(call.dtype)


@handles("__lshift__", "__rshift__", "bitwise_left_shift", "bitwise_right_shift")
def _shift(call: Call) -> Result:
    return limits(call.dtype)
