"""``einops.pack`` and ``einops.unpack``: tensors that are joined along one dimension, and taken apart again.

Worked example: ``pack([cls, x], "b * d")`` of B×D and B×16×D is B×17×D, and the shapes ``[(), (16,)]`` of what the star
stands for; ``unpack`` of those two gives B×D and B×16×D again. Source: the einops documentation.
"""

from __future__ import annotations

from torchlint.flow import shape as sizes
from torchlint.flow.library.reading import Call, dims_of, items_of, size_value
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Tensor, Tuple, Value, make_list


def _ends(call: Call) -> tuple[int, int] | None:
    """How many dimensions a pattern names before and behind its star."""
    words = (call.text("pattern") or "").split()
    return (words.index("*"), len(words) - words.index("*") - 1) if words.count("*") == 1 else None


def pack(call: Call) -> Value | None:
    """The joined tensor, and a list of the shapes that the star stands for; None if that is not known."""
    ends, items = _ends(call), items_of(call["tensors"])
    if ends is None or not items or not all(isinstance(item, Tensor) for item in items):
        return None
    before, behind = ends
    shapes: list[tuple[Dim, ...]] = []
    for item in items:
        shape = item.shape if isinstance(item, Tensor) else None
        if shape is None or len(shape) < before + behind:
            return None
        shapes.append(shape)
    stars = [shape[before : len(shape) - behind] for shape in shapes]
    total: Dim = 0
    for star in stars:
        total = sizes.add(total, sizes.product(star))
    first, given = shapes[0], next(item for item in items if isinstance(item, Tensor))
    whole: Shape = (*first[:before], total, *first[len(first) - behind :])
    packed = Tensor(None, None, given.dtype, whole, given.grad, given.trail)
    return Tuple((packed, make_list(Tuple(tuple(map(size_value, star))) for star in stars)))


def unpack(call: Call) -> Value | None:
    """The tensors again; None if it is not known how many there are."""
    ends, stars = _ends(call), items_of(call["packed_shapes"])
    if ends is None or stars is None:
        return None
    before, behind = ends
    shape = call.input.shape
    found: list[Tensor] = []
    for star in stars:
        inner = dims_of(star)
        known = shape is not None and inner is not None and len(shape) == before + behind + 1
        part: Shape = None
        if known and shape is not None and inner is not None:
            part = (*shape[:before], *inner, *shape[before + 1 :])
        found.append(call.input.with_(shape=part, meaning=None))
    return make_list(found)
