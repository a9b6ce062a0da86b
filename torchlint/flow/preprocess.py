"""What a transform does to an image: its values, dtype, layout and size.

Worked example: a PIL image is uint8 in [0, 255], height by width by channels. ``ToTensor`` makes it float32 in
[0, 1], channels first; ``Normalize((0.5,), (0.5,))`` then [-1, 1], normalised; ``ToPILImage`` on that multiplies by
255 and wraps, which the recorded event lets a rule see.
"""

from __future__ import annotations

from collections.abc import Mapping

from torchlint.flow import builtins, interval
from torchlint.flow.events import TransformEvent
from torchlint.flow.interval import Interval
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import (
    UNKNOWN,
    Applied,
    Const,
    Dict,
    Library,
    Meaning,
    Object,
    Place,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
)

BYTES = Interval(0.0, 255.0)


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
        items = (m.over([v], lambda one: transform(m, row, name, settings, one[0], made, place)) for v in value.items)
        return Tuple(tuple(items))
    image = value if isinstance(value, Tensor) else Tensor()
    given = {"input": value, **settings}
    random = row.random and made != place  # what a function does is decided by its arguments
    via = Applied("transform", given, place, made, None, name, row.does, random, m.calls)
    m.events.append(TransformEvent(place, m.guard(), name, made, image, m.calls, via))
    result = _does(m, row.does, settings, image)
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
    return result.with_(trail=trail, via=via)


def _does(m: Machine, does: str, settings: Mapping[str, Value], image: Tensor) -> Tensor | None:
    if does == "to_tensor":
        return to_tensor(image)
    if does in ("pil_to_tensor", "to_image"):
        return _as_tensor(image)
    if does in ("to_dtype", "convert_dtype", "to_float"):
        return convert(m, does, settings, image)
    if does == "normalize":
        return normalize(m, settings, image)
    if does == "to_pil":
        return _to_pil(image)
    if does in ("resize", "crop", "pad"):
        size = _size(m, settings) if does != "pad" else None
        kept = image.with_(shape=_sized(image, size))
        if does == "pad" and image.range is not None:
            kept = kept.with_(range=interval.hull(image.range, interval.point(0.0)))
        return kept
    if does == "geometric":
        return image.with_(shape=_sized(image, None))
    if does in ("photometric", "identity", "erase", "choice"):
        return image
    if does == "grayscale":
        count = settings.get("num_output_channels")
        mode = "RGB" if isinstance(count, Const) and count.value == 3 else "L"
        meaning = image.meaning
        if meaning is not None and meaning.kind == "image":
            meaning = Meaning(
                "image", scale=meaning.scale, normalized=meaning.normalized, layout=meaning.layout, mode=mode
            )
        shape = _sized(image, None)
        if image.holder == "pil" and shape is not None:
            shape = (*shape[:2], *((3,) if mode == "RGB" else ()))
        elif shape is not None and len(shape) == 3:
            shape = (3 if mode == "RGB" else 1, *shape[1:])
        return image.with_(meaning=meaning, shape=shape)
    if does == "to_tensor_v2":
        return image.with_(holder="tensor", shape=_first(image.shape), meaning=_layout(image.meaning))
    return None


def _layout(meaning: Meaning | None) -> Meaning | None:
    if meaning is None or meaning.kind != "image":
        return meaning
    return Meaning("image", scale=meaning.scale, normalized=meaning.normalized, layout="CHW", mode=meaning.mode)


def _first(shape: Shape) -> Shape:
    """Height, width, channels to channels first."""
    if shape is None:
        return None
    if len(shape) == 2:
        return (1, *shape)
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else None


