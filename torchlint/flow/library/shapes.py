"""Shapes of results: the rules that rows name under ``shape``.

Every rule takes a call and gives the shape of its result, unknown (None) wherever the call does not settle it; a rule
never invents a size. Source: the "Shape" sections of the torch documentation.

Worked example: ``x.view(x.size(0), -1)`` with x of B×16×5×5 gives B×400.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torchlint.flow import shape as sizes
from torchlint.flow.library import convolve, imaging, joining, notation, products, resizing, sequences
from torchlint.flow.library.axes import (
    axis,
    broadcast_all,
    data_shape,
    divide_exactly,
    flatten_range,
    order_of,
    reduced_dims,
    view_to,
)  # fmt: skip
from torchlint.flow.library.reading import Call, as_tensor, dim_of, dims_of, is_scalar, items_of
from torchlint.flow.library.refusals import (
    firm,
    need_divisible,
    need_rank,
    need_same,
    refuse,
)  # fmt: skip
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Const, Tensor, Value


def _shape_of(value: Value | None) -> Shape:
    if is_scalar(value):
        return ()
    tensor = as_tensor(value)
    return None if tensor is None else tensor.shape


def _broadcast(call: Call, *names: str) -> Shape:
    given = names or call.op.parameters.positional[:2]
    return broadcast_all([_shape_of(call[n]) for n in given if n in call.arguments])


def reduce(call: Call) -> Shape:
    """A reduction over ``dim``, with or without ``keepdim``."""
    shape = call.input.shape
    if call.given("dim", "axis") is None and not call.flag("keepdim", "keepdims"):
        return () if call.flag("keepdim", "keepdims") is False or shape == () else None
    if shape is None:
        return None
    keep = call.flag("keepdim", "keepdims")
    if keep is None:
        return None
    dims = reduced_dims(call, shape)
    if dims is None:
        items = dims_of(call.given("dim", "axis") or Const(None))
        return (None,) * len(shape) if keep else (None,) * (len(shape) - 1) if items and len(items) == 1 else None
    if keep:
        return tuple(1 if i in dims else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in dims)


def squeeze(call: Call) -> Shape:
    """Without dimensions of size 1: all of them, or the named ones."""
    shape = call.input.shape
    if shape is None:
        return None
    given = call.given("dim", "axis")
    if given is None:
        if any(not isinstance(d, int) for d in shape):
            # a size that is not known may be 1; a named one (a batch) is taken as more
            if any(d is None for d in shape):
                return None
        return tuple(d for d in shape if d != 1)
    dims = dims_of(given)
    if dims is None:
        return None
    gone: set[int] = set()
    for dim in dims:
        at = axis(dim, shape) if isinstance(dim, int) else None
        if at is not None and not shape:
            return ()
        if at is None or shape[at] is None:
            return None
        if shape[at] == 1:
            gone.add(at)
    return tuple(d for i, d in enumerate(shape) if i not in gone)


def unsqueeze(call: Call) -> Shape:
    """With a dimension of size 1 at ``dim``."""
    shape = call.input.shape
    given = call.given("dim", "axis")
    dims = None if given is None else dims_of(given)
    if shape is None or dims is None:
        return None
    rank = len(shape) + len(dims)
    out: list[Dim] = list(shape)
    places: list[int] = []
    for dim in dims:
        at = axis(dim, shape, len(dims)) if isinstance(dim, int) else None
        if at is None:
            return (None,) * rank
        places.append(at)
    for at in sorted(places):
        out.insert(at, 1)
    return tuple(out)


def view(call: Call) -> Shape:
    """``view`` and ``reshape``."""
    target = call.sizes("shape", "newshape", "size")
    if target is None:
        return None
    return view_to(call.input.shape, target)


def flatten(call: Call) -> Shape:
    """``flatten(start_dim, end_dim)``; a layer's start is 1 by its own signature."""
    if call.input.holder == "numpy":
        return flatten_range(call.input.shape, 0, -1)
    start, end = call["start_dim"], call["end_dim"]
    return flatten_range(
        call.input.shape,
        0 if start is None else call.integer("start_dim"),
        -1 if end is None else call.integer("end_dim"),
    )


