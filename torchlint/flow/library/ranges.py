"""Ranges of results: the rules that rows name under ``range``.

Definitions
    tight       see `interval`: both ends can be reached; a rule that is not sure gives a loose interval
    free        the input is known, tight and unbounded, so that a function of it reaches the ends of its own range
    reduction   a value made of many elements; its interval is loose, so that what is derived from it beside the
                original proves nothing (``x + (-x.max())``)

Worked example: ``torch.sigmoid`` of a convolution is [0, 1], tight; of an unknown value [0, 1], loose, for that value
may never be negative; of a probability [0.5, 0.731], tight: a second sigmoid.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torchlint.flow import interval as arithmetic
from torchlint.flow import shape as sizes
from torchlint.flow.interval import INF, REAL, UNIT, Interval, hull
from torchlint.flow.library import imaging
from torchlint.flow.library.axes import reduced_dims
from torchlint.flow.library.curves import CURVES, is_free, outer
from torchlint.flow.library.dtypes import category, dtype_of, is_float
from torchlint.flow.library.notation import einsum_operands
from torchlint.flow.library.reading import Call, as_tensor, interval_of, items_of
from torchlint.flow.values import Const, List, Tensor, Value


def _bound(call: Call, *names: str, default: float) -> float | None:
    """A constant bound; the default where it is absent, None where it is not known."""
    value = call.given(*names)
    if value is None:
        return default
    found = interval_of(value)
    return found.low if found is not None and found.low == found.high else None


def clamp(call: Call) -> Interval | None:
    """``clamp(min, max)``; a bound that is not known gives nothing on its side."""
    a = call.input.range
    least, most = call.given("min", "a_min"), call.given("max", "a_max")
    low, high = _bound(call, "min", "a_min", default=-INF), _bound(call, "max", "a_max", default=INF)
    if low is None or high is None:
        lows, highs = interval_of(least), interval_of(most)
        bottom = -INF if lows is None or a is None else max(a.low, lows.low)
        top = INF if highs is None or a is None else min(a.high, highs.high)
        if lows is not None and a is None:
            bottom = lows.low
        if highs is not None and a is None:
            top = highs.high
        if least is not None and lows is None:
            bottom = -INF if a is None else a.low
            top = INF  # the lower bound may lie above everything
        if most is not None and highs is None:
            bottom = -INF
        return None if bottom == -INF and top == INF else Interval(bottom, top, False)
    if a is None and low == -INF and high == INF:
        return None
    low = min(low, high)  # torch: where min is above max, everything is max
    return arithmetic.clamp(a, low, high)


# --- arithmetic of two operands ----------------------------------------------------------------------------------


def _meant(value: Value | None) -> str:
    return value.meaning.kind if isinstance(value, Tensor) and value.meaning is not None else ""


#: Values that vary by themselves, whatever is added to them.
VARYING = ("logits", "activation", "noise")


def add_values(left: Value | None, right: Value | None) -> Interval | None:
    """left + right. A head's or a hidden layer's output, or noise, plus anything tight is as free as it was."""
    a, b = interval_of(left), interval_of(right)
    if a is None or b is None:
        return None
    if (is_free(a) and b.tight and _meant(left) in VARYING) or (is_free(b) and a.tight and _meant(right) in VARYING):
        return REAL
    return arithmetic.add(a, b)


def subtract_values(left: Value | None, right: Value | None) -> Interval | None:
    """left − right; of two tensors loose, unless they are random draws."""
    a, b = interval_of(left), interval_of(right)
    if left is right and a is not None and isinstance(left, Tensor) and not a.unbounded:
        return arithmetic.point(0.0)
    if left is not right and is_free(a) and is_free(b) and _meant(left) == _meant(right) == "noise":
        return REAL
    return arithmetic.subtract(a, b)


def multiply_values(left: Value | None, right: Value | None) -> Interval | None:
    """left · right. A free value times a tight gate stays free; x · x is a square."""
    if left is right and isinstance(left, Tensor):
        return arithmetic.power(left.range, 2)
    a, b = interval_of(left), interval_of(right)
    if a is None or b is None:
        return None
    if (is_free(a) and b.tight and (b.low, b.high) != (0, 0)) or (is_free(b) and a.tight and (a.low, a.high) != (0, 0)):
        return REAL
    return arithmetic.multiply(a, b)


def divide_values(left: Value | None, right: Value | None) -> Interval | None:
    """left / right; unknown where the divisor may be 0. x / x.max() proves nothing, for x.max() is loose."""
    return arithmetic.divide(interval_of(left), interval_of(right))


def floor_divide_values(left: Value | None, right: Value | None) -> Interval | None:
    """left // right."""
    found = divide_values(left, right)
    return None if found is None else arithmetic.monotone(math.floor, found.loose(), -INF, INF)


