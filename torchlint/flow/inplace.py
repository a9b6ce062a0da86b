"""Methods without an underscore that change what they are called on, and give nothing back: those of numpy's arrays,
and pandas' with ``inplace=True``.

Worked example: after ``a = np.linspace(0, 1, 20); a.resize((20, 1))`` the array has the shape 20×1; had it become
longer, there would be zeros at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import frames
from torchlint.flow.interval import hull, point
from torchlint.flow.library.reading import dim_of, items_of
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Shape
from torchlint.flow.values import NONE, TRUE, Bound, Const, Number, Tensor, Value

#: The methods of an array.
CHANGING = frozenset({"resize", "fill", "sort", "partition", "put", "itemset", "setfield"})


def changed(
    m: Machine, callee: Value, args: Sequence[Value], keywords: Mapping[str, Value], result: Value
) -> Value | None:
    """What a method that gave `result` makes of its receiver; None for a method that leaves it alone."""
    if type(callee) is not Bound or type(callee.receiver) is not Tensor or not isinstance(callee.function, str):
        return None
    receiver = callee.receiver
    if receiver.holder == "numpy" and callee.function in CHANGING:
        return _array(receiver, callee.function, [m.resolve(one) for one in args])
    if frames.is_frame(receiver) and m.resolve(keywords.get("inplace", NONE)) == TRUE:
        return result
    return None


def _array(array: Tensor, name: str, args: Sequence[Value]) -> Tensor:
    if name in ("sort", "partition"):
        return array.with_(via=None)
    if name == "resize":
        found = hull(array.range, point(0.0))
        return array.with_(range=found.loose() if found is not None else None, shape=_sizes(args), via=None)
    written = args[0] if name == "fill" and args else None
    if isinstance(written, Const) and isinstance(written.value, (int, float)):
        return array.with_(range=point(float(written.value)), meaning=None, via=None)
    return array.with_(range=None, meaning=None, via=None)


def _sizes(args: Sequence[Value]) -> Shape:
    """A shape as it is passed: its sizes, or one tuple of them."""
    parts = items_of(args[0]) if len(args) == 1 and not isinstance(args[0], (Const, Number)) else args
    return tuple(dim_of(part) for part in parts) if parts else None
