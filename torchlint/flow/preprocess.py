"""What a transform does to an image: its values, dtype, layout and size.

Worked example: a PIL image is uint8 in [0, 255], height by width by channels. ``ToTensor`` makes it float32 in
[0, 1], channels first; ``Normalize((0.5,), (0.5,))`` then [-1, 1], normalised; ``ToPILImage`` on that multiplies by
255 and wraps, which the recorded event lets a rule see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from torchlint.flow import builtins, join, pictures
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
    Library,
    List,
    Meaning,
    Object,
    Place,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
    make_list,
)

#: What is done to images, and not to what is known as a mask.
IMAGES_ONLY = frozenset({
    "normalize", "photometric", "to_float", "from_float", "to_dtype", "convert_dtype", "grayscale", "rgb", "erase",
    "whiten",
})  # fmt: skip
#: How masks are resized and turned.
NEAREST = {"interpolation": Const("nearest")}


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
    if row.keyed:
        return _keyed(m, row, name, settings, value, made, place)
    full, name = name, name.rsplit(".", 1)[-1]
    if isinstance(value, Tuple):  # a sample
        parts = [m.resolve(v) for v in value.items]
        pictured = any(isinstance(v, Tensor) and v.holder != "numpy" and not pictures.plain(v) for v in parts)

        def part(v: Value) -> Value:
            if pictured and pictures.plain(v):
                return v
            if pictured and isinstance(v, (Dict, List)):
                return _inside(m, v, part) or UNKNOWN
            return m.over([v], lambda one: transform(m, row, full, settings, one[0], made, place))

        return Tuple(tuple(part(v) if worked_on else v for v, worked_on in zip(parts, pictures.taken(parts))))
    if isinstance(value, (Dict, List)):
        inside = _inside(m, value, lambda one: transform(m, row, full, settings, one, made, place))
        if inside is not None:
            return inside
    image = value if isinstance(value, Tensor) else Tensor()
    if image.meaning is not None and image.meaning.kind == "mask":
        if row.does in IMAGES_ONLY:
            return value
        settings = {**settings, **NEAREST} if "interpolation" in settings else settings
    given = {"input": value, **settings}
    random = row.random and made != place  # what a function does is decided by its arguments
    via = Applied("transform", given, place, made, None, name, full, None, row.does, random, m.calls, m.seeded)
    m.events.append(TransformEvent(place, m.guard(), name, made, image, m.calls, via, full))
    if row.does == "normalize":
        result: Tensor | None = normalize(m, settings, image)
    elif row.does == "load":
        result = Tensor(None, None, "float32", None, "detached", image.trail)
    elif row.does == "scale_intensity":
        result = _rescaled(m, settings, image)
    else:
        result = pictures.change(m, row, settings, image)
    if result is None or (
        not isinstance(value, Tensor)
        and result.range is None
        and result.meaning is None
        and row.does not in ("to_tensor", "to_tensor_v2", "load")
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


def _keyed(
    m: Machine, row: tables.Transform, name: str, settings: Mapping[str, Value], value: Value, made: Place, place: Place
) -> Value:
    """A dict of which some items are transformed, each with a setting of its own if there are as many."""
    keys = m.resolve(settings.get("keys", UNKNOWN))
    named = (keys,) if isinstance(keys, Const) else builtins.items_of(m, keys)
    if not isinstance(value, Dict) or named is None:
        return UNKNOWN
    each = replace(row, keyed=False)
    modes = mode.items if isinstance(mode := m.resolve(settings.get("mode", UNKNOWN)), (Tuple, List)) else None
    result = Dict(dict(value.items), dict(value.meta))
    for number, key in enumerate(m.resolve(one) for one in named):
        if not isinstance(key, Const):
            return UNKNOWN
        own = dict(settings)
        if "mode" in settings and row.does in ("resize", "geometric"):
            chosen = settings["mode"] if modes is None else modes[number] if number < len(modes) else UNKNOWN
            own["interpolation"] = m.resolve(chosen)
        if key.value in value.items:
            given = value.items[key.value]
            result.items[key.value] = m.over(
                [given],
                lambda v, own=own: transform(m, each, name, own, v[0], made, place),  # type: ignore[misc]
            )
    return result


def _inside(m: Machine, value: Tuple | Dict | List, each: Callable[[Value], Value]) -> Value | None:
    """What is held by a sample, each part of it transformed; None for a list of unknown length."""
    if isinstance(value, Dict):
        items = {key: m.over([v], lambda one: each(one[0])) for key, v in value.items.items()}
        return Dict(items, dict(value.meta))
    if value.items is None:
        return None
    made = [m.over([v], lambda one: each(one[0])) for v in value.items]
    return Tuple(tuple(made)) if isinstance(value, Tuple) else make_list(made)


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


def _rescaled(m: Machine, settings: Mapping[str, Value], image: Tensor) -> Tensor:
    """From the least and greatest value, or from given ones, to a range of the program's."""
    names = ("minv", "maxv") if "minv" in settings else ("b_min", "b_max")
    ends = [end.value for end in (m.resolve(settings.get(name, UNKNOWN)) for name in names) if isinstance(end, Const)]
    low, high = [float(end) for end in ends if isinstance(end, (int, float))] if len(ends) == 2 else (None, None)
    clipped = "minv" in settings or settings.get("clip") == Const(True)
    known = low is not None and high is not None and clipped and settings.get("factor", Const(None)) == Const(None)
    return image.with_(range=Interval(low, high) if known and low is not None and high is not None else None,
                       meaning=None, dtype="float32")  # fmt: skip


