"""The last dimension of a result whose rank is not known.

Definitions
    width  the size of the last dimension: `Tensor.width`

Worked example: ``nn.Linear(64, 1)`` on a tensor of unknown shape has the width 1, and so has the sigmoid of that; a
``view`` of it has none that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torchlint.flow import shape as sizes
from torchlint.flow.library.reading import Call, as_tensor, dim_of, is_scalar
from torchlint.flow.shape import Dim
from torchlint.flow.values import Tensor, Value


def _of(value: Value | None) -> Dim:
    """The width of an operand of elementwise arithmetic: 1 for a number."""
    if is_scalar(value):
        return 1
    tensor = as_tensor(value)
    return None if tensor is None else 1 if tensor.shape == () else tensor.width


def broadcast(values: Sequence[Value | None]) -> Dim:
    """The width of an elementwise operation on these operands."""
    result: Dim = 1
    for value in values:
        joined = sizes.broadcast((result,), (_of(value),))
        result = None if joined is None else joined[0]
    return result


def _linear(call: Call) -> Dim:
    weight = as_tensor(call["weight"])
    if weight is not None and weight.shape is not None:
        return weight.shape[0] if len(weight.shape) == 2 else None
    return dim_of(call["out_features"])


def _embedding(call: Call) -> Dim:
    weight = as_tensor(call["weight"])
    if weight is not None and weight.shape is not None and len(weight.shape) == 2:
        return weight.shape[1]
    return dim_of(call["embedding_dim"])


def _one_hot(call: Call) -> Dim:
    classes = call.integer("num_classes")
    return classes if classes is not None and classes > 0 else None


def _unsqueezed(call: Call) -> Dim:
    return 1 if call.integer("dim", "axis") == -1 else None


def _reduced(call: Call) -> Dim:
    """A reduction over the last dimension that keeps it."""
    return 1 if call.flag("keepdim", "keepdims") and call.integer("dim", "axis") == -1 else None


def matmul(left: Value | None, right: Value | None) -> Dim:
    """The width of ``left @ right``: that of a matrix on the right."""
    second = as_tensor(right)
    known = second is not None and second.shape is not None and len(second.shape) >= 2
    return second.width if known and isinstance(second, Tensor) else None


def _pair(call: Call) -> tuple[Value | None, Value | None]:
    first, second = call.op.parameters.positional[:2]
    return call[first], call[second]


_RULES: dict[str, Callable[[Call], Dim]] = {
    "same": lambda call: call.input.width,
    **dict.fromkeys(
        (
            "batch-norm",
            "instance-norm",
            "group-norm",
            "layer-norm",
            "prelu",
            "same-dims",
            "triangle",
            "encoder",
            "decoder",
            "channel-shuffle",
        ),
        lambda call: call.input.width,
    ),
    "linear": _linear,
    "bilinear": lambda call: dim_of(call["out_features"]),
    "embedding": _embedding,
    "one-hot": _one_hot,
    "unsqueeze": _unsqueezed,
    "reduce": _reduced,
    "norm": _reduced,
    "broadcast": lambda call: broadcast(_pair(call)),
    "where": lambda call: broadcast([call[name] for name in ("condition", "input", "other")]),
    "matmul": lambda call: matmul(*_pair(call)),
}


def width_of(call: Call) -> Dim:
    """The width of the result of a call whose shape is not known."""
    rule = _RULES.get(call.op.shape)
    return None if rule is None else rule(call)
