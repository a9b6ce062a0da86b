"""The abstract result of a library's operation: what its contract says, worked out for these arguments.

`apply` performs a row on bound arguments, `apply_module` a layer's call, `attribute` an attribute of a tensor;
`binary`, `unary` and `subscript` are the operators. The arguments are free of alternatives at top level.

Worked example: ``apply(row of torch.sigmoid, {"input": UNKNOWN}, place, "torch.sigmoid")`` is a tensor of float
dtype and unknown shape in [0, 1], meaning a probability, whose trail ends in "`torch.sigmoid` → [0, 1]".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from torchlint.flow import shape as sizes
from torchlint.flow.interval import INF, Interval
from torchlint.flow.library import ranges
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.library.dtypes import category, dtype_of
from torchlint.flow.library.meanings import meaning_of, permuted
from torchlint.flow.library.operators import binary, grad_of, holder_of, note, run_of, trail_of, unary, unknown_binary
from torchlint.flow.library.reading import Call, as_tensor, axis_size, size_value
from torchlint.flow.library.refusals import Refused
from torchlint.flow.library.results import PACKED, RESULT_RULES, without
from torchlint.flow.library.shapes import shape_of
from torchlint.flow.library.subscripts import ELLIPSIS, Ellipse, SliceIndex, some, subscript
from torchlint.flow.library.tables import Module, Operation
from torchlint.flow.library.widths import width_of
from torchlint.flow.shape import Shape
from torchlint.flow.values import (
    UNKNOWN,
    Const,
    Library,
    List,
    Number,
    Place,
    Several,
    Tensor,
    Trail,
    Tuple,
    Unknown,
    Value,
    Via,
    list_of,
)  # fmt: skip

_MOVES = ("same", "same-loose", "cast")
_SILENT_MEANINGS = ("keep", "keep-without-dim", "permute", "squeeze", "unsqueeze", "view", "cast", "reduce")


def apply(
    op: Operation, arguments: Mapping[str, Value], place: Place, spelled: str, made: Place | None = None,
    operand: int | None = None, spatial: int = 0,
) -> Value:  # fmt: skip
    """The result of an operation on bound arguments; `spelled` is how the program writes it.

    A layer's operation is given the layer's constructor arguments too, under their own names; `made` is then where
    the layer was constructed. operand: the number of the node that spells the first argument; spatial: how many
    dimensions the layer takes for those of space.
    """
    first = op.parameters.params[0].name if op.parameters.params else ""
    if first in arguments and next(iter(arguments)) != first:
        arguments = {first: arguments[first], **arguments}
    call = Call(op, arguments, spatial)
    via = Via(op.verb, arguments, place, made, operand, spelled, op.name)
    try:
        return _result(call, via, None, known=False)
    except Refused as refused:
        if not _certain(call):
            return Tensor(grad=_grad(call, list(call.tensors())), via=via)
        via = replace(via, refused=refused.refusal)
        if refused.several:
            return Unknown(None, via)
        if refused.shape is not None:
            return _result(call, via, refused.shape, known=True)
        tensors = list(call.tensors())
        return Tensor(
            grad=_grad(call, tensors), trail=trail_of(tensors), run=run_of(tensors), via=via, last=width_of(call)
        )


def _certain(call: Call) -> bool:
    """Whether it is torch that refuses, rather than a library that takes more."""
    torch = call.op.name.partition(".")[0] in ("torch", "einops")
    return torch and all(tensor.holder == "tensor" for tensor in call.tensors())


def _result(call: Call, via: Via, shape: Shape, *, known: bool) -> Value:
    """The result, and its shape if that is `known` already.

    Raises:
        Refused: torch refuses these arguments.
    """
    op, place, spelled = call.op, via.place, via.text
    first = next(iter(call.arguments), "")
    if op.name == "torch.nn.Identity.forward" and isinstance(call.arguments.get(first), Tensor):
        return _given_by(via, call.arguments[first])  # a picture too is given back as it is
    if op.result:
        try:
            result = RESULT_RULES[op.result](call)
        except Refused as refused:
            refused.several = True
            raise
        if result is not None:
            if op.holder:
                result = _held(result, op.holder)
            return _given_by(via, result if op.grad != "detach" else _detached(result))
    tensors = list(call.tensors())
    if not tensors:
        number = as_tensor(call[op.parameters.params[0].name]) if op.parameters.params else None
        tensors = [] if number is None else [number]
    shape = shape if known else shape_of(call)
    found, dtype = ranges.range_of(call), dtype_of(call)
    if category(dtype) == 1 and found is not None:
        found = ranges.cast(found, dtype, dtype)
    parent = trail_of(tensors)
    moves = op.range in _MOVES and op.meaning in _SILENT_MEANINGS
    resized = "pool" in op.shape
    before = call.input
    trail = parent
    if not moves or (resized and shape is not None and shape != before.shape):
        told = shape if shape != before.shape or op.range in ("affine", "real") else None
        if found != before.range or told is not None or op.meaning not in _SILENT_MEANINGS:
            trail = Trail(place, note(spelled, found, told), parent)
    grad = _grad(call, tensors)
    if grad == "attached" and category(dtype) in (0, 1):
        grad = "detached"  # integers have no gradient
    meaning = meaning_of(call)
    if grad == "attached" and op.grad == "none" and (meaning is None or meaning.kind != "image"):
        found, meaning = _trained(found), None if meaning is not None and meaning.kind == "binary" else meaning
    return Tensor(
        found, meaning, dtype, shape, grad, trail, run_of(tensors),
        op.holder or holder_of(tensors), via, width_of(call) if shape is None else None,
    )  # fmt: skip


def _given_by(via: Via, value: Value) -> Value:
    """A result that a rule of its own made, with the operation noted on its tensors and numbers."""
    if isinstance(value, Tensor):
        return value.with_(via=via)
    if isinstance(value, Number):
        return value if value.via is not None else Number(value.dim, value.interval, via, value.kind)
    if isinstance(value, List) and value.items is None:
        return list_of(_given_by(via, value.element), value.kind)
    if not isinstance(value, Tuple):
        return value
    several = Several(via.op, via.arguments, via.place, via.made, via.operand, via.text, via.full)
    return _each(several, value, ())


def _each(via: Several, value: Value, part: tuple[int, ...]) -> Value:
    """One of several results, with the operation noted on it, or what that holds."""
    if isinstance(value, Tuple):
        return Tuple(tuple(_each(via, item, (*part, i)) for i, item in enumerate(value.items)))
    noted = _given_by(via, value)
    via.results.append((noted, part))
    return noted


def _grad(call: Call, tensors: Sequence[Tensor]) -> str | None:
    how = call.op.grad
    wanted = call.given("requires_grad")
    if wanted is not None and how == "none":
        flag = call.flag("requires_grad")
        return "attached" if flag else "detached" if flag is False else None
    if how == "detach" or how == "none":
        return "detached"
    if how == "parameters" and "weight" not in call.arguments:
        trained = call.flag("affine", "elementwise_affine", default=True)
        if trained is not False:
            return "attached" if trained else None
    if not tensors and call.op.meaning == "noise":
        return "detached"
    if not tensors and call.only_data():
        return "detached"
    return grad_of(list(tensors), call.unknowns())


def _trained(made: Interval | None) -> Interval | None:
    """The range of what is made to be trained: what it begins with says nothing of where it goes."""
    return made if made is not None and made.low == -made.high == -INF else None


def _held(value: Value, holder: str) -> Value:
    if isinstance(value, Tensor):
        return value.with_(holder=holder)
    if isinstance(value, List) and value.items is None:
        return list_of(_held(value.element, holder), value.kind)
    return Tuple(tuple(_held(item, holder) for item in value.items)) if isinstance(value, Tuple) else value


def _detached(value: Value) -> Value:
    if isinstance(value, Tensor):
        return value.with_(grad="detached")
    return Tuple(tuple(_detached(item) for item in value.items)) if isinstance(value, Tuple) else value


def apply_module(
    contracts: Contracts, row: Module, made: Mapping[str, Value], args: Sequence[Value], keywords: Mapping[str, Value],
    place: Place, spelled: str, constructed: Place | None = None, operand: int | None = None,
) -> Value:  # fmt: skip
    """The result of calling a layer: `made` are its constructor's bound arguments, `constructed` is where it ran."""
    op = contracts.operation(row.calls)
    if op is None:
        return UNKNOWN
    return apply(op, module_arguments(row, made, args, keywords), place, spelled, constructed, operand, row.spatial)


