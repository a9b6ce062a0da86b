"""What each kind of transform does to the dtype, range, shape and layout of a picture.

Definitions
    picture  a PIL image (`holder` ``pil``), an array with channels last (``numpy``) or a tensor with channels first
    bound    what a library takes for white: 1 for floats, the greatest number of the dtype for integers
    passes   whether a transform gives back as it is what it does not work on (torchvision's version 2), or refuses it
    fill     what a transform puts where there is no picture: at a turned corner, around an edge, over an erased part

Worked example: ``ColorJitter`` multiplies and then cuts to [0, bound], so that a float tensor in [-2, 2] comes out in
[0, 1]; the same on bytes gives bytes. ``RandomRotation`` on that float tensor gives the hull of its range and the fill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import builtins, interval
from torchlint.flow.interval import REAL, UNIT, Interval
from torchlint.flow.library import ranges, tables
from torchlint.flow.library.dtypes import category
from torchlint.flow.library.reading import dtype_name
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Applied, Const, Dict, Library, Meaning, Number, Tensor, Value

BYTES = Interval(0.0, 255.0)

#: The greatest numbers of dtypes that pictures have.
GREATEST = {
    "bool": 1.0, "uint8": 255.0, "int8": 127.0, "int16": 32767.0, "uint16": 65535.0, "int32": 2.0**31 - 1,
    "int64": 2.0**63 - 1,
}  # fmt: skip

#: How many of a number's bits hold its value.
_BITS = {"uint8": 8, "int8": 7, "int16": 15, "uint16": 16, "int32": 31, "int64": 63}

#: What is told as floats whatever their width.
FLOATS = frozenset({"float16", "bfloat16", "float32", "float64", "float"})

#: How far interpolations in two dimensions can go beyond the range of a picture, as a part of its width: the sum of
#: their negative weights.
OVERSHOOT = {"cubic": 0.4454, "lanczos": 1.0}

#: The same by number, in OpenCV and in Pillow.
_NUMBERED = {
    "numpy": {2: "cubic", 4: "lanczos"}, "tensor": {3: "cubic", 1: "lanczos"}, "pil": {3: "cubic", 1: "lanczos"}
}  # fmt: skip

#: The settings that say what is put where there is no picture, in all versions of the libraries.
_FILLS = ("fill", "fill_value", "value", "v")


class Settings:
    """The settings of a transform, read as Python values; None where they are not known or not there."""

    def __init__(self, m: Machine, values: Mapping[str, Value]) -> None:
        self.m = m
        self.values = values

    def get(self, name: str) -> Value | None:
        value = self.values.get(name)
        return None if value is None else self.m.resolve(value)

    def const(self, name: str, default: object = None) -> object:
        """A constant; the default where the setting is missing, None where it is not known."""
        value = self.get(name)
        return default if value is None else value.value if isinstance(value, Const) else None

    def number(self, name: str) -> float | None:
        value = self.const(name)
        return float(value) if isinstance(value, (int, float)) else None

    def numbers(self, name: str) -> list[float] | None:
        """A list of numbers; one number is a list of one."""
        value = self.get(name)
        if value is None:
            return None
        items = [value] if isinstance(value, Const) else builtins.items_of(self.m, value)
        found = [self.m.resolve(item) for item in items or ()]
        out = [float(v.value) for v in found if isinstance(v, Const) and isinstance(v.value, (int, float))]
        return out if out and len(out) == len(found) else None

    def word(self, name: str) -> str:
        """A name, of a library's constant the last part of it; empty if there is none."""
        value = self.get(name)
        if isinstance(value, Library):
            return value.name.rsplit(".", 1)[-1]
        return value.value if isinstance(value, Const) and isinstance(value.value, str) else ""

    def flag(self, name: str) -> bool:
        """Whether a setting may be true; False where it is missing."""
        value = self.get(name)
        return value is not None and not (isinstance(value, Const) and not value.value)


