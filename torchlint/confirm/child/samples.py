"""Data as a claim describes them: tensors, arrays and PIL images, drawn or made for a purpose.

Definitions
    picture  data with pixels that no tensor holds yet: a PIL image, or an array that is an image or a mask
    levels   a picture that holds every value of its range, so that nothing a pixel may be is left out
    halves   a picture of two values only, the left half of one and the right half of the other
    black, white, grey  a picture of one colour

Worked example: ``picture({"holder": "pil", "shape": None, "mode": "RGB", "low": 0, "high": 255, …}, "levels")`` is a
PIL image of 64 by 64 pixels in which each channel takes every value from 0 to 255.
"""

from __future__ import annotations

from typing import Any

import infer
import torch

#: Height and width of a picture whose size is not known.
SIZE = 64

#: Channels of a PIL image, by its mode.
CHANNELS = {"L": 1, "1": 1, "P": 1, "F": 1, "I": 1, "RGB": 3, "BGR": 3, "RGBA": 4, "CMYK": 4, "HSV": 3, "YCbCr": 3}


def sample(described: dict[str, Any], generator: torch.Generator) -> Any:
    """Data as a step describes them, in a shape without unknown sizes: zeros and ones, whole numbers for class ids,
    normal draws where noise has no ends, else numbers from end to end."""
    spec = dict(described)
    kind, low, high = spec.get("kind"), spec.get("low"), spec.get("high")
    classes = spec.get("classes")
    dtype = getattr(torch, str(spec.get("dtype") or "float32"))
    if kind == "binary":
        return torch.randint(0, 2, spec["shape"], generator=generator).to(dtype)
    if kind == "class-index" or (not dtype.is_floating_point and isinstance(classes, int)):
        last = classes - 1 if isinstance(classes, int) else 1 if high is None else int(high)
        first = 0 if low is None else int(low)
        return torch.randint(first, max(first, last) + 1, spec["shape"], generator=generator).to(dtype)
    if low is None and high is None and kind in ("noise", "standardized", "logits", "activation"):
        return torch.randn(spec["shape"], generator=generator).to(dtype)
    if low is not None and high is None:
        spec["high"] = low + 1
    if high is not None and low is None:
        spec["low"] = high - 1
    return infer.draw(spec, generator)


def is_picture(described: dict[str, Any]) -> bool:
    """Whether data are a picture."""
    return described.get("holder") in ("pil", "numpy", "array")


def picture(described: dict[str, Any], what: str, *, turned: bool = False) -> Any:
    """A picture as a step describes it; `what`: ``levels``, ``halves``, ``black``, ``grey`` or ``white``.

    turned: whether what is not of one colour is turned round, so that two pictures differ.

    Raises:
        ImportError: numpy or PIL is missing.
    """
    import numpy

    mode = described.get("mode") or ""
    shape = described.get("shape")
    channels = CHANNELS.get(mode, 3)
    if shape is not None and len(shape) == 3 and isinstance(shape[2], int):
        channels = shape[2]
    flat = (mode in CHANNELS and CHANNELS[mode] == 1) or (shape is not None and len(shape) == 2)
    known = [size if isinstance(size, int) else SIZE for size in (shape or (None, None))[:2]]
    sizes = known if flat else [*known, channels]
    dtype = numpy.dtype(described.get("dtype") or "uint8")
    low = float(described["low"]) if described.get("low") is not None else 0.0
    high = float(described["high"]) if described.get("high") is not None else (255.0 if dtype.kind in "iu" else 1.0)
    pixels = numpy.empty(sizes, dtype)
    filling = _filling(what, low, high, known, flat)
    pixels[...] = filling[::-1, ::-1] if turned else filling
    if described["holder"] != "pil":
        return pixels
    from PIL import Image

    image = Image.fromarray(pixels)
    return image.convert(mode) if mode in ("1", "P", "RGBA", "CMYK", "HSV", "YCbCr") else image


def _filling(what: str, low: float, high: float, sizes: list[int], flat: bool) -> Any:
    """What the pixels are, in the shape of a picture or one that spreads to it."""
    import numpy

    rows, columns = numpy.indices(sizes)
    if what == "levels":
        steps = min(256, rows.size)
        filled = low + (rows * sizes[1] + columns) % steps / max(1, steps - 1) * (high - low)
        filled = numpy.rint(filled) if high - low >= 2 else filled
    elif what == "halves":
        filled = numpy.where(columns < sizes[1] // 2, low, high)
    else:
        filled = numpy.full(sizes, {"black": low, "white": high}.get(what, (low + high) / 2))
    return filled if flat else filled[..., None]
