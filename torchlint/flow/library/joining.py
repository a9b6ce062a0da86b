"""Shapes of several tensors made one, and of parts that indices pick.

Worked example: ``torch.cat([x, y], dim=1)`` of B×32×H×W and B×64×H×W is B×96×H×W, and refuses B×64×H×(W − 2).
"""

from __future__ import annotations

from torchlint.flow import shape as sizes
from torchlint.flow.library.axes import axis, broadcast
from torchlint.flow.library.convolve import window
from torchlint.flow.library.reading import Call, as_tensor, dim_of, dims_of, items_of
from torchlint.flow.library.refusals import firm, need_rank, refuse
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Const, Tensor


def _parts(call: Call) -> list[Shape] | None:
    items = items_of(call.given("tensors", "input", "arrays"))
    if not items:
        return None
    return [(as_tensor(item) or Tensor()).shape for item in items]


def _dimension(call: Call) -> int | None:
    given = call.given("dim", "axis")
    dim = dim_of(given) if given is not None else 0
    return dim if isinstance(dim, int) else None


def cat(call: Call) -> Shape:
    """Joined along ``dim``: sizes add there, and agree elsewhere.

    Raises:
        Refused: they do not agree, or have different ranks.
    """
    shapes, dim = _parts(call), _dimension(call)
    if call.given("dim", "axis") is None and isinstance(call["axis"], Const):
        return None  # numpy's axis=None flattens
    return None if shapes is None or dim is None else joined(shapes, dim)


def joined(shapes: list[Shape], dim: int) -> Shape:
    """The shape of tensors of these shapes, one behind the other.

    Raises:
        Refused: see `cat`.
    """
    # an empty tensor with one dimension may be joined to anything, a legacy of torch.cat
    shapes = [s for s in shapes if s != (0,)] or shapes
    known = [s for s in shapes if s is not None]
    for other in known[1:]:
        if len(other) != len(known[0]):
            if firm(other) and firm(known[0]) and all(d != 0 for d in (*other, *known[0])):
                raise refuse("rank", len(other), len(known[0]), None, "cat")
            return None
    if not known:
        return None
    if not known[0]:
        raise refuse("rank", 0, 1, None, "cat")
    at = axis(dim, known[0])
    if at is None:
        return None
    out: list[Dim] = []
    for i in range(len(known[0])):
        dims = [None if s is None else s[i] for s in shapes]
        if i == at:
            total: Dim = 0
            for d in dims:
                total = sizes.add(total, d)
            out.append(total)
            continue
        named = [d for d in dims if d is not None]
        for d in named[1:]:
            if sizes.differs(d, named[0]):
                raise refuse("cat", named[0], d, i)
        out.append(next((d for d in named if isinstance(d, int)), named[0] if named else None))
    return tuple(out)


def stack(call: Call) -> Shape:
    """A new dimension that counts the tensors.

    Raises:
        Refused: their shapes differ.
    """
    values, dim = call.given("tensors", "input", "arrays"), _dimension(call)
    if values is None or dim is None:
        return None
    items = items_of(values)
    if items is None:
        element = as_tensor(getattr(values, "element", None))
        return None if element is None else stacked([element.shape], dim, None)
    return stacked([(as_tensor(item) or Tensor()).shape for item in items], dim, len(items))


def stacked(shapes: list[Shape], dim: int, count: Dim) -> Shape:
    """The shape of so many tensors of these shapes beside each other.

    Raises:
        Refused: see `stack`.
    """
    known = [s for s in shapes if s is not None]
    shape = known[0] if known else None
    for other in known[1:]:
        assert shape is not None
        if len(other) != len(shape):
            if firm(other) and firm(shape):
                raise refuse("rank", len(other), len(shape), None, "stack")
            return None
        for i, (x, y) in enumerate(zip(shape, other)):
            if sizes.differs(x, y):
                raise refuse("cat", x, y, i, "stack")
        shape = tuple(x if x is not None else y for x, y in zip(shape, other))
    if shape is None:
        return None
    rank = len(shape) + 1
    if not -rank <= dim < rank:
        if not firm(shape):
            return None
        raise refuse("argument", dim, rank, None, "dimension")
    at = dim % rank
    return (*shape[:at], count, *shape[at:])


def at_least(shape: Shape, rank: int) -> Shape:
    """`atleast_1d`, `atleast_2d` and `atleast_3d`."""
    if shape is None or len(shape) >= rank:
        return shape
    if rank == 3 and len(shape) == 2:
        return (*shape, 1)
    return {1: (1,), 2: (1, *(shape or (1,))), 3: (1, *(shape or (1,)), 1)}[rank]


