"""Closed intervals over the extended reals: what is known of a tensor's values.

Definitions
    interval   `Interval(low, high, tight)`: every element lies in [low, high]
    tight      both ends are reached, or approached, by some input and some weights; only a tight interval proves
               that a value *can* leave a range, a loose one proves only where it stays
    unknown    None in place of an interval: nothing is known, which is not the same as [-inf, inf]

Worked example: ``tanh`` gives ``Interval(-1, 1, True)``; adding 1 and halving gives ``Interval(0, 1, True)``, for an
affine map with constants keeps tightness. ``p * t + (1 - p) * (1 - t)`` with p and t in [0, 1] gives [0, 2], loose:
the two products depend on each other, so the 2 proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

INF = math.inf


class Interval(msgspec.Struct, frozen=True):
    """[low, high]; see the module's definitions for `tight`."""

    low: float
    high: float
    tight: bool = True

    def within(self, low: float, high: float, slack: float = 1e-6) -> bool:
        """Whether every value lies in [low, high], up to rounding."""
        return self.low >= low - slack and self.high <= high + slack

    def loose(self) -> Interval:
        """The same bounds, proving nothing about what is reached."""
        return self if not self.tight else Interval(self.low, self.high, False)

    @property
    def unbounded(self) -> bool:
        """Whether both ends are infinite."""
        return self.low == -INF and self.high == INF

    def __str__(self) -> str:
        if self.unbounded:
            return "unbounded"
        return f"[{_number(self.low)}, {_number(self.high)}]"


def _number(x: float) -> str:
    if x == INF:
        return "∞"
    if x == -INF:
        return "−∞"
    text = f"{x:.4g}" if abs(x) < 1e4 else f"{x:.6g}"
    return text.replace("-", "−")


REAL = Interval(-INF, INF)
UNIT = Interval(0.0, 1.0)


def point(x: float) -> Interval:
    """The interval that holds only x."""
    return Interval(x, x)


def hull(a: Interval | None, b: Interval | None) -> Interval | None:
    """The least interval that holds both; unknown if either is."""
    if a is None or b is None:
        return None
    return Interval(min(a.low, b.low), max(a.high, b.high), a.tight and b.tight)


def monotone(f: Callable[[float], float], a: Interval | None, limit_low: float, limit_high: float) -> Interval | None:
    """The image under a non-decreasing f, whose limits at ∓∞ are given."""
    if a is None:
        return None

    def at(x: float, limit: float) -> float:
        if math.isinf(x):
            return limit_low if x < 0 else limit_high
        try:
            return f(x)
        except (OverflowError, ValueError):
            return limit

    return Interval(at(a.low, limit_low), at(a.high, limit_high), a.tight)


def _product(x: float, y: float) -> float:
    return 0.0 if x == 0 or y == 0 else x * y


def negate(a: Interval | None) -> Interval | None:
    return None if a is None else Interval(-a.high, -a.low, a.tight)


def add(a: Interval | None, b: Interval | None, *, independent: bool = False) -> Interval | None:
    """a + b. Tight if one side is a single number, or if the two are known to vary independently."""
    if a is None or b is None:
        return None
    low = -INF if -INF in (a.low, b.low) else a.low + b.low
    high = INF if INF in (a.high, b.high) else a.high + b.high
    tight = a.tight and b.tight and (independent or a.low == a.high or b.low == b.high)
    return Interval(low, high, tight)


def subtract(a: Interval | None, b: Interval | None, *, independent: bool = False) -> Interval | None:
    return add(a, negate(b), independent=independent)


def multiply(a: Interval | None, b: Interval | None, *, independent: bool = False) -> Interval | None:
    """a * b, with 0 * ∞ taken as 0. Tightness as in `add`."""
    if a is None or b is None:
        return None
    ends = [_product(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    tight = a.tight and b.tight and (independent or a.low == a.high or b.low == b.high)
    return Interval(min(ends), max(ends), tight)


def divide(a: Interval | None, b: Interval | None, *, independent: bool = False) -> Interval | None:
    """a / b; unknown where b may be 0."""
    if a is None or b is None or b.low <= 0 <= b.high:
        return None
    inverse = Interval(0.0 if math.isinf(b.high) else 1 / b.high, 0.0 if math.isinf(b.low) else 1 / b.low, b.tight)
    return multiply(a, inverse, independent=independent)


def absolute(a: Interval | None) -> Interval | None:
    if a is None:
        return None
    high = max(abs(a.low), abs(a.high))
    low = 0.0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high))
    return Interval(low, high, a.tight)


def power(a: Interval | None, k: float) -> Interval | None:
    """a ** k for a constant exponent; unknown for a negative base and a broken exponent."""
    if a is None:
        return None
    try:
        if k == int(k) and int(k) >= 0:
            base = absolute(a) if int(k) % 2 == 0 else a
            assert base is not None
            return Interval(_power(base.low, k), _power(base.high, k), a.tight)
        if a.low >= 0 and k > 0:
            return Interval(_power(a.low, k), _power(a.high, k), a.tight)
    except (OverflowError, ValueError):
        return None
    return None


def _power(x: float, k: float) -> float:
    try:
        return float(x**k)
    except OverflowError:
        return INF


def clamp(a: Interval | None, low: float, high: float) -> Interval:
    """clamp(a, low, high): bounded even when a is unknown, though then loosely."""
    if a is None:
        return Interval(low, high, False)
    return Interval(min(max(a.low, low), high), min(max(a.high, low), high), a.tight)


def maximum(a: Interval | None, b: Interval | None) -> Interval | None:
    if a is None or b is None:
        return None
    return Interval(max(a.low, b.low), max(a.high, b.high), a.tight and b.tight)


def minimum(a: Interval | None, b: Interval | None) -> Interval | None:
    return negate(maximum(negate(a), negate(b)))


def overflown(a: Interval | None, greatest: float) -> Interval | None:
    """Ends beyond the greatest number of a dtype are infinite."""
    if a is None or (abs(a.low) <= greatest and abs(a.high) <= greatest):
        return a
    low, high = (x if abs(x) <= greatest else math.copysign(INF, x) for x in (a.low, a.high))
    return Interval(low, high, a.tight)
