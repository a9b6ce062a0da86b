"""Dimensions: counting them, reordering them, and the arithmetic of sizes that several rules share.

Worked example: ``view_to((B, 16, 5, 5), (B, -1))`` is (B, 400): equal sizes cancel before symbols are multiplied.
"""

from __future__ import annotations

from torchlint.flow import shape as sizes
from torchlint.flow.library.reading import Call, dim_of, dims_of, is_scalar, items_of
from torchlint.flow.library.refusals import firm, need_rank, need_same, refuse
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Const, List, Tensor, Value


def index(dim: int, rank: int) -> int | None:
    """A dimension counted from the left; None if there is none."""
    at = dim + rank if dim < 0 else dim
    return at if 0 <= at < rank else None


def axis(dim: int, shape: tuple[Dim, ...], more: int = 0) -> int | None:
    """A dimension of a shape, counted from the left, or one of `more` dimensions that come to it; a tensor without
    dimensions is taken for one that has one.

    Raises:
        Refused: there is no such dimension.
    """
    rank = max(len(shape) + more, 1)
    at = index(dim, rank)
    if at is None and firm(shape):
        raise refuse("argument", dim, rank, None, "dimension")
    return at


def broadcast(a: Shape, b: Shape) -> Shape:
    """The common shape of two elementwise operands; a symbol is taken to stand for more than 1 here.

    Raises:
        Refused: two sizes differ, and neither is 1.
    """
    if a is not None and b is not None and a != b:
        rank = max(len(a), len(b))
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != 1 and b[-i] != 1 and sizes.differs(a[-i], b[-i]):
                raise refuse("sizes", a[-i], b[-i], rank - i)
    return sizes.broadcast(a, b)


def broadcast_all(shapes: list[Shape]) -> Shape:
    """The common shape of elementwise operands.

    Raises:
        Refused: there is none.
    """
    if not shapes:
        return None
    result = shapes[0]
    for other in shapes[1:]:
        result = broadcast(result, other)
    return result


def reduced_dims(call: Call, shape: tuple[Dim, ...]) -> tuple[int, ...] | None:
    """The dimensions that a reduction removes: all of them if none is named; None if that is not known.

    Raises:
        Refused: one of them does not exist, or is named twice.
    """
    given = call.given("dim", "axis")
    if given is None:
        return tuple(range(len(shape)))
    dims = dims_of(given)
    if dims is None:
        return None
    if not dims:
        return tuple(range(len(shape)))
    out: list[int] = []
    for dim in dims:
        at = axis(dim, shape) if isinstance(dim, int) else None
        if at is None:
            return None
        if at in out:
            raise refuse("argument", dim, None, at, "dimension named twice")
        out.append(at)
    return tuple(out)


def divide_exactly(whole: Dim, part: Dim) -> Dim:
    """whole / part of a division that leaves no remainder, or else fails."""
    if whole is None or part is None:
        return None
    if sizes.same(whole, part):
        return 1
    exact = sizes.divide_exactly(whole, part)
    return exact if exact is not None or not isinstance(part, int) else sizes.floor_divide(whole, part)


def view_to(shape: Shape, target: tuple[Dim, ...]) -> Shape:
    """The shape of ``view(*target)``, with a −1 worked out where it can be.

    Raises:
        Refused: the elements do not fill the target, or a size in it is none.
    """
    free = target.count(-1)
    if free > 1 or any(isinstance(d, int) and d < -1 for d in target):
        raise refuse("argument", target, None, None, "more than one −1" if free > 1 else "negative size")
    left, asked = list(shape or ()), [d for d in target if d != -1]
    for dim in tuple(asked):
        # cancel equal sizes first, so that symbols need not be multiplied
        match = next((d for d in left if dim is not None and d is not None and d != 0 and sizes.same(d, dim)), None)
        if match is not None:
            left.remove(match)
            asked.remove(dim)
    whole, part = sizes.product(tuple(left)), sizes.product(tuple(asked))
    if shape is not None and whole is not None and part is not None:
        if free and isinstance(whole, int) and isinstance(part, int) and (part == 0 or whole % part):
            raise refuse("view", sizes.product(shape), sizes.product(tuple(d for d in target if d != -1)), None, "−1")
        if not free and sizes.differs(whole, part):
            raise refuse("view", sizes.product(shape), sizes.product(target))
    if not free:
        return _solved(target, whole, asked) if shape is not None else target
    found = None if shape is None else divide_exactly(whole, part)
    at = target.index(-1)
    return (*target[:at], found, *target[at + 1 :])


def _solved(target: tuple[Dim, ...], whole: Dim, asked: list[Dim]) -> Shape:
    """The target, of which the only size that is not known follows from all the others."""
    if target.count(None) != 1:
        return target
    found = sizes.divide_exactly(whole, sizes.product(tuple(d for d in asked if d is not None)))
    return tuple(found if d is None else d for d in target)


