"""pandas: tables with named columns, as far as it matters to what becomes of them as tensors.

Definitions
    frame   a table: a tensor of two dimensions whose holder is ``frame``
    column  one of its columns or rows: the same with one dimension
    loose   of a column: what was written into it is not known to be one number or word a row, so that it may hold lists

Worked example: with ``df = pd.read_csv(path)``, ``df["price"].values`` is an array of one dimension and
``df.drop(columns="price").values`` one of two; what they hold is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torchlint.flow.library.reading import dtype_name, items_of
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Dim
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Alternatives,
    Bound,
    Const,
    Dict,
    Function,
    Library,
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
#: Attributes that stand for the table itself, to be subscripted.
LOCATING = frozenset({"iloc", "loc", "at", "iat"})
UNFOLLOWED = frozenset({"columns", "index", "dtypes", "str", "dt", "cat", "empty", "name", "axes", "attrs"})


def frame(columns: Dim = None, via: Via | None = None) -> Tensor:
    """A table with so many columns."""
    return Tensor(None, None, None, (None, columns), "detached", holder=FRAME, via=via)


def column(dtype: str | None = None, via: Via | None = None) -> Tensor:
    """A column of a table, or a row."""
    return Tensor(None, None, dtype, (None,), "detached", holder=FRAME, via=via)


class Table(Via, frozen=True, eq=False):
    """Where a table came from, and which of its columns are loose; None stands for any of them."""

    loose: frozenset[str | None] = frozenset()


#: What a loose column holds: data, of which nothing else is known.
LOOSE = Unknown(None, None, "detached")
ANY: frozenset[str | None] = frozenset({None})


def loose(value: Value) -> frozenset[str | None]:
    """The loose columns of a table, or of one of its rows."""
    if not isinstance(value, Tensor):
        return frozenset()
    if value.via is None:  # joined of several
        return ANY if value.holder == FRAME and value.shape is not None and len(value.shape) == 2 else frozenset()
    return value.via.loose if isinstance(value.via, Table) else frozenset()


def _loosened(table: Tensor, names: frozenset[str | None]) -> Tensor:
    """A table of which exactly these columns are loose."""
    if names == loose(table):
        return table
    via = table.via
    if via is None:
        return table.with_(shape=None)
    made = Table(via.op, via.arguments, via.place, via.made, via.operand, via.text, via.full, via.refused, names)
    return table.with_(via=made)


def is_plain(value: Value) -> bool:
    """Whether something is known to put one number or word into a row of a column, or into each part of a row."""
    if isinstance(value, Alternatives):
        return all(is_plain(option) for _, option in value.options)
    if isinstance(value, (Const, Number, Text)):
        return True
    if isinstance(value, Tensor):
        return None not in loose(value)
    if isinstance(value, (Tuple, List)):
        parts = value.items if value.items is not None else (value.element,) if isinstance(value, List) else ()
        return all(map(_is_cell, parts))
    return isinstance(value, Library) and value.name.startswith("numpy.")  # a constant such as `np.nan`


def _is_cell(value: Value) -> bool:
    """Whether something is known to be one number or word."""
    return isinstance(value, (Const, Number, Text)) or (isinstance(value, Tensor) and value.shape == ())


def _with(table: Tensor, name: str | None, value: Value) -> Tensor:
    names = loose(table)
    if is_plain(value):
        return _loosened(table, names - {name}) if name is not None else table
    return _loosened(table, names | {name})


def written(table: Tensor, index: Value, value: Value) -> Tensor:
    """A table after ``table[index] = value``, or that of its ``loc``."""
    parts = index.items if isinstance(index, Tuple) else (index,)
    names = items_of(parts[-1]) or parts[-1:]
    if names == (Const("columns"),) and loose(table):
        return _loosened(table, ANY)
    for name in names:
        known = isinstance(name, Const) and isinstance(name.value, str)
        table = _with(table, str(name.value) if isinstance(name, Const) and known else None, value)
    return table


def _named(table: Tensor, name: str) -> Value:
    """A column of a table, or what a row has in it."""
    if table.shape is None or loose(table) & {name, None}:
        return LOOSE
    via = table.via
    if isinstance(via, Table):
        via = Via(via.op, via.arguments, via.place, via.made, via.operand, via.text, via.full)
    return column(via=via) if len(table.shape) == 2 else Tensor(None, None, None, (), "detached", via=via)


def is_frame(value: Value) -> bool:
    """Whether a value is a table or a column, and the number of its dimensions is known."""
    return isinstance(value, Tensor) and value.holder == FRAME and value.shape is not None


def _read(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    if "chunksize" in keywords or "iterator" in keywords:
        return UNKNOWN
    return frame(via=_begun(place))


def _begun(place: Place) -> Via:
    return Via("table", {}, place, None, None, "pandas")


def _joined(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``pd.concat(parts)``: a column only if it is known to be made of columns."""
    parts = items_of(m.resolve(args[0])) if args else None
    axis = keywords.get("axis", args[1] if len(args) > 1 else Const(0))
    if not parts or not isinstance(axis, Const) or not all(is_frame(p) for p in parts):
        return UNKNOWN
    flat = all(isinstance(p, Tensor) and p.shape is not None and len(p.shape) == 1 for p in parts)
    via = _begun(place)
    joined = column(via=via) if flat and axis.value in (0, "index") else frame(via=via)
    return _loosened(joined, frozenset[str | None]().union(*map(loose, parts)))


