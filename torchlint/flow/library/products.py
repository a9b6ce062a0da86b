"""Shapes of products and normalisations: linear layers, matrices, distances, and layers that know their channels.

Worked example: ``nn.Linear(400, 10)`` takes B×400 to B×10, and refuses B×576.
"""

from __future__ import annotations

from torchlint.flow import shape as sizes
from torchlint.flow.library import joining
from torchlint.flow.library.axes import axis, broadcast, matmul_shapes, view_to
from torchlint.flow.library.convolve import first_size
from torchlint.flow.library.reading import Call, as_tensor, dim_of, dims_of
from torchlint.flow.library.refusals import Refusal, Refused, firm, need_divisible, need_rank, need_same, refuse
from torchlint.flow.shape import Shape


def linear(call: Call) -> Shape:
    """The last dimension becomes ``out_features``."""
    shape = call.input.shape
    if shape is None:
        need_same("features", call.input.width, dim_of(call["in_features"]))
        return None
    if not shape:
        raise refuse("rank", 0, 1, None, "linear")
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


def bilinear(call: Call) -> Shape:
    """The last dimension of both becomes ``out_features``."""
    shape, other = call.input.shape, call.tensor("input2").shape
    weight, out = as_tensor(call["weight"]), dim_of(call["out_features"])
    first, second = dim_of(call["in1_features"]), dim_of(call["in2_features"])
    if weight is not None and weight.shape is not None and len(weight.shape) == 3:
        out, first, second = weight.shape
    for one, taken in ((shape, first), (other, second)):
        if one:
            need_same("features", one[-1], taken, len(one) - 1)
    return (*shape[:-1], out) if shape else None


#: How many dimensions the products of matrices take that take no others.
_RANKS = {"mm": (2, 2), "bmm": (3, 3), "mv": (2, 1), "dot": (1, 1), "vdot": (1, 1), "inner": (0, 0)}


def matmul(call: Call) -> Shape:
    """Products of vectors, matrices and batches of them.

    Raises:
        Refused: see `matmul_shapes`; or the ranks are others than the operation takes.
    """
    first, second = (call.tensor(name).shape for name in call.op.parameters.positional[:2])
    ranks = _RANKS.get(call.op.short)
    if ranks is not None:
        for shape, rank in ((first, ranks[0]), (second, ranks[1])):
            need_rank(shape, rank, note=call.op.short)
        if first and second and ranks[0] == 3:
            need_same("sizes", second[0], first[0], 0, "batch")
    return matmul_shapes(first, second)


def added_product(call: Call) -> Shape:
    """``addmm`` and its like: a product that is added to something smaller or as large.

    Raises:
        Refused: see `matmul_shapes`.
    """
    first, second = (call.tensor(name).shape for name in call.op.parameters.positional[1:3])
    rank = {"addmm": 2, "addmv": 2, "baddbmm": 3, "addbmm": 3}[call.op.short]
    need_rank(first, rank, note=call.op.short)
    need_rank(second, 1 if call.op.short == "addmv" else rank, note=call.op.short)
    if first and second and rank == 3:
        need_same("sizes", second[0], first[0], 0, "batch")
    product = matmul_shapes(first, second)
    if product is not None and call.op.short == "addbmm":
        product = product[1:]
    given = call.input.shape
    if product is not None and given is not None:
        if len(given) > len(product) and firm(given):
            raise refuse("rank", len(given), len(product), None, call.op.short)
        for i, (d, whole) in enumerate(zip(given[::-1], product[::-1])):
            if d != 1 and sizes.differs(d, whole):
                raise refuse("sizes", d, whole, len(product) - 1 - i)
    return product


def outer(call: Call) -> Shape:
    """A product for each pair of two vectors' elements."""
    first, second = (call.tensor(name).shape for name in call.op.parameters.positional[:2])
    need_rank(first, 1, note="outer")
    need_rank(second, 1, note="outer")
    return (first[0], second[0]) if first and second else None


def cdist(call: Call) -> Shape:
    """``cdist``: a distance for each pair of rows."""
    first, second = call.input.shape, call.tensor("x2").shape
    if not first or not second or len(first) < 2 or len(second) < 2:
        return None
    need_same("matmul", first[-1], second[-1], len(first) - 1, "cdist")
    batch = broadcast(first[:-2], second[:-2])
    return None if batch is None else (*batch, first[-2], second[-2])


def similarity(call: Call) -> Shape:
    """``cosine_similarity``: broadcast, without the dimension."""
    joined, dim = broadcast(call.input.shape, call.tensor("x2").shape), call.integer("dim")
    if joined is None or dim is None:
        return None
    at = axis(dim, joined)
    return None if at is None else joined[:at] + joined[at + 1 :]


def distance(call: Call) -> Shape:
    """``pairwise_distance``: broadcast, without the last dimension."""
    joined, keep = broadcast(call.input.shape, call.tensor("x2").shape), call.flag("keepdim")
    return None if not joined or keep is None else (*joined[:-1], 1) if keep else joined[:-1]