def beside(call: Call) -> Shape:
    """`hstack`, `vstack`, `dstack`, `column_stack`.

    Raises:
        Refused: the sizes do not agree.
    """
    shapes, short = _parts(call), call.op.short
    if shapes is None:
        return None
    if short == "hstack":
        shapes = [at_least(s, 1) for s in shapes]
        known = next((s for s in shapes if s is not None), None)
        return None if known is None else joined(shapes, 0 if len(known) == 1 else 1)
    if short == "dstack":
        return joined([at_least(s, 3) for s in shapes], 2)
    if short == "column_stack":
        return joined([None if s is None else (sizes.product(s), 1) if len(s) < 2 else s for s in shapes], 1)
    return joined([at_least(s, 2) for s in shapes], 0)


def padded_sequences(call: Call) -> Shape:
    """Sequences of different lengths, padded to the longest: batch and length come first, in the order asked for."""
    values = call.given("sequences")
    items = items_of(values)
    parts = list(items) if items is not None else [getattr(values, "element", None)]
    shapes = [None if t is None else t.shape for t in map(as_tensor, parts)]
    first = call.flag("batch_first")
    if not shapes or first is None or any(s is None or len(s) != len(shapes[0] or ()) for s in shapes) or not shapes[0]:
        return None
    rest: tuple[Dim, ...] = shapes[0][1:]
    longest: Dim = shapes[0][0]
    for other in shapes[1:]:
        assert other
        for i, (x, y) in enumerate(zip(rest, other[1:])):
            if sizes.differs(x, y):
                raise refuse("cat", x, y, i + 1, "padding")
        rest = tuple(x if x is not None else y for x, y in zip(rest, other[1:]))
        whole = isinstance(longest, int) and isinstance(other[0], int)
        longest = max(longest, other[0]) if whole else longest if longest == other[0] else None  # type: ignore[type-var]
    if items is None:
        longest = None
    count = None if items is None else len(items)
    return (count, longest, *rest) if first else (longest, count, *rest)


# --- parts -------------------------------------------------------------------------------------------------------


def index_select(call: Call) -> Shape:
    """One dimension as long as the indices are many."""
    shape, dim = call.input.shape, call.integer("dim", "axis")
    chosen = call.tensor("index").shape
    if chosen is not None and len(chosen) > 1:
        raise refuse("rank", len(chosen), 1, None, "index")
    if shape is None or dim is None:
        return None
    at = axis(dim, shape)
    count = None if chosen is None else chosen[0] if chosen else 1
    return None if at is None else (*shape[:at], count, *shape[at + 1 :]) if shape else ()


def select(call: Call) -> Shape:
    """One dimension is gone.

    Raises:
        Refused: it has no such index.
    """
    shape, dim = call.input.shape, call.integer("dim")
    if shape is None:
        return None
    if not shape:
        raise refuse("rank", 0, 1, None, "select")
    at = None if dim is None else axis(dim, shape)
    if at is None:
        return (None,) * (len(shape) - 1)
    chosen, size = call.integer("index"), shape[at]
    if chosen is not None and isinstance(size, int) and not -size <= chosen < size:
        raise refuse("argument", chosen, size, at, "index")
    return shape[:at] + shape[at + 1 :]


def narrow(call: Call) -> Shape:
    """A part of one dimension.

    Raises:
        Refused: it reaches beyond the end.
    """
    shape, dim = call.input.shape, call.integer("dim")
    if shape is None:
        return None
    at = None if dim is None else axis(dim, shape)
    if at is None:
        return (None,) * len(shape)
    start, length, size = call.integer("start"), dim_of(call["length"]), shape[at]
    if isinstance(size, int) and isinstance(length, int) and start is not None:
        first = start + size if start < 0 else start
        if not 0 <= first <= size or length < 0 or first + length > size:
            raise refuse("argument", first + length, size, at, "end")
    return (*shape[:at], length, *shape[at + 1 :])


def gather(call: Call) -> Shape:
    """The shape of the indices, which are no more than there are elements beside the dimension.

    Raises:
        Refused: they are, or have another rank.
    """
    shape, chosen = call.input.shape, call.tensor("index").shape
    _check_indices(call, shape, chosen)
    return chosen


def scatter(call: Call) -> Shape:
    """The shape stays; the indices fit into it and into what is written.

    Raises:
        Refused: they do not.
    """
    shape, chosen = call.input.shape, call.tensor("index").shape
    _check_indices(call, shape, chosen)
    source = as_tensor(call.given("src", "value"))
    if source is not None and source.shape and chosen is not None:
        if len(source.shape) != len(chosen):
            raise refuse("rank", len(source.shape), len(chosen), None, "src")
        _check_within(chosen, source.shape, None)
    return shape