def change(m: Machine, row: tables.Transform, values: Mapping[str, Value], image: Tensor) -> Tensor | None:
    """What a transform gives for a picture; None if that is not known, or it refuses the picture."""
    does, settings = row.does, Settings(m, values)
    if does == "to_tensor":
        return to_tensor(image, row.passes)
    if does == "pil_to_tensor":
        return as_tensor(image) if image.holder == "pil" else image if row.passes else None
    if does == "to_image":
        return as_tensor(image)
    if does in ("to_dtype", "convert_dtype"):
        return to_dtype(row, settings, image)
    if does == "to_float":
        return to_float(settings, image)
    if does == "from_float":
        return from_float(settings, image)
    if does == "to_pil":
        return image if image.holder == "pil" and row.passes else to_pil(settings, image)
    if does == "to_tensor_v2":
        return image.with_(holder="tensor", shape=channels_first(image.shape), meaning=_layout(image.meaning))
    if does == "resize":
        size = _resized(settings, image) if row.frame == "same" else None
        return _overshot(settings, image).with_(shape=sized(image, size))
    if does in ("crop", "stack_crops"):
        kept = _filled(settings, image) if "padding" in values or does == "crop" else image
        return _overshot(settings, kept).with_(shape=sized(image, _cropped(settings, image)))
    if does == "pad":
        constant = settings.const("padding_mode", "constant") == "constant"
        return (_filled(settings, image) if constant else image).with_(shape=_padded(settings, image))
    if does == "geometric":
        return _overshot(settings, _filled(settings, image)).with_(shape=_turned(row, settings, image))
    if does == "photometric":
        return _photometric(row, settings, image)
    if does == "erase":
        if image.holder == "pil":
            return image if row.passes else None
        return _filled(settings, image)
    if does in ("grayscale", "rgb"):
        return _channels(settings, image, 3 if does == "rgb" or settings.const("num_output_channels") == 3 else 1)
    if does == "whiten":
        return Tensor(None, None, "float32", image.shape, "detached", image.trail) if image.holder == "tensor" else None
    return image if does in ("identity", "choice") else None


def plain(value: Value) -> bool:
    """Whether it is a tensor that is marked neither as an image nor as a mask."""
    return isinstance(value, Tensor) and value.holder == "tensor" and not _marked(value)


def taken(values: Sequence[Value]) -> list[bool]:
    """Which parts of a sample a transform of version 2 works on: no numbers; plain tensors only where there is no
    image, and then the first of them."""
    pictured = any(isinstance(v, Tensor) and (v.holder == "pil" or _marked(v) == "Image") for v in values)
    out: list[bool] = []
    for value in values:
        out.append(not isinstance(value, (Const, Number)) and not (plain(value) and pictured))
        pictured = pictured or plain(value)
    return out


def _marked(value: Tensor) -> str:
    """What a tensor is marked as: ``Image`` or ``Mask``, which transforms keep and arithmetic loses; empty if it is
    marked as nothing."""
    mark, step = "", value.via
    while step is not None and not mark:
        mark = "Image" if isinstance(step, Applied) and step.does == "to_image" else ""
        mark = step.op if step.op in ("Image", "Mask") else mark
        before = step.arguments.get("input") if isinstance(step, Applied) else None
        step = before.via if isinstance(before, Tensor) and before.holder == "tensor" else None
    return mark or ("Mask" if value.meaning is not None and value.meaning.kind == "mask" else "")


# --- layouts and dtypes ------------------------------------------------------------------------------------------


def channels_first(shape: Shape) -> Shape:
    """Height, width, channels to channels first; a picture without channels has one."""
    if shape is None:
        return None
    if len(shape) == 2:
        return (1, *shape)
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else None


def _image(meaning: Meaning | None, **changes: str | bool) -> Meaning | None:
    """The meaning of an image with some parts replaced; any other meaning as it is."""
    if meaning is None or meaning.kind != "image":
        return meaning
    kept = {"scale": meaning.scale, "normalized": meaning.normalized, "layout": meaning.layout, "mode": meaning.mode}
    return Meaning("image", **{**kept, **changes})  # type: ignore[arg-type]


