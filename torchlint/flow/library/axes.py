"""Dimensions: counting them, reordering them, and the arithmetic of sizes that several rules share.

Worked example: ``view_to((B, 16, 5, 5), (B, -1))`` is (B, 400): equal sizes cancel before symbols are multiplied.
"""

from __future__ import annotations

from torchlint.flow import shape as sizes
from torchlint.flow.library.reading import Call, dim_of, dims_of, is_scalar, items_of
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Const, List, Tensor, Value


def index(dim: int, rank: int) -> int | None:
    """A dimension counted from the left; None if there is none."""
    at = dim + rank if dim < 0 else dim
    return at if 0 <= at < rank else None


def broadcast_all(shapes: list[Shape]) -> Shape:
    """The common shape of elementwise operands."""
    if not shapes:
        return None
    result = shapes[0]
    for other in shapes[1:]:
        result = sizes.broadcast(result, other)
    return result


def reduced_dims(call: Call, rank: int) -> tuple[int, ...] | None:
    """The dimensions that a reduction removes: all of them if none is named; None if that is not known."""
    given = call.given("dim", "axis")
    if given is None:
        return tuple(range(rank))
    dims = dims_of(given)
    if dims is None:
        return None
    if not dims:
        return tuple(range(rank))
    out: list[int] = []
    for dim in dims:
        at = index(dim, rank) if isinstance(dim, int) else None
        if at is None:
            return None
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
    """The shape of ``view(*target)``, with a −1 worked out where it can be."""
    if target.count(-1) != 1:
        return target
    at = target.index(-1)
    rest = target[:at] + target[at + 1 :]
    found: Dim = None
    if shape is not None:
        left, others = list(shape), list(rest)
        for dim in rest:
            # cancel equal sizes first, so that symbols need not be multiplied
            match = next((d for d in left if dim is not None and d is not None and sizes.same(d, dim)), None)
            if match is not None:
                left.remove(match)
                others.remove(dim)
        found = divide_exactly(sizes.product(tuple(left)), sizes.product(tuple(others)))
    return (*target[:at], found, *target[at + 1 :])


def flatten_range(shape: Shape, start: int | None, end: int | None) -> Shape:
    """The shape with the dimensions start … end made one."""
    if start is None or end is None:
        return None
    if shape is None:
        return (None,) * (start + 1) if start >= 0 and end == -1 else None
    if not shape:
        return (1,)
    first, last = index(start, len(shape)), index(end, len(shape))
    if first is None or last is None or last < first:
        return None
    return (*shape[:first], sizes.product(shape[first : last + 1]), *shape[last + 1 :])


def order_of(call: Call) -> tuple[int, ...] | None:
    """The permutation of a ``permute`` or ``transpose``: the old place of each new dimension."""
    shape = call.input.shape
    short = call.op.short
    if short == "moveaxis" or short == "movedim":
        return _move(call)
    if short in ("t", "adjoint"):
        return (1, 0) if shape is None or len(shape) == 2 else (0,) if len(shape) == 1 else None
    array = call.input.holder == "numpy" or call.op.name.startswith("numpy")
    if short in ("swapaxes", "swapdims", "transpose") and not (array and short == "transpose"):
        rank = None if shape is None else len(shape)
        names = call.op.parameters.positional[1:3]
        first, second = (call.integer(name) for name in names) if len(names) == 2 else (None, None)
        if rank is None or first is None or second is None:
            return None
        a, b = index(first, rank), index(second, rank)
        if a is None or b is None:
            return None
        order = list(range(rank))
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
    known = [d for d in dims if isinstance(d, int)]
    if len(known) != len(dims):
        return None
    places = tuple(d + len(dims) if d < 0 else d for d in known)
    return places if sorted(places) == list(range(len(places))) else None


def _move(call: Call) -> tuple[int, ...] | None:
    shape = call.input.shape
    source, target = call.given("source"), call.given("destination")
    a = None if source is None else dims_of(source)
    b = None if target is None else dims_of(target)
    if shape is None or a is None or b is None or len(a) != len(b):
        return None
    pairs: list[tuple[int, int]] = []
    for x, y in zip(a, b):
        i = index(x, len(shape)) if isinstance(x, int) else None
        j = index(y, len(shape)) if isinstance(y, int) else None
        if i is None or j is None:
            return None
        pairs.append((j, i))
    order = [i for i in range(len(shape)) if i not in {p[1] for p in pairs}]
    for j, i in sorted(pairs):
        order.insert(j, i)
    return tuple(order)


def matmul_shapes(a: Shape, b: Shape) -> Shape:
    """`torch.matmul`: vectors, matrices and batches of them."""
    if not a or not b:
        return None
    if len(a) == 1 and len(b) == 1:
        return ()
    if len(a) == 1:
        return (*b[:-2], b[-1])
    if len(b) == 1:
        return a[:-1]
    batch = sizes.broadcast(a[:-2], b[:-2])
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
