"""What image libraries do to pictures: rules that rows name under ``range``, ``meaning``, ``dtype`` and ``shape``.

Definitions
    byte picture  values of dtype uint8; what libraries compute of them is cut off at 0 and 255 or wraps around, so that
                  it stays in [0, 255]
    unit          scikit-image turns bytes into floats in [0, 1] before nearly everything that it does

Worked example: ``cv2.addWeighted(a, 0.6, b, 0.6, 0)`` of two byte pictures is a byte picture, of floats unknown;
``skimage.transform.rotate(a, 10)`` of a byte picture is a picture of floats in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from torchlint.flow import interval as arithmetic
from torchlint.flow.interval import Interval, hull, point
from torchlint.flow.library.reading import FLOATS, Call, as_tensor, dims_of, interval_of, items_of
from torchlint.flow.shape import Shape
from torchlint.flow.values import UNKNOWN, Const, Meaning, Number, Tensor, Tuple, Unknown, Value, list_of, make_list

BYTES, UNIT = Interval(0.0, 255.0), Interval(0.0, 1.0)

#: Channels of a picture by its mode, the last dimension; those of one channel have no dimension for it.
CHANNELS = {"RGB": 3, "BGR": 3, "RGBA": 4, "YCbCr": 3, "HSV": 3, "LAB": 3, "CMYK": 4, "LA": 2}


def _is(call: Call, name: str, number: int, *ends: str) -> bool | None:
    """Whether a flag of OpenCV is one of some, by its number or the end of its name; None if it is not known."""
    value = call.given(name)
    if value is None:
        return False
    if isinstance(value, Const):
        return value.value == number
    found = getattr(value, "name", None)
    return None if found is None else str(found).endswith(ends)


def _depth(call: Call) -> str | None:
    """The dtype of a result whose depth can be asked for; -1 is that of the picture."""
    given = call.given("ddepth", "dtype")
    if given is None or (isinstance(given, Const) and given.value == -1):
        return call.input.dtype
    name = str(getattr(given, "name", "")).rpartition(".")[2]
    return {"CV_8U": "uint8", "CV_32F": "float32", "CV_64F": "float64"}.get(name)


def _saturated(call: Call) -> Interval | None:
    return BYTES.loose() if call.input.dtype == "uint8" and _depth(call) == "uint8" else None


def _saturated_meaning(call: Call) -> Meaning | None:
    """A byte picture stays one, whatever was computed."""
    meaning = call.input.meaning
    byte = meaning is not None and meaning.kind == "image" and meaning.scale == "byte"
    return meaning if byte and _saturated(call) is not None else None


def _as_bytes(call: Call) -> Meaning | None:
    """A picture of anything as bytes."""
    return image_within(call.input.meaning, BYTES)


def _bordered(call: Call) -> Interval | None:
    """`copyMakeBorder`: a constant border has a value of its own, any other repeats the picture."""
    constant = _is(call, "borderType", 0, "BORDER_CONSTANT")
    if constant is False:
        return call.input.range
    value = call.given("value")
    given = items_of(value) or (value,)
    found = [point(0.0) if v is None else interval_of(v) for v in given]
    result = call.input.range
    for one in found:
        result = hull(result, one)
    if constant is None and result is not None:
        return result.loose()
    return result if result is not None else _saturated(call)


def _warped(call: Call) -> Interval | None:
    """`warpAffine` and `remap`: what comes from outside is 0 or the border's value; cubic interpolation overshoots."""
    name, number = ("flags" if "flags" in call.op.parameters.positional else "interpolation"), call.integer("flags")
    cubic = getattr(call.given(name), "name", "").endswith(("_CUBIC", "_LANCZOS4")) or number in (2, 4)
    value = call.given("borderValue")
    known = value is None or all(interval_of(v) is not None for v in items_of(value) or (value,))
    plain = isinstance(call.given(name), Const) or hasattr(call.given(name) or Const(1), "name") or number is not None
    if call.input.dtype == "uint8" and (cubic or not known or not plain):
        return BYTES.loose()
    if cubic or not known or not plain:
        return None
    result = hull(call.input.range, point(0.0))
    for v in items_of(value) or (() if value is None else (value,)):
        result = hull(result, interval_of(v))
    return result