def _layout(meaning: Meaning | None) -> Meaning | None:
    return _image(meaning, layout="CHW")


def _scale(dtype: str) -> str:
    """The scale of an image of integers that is white at the greatest one."""
    return "byte" if dtype == "uint8" else ""


def as_tensor(image: Tensor) -> Tensor:
    """The same values and dtype as a tensor: a tensor keeps its layout, but has a channel afterwards."""
    if image.holder == "tensor":
        shape = image.shape
        return image.with_(shape=(1, *shape)) if shape is not None and len(shape) == 2 else image
    return image.with_(holder="tensor", shape=channels_first(image.shape), meaning=_layout(image.meaning))


def to_tensor(image: Tensor, passes: bool = False) -> Tensor:
    """``ToTensor``: bytes are divided by 255, images of one bit are 0 and 1; every other dtype keeps its values."""
    if image.holder == "tensor" and image.dtype is not None:
        return image if passes else Tensor()
    shape, meaning = channels_first(image.shape), _layout(image.meaning)
    if image.dtype == "uint8":
        meaning = _image(meaning, scale="unit", normalized=False)
        meaning = meaning if meaning is not None and meaning.kind == "image" else None
        found = interval.divide(image.range, interval.point(255.0)) if image.range is not None else UNIT
        return Tensor(found, meaning, "float32", shape, "detached", image.trail)
    if image.holder == "pil" and image.dtype == "bool":
        return Tensor(UNIT, meaning, "float32", shape, "detached", image.trail)
    if image.holder == "pil" and image.dtype == "uint16":
        return Tensor(None, meaning, "int16", shape, "detached", image.trail)
    if image.holder != "tensor" and image.dtype is not None:
        return image.with_(holder="tensor", shape=shape, meaning=meaning)
    return Tensor(None, None, None, shape, "detached", image.trail)


def to_dtype(row: tables.Transform, settings: Settings, image: Tensor) -> Tensor | None:
    """``ConvertImageDtype`` scales; ``v2.ToDtype`` scales only if it is told to. Neither works on anything but
    tensors. A dict of dtypes has one for images."""
    wanted: Value | None = settings.get("dtype")
    if isinstance(wanted, Dict):
        if image.meaning is None or image.meaning.kind != "image":
            return None
        named = wanted.meta.get("named", {}).items()
        asked = next((v for name, v in named if name.endswith((".tv_tensors.Image", ".datapoints.Image"))), None)
        wanted = None if asked is None else settings.m.resolve(asked)
        if wanted is None or (isinstance(wanted, Const) and wanted.value is None):
            return None if wanted is None else image
    if image.holder != "tensor":
        return image if row.passes else None
    dtype = dtype_name(wanted) if wanted is not None else None
    if dtype is None and (wanted is None or (isinstance(wanted, Const) and wanted.value is None)):
        dtype = "float32"
    if dtype is None:
        return None
    scales = row.does == "convert_dtype" or settings.const("scale") is True
    if not scales and settings.flag("scale"):
        return Tensor(None, None, dtype, image.shape, "detached", image.trail)
    if scales:
        return rescaled(image, dtype)
    return image.with_(dtype=dtype, range=ranges.cast(image.range, image.dtype, dtype))


def rescaled(image: Tensor, dtype: str) -> Tensor | None:
    """From one dtype to another so that white stays white: integers are divided by their greatest number, floats
    multiplied by almost one more than it and cut off, which wraps around outside [0, 1]; integers become others by
    moving bits."""
    source, found = image.dtype, image.range
    if source == dtype or (source in FLOATS and dtype in FLOATS):
        return image.with_(dtype=dtype)
    if dtype in FLOATS and source in GREATEST:
        found = interval.divide(found, interval.point(GREATEST[source]))
        return image.with_(range=found, dtype=dtype, meaning=_image(image.meaning, scale="unit"))
    if source in FLOATS and dtype in _BITS:
        if (source == "float32" and dtype in ("int32", "int64")) or (source == "float64" and dtype == "int64"):
            return None
        found = interval.multiply(found, interval.point(GREATEST[dtype] + 1 - 1e-3))
        found = ranges.cast(found, source, dtype)
    elif source in _BITS and dtype in _BITS:
        factor = interval.point(2.0 ** abs(_BITS[dtype] - _BITS[source]))
        up = _BITS[dtype] > _BITS[source]
        moved = interval.multiply(found, factor) if up else interval.divide(found, factor)
        found = ranges.cast(moved, source if up else "float32", dtype)
    else:
        return Tensor(None, None, dtype, image.shape, "detached", image.trail)
    return image.with_(
        range=found, dtype=dtype, meaning=_image(image.meaning, scale="byte" if dtype == "uint8" else "")
    )


