"""What the numbers of a result stand for: the rules that rows name under ``meaning``.

A row gives either a kind of `values.Meaning` (``probability``) or one of the rules below. Rules drop a meaning rather
than guess.

Worked example: ``torch.exp`` of a log-distribution over dimension 1 is a distribution over dimension 1; ``1 - p`` of a
probability is a probability; an image divided by 255 has the scale ``unit``.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from torchlint.flow.interval import Interval
from torchlint.flow.library import colours, imaging
from torchlint.flow.library.axes import index, order_of, reduced_dims
from torchlint.flow.library.curves import is_free
from torchlint.flow.library.dtypes import category, dtype_of
from torchlint.flow.library.ranges import has_own_weight, range_of
from torchlint.flow.library.reading import Call, as_tensor, dims_of, interval_of, is_scalar, items_of
from torchlint.flow.shape import Shape
from torchlint.flow.values import List, Meaning, Tensor, Value

BINARY = Meaning("binary")
SUMMED = ("distribution", "log-distribution")
TINY = 1e-3  # what is added against log(0) leaves a probability one


def at(meaning: Meaning | None, dim: int | None) -> Meaning | None:
    """The meaning with another `dim`; without one, a distribution over a dimension that is not known."""
    return None if meaning is None else meaning if meaning.dim == dim else replace(meaning, dim=dim)


def _place(meaning: Meaning, shape: Shape) -> int | None:
    """The dimension of a distribution, counted from the left; None if that is not known."""
    if meaning.dim is None or shape is None:
        return meaning.dim if meaning.dim is not None and meaning.dim >= 0 else None
    return index(meaning.dim, len(shape))


def _keep(call: Call) -> Meaning | None:
    return call.input.meaning


def _forget_dim(call: Call) -> Meaning | None:
    return at(call.input.meaning, None)


def image_after(meaning: Meaning, a: Interval | None, shifted: bool) -> Meaning | None:
    """An image after arithmetic with constants: its scale is read off the new range."""
    if a is None:
        return replace(meaning, scale="none", normalized=True) if shifted else None
    if (round(a.low, 6), round(a.high, 3)) == (0, 1):
        return replace(meaning, scale="unit", normalized=False)
    if (round(a.low, 4), round(a.high, 2)) == (0, 255):
        return replace(meaning, scale="byte", normalized=False)
    return replace(meaning, scale="none", normalized=meaning.normalized or shifted)


def permuted(meaning: Meaning | None, order: tuple[int, ...] | None) -> Meaning | None:
    """The meaning after the dimensions were put in another order."""
    if meaning is None:
        return None
    if meaning.kind == "image" and meaning.layout:
        if order is None:
            return replace(meaning, layout="")
        tail = tuple(i - (len(order) - 3) for i in order[-3:]) if len(order) >= 3 else ()
        lead = order[: len(order) - 3] == tuple(range(len(order) - 3))
        if lead and tail == (2, 0, 1) and meaning.layout == "HWC":
            return replace(meaning, layout="CHW")
        if lead and tail == (1, 2, 0) and meaning.layout == "CHW":
            return replace(meaning, layout="HWC")
        kept = tail == (0, 1, 2) or (meaning.layout == "CHW" and tail == (0, 2, 1))
        kept = kept or (meaning.layout == "HWC" and tail == (1, 0, 2))
        return meaning if lead and kept else replace(meaning, layout="")
    if meaning.dim is None:
        return meaning
    if order is None:
        return at(meaning, None)
    old = meaning.dim + len(order) if meaning.dim < 0 else meaning.dim
    return at(meaning, order.index(old) if old in order else None)


def _permute(call: Call) -> Meaning | None:
    return permuted(call.input.meaning, order_of(call))


def _squeeze(call: Call) -> Meaning | None:
    meaning, shape = call.input.meaning, call.input.shape
    if meaning is None or meaning.dim is None:
        return meaning
    old = _place(meaning, shape)
    if old is None or shape is None:
        return at(meaning, None)
    given = call.given("dim", "axis")
    if given is None:
        gone = {i for i, d in enumerate(shape) if d == 1} if None not in shape else None
    else:
        dims = reduced_dims(call, shape)
        gone = None if dims is None else {i for i in dims if shape[i] == 1}
        if dims is not None and any(shape[i] is None for i in dims):
            gone = None
    if gone is None or old in gone:
        return at(meaning, None)
    return at(meaning, old - sum(1 for i in gone if i < old))


def _unsqueeze(call: Call) -> Meaning | None:
    meaning, shape = call.input.meaning, call.input.shape
    if meaning is not None and meaning.kind == "image":
        place, rank = call.integer("dim", "axis"), None if shape is None else len(shape)
        if place is not None and place < 0:
            place = None if rank is None else place + rank + 1
        return colours.widened(meaning, rank, place)
    if meaning is None or meaning.dim is None:
        return meaning
    old, new = _place(meaning, shape), call.integer("dim", "axis")
    if old is None or new is None or (new < 0 and shape is None):
        return at(meaning, None)
    place = new + len(shape or ()) + 1 if new < 0 else new
    return at(meaning, old + 1 if place <= old else old)


def _flip(call: Call) -> Meaning | None:
    """Flipped along some dimensions: the colours turn round if theirs is among them."""
    meaning = call.input.meaning
    if meaning is None or meaning.kind != "image" or not meaning.mode:
        return meaning
    shape = call.input.shape
    given = call.given("axis")
    dims = call.sizes("dims") if given is None else dims_of(given)
    axis = colours.channel_axis(meaning, None if shape is None else len(shape))
    if dims is None or axis is None or None in dims:
        return colours.uncertain(meaning)
    if any(isinstance(dim, int) and dim == axis for dim in dims):
        return colours.turned(meaning)
    if all(isinstance(dim, int) and dim < 0 for dim in dims):
        return meaning
    if shape is None:
        return colours.uncertain(meaning)
    return colours.turned(meaning) if len(shape) + axis in dims else meaning


def _view(call: Call) -> Meaning | None:
    meaning = call.input.meaning
    if meaning is None:
        return None
    if meaning.kind == "image":
        return replace(meaning, layout="") if call.op.short not in ("contiguous", "clone") else meaning
    return at(meaning, None)


def _repeated(call: Call) -> Meaning | None:
    """Repeated along dimensions: an image of one channel may have several then."""
    meaning = at(call.input.meaning, None)
    return colours.uncertain(meaning) if meaning is not None and meaning.mode == "L" else meaning


def _sigmoid(call: Call) -> Meaning | None:
    return Meaning("probability")


def softmax_dim(call: Call) -> int | None:
    """The dimension of a softmax; without one torch takes 0 for ranks 0, 1 and 3, and 1 else."""
    shape = call.input.shape
    value = call.given("dim", "axis")
    if value is None:
        if call.op.short.endswith("2d"):
            return None if shape is None else len(shape) - 3
        return None if shape is None else 0 if len(shape) in (0, 1, 3) else 1
    dim = call.integer("dim", "axis")
    if dim is None or shape is None:
        return dim
    return index(dim, len(shape))


def _activation(call: Call) -> Meaning | None:
    """A hidden activation, unless its input stood for something that this function leaves as it is."""
    meaning, a = call.input.meaning, call.input.range
    if meaning is not None and meaning.kind in ("probability", "binary", "distribution", "image"):
        if call.op.short in ("relu", "leaky_relu", "relu6") and a is not None and a.within(0, 1):
            return meaning
    return Meaning("activation")


def _exp(call: Call) -> Meaning | None:
    meaning = call.input.meaning
    if meaning is None:
        return None
    kinds = {"log-distribution": "distribution", "log-probability": "probability"}
    return replace(meaning, kind=kinds[meaning.kind]) if meaning.kind in kinds else None


def _log(call: Call) -> Meaning | None:
    meaning = call.input.meaning
    if meaning is None:
        return None
    kinds = {"distribution": "log-distribution", "probability": "log-probability"}
    return replace(meaning, kind=kinds[meaning.kind]) if meaning.kind in kinds else None


def _round(call: Call) -> Meaning | None:
    meaning = call.input.meaning
    if meaning is not None and meaning.kind in ("probability", "binary"):
        return BINARY
    return meaning if meaning is not None and meaning.kind in ("class-index", "image") else None


def _neg(call: Call) -> Meaning | None:
    meaning = call.input.meaning
    return meaning if meaning is not None and meaning.kind in ("logits", "activation", "noise", "loss") else None


def _of(value: Value | None) -> Meaning | None:
    return value.meaning if isinstance(value, Tensor) else None


def meaning_of_sum(left: Value | None, right: Value | None, a: Interval | None, sign: int = 1) -> Meaning | None:
    """left + right or left − right, whose range is `a`."""
    m, n = _of(left), _of(right)
    if is_scalar(right) or (m is not None and not isinstance(right, Tensor)):
        return _shifted(left, m, right, a)
    if is_scalar(left):
        if n is None:
            return None
        number = interval_of(left)
        one = number is not None and number.low == number.high == 1
        if sign < 0:
            if one and n.kind in ("probability", "binary", "distribution"):
                return Meaning("probability") if n.kind == "distribution" else n
            return image_after(n, a, True) if n.kind == "image" else _neg_kept(n)
        return _shifted(right, n, left, a)
    if m is None or n is None:
        known = m if m is not None else n
        if known is None:
            return None
        if known.kind == "image" and m is known:
            return replace(known, scale="none", normalized=sign < 0) if sign < 0 else None
        return known if known.kind in ("logits", "activation") and is_free(a) else None
    if m.kind in ("logits", "activation") and n.kind in ("logits", "activation"):
        return m if m.kind == n.kind else Meaning("activation") if sign > 0 else Meaning("logits")
    if m.kind == "noise" and n.kind == "noise":
        return m
    return (m if m.kind in ("logits", "activation") else n) if is_free(a) and "image" not in (m.kind, n.kind) else None


def _neg_kept(n: Meaning) -> Meaning | None:
    return n if n.kind in ("logits", "activation", "noise", "loss") else None


def _shifted(value: Value | None, m: Meaning | None, by: Value | None, a: Interval | None) -> Meaning | None:
    if m is None:
        return None
    if m.kind in ("logits", "activation", "noise", "loss"):
        return m
    amount = interval_of(by)
    if amount is not None and max(abs(amount.low), abs(amount.high)) <= TINY:
        return m if m.kind != "binary" else Meaning("probability")
    if m.kind == "class-index" and amount is not None and amount.low == amount.high and amount.low.is_integer():
        return Meaning("class-index")  # counted from another number
    if m.kind == "image":
        return image_after(m, a, True)
    return None


def meaning_of_product(
    left: Value | None, right: Value | None, a: Interval | None, divides: bool = False
) -> Meaning | None:
    """left · right or left / right, whose range is `a`."""
    m, n = _of(left), _of(right)
    if is_scalar(left) and not divides:
        left, right, m, n = right, left, n, m
    if m is None:
        return n if n is not None and not divides and n.kind == "logits" and is_free(a) else None
    if is_scalar(right):
        number = interval_of(right)
        if number is not None and number.low == number.high == 1:
            return m
        if m.kind in ("logits", "activation", "noise", "loss"):
            return m
        return image_after(m, a, False) if m.kind == "image" else None
    if m.kind == "image":
        return replace(m, scale="none") if n is None and m.normalized else None
    if n is None:
        return m if m.kind in ("logits", "activation") and (divides or is_free(a)) else None
    if not divides and m.kind == "binary" and n.kind == "binary":
        return m
    logarithms = {"log-distribution", "log-probability"}
    if not divides and "binary" in (m.kind, n.kind) and logarithms & {m.kind, n.kind}:
        return Meaning("log-probability")  # those that the mask picks out, and log 1 elsewhere
    if not divides and {m.kind, n.kind} <= {"binary", "probability"}:
        return Meaning("probability")
    kinds = [k for k in (m.kind, n.kind) if k in ("logits", "activation")]
    return Meaning("activation" if "activation" in kinds else "logits") if kinds and is_free(a) else None


def meaning_of_all(values: list[Value | None]) -> Meaning | None:
    """The meaning that all values share; numbers count only by whether they are 0 or 1."""
    found: list[Meaning] = []
    for value in values:
        if is_scalar(value):
            number = interval_of(value)
            if number is None or (number.low, number.high) not in ((0.0, 0.0), (1.0, 1.0)):
                return None
            continue
        meaning = _of(value)
        if meaning is None:
            return None
        found.append(meaning)
    if not found:
        return BINARY if values else None
    kinds = {m.kind for m in found}
    if len(kinds) > 1:
        if kinds <= {"logits", "activation"}:
            return Meaning("activation")
        return Meaning("probability") if kinds <= {"probability", "binary"} else None
    if len(found) < len(values) and kinds <= {"logits", "image", "class-index"} | set(SUMMED):
        return None
    first = found[0]
    if all(m == first for m in found):
        return first
    return at(first, None) if first.kind in SUMMED else Meaning(first.kind) if first.kind != "image" else None


def _joined(call: Call, meaning: Meaning, rank: int | None) -> Meaning:
    """Images side by side, or one over the other: the layout stays where only a new dimension stands in front."""
    dim = call.integer("dim", "axis") if call.given("dim", "axis") is not None else 0
    stacked = call.op.shape == "stack"
    if dim is None or rank is None:
        return replace(colours.uncertain(meaning), layout="") if dim != 0 else meaning
    place = dim + rank + stacked if dim < 0 else dim
    if place == 0 and (stacked or rank > 3):
        # greyscale images in a stack are several, or the channels of one
        return colours.uncertain(meaning) if stacked and rank == 2 else meaning
    axis = colours.channel_axis(meaning, rank)
    if stacked or axis is None:
        return replace(colours.uncertain(meaning), layout="")
    return colours.uncertain(meaning) if place == rank + axis else meaning


def _cat(call: Call) -> Meaning | None:
    value = call.given("tensors", "input", "arrays")
    items = items_of(value)
    values: list[Value | None] = list(items) if items is not None else [getattr(value, "element", None)]
    meaning = meaning_of_all(values)
    if meaning is None:
        return None
    if meaning.kind == "image":
        first = next((t for t in (as_tensor(v) for v in values) if t is not None), None)
        return _joined(call, meaning, None if first is None or first.shape is None else len(first.shape))
    if meaning.dim is not None:
        dim = call.integer("dim", "axis") if call.given("dim", "axis") is not None else 0
        shape = next((t.shape for t in (as_tensor(v) for v in values) if t is not None), None)
        old = _place(meaning, shape)
        if dim is None or old is None:
            return at(meaning, None)
        if call.op.shape == "stack":
            place = dim if dim >= 0 else None if shape is None else dim + len(shape) + 1
            return at(meaning, None if place is None else old + (place <= old))
        place = dim if dim >= 0 else None if shape is None else dim + len(shape)
        if place is None or place == old:
            return Meaning("probability") if meaning.kind == "distribution" else None
        return at(meaning, old)
    return meaning


def _where(call: Call) -> Meaning | None:
    meaning = meaning_of_all([call["input"], call["other"]])
    return Meaning("probability") if meaning is not None and meaning.kind == "distribution" else meaning


def _layer(call: Call) -> Meaning | None:
    return Meaning("logits") if has_own_weight(call) else None


def _reduced(call: Call) -> Meaning | None:
    """A mean or an extreme over named dimensions keeps what its elements stand for."""
    meaning, shape = call.input.meaning, call.input.shape
    if meaning is None or call.given("dim", "axis") is None or meaning.kind in ("image", "class-index", "loss"):
        return None
    if meaning.kind in SUMMED:
        old = _place(meaning, shape)
        dims = None if shape is None else reduced_dims(call, shape)
        if old is None or dims is None or old in dims or meaning.kind == "log-distribution":
            return Meaning("probability") if meaning.kind == "distribution" else None
        keep = call.flag("keepdim", "keepdims")
        return at(meaning, old if keep else old - sum(1 for d in dims if d < old))
    if meaning.kind == "binary":
        return Meaning("probability") if call.op.short in ("mean",) else meaning
    return meaning


def _summed(call: Call) -> Meaning | None:
    """The sum of logarithms of probabilities is that of a product of probabilities."""
    meaning = call.input.meaning
    if meaning is not None and meaning.kind in ("log-distribution", "log-probability"):
        return Meaning("log-probability")
    return None


def _argmax(call: Call) -> Meaning | None:
    shape = call.input.shape
    dims = None if shape is None or call.given("dim", "axis") is None else reduced_dims(call, shape)
    n = shape[dims[0]] if shape is not None and dims and len(dims) == 1 else None
    return Meaning("class-index", classes=n if isinstance(n, int) else None)


def _cast(call: Call) -> Meaning | None:
    meaning, target = call.input.meaning, dtype_of(call)
    kind = category(target)
    if meaning is None or kind == category(call.input.dtype) or kind is None or kind >= 2:
        return meaning
    if kind == 0:
        return BINARY
    if meaning.kind in ("probability", "binary", "distribution"):
        return BINARY
    if meaning.kind == "image":
        return meaning if meaning.scale == "byte" else None
    return meaning if meaning.kind == "class-index" else None


def _clamp(call: Call) -> Meaning | None:
    meaning = call.input.meaning
    if meaning is not None and meaning.kind == "image":
        return image_after(meaning, range_of(call), False)
    return meaning


def _filled(call: Call) -> Meaning | None:
    """`masked_fill`: ``-inf`` before a softmax leaves logits logits."""
    meaning, value = call.input.meaning, interval_of(call.given("value"))
    if meaning is None:
        return None
    if meaning.kind in ("probability", "binary"):
        return meaning if value is not None and (value.low, value.high) in ((0.0, 0.0), (1.0, 1.0)) else None
    return meaning if meaning.kind in ("logits", "activation", "noise") else None


def _pair(call: Call) -> tuple[Value | None, Value | None]:
    first, second = call.op.parameters.positional[:2]
    return call[first], call[second]


def _constant(call: Call) -> Meaning | None:
    return BINARY if call.op.short.startswith(("zeros", "ones")) else None


def _drawn_integers(call: Call) -> Meaning | None:
    """Random integers: those from 0 to 1 are a binary mask, whatever they were drawn for."""
    found = range_of(call)
    return BINARY if found is not None and (found.low, found.high) == (0.0, 1.0) else Meaning("noise")


MEANING_RULES: dict[str, Callable[[Call], Meaning | None]] = {
    **imaging.MEANINGS,
    "keep": _keep,
    "keep-without-dim": _forget_dim,
    "drop": lambda call: None,
    "randint": _drawn_integers,
    "permute": _permute,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "view": _view,
    "flip": _flip,
    "repeat": _repeated,
    "sigmoid": _sigmoid,
    "softmax": lambda call: Meaning("distribution", softmax_dim(call)),
    "log-softmax": lambda call: Meaning("log-distribution", softmax_dim(call)),
    "hidden": _activation,
    "exp": _exp,
    "log": _log,
    "round": _round,
    "neg": _neg,
    "add": lambda call: meaning_of_sum(*_pair(call), range_of(call)),
    "sub": lambda call: meaning_of_sum(*_pair(call), range_of(call), -1),
    "mul": lambda call: meaning_of_product(*_pair(call), range_of(call)),
    "div": lambda call: meaning_of_product(*_pair(call), range_of(call), True),
    "cat": _cat,
    "where": _where,
    "layer": _layer,
    "reduce": _reduced,
    "sum": _summed,
    "argmax": _argmax,
    "cast": _cast,
    "clamp": _clamp,
    "fill": _filled,
    "copy": lambda call: call.tensor("src" if "src" in call.arguments else "other").meaning,
    "constant": _constant,
    "both": lambda call: meaning_of_all(list(_pair(call))),
    "expanded": lambda call: _expanded(call),
    "part": lambda call: part_of(call.input.meaning),
    "matmul": lambda call: Meaning("logits") if is_free(range_of(call)) else None,
    "einsum": lambda call: Meaning("logits") if is_free(range_of(call)) else None,
    "data": lambda call: _held(call.given("data")),
    "scatter": lambda call: _scattered(call),
    "make-grid": lambda call: _grid_of_images(call),
    "colour": lambda call: _colour(call),
    "array": lambda call: _held(call[call.op.parameters.params[0].name]),
}


def _held(value: Value | None) -> Meaning | None:
    """What an array stands for, or one that is made of a list of arrays."""
    if not isinstance(value, List):
        tensor = as_tensor(value)
        return None if tensor is None else tensor.meaning
    items = value.items if value.items is not None else (value.element,)
    return at(meaning_of_all(list(items)), None) if any(isinstance(item, Tensor) for item in items) else None


def _grid_of_images(call: Call) -> Meaning | None:
    """`make_grid`: what is tiled stays what it is, and anything that is normalised for show becomes an image."""
    meaning, normalized = call.input.meaning, call.flag("normalize")
    if normalized:
        mode = meaning.mode if meaning is not None else ""
        return Meaning("image", scale="unit", layout="CHW", mode=mode)
    return at(meaning, None) if normalized is False else None


def _colour(call: Call) -> Meaning | None:
    """``cv2.cvtColor``: the order of colours is read off the code's name."""
    meaning, name = call.input.meaning, getattr(call.given("code"), "name", "")
    if meaning is None or meaning.kind != "image":
        return None
    source, _, target = name.rsplit("_", 1)[-1].partition("2")
    if {source, target} == {"RGB", "BGR"}:  # one code is the other
        return colours.turned(meaning) if meaning.mode in colours.REVERSED else replace(meaning, mode=target)
    modes = {"RGB": "RGB", "BGR": "BGR", "GRAY": "L", "RGBA": "RGBA", "BGRA": "BGRA"}
    mode = modes.get(target, "")
    if target not in modes and call.input.dtype != "uint8":
        return None  # hues go up to 360
    if source in colours.REVERSED and mode in colours.REVERSED and meaning.mode not in (source, ""):
        mode = ""
    return replace(meaning, mode=mode, layout="" if target == "GRAY" else meaning.layout)


