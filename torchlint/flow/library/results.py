"""Results that are not one tensor: the rules that rows name under ``result``.

Worked example: ``values, indices = x.max(dim=1)`` is a tuple of two tensors; ``x.size()`` a tuple of numbers.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from torchlint.flow import shape as sizes
from torchlint.flow.interval import REAL, Interval
from torchlint.flow.library import imaging, joining, packing, sequences
from torchlint.flow.library.axes import axis as axis_at
from torchlint.flow.library.axes import broadcast, data_shape, index
from torchlint.flow.library.dtypes import category
from torchlint.flow.library.meanings import MEANING_RULES
from torchlint.flow.library.operators import extreme_of_two
from torchlint.flow.library.ranges import data_range
from torchlint.flow.library.reading import (
    BLANK,
    Call,
    as_tensor,
    axis_size,
    dim_of,
    dims_of,
    dtype_name,
    items_of,
    size_value,
)
from torchlint.flow.library.refusals import refuse
from torchlint.flow.library.shapes import reduce
from torchlint.flow.shape import Dim
from torchlint.flow.values import (
    UNKNOWN,
    Const,
    Meaning,
    Number,
    Tensor,
    Tuple,
    Value,
    list_of,
)  # fmt: skip

MANY = 64  # a longer tuple of parts is given as an unknown number of them


def part(tensor: Tensor, axis: int | None, size: Dim) -> Tensor:
    """A slice of a tensor along one dimension."""
    meaning = tensor.meaning
    if meaning is not None and meaning.kind in ("distribution", "log-distribution"):
        same = axis is not None and meaning.dim is not None and tensor.shape is not None
        if not same or meaning.dim == axis or meaning.dim == axis - len(tensor.shape or ()):  # type: ignore[operator]
            # a part of a distribution no longer sums to 1
            kind = "probability" if meaning.kind == "distribution" else "log-probability"
            meaning = replace(meaning, kind=kind, dim=None)
    shape = tensor.shape
    if shape is not None:
        shape = (None,) * len(shape) if axis is None else (*shape[:axis], size, *shape[axis + 1 :])
    return tensor.with_(meaning=meaning, shape=shape)


def _axis(call: Call, default: int = 0) -> int | None:
    shape = call.input.shape
    given = call.given("dim", "axis")
    dim = default if given is None else call.integer("dim", "axis")
    return None if not shape or dim is None else axis_at(dim, shape)


def _chunk(call: Call) -> Value:
    tensor, axis, n = call.input, _axis(call), call.integer("chunks")
    if n is None or not 0 < n <= MANY:
        return list_of(part(tensor, axis, None), "tuple")
    whole = None if tensor.shape is None or axis is None else tensor.shape[axis]
    if isinstance(whole, int) and whole:
        size = -(-whole // n)
        counts = [min(size, whole - i) for i in range(0, whole, size)]
        return Tuple(tuple(part(tensor, axis, c) for c in counts))
    if whole is not None:
        return (
            Tuple((part(tensor, axis, sizes.floor_divide(whole, n)),) * n)
            if _divides(whole, n)
            else _several(part(tensor, axis, None), n)
        )
    return _several(part(tensor, axis, None), n)


def _divides(dim: Dim, n: int) -> bool:
    return isinstance(dim, sizes.Linear) and all(k % n == 0 for _, k in dim.terms) and dim.constant % n == 0


def _several(tensor: Tensor, n: int) -> Value:
    return Tuple((tensor,) * n)


def _split(call: Call) -> Value:
    tensor, axis = call.input, _axis(call)
    given = call.given("split_size_or_sections", "split_size", "indices_or_sections")
    whole = None if tensor.shape is None or axis is None else tensor.shape[axis]
    if tensor.holder == "numpy" or call.op.short in ("tensor_split", "array_split", "hsplit", "vsplit"):
        return list_of(part(tensor, axis, None), "list")
    items = items_of(given)
    if items is not None:
        joining.sections(call, tuple(dim_of(i) for i in items), whole, axis)
        return Tuple(tuple(part(tensor, axis, dim_of(i)) for i in items))
    size = dim_of(given)
    if isinstance(size, int) and size > 0 and isinstance(whole, int) and whole <= size * MANY:
        return Tuple(tuple(part(tensor, axis, min(size, whole - i)) for i in range(0, max(whole, 1), size)))
    if isinstance(size, sizes.Linear) and isinstance(whole, sizes.Linear) and sizes.same(size, whole):
        return Tuple((tensor,))
    return list_of(part(tensor, axis, None), "tuple")


def _unbind(call: Call) -> Value:
    tensor, axis = call.input, _axis(call)
    element = without(tensor, axis)
    whole = None if tensor.shape is None or axis is None else tensor.shape[axis]
    if isinstance(whole, int) and whole <= MANY:
        return Tuple((element,) * whole)
    return list_of(element, "tuple")


def without(tensor: Tensor, axis: int | None) -> Tensor:
    """The tensor with one dimension picked out."""
    piece = part(tensor, axis, None)
    if tensor.shape is None:
        return piece if piece.meaning is None or piece.meaning.dim is None else piece.with_(
            meaning=replace(piece.meaning, dim=None))  # fmt: skip
    if axis is None:
        return piece.with_(shape=(None,) * (len(tensor.shape) - 1), meaning=_no_dim(piece.meaning))
    meaning = piece.meaning
    if meaning is not None and meaning.dim is not None:
        old = index(meaning.dim, len(tensor.shape))
        meaning = replace(meaning, dim=None if old is None else old - (axis < old))
    return piece.with_(shape=tensor.shape[:axis] + tensor.shape[axis + 1 :], meaning=meaning)


def _no_dim(meaning: Meaning | None) -> Meaning | None:
    return meaning if meaning is None or meaning.dim is None else replace(meaning, dim=None)


def _indices(call: Call, shape: sizes.Shape, axis: int | None) -> Tensor:
    whole = None if call.input.shape is None or axis is None else call.input.shape[axis]
    n = whole if isinstance(whole, int) else None
    bound = Interval(0.0, float("inf") if n is None else n - 1.0, False)
    return Tensor(
        bound, Meaning("class-index", classes=n), "int64", shape, "detached", call.input.trail, call.input.run
    )


def _extreme(call: Call) -> Value:
    """max, min, median, mode: of everything, over a dimension (values and indices), or of two tensors."""
    tensor = call.input
    second = call.given("dim", "axis", "other")
    if second is not None and not isinstance(second, (Tensor, Const, Number, Tuple)):
        return UNKNOWN  # a dimension or a second tensor
    if isinstance(second, Tensor):
        return extreme_of_two(call.op.short, tensor, second)
    loose = tensor.with_(range=None if tensor.range is None else tensor.range.loose())
    if second is None and call.op.short not in ("mode", "kthvalue", "cummax", "cummin"):
        return loose.with_(shape=reduce(call), meaning=None)
    cumulative = call.op.short in ("cummax", "cummin")
    shape = tensor.shape if cumulative else _reduced(call)
    values = loose.with_(shape=shape, meaning=MEANING_RULES["reduce"](call))
    if tensor.holder == "numpy":
        return values
    return Tuple((values, _indices(call, shape, _axis(call, -1))))


def _reduced(call: Call) -> sizes.Shape:
    """The shape after one dimension, the last by default, is gone."""
    if call.given("dim", "axis") is not None:
        return reduce(call)
    shape = call.input.shape
    keep = call.flag("keepdim")
    if not shape or keep is None:
        return shape
    return (*shape[:-1], 1) if keep else shape[:-1]


def _topk(call: Call) -> Value:
    tensor, axis = call.input, _axis(call, -1)
    shape = tensor.shape
    if shape is not None and axis is not None:
        count, whole = dim_of(call["k"]), shape[axis]
        if isinstance(count, int) and isinstance(whole, int) and count > whole:
            raise refuse("argument", count, whole, axis, "k")
    if shape:
        shape = (None,) * len(shape) if axis is None else (*shape[:axis], dim_of(call["k"]), *shape[axis + 1 :])
    picked = part(tensor, axis, None).with_(shape=shape)
    picked = picked.with_(range=None if tensor.range is None else tensor.range.loose())
    return Tuple((picked, _indices(call, shape, axis)))


def _sort(call: Call) -> Value:
    tensor = call.input
    if tensor.holder == "numpy":
        return tensor
    return Tuple((tensor, _indices(call, tensor.shape, _axis(call, -1))))


def _var_mean(call: Call) -> Value:
    shape = reduce(call)
    a = call.input.range
    spread = call.input.with_(range=Interval(0.0, float("inf"), False), meaning=None, shape=shape)
    return Tuple((spread, call.input.with_(range=None if a is None else a.loose(), meaning=None, shape=shape)))


def _size(call: Call) -> Value:
    shape = call.input.shape
    given = call.given("dim")
    if given is None:
        return UNKNOWN if shape is None else Tuple(tuple(axis_size(call.input, i) for i in range(len(shape))))
    dim = call.integer("dim")
    if shape is None or dim is None:
        return Number(kind="int")
    at = index(dim, len(shape))
    return Number(kind="int") if at is None else axis_size(call.input, at)


def _numel(call: Call) -> Value:
    shape = call.input.shape
    known = shape is not None and call.given("axis") is None
    return size_value(sizes.product(shape)) if shape is not None and known else Number(kind="int")


def _rank(call: Call) -> Value:
    shape = call.input.shape
    return Number(kind="int") if shape is None else Const(len(shape))


def _kind(tensor: Tensor) -> str | None:
    """The Python type of a tensor's elements."""
    kind = category(tensor.dtype)
    return None if kind is None else {0: "bool", 1: "int", 2: "float"}.get(kind)