def _thresholded(call: Call) -> Interval | None:
    """`threshold`: 0 and the maximum; other types keep values of the picture too."""
    top = interval_of(call.given("maxval", "maxValue"))
    two = getattr(call.given("type", "thresholdType"), "name", "").endswith(("THRESH_BINARY", "THRESH_BINARY_INV"))
    two = two or call.integer("type", "thresholdType") in (0, 1)
    if top is not None and two and top.low == top.high:
        return Interval(0.0, max(0.0, min(top.high, 255.0) if call.input.dtype == "uint8" else top.high))
    found = hull(hull(call.input.range, point(0.0)), top)
    return found.loose() if found is not None else _saturated(call)


def _rescaled(call: Call) -> Interval | None:
    """`cv2.normalize`: from alpha to beta, if it is told to stretch what is between the least and the greatest."""
    if not _is(call, "norm_type", 32, "NORM_MINMAX") or call.given("mask") is not None:
        return None
    found = hull(interval_of(call["alpha"]), interval_of(call["beta"]))
    return found if found is not None and found.low < found.high else None


def image_within(meaning: Meaning | None, found: Interval | None) -> Meaning | None:
    """An image that was stretched to a range: its scale is read off that."""
    if meaning is None or meaning.kind != "image" or found is None:
        return None
    scale = {(0.0, 1.0): "unit", (0.0, 255.0): "byte"}.get((found.low, found.high), "none")
    return replace(meaning, scale=scale, normalized=False)


def _blob(call: Call) -> Interval | None:
    """`blobFromImage`: (x − mean) · scalefactor."""
    mean, factor = call.given("mean"), interval_of(call["scalefactor"])
    found = [point(0.0)] if mean is None else [interval_of(v) for v in items_of(mean) or (mean,)]
    result: Interval | None = None
    for i, one in enumerate(found):
        shifted = arithmetic.multiply(arithmetic.subtract(call.input.range, one), factor)
        result = shifted if i == 0 else hull(result, shifted)
    return result


def _blob_meaning(call: Call) -> Meaning | None:
    meaning = image_within(call.input.meaning, _blob(call))
    swapped = call.flag("swapRB")
    if meaning is None:
        return None
    modes = {"BGR": "RGB", "RGB": "BGR"} if swapped else {} if swapped is False else {"BGR": "", "RGB": ""}
    return replace(meaning, layout="CHW", mode=modes.get(meaning.mode, meaning.mode))


def _blob_shape(call: Call) -> Shape:
    shape, size = call.input.shape, call.given("size")
    dims = None if size is None else dims_of(size)
    height, width = (dims[1], dims[0]) if dims is not None and len(dims) == 2 else (None, None)
    return (1, shape[2], height, width) if shape is not None and len(shape) == 3 else None


# --- scikit-image and scipy ---------------------------------------------------------------------------------------


def _preserved(call: Call) -> bool | None:
    return call.flag("preserve_range")


#: The greatest number of a dtype that scikit-image divides by (skimage/util/dtype.py).
WHITE: dict[str | None, float] = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}


def _unit_if_byte(call: Call) -> Interval | None:
    """Integers are divided by the greatest number of their dtype, unless they are to be preserved; floats stay."""
    preserved, dtype = _preserved(call), call.input.dtype
    if preserved is None:
        return None
    if preserved or dtype in FLOATS:
        return call.input.range
    return arithmetic.divide(call.input.range, point(WHITE[dtype])) if dtype in WHITE else None


def _unit_or_zero(call: Call) -> Interval | None:
    """The same, where pixels from outside of the picture are `cval`."""
    inside = _unit_if_byte(call)
    if call.text("mode") not in ("constant", None) and call.given("mode") is not None:
        return inside
    value = call.given("cval")
    return None if inside is None else hull(inside, point(0.0) if value is None else interval_of(value))


def _unit_meaning(call: Call) -> Meaning | None:
    meaning, preserved = call.input.meaning, _preserved(call)
    if meaning is None or meaning.kind != "image" or preserved is None:
        return None
    if preserved or call.input.dtype in FLOATS:
        return meaning
    return replace(meaning, scale="unit") if call.input.dtype in WHITE else None