def to_float(settings: Settings, image: Tensor) -> Tensor | None:
    """albumentations' ``ToFloat``: a float32 array is given back, everything else divided by `max_value`, or by the
    greatest number of its dtype where it is told none."""
    if image.dtype == "float32":
        return image
    greatest = {"uint8": 255.0, "uint16": 65535.0, "float64": 1.0}.get(image.dtype or "")
    limit = settings.number("max_value")
    if limit is None and settings.const("max_value", ...) is None and isinstance(settings.get("max_value"), Const):
        limit = greatest
        if limit is None and image.dtype is not None:
            return None
    if not limit or image.dtype is None or image.range is None:
        return Tensor(None, None, "float32", image.shape, "detached", image.trail, None, image.holder)
    found = interval.divide(image.range, interval.point(limit))
    unit = found is not None and found.within(0, 1, 1e-3)
    return image.with_(range=found, dtype="float32", meaning=_image(image.meaning, scale="unit" if unit else "none"))


def from_float(settings: Settings, image: Tensor) -> Tensor | None:
    """albumentations' ``FromFloat``: multiplied, rounded and cut to the range of the dtype."""
    dtype = settings.word("dtype")
    if image.dtype != "float32" or dtype not in GREATEST:
        return None
    limit = settings.number("max_value") or GREATEST[dtype]
    found = interval.clamp(interval.multiply(image.range, interval.point(limit)), 0.0, GREATEST[dtype])
    return image.with_(
        range=found, dtype=dtype, meaning=_image(image.meaning, scale="byte" if dtype == "uint8" else "")
    )


def to_pil(settings: Settings, image: Tensor) -> Tensor | None:
    """``ToPILImage``: floats are multiplied by 255 and cut to bytes, which wraps around outside [0, 1]. Integers of 16
    and 32 bits make an image of one channel only."""
    shape = image.shape
    if image.holder == "tensor" and shape is not None and len(shape) == 3:
        shape = (shape[1], shape[2]) if shape[0] == 1 else (shape[1], shape[2], shape[0])
    elif shape is not None and len(shape) == 3 and shape[2] == 1:
        shape = shape[:2]
    flat = None if shape is None else len(shape) == 2
    dtype, found = image.dtype, image.range
    mode = image.meaning.mode if image.meaning is not None else ""
    if image.holder == "pil" or dtype in ("bool", "int64") or (flat is False and dtype in ("int16", "int32", "uint16")):
        return None
    if dtype in ("int16", "int32"):
        kept = "uint16" if dtype == "int16" else dtype
        return image.with_(holder="pil", dtype=kept, shape=shape, range=ranges.cast(found, dtype, kept), meaning=None)
    if dtype in FLOATS and settings.word("mode") == "F":
        return image.with_(holder="pil", dtype="float32", shape=shape)
    if dtype in FLOATS and image.holder == "numpy" and flat is not False:
        # an array of one channel became an image of floats before torchvision 0.17
        return Tensor(None, None, None, shape, "detached", image.trail, None, "pil")
    if dtype in FLOATS:
        found = ranges.cast(interval.multiply(found, interval.point(255.0)), dtype, "uint8")
        found = Interval(found.low, found.high) if found is not None and image.range == UNIT else found
    elif dtype != "uint8":
        found = None
    meaning = Meaning("image", scale="byte", layout="HWC", mode=mode)
    return Tensor(found or BYTES.loose(), meaning, "uint8", shape, "detached", image.trail, None, "pil")