def _item(call: Call) -> Value:
    a = call.input.range
    if (
        call.input.shape is not None
        and call.input.shape
        and any(isinstance(d, int) and d != 1 for d in call.input.shape)
    ):
        return UNKNOWN
    if a is not None and a.low == a.high and call.input.dtype is not None:
        kind = call.input.dtype
        if kind == "bool":
            return Const(bool(a.low))
        return Const(int(a.low)) if "int" in kind and a.low == int(a.low) else Const(a.low)
    return Number(None, a, kind=_kind(call.input))  # `apply` notes where it came from


def _tolist(call: Call) -> Value:
    element = Number(None, call.input.range, kind=_kind(call.input))
    return element if call.input.shape == () else list_of(element if len(call.input.shape or (1, 1)) == 1 else UNKNOWN)


def _truth(call: Call) -> Value:
    return UNKNOWN


def _constant_flag(call: Call) -> Value:
    kind = category(call.input.dtype)
    return UNKNOWN if kind is None else Const(kind == (3 if call.op.short == "is_complex" else 2))


def _none(call: Call) -> Value:
    return Const(None)


def _meshgrid(call: Call) -> Value:
    rest = items_of(call["*"]) or ()
    tensors = items_of(rest[0]) if len(rest) == 1 and items_of(rest[0]) is not None else rest
    if not tensors:
        return list_of(BLANK, "tuple")
    parts = [as_tensor(t) or BLANK for t in tensors]
    dims = [p.shape[0] if p.shape and len(p.shape) == 1 else 1 if p.shape == () else None for p in parts]
    indexing = call.text("indexing")
    if indexing == "xy" and len(dims) >= 2:
        dims[0], dims[1] = dims[1], dims[0]
    return Tuple(tuple(p.with_(shape=tuple(dims)) for p in parts))


