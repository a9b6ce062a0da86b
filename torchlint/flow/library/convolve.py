"""Sizes after convolutions and pooling.

Source of the formulas: the "Shape" sections of `torch.nn.Conv2d`, `ConvTranspose2d` and `MaxPool2d`; Dumoulin and
Visin, "A guide to convolution arithmetic for deep learning" (2016).

Worked example: a 3×3 convolution with stride 2 and padding 1 takes H to ⌊(H + 2·1 − 1·(3−1) − 1)/2⌋ + 1, which is
⌊(H+1)/2⌋.
"""

from __future__ import annotations

from typing import Union

from torchlint.flow import shape as sizes
from torchlint.flow.library.reading import Call, as_tensor, dims_of
from torchlint.flow.library.refusals import Refusal, Refused, need_divisible, need_rank, refuse
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Const, Value

Settings = tuple[Union[int, None], ...]
Parts = tuple[tuple[Dim, ...], tuple[Dim, ...]]


def per_dimension(value: Value | None, n: int, default: int | None) -> Settings:
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


def split(shape: Shape, n: int) -> Parts | None:
    """The leading dimensions (batch, channels) and the n spatial ones.

    Raises:
        Refused: there are neither as many, nor as many and a batch.
    """
    need_rank(shape, n + 1, n + 2)
    if shape is None or len(shape) not in (n + 1, n + 2):
        return None
    return shape[: len(shape) - n], shape[len(shape) - n :]


def first_size(value: Value | None) -> Dim:
    """A number of channels, given alone or in a sequence."""
    dims = None if value is None else dims_of(value)
    return dims[0] if dims else None


