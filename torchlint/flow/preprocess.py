"""What a transform does to an image: its values, dtype, layout and size.

Worked example: a PIL image is uint8 in [0, 255], height by width by channels. ``ToTensor`` makes it float32 in
[0, 1], channels first; ``Normalize((0.5,), (0.5,))`` then [-1, 1], normalised; ``ToPILImage`` on that multiplies by
255 and wraps, which the recorded event lets a rule see.
"""

from __future__ import annotations

from collections.abc import Mapping

from torchlint.flow import builtins, join, pictures
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
    if isinstance(value, Tuple):
        taken = pictures.taken([m.resolve(v) for v in value.items])

        def part(v: Value) -> Value:
            return m.over([v], lambda one: transform(m, row, name, settings, one[0], made, place))

        return Tuple(tuple(part(v) if worked_on else v for v, worked_on in zip(value.items, taken)))
    image = value if isinstance(value, Tensor) else Tensor()
    given = {"input": value, **settings}
    random = row.random and made != place  # what a function does is decided by its arguments
    via = Applied("transform", given, place, made, None, name, row.does, random, m.calls)
    m.events.append(TransformEvent(place, m.guard(), name, made, image, m.calls, via))
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


def numbers(m: Machine, value: Value | None) -> list[float] | None:
    """A list of constants as floats; one number is a list of one."""
    value = m.resolve(value) if value is not None else None
    if isinstance(value, Const) and isinstance(value.value, (int, float)):
        return [float(value.value)]
    if value is None:
        return None
    items = builtins.items_of(m, value)
    if items is None:
        return None
    out = [v.value for v in (m.resolve(i) for i in items) if isinstance(v, Const) and isinstance(v.value, (int, float))]
    return [float(x) for x in out] if len(out) == len(items) and out else None


def normalize(m: Machine, settings: Mapping[str, Value], image: Tensor) -> Tensor:
    """(x - mean) / std channel by channel; the range is the hull over the channels."""
    mean, std = numbers(m, settings.get("mean")), numbers(m, settings.get("std"))
    limit = settings.get("max_pixel_value")
    factor = float(limit.value) if isinstance(limit, Const) and isinstance(limit.value, (int, float)) else 1.0
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
    if row.does == "choice":
        return m.over([value], lambda v: _chosen(m, owner, row, v[0], place)) if name == "image" else value
    if name != "image" and row.does in ("normalize", "photometric", "to_float"):
        return value
    made = owner.made or place
    if name != "image" and row.does == "to_tensor_v2":
        return m.over([value], lambda v: v[0].with_(holder="tensor") if isinstance(v[0], Tensor) else UNKNOWN)
    return m.over([value], lambda v: transform(m, row, owner.short, owner.arguments, v[0], made, place))


def _chosen(m: Machine, owner: Object, row: tables.Transform, value: Value, place: Place) -> Value:
    """``OneOf`` and its kin: what all that may happen to an image have in common."""
    kept = transform(m, row, owner.short, owner.arguments, value, owner.made or place, place)
    held = (owner.arguments.get(key, UNKNOWN) for key in ("transforms", "first", "second"))
    steps = [step for part in held for step in (builtins.items_of(m, part) or ([part] if type(part) is Object else ()))]
    known = [m.resolve(step) for step in steps]
    if not isinstance(kept, Tensor) or not known or not all(isinstance(step, Object) for step in known):
        return kept
    outcomes = [_albumentations_one(m, step, "image", value, place) for step in known if isinstance(step, Object)]
    chance = owner.arguments.get("p")
    if not (isinstance(chance, Const) and chance.value == 1):
        outcomes.append(value)
    return common(kept, outcomes)


def common(kept: Tensor, outcomes: list[Value]) -> Value:
    """A picture of which is known what these have in common; `kept` says how it came to be. Where one of them is not
    known it is a picture of the same kind still, for what comes after has to work on each of them."""
    joined = join.collapse(outcomes)
    if any(isinstance(v, Tensor) and v.holder != kept.holder for v in outcomes):
        return Unknown(None, kept.via)
    if not isinstance(joined, Tensor):
        loose = kept.range.loose() if kept.holder == "pil" and kept.range is not None else None
        return kept.with_(shape=None, range=loose)
    return kept.with_(range=joined.range, meaning=joined.meaning, dtype=joined.dtype, shape=joined.shape)
