"""``tensor[index]``: integers, slices, None, ``...``, tensors, and tuples of these.

Worked example: ``x[:, 0]`` with x of B×2 is B; of a distribution over dimension 1 it is a probability.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from torchlint.flow import shape as sizes
from torchlint.flow.library import colours
from torchlint.flow.library.reading import dim_of, items_of
from torchlint.flow.library.results import part, without
from torchlint.flow.shape import Dim
from torchlint.flow.values import Const, List, Meaning, Number, Tensor, Tuple, Unknown, Value


class SliceIndex(Value, msgspec.Struct, frozen=True):
    """``lower:upper:step`` in an index; each is a value, None where it is left out."""

    lower: Value | None = None
    upper: Value | None = None
    step: Value | None = None


class Ellipse(Value, msgspec.Struct, frozen=True):
    """``...`` in an index."""


ELLIPSIS = Ellipse()


def _none(value: Value | None) -> bool:
    return value is None or (isinstance(value, Const) and value.value is None)


def sliced(size: Dim, index: SliceIndex) -> Dim:
    """The size of a dimension after a slice."""
    step = 1 if _none(index.step) else dim_of(index.step)
    if not isinstance(step, int) or step == 0:
        return None
    if _none(index.lower) and _none(index.upper):
        if step in (1, -1):
            return size
        if isinstance(size, int):
            return -(-size // abs(step))
        return None if step < 0 else sizes.floor_divide(sizes.add(size, step - 1), step)
    lower = None if _none(index.lower) else dim_of(index.lower)
    upper = None if _none(index.upper) else dim_of(index.upper)
    if (lower is None and not _none(index.lower)) or (upper is None and not _none(index.upper)):
        return None
    if isinstance(size, int) and not isinstance(lower, sizes.Linear) and not isinstance(upper, sizes.Linear):
        return len(range(size)[lower:upper:step])
    if step != 1 or size is None:
        return None
    if isinstance(upper, int) and upper < 0 and (lower is None or (isinstance(lower, int) and lower >= 0)):
        return sizes.add(size, upper - (lower or 0))
    if isinstance(lower, int) and upper is None and lower >= 0:
        return sizes.subtract(size, lower)
    if upper is not None and sizes.same(size, upper) and (lower is None or (isinstance(lower, int) and lower >= 0)):
        return sizes.subtract(size, lower or 0)
    return None


def subscript(tensor: Tensor, index: Value) -> Value:
    """The part of a tensor that an index picks; data only move, so there is no new step in its trail."""
    parts: tuple[Value, ...] = index.items if isinstance(index, Tuple) else (index,)
    mask = next((p for p in parts if isinstance(p, Tensor) and p.dtype == "bool"), None)
    if mask is not None:
        picked = some(tensor)
        kept = picked.range
        if kept is not None and _speaks_of(mask, tensor):
            kept = kept.loose()  # ``labels[labels >= 0]``: what is left out may be what makes the range so wide
        return picked.with_(shape=_masked(tensor.shape, mask.shape) if len(parts) == 1 else None,
                            meaning=_partly(picked.meaning), range=kept)  # fmt: skip
    if any(isinstance(p, (Unknown, List)) or not _understood(p) for p in parts):
        # an unknown index may be a slice, a mask or a number
        return _listed(tensor, parts)
    if tensor.shape is None:
        return _without_shape(tensor, parts)
    consumed = sum(1 for p in parts if isinstance(p, (Const, Number, SliceIndex, Tensor)) and not _none(p))
    missing = len(tensor.shape) - consumed
    if missing < 0:
        return tensor.with_(shape=None, meaning=_partly(tensor.meaning))
    if not any(isinstance(p, Ellipse) for p in parts):
        parts = (*parts, ELLIPSIS)
    result, at, advanced = tensor, 0, False
    place: list[int] = []
    for one in parts:
        if isinstance(one, Ellipse):
            at += missing
        elif _none(one):
            result = _inserted(result, at)
            at += 1
        elif isinstance(one, SliceIndex):
            result = _cut(result, at, one)
            at += 1
        elif isinstance(one, Tensor):
            advanced = True
            place.append(at)
            at += 1
        else:
            result = _taken(result, at)
    if advanced:
        return _gathered(result, parts, place)
    return result


def some(tensor: Tensor) -> Tensor:
    """Some samples of a tensor, perhaps picked by their class: not every class id need be among them."""
    meaning, found = tensor.meaning, tensor.range
    if meaning is None or meaning.kind not in ("class-index", "noise") or found is None:
        return tensor
    return tensor.with_(meaning=replace(meaning, classes=None), range=found.loose())


def _speaks_of(mask: Tensor, tensor: Tensor) -> bool:
    """Whether a mask was computed from the tensor, or from what the tensor was computed from."""
    return not _origins(mask).isdisjoint(_origins(tensor))


def _origins(tensor: Tensor, depth: int = 8) -> set[int]:
    """The identities of the tensors and operations that lead to a tensor, as far as `depth` steps back."""
    found: set[int] = set()
    pending: list[tuple[Value, int]] = [(tensor, depth)]
    while pending:
        one, left = pending.pop()
        if not isinstance(one, Tensor) or id(one) in found:
            continue
        found.add(id(one))
        if one.via is not None and left:
            found.add(id(one.via))
            pending.extend((value, left - 1) for value in one.via.arguments.values())
    return found


def _masked(shape: sizes.Shape, mask: sizes.Shape) -> sizes.Shape:
    """Where a mask of the leading dimensions is true; the rest stays as it is."""
    if shape is None or mask is None or len(mask) > len(shape):
        return None
    return (None, *shape[len(mask) :])


def _understood(value: Value) -> bool:
    return isinstance(value, (Const, Number, SliceIndex, Tensor, Ellipse))


def _partly(meaning: Meaning | None) -> Meaning | None:
    """A part of which it is not known whether it is whole along a distribution's dimension."""
    if meaning is None:
        return None
    if meaning.kind == "distribution":
        return Meaning("probability")
    if meaning.kind == "log-distribution":
        return Meaning("log-probability")
    return replace(meaning, layout="") if meaning.kind == "image" else meaning