def flatten_range(shape: Shape, start: int | None, end: int | None) -> Shape:
    """The shape with the dimensions start … end made one.

    Raises:
        Refused: there are no such dimensions.
    """
    if start is None or end is None:
        return None
    if shape is None:
        return (None,) * (start + 1) if start >= 0 and end == -1 else None
    first, last = axis(start, shape), axis(end, shape)
    if first is None or last is None:
        return None
    if not shape:
        return (1,)
    if last < first:
        if not firm(shape):
            return None
        raise refuse("argument", start, end, None, "the last dimension comes before the first")
    return (*shape[:first], sizes.product(shape[first : last + 1]), *shape[last + 1 :])


def order_of(call: Call) -> tuple[int, ...] | None:
    """The permutation of a ``permute`` or ``transpose``: the old place of each new dimension.

    Raises:
        Refused: there are no such dimensions, or not all of them are named once.
    """
    shape = call.input.shape
    short = call.op.short
    if short == "moveaxis" or short == "movedim":
        return _move(call)
    if short == "t":
        need_rank(shape, 0, 1, 2)
        return (1, 0) if shape is None or len(shape) == 2 else tuple(range(len(shape))) if len(shape) < 2 else None
    if short == "adjoint":
        need_rank(shape, *range(2, 64))
        rank = None if shape is None else len(shape)
        return None if rank is None or rank < 2 else (*range(rank - 2), rank - 1, rank - 2)
    array = call.input.holder == "numpy" or call.op.name.startswith("numpy")
    if short in ("swapaxes", "swapdims", "transpose") and not (array and short == "transpose"):
        names = call.op.parameters.positional[1:3]
        first, second = (call.integer(name) for name in names) if len(names) == 2 else (None, None)
        if shape is None or first is None or second is None:
            return None
        a, b = axis(first, shape), axis(second, shape)
        if a is None or b is None:
            return None
        order = list(range(len(shape)))
        if shape:
            order[a], order[b] = b, a
        return tuple(order)
    if short == "transpose":  # numpy
        items = [v for v in (call["dim0"], call["dim1"], *(items_of(call["*"]) or ())) if v is not None]
        whole = items_of(call["axes"] or (items[0] if items else None))
        if whole is not None:
            items = list(whole)
        if not items or (isinstance(items[0], Const) and items[0].value is None):
            return None if shape is None else tuple(reversed(range(len(shape))))
        dims: tuple[Dim, ...] | None = tuple(dim_of(v) for v in items)
    else:
        dims = call.sizes("dims")
    if dims is None:
        return None
    if shape is not None:
        need_rank(shape, len(dims), note="permute")
    known = [d for d in dims if isinstance(d, int)]
    if len(known) != len(dims):
        return None
    places = tuple(d + len(dims) if d < 0 else d for d in known)
    if sorted(places) == list(range(len(places))):
        return places
    if not firm(shape):
        return None
    raise refuse("argument", dims, len(dims), None, "not each dimension once")


def _move(call: Call) -> tuple[int, ...] | None:
    shape = call.input.shape
    source, target = call.given("source"), call.given("destination")
    a = None if source is None else dims_of(source)
    b = None if target is None else dims_of(target)
    if shape is None or a is None or b is None:
        return None
    if len(a) != len(b):
        raise refuse("argument", a, b, None, "as many sources as destinations")
    pairs: list[tuple[int, int]] = []
    for x, y in zip(a, b):
        i = axis(x, shape) if isinstance(x, int) else None
        j = axis(y, shape) if isinstance(y, int) else None
        if i is None or j is None:
            return None
        if any(i == source or j == place for place, source in pairs):
            raise refuse("argument", a, b, None, "dimension named twice")
        pairs.append((j, i))
    order = [i for i in range(len(shape)) if i not in {p[1] for p in pairs}]
    for j, i in sorted(pairs):
        order.insert(j, i)
    return tuple(order)


def matmul_shapes(a: Shape, b: Shape) -> Shape:
    """`torch.matmul`: vectors, matrices and batches of them.

    Raises:
        Refused: the columns of the first are not as many as the rows of the second, or the batches do not fit.
    """
    if a is None or b is None:
        return None
    if not a or not b:
        raise refuse("rank", 0, 1, None, "matmul")
    rows = b[-2] if len(b) > 1 else b[0]
    need_same("matmul", a[-1], rows, len(a) - 1)
    if len(a) == 1 and len(b) == 1:
        return ()
    if len(a) == 1:
        return (*b[:-2], b[-1])
    if len(b) == 1:
        return a[:-1]
    batch = broadcast(a[:-2], b[:-2])
    return None if batch is None else (*batch, a[-2], b[-1])


def data_shape(value: Value | None, depth: int = 0) -> Shape:
    """The shape of nested sequences of numbers and tensors; unknown beyond eight levels."""
    if depth > 8:
        return None
    if isinstance(value, Tensor):
        return value.shape
    if is_scalar(value):
        return ()
    items = items_of(value)
    if items is None:
        inner = data_shape(value.element, depth + 1) if isinstance(value, List) else None
        return None if inner is None else (None, *inner)
    if not items:
        return (0,)
    first = data_shape(items[0], depth + 1)
    return None if first is None else (len(items), *first)
