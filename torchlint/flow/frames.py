"""pandas: tables with named columns, as far as it matters to what becomes of them as tensors.

Definitions
    frame   a table: a tensor of two dimensions whose holder is ``frame``
    column  one of its columns or rows: the same with one dimension

Worked example: with ``df = pd.read_csv(path)``, ``df["price"].values`` is an array of one dimension and
``df.drop(columns="price").values`` one of two; what they hold is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torchlint.flow.library.reading import dtype_name, items_of
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Dim
from torchlint.flow.values import (
    UNKNOWN,
    Bound,
    Const,
    List,
    Number,
    Place,
    Tensor,
    Text,
    Tuple,
    Unknown,
    Value,
    Via,
    list_of,
)

FRAME = "frame"

Handler = Callable[[Machine, Sequence[Value], Mapping[str, Value], Place], Value]

#: Methods that give back a table or column of other rows or values.
KEPT = frozenset({
    "copy", "head", "tail", "sample", "reset_index", "sort_values", "sort_index", "dropna", "fillna", "replace",
    "ffill", "bfill", "interpolate", "round", "clip", "abs", "rename", "drop_duplicates", "query", "infer_objects",
    "shift", "diff", "astype", "convert_dtypes", "isin", "isna", "isnull", "notna", "notnull", "where", "mask",
})  # fmt: skip
#: Methods of a table that give one of other columns.
RESHAPED = frozenset({"drop", "select_dtypes", "filter", "assign", "join", "merge", "set_index"})
#: Methods that make one number of a column, and a column of a table.
REDUCED = frozenset({"mean", "sum", "std", "var", "min", "max", "median", "quantile", "count", "nunique"})
#: What else is a method or an attribute, and no column.
OTHERS = frozenset({
    "to_numpy", "pop", "get", "map", "apply", "tolist", "to_list", "unique", "iterrows", "itertuples", "groupby",
    "value_counts", "items", "keys", "to_dict", "to_csv", "describe", "info", "plot", "hist", "corr", "rolling",
    "agg", "transform", "pivot", "pivot_table", "melt", "stack", "explode", "insert", "append", "eq", "ne", "gt",
    "ge", "lt", "le", "add", "sub", "mul", "div", "idxmax", "idxmin", "squeeze", "equals", "cumsum", "rank",
    "between", "applymap", "nlargest",
})  # fmt: skip
UNFOLLOWED = frozenset({"columns", "index", "dtypes", "str", "dt", "cat", "empty", "name", "axes", "attrs"})


def frame(columns: Dim = None, via: Via | None = None) -> Tensor:
    """A table with so many columns."""
    return Tensor(None, None, None, (None, columns), "detached", holder=FRAME, via=via)


def column(dtype: str | None = None, via: Via | None = None) -> Tensor:
    """A column of a table, or a row."""
    return Tensor(None, None, dtype, (None,), "detached", holder=FRAME, via=via)


def is_frame(value: Value) -> bool:
    """Whether a value is a table or a column, and the number of its dimensions is known."""
    return isinstance(value, Tensor) and value.holder == FRAME and value.shape is not None


def _read(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    if "chunksize" in keywords or "iterator" in keywords:
        return UNKNOWN
    return frame(via=Via("table", {}, place, None, None, "pandas"))


def _joined(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``pd.concat(parts)``: a column only if it is known to be made of columns."""
    parts = items_of(m.resolve(args[0])) if args else None
    axis = keywords.get("axis", args[1] if len(args) > 1 else Const(0))
    if not parts or not isinstance(axis, Const) or not all(is_frame(p) for p in parts):
        return UNKNOWN
    flat = all(isinstance(p, Tensor) and p.shape is not None and len(p.shape) == 1 for p in parts)
    return column() if flat and axis.value in (0, "index") else frame()


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(
        [f"pandas.{name}" for name in ("read_csv", "read_table", "read_excel", "read_parquet", "read_feather")], _read
    ),
    "pandas.DataFrame": lambda m, args, keywords, place: frame(),
    "pandas.get_dummies": lambda m, args, keywords, place: frame(),
    "pandas.Series": lambda m, args, keywords, place: column(),
    "pandas.concat": _joined,
}


def attribute(tensor: Tensor, name: str, place: Place) -> Value | None:
    """An attribute of a table or a column; None for those that every array has."""
    if name == "values":
        return tensor.with_(holder="numpy")
    if name in ("iloc", "loc", "at", "iat"):
        return tensor
    if name in KEPT | RESHAPED | REDUCED | OTHERS:
        return Bound(name, tensor, place)
    if name in UNFOLLOWED:
        return UNKNOWN
    if name in ("shape", "ndim", "size", "dtype", "T", "array"):
        return None
    return (
        column(via=tensor.via)
        if tensor.shape is not None and len(tensor.shape) == 2
        else Tensor(None, None, None, (), "detached", via=tensor.via)
    )


def call_method(tensor: Tensor, name: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """A method of a table or a column."""
    assert tensor.shape is not None
    table = len(tensor.shape) == 2
    if name == "astype":
        return tensor.with_(dtype=dtype_name(args[0]) if args else None)
    if name == "to_numpy":
        named = keywords.get("dtype", args[0] if args else None)
        return tensor.with_(holder="numpy", dtype=tensor.dtype if named is None else dtype_name(named))
    if name in KEPT:
        dtype = "bool" if name in ("isin", "isna", "isnull", "notna", "notnull") else None
        return tensor.with_(shape=(None, *tensor.shape[1:]), dtype=dtype)
    if name in RESHAPED and table:
        return frame(via=tensor.via)
    if name in ("pop", "get"):
        return column(via=tensor.via) if table else UNKNOWN
    if name in ("map", "apply") and not table:
        return column(via=tensor.via)
    if name in REDUCED and not keywords:
        return column(via=tensor.via) if table else Number()
    if name in ("tolist", "to_list"):
        return list_of(Number())
    if name == "unique":
        return Tensor(None, None, tensor.dtype, (None,), "detached", holder="numpy")
    if name == "iterrows":
        return list_of(Tuple((UNKNOWN, column(via=tensor.via))))
    return UNKNOWN


def subscript(tensor: Tensor, index: Value, sliced: Callable[[Value], bool]) -> Value:
    """``df[…]``, ``df.iloc[…]``, ``df.loc[…]``; `sliced` says whether a part of the index is a slice."""
    assert tensor.shape is not None
    parts: tuple[Value, ...] = index.items if isinstance(index, Tuple) else (index,)
    if len(tensor.shape) == 2 and len(parts) == 1 and not sliced(parts[0]):
        one = parts[0]
        names = items_of(one)
        if isinstance(one, Const) and isinstance(one.value, str):
            return column(via=tensor.via)
        if isinstance(one, List) and isinstance(one.element, Text):
            return frame(via=tensor.via)
        if names is not None and all(isinstance(n, Const) and isinstance(n.value, str) for n in names):
            return frame(len(names), tensor.via)
    shape: list[Dim] = []
    for at, size in enumerate(tensor.shape):
        part = parts[at] if at < len(parts) else None
        if part is None:
            shape.append(size)
        elif isinstance(part, Unknown) or (not isinstance(part, (Const, Number, Tensor)) and not sliced(part)):
            chosen = items_of(part)
            if chosen is None:
                return UNKNOWN
            shape.append(len(chosen))
        elif sliced(part) or (isinstance(part, Tensor) and part.shape != ()):
            shape.append(None)
    return tensor.with_(shape=tuple(shape))