def window(
    size: Dim, kernel: int | None, stride: int | None, padding: int | None, dilation: int | None, ceil: bool | None,
    dim: int | None = None,
) -> Dim:  # fmt: skip
    """The size after a sliding window.

    Raises:
        Refused: the window is larger than what it slides over.
    """
    if size is None or kernel is None or stride is None or padding is None or dilation is None or stride < 1:
        return None
    reach = dilation * (kernel - 1) + 1
    room = sizes.add(size, 2 * padding - reach)
    if isinstance(room, int):
        if room < (-stride + 1 if ceil is not False else 0):
            raise refuse("empty", size, reach, dim, f"padding {padding}" if padding else "")
        if ceil is None and (room % stride or room < 0):
            return None
        if not ceil:
            return room // stride + 1
        out = -(-room // stride) + 1
        assert isinstance(size, int)
        # the last window must start inside the input or its left padding
        return out - 1 if (out - 1) * stride >= size + padding else out
    if stride == 1:
        return sizes.add(room, 1)
    if ceil is None or (ceil and stride + padding > reach):
        return None
    return sizes.add(sizes.floor_divide(sizes.add(room, stride - 1) if ceil else room, stride), 1)


def windows(
    parts: Parts, kernel: Settings, stride: Settings, padding: Settings, dilation: Settings, ceil: bool | None = False
) -> tuple[Dim, ...]:
    """`window` for each spatial dimension.

    Raises:
        Refused: a window is larger than what it slides over.
    """
    before, spatial = parts
    settings = zip(spatial, kernel, stride, padding, dilation)
    return tuple(
        window(size, k, s, p, d, ceil, len(before) + i) for i, (size, k, s, p, d) in enumerate(settings)
    )  # fmt: skip


def _batched(shape: Shape, n: int) -> Parts | None:
    """`split`; where nothing is known of the input, a batch, as nearly every input is."""
    return ((None, None), (None,) * n) if shape is None else split(shape, n)


def _weight(call: Call, n: int) -> tuple[Dim, ...] | None:
    weight = as_tensor(call["weight"])
    known = weight is not None and weight.shape is not None and len(weight.shape) == n + 2
    return weight.shape if weight is not None and known else None


def _known(dims: tuple[Dim, ...]) -> Settings:
    return tuple(d if isinstance(d, int) else None for d in dims)


def _number_of_groups(call: Call) -> int | None:
    return 1 if call["groups"] is None else call.integer("groups")


def _channels(parts: Parts, taken: Dim) -> Refusal | None:
    """Why a layer refuses the input's channels, if it certainly does."""
    before = parts[0]
    return Refusal("channels", before[-1], taken, len(before) - 1) if sizes.differs(before[-1], taken) else None


def conv(call: Call, n: int) -> Shape:
    """A convolution: of a layer (``in_channels``, ``out_channels``, ``kernel_size``) or with a weight.

    Raises:
        Refused: the input has other channels, or is smaller than the kernel.
    """
    weight, groups = _weight(call, n), _number_of_groups(call)
    if weight is not None:
        channels, taken = weight[0], None if groups is None else sizes.scale(weight[1], groups)
        kernel = _known(weight[2:])
    elif call["weight"] is not None:
        channels, taken, kernel = None, None, (None,) * n
    else:
        channels, taken = first_size(call["out_channels"]), first_size(call["in_channels"])
        kernel = per_dimension(call["kernel_size"], n, None)
        need_divisible("channels", taken, groups, None, "groups of the input")
    need_divisible("channels", channels, groups, None, "groups of the output")
    parts = _batched(call.input.shape, n)
    if parts is None:
        return None
    lead = (*parts[0][:-1], channels)
    refusal = _channels(parts, taken)
    try:
        spatial = _spatial(call, parts, kernel, n)
    except Refused:
        if refusal is None:
            raise
        raise Refused(refusal) from None
    if refusal is not None:
        raise Refused(refusal, lead + spatial)
    return lead + spatial


def _spatial(call: Call, parts: Parts, kernel: Settings, n: int) -> tuple[Dim, ...]:
    stride = per_dimension(call["stride"], n, 1)
    dilation = per_dimension(call["dilation"], n, 1)
    mode = call.text("padding")
    if mode == "same":
        if any(s is not None and s != 1 for s in stride):
            raise refuse("argument", next(s for s in stride if s != 1), 1, None, "stride with padding='same'")
        return parts[1]
    padding = (0,) * n if mode == "valid" else per_dimension(call["padding"], n, 0)
    return windows(parts, kernel, stride, padding, dilation)


def conv_transpose(call: Call, n: int) -> Shape:
    """A transposed convolution: (s − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1.

    Raises:
        Refused: the input has other channels, or the size that is asked for cannot come out.
    """
    weight, groups = _weight(call, n), _number_of_groups(call)
    if weight is not None:
        channels, taken = None if groups is None else sizes.scale(weight[1], groups), weight[0]
        kernel = _known(weight[2:])
        need_divisible("channels", taken, groups, None, "groups of the input")
    elif call["weight"] is not None:
        channels, taken, kernel = None, None, (None,) * n
    else:
        channels, taken = first_size(call["out_channels"]), first_size(call["in_channels"])
        kernel = per_dimension(call["kernel_size"], n, None)
        need_divisible("channels", taken, groups, None, "groups of the input")
        need_divisible("channels", channels, groups, None, "groups of the output")
    parts = _batched(call.input.shape, n)
    if parts is None:
        return None
    stride = per_dimension(call["stride"], n, 1)
    settings = zip(
        parts[1], kernel, stride, per_dimension(call["padding"], n, 0),
        per_dimension(call["output_padding"], n, 0), per_dimension(call["dilation"], n, 1),
    )  # fmt: skip
    asked = _output_size(call, n)
    out: list[Dim] = []
    for i, (size, k, step, padding, extra, dilation) in enumerate(settings):
        if size is None or k is None or step is None or padding is None or extra is None or dilation is None:
            out.append(None)
            continue
        grown = sizes.scale(sizes.subtract(size, 1), step)
        out.append(sizes.add(grown, dilation * (k - 1) + 1 - 2 * padding + (0 if asked else extra)))
        least = out[-1]
        if asked and isinstance(least, int) and isinstance(asked[i], int):
            if not least <= asked[i] < least + step:  # type: ignore[operator]
                raise refuse("argument", asked[i], least, len(parts[0]) + i, "output_size")
        elif not asked and isinstance(least, int) and least < 1:
            raise refuse("empty", size, None, len(parts[0]) + i, f"padding {padding}")
    shape = (*parts[0][:-1], channels, *(asked or out))
    refusal = _channels(parts, taken)
    if refusal is not None:
        raise Refused(refusal, shape)
    return shape


def _output_size(call: Call, n: int) -> tuple[Dim, ...] | None:
    """The spatial part of ``output_size``; unknown sizes where it is given, but not known."""
    given = call.given("output_size")
    if given is None:
        return None
    dims = dims_of(given)
    if dims is None:
        return (None,) * n
    if len(dims) == 1:
        dims = dims * n
    return dims[-n:] if len(dims) in (n, n + 1, n + 2) else (None,) * n


def _stride(call: Call, kernel: Settings, n: int) -> Settings:
    """The stride of a pooling, which is the kernel where it is not given."""
    given = call.given("stride")
    return kernel if given is None or dims_of(given) == () else per_dimension(given, n, None)


def pool(call: Call, n: int) -> Shape:
    """Pooling.

    Raises:
        Refused: the window is larger than the input, or the padding than half of the window.
    """
    kernel = per_dimension(call["kernel_size"], n, None)
    padding = per_dimension(call["padding"], n, 0)
    parts = split(call.input.shape, n)
    if parts is None:
        return None
    for p, k in zip(padding, kernel):
        if p is not None and k is not None and 2 * p > k:
            raise refuse("argument", p, k, None, "padding above half of the kernel")
    for i, (size, k) in enumerate(zip(parts[1], kernel)):
        if call.op.short == "avg_pool3d" and isinstance(size, int) and k is not None and size < k:
            raise refuse("empty", size, k, len(parts[0]) + i)  # padding does not count there
    stride, dilation = _stride(call, kernel, n), per_dimension(call["dilation"], n, 1)
    return parts[0] + windows(parts, kernel, stride, padding, dilation, call.flag("ceil_mode"))


def fractional_pool(call: Call, n: int) -> Shape:
    """Pooling to a size, or to a share of it."""
    parts = split(call.input.shape, n)
    if parts is None:
        return None
    asked = _output_size(call, n)
    if asked is None:
        return parts[0] + (None,) * n
    for i, (size, k, new) in enumerate(zip(parts[1], per_dimension(call["kernel_size"], n, None), asked)):
        if isinstance(size, int) and isinstance(new, int) and k is not None and new + k - 1 > size:
            raise refuse("empty", size, new + k - 1, len(parts[0]) + i)
    return parts[0] + asked


def unpool(call: Call, n: int) -> Shape:
    """Max unpooling.

    Raises:
        Refused: the size that is asked for is too far from that which would come out.
    """
    parts = split(call.input.shape, n)
    if parts is None:
        return None
    kernel = per_dimension(call["kernel_size"], n, None)
    stride = _stride(call, kernel, n)
    asked = _output_size(call, n)
    out: list[Dim] = []
    for i, (size, k, step, padding) in enumerate(zip(parts[1], kernel, stride, per_dimension(call["padding"], n, 0))):
        if size is None or k is None or step is None or padding is None:
            out.append(None)
            continue
        usual = sizes.add(sizes.scale(sizes.subtract(size, 1), step), k - 2 * padding)
        out.append(usual)
        new = asked[i] if asked else None
        if isinstance(usual, int) and isinstance(new, int) and not usual - step < new < usual + step:
            raise refuse("argument", new, usual, len(parts[0]) + i, "output_size")
    return parts[0] + (asked or tuple(out))


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
    items = getattr(given, "items", None) or (given,)
    if len(dims) == 1:
        dims, items = dims * n, items * n
    if len(dims) != n:
        return None
    out = [
        old if isinstance(item, Const) and item.value is None else new for old, new, item in zip(parts[1], dims, items)
    ]
    return parts[0] + tuple(out)