def unflatten(call: Call) -> Shape:
    """One dimension made several."""
    shape, dim = call.input.shape, call.integer("dim")
    given = call.given("sizes", "unflattened_size")
    target = None if given is None else dims_of(given)
    if not shape or dim is None or target is None:
        return None
    at = axis(dim, shape)
    return None if at is None else (*shape[:at], *(view_to((shape[at],), target) or ()), *shape[at + 1 :])


def permute(call: Call) -> Shape:
    """``permute``, ``transpose``, ``t``, ``moveaxis``."""
    shape, order = call.input.shape, order_of(call)
    if shape is None:
        return None
    if order is None:
        return (None,) * len(shape)
    if len(order) != len(shape):
        return None
    return tuple(shape[i] for i in order)


def expand(call: Call) -> Shape:
    """``expand``: −1 keeps a size."""
    target = call.sizes("size", "shape")
    shape = call.input.shape
    if target is None:
        return None
    if shape is not None and len(shape) > len(target) and firm(shape):
        raise refuse("rank", len(shape), len(target), None, "expand")
    if shape is None or len(shape) > len(target):
        return tuple(None if d == -1 else d for d in target)
    more = len(target) - len(shape)
    for i, (old, new) in enumerate(zip(shape, target[more:])):
        if new != -1 and old != 1 and sizes.differs(old, new):
            raise refuse("sizes", old, new, more + i, "expand")
    if -1 in target[:more] and firm(shape):
        raise refuse("argument", -1, len(shape), None, "a new dimension needs a size")
    padded: tuple[Dim, ...] = (None,) * more + shape
    return tuple(old if new == -1 else new for old, new in zip(padded, target))


def repeat(call: Call) -> Shape:
    """``repeat`` and ``tile``."""
    counts = call.sizes("repeats", "dims", "reps")
    shape = call.input.shape
    if counts is None or shape is None:
        return None
    if len(counts) < len(shape):
        if call.op.short == "repeat":
            if firm(shape):
                raise refuse("rank", len(shape), len(counts), None, "repeat")
            return None
        counts = (1,) * (len(shape) - len(counts)) + counts
    padded: tuple[Dim, ...] = (1,) * (len(counts) - len(shape)) + shape
    return tuple(sizes.multiply(a, b) for a, b in zip(padded, counts))


def repeat_interleave(call: Call) -> Shape:
    """Elements repeated along one dimension."""
    shape, dim = call.input.shape, call.integer("dim", "axis")
    if shape is None:
        return None
    if call.given("dim", "axis") is None:
        return (sizes.multiply(sizes.product(shape), call.integer("repeats")),)
    at = None if dim is None else axis(dim, shape)
    if at is None or not shape:
        return None
    return (*shape[:at], sizes.multiply(shape[at], call.integer("repeats")), *shape[at + 1 :])


def _last(call: Call) -> Shape:
    """An embedding: the indices' shape, and the vector's size."""
    shape = call.input.shape
    weight = as_tensor(call["weight"])
    size = dim_of(call["embedding_dim"])
    if weight is not None and weight.shape is not None and len(weight.shape) == 2:
        size = weight.shape[1]
    return None if shape is None else (*shape, size)


def _one_hot(call: Call) -> Shape:
    shape, classes = call.input.shape, call.integer("num_classes")
    return None if shape is None else (*shape, classes if classes is not None and classes > 0 else None)


def _same_rank(call: Call) -> Shape:
    shape = call.input.shape
    return None if shape is None else (None,) * len(shape)


def _factory(call: Call) -> Shape:
    return call.sizes("size", "shape")


def _number_like(call: Call) -> Shape:
    """`full` and other factories whose first parameter is one sequence of sizes."""
    given = call.given("size", "shape")
    return None if given is None else dims_of(given)