def _nonzero(call: Call) -> Value:
    rank = None if call.input.shape is None else len(call.input.shape)
    index_range = Interval(0.0, float("inf"), False)
    if call.flag("as_tuple") or call.op.name.startswith("numpy") or call.input.holder == "numpy":
        one = Tensor(index_range, None, "int64", (None,), "detached", holder=call.input.holder)
        return list_of(one, "tuple") if not rank else Tuple((one,) * rank)
    return Tensor(index_range, None, "int64", (None, rank), "detached")


def _unique(call: Call) -> Value:
    values = call.input.with_(shape=(None,) if call.given("dim", "axis") is None else None,
                              meaning=_no_dim(call.input.meaning))  # fmt: skip
    flags = [call.flag(n) for n in ("return_index", "return_inverse", "return_counts")]
    if None in flags:
        return UNKNOWN
    extra = Tensor(Interval(0.0, float("inf"), False), None, "int64", None, "detached", holder=call.input.holder)
    n = sum(1 for f in flags if f)
    return values if not n else Tuple((values, *(extra,) * n))


def _broadcast(call: Call) -> Value:
    items = items_of(call["*"]) or ()
    tensors = [as_tensor(t) or BLANK for t in items]
    shape: sizes.Shape = tensors[0].shape if tensors else None
    for t in tensors[1:]:
        shape = broadcast(shape, t.shape)
    return Tuple(tuple(t.with_(shape=shape) for t in tensors)) if tensors else UNKNOWN


