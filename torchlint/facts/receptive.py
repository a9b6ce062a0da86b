"""Receptive fields: how much of the input one position of a tensor depends on.

Definitions
    span    of some positions that follow each other: their number less one
    way     how far back a span reaches along one axis: a span of m positions here depends on one of ``jump·m + wide``
            positions of what is behind, the input or a step
    step    what is not of that form, as where positions are made finer: ``(times·m + plus) // by + more`` positions
    field   the span of the input that one position (a span of 0) depends on, and one
    whole   every position: behind a linear layer over positions or a global pool

With kernel k, dilation d and stride s, a window makes ``s·m + (k − 1)·d`` of m (Araujo, Norris, Sim: Computing
receptive fields of convolutional neural networks, Distill 2019). Where ways meet, the one that reaches farthest counts.
Without steps the field is exact, with them it is an upper bound over all places of the output.

Worked example: two 3×3 convolutions, the first with stride 2, have the way 2·m + 6, so a field of 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Union

from torchlint.flow.library.reading import dims_of, items_of
from torchlint.flow.shape import Dim
from torchlint.flow.values import Const, Tensor, Value, Via

_POINTWISE_NAMES = (
    "add sub mul div pow neg abs exp log sqrt rsqrt square sin cos clamp clip where relu relu6 leaky_relu elu selu "
    "celu gelu "
    "silu mish hardtanh hardsigmoid hardswish hardshrink softshrink tanhshrink softplus softsign logsigmoid sigmoid "
    "tanh prelu rrelu threshold dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout identity "
    "Identity batch_norm contiguous clone detach float to type half double Parameter cat concatenate stack "
    "Softmax2d maximum minimum addcmul lerp erf round floor ceil sign reciprocal masked_fill "
    "local_response_norm "
    "chunk split narrow select unbind pad no_grad glu channel_shuffle requires_grad"
)
#: Operations that give a position what their inputs have there, or beside it where only padding stands.
POINTWISE = frozenset(_POINTWISE_NAMES.split())
#: Those that go by windows: the parameters of a window's size, and what stands in for a stride that is not given.
_WINDOWS = {
    **{f"conv{n}d": n for n in (1, 2, 3)},
    **{f"{kind}_pool{n}d": n for kind in ("max", "avg", "lp") for n in (1, 2, 3)},
}
_TRANSPOSED = {f"conv_transpose{n}d": n for n in (1, 2, 3)}


#: How many positions beside the nearest one a mode of `interpolate` looks at.
_TAPS: dict[object, int] = {
    "nearest": 0, "nearest-exact": 0, "linear": 1, "bilinear": 1, "trilinear": 1, "bicubic": 3,
}  # fmt: skip
_ADAPTIVE = frozenset(f"adaptive_{kind}_pool{n}d" for kind in ("avg", "max") for n in (1, 2, 3))
#: Those that may pass over positions.
_PICKS = frozenset(("select", "index_select", "gather"))


class Way(NamedTuple):
    """See the module's text."""

    wide: int = 0
    jump: int = 1
    behind: Step | None = None

    def window(self, wide: int, jump: int) -> Way:
        """The way behind a window of this span and stride."""
        return Way(self.wide + self.jump * wide, self.jump * jump, self.behind)

    def reach(self) -> int:
        """The span of the input that one position depends on."""
        way, span = self, 0
        while True:
            span = way.jump * span + way.wide
            if way.behind is None:
                return span
            span = way.behind.span(span)
            way = way.behind.way


class Step(NamedTuple):
    """See the module's text; `way`: what is behind it."""

    times: int
    plus: int
    by: int
    more: int
    way: Way

    def span(self, span: int) -> int:
        """The span behind the step."""
        return (self.times * span + self.plus) // self.by + self.more


#: The ways along one axis; no more than `MOST_WAYS` of them.
Axis = tuple[Way, ...]
MOST_WAYS = 24
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
                start = tuple((Way(),) for _ in tensor.shape[2:])
                self._known[id(tensor)] = start
                self._kept.append(tensor)

    def of(self, tensor: Tensor) -> tuple[int, ...] | str | None:
        """The field of one position of a tensor: sizes by axis, ``all``, or None where that is not known."""
        reach = self._of(tensor)
        if reach is None or isinstance(reach, str):
            return reach
        return tuple(max(way.reach() for way in axis) + 1 for axis in reach)

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
        if via.op in _ADAPTIVE:
            return WHOLE if _is_ones(arguments.get("output_size")) else _adaptive(found, arguments, result)
        if via.op == "pixel_shuffle":
            factor = _whole_number(arguments.get("upscale_factor"))
            return None if factor is None else tuple(_step(a, 1, factor - 1, factor, 0) for a in found)
        if via.op == "pixel_unshuffle":
            factor = _whole_number(arguments.get("downscale_factor"))
            return None if factor is None else tuple(_windowed(a, factor - 1, factor) for a in found)
        if via.op in ("instance_norm", "group_norm"):
            return found  # by what it computes it depends on all; by what it looks at, on its place
        if via.op in _PICKS:
            return found if _positions(_first(via)) == _positions(result) is not None else None
        if via.op in POINTWISE and _keeps_rank(via, result):
            return found
        if via.op in ("flatten", "view", "reshape"):
            return WHOLE if isinstance(result, Tensor) and result.shape is not None and len(result.shape) == 2 else None
        if via.op in ("mean", "amax", "amin", "sum"):
            return WHOLE if _over_positions(via, len(found)) else None
        return None


def _sources(via: Via) -> list[Value]:
    """The tensors that an operation works on."""
    found: list[Value] = []
    for value in via.arguments.values():
        items = items_of(value)
        found += [v for v in (items if items is not None else (value,)) if isinstance(v, Tensor)]
    return found


