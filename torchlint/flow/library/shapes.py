"""Shapes of results: the rules that rows name under ``shape``.

Every rule takes a call and gives the shape of its result, unknown (None) wherever the call does not settle it; a rule
never invents a size. Source: the "Shape" sections of the torch documentation.

Worked example: ``x.view(x.size(0), -1)`` with x of B×16×5×5 gives B×400.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torchlint.flow import shape as sizes
from torchlint.flow.library import convolve, imaging
from torchlint.flow.library.axes import (
    broadcast_all,
    data_shape,
    divide_exactly,
    flatten_range,
    index,
    matmul_shapes,
    order_of,
    reduced_dims,
    view_to,
)  # fmt: skip
from torchlint.flow.library.reading import Call, as_tensor, dim_of, dims_of, is_scalar, items_of
from torchlint.flow.library.refusals import Refusal, Refused, refuse
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
    dims = reduced_dims(call, len(shape))
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
        at = index(dim, len(shape)) if isinstance(dim, int) else None
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
        at = index(dim, rank) if isinstance(dim, int) else None
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
    if shape is None or dim is None or target is None:
        return None
    at = index(dim, len(shape))
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
    if shape is None or len(shape) > len(target):
        return tuple(None if d == -1 else d for d in target)
    padded: tuple[Dim, ...] = (None,) * (len(target) - len(shape)) + shape
    return tuple(old if new == -1 else new for old, new in zip(padded, target))


def repeat(call: Call) -> Shape:
    """``repeat`` and ``tile``."""
    counts = call.sizes("repeats", "dims", "reps")
    shape = call.input.shape
    if counts is None or shape is None:
        return None
    if len(counts) < len(shape):
        if call.op.short == "repeat":
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
    at = None if dim is None else index(dim, len(shape))
    if at is None:
        return None
    return (*shape[:at], sizes.multiply(shape[at], call.integer("repeats")), *shape[at + 1 :])


def _parts(call: Call) -> list[Tensor] | None:
    items = items_of(call.given("tensors", "input", "arrays"))
    if not items:
        return None
    return [as_tensor(item) or Tensor() for item in items]


def cat(call: Call) -> Shape:
    """Joined along ``dim``: sizes add there, and agree elsewhere."""
    parts = _parts(call)
    given = call.given("dim", "axis")
    dim = dim_of(given) if given is not None else 0
    if parts is None:
        return None
    shapes = [p.shape for p in parts]
    ranks = {len(s) for s in shapes if s is not None}
    if len(ranks) != 1 or not isinstance(dim, int):
        return None
    rank = ranks.pop()
    at = index(dim, rank)
    if at is None:
        return None
    # an empty 1-d tensor may be joined to anything, a legacy of torch.cat: its rank is another, and nothing is claimed
    out: list[Dim] = []
    for i in range(rank):
        dims = [None if s is None else s[i] for s in shapes]
        if i == at:
            total: Dim = 0
            for d in dims:
                total = sizes.add(total, d)
            out.append(total)
        else:
            one = next((d for d in dims if d is not None), None)
            for other in dims:
                if sizes.differs(one, other):
                    raise refuse("cat", one, other, i)
            out.append(next((d for d in dims if isinstance(d, int)), next((d for d in dims if d is not None), None)))
    return tuple(out)


def stack(call: Call) -> Shape:
    """A new dimension that counts the tensors."""
    values = call.given("tensors", "input", "arrays")
    given = call.given("dim", "axis")
    dim = dim_of(given) if given is not None else 0
    if values is None or not isinstance(dim, int):
        return None
    items = items_of(values)
    if items is None:
        element = as_tensor(getattr(values, "element", None))
        shape, count = (None if element is None else element.shape), None
    else:
        known = [t.shape for t in (as_tensor(i) for i in items) if t is not None and t.shape is not None]
        shape, count = (known[0] if known else None), len(items)
        for other in known[1:]:
            if len(other) != len(shape or ()):
                return None
            shape = tuple(x if x is not None else y for x, y in zip(shape or (), other))
    if shape is None:
        return None
    at = index(dim, len(shape) + 1)
    return None if at is None else (*shape[:at], count, *shape[at:])


def padded_sequences(call: Call) -> Shape:
    """Sequences of different lengths, padded to the longest: batch and length come first, in the order asked for."""
    values = call.given("sequences")
    items = items_of(values)
    parts = list(items) if items is not None else [getattr(values, "element", None)]
    ranks = {None if t is None or t.shape is None else len(t.shape) for t in map(as_tensor, parts)}
    first = call.flag("batch_first")
    if len(ranks) != 1 or first is None or not (rank := ranks.pop()):
        return None
    one = as_tensor(parts[0])
    rest = one.shape[1:] if one is not None and one.shape is not None and len(parts) == 1 else (None,) * (rank - 1)
    count = None if items is None else len(items)
    return (count, None, *rest) if first else (None, count, *rest)


def linear(call: Call) -> Shape:
    """The last dimension becomes ``out_features``."""
    shape = call.input.shape
    if not shape:
        return None
    weight = as_tensor(call["weight"])
    taken, result = dim_of(call["in_features"]), (*shape[:-1], dim_of(call["out_features"]))
    if weight is not None and weight.shape is not None:
        if len(weight.shape) not in (1, 2):
            return None
        taken = weight.shape[-1]
        result = (*shape[:-1], weight.shape[0]) if len(weight.shape) == 2 else shape[:-1]
    if sizes.differs(shape[-1], taken):
        raise Refused(Refusal("features", shape[-1], taken, len(shape) - 1), result)
    return result


def _matmul(call: Call) -> Shape:
    first, second = call.op.parameters.positional[:2]
    return matmul_shapes(call.tensor(first).shape, call.tensor(second).shape)


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


def _indexed(call: Call) -> Shape:
    shape, dim = call.input.shape, call.integer("dim", "axis")
    chosen = call.tensor("index").shape
    if shape is None or dim is None:
        return None
    at = index(dim, len(shape))
    count = chosen[0] if chosen else None
    return None if at is None else (*shape[:at], count, *shape[at + 1 :])


def _without(call: Call) -> Shape:
    """`select`: one dimension is gone."""
    shape, dim = call.input.shape, call.integer("dim")
    at = None if shape is None or dim is None else index(dim, len(shape))
    if shape is None:
        return None
    return (None,) * (len(shape) - 1) if at is None else shape[:at] + shape[at + 1 :]


def _narrow(call: Call) -> Shape:
    shape, dim = call.input.shape, call.integer("dim")
    if shape is None:
        return None
    at = None if dim is None else index(dim, len(shape))
    return (None,) * len(shape) if at is None else (*shape[:at], dim_of(call["length"]), *shape[at + 1 :])


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


def _windows(call: Call) -> Shape:
    """``Tensor.unfold``: windows along one dimension become the last one."""
    shape, dim = call.input.shape, call.integer("dimension")
    size, step = call.integer("size"), call.integer("step")
    if shape is None or dim is None:
        return None
    at = index(dim, len(shape))
    if at is None:
        return None
    count = convolve.window(shape[at], size, step, 0, 1, False)
    return (*shape[:at], count, *shape[at + 1 :], size)


def _like(call: Call, name: str) -> Shape:
    return call.tensor(name).shape


SHAPE_RULES: dict[str, Callable[[Call], Shape]] = {
    **imaging.SHAPES,
    "same": lambda call: call.input.shape,
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
    "cat": cat,
    "stack": stack,
    "padded-sequences": padded_sequences,
    "linear": linear,
    "bilinear": lambda call: ((*call.input.shape[:-1], dim_of(call["out_features"]))) if call.input.shape else None,
    "matmul": _matmul,
    "embedding": _last,
    "one-hot": _one_hot,
    "index-select": _indexed,
    "select": _without,
    "narrow": _narrow,
    "sizes": _factory,
    "size-list": _number_like,
    "arange": _arange,
    "steps": lambda call: (dim_of(call.given("steps", "num")),),
    "n": lambda call: (dim_of(call.given("n")),),
    "eye": _eye,
    "windows": _windows,
    "index": lambda call: _like(call, "index"),
    "other": lambda call: _like(call, "other"),
    "masked": lambda call: broadcast_all([call.input.shape, call.tensor("mask").shape]),
    "einsum": lambda call: _einsum(call),
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
    "einops": lambda call: _einops(call),
    "grid-of-images": lambda call: (None, None, None),
    "like-tgt": lambda call: _like(call, "tgt"),
    "grid": lambda call: (
        (*call.input.shape[:2], *call.tensor("grid").shape[1:-1])  # type: ignore[index]
        if call.input.shape and call.tensor("grid").shape
        else None
    ),
    "glu": lambda call: _halved(call),
    "pad": convolve.pad,
    "interpolate": convolve.interpolate,
    "pixel-shuffle": convolve.pixel_shuffle,
    "pixel-unshuffle": convolve.pixel_unshuffle,
    "unfold": convolve.unfold,
    "fold": convolve.fold,
    "batch-norm": lambda call: call.input.shape,
}
for _n in (1, 2, 3):
    SHAPE_RULES[f"conv{_n}d"] = partial(convolve.conv, n=_n)
    SHAPE_RULES[f"conv-transpose{_n}d"] = partial(convolve.conv_transpose, n=_n)
    SHAPE_RULES[f"pool{_n}d"] = partial(convolve.pool, n=_n)
    SHAPE_RULES[f"unpool{_n}d"] = partial(convolve.unpool, n=_n)
    SHAPE_RULES[f"adaptive-pool{_n}d"] = partial(convolve.adaptive_pool, n=_n)
    SHAPE_RULES[f"pad{_n}d"] = partial(convolve.pad_layer, n=_n)


def _halved(call: Call) -> Shape:
    shape, dim = call.input.shape, call.integer("dim")
    at = None if shape is None or dim is None else index(dim, len(shape))
    if shape is None or at is None:
        return None
    return (*shape[:at], sizes.floor_divide(shape[at], 2), *shape[at + 1 :])


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


def _groups(side: str) -> list[list[str]] | None:
    """One side of an einops pattern: the axes of each dimension."""
    found: list[list[str]] = []
    inside = False
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word in "()":
            inside = word == "("
            if inside:
                found.append([])
        elif not word.isidentifier() and word != "1":
            return None
        elif inside:
            found[-1].append(word)
        else:
            found.append([] if word == "1" else [word])
    return found


def _einops(call: Call) -> Shape:
    """``rearrange(x, "b c h w -> b (h w) c")``: the sizes of named axes, multiplied where they are joined."""
    left, arrow, right = (call.text("pattern") or "").partition("->")
    sources, targets = _groups(left), _groups(right)
    shape = call.input.shape
    if not arrow or sources is None or targets is None:
        return None
    known: dict[str, Dim] = {name: dim_of(value) for name, value in call.arguments.items()}
    for i, group in enumerate(sources):
        whole = shape[i] if shape is not None and len(shape) == len(sources) else None
        missing = [name for name in group if known.get(name) is None]
        if len(missing) == 1:
            rest = sizes.product(tuple(known[name] for name in group if name != missing[0]))
            known[missing[0]] = divide_exactly(whole, rest)
    return tuple(sizes.product(tuple(known.get(name) for name in group)) for group in targets)


def einsum_operands(call: Call) -> list[Tensor]:
    """The tensors that an ``einsum`` combines."""
    items = items_of(call["*"]) or ()
    if len(items) == 1 and items_of(items[0]) is not None:
        items = items_of(items[0]) or ()
    return [as_tensor(item) or Tensor() for item in items]


def _einsum(call: Call) -> Shape:
    text = call.text("equation")
    if text is None or "->" not in text or "." in text:
        return None
    left, right = text.replace(" ", "").split("->")
    known: dict[str, Dim] = {}
    for letters, tensor in zip(left.split(","), einsum_operands(call)):
        if tensor.shape is not None and len(tensor.shape) == len(letters):
            for letter, dim in zip(letters, tensor.shape):
                if known.get(letter) is None or known[letter] == 1:
                    known[letter] = dim
    return tuple(known.get(letter) for letter in right)


def shape_of(call: Call) -> Shape:
    """The shape of the result of a call."""
    return SHAPE_RULES[call.op.shape](call)
