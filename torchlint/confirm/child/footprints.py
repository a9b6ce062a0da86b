"""Which elements of a storage a tensor sees, and how two tensors over one storage lie to each other.

Definitions
    A *footprint* is (offset, sizes, strides) in elements. Dimensions of size 1 do not matter and are dropped.
    A *box* is a footprint seen in the coordinates of another's strides: in each of these dimensions a range
    `first … last`. Two footprints of which boxes are known in the same strides are disjoint when their ranges are
    disjoint in one dimension.

Worked example: the four gates of an LSTM are `chunk(4, dim=1)` of a (B, 4H) tensor
    Each has strides (4H, 1), sizes (B, H) and offset k * H. In the strides (4H, 1) the boxes are
    [(0, B - 1), (k * H, k * H + H - 1)]: pairwise disjoint, so a write to one leaves the others alone.
"""

from typing import Any, NamedTuple


class Footprint(NamedTuple):
    """Offset, sizes and strides, in elements, without dimensions of size 1."""

    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]


def footprint(tensor: Any) -> Footprint:
    """What the tensor sees of its storage."""
    dimensions = [(int(size), int(stride)) for size, stride in zip(tensor.shape, tensor.stride()) if size != 1]
    return Footprint(
        int(tensor.storage_offset()), tuple(size for size, _ in dimensions), tuple(stride for _, stride in dimensions)
    )


def covers_storage(tensor: Any) -> bool:
    """Whether the tensor sees each element of its storage exactly once."""
    sizes_and_strides = sorted(
        ((int(stride), int(size)) for size, stride in zip(tensor.shape, tensor.stride()) if size != 1)
    )
    expected = 1
    for stride, size in sizes_and_strides:
        if stride != expected:
            return False
        expected *= size
    return bool(tensor.storage_offset() == 0 and expected * tensor.element_size() == tensor.untyped_storage().nbytes())


def overlaps_itself(tensor: Any) -> bool:
    """Whether an element of the storage may be seen more than once: then a write may read what it has written."""
    reach = 0
    for stride, size in sorted((int(stride), int(size)) for size, stride in zip(tensor.shape, tensor.stride())):
        if size == 1:
            continue
        if stride <= reach:
            return True
        reach += (size - 1) * stride
    return False


def box(of: Footprint, strides: tuple[int, ...]) -> list[tuple[int, int]] | None:
    """The ranges of a footprint in the coordinates of falling `strides`; None where it cannot be expressed in them."""
    sizes = dict.fromkeys(strides, 1)
    if len(sizes) != len(strides) or any(stride <= 0 for stride in strides):
        return None
    for size, stride in zip(of.sizes, of.strides):
        if stride not in sizes or sizes[stride] != 1:
            return None
        sizes[stride] = size
    rest = of.offset
    ranges = []
    larger = None
    for stride in strides:
        first, rest = divmod(rest, stride)
        last = first + sizes[stride] - 1
        if larger is not None and (last + 1) * stride > larger:
            return None  # would run into the next row
        ranges.append((first, last))
        larger = stride
    return ranges if rest == 0 else None


def _common_strides(one: Footprint, other: Footprint) -> tuple[int, ...]:
    return tuple(sorted({*one.strides, *other.strides, 1}, reverse=True))


def are_disjoint(one: Footprint, other: Footprint) -> bool:
    """Whether it is certain that no element belongs to both."""
    strides = _common_strides(one, other)
    first, second = box(one, strides), box(other, strides)
    if first is None or second is None:
        return False
    return any(a[1] < b[0] or b[1] < a[0] for a, b in zip(first, second))


def contains(outer: Footprint, inner: Footprint) -> bool:
    """Whether it is certain that each element of `inner` belongs to `outer`."""
    if outer == inner:
        return True
    strides = _common_strides(outer, inner)
    first, second = box(outer, strides), box(inner, strides)
    if first is None or second is None:
        return False
    return all(a[0] <= b[0] and b[1] <= a[1] for a, b in zip(first, second))


def line_dimension(tensor: Any, base: int, size: int, stride: int) -> int | None:
    """The dimension of a tensor along which each line is one whole line of `size` elements, `stride` apart.

    The lines are those of a dense layout that begins at element `base` of the storage: element e belongs to the line
    with the base `e - ((e - base) // stride % size) * stride`. None where some line of the tensor is cut or mixed.
    """
    if size <= 1 or stride <= 0:
        return None
    found = None
    start = int(tensor.storage_offset()) - base
    if start < 0 or (start // stride) % size != 0:
        return None
    inner = start % stride
    for dimension, (length, step) in enumerate(zip(tensor.shape, tensor.stride())):
        if length == 1:
            continue
        if length == size and step == stride and found is None:
            found = dimension
        elif step % (size * stride) == 0:
            continue
        elif 0 <= step < stride:
            inner += (int(length) - 1) * int(step)
        else:
            return None
    return found if inner < stride else None
