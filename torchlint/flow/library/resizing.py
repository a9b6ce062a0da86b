"""Sizes after padding, interpolation, shuffling of pixels, and cutting into blocks.

Source of the formulas: the "Shape" sections of `torch.nn.Unfold`, `PixelShuffle` and `Upsample`.

Worked example: ``nn.PixelShuffle(2)`` takes B×8×H×W to B×2×2·H×2·W, and refuses B×6×H×W, for 6 is no multiple of 4.
"""

from __future__ import annotations

import math

from torchlint.flow import shape as sizes
from torchlint.flow.library.axes import divide_exactly
from torchlint.flow.library.convolve import per_dimension, split, windows
from torchlint.flow.library.reading import Call, dims_of
from torchlint.flow.library.refusals import firm, need_divisible, need_rank, need_same, refuse
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Const, Number

#: How many dimensions a way of interpolating takes.
RANKS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}


def _padded(shape: tuple[Dim, ...], amounts: tuple[Dim, ...], mode: str | None) -> Shape:
    """Pairs of amounts, from the last dimension backwards.

    Raises:
        Refused: nothing is left, or a reflection would need more than there is.
    """
    out = list(shape)
    for i in range(0, len(amounts), 2):
        at = len(out) - 1 - i // 2
        size, before, after = out[at], amounts[i], amounts[i + 1]
        if isinstance(size, int) and mode in ("reflect", "circular"):
            most = size - 1 if mode == "reflect" else size
            for amount in (before, after):
                if isinstance(amount, int) and amount > most:
                    raise refuse("argument", amount, size, at, f"{mode} padding")
        new = sizes.add(size, sizes.add(before, after))
        if isinstance(new, int) and new < (0 if mode == "constant" else 1):
            raise refuse("empty", size, None, at, "negative padding")
        out[at] = new
    return tuple(out)


def pad(call: Call) -> Shape:
    """`F.pad`: pairs of numbers from the last dimension backwards.

    Raises:
        Refused: there are more pairs than dimensions, or half a pair.
    """
    shape = call.input.shape
    given = call.given("pad")
    amounts = None if given is None else dims_of(given)
    if shape is None:
        return None
    if amounts is None or (len(amounts) == 1 and not isinstance(given, (Const, Number))):
        return (None,) * len(shape)
    if len(amounts) % 2:
        raise refuse("argument", len(amounts), 2 * len(shape), None, "amounts of padding")
    mode = "constant" if call["mode"] is None else call.text("mode")
    if len(amounts) > 2 * len(shape):
        if firm(shape):
            raise refuse("argument", len(amounts), 2 * len(shape), None, "amounts of padding")
        return None
    if mode is not None and mode != "constant" and amounts:
        n = len(amounts) // 2
        need_rank(shape, n + 1, n + 2, note=f"{mode} padding")
    return _padded(shape, amounts, mode)


def pad_layer(call: Call, n: int) -> Shape:
    """A padding layer: one number for every side, or pairs."""
    given = call.given("padding")
    amounts = None if given is None else dims_of(given)
    short = call.op.name
    mode = next((mode for word, mode in MODES.items() if word in short), "constant")
    if mode == "constant":
        shape = call.input.shape  # any rank that is high enough
        parts = None if shape is None else (shape[: max(len(shape) - n, 0)], shape[-n:])
    else:
        parts = split(call.input.shape, n)
    if parts is None:
        return None
    if amounts is not None and len(amounts) == 1:
        amounts = amounts * (2 * n)
    if amounts is None or len(amounts) != 2 * n:
        return parts[0] + (None,) * len(parts[1])
    if len(parts[1]) < n:
        if not firm(call.input.shape):
            return None
        raise refuse("argument", 2 * n, 2 * len(parts[1]), None, "amounts of padding")
    return _padded((*parts[0], *parts[1]), amounts, mode)


MODES = {"Reflection": "reflect", "Replication": "replicate", "Circular": "circular"}


def interpolate(call: Call) -> Shape:
    """Interpolation to a size, or by a factor.

    Raises:
        Refused: the number of dimensions does not suit the mode, or the number of sizes the dimensions.
    """
    shape = call.input.shape
    mode = "nearest" if call["mode"] is None else call.text("mode")
    if call.op.short.endswith("bilinear") or call.op.name.endswith("UpsamplingBilinear2d.forward"):
        mode = "bilinear"
    if mode is not None:
        need_rank(shape, *RANKS.get(mode, (3, 4, 5)), note=mode)
    if shape is None or not 3 <= len(shape) <= 5:
        return None
    n = len(shape) - 2
    size, factor = call.given("size"), call.given("scale_factor")
    if size is not None:
        dims = dims_of(size)
        if dims is None:
            return shape[:2] + (None,) * n
        if len(dims) not in (1, n) or (len(dims) == 1 and n > 1 and not isinstance(size, (Const, Number))):
            if getattr(size, "items", None) is None or not firm(shape):
                return None
            raise refuse("argument", len(dims), n, None, "sizes")
        return shape[:2] + (dims * n if len(dims) == 1 else dims)
    items = getattr(factor, "items", None) or (factor,) * n
    if len(items) != n:
        if not firm(shape):
            return None
        raise refuse("argument", len(items), n, None, "scale factors")
    out = [scaled(dim, item.value if isinstance(item, Const) else None) for dim, item in zip(shape[2:], items)]
    for i, (dim, new) in enumerate(zip(shape[2:], out)):
        if new == 0 and dim != 0:
            raise refuse("empty", dim, None, i + 2, "scale factor")
    return shape[:2] + tuple(out)


