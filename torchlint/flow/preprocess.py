"""What a transform does to an image: its values, dtype, layout and size.

Worked example: a PIL image is uint8 in [0, 255], height by width by channels. ``ToTensor`` makes it float32 in
[0, 1], channels first; ``Normalize((0.5,), (0.5,))`` then [-1, 1], normalised; ``ToPILImage`` on that multiplies by
255 and wraps, which the recorded event lets a rule see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import builtins, pictures
from torchlint.flow.constants import constants
from torchlint.flow.events import TransformEvent
from torchlint.flow.interval import Interval
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine
from torchlint.flow.values import (
    UNKNOWN,
    Applied,
    Const,
    Dict,
    Meaning,
    Object,
    Place,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
)


def transform(
    m: Machine,
    row: tables.Transform,
    name: str,
    settings: Mapping[str, Value],
    value: Value,
    made: Place,
    place: Place,
) -> Value:
    """The result of one transform on one value; images among several values are treated alike."""
    full, name = name, name.rsplit(".", 1)[-1]
    if isinstance(value, Tuple):
        items = (m.over([v], lambda one: transform(m, row, full, settings, one[0], made, place)) for v in value.items)
        return Tuple(tuple(items))
    image = value if isinstance(value, Tensor) else Tensor()
    given = {"input": value, **settings}
    random = row.random and made != place  # what a function does is decided by its arguments
    via = Applied("transform", given, place, made, None, name, row.does, random, m.calls)
    m.events.append(TransformEvent(place, m.guard(), name, made, image, m.calls, via, full))
    if row.does == "normalize":
        result: Tensor | None = normalize(m, settings, image)
    else:
        result = pictures.change(m, row, settings, image)
    if result is None or (
        not isinstance(value, Tensor)
        and result.range is None
        and result.meaning is None
        and row.does not in ("to_tensor", "to_tensor_v2")
    ):
        return Unknown(None, via, value.grad, value.origin) if isinstance(value, Unknown) else Unknown(None, via)
    trail = image.trail
    if result.range != image.range or row.does in ("to_tensor", "normalize"):
        before = f"{image.range} → " if image.range is not None else ""
        after = f" → {result.range}" if result.range is not None else ""
        trail = Trail(made, f"{before}`{name}`{after}", image.trail)
    result = result.with_(trail=trail, via=via)
    if row.does == "stack_crops":
        return Tuple((result,) * (10 if "vertical_flip" in settings else 5))
    return result


def numbers(m: Machine, value: Value | None) -> tuple[float, ...] | None:
    """Statistics as floats, of a list, a tensor or an array; one number is a list of one."""
    return constants(m.resolve(value)) if value is not None else None


def normalize(m: Machine, settings: Mapping[str, Value], image: Tensor) -> Tensor:
    """(x - mean) / std channel by channel; the range is the hull over the channels."""
    mean, std = numbers(m, settings.get("mean")), numbers(m, settings.get("std"))
    limit = m.resolve(settings.get("max_pixel_value", Const(1.0)))
    factor = float(limit.value) if isinstance(limit, Const) and isinstance(limit.value, (int, float)) else None
    way = m.resolve(settings.get("normalization", Const("standard")))
    if factor is None or not (isinstance(way, Const) and way.value == "standard"):
        mean, factor = None, 1.0  # by the statistics of each image
    before = _undone(m, image, mean, std) if mean and std and factor == 1.0 else None
    if before is not None:
        return image.with_(range=before.range, meaning=before.meaning)
    meaning = None
    if image.meaning is not None and image.meaning.kind == "image":
        meaning = Meaning("image", scale="none", normalized=True, layout=image.meaning.layout, mode=image.meaning.mode)
    found: Interval | None = None
    if image.range is not None and mean and std and all(s > 0 for s in std):
        count = max(len(mean), len(std))
        pairs = [(mean[i % len(mean)], std[i % len(std)]) for i in range(count)]
        low = min((image.range.low / factor - a) / s for a, s in pairs)
        high = max((image.range.high / factor - a) / s for a, s in pairs)
        found = Interval(low, high, image.range.tight)
    return image.with_(range=found, meaning=meaning, dtype=image.dtype if image.holder == "tensor" else "float32")


#: What may stand between a normalization and its undoing.
_BETWEEN = frozenset({"geometric", "resize", "crop", "identity"})
_MOVES = frozenset(
    {"batch", "select", "to", "cpu", "cuda", "detach", "clone", "squeeze", "unsqueeze", "data", "no_grad"}
)


def _undone(m: Machine, image: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor | None:
    """What the image was before normalizations that this one takes back, by itself or with others before it."""
    scale, shift = [1 / s for s in std if s], [-a / s for a, s in zip(mean, std) if s]
    value: Value | None = image
    while isinstance(value, Tensor) and value.via is not None and len(scale) == len(std) == len(mean):
        via = value.via
        value = next(iter(via.arguments.values()), None)
        if isinstance(via, Applied) and via.does == "normalize":
            means, stds = numbers(m, via.arguments.get("mean")), numbers(m, via.arguments.get("std"))
            if means is None or stds is None or 0.0 in stds or not len(means) == len(stds) == len(scale):
                return None
            # a · (x − n) / t + b
            shift = [b - a * n / t for a, b, n, t in zip(scale, shift, means, stds)]
            scale = [a / t for a, t in zip(scale, stds)]
            if all(abs(a - 1) < 0.02 and abs(b) < 0.02 for a, b in zip(scale, shift)):
                return value if isinstance(value, Tensor) else None
        elif via.op not in _MOVES and not (isinstance(via, Applied) and via.does in _BETWEEN):
            return None
    return None


def albumentations(m: Machine, owner: Object, keywords: Mapping[str, Value], place: Place) -> Value:
    """``pipeline(image=image, mask=mask)``: a dict of the same names; only images are scaled."""
    result = Dict({}, {"open": True})
    for name, value in keywords.items():
        result.items[name] = _albumentations_one(m, owner, name, value, place)
    return result


def _albumentations_one(m: Machine, owner: Object, name: str, value: Value, place: Place) -> Value:
    row = m.contracts.lookup(owner.name)
    if not isinstance(row, tables.Transform):
        return UNKNOWN
    if row.does in ("albumentations_compose", "compose"):
        steps = builtins.items_of(m, owner.arguments.get("transforms", UNKNOWN))
        if steps is None:
            return UNKNOWN
        for step in steps:
            step = m.resolve(step)
            if isinstance(step, Object) and step.kind == "transform":
                value = _albumentations_one(m, step, name, value, place)
            elif not (isinstance(step, Const) and step.value is None):
                return UNKNOWN
        return value
    if row.does == "choice" and name != "image":
        return value
    if name != "image" and row.does in ("normalize", "photometric", "to_float"):
        return value
    made = owner.made or place
    if name != "image" and row.does == "to_tensor_v2":
        return m.over([value], lambda v: v[0].with_(holder="tensor") if isinstance(v[0], Tensor) else UNKNOWN)
    return m.over([value], lambda v: transform(m, row, owner.name, owner.arguments, v[0], made, place))