def _made(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``pd.DataFrame(data)``: of a dict, column by column."""
    data = m.resolve(args[0] if args else keywords.get("data", NONE))
    table = frame(via=_begun(place))
    if isinstance(data, Dict) and not data.meta.get("open"):
        for name, value in data.items.items():
            table = _with(table, name if isinstance(name, str) else None, m.resolve(value))
        return table
    parts = items_of(data)
    plain = data == NONE or isinstance(data, Tensor) or (parts is not None and all(is_plain(part) for part in parts))
    return table if plain else _with(table, None, data)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(
        [f"pandas.{name}" for name in ("read_csv", "read_table", "read_excel", "read_parquet", "read_feather")], _read
    ),
    "pandas.DataFrame": _made,
    "pandas.get_dummies": lambda m, args, keywords, place: frame(via=_begun(place)),
    "pandas.Series": lambda m, args, keywords, place: column(via=_begun(place)),
    "pandas.concat": _joined,
}


def attribute(tensor: Tensor, name: str, place: Place) -> Value | None:
    """An attribute of a table or a column; None for those that every array has."""
    if name == "values":
        return LOOSE if loose(tensor) else tensor.with_(holder="numpy")
    if name in LOCATING:
        return tensor
    if name in KEPT | RESHAPED | REDUCED | OTHERS:
        return Bound(name, tensor, place)
    if name in UNFOLLOWED:
        return UNKNOWN
    if name in ("shape", "ndim", "size", "dtype", "T", "array"):
        return None
    return _named(tensor, name)


def call_method(
    m: Machine, tensor: Tensor, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A method of a table or a column."""
    assert tensor.shape is not None
    table = len(tensor.shape) == 2
    if name == "astype":
        return tensor.with_(dtype=dtype_name(args[0]) if args else None)
    if name == "to_numpy" and loose(tensor):
        return LOOSE
    if name == "to_numpy":
        named = keywords.get("dtype", args[0] if args else None)
        return tensor.with_(holder="numpy", dtype=tensor.dtype if named is None else dtype_name(named))
    if name == "rename" and loose(tensor):
        return _loosened(tensor, ANY)
    if name in KEPT:
        dtype = "bool" if name in ("isin", "isna", "isnull", "notna", "notnull") else None
        return tensor.with_(shape=(None, *tensor.shape[1:]), dtype=dtype)
    if name in RESHAPED and table:
        return _reshaped(m, tensor, name, args, keywords)
    if name in ("pop", "get"):
        wanted = m.resolve(args[0]) if args else UNKNOWN
        known = table and isinstance(wanted, Const) and isinstance(wanted.value, str)
        return _named(tensor, str(wanted.value)) if isinstance(wanted, Const) and known else UNKNOWN
    if name in ("map", "apply") and not table:
        given = m.resolve(args[0]) if args else UNKNOWN
        return column(via=tensor.via) if _gives_plain(m, given, place) else LOOSE
    if name in REDUCED and not keywords:
        return column(via=tensor.via) if table else Number()
    if name in ("tolist", "to_list"):
        return list_of(LOOSE if loose(tensor) else Number())
    if name == "unique":
        return Tensor(None, None, tensor.dtype, (None,), "detached", holder="numpy")
    if name == "iterrows":
        return list_of(Tuple((UNKNOWN, column(via=tensor.via))))
    return UNKNOWN


def _reshaped(m: Machine, table: Tensor, name: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> Tensor:
    """A table of other columns: of those that are written now, or come from another table, some may be loose."""
    made = frame(via=table.via)
    if name == "assign":
        for key, value in keywords.items():
            made = _with(made, key, m.resolve(value))
    if name in ("join", "merge"):
        other = m.resolve(args[0]) if args else keywords.get("right", keywords.get("other", UNKNOWN))
        return _loosened(made, loose(made) | loose(other)) if is_frame(other) else _with(made, None, UNKNOWN)
    return made


def _gives_plain(m: Machine, mapping: Value, place: Place) -> bool:
    """Whether what ``column.map(…)`` is given makes one number or word of every value."""
    from torchlint.flow import calls

    if isinstance(mapping, Dict):
        element = mapping.meta.get("element")
        held = [*mapping.items.values(), *([element] if isinstance(element, Value) else [])]
        return bool(held) and all(_is_cell(m.resolve(one)) for one in held)
    if isinstance(mapping, Library):
        return mapping.name.rpartition(".")[2] in ("int", "float", "str", "bool", "len", "float32", "float64", "int64")
    given = calls.call(m, mapping, [UNKNOWN], {}, place) if isinstance(mapping, Function) else UNKNOWN
    options = [option for _, option in given.options] if isinstance(given, Alternatives) else [given]
    return all(map(_is_cell, options))


def subscript(tensor: Tensor, index: Value, sliced: Callable[[Value], bool]) -> Value:
    """``df[…]``, ``df.iloc[…]``, ``df.loc[…]``; `sliced` says whether a part of the index is a slice."""
    assert tensor.shape is not None
    parts: tuple[Value, ...] = index.items if isinstance(index, Tuple) else (index,)
    if len(tensor.shape) == 2 and len(parts) == 1 and not sliced(parts[0]):
        one = parts[0]
        names = items_of(one)
        if isinstance(one, Const) and isinstance(one.value, str):
            return _named(tensor, one.value)
        if isinstance(one, List) and isinstance(one.element, Text):
            return frame(via=tensor.via)
        if names is not None and all(isinstance(n, Const) and isinstance(n.value, str) for n in names):
            kept = {name.value for name in names if isinstance(name, Const)} | {None}
            return _loosened(frame(len(names), tensor.via), loose(tensor) & kept)
    last = parts[-1]
    if isinstance(last, Const) and isinstance(last.value, str) and len(parts) == len(tensor.shape):
        held = _named(tensor, last.value)
        return subscript(held, parts[0], sliced) if len(parts) == 2 and isinstance(held, Tensor) else held
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
    if loose(tensor) and not shape:
        return LOOSE
    return tensor.with_(shape=tuple(shape))
