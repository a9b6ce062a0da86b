"""From real values to abstract ones, and the question whether an abstract value is true of a real one.

Definitions
    abstract   everything that can be known of a real value, as a `Value`
    forget     the same with some facts dropped: what is concluded from less must still be true
    lies       the facts of an abstract value that a real value refutes, as sentences; none if all hold
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from torchlint.flow.interval import Interval
from torchlint.flow.shape import Linear, evaluate, symbol
from torchlint.flow.values import Const, Library, List, Number, Place, Tensor, Tuple, Unknown, Value, make_list

PLACE = Place("sample.py", 1)
FLOATS = ("float16", "bfloat16", "float32", "float64")


def ends(real: torch.Tensor) -> tuple[float, float] | None:
    """The least and the greatest element; None if there are none, or NaN, or they are complex."""
    if real.numel() == 0 or real.is_complex():
        return None
    flat = real.detach().double()
    if bool(torch.isnan(flat).any()):
        return None
    return float(flat.min()), float(flat.max())


def abstract(real: Any, tight: bool = False) -> Value:
    """All that is known of a real value."""
    if isinstance(real, np.ndarray):
        value = abstract(torch.from_numpy(real.copy()), tight)
        assert isinstance(value, Tensor)
        return value.with_(holder="numpy", dtype=str(real.dtype))
    if isinstance(real, torch.Tensor):
        found = ends(real)
        return Tensor(
            None if found is None else Interval(*found, tight), None, str(real.dtype).removeprefix("torch."),
            tuple(real.shape), "attached" if real.requires_grad else "detached",
        )  # fmt: skip
    if isinstance(real, torch.dtype):
        return Library(str(real))
    if isinstance(real, type) and issubclass(real, np.generic):
        return Library(f"numpy.{real.__name__}")
    if isinstance(real, (tuple, torch.Size)):
        return Tuple(tuple(abstract(item, tight) for item in real))
    if isinstance(real, list):
        return make_list(abstract(item, tight) for item in real)
    if real is None or isinstance(real, (bool, int, float, str)):
        return Const(real)
    return Unknown()


SYMBOLS = {2: "B", 3: "C", 5: "H", 7: "W", 8: "K", 16: "L"}


def forget(value: Value, what: str) -> Value:
    """The value with fewer facts: ``range``, ``shape``, ``dtype`` dropped, ``sizes`` made symbols, all of the
    shape but its last size (``rank``), or ``all``."""
    if not what:
        return value
    if isinstance(value, Tensor):
        if what == "all":
            return Unknown()
        if what == "rank":
            return value.with_(shape=None, last=value.width)
        if what == "sizes":
            dims = tuple(symbol(SYMBOLS[d]) if isinstance(d, int) and d in SYMBOLS else d for d in value.shape or ())
            return value.with_(shape=None if value.shape is None else dims)
        if what == "some sizes":
            return value.with_(shape=None if value.shape is None else (None, *value.shape[1:])[: len(value.shape)])
        return value.with_(**{what: None})
    if isinstance(value, Tuple):
        return Tuple(tuple(forget(item, what) for item in value.items))
    if isinstance(value, List) and value.items is not None:
        return make_list(forget(item, what) for item in value.items)
    return value


def _size(dim: Any) -> int | None:
    if isinstance(dim, int):
        return dim
    if isinstance(dim, Linear):
        return evaluate(dim, {name: size for size, name in SYMBOLS.items()})
    return None


def _slack(end: float, dtype: str = "") -> float:
    share = 1e-2 if dtype in ("float16", "bfloat16") else 1e-4
    return 1e-5 + share * abs(end) if math.isfinite(end) else 0.0


def lies(value: Value | None, real: Any) -> list[str]:
    """Every fact of the abstract value that is not true of the real one."""
    return list(_lies(value, real))


def _lies(value: Value | None, real: Any) -> Iterator[str]:
    if value is None or isinstance(value, Unknown):
        return
    if isinstance(value, Tuple) or (isinstance(value, List) and value.items is not None):
        items = value.items
        assert items is not None
        if not isinstance(real, (tuple, list)):
            yield f"a tuple of {len(items)}, but it is {type(real).__name__}"
        elif len(items) != len(real):
            yield f"{len(items)} items, but there are {len(real)}"
        else:
            for item, one in zip(items, real):
                yield from _lies(item, one)
    elif isinstance(value, List):
        for one in real if isinstance(real, (tuple, list)) else ():
            yield from _lies(value.element, one)
    elif isinstance(value, Const):
        number = isinstance(real, (int, float)) and isinstance(value.value, (int, float))
        close = number and math.isclose(real, float(value.value or 0), rel_tol=1e-5)
        same = real == value.value or close
        if not same or isinstance(real, bool) != isinstance(value.value, bool):
            yield f"{value.value!r}, but it is {real!r}"
    elif isinstance(value, Number):
        size = _size(value.dim)
        if size is not None and size != real:
            yield f"size {value.dim}, but it is {real}"
        a = value.interval
        if a is not None and not a.low - _slack(a.low) <= real <= a.high + _slack(a.high):
            yield f"in {a}, but it is {real}"
    elif isinstance(value, Tensor):
        yield from _tensor_lies(value, real)


def _tensor_lies(value: Tensor, real: Any) -> Iterator[str]:
    if isinstance(real, np.generic):
        real = np.asarray(real)
    elif isinstance(real, np.ndarray) or not isinstance(real, torch.Tensor):
        if value.holder != "numpy" and isinstance(real, np.ndarray):
            yield f"holder {value.holder}, but it is an array"
        if not isinstance(real, np.ndarray):
            yield f"a tensor, but it is {type(real).__name__}"
            return
    dtype = str(real.dtype).removeprefix("torch.")
    if isinstance(real, torch.Tensor):
        if value.holder != "tensor":
            yield f"holder {value.holder}, but it is a tensor"
        if value.grad == "attached" and not real.requires_grad:
            yield "attached, but no gradient flows"
        if value.grad == "detached" and real.requires_grad:
            yield "detached, but a gradient flows"
    if value.dtype is not None and value.dtype != dtype and not (value.dtype == "float" and dtype in FLOATS):
        yield f"dtype {value.dtype}, but it is {dtype}"
    if value.shape is not None:
        sizes = [_size(dim) for dim in value.shape]
        if len(sizes) != real.ndim or any(s is not None and s != d for s, d in zip(sizes, real.shape)):
            yield f"shape {value.shape}, but it is {tuple(real.shape)}"
            return
    elif value.last is not None and (real.ndim == 0 or _size(value.last) not in (None, real.shape[-1])):
        yield f"last size {value.last}, but the shape is {tuple(real.shape)}"
    if isinstance(real, np.ndarray):
        real = torch.from_numpy(np.array(real, np.float64))
    found = ends(real)
    a = value.range
    if a is not None and found is not None:
        if found[0] < a.low - _slack(a.low, dtype) or found[1] > a.high + _slack(a.high, dtype):
            yield f"range {a}, but it goes from {found[0]} to {found[1]}"
    if found is not None:
        yield from _meaning_lies(value, real.detach().double(), found)


def _meaning_lies(value: Tensor, real: torch.Tensor, found: tuple[float, float]) -> Iterator[str]:
    meaning = value.meaning
    kind = None if meaning is None else meaning.kind
    if kind in ("probability", "distribution", "binary") and (found[0] < -1e-5 or found[1] > 1 + 1e-5):
        yield f"a {kind}, but it goes from {found[0]} to {found[1]}"
    if kind in ("log-probability", "log-distribution") and found[1] > 1e-5:
        yield f"a {kind}, but it goes up to {found[1]}"
    if kind == "binary" and not bool(((real == 0) | (real == 1)).all()):
        yield "binary, but it has other values"
    if kind == "class-index" and (found[0] < 0 or not bool((real == real.floor()).all())):
        yield "class indices, but they are not"
    if meaning is not None and kind == "class-index" and meaning.classes is not None and found[1] >= meaning.classes:
        yield f"class indices below {meaning.classes}, but one is {found[1]}"
    if meaning is not None and meaning.dim is not None and kind in ("distribution", "log-distribution") and real.ndim:
        total = (real if kind == "distribution" else real.exp()).sum(meaning.dim)
        if not torch.allclose(total, torch.ones_like(total), atol=1e-3):
            yield f"a {kind} over dimension {meaning.dim}, but it sums to {float(total.flatten()[0])}"
