"""Closed intervals of real numbers, and what torch's arithmetic does to them.

Definitions
    An *interval* `(low, high)` holds every number that an element of a tensor may have. Infinities are numbers here
    (`(0, inf)` holds `inf`), NaN is not: an interval says nothing about elements that are NaN.
    *Settling* turns the interval of a result in the real numbers into one of the numbers that a dtype can hold: ends
    move outwards to make room for rounding, numbers that overflow become infinite, tiny ones may become zero, and an
    integer that leaves its range may have wrapped to any integer.

How rounding is treated
    IEEE addition, subtraction, multiplication, division and square root round to the nearest number, and rounding is
    monotone: an end that the dtype can hold exactly stays where it is, any other moves outwards by one epsilon.
    Functions that libraries approximate (exp, tanh, …) are wrong by a few units in the last place: their ends move by
    `APPROXIMATION` epsilons, except ends that are halves of integers, where every library in use is exact (exp(0) = 1).
    Sums of n numbers move by `summation_slack(n)` epsilons: pairwise summation, which torch uses, errs by far less.
    So the mean of numbers in [0, 1] lies in [0, 1.000004]: it does exceed 1 on real machines. Whoever wants to
    ignore that compares with `within`.

Worked example: 1 / (1 + exp(-x)) for an unknown x of float32
    -x in (-inf, inf); exp of it in [0, inf]; plus 1: [1, inf], 1 is exact; 1 / [1, inf] = [0, 1].
"""

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch


class Interval(NamedTuple):
    """All numbers from `low` to `high`, both included."""

    low: float
    high: float


INFINITY = math.inf
UNBOUNDED = Interval(-math.inf, math.inf)
NON_NEGATIVE = Interval(0.0, math.inf)
UNIT = Interval(0.0, 1.0)
ZERO = Interval(0.0, 0.0)
SYMMETRIC_UNIT = Interval(-1.0, 1.0)
APPROXIMATION = 16.0  # epsilons by which a library's exp, tanh, … may be wrong
WITHIN_SLACK = 1e-5  # of the size of the bounds: what `within` takes for rounding


def within(interval: tuple[float, float], low: float, high: float, slack: float = WITHIN_SLACK) -> bool:
    """Whether `interval` lies in [low, high], apart from rounding: `slack` is relative to the larger finite bound."""
    room = slack * max((abs(bound) for bound in (low, high) if math.isfinite(bound)), default=0.0)
    return low - room <= interval[0] and interval[1] <= high + room


def hull(intervals: Iterable[Interval]) -> Interval:
    """The smallest interval that holds all of them; unbounded for none."""
    known = list(intervals)
    if not known:
        return UNBOUNDED
    return Interval(min(one.low for one in known), max(one.high for one in known))


def intersection(one: Interval, other: Interval) -> Interval | None:
    """What both hold; None where nothing is left."""
    low, high = max(one.low, other.low), min(one.high, other.high)
    return Interval(low, high) if low <= high else None


def is_integral(dtype: Any) -> bool:
    """Whether the dtype holds integers or booleans."""
    return not (dtype.is_floating_point or dtype.is_complex)


def limits(dtype: Any) -> Interval:
    """The interval of a tensor of which only the dtype is known."""
    if dtype is torch.bool:
        return UNIT
    if is_integral(dtype):
        try:
            information = torch.iinfo(dtype)
        except TypeError:  # quantised and bit types
            return UNBOUNDED
        return Interval(float(information.min), float(information.max))
    return UNBOUNDED


def _holds(dtype: Any, number: float) -> bool:
    """Whether the floating dtype holds the number exactly."""
    if dtype is torch.float64 or not math.isfinite(number):
        return True
    try:
        if dtype is torch.float16:
            return bool(struct.unpack("e", struct.pack("e", number))[0] == number)
        packed = struct.pack("<f", number)
    except OverflowError:
        return False
    if struct.unpack("<f", packed)[0] != number:
        return False
    if dtype is torch.bfloat16:
        return packed[:2] == b"\0\0"
    return dtype is torch.float32 or (float(2 * number).is_integer() and abs(number) <= 8)