def _arange(call: Call) -> Shape:
    start, end, step = call.given("start"), call.given("end", "stop"), call.given("step")
    if end is None:
        start, end = Const(0), start
    first, last = dim_of(start or Const(0)), dim_of(end)
    stride = 1 if step is None else dim_of(step)
    if first is None or last is None or not isinstance(stride, int) or stride == 0:
        return (None,)
    gap = sizes.subtract(last, first)
    if isinstance(gap, int):
        return (max(0, -(-gap // stride)),)
    return (gap,) if stride == 1 else (None,)


def _eye(call: Call) -> Shape:
    n, m = call.given("n", "N"), call.given("m", "M")
    return (dim_of(n), dim_of(n if m is None else m))


def _like(call: Call, name: str) -> Shape:
    return call.tensor(name).shape


SHAPE_RULES: dict[str, Callable[[Call], Shape]] = {
    **imaging.SHAPES,
    "same": lambda call: call.input.shape,
    "same-dims": products.same_dims,
    "triangle": products.triangle,
    "as-other": products.as_other,
    "diff": products.diff,
    "bags": products.bags,
    "instance-norm": products.instance_norm,
    "group-norm": products.group_norm,
    "layer-norm": products.layer_norm,
    "prelu": products.prelu,
    "added-product": products.added_product,
    "outer": products.outer,
    "cdist": products.cdist,
    "similarity": products.similarity,
    "distance": products.distance,
    "attention-product": sequences.attention_product,
    "encoder": sequences.encoder,
    "decoder": sequences.decoder,
    "transformer": sequences.transformer,
    "beside": joining.beside,
    "gather": joining.gather,
    "scatter": joining.scatter,
    "take-along": joining.take_along,
    "diagonal": joining.diagonal,
    "diag": joining.diag,
    "diag-embed": joining.diag_embed,
    "channel-shuffle": resizing.channel_shuffle,
    "einops-einsum": notation.einops_einsum,
    "same-rank": _same_rank,
    "unknown": lambda call: None,
    "scalar": lambda call: (),
    "vector": lambda call: (None,),
    "broadcast": _broadcast,
    "where": lambda call: broadcast_all([_shape_of(call[n]) for n in ("condition", "input", "other")]),
    "three": lambda call: broadcast_all([_shape_of(call[n]) for n in call.op.parameters.positional[:3]]),
    "reduce": reduce,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "view": view,
    "flatten": flatten,
    "unflatten": unflatten,
    "permute": permute,
    "expand": expand,
    "repeat": repeat,
    "repeat-interleave": repeat_interleave,
    "cat": joining.cat,
    "stack": joining.stack,
    "padded-sequences": joining.padded_sequences,
    "linear": products.linear,
    "bilinear": products.bilinear,
    "matmul": products.matmul,
    "embedding": _last,
    "one-hot": _one_hot,
    "index-select": joining.index_select,
    "select": joining.select,
    "narrow": joining.narrow,
    "sizes": _factory,
    "size-list": _number_like,
    "arange": _arange,
    "steps": lambda call: (dim_of(call.given("steps", "num")),),
    "n": lambda call: (dim_of(call.given("n")),),
    "eye": _eye,
    "windows": joining.tensor_windows,
    "index": lambda call: _like(call, "index"),
    "other": lambda call: _like(call, "other"),
    "masked": lambda call: broadcast_all([call.input.shape, call.tensor("mask").shape]),
    "einsum": notation.einsum,
    "norm": lambda call: reduce(call),
    "randint": lambda call: _randint(call),
    "normal": lambda call: call.input.shape if isinstance(call["mean"], Tensor) else _number_like(call),
    "data": lambda call: data_shape(call.given("data", "object", "a")),
    "data-input": lambda call: data_shape(call.given("input")),
    "sizes-or-scalar": lambda call: _factory(call) if call.given("*", "size", "shape") is not None else (),
    "size-list-or-scalar": lambda call: (
        ()
        if call.given("size") is None and not _arrays(call)
        else (_number_like(call) if call.given("size") is not None else None)
    ),
    "colour": lambda call: _colour(call),
    "cv2-resize": lambda call: _cv2_resize(call),
    "einops": notation.einops,
    "grid-of-images": lambda call: (None, None, None),
    "grid": lambda call: _sampled(call),
    "glu": lambda call: _halved(call),
    "pad": resizing.pad,
    "interpolate": resizing.interpolate,
    "pixel-shuffle": resizing.pixel_shuffle,
    "pixel-unshuffle": resizing.pixel_unshuffle,
    "unfold": resizing.unfold,
    "fold": resizing.fold,
    "batch-norm": products.batch_norm,
}
for _n in (1, 2, 3):
    SHAPE_RULES[f"conv{_n}d"] = partial(convolve.conv, n=_n)
    SHAPE_RULES[f"conv-transpose{_n}d"] = partial(convolve.conv_transpose, n=_n)
    SHAPE_RULES[f"pool{_n}d"] = partial(convolve.pool, n=_n)
    SHAPE_RULES[f"unpool{_n}d"] = partial(convolve.unpool, n=_n)
    SHAPE_RULES[f"adaptive-pool{_n}d"] = partial(convolve.adaptive_pool, n=_n)
    SHAPE_RULES[f"pad{_n}d"] = partial(resizing.pad_layer, n=_n)
    SHAPE_RULES[f"fractional-pool{_n}d"] = partial(convolve.fractional_pool, n=_n)


def _halved(call: Call) -> Shape:
    shape, dim = call.input.shape, call.integer("dim")
    at = None if not shape or dim is None else axis(dim, shape)
    if not shape or at is None:
        return None
    need_divisible("sizes", shape[at], 2, at)
    return (*shape[:at], divide_exactly(shape[at], 2), *shape[at + 1 :])


def _sampled(call: Call) -> Shape:
    """``grid_sample``: the grid's height and width, with the channels of what is sampled."""
    shape, grid = call.input.shape, call.tensor("grid").shape
    for one in (shape, grid):
        need_rank(one, 4, 5, note="grid_sample")
    if not shape or not grid or len(shape) != len(grid):
        if shape and grid and firm(shape) and firm(grid):
            raise refuse("rank", len(grid), len(shape), None, "grid_sample")
        return None
    need_same("sizes", grid[0], shape[0], 0, "batch")
    need_same("sizes", grid[-1], len(shape) - 2, len(grid) - 1, "coordinates")
    return (*shape[:2], *grid[1:-1])


def _randint(call: Call) -> Shape:
    """``randint(high, size)`` gives its size in the place of ``high``."""
    second = call.given("high")
    if second is not None and items_of(second) is not None:
        return dims_of(second)
    given = call.given("size")
    return None if given is None else dims_of(given)


def _arrays(call: Call) -> bool:
    """Whether an argument is, or may be, an array: then a draw has its shape."""
    return any(not is_scalar(v) and not isinstance(v, Const) for v in call.arguments.values())


def _colour(call: Call) -> Shape:
    """``cv2.cvtColor``: to grey the channels vanish, from grey they come."""
    shape, code = call.input.shape, call.given("code")
    source, _, target = getattr(code, "name", "").rsplit("_", 1)[-1].partition("2")
    if shape is None or len(shape) not in (2, 3):
        return None
    if target == "GRAY":
        return shape[:2]
    if len(shape) == 2 and source != "GRAY":
        return None
    return (*shape[:2], {"RGB": 3, "BGR": 3, "RGBA": 4, "BGRA": 4}.get(target))


def _cv2_resize(call: Call) -> Shape:
    shape, given = call.input.shape, call.given("dsize")
    dims = None if given is None else dims_of(given)
    if shape is None or len(shape) not in (2, 3):
        return None
    height, width = (dims[1], dims[0]) if dims is not None and len(dims) == 2 else (None, None)
    return (height, width, *shape[2:])


def shape_of(call: Call) -> Shape:
    """The shape of the result of a call."""
    return SHAPE_RULES[call.op.shape](call)