def _check_indices(call: Call, shape: Shape, chosen: Shape) -> None:
    if shape is None or chosen is None:
        return
    if max(len(shape), 1) != max(len(chosen), 1) and firm(shape) and firm(chosen):
        if all(d != 0 for d in chosen):
            raise refuse("rank", len(chosen), len(shape), None, "index")
        return
    dim = call.integer("dim", "axis")
    at = None if dim is None else axis(dim, shape)
    if at is not None and len(shape) == len(chosen):
        _check_within(chosen, shape, at)


def _check_within(chosen: tuple[Dim, ...], shape: tuple[Dim, ...], but: int | None) -> None:
    for i, (few, many) in enumerate(zip(chosen, shape)):
        if i != but and isinstance(few, int) and isinstance(many, int) and few > many:
            raise refuse("argument", few, many, i, "indices")


def take_along(call: Call) -> Shape:
    """`take_along_dim`: all but one dimension broadcast."""
    shape, chosen = call.input.shape, call.tensor("indices").shape
    if call.given("dim") is None:
        return None if chosen is None else (sizes.product(chosen),)
    dim = call.integer("dim")
    if shape is None or chosen is None or dim is None:
        return None
    if len(shape) != len(chosen):
        if not (firm(shape) and firm(chosen)):
            return None
        raise refuse("rank", len(chosen), len(shape), None, "indices")
    at = axis(dim, shape)
    if at is None or not shape:
        return None
    rest = broadcast((*shape[:at], 1, *shape[at + 1 :]), (*chosen[:at], 1, *chosen[at + 1 :]))
    return None if rest is None else (*rest[:at], chosen[at], *rest[at + 1 :])


def tensor_windows(call: Call) -> Shape:
    """``Tensor.unfold``: windows along one dimension become the last one.

    Raises:
        Refused: a window is longer than the dimension.
    """
    shape, dim = call.input.shape, call.integer("dimension")
    size, step = call.integer("size"), call.integer("step")
    if shape is None or dim is None:
        return None
    at = axis(dim, shape)
    if at is None or not shape:
        return None
    count = window(shape[at], size, step, 0, 1, False, at)
    return (*shape[:at], count, *shape[at + 1 :], size)


def diagonal(call: Call) -> Shape:
    """The diagonal of two dimensions, which becomes the last one."""
    shape, offset = call.input.shape, call.integer("offset")
    first, second = call.integer("dim1"), call.integer("dim2")
    if shape is None or first is None or second is None:
        return None
    a, b = axis(first, shape), axis(second, shape)
    if a is None or b is None:
        return None
    if a == b:
        raise refuse("argument", first, second, a, "the same dimension twice")
    rest = tuple(d for i, d in enumerate(shape) if i not in (a, b))
    return (*rest, _diagonal(shape[a], shape[b], offset))


def _diagonal(rows: Dim, columns: Dim, offset: int | None) -> Dim:
    if offset == 0 and rows is not None and sizes.same(rows, columns):
        return rows
    if isinstance(rows, int) and isinstance(columns, int) and offset is not None:
        return max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    return None


def diag(call: Call) -> Shape:
    """A vector as a diagonal, or the diagonal of a matrix."""
    shape, offset = call.input.shape, call.integer("diagonal")
    need_rank(shape, 1, 2)
    if shape is None or not 0 < len(shape) < 3:
        return None
    if len(shape) == 2:
        return (_diagonal(shape[0], shape[1], offset),)
    size = None if offset is None else sizes.add(shape[0], abs(offset))
    return (size, size)


def diag_embed(call: Call) -> Shape:
    """The last dimension as diagonals."""
    shape, offset = call.input.shape, call.integer("offset")
    first, second = call.integer("dim1"), call.integer("dim2")
    if not shape or first is None or second is None:
        return None
    a, b = axis(first, shape, 1), axis(second, shape, 1)
    size = None if offset is None else sizes.add(shape[-1], abs(offset))
    if a is None or b is None:
        return None
    if a == b:
        raise refuse("argument", first, second, a, "the same dimension twice")
    rest = iter(shape[:-1])
    return tuple(size if i in (a, b) else next(rest) for i in range(len(shape) + 1))


def sections(call: Call, given: tuple[Dim, ...], whole: Dim, at: int | None) -> None:
    """Refuse parts whose sum is not what there is.

    Raises:
        Refused: see above.
    """
    total: Dim = 0
    for size in given:
        if isinstance(size, int) and size < 0:
            raise refuse("split", whole, size, at, "negative part")
        total = sizes.add(total, size)
    if sizes.differs(total, whole):
        raise refuse("split", whole, total, at)


def dims_given(call: Call, *names: str) -> tuple[Dim, ...] | None:
    """Dimensions that an argument names, none where it is not given."""
    given = call.given(*names)
    return () if given is None else dims_of(given)