def _scattered(call: Call) -> Meaning | None:
    """Ones written into zeros are a binary mask."""
    values = [interval_of(call["input"]), interval_of(call.given("src", "value"))]
    return BINARY if all(a is not None and (a.low, a.high) in ((0, 0), (1, 1)) for a in values) else None


def _expanded(call: Call) -> Meaning | None:
    """Repeated along dimensions of size 1, perhaps with new ones in front."""
    meaning = call.input.meaning
    if meaning is not None and meaning.mode == "L":
        return colours.uncertain(meaning)
    return at(meaning, meaning.dim if meaning is not None and meaning.dim is not None and meaning.dim < 0 else None)


def part_of(meaning: Meaning | None) -> Meaning | None:
    """Some elements of a tensor: they no longer sum to 1."""
    if meaning is not None and meaning.kind in SUMMED:
        return Meaning("probability" if meaning.kind == "distribution" else "log-probability")
    return replace(meaning, layout="") if meaning is not None and meaning.kind == "image" else meaning


KINDS = frozenset({
    "logits", "activation", "probability", "distribution", "log-distribution", "log-probability", "binary",
    "class-index", "image", "noise", "loss", "standardized", "mask",
})  # fmt: skip


def meaning_of(call: Call) -> Meaning | None:
    """What the result of a call stands for."""
    rule = MEANING_RULES.get(call.op.meaning)
    return rule(call) if rule is not None else Meaning(call.op.meaning)