#: What holds sequences of different lengths, one behind the other.
PACKED = "packed"


def _packed(call: Call) -> Value:
    """``pack_padded_sequence(x, lengths)``."""
    return call.input.with_(shape=None, last=call.input.width, holder=PACKED)


def _unpacked(call: Call) -> Value:
    """``pad_packed_sequence(packed)``: the sequences, padded, and their lengths."""
    tensor = call.input.with_(shape=(None, None, call.input.width), holder="tensor")
    return Tuple((tensor, Tensor(None, None, "int64", (None,), "detached")))


def _recurrent(call: Call) -> Value:
    """RNN, GRU and LSTM: the outputs of every step, and the last state (a pair for the LSTM)."""
    sequences.recurrent_input(call)
    shape, hidden = call.input.shape, call.integer("hidden_size")
    layers, twice = call.integer("num_layers"), call.flag("bidirectional")
    first = call.flag("batch_first")
    projected = call.integer("proj_size") or 0
    directions = None if twice is None else 2 if twice else 1
    width = projected or hidden
    features = None if width is None or directions is None else width * directions
    count = None if layers is None or directions is None else layers * directions
    unit = Interval(-1.0, 1.0) if call.text("nonlinearity") != "relu" and not projected else None
    if call.op.name.endswith("RNN.forward") and call.text("nonlinearity") == "relu":
        unit = Interval(0.0, float("inf"))
    dtype = call.input.dtype if call.input.dtype in ("float16", "bfloat16", "float32", "float64") else "float"
    base = Tensor(unit, Meaning("activation"), dtype, None, "attached", call.input.trail, call.input.run)
    output, state, cell = base, base, base
    packed = call.input.holder == PACKED
    if shape is None:
        shape = (None, None, None)  # batched, as nearly every input is
    if len(shape) in (2, 3):
        output = base.with_(shape=(*shape[:-1], features))
        if packed:
            output = base.with_(last=features, holder=PACKED)
        batch: tuple[Dim, ...] = ()
        if len(shape) == 3:
            batch = (None if first is None else shape[0] if first else shape[1],)
        state, cell = base.with_(shape=(count, *batch, width)), base.with_(shape=(count, *batch, hidden))
    if call.op.name.endswith("LSTM.forward"):
        return Tuple((output, Tuple((state, cell.with_(range=None)))))
    return Tuple((output, state))


def _cell(call: Call) -> Value:
    sequences.cell_input(call)
    shape, hidden = call.input.shape, call.integer("hidden_size")
    relu = call.text("nonlinearity") == "relu"
    unit = Interval(0.0, float("inf")) if relu else Interval(-1.0, 1.0)
    state = Tensor(unit, Meaning("activation"), "float", None if not shape else (*shape[:-1], hidden), "attached",
                   call.input.trail, call.input.run)  # fmt: skip
    return Tuple((state, state.with_(range=None))) if call.op.name.endswith("LSTMCell.forward") else state


def _attention(call: Call) -> Value:
    sequences.attention_input(call)
    query = call.tensor("query")
    dtype = query.dtype if query.dtype in ("float16", "bfloat16", "float32", "float64") else "float"
    out = Tensor(REAL, Meaning("logits"), dtype, query.shape, "attached", query.trail, query.run)
    need, average, first = call.flag("need_weights"), call.flag("average_attn_weights"), call.flag("batch_first")
    if need is False:
        return Tuple((out, Const(None)))
    if need is None:
        return Tuple((out, UNKNOWN))
    key, shape = call.tensor("key").shape, query.shape
    weights = Tensor(Interval(0.0, float("inf"), False), Meaning("activation"), dtype, None, "attached")
    if shape is not None and key is not None and len(shape) == len(key) == 3 and average and first is not None:
        where = (0, 1) if first else (1, 0)
        weights = weights.with_(shape=(shape[where[0]], shape[where[1]], key[where[1]]))
    return Tuple((out, weights))


