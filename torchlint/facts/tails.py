"""What stands behind the last layer of a model: the operations on each of its outputs, or that normalise them.

Definitions
    affine  a linear or convolutional layer, as the program constructed it
    tail    the operations after the last affine layer behind a tensor, moves aside, the first of them first

Worked example: ``nn.Sequential(nn.Linear(8, 2), nn.BatchNorm1d(2), nn.ReLU())`` ends in a tail of two operations.
"""

from __future__ import annotations

import msgspec

from torchlint.facts.computation import core, operand
from torchlint.flow.values import Const, Place, Tensor, Value

AFFINE = frozenset({"linear", *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3))})
NORMS = frozenset({"batch_norm", "layer_norm", "instance_norm", "group_norm", "rms_norm"})
DROPOUTS = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"})
ACTIVATIONS = frozenset(
    {
        "sigmoid", "logsigmoid", "tanh", "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu",
        "silu", "mish", "softplus", "hardtanh", "hardsigmoid", "hardswish", "softmax", "log_softmax",
    }
)  # fmt: skip
#: Operations behind the last layer that are looked through.
MOST = 6


class Tail(msgspec.Struct, frozen=True):
    """One operation behind the last layer.

    kind: ``norm``, ``dropout`` or ``activation``; op: what torch calls it; place: where its layer was constructed, or
    else the call; text: as the program spells it; share: of a dropout, how much it drops, None if that is not known;
    last: how the program spells the affine layer.
    """

    kind: str
    op: str
    place: Place
    text: str
    share: float | None
    last: str


def tail(tensor: Tensor | None) -> tuple[Tail, ...]:
    """The tail of a tensor; empty if there is none, or where something else stands in it."""
    found: list[Tail] = []
    value: Value | None = core(tensor)
    while isinstance(value, Tensor) and value.via is not None and len(found) <= MOST:
        via = value.via
        if via.op in AFFINE:
            return tuple(_with_last(one, via.text) for one in reversed(found)) if via.made is not None else ()
        kind = _kind(via.op)
        if kind is None:
            return ()
        share = via.arguments.get("p")
        number = share.value if isinstance(share, Const) and isinstance(share.value, (int, float)) else None
        found.append(Tail(kind, via.op, via.made or via.place, via.text, number, ""))
        value = core(operand(via))
    return ()


def _kind(op: str) -> str | None:
    if op in NORMS:
        return "norm"
    if op in DROPOUTS:
        return "dropout"
    return "activation" if op in ACTIVATIONS else None


def _with_last(one: Tail, last: str) -> Tail:
    return Tail(one.kind, one.op, one.place, one.text, one.share, last)