def _without_shape(tensor: Tensor, parts: tuple[Value, ...]) -> Tensor:
    meaning = tensor.meaning
    if meaning is not None and meaning.kind in ("distribution", "log-distribution"):
        simple = meaning.dim is not None and meaning.dim > 0
        if simple and len(parts) == 1 and isinstance(parts[0], SliceIndex):
            return tensor
        if simple and len(parts) == 1 and isinstance(parts[0], (Const, Number)) and not _none(parts[0]):
            return tensor.with_(meaning=replace(meaning, dim=(meaning.dim or 1) - 1))
        meaning = _partly(meaning)
    elif meaning is not None and meaning.kind == "image":
        meaning = _pictured(meaning, parts)
    return tensor.with_(meaning=meaning, shape=None)


def _pictured(meaning: Meaning, parts: tuple[Value, ...]) -> Meaning:
    """What an index makes of an image or images whose rank is not known."""
    if len(parts) == 1 and isinstance(parts[0], (Const, Number)) and not _none(parts[0]):
        return meaning  # one of several
    sliced_only = all(isinstance(p, (SliceIndex, Ellipse)) for p in parts)
    axis = colours.channel_axis(meaning, None)
    last = parts[-1] if axis == -1 and (len(parts) == 3 or isinstance(parts[0], Ellipse)) else None
    if sliced_only and isinstance(last, SliceIndex):
        return _channels_cut(meaning, last)
    stepped = any(isinstance(p, SliceIndex) and _ends(p)[2] not in (None, 1) for p in parts)
    if sliced_only:
        whole = colours.flat(meaning) or (axis is not None and (len(parts) < 3 and not isinstance(parts[0], Ellipse)))
        return meaning if whole and not (stepped and axis == -3) else colours.uncertain(meaning)
    return replace(colours.uncertain(meaning) if last is not None else meaning, layout="")


def _listed(tensor: Tensor, parts: tuple[Value, ...]) -> Tensor:
    """What an index picks that holds a list, or something that is not known."""
    before, meaning = tensor.meaning, _partly(tensor.meaning)
    rest = tensor.with_(shape=None, meaning=meaning)
    if meaning is None or before is None or before.kind != "image":
        return rest
    if len(parts) == 1 and (isinstance(parts[0], Unknown) or (tensor.shape is not None and len(tensor.shape) > 3)):
        return rest  # some of several images
    axis = colours.channel_axis(before, None if tensor.shape is None else len(tensor.shape))
    lists = [i for i, p in enumerate(parts) if isinstance(p, (List, Tuple))]
    plain = all(i in lists or isinstance(p, Ellipse) or _whole(p) for i, p in enumerate(parts))
    if plain and len(lists) == 1 and axis is not None:
        at, rank = lists[0], 3 if tensor.shape is None else len(tensor.shape)
        place = at - len(parts) if isinstance(parts[0], Ellipse) else at - rank
        if place == axis:
            numbers = items_of(parts[at])
            order = None if numbers is None else tuple(getattr(n, "value", None) for n in numbers)
            shape = list(tensor.shape or ())
            if shape:
                shape[axis] = None if order is None else len(order)
            return tensor.with_(meaning=colours.picked(before, order), shape=tuple(shape) or None)
    return rest.with_(meaning=colours.uncertain(meaning))