def _is_half_integer(number: float) -> bool:
    return math.isfinite(number) and abs(number) < 2**20 and float(2 * number).is_integer()


def settle(interval: Interval, dtype: Any, epsilons: float = 0.0) -> Interval:
    """The interval after rounding to a dtype.

    `epsilons` is 0 for one correctly rounded operation, otherwise the number of machine epsilons, relative to the end
    itself, by which the library's result may differ from the true one.
    """
    low, high = interval
    if math.isnan(low) or math.isnan(high) or dtype.is_complex:
        return limits(dtype)
    if is_integral(dtype):
        bounds = limits(dtype)
        if low < bounds.low or high > bounds.high:
            return bounds
        if max(abs(low), abs(high)) > 2.0**53:  # beyond, a float names no integer exactly
            return bounds
        return Interval(float(math.floor(low)), float(math.ceil(high)))
    information = torch.finfo(dtype)
    return Interval(
        -_outwards(-low, dtype, information, epsilons),
        _outwards(high, dtype, information, epsilons),
    )


def _outwards(end: float, dtype: Any, information: Any, epsilons: float) -> float:
    """An upper end, moved up for rounding, overflow and underflow."""
    if not math.isfinite(end) or end == 0:
        return end
    exact = _is_half_integer(end) if epsilons and epsilons <= APPROXIMATION else not epsilons
    if not (exact and _holds(dtype, end)):
        end += abs(end) * information.eps * max(1.0, epsilons)
    if end > information.max:
        return math.inf
    if end < -information.max:
        return float(-information.max)
    if abs(end) < information.tiny:
        return float(information.tiny) if end > 0 else 0.0
    return end


def summation_slack(count: float) -> float:
    """Epsilons by which a sum of `count` numbers of one sign may be wrong: n at most, the root of it in long sums."""
    return min(count, 32.0 + math.sqrt(count)) + 1.0


# --- arithmetic in the real numbers: what comes out is settled by the caller ---------------------------------------


def number(value: Any) -> Interval:
    """The interval of a Python number."""
    if isinstance(value, complex):
        return UNBOUNDED
    try:
        real = float(value)
    except OverflowError:
        real = math.inf if value > 0 else -math.inf
    return UNBOUNDED if math.isnan(real) else Interval(real, real)


def negate(one: Interval) -> Interval:
    """-x."""
    return Interval(-one.high, -one.low)


def add(one: Interval, other: Interval) -> Interval:
    """x + y; an end of inf - inf is open."""
    low, high = one.low + other.low, one.high + other.high
    return Interval(-math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high)


def subtract(one: Interval, other: Interval) -> Interval:
    """x - y."""
    return add(one, negate(other))


def _product(x: float, y: float) -> float:
    """x * y where 0 * inf = 0: an infinite end stands for all large numbers, and inf * 0 itself is NaN."""
    return 0.0 if x == 0 or y == 0 else x * y


def multiply(one: Interval, other: Interval) -> Interval:
    """x * y."""
    corners = [_product(x, y) for x in one for y in other]
    return Interval(min(corners), max(corners))


def square(one: Interval) -> Interval:
    """x * x of one and the same x."""
    size = magnitude(one)
    return Interval(_product(size.low, size.low), _product(size.high, size.high))


def magnitude(one: Interval) -> Interval:
    """|x|."""
    low, high = one
    if low >= 0:
        return one
    if high <= 0:
        return negate(one)
    return Interval(0.0, max(-low, high))


def reciprocal(one: Interval) -> Interval:
    """1 / x. Zero may be negative zero, of which the reciprocal is -inf: an interval that holds 0 says nothing."""
    if one.low <= 0 <= one.high:
        return UNBOUNDED
    return Interval(1.0 / one.high, 1.0 / one.low)