def _grid_like(call: Call) -> Value:
    dims = dims_of(call.given("size") or Const(None))
    grid = Tensor(None, None, "float", None, None)
    if dims is not None and len(dims) in (4, 5):
        grid = grid.with_(shape=(dims[0], *dims[2:], len(dims) - 2))
    return grid


def _pool_with_indices(call: Call) -> Value | None:
    flag = call.flag("return_indices")
    return None if flag is False else UNKNOWN


def _nonzero_of(call: Call) -> Value:
    """``where(condition)``: the indices of what is true, a tensor for each dimension."""
    shape = call.tensor("condition").shape
    one = Tensor(Interval(0.0, float("inf"), False), None, "int64", (None,), "detached")
    return list_of(one, "tuple") if not shape else Tuple((one,) * len(shape))


def _legacy(call: Call) -> Value:
    """``torch.LongTensor(data)`` or ``torch.Tensor(2, 3)``, whose content is not set."""
    dtype = "float32" if call.op.dtype == "same" else call.op.dtype
    items = items_of(call["*"]) or ()
    if len(items) == 1 and not isinstance(items[0], (Const, Number)):
        data = items[0]
        source = as_tensor(data)
        meaning = None if source is None else source.meaning
        if isinstance(data, Tuple):  # a tensor's shape is one of sizes, any other tuple holds numbers
            return Tensor(None, None, dtype, None, "detached")
        return Tensor(data_range(data), meaning, dtype, data_shape(data), "detached")
    known = all(isinstance(i, (Const, Number)) for i in items) and "*" in call.arguments
    return Tensor(None, None, dtype, tuple(dim_of(i) for i in items) if known else None, "detached")


def _parameter(call: Call) -> Value:
    """A parameter: trained, it may take any value."""
    tensor = call.input
    trained = call.flag("requires_grad", default=True)
    if trained is False:
        return tensor.with_(grad="detached")
    return Tensor(REAL, None, tensor.dtype, tensor.shape, "attached" if trained else None)


def _variable(call: Call) -> Value:
    """``Variable(x)``: the values of x, off its graph."""
    wanted = call.flag("requires_grad")
    return call.input.with_(grad="attached" if wanted else "detached" if wanted is False else None)


def _reinterpreted(call: Call) -> Value | None:
    """``view(dtype)``: the same bytes as other numbers."""
    dtype = dtype_name((items_of(call["*"]) or (None,))[0]) or dtype_name(call["dtype"])
    return None if dtype is None else Tensor(None, None, dtype, None, call.input.grad, call.input.trail)


RESULT_RULES: dict[str, Callable[[Call], Value | None]] = {
    **imaging.RESULTS,
    "pack": packing.pack,
    "unpack": packing.unpack,
    "chunk": _chunk,
    "split": _split,
    "unbind": _unbind,
    "extreme": _extreme,
    "topk": _topk,
    "sort": _sort,
    "var-mean": _var_mean,
    "size": _size,
    "numel": _numel,
    "rank": _rank,
    "item": _item,
    "tolist": _tolist,
    "truth": _truth,
    "is-kind": _constant_flag,
    "none": _none,
    "meshgrid": _meshgrid,
    "nonzero": _nonzero,
    "unique": _unique,
    "broadcast": _broadcast,
    "recurrent": _recurrent,
    "packed": _packed,
    "unpacked": _unpacked,
    "cell": _cell,
    "attention": _attention,
    "where": lambda call: _nonzero_of(call) if call.given("input") is None and call.given("other") is None else None,
    "view-dtype": lambda call: _reinterpreted(call),
    "legacy": lambda call: _legacy(call),
    "parameter": lambda call: _parameter(call),
    "type": lambda call: UNKNOWN if call.given("dtype") is None else None,
    "loaded": lambda call: Tensor(holder="numpy", grad="detached"),
    "linspace": lambda call: None if call.flag("retstep") is False else UNKNOWN,
    "requires-grad": lambda call: call.input.with_(
        grad={True: "attached", False: "detached"}.get(call.flag("requires_grad", default=True))  # type: ignore[arg-type]
    ),
    "variable": _variable,
    "affine-grid": _grid_like,
    "pool": _pool_with_indices,
    "unknown": lambda call: UNKNOWN,
}
