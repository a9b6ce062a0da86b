"""Receptive fields: how much of the input one position of a tensor depends on.

Definitions
    field   along one spatial axis, `size` positions of the input, `jump` of them from one output position to the next
    whole   every position: behind a linear layer over positions, a global pool, attention, a recurrent layer

With kernel k, dilation d and stride s, a window grows the field by (k − 1)·d·jump and multiplies the jump by s; a
transposed convolution divides the jump by s first (Araujo, Norris, Sim: Computing receptive fields of convolutional
neural networks, Distill 2019). Where ways meet, the largest field counts: it is an upper bound of what is reached.

Worked example: two 3×3 convolutions, the first with stride 2, have a field of 3 + 2·2 = 7 and a jump of 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple, Union

from torchlint.flow.library.reading import dims_of, items_of
from torchlint.flow.values import Const, Tensor, Value, Via

_POINTWISE_NAMES = (
    "add sub mul div pow neg abs exp log sqrt rsqrt square sin cos clamp clip where relu relu6 leaky_relu elu selu "
    "celu gelu "
    "silu mish hardtanh hardsigmoid hardswish hardshrink softshrink tanhshrink softplus softsign logsigmoid sigmoid "
    "tanh prelu rrelu threshold dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout identity "
    "Identity batch_norm contiguous clone detach float to type half double Parameter cat concat concatenate stack "
    "softmax2d Softmax2d maximum minimum addcmul lerp erf round floor ceil sign reciprocal masked_fill "
    "local_response_norm "
    "chunk split narrow select index unbind getitem subscript pad checkpoint no_grad glu channel_shuffle requires_grad"
)
#: Operations that give a position what their inputs have there, or beside it where only padding stands.
POINTWISE = frozenset(_POINTWISE_NAMES.split())
#: Those that go by windows: the parameters of a window's size, and what stands in for a stride that is not given.
_WINDOWS = {
    **{f"conv{n}d": n for n in (1, 2, 3)},
    **{f"{kind}_pool{n}d": n for kind in ("max", "avg", "lp") for n in (1, 2, 3)},
}
_TRANSPOSED = {f"conv_transpose{n}d": n for n in (1, 2, 3)}


class Axis(NamedTuple):
    """The field along one axis, in positions of the input."""

    size: Fraction
    jump: Fraction


Reach = Union[tuple[Axis, ...], str, None]
WHOLE = "all"


class Fields:
    """Receptive fields with respect to some input tensors, worked out once for each tensor.

    Args:
        inputs: the tensors that count as input; their positions are their last dimensions behind batch and channels.
    """

    def __init__(self, inputs: Iterable[Tensor]) -> None:
        self._known: dict[int, Reach] = {}
        self._kept: list[Value] = []
        for tensor in inputs:
            if tensor.shape is not None and len(tensor.shape) > 2:
                start = tuple(Axis(Fraction(1), Fraction(1)) for _ in tensor.shape[2:])
                self._known[id(tensor)] = start
                self._kept.append(tensor)

    def of(self, tensor: Tensor) -> tuple[int, ...] | str | None:
        """The field of one position of a tensor: sizes by axis, ``all``, or None where that is not known."""
        reach = self._of(tensor)
        if reach is None or isinstance(reach, str):
            return reach
        return tuple(-(-axis.size.numerator // axis.size.denominator) for axis in reach)

    def _of(self, tensor: Value) -> Reach:
        """Worked out from the inputs on, without calling itself: networks are deep."""
        pending: list[Value] = [tensor]
        while pending:
            top = pending[-1]
            if id(top) in self._known:
                pending.pop()
                continue
            via = getattr(top, "via", None)
            waiting = [v for v in _sources(via) if id(v) not in self._known] if via is not None else []
            if waiting and id(top) not in {id(v) for v in waiting}:
                if len(pending) > 100_000:
                    return None
                pending.extend(waiting)
                continue
            self._known[id(top)] = None if via is None else self._through(via, top)
            self._kept.append(top)
            pending.pop()
        return self._known[id(tensor)]

    def _through(self, via: Via, result: Value) -> Reach:
        reaches = [self._known.get(id(v)) for v in _sources(via)]
        found = _most(reaches)
        if found is None or isinstance(found, str):
            return found
        arguments = via.arguments
        if via.op in _WINDOWS:
            return _window(found, arguments, _WINDOWS[via.op])
        if via.op in _TRANSPOSED:
            return _transposed(found, arguments, _TRANSPOSED[via.op])
        if via.op in ("interpolate", "upsample", "Upsample"):
            return _scaled(found, arguments, result)
        if via.op in ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
                      "adaptive_max_pool2d", "adaptive_max_pool3d"):  # fmt: skip
            return WHOLE if _is_ones(arguments.get("output_size")) else None
        if via.op == "pixel_shuffle":
            factor = _whole_number(arguments.get("upscale_factor"))
            return None if factor is None else tuple(Axis(a.size, a.jump / factor) for a in found)
        if via.op == "pixel_unshuffle":
            factor = _whole_number(arguments.get("downscale_factor"))
            if factor is None:
                return None
            return tuple(Axis(a.size + (factor - 1) * a.jump, a.jump * factor) for a in found)
        if via.op in ("instance_norm", "group_norm"):
            return found  # by what it computes it depends on all; by what it looks at, on its place
        if via.op in POINTWISE and _keeps_rank(via, result):
            return found
        if via.op in ("mean", "amax", "sum", "flatten", "view", "reshape", "linear"):
            return self._gathered(via, result, found)
        return None

    def _gathered(self, via: Via, result: Value, found: tuple[Axis, ...]) -> Reach:
        """All positions are in it, where the axes of positions are gone or merged."""
        if not isinstance(result, Tensor) or result.shape is None:
            return None
        return WHOLE if len(result.shape) <= 2 and via.op != "linear" else None


def _sources(via: Via) -> list[Value]:
    """The tensors that an operation works on."""
    found: list[Value] = []
    for value in via.arguments.values():
        items = items_of(value)
        found += [v for v in (items if items is not None else (value,)) if isinstance(v, Tensor)]
    return found


def _most(reaches: Iterable[Reach]) -> Reach:
    """The largest of several fields; what depends on no input (a parameter) has none."""
    best: Reach = None
    for reach in reaches:
        if isinstance(reach, str):
            return reach
        if reach is None:
            continue
        if best is None:
            best = reach
        elif isinstance(best, tuple) and len(best) == len(reach):
            best = tuple(Axis(max(a.size, b.size), max(a.jump, b.jump)) for a, b in zip(best, reach))
        else:
            return None
    return best


def _numbers(value: Value | None, n: int, default: int) -> tuple[int, ...] | None:
    if value is None or (isinstance(value, Const) and value.value is None):
        return (default,) * n
    dims = dims_of(value)
    if dims is None:
        return None
    found = tuple(dim for dim in dims if isinstance(dim, int))
    if len(found) != len(dims):
        return None
    return found * n if len(found) == 1 else found if len(found) == n else None


def _kernel(arguments: Mapping[str, Value], n: int) -> tuple[int, ...] | None:
    given = arguments.get("kernel_size")
    weight = arguments.get("weight")
    if given is None and isinstance(weight, Tensor):
        sizes = weight.shape[2:] if weight.shape is not None and len(weight.shape) == n + 2 else ()
        found = tuple(size for size in sizes if isinstance(size, int))
        return found if len(found) == n else None
    return None if given is None else _numbers(given, n, 1)


def _window(found: tuple[Axis, ...], arguments: Mapping[str, Value], n: int) -> Reach:
    kernel = _kernel(arguments, n)
    if kernel is None or len(found) != n:
        return None
    pools = "weight" not in arguments and "in_channels" not in arguments
    stride = arguments.get("stride")
    if pools and (stride is None or (isinstance(stride, Const) and stride.value is None)):
        strides: tuple[int, ...] | None = kernel
    else:
        strides = _numbers(stride, n, 1)
    dilations = _numbers(arguments.get("dilation"), n, 1)
    if strides is None or dilations is None:
        return None
    return tuple(
        Axis(a.size + (k - 1) * d * a.jump, a.jump * s) for a, k, s, d in zip(found, kernel, strides, dilations)
    )


def _transposed(found: tuple[Axis, ...], arguments: Mapping[str, Value], n: int) -> Reach:
    kernel, strides = _kernel(arguments, n), _numbers(arguments.get("stride"), n, 1)
    dilations = _numbers(arguments.get("dilation"), n, 1)
    if kernel is None or strides is None or dilations is None or len(found) != n or 0 in strides:
        return None
    # an output position is reached from those inputs whose windows hold it: at most so many
    return tuple(
        Axis(a.size + (-(-((k - 1) * d + 1) // s) - 1) * a.jump, a.jump / s)
        for a, k, s, d in zip(found, kernel, strides, dilations)
    )


def _scaled(found: tuple[Axis, ...], arguments: Mapping[str, Value], result: Value) -> Reach:
    given = arguments.get("input")
    if not isinstance(given, Tensor) or not isinstance(result, Tensor) or not given.shape or not result.shape:
        return None
    before, after = given.shape[2:], result.shape[2:]
    if len(before) != len(found) or len(after) != len(found):
        return None
    mode = arguments.get("mode")
    nearest = mode is None or (isinstance(mode, Const) and str(mode.value).startswith("nearest"))
    axes = []
    for axis, old, new in zip(found, before, after):
        if not isinstance(old, int) or not isinstance(new, int) or not new:
            return None
        axes.append(Axis(axis.size + (0 if nearest else axis.jump), axis.jump * Fraction(old, new)))
    return tuple(axes)


def _is_ones(value: Value | None) -> bool:
    dims = None if value is None else dims_of(value)
    return bool(dims) and all(dim == 1 for dim in dims or ())


def _whole_number(value: Value | None) -> int | None:
    return value.value if isinstance(value, Const) and type(value.value) is int and value.value > 0 else None


def _keeps_rank(via: Via, result: Value) -> bool:
    first = next(iter(_sources(via)), None)
    if not isinstance(result, Tensor) or not isinstance(first, Tensor) or result.shape is None or first.shape is None:
        return True
    return len(result.shape) >= len(first.shape)
