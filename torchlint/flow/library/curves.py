"""Ranges of functions of one number: activations, logarithms, roots.

Definitions
    free    the input is known, tight and unbounded, so that a function of it reaches the ends of its own range
    bump    a function that falls to one least value and rises from there on

Worked example: SiLU of [−3, 0.5] is [−0.278, 0.311]: its least value, at −1.278, lies inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torchlint.flow import interval as arithmetic
from torchlint.flow.interval import INF, REAL, Interval, hull
from torchlint.flow.library.reading import Call, interval_of
from torchlint.flow.values import Const


def is_free(a: Interval | None) -> bool:
    """Known, tight and unbounded."""
    return a is not None and a.tight and a.unbounded


def outer(low: float, high: float, a: Interval | None) -> Interval:
    """A function's whole range: tight only for a free input."""
    return Interval(low, high, is_free(a))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -INF


# name: function, limits at ∓∞, least and greatest argument it is defined for
MONOTONE: dict[str, tuple[Callable[[float], float], float, float]] = {
    "sigmoid": (_sigmoid, 0.0, 1.0),
    "tanh": (math.tanh, -1.0, 1.0),
    "relu": (lambda x: max(x, 0.0), 0.0, INF),
    "relu6": (lambda x: min(max(x, 0.0), 6.0), 0.0, 6.0),
    "hardsigmoid": (lambda x: min(max(x / 6 + 0.5, 0.0), 1.0), 0.0, 1.0),
    "softsign": (lambda x: x / (1 + abs(x)), -1.0, 1.0),
    "softplus": (_softplus, 0.0, INF),
    "logsigmoid": (lambda x: -_softplus(-x), -INF, 0.0),
    "exp": (math.exp, 0.0, INF),
    "exp2": (lambda x: 2.0**x, 0.0, INF),
    "expm1": (math.expm1, -1.0, INF),
    "atan": (math.atan, -math.pi / 2, math.pi / 2),
    "erf": (math.erf, -1.0, 1.0),
    "sinh": (math.sinh, -INF, INF),
    "asinh": (math.asinh, -INF, INF),
    "selu": (lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)), -1.7580993408, INF),
    "sign": (lambda x: float((x > 0) - (x < 0)), -1.0, 1.0),
    "floor": (math.floor, -INF, INF),
    "ceil": (math.ceil, -INF, INF),
    "trunc": (math.trunc, -INF, INF),
    "cbrt": (lambda x: math.copysign(abs(x) ** (1 / 3), x), -INF, INF),
    "deg2rad": (math.radians, -INF, INF),
    "rad2deg": (math.degrees, -INF, INF),
}


_CONTINUOUS_FROM = {"sqrt": (0.0, math.sqrt), "log": (0.0, _log), "log2": (0.0, lambda x: _log(x) / math.log(2)),
                    "log10": (0.0, lambda x: _log(x) / math.log(10)),
                    "log1p": (-1.0, lambda x: _log(1 + x))}  # fmt: skip


def monotone_of(name: str, a: Interval | None) -> Interval:
    """The image of an interval under a function of `MONOTONE`; all of its range for an unknown input."""
    f, low, high = MONOTONE[name]
    found = arithmetic.monotone(f, a, low, high)
    return Interval(low, high, False) if found is None else found


def _from(name: str, a: Interval | None) -> Interval | None:
    """A non-decreasing function that is defined from some point on; below it there is NaN, and nothing is claimed."""
    start, f = _CONTINUOUS_FROM[name]
    if a is None:
        return Interval(0.0, INF, False) if name == "sqrt" else None
    if a.low < start:
        return Interval(0.0, INF, False) if name == "sqrt" else None
    return arithmetic.monotone(f, a, -INF, INF)


def _bump(call: Call, f: Callable[[float], float], at: float) -> Interval:
    """A function that falls to its least value at `at` and rises from there on (SiLU, GELU, Mish)."""
    a = call.input.range
    lowest = f(at)
    if a is None:
        return Interval(lowest, INF, False)
    ends = [0.0 if x == -INF else INF if x == INF else f(x) for x in (a.low, a.high)]
    inside = a.low <= at <= a.high
    return Interval(lowest if inside else min(ends), max(*ends, 0.0) if a.low < 0 < a.high else max(ends), a.tight)


def _silu(x: float) -> float:
    return x * _sigmoid(x)


