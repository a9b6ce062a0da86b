"""Sizes after convolutions, pooling, padding and interpolation.

Source of the formulas: the "Shape" sections of `torch.nn.Conv2d`, `ConvTranspose2d` and `MaxPool2d`; Dumoulin and
Visin, "A guide to convolution arithmetic for deep learning" (2016).

Worked example: a 3×3 convolution with stride 2 and padding 1 takes H to ⌊(H + 2·1 − 1·(3−1) − 1)/2⌋ + 1.
"""

from __future__ import annotations

from typing import Union

from torchlint.flow import shape as sizes
from torchlint.flow.library.reading import Call, as_tensor, dims_of
from torchlint.flow.library.refusals import refuse
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Const, Tensor, Value


def per_dimension(value: Value | None, n: int, default: int | None) -> tuple[int | None, ...]:
    """An argument such as ``kernel_size``: one number for all n dimensions, or one for each."""
    if value is None or (isinstance(value, Const) and value.value is None):
        return (default,) * n
    dims = dims_of(value)
    if dims is None:
        return (None,) * n
    known = tuple(d if isinstance(d, int) else None for d in dims)
    if len(known) == 1:
        return known * n
    return known if len(known) == n else (None,) * n


def split(shape: Shape, n: int) -> tuple[tuple[Dim, ...], tuple[Dim, ...]] | None:
    """The leading dimensions (batch, channels) and the n spatial ones."""
    if shape is None or len(shape) not in (n + 1, n + 2):
        return None
    return shape[: len(shape) - n], shape[len(shape) - n :]