# --- sizes -------------------------------------------------------------------------------------------------------


def plane(image: Tensor) -> tuple[Dim, Dim]:
    """Height and width, None where they are not known."""
    shape = image.shape
    if shape is None or len(shape) < 2:
        return None, None
    return (shape[-2], shape[-1]) if image.holder == "tensor" else (shape[0], shape[1])


def sized(image: Tensor, size: tuple[Dim, Dim] | None) -> Shape:
    """The shape with another height and width."""
    if image.shape is None:
        return None
    height, width = size if size is not None else (None, None)
    if image.holder == "tensor":
        return (*image.shape[:-2], height, width) if len(image.shape) >= 2 else None
    return (height, width, *image.shape[2:])


def _pair(settings: Settings) -> tuple[Dim, Dim] | None:
    """The size that is asked for as two numbers, or as height and width."""
    for name in ("size", "output_size"):
        given = settings.numbers(name)
        if given is not None and len(given) == 2:
            return int(given[0]), int(given[1])
        if name in settings.values:
            return None
    height, width = settings.number("height"), settings.number("width")
    return None if height is None or width is None else (int(height), int(width))


def _edge(settings: Settings) -> int | None:
    """The size that is asked for as one number."""
    for name in ("size", "output_size"):
        given = settings.numbers(name)
        if given is not None and len(given) == 1:
            return int(given[0])
    return None


def _resized(settings: Settings, image: Tensor) -> tuple[Dim, Dim] | None:
    """One number is what the shorter edge becomes; the other follows."""
    edge, (height, width) = _edge(settings), plane(image)
    if edge is None or image.holder == "numpy":
        return _pair(settings)
    if settings.flag("max_size") or not isinstance(height, int) or not isinstance(width, int) or not height * width:
        return None
    short, long = min(height, width), max(height, width)
    longer = int(edge * long / short)
    return (edge, longer) if height <= width else (longer, edge)


def _cropped(settings: Settings, image: Tensor) -> tuple[Dim, Dim] | None:
    """One number is a square, where torchvision crops."""
    edge = _edge(settings) if image.holder != "numpy" else None
    return (edge, edge) if edge is not None else _pair(settings)