def _gelu(x: float) -> float:
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def _mish(x: float) -> float:
    return x * math.tanh(_softplus(x))


def _hardswish(x: float) -> float:
    return x * min(max(x + 3, 0.0), 6.0) / 6


def _leaky(call: Call) -> Interval | None:
    a, slope = call.input.range, call.number("negative_slope")
    if slope is None or slope < 0:
        return None if a is None or a.low < 0 else a
    return arithmetic.monotone(lambda x: x if x >= 0 else slope * x, a, -INF if slope else 0.0, INF)


def _exponential(call: Call) -> Interval | None:
    """ELU and CELU: −alpha at the far left."""
    a, alpha = call.input.range, call.number("alpha")
    if alpha is None or alpha < 0:
        return None
    scale = alpha if call.op.short == "celu" else 1.0
    return monotone_or(lambda x: x if x > 0 else alpha * math.expm1(x / (scale or 1.0)), a, -alpha, INF)


def monotone_or(f: Callable[[float], float], a: Interval | None, low: float, high: float) -> Interval:
    """`interval.monotone`, with the whole range, loose, for an unknown input."""
    found = arithmetic.monotone(f, a, low, high)
    return Interval(low, high, False) if found is None else found


def _hardtanh(call: Call) -> Interval | None:
    low, high = call.number("min_val"), call.number("max_val")
    if low is None or high is None:
        return None
    return arithmetic.clamp(call.input.range, low, high)


def _shrinks(call: Call) -> Interval | None:
    """softshrink, hardshrink, tanhshrink: towards 0."""
    a = call.input.range
    return None if a is None else Interval(min(a.low, 0.0), max(a.high, 0.0), is_free(a))


def _threshold(call: Call) -> Interval | None:
    a, least = call.input.range, call.number("threshold")
    value = interval_of(call["value"])
    if least is None or value is None:
        return None
    above = Interval(least, INF, False) if a is None else Interval(max(a.low, least), max(a.high, least), False)
    return hull(above, value)


def _glu(call: Call) -> Interval | None:
    a = call.input.range
    return None if a is None else REAL if is_free(a) else Interval(min(a.low, 0.0), max(a.high, 0.0), False)


def _prelu(call: Call) -> Interval | None:
    a = call.input.range
    return REAL if is_free(a) else a if a is not None and a.low >= 0 else None


def _rounded(call: Call) -> Interval | None:
    a = call.input.range
    digits = call.given("decimals")
    if digits is not None and not (isinstance(digits, Const) and digits.value == 0):
        return None if a is None else Interval(a.low - 0.5, a.high + 0.5, False)
    return arithmetic.monotone(lambda x: float(round(x)), a, -INF, INF)


def _reciprocal(call: Call) -> Interval | None:
    return arithmetic.divide(arithmetic.point(1.0), call.input.range)


def _rsqrt(call: Call) -> Interval | None:
    return arithmetic.divide(arithmetic.point(1.0), _from("sqrt", call.input.range)) or Interval(0.0, INF, False)


CURVES: dict[str, Callable[[Call], Interval | None]] = {
    "hardtanh": _hardtanh,
    "leaky-relu": _leaky,
    "prelu": _prelu,
    "elu": _exponential,
    "silu": lambda call: _bump(call, _silu, -1.2784645427610738),
    "gelu": lambda call: _bump(call, _gelu, -0.7517915246935645),
    "mish": lambda call: _bump(call, _mish, -1.1924345873),
    "hardswish": lambda call: _bump(call, _hardswish, -1.5),
    "shrink": _shrinks,
    "threshold": _threshold,
    "glu": _glu,
    "round": _rounded,
    "reciprocal": _reciprocal,
    "rsqrt": _rsqrt,
    "square": lambda call: arithmetic.power(call.input.range, 2),
    "abs": lambda call: arithmetic.absolute(call.input.range) or Interval(0.0, INF, False),
    "neg": lambda call: arithmetic.negate(call.input.range),
}


def _make(name: str) -> Callable[[Call], Interval | None]:
    return lambda call: monotone_of(name, call.input.range)


def _make_from(name: str) -> Callable[[Call], Interval | None]:
    return lambda call: _from(name, call.input.range)


for _name in MONOTONE:
    CURVES[_name] = _make(_name)
for _name in _CONTINUOUS_FROM:
    CURVES[_name] = _make_from(_name)