def remainder_values(left: Value | None, right: Value | None) -> Interval | None:
    """left % right: the sign of the divisor."""
    b = interval_of(right)
    if b is None or b.low <= 0 <= b.high:
        return None
    return Interval(0.0, b.high, False) if b.low > 0 else Interval(b.low, 0.0, False)


def power_values(left: Value | None, right: Value | None) -> Interval | None:
    """left ** right, for a constant on one side."""
    a, b = interval_of(left), interval_of(right)
    if b is not None and b.low == b.high:
        if is_float(getattr(left, "dtype", None)) or b.low >= 0:
            if b.low < 0:
                inverse = arithmetic.power(a, -b.low)
                return arithmetic.divide(arithmetic.point(1.0), inverse)
            if a is not None and a.low < 0 and b.low != int(b.low):
                return None
            return arithmetic.power(a, b.low)
        return None
    if a is not None and a.low == a.high and a.low > 0 and b is not None:
        base = a.low
        if base >= 1:
            low, high = (1.0, 1.0) if base == 1 else (0.0, INF)
            if b.low < 0 and not is_float(getattr(right, "dtype", None)):
                b = Interval(-INF, b.high, False)  # integers: 2 ** -1 is 0
            return arithmetic.monotone(lambda x: base**x, b, low, high)
        return arithmetic.negate(arithmetic.monotone(lambda x: -(base**x), b, -INF, 0.0))
    if a is not None and a.low >= 0:
        return Interval(0.0, INF, False)
    return None


def _pair(call: Call) -> tuple[Value | None, Value | None]:
    first, second = call.op.parameters.positional[:2]
    return call[first], call[second]


def _scaled(call: Call, sign: int) -> Interval | None:
    """``torch.add(x, y, alpha=k)``: x ± k·y."""
    left, right = _pair(call)
    alpha = call.number("alpha")
    if call.given("alpha") is not None and alpha is None:
        return None
    if alpha is not None and alpha != 1 and right is not None:
        b = arithmetic.multiply(interval_of(right), arithmetic.point(alpha))
        tensor = as_tensor(right)
        right = None if tensor is None else tensor.with_(range=b)
    return add_values(left, right) if sign > 0 else subtract_values(left, right)


def _divided(call: Call) -> Interval | None:
    found = divide_values(*_pair(call))
    if call.given("rounding_mode") is not None and found is not None:
        return Interval(math.floor(found.low) if found.low > -INF else -INF,
                        math.ceil(found.high) if found.high < INF else INF, False)  # fmt: skip
    return found


def compare(op: str, left: Value | None, right: Value | None) -> Interval:
    """A comparison is 0 or 1; both happen for certain only where a constant cuts a tight interval."""
    a, b = interval_of(left), interval_of(right)
    if a is not None and b is not None and a.tight and b.tight and op in ("<", "<=", ">", ">="):
        if (b.low == b.high and a.low < b.low < a.high) or (a.low == a.high and b.low < a.low < b.high):
            return UNIT
    return UNIT.loose()