def albumentations(m: Machine, owner: Object, keywords: Mapping[str, Value], place: Place) -> Value:
    """``pipeline(image=image, mask=mask)``: a dict of the same names; only images are scaled, and all by one draw."""
    result = Dict({}, {"open": True})
    others = m.resolve(owner.arguments.get("additional_targets", UNKNOWN))
    kinds = {**TARGETS, **(_words(m, others) if isinstance(others, Dict) else {})}
    m.calls += 1
    for name, value in keywords.items():
        kind = kinds.get(name, "")
        if kind in ("masks", "images"):
            result.items[name] = _several(m, owner, kind[:-1], m.resolve(value), place)
        else:
            result.items[name] = _albumentations_one(m, owner, kind, value, place)
    return result


def _several(m: Machine, owner: Object, kind: str, value: Value, place: Place) -> Value:
    """A list of masks or images."""
    if not isinstance(value, (Tuple, List)):
        return UNKNOWN
    found = _inside(m, value, lambda one: _albumentations_one(m, owner, kind, one, place))
    return UNKNOWN if found is None else found


#: What albumentations takes the arguments of a pipeline for.
TARGETS = {"image": "image", "mask": "mask", "masks": "masks", "images": "images"}


def _words(m: Machine, names: Dict) -> dict[str, str]:
    known = ((name, m.resolve(kind)) for name, kind in names.items.items())
    return {str(name): str(kind.value) for name, kind in known if isinstance(kind, Const)}


def _albumentations_one(m: Machine, owner: Object, kind: str, value: Value, place: Place) -> Value:
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
                value = _albumentations_one(m, step, kind, value, place)
            elif not (isinstance(step, Const) and step.value is None):
                return UNKNOWN
        return value
    if row.does == "choice":
        return m.over([value], lambda v: _chosen(m, owner, row, v[0], place)) if kind == "image" else value
    settings = owner.arguments
    if kind != "image":
        if row.does in IMAGES_ONLY:
            return value
        if row.does == "to_tensor_v2":
            return m.over([value], lambda v: _moved(v[0], m.resolve(settings.get("transpose_mask", UNKNOWN))))
        if "interpolation" in settings:
            chosen = m.resolve(settings.get("mask_interpolation", UNKNOWN))
            settings = {**settings, **({"interpolation": chosen} if isinstance(chosen, Library) else NEAREST)}
    made = owner.made or place
    return m.over([value], lambda v: transform(m, row, owner.name, settings, v[0], made, place))


def _moved(value: Value, first: Value) -> Value:
    """A mask as a tensor: its channels come first if that is asked for."""
    if not isinstance(value, Tensor):
        return UNKNOWN
    shape = value.shape if not (isinstance(first, Const) and first.value) else pictures.channels_first(value.shape)
    return value.with_(holder="tensor", shape=shape)


def _chosen(m: Machine, owner: Object, row: tables.Transform, value: Value, place: Place) -> Value:
    """``OneOf`` and its kin: what all that may happen to an image have in common."""
    kept = transform(m, row, owner.name, owner.arguments, value, owner.made or place, place)
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