def scaled(dim: Dim, factor: object) -> Dim:
    """⌊dim · factor⌋, as floating-point numbers have it; exact for symbols only where binary fractions are."""
    if not isinstance(factor, (int, float)) or not math.isfinite(factor) or dim is None:
        return None
    if isinstance(dim, int):
        return int(dim * factor)
    numerator, denominator = float(factor).as_integer_ratio()
    if denominator > 256 or numerator <= 0:
        return None
    return sizes.floor_divide(sizes.scale(dim, numerator), denominator)


def pixel_shuffle(call: Call) -> Shape:
    """Channels become space: C·r² × H × W to C × H·r × W·r.

    Raises:
        Refused: the channels are no multiple of r².
    """
    shape, r = call.input.shape, call.integer("upscale_factor")
    if shape is not None and len(shape) < 3:
        need_rank(shape, 3, note="at least")
    if shape is None or len(shape) < 3:
        return None
    if not r or r < 0:
        return shape[:-3] + (None,) * 3
    need_divisible("channels", shape[-3], r * r, len(shape) - 3)
    channels = divide_exactly(shape[-3], r * r)
    return (*shape[:-3], channels, sizes.scale(shape[-2], r), sizes.scale(shape[-1], r))


def pixel_unshuffle(call: Call) -> Shape:
    """Space becomes channels: C × H·r × W·r to C·r² × H × W.

    Raises:
        Refused: height or width is no multiple of r.
    """
    shape, r = call.input.shape, call.integer("downscale_factor")
    if shape is not None and len(shape) < 3:
        need_rank(shape, 3, note="at least")
    if shape is None or len(shape) < 3:
        return None
    if not r or r < 0:
        return shape[:-3] + (None,) * 3
    for i in (2, 1):
        need_divisible("sizes", shape[-i], r, len(shape) - i)
    height, width = divide_exactly(shape[-2], r), divide_exactly(shape[-1], r)
    return (*shape[:-3], sizes.scale(shape[-3], r * r), height, width)


def channel_shuffle(call: Call) -> Shape:
    """Channels in another order.

    Raises:
        Refused: the channels are no multiple of the groups.
    """
    shape, groups = call.input.shape, call.integer("groups")
    if shape is not None and len(shape) > 2:
        need_divisible("channels", shape[1], groups, 1, "groups")
    return shape


def unfold(call: Call) -> Shape:
    """`F.unfold`: N × C·∏kernel × L.

    Raises:
        Refused: there are no height and width, or a block is larger.
    """
    parts = split(call.input.shape, 2)
    kernel = per_dimension(call["kernel_size"], 2, None)
    if parts is None:
        return None
    if kernel[0] is None or kernel[1] is None:
        return (*parts[0][:-1], None, None)
    stride, dilation = per_dimension(call["stride"], 2, 1), per_dimension(call["dilation"], 2, 1)
    blocks = sizes.product(windows(parts, kernel, stride, per_dimension(call["padding"], 2, 0), dilation))
    return (*parts[0][:-1], sizes.scale(parts[0][-1], kernel[0] * kernel[1]), blocks)


def fold(call: Call) -> Shape:
    """`F.fold`: the image that blocks of `F.unfold` came from.

    Raises:
        Refused: the image has another number of blocks, or they are of another size.
    """
    shape = call.input.shape
    given = call.given("output_size")
    dims = None if given is None else dims_of(given)
    kernel = per_dimension(call["kernel_size"], 2, None)
    need_rank(shape, 2, 3)
    if shape is None or len(shape) not in (2, 3):
        return None
    if dims is not None and len(dims) == 1:
        dims = dims * 2
    if dims is None or len(dims) != 2:
        dims = (None, None)
    if kernel[0] is None or kernel[1] is None:
        return (*shape[:-2], None, *dims)
    area = kernel[0] * kernel[1]
    need_divisible("channels", shape[-2], area, len(shape) - 2, "elements of a block")
    stride, dilation = per_dimension(call["stride"], 2, 1), per_dimension(call["dilation"], 2, 1)
    blocks = windows(((None,), dims), kernel, stride, per_dimension(call["padding"], 2, 0), dilation)
    need_same("sizes", shape[-1], sizes.product(blocks), len(shape) - 1, "blocks")
    return (*shape[:-2], divide_exactly(shape[-2], area), *dims)