def maximum_values(left: Value | None, right: Value | None) -> Interval | None:
    """The greater of the two, element by element; one known side is a bound from below."""
    a, b = interval_of(left), interval_of(right)
    if a is None or b is None:
        known = a if a is not None else b
        return None if known is None or known.low == -INF else Interval(known.low, INF, False)
    found = arithmetic.maximum(a, b)
    return found if found is None or a.low == a.high or b.low == b.high else found.loose()


def minimum_values(left: Value | None, right: Value | None) -> Interval | None:
    """The lesser of the two, element by element."""
    a, b = interval_of(left), interval_of(right)
    if a is None or b is None:
        known = a if a is not None else b
        return None if known is None or known.high == INF else Interval(-INF, known.high, False)
    found = arithmetic.minimum(a, b)
    return found if found is None or a.low == a.high or b.low == b.high else found.loose()


# --- reductions and several tensors ------------------------------------------------------------------------------


def _loose(a: Interval | None) -> Interval | None:
    return None if a is None else a.loose()


def mean(call: Call) -> Interval | None:
    """A mean lies where its elements lie; over named dimensions that then vanish (a pooling) it keeps tightness."""
    a = call.input.range
    pooling = call.given("dim", "axis") is not None and call.flag("keepdim", "keepdims") is False
    return a if pooling else _loose(a)


def count_of(call: Call) -> int | None:
    """How many elements one element of a reduction's result is made of."""
    shape = call.input.shape
    if shape is None:
        return None
    dims = reduced_dims(call, shape)
    if dims is None:
        return None
    n = sizes.product(tuple(shape[i] for i in dims))
    return n if isinstance(n, int) else None


def total(call: Call) -> Interval | None:
    """A sum: n times the ends, or their signs if n is not known."""
    a = call.input.range
    meaning = call.input.meaning
    if a is None:
        return None
    n = count_of(call)
    if meaning is not None and meaning.kind == "distribution" and meaning.dim is not None and call.input.shape:
        dims = reduced_dims(call, call.input.shape)
        if dims == (meaning.dim % len(call.input.shape),):
            return arithmetic.point(1.0).loose()
    if n is not None:
        return _loose(arithmetic.multiply(a, arithmetic.point(float(n))))
    return Interval(0.0 if a.low >= 0 else -INF, 0.0 if a.high <= 0 else INF, False)


def _cumulative(call: Call) -> Interval | None:
    a = call.input.range
    if a is None:
        return None
    return Interval(min(0.0, a.low) if a.low >= 0 else -INF, 0.0 if a.high <= 0 else INF, False)


def _product(call: Call) -> Interval | None:
    a = call.input.range
    if a is None:
        return None
    if a.within(0, 1, 0):
        return Interval(0.0, 1.0, False)
    return Interval(0.0, INF, False) if a.low >= 0 else None


def hull_of(values: list[Value | None]) -> Interval | None:
    """The least interval that holds every one of the values; unknown if one is."""
    if not values:
        return None
    result = interval_of(values[0])
    for value in values[1:]:
        result = hull(result, interval_of(value))
    return result


def _all(call: Call) -> Interval | None:
    value = call.given("tensors", "input", "arrays")
    items = items_of(value)
    if items is None:
        element = getattr(value, "element", None)
        return interval_of(element) if element is not None else interval_of(value)
    return hull_of(list(items))


def _softmax(call: Call) -> Interval:
    return outer(0.0, 1.0, call.input.range)


def _normalized(call: Call) -> Interval:
    """`F.normalize`: each vector has norm 1 (p ≥ 1), so no element is above 1."""
    a = call.input.range
    return Interval(0.0 if a is not None and a.low >= 0 else -1.0, 1.0, False)


def _matmul(call: Call) -> Interval | None:
    return matmul_values(*_pair(call))