def window(
    size: Dim, kernel: int | None, stride: int | None, padding: int | None, dilation: int | None, ceil: bool | None
) -> Dim:
    """The size after a sliding window.

    Raises:
        Refused: the window is larger than the input with its padding.
    """
    if size is None or kernel is None or stride is None or padding is None or dilation is None or stride < 1:
        return None
    room = sizes.add(size, 2 * padding - dilation * (kernel - 1) - 1)
    if isinstance(room, int):
        if room < 0:
            if ceil is False:
                assert isinstance(size, int)
                raise refuse("empty", size + 2 * padding, dilation * (kernel - 1) + 1)
            return None
        if ceil is None and room % stride:
            return None
        if ceil:
            out = -(-room // stride) + 1
            assert isinstance(size, int)
            # the last window must start inside the input or its left padding
            return out - 1 if (out - 1) * stride >= size + padding else out
        return room // stride + 1
    if stride == 1:
        return sizes.add(room, 1)
    return None if ceil is not False else sizes.add(sizes.floor_divide(room, stride), 1)


Settings = tuple[Union[int, None], ...]


def windows(
    spatial: tuple[Dim, ...], kernel: Settings, stride: Settings, padding: Settings, dilation: Settings,
    ceil: bool | None = False,
) -> tuple[Dim, ...]:  # fmt: skip
    """`window` for each dimension."""
    settings = zip(spatial, kernel, stride, padding, dilation)
    return tuple(window(size, k, s, p, d, ceil) for size, k, s, p, d in settings)


def _leading(tensor: Tensor, n: int, channels: Dim) -> tuple[tuple[Dim, ...], tuple[Dim, ...]] | None:
    if tensor.shape is None:
        return (None, channels), (None,) * n  # batched, as nearly every input is
    parts = split(tensor.shape, n)
    return None if parts is None else ((*parts[0][:-1], channels), parts[1])


def conv(call: Call, n: int) -> Shape:
    """A convolution: of a layer (``out_channels``, ``kernel_size``) or with a weight."""
    weight = as_tensor(call["weight"])
    kernel: tuple[int | None, ...]
    channels: Dim = None
    if weight is not None and weight.shape is not None and len(weight.shape) == n + 2:
        channels = weight.shape[0]
        kernel = tuple(k if isinstance(k, int) else None for k in weight.shape[2:])
    else:
        channels = _size(call["out_channels"])
        kernel = per_dimension(call["kernel_size"], n, None)
    parts = _leading(call.input, n, channels)
    if parts is None:
        return None
    stride = per_dimension(call["stride"], n, 1)
    dilation = per_dimension(call["dilation"], n, 1)
    mode = call.text("padding")
    if mode == "same":
        return parts[0] + parts[1]
    padding = (0,) * n if mode == "valid" else per_dimension(call["padding"], n, 0)
    return parts[0] + windows(parts[1], kernel, stride, padding, dilation)


def _size(value: Value | None) -> Dim:
    dims = None if value is None else dims_of(value)
    return dims[0] if dims else None


def conv_transpose(call: Call, n: int) -> Shape:
    """A transposed convolution: (s − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1."""
    weight = as_tensor(call["weight"])
    kernel: tuple[int | None, ...]
    channels: Dim = None
    if weight is not None and weight.shape is not None and len(weight.shape) == n + 2:
        groups = call.integer("groups")
        channels = (
            sizes.scale(weight.shape[1], groups) if groups else weight.shape[1] if call["groups"] is None else None
        )
        kernel = tuple(k if isinstance(k, int) else None for k in weight.shape[2:])
    else:
        channels = _size(call["out_channels"])
        kernel = per_dimension(call["kernel_size"], n, None)
    parts = _leading(call.input, n, channels)
    if parts is None:
        return None
    given = call.given("output_size")
    if given is not None:
        return parts[0] + (None,) * n
    settings = zip(
        parts[1], kernel, per_dimension(call["stride"], n, 1), per_dimension(call["padding"], n, 0),
        per_dimension(call["output_padding"], n, 0), per_dimension(call["dilation"], n, 1),
    )  # fmt: skip
    out: list[Dim] = []
    for size, k, stride, padding, extra, dilation in settings:
        if size is None or k is None or stride is None or padding is None or extra is None or dilation is None:
            out.append(None)
        else:
            grown = sizes.scale(sizes.subtract(size, 1), stride)
            out.append(sizes.add(grown, dilation * (k - 1) + extra + 1 - 2 * padding))
    return parts[0] + tuple(out)


def pool(call: Call, n: int) -> Shape:
    """Pooling: stride is the kernel where it is not given."""
    parts = split(call.input.shape, n)
    if parts is None:
        return None
    kernel = per_dimension(call["kernel_size"], n, None)
    given = call.given("stride")
    if given is None or dims_of(given) == ():
        stride = kernel
    else:
        stride = per_dimension(given, n, None)
    padding = per_dimension(call["padding"], n, 0)
    dilation = per_dimension(call["dilation"], n, 1)
    ceil = call.flag("ceil_mode")
    return parts[0] + windows(parts[1], kernel, stride, padding, dilation, ceil)


def unpool(call: Call, n: int) -> Shape:
    """Max unpooling without an output size."""
    parts = split(call.input.shape, n)
    if parts is None:
        return None
    if call.given("output_size") is not None:
        return parts[0] + (None,) * n
    kernel = per_dimension(call["kernel_size"], n, None)
    given = call.given("stride")
    stride = kernel if given is None else per_dimension(given, n, None)
    out: list[Dim] = []
    for size, k, step, padding in zip(parts[1], kernel, stride, per_dimension(call["padding"], n, 0)):
        if size is None or k is None or step is None or padding is None:
            out.append(None)
        else:
            out.append(sizes.add(sizes.scale(sizes.subtract(size, 1), step), k - 2 * padding))
    return parts[0] + tuple(out)


def adaptive_pool(call: Call, n: int) -> Shape:
    """Pooling to a given size; None in it keeps the input's."""
    parts = split(call.input.shape, n)
    if parts is None:
        return None
    given = call.given("output_size")
    if given is None:
        return None
    dims = dims_of(given)
    if dims is None:
        return parts[0] + (None,) * n
    if len(dims) == 1:
        dims = dims * n
    if len(dims) != n:
        return None
    items = getattr(given, "items", None) or (given,) * n
    out = [
        old if isinstance(item, Const) and item.value is None else new for old, new, item in zip(parts[1], dims, items)
    ]
    return parts[0] + tuple(out)


def pad(call: Call) -> Shape:
    """`F.pad`: pairs of numbers from the last dimension backwards."""
    shape = call.input.shape
    given = call.given("pad")
    amounts = None if given is None else dims_of(given)
    if shape is None:
        return None
    if amounts is None or len(amounts) % 2 or len(amounts) > 2 * len(shape):
        return (None,) * len(shape)
    out = list(shape)
    for i in range(0, len(amounts), 2):
        at = len(out) - 1 - i // 2
        out[at] = sizes.add(out[at], sizes.add(amounts[i], amounts[i + 1]))
    return tuple(out)


def pad_layer(call: Call, n: int) -> Shape:
    """A padding layer: one number for every side, or pairs."""
    parts = split(call.input.shape, n)
    given = call.given("padding")
    amounts = None if given is None else dims_of(given)
    if parts is None:
        return None
    if amounts is not None and len(amounts) == 1:
        amounts = amounts * (2 * n)
    if amounts is None or len(amounts) != 2 * n:
        return parts[0] + (None,) * n
    out = list(parts[1])
    for i in range(n):
        at = n - 1 - i
        out[at] = sizes.add(out[at], sizes.add(amounts[2 * i], amounts[2 * i + 1]))
    return parts[0] + tuple(out)


def interpolate(call: Call) -> Shape:
    """Interpolation to a size, or by a factor."""
    shape = call.input.shape
    if shape is None or len(shape) < 3:
        return None
    n = len(shape) - 2
    size = call.given("size")
    if size is not None:
        dims = dims_of(size)
        if dims is None:
            return shape[:2] + (None,) * n
        return shape[:2] + (dims * n if len(dims) == 1 else dims if len(dims) == n else (None,) * n)
    factor = call.given("scale_factor")
    items = getattr(factor, "items", None) or (factor,) * n
    out: list[Dim] = []
    for dim, item in zip(shape[2:], items):
        k = item.value if isinstance(item, Const) else None
        if not isinstance(k, (int, float)):
            out.append(None)
        elif k == int(k):
            out.append(sizes.scale(dim, int(k)))
        elif isinstance(dim, int):
            out.append(int(dim * k))
        elif k > 0 and 1 / k == int(1 / k):
            out.append(sizes.floor_divide(dim, int(1 / k)))
        else:
            out.append(None)
    return shape[:2] + tuple(out)


def pixel_shuffle(call: Call) -> Shape:
    """Channels become space: C·r² × H × W to C × H·r × W·r."""
    shape, r = call.input.shape, call.integer("upscale_factor")
    if shape is None or len(shape) < 3:
        return None
    if r is None:
        return shape[:-3] + (None,) * 3
    return (*shape[:-3], sizes.floor_divide(shape[-3], r * r), sizes.scale(shape[-2], r), sizes.scale(shape[-1], r))


def pixel_unshuffle(call: Call) -> Shape:
    """Space becomes channels: C × H·r × W·r to C·r² × H × W."""
    shape, r = call.input.shape, call.integer("downscale_factor")
    if shape is None or len(shape) < 3:
        return None
    if r is None:
        return shape[:-3] + (None,) * 3
    return (
        *shape[:-3], sizes.scale(shape[-3], r * r), sizes.floor_divide(shape[-2], r), sizes.floor_divide(shape[-1], r)
    )  # fmt: skip


def unfold(call: Call) -> Shape:
    """`F.unfold`: N × C·∏kernel × L."""
    parts = split(call.input.shape, 2)
    kernel = per_dimension(call["kernel_size"], 2, None)
    if parts is None:
        return None
    if kernel[0] is None or kernel[1] is None:
        return (*parts[0], None)
    stride, dilation = per_dimension(call["stride"], 2, 1), per_dimension(call["dilation"], 2, 1)
    blocks = sizes.product(windows(parts[1], kernel, stride, per_dimension(call["padding"], 2, 0), dilation))
    return (*parts[0][:-1], sizes.scale(parts[0][-1], kernel[0] * kernel[1]), blocks)


def fold(call: Call) -> Shape:
    """`F.fold`: the image that blocks of `F.unfold` came from."""
    shape = call.input.shape
    given = call.given("output_size")
    dims = None if given is None else dims_of(given)
    kernel = per_dimension(call["kernel_size"], 2, None)
    if shape is None or len(shape) not in (2, 3):
        return None
    if dims is not None and len(dims) == 1:
        dims = dims * 2
    if dims is None or len(dims) != 2:
        dims = (None, None)
    channels = None if kernel[0] is None or kernel[1] is None else sizes.floor_divide(shape[-2], kernel[0] * kernel[1])
    return (*shape[:-2], channels, *dims)
