"""Images of Pillow: what their modes hold, how they are made, and what their methods do.

Definitions
    mode   what one pixel is: ``L`` a byte, ``RGB`` three, ``1`` a bit, ``I`` and ``F`` a number of 32 bits
    size   width and height, the other way round than the shape of an array

Worked example: ``Image.fromarray(mask / 255)`` of an array of two dimensions is an image of mode ``F`` with float32
values in [0, 1], which ``ToTensor`` leaves as they are; of three dimensions it is an error, and so nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import interval
from torchlint.flow.interval import UNIT, Interval
from torchlint.flow.library import ranges
from torchlint.flow.library.reading import items_of
from torchlint.flow.pictures import BYTES, FLOATS, plane, sized
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Applied,
    Const,
    Library,
    Meaning,
    Number,
    Place,
    Tensor,
    Trail,
    Tuple,
    Value,
    Via,
)

#: The channels of a pixel by mode; none where an array of the image has two dimensions.
CHANNELS: dict[str, tuple[int, ...]] = {
    "1": (), "L": (), "P": (), "I": (), "F": (), "I;16": (), "LA": (2,), "PA": (2,), "RGB": (3,), "YCbCr": (3,),
    "HSV": (3,), "LAB": (3,), "RGBA": (4,), "RGBa": (4,), "RGBX": (4,), "CMYK": (4,),
}  # fmt: skip

#: The dtypes of arrays of the modes whose pixels are no bytes.
DTYPES = {"1": "bool", "I": "int32", "F": "float32", "I;16": "uint16"}

#: What methods of an image do, in the words of the contracts of transforms.
DOES = {
    "convert": "convert", "resize": "resize", "thumbnail": "resize", "crop": "crop", "rotate": "geometric",
    "transpose": "geometric", "transform": "geometric", "filter": "photometric", "point": "point",
}  # fmt: skip

#: Methods that change the image and give nothing.
_IN_PLACE = frozenset({"thumbnail", "paste", "putalpha", "putdata", "putpalette", "putpixel", "alpha_composite"})

#: Interpolations that are means of pixels, by number and name.
_MEANS = (0, 2, 4, 5, "NEAREST", "BILINEAR", "BOX", "HAMMING")

#: Ways of transposing that leave height and width in their places.
_UPRIGHT = (0, 1, 3, "FLIP_LEFT_RIGHT", "FLIP_TOP_BOTTOM", "ROTATE_180")


def attribute(image: Tensor, name: str) -> Value | None:
    """``image.size``, ``image.mode``; None for anything else."""
    height, width = plane(image)
    if name == "size":
        return Tuple((_number(width), _number(height)))
    if name in ("width", "height"):
        return _number(width if name == "width" else height)
    if name in ("info", "palette", "format", "filename", "mode"):
        return UNKNOWN
    return None


def _number(size: Dim) -> Value:
    return Const(size) if isinstance(size, int) else UNKNOWN if size is None else Number(size)


def method(image: Tensor, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place) -> Value:
    """What a method gives; the arguments are noted by position, or by their names."""
    if name in _IN_PLACE:
        return NONE
    result = _changed(image, name, args, keywords)
    if not isinstance(result, Tensor) or name not in DOES:
        return result
    given = {"input": image, **{str(i): v for i, v in enumerate(args)}, **keywords}
    return result.with_(
        via=Applied("transform", given, place, place, None, name, f"PIL.Image.Image.{name}", does=DOES[name])
    )


def _changed(image: Tensor, name: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    def given(at: int, called: str) -> Value | None:
        return args[at] if len(args) > at else keywords.get(called)

    if name == "convert":
        return converted(image, _word(given(0, "mode")))
    if name == "resize":
        width, height = _integers(given(0, "size"), 2)
        return _resampled(image, given(1, "resample")).with_(shape=sized(image, (height, width)))
    if name == "crop":
        left, top, right, bottom = _integers(given(0, "box"), 4)
        size = (_less(bottom, top), _less(right, left))
        return _filled(image).with_(shape=sized(image, size) if given(0, "box") is not None else image.shape)
    if name == "rotate":
        grows = given(2, "expand")
        kept = grows is None or (isinstance(grows, Const) and not grows.value)
        return _filled(_resampled(image, given(1, "resample") or Const(0))).with_(
            shape=image.shape if kept else sized(image, None)
        )
    if name == "transpose":
        height, width = plane(image)
        square = isinstance(height, int) and height == width
        return image if square or _word(given(0, "method")) in _UPRIGHT else image.with_(shape=sized(image, None))
    if name == "transform":
        width, height = _integers(given(0, "size"), 2)
        return _filled(_resampled(image, given(3, "resample") or Const(0))).with_(shape=sized(image, (height, width)))
    if name == "filter":
        return image if image.range == BYTES else image.with_(range=BYTES.loose())
    if name == "copy":
        return image
    if name == "point":
        to = _word(given(1, "mode")) or _mode(image)
        return _of_mode(str(to), image, BYTES.loose() if DTYPES.get(str(to)) is None else None, None)
    if name == "getchannel" and image.dtype == "uint8":
        return _of_mode("L", image, image.range, image.meaning)
    if name == "split" and _mode(image) in CHANNELS:
        bands = CHANNELS[_mode(image)]
        one = _of_mode("L", image, image.range, image.meaning) if bands else image
        return Tuple((one,) * (bands[0] if bands else 1))
    return UNKNOWN


def converted(image: Tensor, mode: object) -> Tensor:
    """``image.convert(mode)``: values stay from gray to colour and back, and are cut to bytes where they are none."""
    source, found = _mode(image), image.range
    if mode == source or (mode is None and source != "P"):
        return image
    if mode not in CHANNELS:
        return image.with_(
            shape=None if image.shape is None else sized(image, None), meaning=None, range=None, dtype=None
        )
    if mode == "1":
        return _of_mode("1", image, UNIT, Meaning("binary"))
    if image.dtype != "uint8":
        whole = Interval(0.0, 255.0, False)
        found = {None: None, "bool": BYTES, "uint16": None}.get(image.dtype, whole) if mode not in DTYPES else None
        meaning = image.meaning if image.dtype != "bool" else Meaning("image", scale="byte", layout="HWC")
        return _of_mode(str(mode), image, found, meaning)
    if found != BYTES and (source not in ("L", "RGB") or mode not in ("L", "RGB", "I", "F")):
        found = BYTES.loose()
    return _of_mode(str(mode), image, found, image.meaning)


def _of_mode(mode: str, image: Tensor, found: Interval | None, meaning: Meaning | None) -> Tensor:
    """An image of the same size in another mode."""
    height, width = plane(image)
    shape = (height, width, *CHANNELS[mode]) if mode in CHANNELS else None
    if meaning is not None and meaning.kind != "binary":
        scale = meaning.scale if meaning.kind == "image" else "byte"
        meaning = Meaning("image", scale=scale, layout="HWC", mode=mode)
    if mode == "1":
        found, meaning = UNIT, Meaning("binary")
    return image.with_(shape=shape, dtype=DTYPES.get(mode, "uint8"), range=found, meaning=meaning)


def from_array(array: Value | None, mode: Value | None, place: Place) -> Tensor | None:
    """``Image.fromarray``: bytes of any channels, and numbers of two dimensions; None for what it refuses."""
    trail = Trail(place, "`Image.fromarray`", array.trail if isinstance(array, Tensor) else None)
    via = Via("fromarray", {"input": array} if isinstance(array, Tensor) else {}, place)
    blank = Tensor(None, None, None, None, "detached", trail, None, "pil", via)
    if not isinstance(array, Tensor) or array.dtype is None:
        known = array.shape if isinstance(array, Tensor) else None
        color = Meaning("image", scale="byte", layout="HWC", mode=_order(array, known))
        return blank.with_(range=BYTES, meaning=color, dtype="uint8", shape=known)
    shape, dtype = array.shape, array.dtype
    flat = None if shape is None else len(shape) == 2
    if dtype == "uint8":
        if mode is not None and _word(mode) not in ("L", "RGB", "RGBA", None):
            return blank
        meaning = array.meaning
        if meaning is None or meaning.kind == "image":
            scale = meaning.scale if meaning is not None and meaning.scale else "byte"
            meaning = Meaning("image", scale=scale, layout="HWC", mode=_order(array, shape))
        return blank.with_(range=array.range or BYTES.loose(), meaning=meaning, dtype=dtype, shape=shape, run=array.run)
    if flat is not True or mode is not None or dtype not in (*FLOATS, "bool", "int16", "int32", "uint16"):
        return blank if flat is None or mode is not None else None
    kept = "float32" if dtype in FLOATS else "int32" if dtype == "int16" else dtype
    return blank.with_(
        range=ranges.cast(array.range, dtype, kept), meaning=array.meaning, dtype=kept, shape=shape, run=array.run
    )


def _order(array: Value | None, shape: Shape) -> str:
    """The mode of an image made of bytes: the order of its colours is the array's."""
    meaning = array.meaning if isinstance(array, Tensor) else None
    if meaning is not None and meaning.mode:
        return meaning.mode
    return "L" if shape is not None and len(shape) == 2 else ""