def matmul_values(left: Value | None, right: Value | None) -> Interval | None:
    """A matrix product: free if one factor is and the other is tight; otherwise only the signs are kept."""
    a, b = interval_of(left), interval_of(right)
    if a is None or b is None:
        return None
    if (is_free(a) and b.tight) or (is_free(b) and a.tight):
        return REAL
    products = arithmetic.multiply(a, b)
    assert products is not None
    return Interval(0.0 if products.low >= 0 else -INF, 0.0 if products.high <= 0 else INF, False)


def _einsum(call: Call) -> Interval | None:
    operands = einsum_operands(call)
    return matmul_values(*operands) if len(operands) == 2 else None


def has_own_weight(call: Call) -> bool:
    """Whether a layer is applied with trained parameters: its own, or a weight that is known to be free."""
    weight = call["weight"]
    if weight is None and "weight" not in call.arguments:
        return True
    return isinstance(weight, Tensor) and (is_free(weight.range) or weight.grad == "attached")


def _affine(call: Call) -> Interval | None:
    """A layer with trained weights is unbounded whatever it is given; a fixed kernel is not."""
    return REAL if has_own_weight(call) else None


def dropout(call: Call) -> Interval | None:
    """While training, elements are 0 or divided by 1 − p; whether it trains is not known here."""
    a, p = call.input.range, call.number("p")
    if a is None or call.flag("training", default=True) is False or p == 0:
        return a
    if a.unbounded:
        return a
    if p is None or not 0 <= p < 1:
        grown = Interval(-INF if a.low < 0 else 0.0, INF if a.high > 0 else 0.0, False)
    else:
        k = 1 / (1 - p)
        grown = Interval(min(a.low * k, 0.0), max(a.high * k, 0.0), False)
    # positive without an upper bound, the usual case after a ReLU, does not change
    return a if (grown.low, grown.high) == (a.low, a.high) else grown


def _padded(call: Call) -> Interval | None:
    mode = call.text("mode")
    if mode is not None and mode != "constant":
        return call.input.range
    if call.given("mode") is not None and mode is None:
        return None
    value = call.given("value")
    return hull(call.input.range, arithmetic.point(0.0) if value is None else interval_of(value))


def _interpolated(call: Call) -> Interval | None:
    """Nearest and linear interpolation are means; bicubic overshoots."""
    mode = call.text("mode")
    if mode in ("nearest", "nearest-exact", "bilinear", "linear", "trilinear", "area"):
        return call.input.range
    return None


def _grid(call: Call) -> Interval | None:
    if call.text("mode") == "bicubic" or call.text("mode") is None:
        return None
    a = call.input.range
    return hull(a, arithmetic.point(0.0)) if call.text("padding_mode") == "zeros" else a


def _filled(call: Call) -> Interval | None:
    return hull(call.input.range, interval_of(call.given("value")))


def _index_range(call: Call) -> Interval:
    """An argmax: 0 … size − 1."""
    shape = call.input.shape
    if shape is not None and call.given("dim", "axis") is not None:
        dims = reduced_dims(call, shape)
        n = shape[dims[0]] if dims and len(dims) == 1 else None
        if isinstance(n, int):
            return Interval(0.0, n - 1.0, False)
    return Interval(0.0, INF, False)


def _draws(call: Call) -> Interval | None:
    """randint: low … high − 1."""
    low, high = call.given("low"), call.given("high")
    if high is None or (items_of(high) is not None):
        low, high = Const(0), low
    a, b = interval_of(low if low is not None else Const(0)), interval_of(high)
    if a is None or b is None:
        return None if a is None else Interval(a.low, INF, False)
    return Interval(a.low, b.high - (0 if call.flag("endpoint") else 1), a.tight and b.tight)


def _uniform(call: Call) -> Interval | None:
    low, high = call.given("from", "low", "a"), call.given("to", "high", "b")
    return hull(
        interval_of(low if low is not None else Const(0.0)), interval_of(high if high is not None else Const(1.0))
    )


