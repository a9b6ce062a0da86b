"""Dtypes of results: promotion, and the rules that rows name.

Definitions
    category   bool < integer < float < complex
    weak       a Python number, or a tensor without dimensions beside one with: it counts only by its category
    ``float``  a floating dtype of unknown width

Worked example: int64 tensor / 2 is float32 in torch (true division gives the default dtype) and float64 in numpy.
Source: PyTorch, "Type promotion" (docs, tensor_attributes); NumPy 2, NEP 50.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torchlint.flow.library import imaging
from torchlint.flow.library.reading import (
    FLOATS,
    INTEGERS,
    Call,
    as_tensor,
    dtype_name,
    is_scalar,
    items_of,
)  # fmt: skip
from torchlint.flow.values import List, Tensor, Value, kind_of

_WIDTH = {"uint8": 8, "int8": 8, "int16": 16, "uint16": 16, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64}


def category(dtype: str | None) -> int | None:
    """0 bool, 1 integer, 2 float, 3 complex; None if unknown."""
    if dtype is None:
        return None
    return 0 if dtype == "bool" else 1 if dtype in INTEGERS else 2 if dtype in FLOATS else 3


def is_float(dtype: str | None) -> bool:
    """Whether it is known to be floating."""
    return dtype in FLOATS


def _wider(a: str, b: str, numpy: bool) -> str | None:
    """The common dtype of two strong operands."""
    if a == b:
        return a
    low, high = sorted((a, b), key=lambda d: category(d) or 0)
    kinds = category(low), category(high)
    if kinds[0] != kinds[1]:
        if numpy and kinds == (1, 2):
            if high == "float":
                return "float"
            needed = {8: "float16", 16: "float32"}.get(_WIDTH[low], "float64")
            return _wider(needed, high, numpy)
        if kinds[1] == 3 and low in ("float64", "float"):
            return "complex128" if low == "float64" else None
        return high
    if kinds[0] == 1:
        if low.startswith("u") != high.startswith("u"):
            unsigned, signed = (low, high) if low.startswith("u") else (high, low)
            if _WIDTH[signed] > _WIDTH[unsigned]:
                return signed
            return (
                {8: "int16", 16: "int32", 32: "int64"}.get(_WIDTH[unsigned]) if numpy or unsigned == "uint8" else None
            )
        return low if _WIDTH[low] >= _WIDTH[high] else high
    if kinds[0] == 2:
        if "float64" in (a, b):
            return "float64"
        if "float" in (a, b):
            return "float"
        if {a, b} == {"float16", "bfloat16"}:
            return "float32"
        return "float32" if "float32" in (a, b) else None
    return "complex128" if "complex128" in (a, b) else "complex64" if "complex64" in (a, b) else None


def promote(values: Sequence[Value | None]) -> str | None:
    """The dtype of an elementwise operation on tensors and numbers; None if it is not known."""
    strong: list[Tensor] = []
    weak: list[int | None] = []
    for value in values:
        if isinstance(value, Tensor):
            strong.append(value)
        elif is_scalar(value):
            number = as_tensor(value)
            weak.append(None if number is None else category(number.dtype))
        else:
            return None
    numpy = any(t.holder == "numpy" for t in strong)
    full = [t for t in strong if t.shape is None or t.shape]
    scalars = [t for t in strong if t.shape is not None and not t.shape]
    if full and scalars and not numpy:
        if any(t.shape is None for t in full) and len({t.dtype for t in strong}) > 1:
            kinds = {category(t.dtype) for t in strong}
            return "float" if None not in kinds and max(k or 0 for k in kinds) == 2 and len(kinds) == 1 else None
        weak.extend(category(t.dtype) for t in scalars)
        strong_dtypes = [t.dtype for t in full]
    else:
        strong_dtypes = [t.dtype for t in strong]
        if len(strong) > 1 and not numpy and any(t.shape is None for t in strong) and len(set(strong_dtypes)) > 1:
            kinds = {category(d) for d in strong_dtypes}
            if None in kinds:
                return None
            if len(kinds) == 1:
                return "float" if kinds == {2} else None
    if not strong_dtypes or None in strong_dtypes:
        return None
    result: str | None = strong_dtypes[0]
    for dtype in strong_dtypes[1:]:
        if result is None or dtype is None:
            return None
        result = _wider(result, dtype, numpy)
    own = category(result)
    for kind in weak:
        if kind is None:
            return result if own is not None and own >= 2 else None
        if own is not None and kind > own:
            result = {1: "int64", 2: "float64" if numpy else "float32"}.get(kind)
            own = kind
    return result


def floating(tensor: Tensor) -> str | None:
    """The dtype of a function that computes in floats: integers become the default dtype, in numpy one wide enough."""
    kind = category(tensor.dtype)
    if kind is None:
        return "float"
    if kind >= 2:
        return tensor.dtype
    if tensor.holder != "numpy":
        return "float32"
    return {"bool": "float16", "uint8": "float16", "int8": "float16", "int16": "float32", "uint16": "float32"}.get(
        tensor.dtype or "", "float64"
    )


def _same(call: Call) -> str | None:
    return call.input.dtype


def _layer(call: Call) -> str | None:
    """A layer with parameters of its own, which are float32 unless the program says otherwise."""
    dtype = call.input.dtype
    return dtype if dtype in FLOATS else "float"


def _promote(call: Call) -> str | None:
    first = call.op.parameters.positional[:2]
    return promote([call[name] for name in first])


def _promote_float(call: Call) -> str | None:
    dtype = _promote(call)
    if category(dtype) in (0, 1):
        numpy = any(t.holder == "numpy" for t in call.tensors())
        return "float64" if numpy else "float32"
    return dtype


def _hull(call: Call) -> str | None:
    """The common dtype of every tensor of a sequence: `cat`, `stack`."""
    found = [t.with_(shape=None) for t in call.tensors()]
    if not found or call.unknowns():
        return None
    if any(t.holder == "numpy" for t in found):
        return promote(list(found))
    dtypes = {t.dtype for t in found}
    if len(dtypes) == 1:
        return dtypes.pop()
    if None in dtypes:
        return None
    return promote([t.with_(shape=(1,)) for t in found])


def _where(call: Call) -> str | None:
    pair = [call["input"], call["other"]]
    if all(is_scalar(value) for value in pair):
        kinds = {data_dtype(value, call.op.name.startswith("numpy")) for value in pair}
        return kinds.pop() if len(kinds) == 1 else None
    return promote(pair)


def _argument(call: Call) -> str | None:
    """The dtype that the call names; else that of the input."""
    named = call.given("dtype", "type")
    if named is not None:
        return dtype_name(named)
    return call.input.dtype


def _to(call: Call) -> str | None:
    """``x.to(…)``: a device, a dtype, both, or another tensor."""
    for name in ("dtype", "device", "other", "*"):
        value = call.given(name)
        for item in getattr(value, "items", None) or (value,):
            if isinstance(item, Tensor):
                return item.dtype
            dtype = dtype_name(item)
            if dtype is not None:
                return dtype
    first = call.given("device")
    if call.given("dtype") is not None:
        return None
    if first is not None and type(first).__name__ in ("Unknown", "Alternatives"):
        return call.input.dtype  # a device in all but rare programs
    return call.input.dtype


def _reduce(call: Call) -> str | None:
    """sum and prod: integers and booleans become int64."""
    named = call.given("dtype")
    if named is not None:
        return dtype_name(named)
    tensor = call.input
    kind = category(tensor.dtype)
    if kind in (0, 1) and tensor.holder != "numpy":
        return "int64"
    if kind == 0 or (kind == 1 and tensor.dtype in ("int8", "int16", "int32")):
        return "int64"
    if kind == 1:
        return "uint64" if (tensor.dtype or "").startswith("u") else "int64"
    return tensor.dtype


def _floating_or_argument(call: Call) -> str | None:
    named = call.given("dtype")
    return dtype_name(named) if named is not None else floating(call.input)


def _mean(call: Call) -> str | None:
    named = call.given("dtype")
    if named is not None:
        return dtype_name(named)
    tensor = call.input
    if category(tensor.dtype) in (0, 1):
        return "float64" if tensor.holder == "numpy" else "float32"
    return tensor.dtype if tensor.dtype is not None else "float"


def _default_float(call: Call) -> str | None:
    named = call.given("dtype")
    if named is not None:
        return dtype_name(named)
    return "float64" if call.op.name.startswith("numpy") else "float32"


def _other(call: Call) -> str | None:
    return call.tensor("other").dtype


DTYPE_RULES: dict[str, Callable[[Call], str | None]] = {
    **imaging.DTYPES,
    "same": _same,
    "layer": _layer,
    "floating": lambda call: floating(call.input),
    "floating-or-argument": _floating_or_argument,
    "promote": _promote,
    "promote-float": _promote_float,
    "hull": _hull,
    "where": _where,
    "argument": _argument,
    "to": _to,
    "reduce": _reduce,
    "mean": _mean,
    "default-float": _default_float,
    "other": _other,
    "unknown": lambda call: None,
    "clamp": lambda call: promote(
        [v for v in (call["input"], call.given("min", "a_min"), call.given("max", "a_max")) if v is not None]
    ),
    "div": lambda call: _promote(call) if call.given("rounding_mode") is not None else _promote_float(call),
    "hull-args": _hull,
    "bool-to-int": lambda call: (
        call.input.dtype if call.input.dtype != "bool" else (None if call.input.holder == "numpy" else "int64")
    ),
    "bool-or-byte": lambda call: (
        "bool"
        if call.input.dtype not in ("uint8", None)
        else (
            "uint8"
            if call.input.dtype == "uint8" and call.input.holder != "numpy"
            else "bool"
            if call.input.holder == "numpy"
            else None
        )
    ),
    "full": lambda call: _full(call),
    "int64-or-argument": lambda call: "int64" if call.given("dtype") is None else dtype_name(call.given("dtype")),
    "arange": lambda call: _arange(call),
    "data": lambda call: _data(call),
    "drawn": lambda call: _drawn(call),
}


def _full(call: Call) -> str | None:
    """`full`: the dtype of the number that it is filled with."""
    named = call.given("dtype")
    if named is not None:
        return dtype_name(named)
    value = call.given("fill_value")
    number = as_tensor(value)
    kind = None if number is None else category(number.dtype)
    if isinstance(value, Tensor) or call.op.name.startswith("numpy"):
        return {0: "bool", 1: "int64", 2: "float64"}.get(kind) if kind is not None and is_scalar(value) else None
    return {0: "bool", 1: "int64", 2: "float32"}.get(kind) if kind is not None else None


def _arange(call: Call) -> str | None:
    """Integers, if every argument is one."""
    named = call.given("dtype")
    if named is not None:
        return dtype_name(named)
    kinds = []
    for name in ("start", "end", "stop", "step"):
        value = call.given(name)
        if value is not None:
            number = as_tensor(value)
            kinds.append(None if number is None else category(number.dtype))
    if None in kinds:
        return None
    if all(kind is not None and kind <= 1 for kind in kinds):
        return "int64"
    return "float64" if call.op.name.startswith("numpy") else "float32"


def _data(call: Call) -> str | None:
    """The dtype of literal data: that of an array, or inferred from the numbers."""
    named = call.given("dtype")
    if named is not None:
        return dtype_name(named)
    return data_dtype(call.given("data", "object", "a"), call.op.name.startswith("numpy"))


def _drawn(call: Call) -> str | None:
    """Elements of an array, or whole numbers below one."""
    values = call[call.op.parameters.params[0].name]
    return "int64" if kind_of(values) == "int" else data_dtype(values, True)


def data_dtype(value: Value | None, numpy: bool, depth: int = 0) -> str | None:
    """The dtype that torch (or numpy) infers from nested sequences of numbers; unknown beyond eight levels."""
    if depth > 8:
        return None
    if isinstance(value, Tensor):
        return value.dtype
    items = items_of(value)
    if items is None:
        if isinstance(value, List):
            return data_dtype(value.element, numpy, depth + 1)
        number = as_tensor(value)
        kind = None if number is None else category(number.dtype)
        return None if kind is None else {0: "bool", 1: "int64"}.get(kind, "float64" if numpy else "float32")
    if not items:
        return "float64" if numpy else "float32"
    found = {data_dtype(item, numpy, depth + 1) for item in items}
    if len(found) == 1:
        return found.pop()
    plain = {"bool", "int64", "float64" if numpy else "float32"}
    if None in found or not found <= plain or any(isinstance(item, Tensor) for item in items):
        return None
    return max((d for d in found if d is not None), key=lambda d: category(d) or 0)


def dtype_of(call: Call) -> str | None:
    """The dtype of the result of a call."""
    rule = DTYPE_RULES.get(call.op.dtype)
    return rule(call) if rule is not None else call.op.dtype