def to_tensor(image: Tensor) -> Tensor:
    """``ToTensor``: PIL images and uint8 arrays are divided by 255, every other array keeps its values."""
    if image.holder == "tensor" and image.dtype is not None:
        return Tensor(holder="tensor")
    shape = _first(image.shape)
    meaning = _layout(image.meaning)
    if image.holder == "pil" or image.dtype == "uint8":
        if meaning is not None and meaning.kind == "image":
            meaning = Meaning("image", scale="unit", layout="CHW", mode=meaning.mode)
        else:
            meaning = None
        found = interval.divide(image.range, interval.point(255.0)) if image.range is not None else Interval(0, 1)
        return Tensor(found, meaning, "float32", shape, "detached", image.trail)
    if image.holder == "numpy" and image.dtype is not None:
        return image.with_(holder="tensor", shape=shape, meaning=meaning)
    return Tensor(None, None, None, shape, "detached", image.trail)


def _as_tensor(image: Tensor) -> Tensor:
    shape = _first(image.shape) if image.holder != "tensor" else image.shape
    return image.with_(holder="tensor", shape=shape, meaning=_layout(image.meaning))


def convert(m: Machine, does: str, settings: Mapping[str, Value], image: Tensor) -> Tensor | None:
    """``ConvertImageDtype`` scales; ``v2.ToDtype`` scales only if it is told to."""
    wanted = settings.get("dtype")
    if isinstance(wanted, Dict):
        return None
    dtype = wanted.name.rsplit(".", 1)[-1] if isinstance(wanted, Library) else None
    scale = settings.get("scale")
    scales = does == "convert_dtype" or (isinstance(scale, Const) and scale.value is True)
    if does == "to_float":
        limit = settings.get("max_value")
        if isinstance(limit, Const) and isinstance(limit.value, (int, float)) and image.range is not None:
            return image.with_(range=interval.divide(image.range, interval.point(float(limit.value))),
                               dtype="float32", meaning=_unit(image.meaning))  # fmt: skip
        return Tensor(None, None, "float32", image.shape, "detached", image.trail, None, image.holder)
    if image.holder == "pil":
        return image
    if dtype is None:
        return None
    floats = dtype.startswith(("float", "half", "double", "bfloat"))
    if scales and floats and image.dtype == "uint8":
        return image.with_(
            range=interval.divide(image.range, interval.point(255.0)), dtype=dtype, meaning=_unit(image.meaning)
        )
    if scales and (image.dtype is None or not floats):
        return Tensor(None, None, dtype, image.shape, "detached", image.trail)
    return image.with_(dtype=dtype)


def _unit(meaning: Meaning | None) -> Meaning | None:
    if meaning is None or meaning.kind != "image":
        return meaning
    return Meaning("image", scale="unit", layout=meaning.layout, mode=meaning.mode)


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


def _to_pil(image: Tensor) -> Tensor:
    shape = image.shape
    if image.holder == "tensor" and shape is not None and len(shape) == 3:
        shape = (shape[1], shape[2]) if shape[0] == 1 else (shape[1], shape[2], shape[0])
    mode = image.meaning.mode if image.meaning is not None else ""
    return Tensor(
        BYTES, Meaning("image", scale="byte", layout="HWC", mode=mode), "uint8", shape, "detached", image.trail, None,
        "pil",
    )  # fmt: skip


def _size(m: Machine, settings: Mapping[str, Value]) -> tuple[Dim, Dim] | None:
    """The height and width that a resize or crop gives, if both are known."""
    size = m.resolve(settings["size"]) if "size" in settings else None
    pair = [m.resolve(settings[k]) for k in ("height", "width") if k in settings]
    values = list(builtins.items_of(m, size) or ()) if size is not None and not isinstance(size, Const) else pair
    found = [v.value for v in (m.resolve(x) for x in values) if isinstance(v, Const) and isinstance(v.value, int)]
    return (found[0], found[1]) if len(found) == 2 else None


def _sized(image: Tensor, size: tuple[Dim, Dim] | None) -> Shape:
    if image.shape is None:
        return None
    height, width = size if size is not None else (None, None)
    if image.holder == "tensor":
        return (*image.shape[:-2], height, width) if len(image.shape) >= 2 else None
    return (height, width, *image.shape[2:])


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
    return m.over([value], lambda v: transform(m, row, owner.short, owner.arguments, v[0], made, place))