def _padded(settings: Settings, image: Tensor) -> Shape:
    """One number pads every side, two left-right and top-bottom, four left, top, right and bottom."""
    height, width = plane(image)
    given = settings.numbers("padding")
    if given is None or len(given) not in (1, 2, 4) or not isinstance(height, int) or not isinstance(width, int):
        return sized(image, None)
    left, top, right, bottom = (int(x) for x in given * (4 // len(given)))
    return sized(image, (height + top + bottom, width + left + right))


def _turned(row: tables.Transform, settings: Settings, image: Tensor) -> Shape:
    """A turned or bent picture keeps its size, unless height and width change places or the frame grows with it."""
    height, width = plane(image)
    free = row.frame == "free" or any(settings.flag(name) for name in ("expand", "fit_output", "crop_border"))
    free = free or settings.const("keep_size", True) is not True
    if free or (row.frame == "turned" and not (isinstance(height, int) and height == width)):
        return sized(image, None)
    return image.shape


# --- values ------------------------------------------------------------------------------------------------------


def _filled(settings: Settings, image: Tensor) -> Tensor:
    """The hull of a picture's range and what is put where there is none of it."""
    names = [name for name in _FILLS if name in settings.values]
    if image.range is None or not (names or {"size", "output_size"} & settings.values.keys()):
        return image
    values: list[float] = []
    for name in names:
        given = settings.get(name)
        if isinstance(given, Const) and given.value is None:
            continue
        found = settings.numbers(name)
        if found is None and settings.word(name) == "random":
            noise = _bound(image) if image.holder == "numpy" or category(image.dtype) != 2 else REAL
            return image.with_(range=None if noise is None else _loosely(image.range, noise))
        if found is None and not settings.word(name):
            bound = _bound(image) if category(image.dtype) in (0, 1) else None
            return image.with_(range=None if bound is None else _loosely(image.range, bound))
        values.extend(found or ())
    values = values or [0.0]
    bound = _bound(image) if category(image.dtype) in (0, 1) else None
    if bound is not None:
        values = [min(max(v, bound.low), bound.high) for v in values]
    return image.with_(range=interval.hull(image.range, Interval(min(values), max(values))))


def _loosely(a: Interval, b: Interval) -> Interval:
    return a if b.within(a.low, a.high, 0.0) else Interval(min(a.low, b.low), max(a.high, b.high), False)


def _bound(image: Tensor) -> Interval | None:
    """From black to white, as libraries take it from the dtype."""
    if image.dtype in FLOATS:
        return UNIT
    return Interval(0.0, GREATEST[image.dtype]) if image.dtype in ("uint8", "uint16", "bool") else None


def _overshot(settings: Settings, image: Tensor) -> Tensor:
    """Cubic interpolation of floats goes beyond the range; bytes and images are cut off again."""
    value = settings.get("interpolation")
    word = settings.word("interpolation").lower()
    if isinstance(value, Const) and isinstance(value.value, int):
        word = _NUMBERED.get(image.holder, {}).get(value.value, "")
    beyond = max((part for name, part in OVERSHOOT.items() if name in word), default=0.0)
    if not beyond or image.range is None or image.dtype in ("uint8", "bool"):
        return image
    beyond *= image.range.high - image.range.low
    return image.with_(range=Interval(image.range.low - beyond, image.range.high + beyond, False))


def _photometric(row: tables.Transform, settings: Settings, image: Tensor) -> Tensor | None:
    """Other values in the same places: what becomes of them depends on whether they are floats."""
    kept = image
    if "num_output_channels" in settings.values and settings.const("num_output_channels") != 3:
        kept = image.with_(shape=sized(image, plane(image))[:2] if image.shape is not None else None)  # type: ignore[index]
        kept = kept if settings.const("p") in (1, 1.0) else kept.with_(shape=None)
    found = image.range
    if row.floats == "same" or found is None or image.dtype == "bool":
        return kept
    factors = [settings.const(name, ...) for name in ("brightness", "contrast", "saturation")]
    if all(factor is None or factor == 0 for factor in factors) and "hue" in settings.values:
        return kept.with_(range=found.loose())
    bound = _bound(image)
    if category(image.dtype) != 2:
        if bound is None:
            return kept.with_(range=None) if image.dtype is not None else kept.with_(range=found.loose())
        return kept if found == bound else kept.with_(range=bound.loose())
    if row.floats == "refuse":
        return None
    always = not row.random or settings.const("p", 1.0) in (1, 1.0)
    if row.floats == "noise" and settings.const("clip") is not True:
        return kept.with_(range=REAL.loose())
    if row.floats == "invert":
        changed = interval.hull(found, interval.subtract(interval.point(1.0), found))
    elif row.floats in ("clip", "noise"):
        changed = interval.clamp(found, 0.0, 1.0)
        if always and changed != found:
            return kept.with_(range=changed.loose(), meaning=_image(image.meaning, scale=_cut(image.meaning)))
        changed = found if changed == found else _loosely(found, changed)
    else:
        changed = found if found == UNIT else None
    return kept.with_(range=changed)


def _cut(meaning: Meaning | None) -> str:
    return "" if meaning is None else "unit" if meaning.scale == "byte" else meaning.scale


def _channels(settings: Settings, image: Tensor, count: int) -> Tensor:
    """One channel of brightness, or three that are alike."""
    mode = "RGB" if count == 3 else "L"
    shape = image.shape
    if image.holder == "pil":
        shape = (*(shape or (None, None))[:2], *((3,) if count == 3 else ()))
    elif shape is not None and len(shape) >= 3:
        shape = (*shape[:-3], count, *shape[-2:]) if image.holder == "tensor" else (*shape[:2], count)
    return image.with_(meaning=_image(image.meaning, mode=mode), shape=shape)