def _most(reaches: Iterable[Reach]) -> Reach:
    """The largest of several fields; what depends on no input (a parameter) has none."""
    best: tuple[Axis, ...] | None = None
    for reach in reaches:
        if isinstance(reach, str):
            return reach
        if reach is None:
            continue
        if best is None:
            best = reach
        elif len(best) == len(reach):
            best = tuple(_joined(a, b) for a, b in zip(best, reach))
        else:
            return None
    return best


def _joined(left: Axis, right: Axis) -> Axis:
    """The ways of both, of those with the same behind the one that reaches farthest."""
    if left is right:
        return left
    found: dict[Step | None, Way] = {}
    for way in (*left, *right):
        other = found.get(way.behind, way)
        found[way.behind] = Way(max(way.wide, other.wide), max(way.jump, other.jump), way.behind)
    ways = sorted(found.values(), key=Way.reach, reverse=True)
    return tuple(ways[:MOST_WAYS])


def _windowed(axis: Axis, wide: int, jump: int) -> Axis:
    return tuple(way.window(wide, jump) for way in axis)


def _step(axis: Axis, times: int, plus: int, by: int, more: int) -> Axis:
    return tuple(Way(0, 1, Step(times, plus, by, more, way)) for way in axis)


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
    return tuple(_windowed(a, (k - 1) * d, s) for a, k, s, d in zip(found, kernel, strides, dilations))


def _transposed(found: tuple[Axis, ...], arguments: Mapping[str, Value], n: int) -> Reach:
    kernel, strides = _kernel(arguments, n), _numbers(arguments.get("stride"), n, 1)
    dilations = _numbers(arguments.get("dilation"), n, 1)
    if kernel is None or strides is None or dilations is None or len(found) != n or 0 in strides:
        return None
    # an output position is reached from those inputs whose windows hold it, which stand a stride apart
    return tuple(
        _windowed(a, (k - 1) * d, 1) if s == 1 else _step(a, 1, (k - 1) * d, s, 0)
        for a, k, s, d in zip(found, kernel, strides, dilations)
    )


def _scaled(found: tuple[Axis, ...], arguments: Mapping[str, Value], result: Value) -> Reach:
    mode = arguments.get("mode")
    taps = _TAPS.get(mode.value if isinstance(mode, Const) else "nearest" if mode is None else None)
    smooth = arguments.get("antialias")
    if taps is None or (smooth is not None and not (isinstance(smooth, Const) and smooth.value is False)):
        return None
    factor = arguments.get("scale_factor")
    number = factor.value if isinstance(factor, Const) else None
    if isinstance(number, (int, float)) and number >= 1 and number == int(number):
        scales: tuple[tuple[int, int], ...] = ((1, int(number)),) * len(found)
    else:
        before, after = _positions(arguments.get("input")), _positions(result)
        if before is None or after is None or len(before) != len(found) or len(after) != len(found):
            return None
        known = [(a, b) for a, b in zip(before, after) if isinstance(a, int) and isinstance(b, int) and a > 0 < b]
        if len(known) != len(found):
            return None
        # with aligned corners positions stand (a − 1)/(b − 1) apart, farther than a/b only where they get fewer
        scales = tuple((a - 1, b - 1) if taps and a > b > 1 else (a, b) for a, b in known)
    return tuple(_step(axis, old, new - 1, new, taps) for axis, (old, new) in zip(found, scales))


def _adaptive(found: tuple[Axis, ...], arguments: Mapping[str, Value], result: Value) -> Reach:
    before, after = _positions(arguments.get("input")), _positions(result)
    if before is None or after is None or len(before) != len(found) or len(after) != len(found):
        return None
    axes = []
    for axis, old, new in zip(found, before, after):
        if old == new:
            axes.append(axis)
        elif not isinstance(old, int) or not isinstance(new, int) or not old or not new:
            return None
        elif old % new == 0:
            axes.append(_windowed(axis, old // new - 1, old // new))
        else:
            axes.append(_step(axis, old, old + new - 1, new, 0))
    return tuple(axes)


def _positions(value: Value | None) -> tuple[Dim, ...] | None:
    """The sizes of the axes of positions."""
    if not isinstance(value, Tensor) or value.shape is None or len(value.shape) < 3:
        return None
    return value.shape[2:]


def _over_positions(via: Via, axes: int) -> bool:
    """Whether a reduction goes over all positions."""
    given, dims = _first(via), via.arguments.get("dim")
    if not isinstance(given, Tensor) or given.shape is None or len(given.shape) != axes + 2:
        return False
    if dims is None or (isinstance(dims, Const) and dims.value is None):
        return True
    known = dims_of(dims)
    if known is None or not all(isinstance(dim, int) for dim in known):
        return False
    return set(range(2, axes + 2)) <= {dim % (axes + 2) for dim in known if isinstance(dim, int)}


def _first(via: Via) -> Tensor | None:
    return next((v for v in _sources(via) if isinstance(v, Tensor)), None)


def _is_ones(value: Value | None) -> bool:
    dims = None if value is None else dims_of(value)
    return bool(dims) and all(dim == 1 for dim in dims or ())


def _whole_number(value: Value | None) -> int | None:
    return value.value if isinstance(value, Const) and type(value.value) is int and value.value > 0 else None


def _keeps_rank(via: Via, result: Value) -> bool:
    first = _first(via)
    if not isinstance(result, Tensor) or not isinstance(first, Tensor) or result.shape is None or first.shape is None:
        return True
    return len(result.shape) >= len(first.shape)