def _grey_meaning(call: Call) -> Meaning | None:
    meaning = _unit_meaning(call)
    return None if meaning is None else replace(meaning, mode="L", layout="")


def _coloured_meaning(call: Call) -> Meaning | None:
    meaning = call.input.meaning
    if meaning is None or meaning.kind != "image":
        return None
    return replace(meaning, mode="RGB", layout="HWC" if call.input.shape is not None else "")


def _coloured_shape(call: Call) -> Shape:
    return None if call.input.shape is None else (*call.input.shape, 3)


def _floats(call: Call) -> str | None:
    dtype = call.input.dtype
    if call.op.short.endswith("32"):
        return "float32"
    return None if dtype is None else dtype if dtype in FLOATS else "float64"


def _noisy(call: Call) -> Interval | None:
    """`random_noise` cuts off at 0 (−1 for a picture with negative values) and 1, unless it is told not to."""
    inside = _unit_if_byte(call)
    if call.flag("clip", default=True) is not True or inside is None:
        return None
    return Interval(-1.0, 1.0, False) if inside.low < 0 else UNIT.loose()


def _stretched(call: Call) -> Interval | None:
    """`rescale_intensity`: the ends of the new range are reached, if it is that of the picture that is stretched."""
    wanted = call.given("out_range")
    items = items_of(wanted)
    ends = [interval_of(v) for v in items] if items is not None else []
    found = hull(ends[0], ends[1]) if len(ends) == 2 else None
    if items is None:
        name = call.text("out_range") or str(getattr(wanted, "name", ""))
        dtype = call.input.dtype if name == "dtype" else name.rpartition(".")[2]
        found = BYTES if dtype == "uint8" else UNIT if dtype in FLOATS and _positive(call) else None
    return found if found is None or call.text("in_range") == "image" else found.loose()


def _positive(call: Call) -> bool:
    return call.input.range is not None and call.input.range.low >= 0


def _stretched_dtype(call: Call) -> str | None:
    name = call.text("out_range") or str(getattr(call.given("out_range"), "name", ""))
    return call.input.dtype if name == "dtype" else "uint8" if name.rpartition(".")[2] == "uint8" else None


def _spline(call: Call) -> Interval | None:
    """scipy interpolates with splines of an order: above 1 they overshoot, and what overshoots a byte wraps around."""
    order = call.integer("order")
    if order not in (0, 1):
        return _saturated(call)
    inside = call.input.range
    constant = call.text("mode") in ("constant", "grid-constant")
    if not constant and call.given("mode") is not None:
        return inside if call.text("mode") is not None else None
    return None if inside is None else hull(inside, interval_of(call["cval"]))


def _resized_bytes(call: Call) -> Shape:
    """``scipy.misc.imresize(arr, size)``."""
    shape, size = call.input.shape, call.given("size")
    dims = None if size is None else dims_of(size)
    if shape is None or len(shape) not in (2, 3):
        return None
    return (*dims, *shape[2:]) if dims is not None and len(dims) == 2 else (None, None, *shape[2:])


def _resized(call: Call) -> Shape:
    """``skimage.transform.resize(image, output_shape)``; what has no size there keeps it."""
    shape, size = call.input.shape, call.given("output_shape")
    dims = None if size is None else dims_of(size)
    if dims is None:
        return _same_rank(call)
    return None if shape is None else dims if len(dims) >= len(shape) else (*dims, *shape[len(dims) :])


def _same_rank(call: Call) -> Shape:
    """Another height and width, the same channels."""
    shape = call.input.shape
    return (None, None, *shape[2:]) if shape is not None and len(shape) in (2, 3) else None


# --- bands --------------------------------------------------------------------------------------------------------


def bands(picture: Tensor) -> Value:
    """The channels of a picture, one by one."""
    shape, meaning = picture.shape, picture.meaning
    count = shape[-1] if shape is not None and len(shape) == 3 else None
    if meaning is not None and meaning.kind == "image":
        meaning = replace(meaning, mode="L", layout=meaning.layout if picture.holder == "pil" else "")
    band = picture.with_(shape=None if shape is None else shape[:2], meaning=meaning)
    return Tuple((band,) * count) if isinstance(count, int) else list_of(band)