def _arange(call: Call) -> Interval | None:
    start, end, step = call.given("start"), call.given("end", "stop"), call.given("step")
    if end is None:
        start, end = Const(0), start
    a, b = interval_of(start if start is not None else Const(0)), interval_of(end)
    if a is None:
        return None
    if b is None:
        k = interval_of(step)
        return Interval(a.low, INF, False) if step is None or (k is not None and k.low > 0) else None
    if b.low == b.high == INF:
        return Interval(a.low, INF, False)
    whole = all(isinstance(v, Const) and isinstance(v.value, int) for v in (start or Const(0), end))
    if step is None and whole and b.high > a.low:
        return Interval(a.low, b.high - 1)
    return Interval(min(a.low, b.low), max(a.high, b.high), False)


def _constant(call: Call) -> Interval | None:
    return interval_of(call.given("fill_value", "value"))


def data_range(value: Value | None, depth: int = 0) -> Interval | None:
    """The range of literal data: a number, or nested sequences of them; unknown beyond eight levels."""
    if depth > 8:
        return None
    items = items_of(value)
    if items is None:
        return data_range(value.element, depth + 1) if isinstance(value, List) else interval_of(value)
    result: Interval | None = None
    for item in items:
        found = data_range(item, depth + 1)
        if found is None:
            return None
        result = found if result is None else hull(result, found)
    return result