def _whole(one: Value) -> bool:
    return isinstance(one, SliceIndex) and _ends(one) in ((None, None, None), (None, None, 1))


def _ends(one: SliceIndex) -> tuple[object, object, object]:
    """Start, stop and step as constants, None where they are left out; anything else as itself."""
    ends = (None if value is None else value.value if isinstance(value, Const) else value
            for value in (one.lower, one.upper, one.step))  # fmt: skip
    lower, upper, step = ends
    return lower, upper, step


def _channels_cut(meaning: Meaning, one: SliceIndex) -> Meaning:
    return colours.cut(meaning, *_ends(one))


def _taken(tensor: Tensor, at: int) -> Tensor:
    """One dimension picked out; of an image, a channel, a row or, in front of these, one of several images."""
    piece, shape, meaning = without(tensor, at), tensor.shape, tensor.meaning
    if shape is None or meaning is None or meaning.kind != "image" or at < len(shape) - 3:
        return piece
    axis = colours.channel_axis(meaning, len(shape))
    unsure = (axis is None and not colours.flat(meaning)) or at - len(shape) == axis
    mode = "" if unsure else meaning.mode
    return piece.with_(meaning=replace(meaning, mode=mode, layout=""))


def _inserted(tensor: Tensor, at: int) -> Tensor:
    assert tensor.shape is not None
    meaning = tensor.meaning
    if meaning is not None and meaning.dim is not None:
        old = meaning.dim + len(tensor.shape) if meaning.dim < 0 else meaning.dim
        meaning = replace(meaning, dim=old + (at <= old))
    elif meaning is not None and meaning.kind == "image":
        meaning = colours.widened(meaning, len(tensor.shape), at)
    return tensor.with_(shape=(*tensor.shape[:at], 1, *tensor.shape[at:]), meaning=meaning)


def _cut(tensor: Tensor, at: int, one: SliceIndex) -> Tensor:
    assert tensor.shape is not None
    size = sliced(tensor.shape[at], one)
    meaning = tensor.meaning
    if meaning is not None and meaning.kind == "image":
        axis = colours.channel_axis(meaning, len(tensor.shape))
        if axis is None and not _whole(one) and not colours.flat(meaning):
            meaning = colours.uncertain(meaning)
        elif axis is not None and at - len(tensor.shape) == axis:
            meaning = _channels_cut(meaning, one)
        tensor = tensor.with_(meaning=meaning)
    assert tensor.shape is not None
    if _none(one.lower) and _none(one.upper):
        step = 1 if _none(one.step) else dim_of(one.step)
        if step in (1, -1):
            return tensor.with_(shape=(*tensor.shape[:at], size, *tensor.shape[at + 1 :]), meaning=meaning)
    return part(tensor, at, size)


def _gathered(tensor: Tensor, parts: tuple[Value, ...], place: list[int]) -> Tensor:
    """Index tensors beside slices: their common shape stands where the first of them stood, if they are neighbours."""
    assert tensor.shape is not None
    indices = [p for p in parts if isinstance(p, Tensor)]
    numbers = any(isinstance(p, (Const, Number)) and not _none(p) for p in parts)
    shape: sizes.Shape = indices[0].shape
    for other in indices[1:]:
        shape = sizes.broadcast(shape, other.shape)
    meaning = _partly(tensor.meaning)
    if meaning is not None and meaning.kind == "image":
        meaning = colours.uncertain(meaning)
    first, last = place[0], place[-1]
    if shape is None or numbers or last - first != len(place) - 1:
        return tensor.with_(shape=None, meaning=meaning)
    return tensor.with_(shape=(*tensor.shape[:first], *shape, *tensor.shape[last + 1 :]), meaning=meaning)