def new(mode: Value | None, size: Value | None, place: Place) -> Tensor:
    """``Image.new``: of one colour, until something is drawn on it."""
    word = str(_word(mode) or "")
    width, height = _integers(size, 2)
    meaning = Meaning("image", scale="byte", layout="HWC", mode=word)
    blank = Tensor(BYTES.loose(), meaning, "uint8", (height, width), "detached", Trail(place, "`Image.new`"), None,
                   "pil", Via("new", {}, place))  # fmt: skip
    if word not in CHANNELS:
        return blank.with_(shape=None, dtype=None, range=None)
    return _of_mode(word, blank, None if word in DTYPES else BYTES.loose(), meaning)


def _mode(image: Tensor) -> str:
    """The mode, as far as it is known."""
    known = {dtype: mode for mode, dtype in DTYPES.items()}.get(image.dtype or "")
    mode = image.meaning.mode if image.meaning is not None else ""
    return known or ("RGB" if mode == "BGR" else mode)


def _word(value: Value | None) -> object:
    """A constant, or the last part of a library's name."""
    return (
        value.value
        if isinstance(value, Const)
        else value.name.rsplit(".", 1)[-1]
        if isinstance(value, Library)
        else None
    )


def _integers(value: Value | None, count: int) -> tuple[Dim, ...]:
    """So many sizes, None where one is not known."""
    items = items_of(value)
    if items is None or len(items) != count:
        return (None,) * count
    return tuple(v.value if isinstance(v, Const) and isinstance(v.value, int) else None for v in items)


def _less(a: Dim, b: Dim) -> Dim:
    return a - b if isinstance(a, int) and isinstance(b, int) else None


def _filled(image: Tensor) -> Tensor:
    """What lies outside is black."""
    return image if image.range is None else image.with_(range=interval.hull(image.range, interval.point(0.0)))


def _resampled(image: Tensor, way: Value | None) -> Tensor:
    """Cubic interpolation, the default, overshoots where pixels are no bytes."""
    if image.dtype in ("uint8", "bool") or _word(way) in _MEANS:
        return image
    return image.with_(range=None)