def _bands(call: Call) -> Value:
    found = bands(call.input)
    return make_list(found.items) if isinstance(found, Tuple) else found


def _merged(call: Call) -> Value:
    """Bands put together: ``cv2.merge(bands)``, ``Image.merge(mode, bands)``."""
    given = call.given("mv", "bands")
    items = items_of(given)
    values: tuple[Value, ...] = items if items is not None else (getattr(given, "element", Const(None)),)
    parts = [t for v in values if (t := as_tensor(v)) is not None]
    if len(parts) != len(values) or not parts:
        return Tensor()
    first, found, mode = parts[0], parts[0].range, call.text("mode") or ""
    for other in parts[1:]:
        found = hull(found, other.range)
    count = CHANNELS.get(mode, len(values) if items is not None else None)
    meaning = first.meaning
    pictures = all(p.meaning is not None and p.meaning == meaning and p.meaning.kind == "image" for p in parts)
    kept = replace(meaning, mode=mode, layout="HWC") if pictures and meaning is not None else None
    shape = None if first.shape is None or len(first.shape) != 2 else (*first.shape, count)
    dtype = first.dtype if all(p.dtype == first.dtype for p in parts) else None
    return Tensor(found, kept, dtype, shape, "detached", first.trail, None, first.holder)


def _threshold_result(call: Call) -> Value:
    """``threshold`` gives the limit that it used and the picture."""
    picture = call.input
    after = Tensor(_thresholded(call), picture.meaning, picture.dtype, picture.shape, "detached", picture.trail)
    return Tuple((Number(kind="float"), after.with_(holder="numpy")))


def _frame(call: Call) -> Value:
    """``capture.read()``: whether there was a frame, and the frame, blue first."""
    meaning = Meaning("image", scale="byte", layout="HWC", mode="BGR")
    return Tuple((Unknown(), Tensor(BYTES, meaning, "uint8", (None, None, 3), "detached", None, None, "numpy")))


def _augmented(call: Call) -> Value | None:
    """An augmenter called with more than a picture gives several things."""
    return None if set(call.arguments) <= {"image"} and call.given("image") is not None else UNKNOWN


def _labelled(call: Call) -> Value:
    """``scipy.ndimage.label`` gives the numbers of the regions and how many there are."""
    found = Tensor(Interval(0.0, arithmetic.INF, False), None, "int32", call.input.shape, "detached", call.input.trail)
    return Tuple((found.with_(holder="numpy"), Number(kind="int")))


RANGES: dict[str, Callable[[Call], Interval | None]] = {
    "saturated": _saturated,
    "bordered": _bordered,
    "warped": _warped,
    "thresholded": _thresholded,
    "rescaled": _rescaled,
    "blob": _blob,
    "unit-if-byte": _unit_if_byte,
    "unit-or-zero": _unit_or_zero,
    "noisy": _noisy,
    "stretched": _stretched,
    "spline": _spline,
}
MEANINGS: dict[str, Callable[[Call], Meaning | None]] = {
    "saturated": _saturated_meaning,
    "bytes": _as_bytes,
    "rescaled": lambda call: image_within(call.input.meaning, _rescaled(call)),
    "blob": _blob_meaning,
    "unit-if-byte": _unit_meaning,
    "grey": _grey_meaning,
    "coloured": _coloured_meaning,
    "unit-picture": lambda call: image_within(call.input.meaning, UNIT),
    "stretched": lambda call: image_within(call.input.meaning, _stretched(call)),
}
DTYPES: dict[str, Callable[[Call], str | None]] = {
    "floats": _floats,
    "depth": _depth,
    "stretched": _stretched_dtype,
}
SHAPES: dict[str, Callable[[Call], Shape]] = {
    "blob": _blob_shape,
    "coloured": _coloured_shape,
    "resized": _resized,
    "resized-bytes": _resized_bytes,
    "other-size": _same_rank,
    "grey": lambda call: None if call.input.shape is None else call.input.shape[:-1],
}
RESULTS: dict[str, Callable[[Call], Value | None]] = {
    "bands": _bands,
    "merged": _merged,
    "threshold": _threshold_result,
    "labelled": _labelled,
    "frame": _frame,
    "augmented": _augmented,
}
