"""Tables of numbers: scikit-learn's preprocessors, the data sets that it makes or ships, and numpy's generators.

Worked example: ``StandardScaler().fit_transform(X)`` has mean 0 and unit variance in every column, so it has negative
values and values of 1 and more; ``MinMaxScaler`` reaches both ends of its range on what it was fitted on, and may leave
it on anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import builtins
from torchlint.flow.interval import INF, REAL, UNIT, Interval
from torchlint.flow.library import apply, tables
from torchlint.flow.library.reading import dim_of, dtype_name
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import (
    FALSE,
    UNKNOWN,
    Bound,
    Const,
    Meaning,
    Object,
    Place,
    Tensor,
    Trail,
    Tuple,
    Value,
    Via,
    make_list,
)


def call_method(m: Machine, owner: Object, name: str, args: Sequence[Value], place: Place) -> Value:
    """A method of a preprocessor."""
    row = m.contracts.lookup(owner.name)
    if not isinstance(row, tables.Estimator):
        return UNKNOWN
    given = m.resolve(args[0]) if args else UNKNOWN
    if name == "fit":
        m.write(owner.attrs, "fitted", given)
        return owner
    if name == "fit_transform":
        m.write(owner.attrs, "fitted", given)
        return m.over([given], lambda v: _transformed(m, row, owner.arguments, v[0], True, place))
    if name == "transform":
        known = owner.attrs.get("fitted") is given and isinstance(given, Tensor)
        return m.over([given], lambda v: _transformed(m, row, owner.arguments, v[0], known, place))
    if name == "inverse_transform":
        return Tensor(None, None, "float", _shape(given), "detached", holder="numpy")
    return UNKNOWN


def attribute(owner: Object, name: str, place: Place) -> Value:
    """An attribute: what it learned ends in an underscore, everything else is a method."""
    return UNKNOWN if name.endswith("_") else Bound(name, owner, place)


def function(
    m: Machine, row: tables.Estimator, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """``scale(X)`` and the like: fitted on what it is applied to."""
    settings = {**row.parameters.bind([], {}), **keywords}
    given = args[0] if args else UNKNOWN
    if len(args) > 1:
        return UNKNOWN
    return m.over([given], lambda v: _transformed(m, row, settings, v[0], True, place))


def _shape(given: Value) -> Shape:
    return given.shape if isinstance(given, Tensor) else None


def _flag(m: Machine, settings: Mapping[str, Value], name: str) -> bool | None:
    value = m.resolve(settings.get(name, UNKNOWN))
    return bool(value.value) if isinstance(value, Const) else None


def _transformed(
    m: Machine, row: tables.Estimator, settings: Mapping[str, Value], given: Value, fitted: bool, place: Place
) -> Value:
    dtype: str | None = "float"
    if isinstance(given, Tensor) and given.dtype in ("float32", "float64"):
        dtype = given.dtype
    sure = all(_flag(m, settings, name) for name in row.needs)
    if row.dense:
        sure = sure and any(_flag(m, settings, name) is False for name in row.dense)
    found: Interval | None = None
    meaning: Meaning | None = None
    shape = _shape(given)
    if not sure:
        return UNKNOWN if row.dense else Tensor(None, None, dtype, shape, "detached", holder="numpy")
    if row.gives == "standardized":
        found, meaning = REAL, Meaning("standardized")
    elif row.gives == "ranged":
        clipped = _flag(m, settings, "clip") is True
        found = _feature_range(m, settings) if fitted or clipped else None
        found = found.loose() if found is not None and not fitted else found
    elif row.gives == "signed":
        found = Interval(-1.0, 1.0, False) if fitted else None
    elif row.gives == "class-index":
        found, meaning, dtype = Interval(0.0, INF, False), Meaning("class-index"), "int64"
    elif row.gives in ("one-hot", "multi-hot"):
        found, meaning, dtype = UNIT, Meaning("binary"), "int64" if row.gives == "multi-hot" else None
        shape = None if row.gives == "one-hot" else (shape[0] if shape else None, None)
    words = {"standardized": "mean 0 and unit variance"}.get(row.gives, "" if found is None else str(found))
    trail = Trail(place, f"`{row.short}` → {words}") if words else None
    via = Via(row.gives, {"input": given}, place)
    return Tensor(found, meaning, dtype, shape, "detached", trail, None, "numpy", via)


def _feature_range(m: Machine, settings: Mapping[str, Value]) -> Interval | None:
    ends = [m.resolve(v) for v in builtins.items_of(m, settings.get("feature_range", UNKNOWN)) or ()]
    found = [float(v.value) for v in ends if isinstance(v, Const) and isinstance(v.value, (int, float))]
    return Interval(found[0], found[1]) if len(found) == 2 else None


# --- data sets ---------------------------------------------------------------------------------------------------


def samples(
    m: Machine, row: tables.Samples, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """The table and its targets, together or as attributes of one object."""
    settings = {name: m.resolve(value) for name, value in row.parameters.bind(args, keywords).items()}
    framed = settings.get("as_frame", FALSE)
    rest = [v for n in ("coef", "return_distributions", "sparse") if not _is_false(v := settings.get(n, FALSE))]
    if not _is_false(framed) or rest:
        return UNKNOWN
    count = row.rows or dim_of(settings.get("n_samples"))
    columns = row.columns or dim_of(settings.get("n_features"))
    found = Interval(*row.range) if row.range is not None else None
    trail = Trail(place, f"`{row.short}`" + (f" → {found}" if found is not None else ""))
    table = Tensor(found, None, "float64", (count, columns), "detached", trail, None, "numpy")
    target = _target(row, settings, count, place)
    together = settings.get("return_X_y")
    if isinstance(together, Const):
        both = {"data": table, "target": target}
        return Tuple((table, target)) if together.value else Object("arguments", row.name, {}, dict(both), place)
    return UNKNOWN


def _is_false(value: Value) -> bool:
    return isinstance(value, Const) and not value.value


def _target(row: tables.Samples, settings: Mapping[str, Value], count: Dim, place: Place) -> Tensor:
    if row.target == "value":
        found = Interval(*row.target_range) if row.target_range is not None else REAL
        several = dim_of(settings.get("n_targets", Const(1)))
        shape = (count,) if several == 1 else (count, several) if several is not None else None
        note = Trail(place, f"`{row.short}` → targets in {found}")
        return Tensor(found, None, "float64", shape, "detached", note, None, "numpy")
    classes = row.classes or dim_of(settings.get("n_classes"))
    via = Via(row.target, {}, place)
    if row.target == "multi-hot":
        note = Trail(place, f"`{row.short}` → several labels a sample")
        return Tensor(UNIT, Meaning("binary"), "int64", (count, classes), "detached", note, None, "numpy", via)
    known = classes if isinstance(classes, int) else None
    top = float(known - 1) if known is not None else INF
    note = Trail(place, f"`{row.short}` → class ids")
    found = Interval(0.0, top, known is not None)
    meaning = Meaning("class-index", classes=known)
    return Tensor(found, meaning, "int64", (count,), "detached", note, None, "numpy", via)


def split(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``train_test_split(X, y, …)``: two parts of each array."""
    parts: list[Value] = []
    for value in args:
        given = m.resolve(value)
        if isinstance(given, Tensor):
            shape = (None, *given.shape[1:]) if given.shape else None
            parts += [given.with_(shape=shape), given.with_(shape=shape)]
        else:
            parts += [UNKNOWN, UNKNOWN]
    return make_list(parts)


# --- random numbers ----------------------------------------------------------------------------------------------


def generator(m: Machine, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """``np.random.default_rng()`` or ``RandomState()``."""
    return Object("generator", "numpy.random.Generator", {}, {}, place)


def draw(m: Machine, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """A method of a generator: the function of ``numpy.random`` that is called so."""
    row = m.contracts.lookup(f"numpy.random.{'randint' if name == 'integers' else name}")
    if not isinstance(row, tables.Operation) or "endpoint" in keywords or "axis" in keywords:
        return UNKNOWN
    names, n = list(keywords), len(args)

    def one(values: list[Value]) -> Value:
        named = dict(zip(names, values[n:], strict=True))
        result = apply.apply(row, row.parameters.bind(values[:n], named), place, name)
        if isinstance(result, Tensor) and "dtype" in named:
            return result.with_(dtype=dtype_name(named["dtype"]))
        return result

    return m.over([*args, *keywords.values()], one)