def cast(a: Interval | None, source: str | None, target: str | None) -> Interval | None:
    """The range after a change of dtype. To integers values are truncated; what does not fit wraps around."""
    if a is None:
        return Interval(0.0, 1.0, False) if target == "bool" else None
    kind = category(target)
    if kind == 0:
        return Interval(0.0, 1.0, False)
    if kind == 1 and target is not None:
        bits = 64 if target.endswith("64") else 32 if target.endswith("32") else 16 if target.endswith("16") else 8
        low, high = (0.0, 2.0**bits - 1) if target.startswith("u") else (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
        if bits == 64 and category(source) == 1 and not target.startswith("u"):
            return a  # an end beyond 64 bits says that nothing is known of it, for no program counts that far
        if a.low < low or a.high > high:
            return Interval(low, high, False)
        if category(source) == 1:
            return a
        return Interval(float(math.trunc(a.low)), float(math.trunc(a.high)), False)
    return a


def _cast(call: Call) -> Interval | None:
    return cast(call.input.range, call.input.dtype, dtype_of(call))


def _same_scale(call: Call) -> bool:
    """Whether a conversion of colours is between those that all have one scale."""
    return getattr(call.given("code"), "name", "").rsplit("2", 1)[-1] in ("RGB", "BGR", "GRAY", "RGBA", "BGRA")


def _grid_of_images(call: Call) -> Interval | None:
    """`make_grid`: normalised to [0, 1] if asked, else as it was, with a border."""
    normalized = call.flag("normalize")
    if normalized is None:
        return None
    return UNIT.loose() if normalized else hull(call.input.range, interval_of(call["pad_value"]))


def _cv2_resized(call: Call) -> Interval | None:
    """Nearest, linear and area interpolation are means; cubic and Lanczos overshoot, but bytes saturate."""
    name = getattr(call.given("interpolation"), "name", "")
    number = call.integer("interpolation")
    if number in (0, 1, 3) or name.endswith(("_NEAREST", "_LINEAR", "_AREA")):
        return call.input.range
    return Interval(0.0, 255.0, False) if call.input.dtype == "uint8" else None


def _copied(call: Call) -> Interval | None:
    return call.tensor("src" if "src" in call.arguments else "other").range


def _reversed_where(call: Call) -> Interval | None:
    return hull_of([call["input"], call["other"]])


def _lerp(call: Call) -> Interval | None:
    w = interval_of(call["weight"])
    if w is None or not w.within(0, 1):
        return None
    return _loose(hull_of([call["input"], call["end"]]))


def _average(call: Call) -> Interval | None:
    """Average pooling: zero padding counts among the elements."""
    a = call.input.range
    padding = call.given("padding")
    dims = [Const(0)] if padding is None else list(items_of(padding) or [padding])
    if (
        all(isinstance(d, Const) and d.value == 0 for d in dims)
        or call.flag("count_include_pad", default=True) is False
    ):
        return a if call.given("divisor_override") is None else None
    return None if a is None else Interval(min(a.low, 0.0), max(a.high, 0.0), a.unbounded and a.tight)


def _zero_or(call: Call) -> Interval | None:
    """Elements are kept or become 0: `triu`, padding, unpooling."""
    return hull(call.input.range, arithmetic.point(0.0))


def _norm_loose(call: Call) -> Interval:
    return Interval(0.0, INF, False)


RANGE_RULES: dict[str, Callable[[Call], Interval | None]] = {
    **CURVES,
    **imaging.RANGES,
    "same": lambda call: call.input.range,
    "same-loose": lambda call: _loose(call.input.range),
    "unknown": lambda call: None,
    "real": lambda call: REAL,
    "affine": _affine,
    "hull": _all,
    "where": _reversed_where,
    "add": lambda call: _scaled(call, 1),
    "sub": lambda call: _scaled(call, -1),
    "rsub": lambda call: subtract_values(*reversed(_pair(call))),
    "mul": lambda call: multiply_values(*_pair(call)),
    "div": _divided,
    "floor-divide": lambda call: floor_divide_values(*_pair(call)),
    "remainder": lambda call: remainder_values(*_pair(call)),
    "pow": lambda call: power_values(*_pair(call)),
    "maximum": lambda call: maximum_values(*_pair(call)),
    "minimum": lambda call: minimum_values(*_pair(call)),
    "matmul": _matmul,
    "einsum": lambda call: _einsum(call),
    "mean": mean,
    "sum": total,
    "cumulative": _cumulative,
    "prod": _product,
    "nonnegative": _norm_loose,
    "softmax": _softmax,
    "log-softmax": lambda call: outer(-INF, 0.0, call.input.range),
    "normalize": _normalized,
    "clamp": clamp,
    "dropout": dropout,
    "pad": _padded,
    "interpolate": _interpolated,
    "grid": _grid,
    "average": _average,
    "zero-or": _zero_or,
    "fill": _filled,
    "argmax": _index_range,
    "randint": _draws,
    "uniform": _uniform,
    "arange": _arange,
    "ends": lambda call: hull(interval_of(call.given("start")), interval_of(call.given("end", "stop"))),
    "constant": _constant,
    "data": lambda call: data_range(call.given("data", "object", "a", "obj")),
    "cast": _cast,
    "make-grid": lambda call: _grid_of_images(call),
    "colour": lambda call: call.input.range if call.input.dtype == "uint8" or _same_scale(call) else None,
    "cv2-resize": lambda call: _cv2_resized(call),
    "cast-src": lambda call: cast(call.tensor("src").range, call.tensor("src").dtype, call.input.dtype),
    "scatter": lambda call: hull(call.input.range, interval_of(call.given("src", "value"))),
    "index-fill": lambda call: hull(call.input.range, interval_of(call["value"])),
    "copy": _copied,
    "lerp": _lerp,
    "zero": lambda call: arithmetic.point(0.0),
    "one": lambda call: arithmetic.point(1.0),
}


def range_of(call: Call) -> Interval | None:
    """The range of the result of a call."""
    declared = call.op.range
    if isinstance(declared, str):
        found = RANGE_RULES[declared](call)
    else:
        params = call.op.parameters.params
        takes = bool(params) and params[0].name in ("input", "query", "x1") and call.op.meaning != "noise"
        found = Interval(*declared, (not takes) or is_free(call.input.range))
    found = arithmetic.overflown(found, 65504.0 if dtype_of(call) == "float16" else 3.4e38)
    return _loose(found) if call.op.loose else found


__all__ = ["RANGE_RULES", "is_free", "range_of"]
