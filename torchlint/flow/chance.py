"""Numbers that are drawn or computed outside of tensors: ``random`` and ``math``.

Worked example: ``random.randint(0, 1)`` is an int in [0, 1], ``math.sqrt(64)`` is 8.0 and ``math.sin(x)`` a float.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from torchlint.flow import builtins, dynamic
from torchlint.flow.interval import REAL, Interval, hull
from torchlint.flow.library.reading import interval_of
from torchlint.flow.machine import Machine
from torchlint.flow.values import UNKNOWN, Chance, Const, Instance, Number, Object, Place, Value, kind_of, list_of

Handler = Callable[[Machine, Sequence[Value], Mapping[str, Value], Place], Value]


def _uniform(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``random.uniform(a, b)``."""
    ends = [interval_of(m.resolve(v)) for v in (*args, *keywords.values())]
    return Chance(interval=hull(ends[0], ends[1]) if len(ends) == 2 else None, kind="float")


def _whole(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``random.randint(a, b)``, both of which it may be."""
    ends = [interval_of(m.resolve(v)) for v in (*args, *keywords.values())]
    return Chance(interval=hull(ends[0], ends[1]) if len(ends) == 2 else None, kind="int")


def _below(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``random.randrange(n)``."""
    top = interval_of(m.resolve(args[0])) if len(args) == 1 else None
    return Chance(interval=Interval(0.0, max(0.0, top.high - 1)) if top is not None else None, kind="int")


def _picked(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``random.choice(values)``."""
    items = builtins.items_of(m, args[0]) if args else None
    if items and all(isinstance(m.resolve(item), (*dynamic.CALLABLE, Instance, Object)) for item in items):
        return dynamic.choice(m.fresh_key(), enumerate(items))
    found = builtins.element(m, args[0], place) if args else UNKNOWN
    return Chance(kind=kind_of(found)) if kind_of(found) is not None else found


def _several(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``random.sample(values, k)``."""
    return list_of(builtins.element(m, args[0], place)) if args else UNKNOWN


def _float(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    return Chance(interval=REAL, kind="float")


def _computed(function: Callable[..., float]) -> Handler:
    """A function of ``math``: worked out for constants."""

    def handler(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
        values = [m.resolve(a) for a in args]
        numbers = [v.value for v in values if isinstance(v, Const) and isinstance(v.value, (int, float))]
        if len(numbers) == len(values) and not keywords:
            try:
                return Const(function(*numbers))
            except (ArithmeticError, TypeError, ValueError):
                return UNKNOWN
        return Number(kind="int" if function in (math.ceil, math.floor, math.trunc) else "float")

    return handler


HANDLERS: dict[str, Handler] = {
    "random.uniform": _uniform, "random.randint": _whole, "random.randrange": _below, "random.choice": _picked,
    "random.sample": _several, "random.choices": _several, "random.gauss": _float, "random.normalvariate": _float,
    **{
        f"math.{function.__name__}": _computed(function)
        for function in (
            math.sin, math.cos, math.tan, math.tanh, math.exp, math.log, math.log2, math.log10, math.log1p, math.sqrt,
            math.atan, math.atan2, math.asin, math.acos, math.radians, math.degrees, math.ceil, math.floor, math.trunc,
            math.fabs, math.hypot,
        )
    },
}  # fmt: skip