def same_dims(call: Call) -> Shape:
    """The shape stays; the dimensions that are named exist.

    Raises:
        Refused: one does not.
    """
    shape = call.input.shape
    dims = joining.dims_given(call, "dim", "dims", "axis") if shape is not None else None
    for dim in dims or ():
        if isinstance(dim, int):
            axis(dim, shape or ())
    return shape


def triangle(call: Call) -> Shape:
    """``tril`` and ``triu``: the shape of two dimensions or more stays."""
    shape = call.input.shape
    if shape is not None and len(shape) < 2 and firm(shape):
        raise refuse("rank", len(shape), 2, None, call.op.short)
    return shape


def _norm_channels(call: Call, at: int, *names: str) -> None:
    shape = call.input.shape
    taken = next((first_size(call[n]) for n in names if call[n] is not None), None)
    for name in ("running_mean", "weight"):
        given = as_tensor(call[name])
        if taken is None and given is not None and given.shape:
            taken = given.shape[0]
    if shape is not None and -len(shape) <= at < len(shape) and sizes.differs(shape[at], taken):
        raise Refused(Refusal("channels", shape[at], taken, at % len(shape)), shape)


def batch_norm(call: Call) -> Shape:
    """Every number of dimensions that the layer takes, with its channels in dimension 1.

    Raises:
        Refused: there are others.
    """
    n = call.spatial
    if n:
        need_rank(call.input.shape, *((2, 3) if n == 1 else (n + 2,)), note="normalisation")
    _norm_channels(call, 1, "num_features")
    return call.input.shape


def instance_norm(call: Call) -> Shape:
    """The shape stays; a layer that learns has as many channels as the input."""
    n, shape = call.spatial, call.input.shape
    if n:
        need_rank(shape, n + 1, n + 2, note="normalisation")
    learns = call.flag("affine") or call.flag("track_running_stats")
    if shape is not None and n and learns and len(shape) in (n + 1, n + 2):
        _norm_channels(call, -(n + 1), "num_features")
    return shape


def group_norm(call: Call) -> Shape:
    """The shape stays; the channels are those of the layer, and can be divided among the groups."""
    shape, groups = call.input.shape, call.integer("num_groups")
    _norm_channels(call, 1, "num_channels")
    need_divisible("channels", dim_of(call["num_channels"]), groups, 1, "groups")
    if shape is not None and len(shape) > 1:
        need_divisible("channels", shape[1], groups, 1, "groups")
    return shape


def layer_norm(call: Call) -> Shape:
    """The last dimensions are those that the layer normalises.

    Raises:
        Refused: they are others.
    """
    shape, given = call.input.shape, call.given("normalized_shape")
    taken = None if given is None else dims_of(given)
    if taken is None:
        return shape
    if shape is None:
        need_same("features", call.input.width, taken[-1] if taken else None)
        return shape
    if len(taken) > len(shape):
        if firm(shape):
            raise refuse("rank", len(shape), len(taken), None, "normalisation")
        return shape
    for i in range(1, len(taken) + 1):
        if sizes.differs(shape[-i], taken[-i]):
            raise Refused(Refusal("features", shape[-i], taken[-i], len(shape) - i), shape)
    return shape


def prelu(call: Call) -> Shape:
    """The shape stays; there is one slope, or one for each channel."""
    shape, count = call.input.shape, dim_of(call["num_parameters"])
    weight = as_tensor(call["weight"])
    if weight is not None and weight.shape:
        count = weight.shape[0]
    if shape and count != 1 and sizes.differs(shape[1] if len(shape) > 1 else 1, count):
        raise Refused(Refusal("channels", shape[1] if len(shape) > 1 else 1, count, min(1, len(shape) - 1)), shape)
    return shape


def as_other(call: Call) -> Shape:
    """``view_as``, ``reshape_as`` and ``expand_as``."""
    shape, other = call.input.shape, call.tensor("other").shape
    if shape is None or other is None:
        return other
    if call.op.short != "expand_as":
        return view_to(shape, other) if -1 not in other else other
    if len(shape) > len(other) and firm(shape):
        raise refuse("rank", len(shape), len(other), None, "expand")
    for i, (d, whole) in enumerate(zip(shape[::-1], other[::-1])):
        if d != 1 and sizes.differs(d, whole):
            raise refuse("sizes", d, whole, len(other) - 1 - i, "expand")
    return other


def diff(call: Call) -> Shape:
    """Differences along a dimension, which gets shorter."""
    shape, dim, times = call.input.shape, call.integer("dim"), call.integer("n")
    plain = call.given("prepend", "append") is None and times is not None
    at = axis(dim, shape) if shape and dim is not None else None
    if not shape or at is None:
        return None if shape is None else (None,) * len(shape)
    size = shape[at]
    new = max(0, size - (times or 0)) if isinstance(size, int) else sizes.subtract(size, times)
    return (*shape[:at], new if plain else None, *shape[at + 1 :])


def bags(call: Call) -> Shape:
    """``EmbeddingBag``: a vector for each bag."""
    shape, size = call.input.shape, dim_of(call["embedding_dim"])
    need_rank(shape, 1, 2)
    if shape is not None and len(shape) == 2:
        return (shape[0], size)
    offsets = call.tensor("offsets").shape
    whole = offsets[0] if offsets and call.flag("include_last_offset") is False else None
    return (whole, size)