def divide(one: Interval, other: Interval) -> Interval:
    """x / y; unbounded where y may be zero. inf / inf is NaN: over an infinite y, x is finite."""
    if other.low <= 0 <= other.high:
        return UNBOUNDED
    corners = []
    for x in one:
        for y in other:
            if math.isinf(y):
                corners.append(0.0)
            else:
                corners.append(x / y)
    return Interval(min(corners), max(corners))


def guarded(function: Callable[[float], float], at: float) -> float:
    """The function at one end; overflow is infinite."""
    try:
        return function(at)
    except OverflowError:
        return math.inf


def monotone(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    """The image of a rising function."""
    return lambda one: Interval(guarded(function, one.low), guarded(function, one.high))


def valley(function: Callable[[float], float], bottom: float, slack: float = 0.0) -> Callable[[Interval], Interval]:
    """The image of a function that falls until `bottom` and rises from there; ends move by the absolute `slack`."""

    def image(one: Interval) -> Interval:
        at_low, at_high = guarded(function, one.low), guarded(function, one.high)
        lowest = guarded(function, bottom) if one.low <= bottom <= one.high else min(at_low, at_high)
        return Interval(lowest - slack, max(at_low, at_high) + slack)

    return image


def limited(image: Callable[[Interval], Interval], bounds: Interval) -> Callable[[Interval], Interval]:
    """The image, cut to the bounds that a function keeps."""

    def cut(one: Interval) -> Interval:
        low, high = image(one)
        return Interval(min(max(low, bounds.low), bounds.high), max(min(high, bounds.high), bounds.low))

    return cut


def power(base: Interval, exponent: float) -> Interval:
    """x ** exponent for a known exponent."""
    if exponent == 0:
        return Interval(1.0, 1.0)
    integral = float(exponent).is_integer()
    if exponent < 0:
        if base.low > 0:
            return Interval(_raise(base.high, exponent), _raise(base.low, exponent))
        return UNBOUNDED
    if integral and int(exponent) % 2 == 1:
        return Interval(_raise(base.low, exponent), _raise(base.high, exponent))
    if integral:
        size = magnitude(base)
        return Interval(_raise(size.low, exponent), _raise(size.high, exponent))
    if base.high < 0:
        return UNBOUNDED  # NaN wherever finite
    # -inf to a broken power is +inf
    high = math.inf if base.low == -math.inf else _raise(base.high, exponent)
    return Interval(_raise(max(base.low, 0.0), exponent), high)


def _raise(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and int(exponent) % 2 == 1 else math.inf


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x)) if x > -math.inf else 0.0


def softplus(x: float) -> float:
    """log(1 + exp(x)) without overflow."""
    return x if x > 40 else math.log1p(math.exp(x))


def normal_distribution(x: float) -> float:
    """The share of a standard normal below x."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def times(x: float, factor: float) -> float:
    """x * factor where an infinite x and a zero factor give zero, the limit of x * sigmoid(x) and its kin."""
    return _product(x, factor)


def gelu(x: float) -> float:
    """x times the normal distribution at x."""
    return times(x, normal_distribution(x))


def gelu_tanh(x: float) -> float:
    """The approximation of gelu by tanh."""
    if math.isinf(x):
        return max(x, 0.0)
    return 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def silu(x: float) -> float:
    """x * sigmoid(x)."""
    return times(x, sigmoid(x))


def mish(x: float) -> float:
    """x * tanh(softplus(x))."""
    return times(x, math.tanh(softplus(x)))


def hardswish(x: float) -> float:
    """x * min(max(x + 3, 0), 6) / 6."""
    return times(x, min(max(x + 3.0, 0.0), 6.0) / 6.0)


# Where each has its minimum: the zero of the derivative, by bisection.
GELU_BOTTOM, GELU_TANH_BOTTOM, SILU_BOTTOM, MISH_BOTTOM = -0.751791, -0.752461, -1.278465, -1.192404