def module_arguments(
    row: Module, made: Mapping[str, Value], args: Sequence[Value], keywords: Mapping[str, Value]
) -> dict[str, Value]:
    """The arguments of the operation that a layer's call performs: the constructor's, then the call's own."""
    bound = row.call_parameters.bind(args, keywords)
    return {**made, **bound}


def attribute(tensor: Tensor, name: str) -> Value | None:
    """An attribute of a tensor that is not a method; None if it is not one of these."""
    shape = tensor.shape
    if name == "shape":
        return UNKNOWN if shape is None else Tuple(tuple(axis_size(tensor, i) for i in range(len(shape))))
    if name == "ndim":
        return Number(kind="int") if shape is None else Const(len(shape))
    if name in ("T", "mT", "H", "mH"):
        order: tuple[int, ...] | None = None
        if shape is not None:
            n = len(shape)
            order = tuple(reversed(range(n))) if name == "T" or n < 2 else (*range(n - 2), n - 1, n - 2)
        moved: Shape = None if shape is None or order is None else tuple(shape[i] for i in order)
        return tensor.with_(shape=moved, meaning=permuted(tensor.meaning, order))
    if name == "data" and tensor.holder == PACKED:
        return tensor.with_(shape=(None, tensor.width), holder="tensor")
    if name == "data":
        return tensor.with_(grad="detached")
    if name == "grad":
        return Tensor(None, None, tensor.dtype, shape, "detached")
    if name == "dtype":
        return UNKNOWN if tensor.dtype in (None, "float") else Library(
            f"{'numpy' if tensor.holder == 'numpy' else 'torch'}.{tensor.dtype}")  # fmt: skip
    if name == "requires_grad":
        return Const(True) if tensor.grad == "attached" else UNKNOWN
    if name == "real" and category(tensor.dtype) != 3:
        return tensor if tensor.dtype is not None else tensor.with_(range=None, meaning=None)
    if name == "imag":
        return tensor.with_(range=None, meaning=None, dtype=None)
    if name == "size" and tensor.holder == "numpy":
        return Number(kind="int") if shape is None else size_value(sizes.product(shape))
    return None


def length(tensor: Tensor) -> Value:
    """``len(tensor)``."""
    return size_value(tensor.shape[0]) if tensor.shape else Number(kind="int")


def iterate(tensor: Tensor) -> tuple[Tensor, int | None]:
    """What a loop over a tensor is given each time, and how many times if that is known."""
    count = tensor.shape[0] if tensor.shape else None
    return without(tensor, 0 if tensor.shape else None), count if isinstance(count, int) else None


__all__ = [
    "ELLIPSIS", "Ellipse", "SliceIndex", "apply", "apply_module", "attribute", "binary", "iterate", "length",
    "module_arguments", "some", "subscript", "unary", "unknown_binary",
]  # fmt: skip
