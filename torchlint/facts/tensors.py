"""Operations on tensors, and pictures that are made of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from torchlint.facts.base import Fact
from torchlint.facts.computation import core, operand
from torchlint.facts.levels import Levels
from torchlint.flow.values import Const, Number, Place, Tensor, Value

SOFTMAXES = frozenset({"softmax", "log_softmax", "softmin", "Softmax2d", "gumbel_softmax"})

#: Operations that leave every element where it was.
ELEMENTWISE = frozenset(
    {"sigmoid", "logsigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "dropout", "dropout2d"}
)

#: Operations that work along the last dimension by themselves.
LAST = {"multinomial": -1, "topk": -1, "Categorical": -1}


def from_left(dim: int | None, tensor: Tensor) -> int | None:
    """A dimension of a tensor counted from the left; None if that is not known."""
    if dim is None or dim >= 0:
        return dim
    return dim + len(tensor.shape) if tensor.shape is not None else None


def along(op: str, arguments: Mapping[str, Value], given: Tensor, result: Tensor | None) -> int | None:
    """The dimension that an operation works along, counted from the left; None if it is not known."""
    if op in SOFTMAXES:
        return from_left(result.meaning.dim, given) if result is not None and result.meaning is not None else None
    return from_left(written_dim(op, arguments), given)


def size_along(op: str, arguments: Mapping[str, Value], given: Tensor, result: Tensor | None) -> int | None:
    """The size of the dimension that an operation works along; None if it is not known.

    Of an input of unknown shape it is known where that is the last dimension of what a linear layer gave.
    """
    if given.shape is None:
        made, moved = source_of(given)
        via = made.via if isinstance(made, Tensor) and not moved and written_dim(op, arguments) == -1 else None
        size = via.arguments.get("out_features") if via is not None and via.op == "linear" else None
        return size.value if isinstance(size, Const) and isinstance(size.value, int) else None
    dim = along(op, arguments, given, result)
    found = given.shape[dim] if dim is not None and dim < len(given.shape) else None
    return found if isinstance(found, int) else None


def written_dim(op: str, arguments: Mapping[str, Value]) -> int | None:
    """The dimension that an operation is told to work along, or does by itself, as it is counted there."""
    value = next((arguments[name] for name in ("dim", "axis") if name in arguments), Const(LAST.get(op)))
    if isinstance(value, Const) and isinstance(value.value, int) and not isinstance(value.value, bool):
        return value.value
    return None


def along_features(tensor: Tensor, dim: int | None) -> bool:
    """Whether the dimension of size 1 is that of the outputs of the layer that made the tensor, which has one."""
    inner, moved = source_of(tensor)
    axis = features_axis(inner)
    if not isinstance(inner, Tensor) or inner.shape is None or axis is None or inner.shape[axis] != 1:
        return False
    return inner.shape.count(1) == 1 if moved else dim == axis


def source_of(tensor: Tensor) -> tuple[Value | None, bool]:
    """What a tensor was before moves and operations on each of its elements, and whether it was moved."""
    value: Value | None = tensor
    moved = False
    while True:
        inner = core(value)
        moved = moved or inner is not value
        if not isinstance(inner, Tensor) or inner.via is None or inner.via.op not in ELEMENTWISE:
            return inner, moved
        value = operand(inner.via)


def features_axis(value: Value | None) -> int | None:
    """The dimension along which the outputs of the layer lie that made a tensor, counted from the left; None if no
    such layer made it."""
    if not isinstance(value, Tensor) or value.via is None or not value.shape:
        return None
    op, rank = value.via.op, len(value.shape)
    if op == "linear":
        return rank - 1
    if op == "model":
        return 1 if rank > 1 else None
    spatial = int(op[-2]) if op.startswith("conv") and op[-2:-1].isdigit() else None
    return rank - 1 - spatial if spatial is not None and rank > spatial else None


class OpCalled(Fact, frozen=True):
    """An operation was performed on a tensor: as a function, a method, an operator or a layer.

    op: what torch calls it: ``softmax``, ``log_softmax``, ``sigmoid``, ``argmax``, ``max``, ``gather``, ``round``,
        ``gt`` (which is ``>``), …. input: the tensor; result: what came of it, the values where indices come too.
    arguments: all arguments by name, defaults included. made: where the layer was constructed, None for anything else.
    text: how the program spells it (``F.softmax``, ``nn.Softmax(dim=0)``, ``.argmax()``, ``output > 0.5``).
    losses: the families of the losses that values made by the same last layer as the input meet anywhere in the
        program, such as ``bce-with-logits``. activated: the activations that stand between those values and their
        losses, ``sigmoid`` or ``softmax``, whether the loss or the program applies them.
    sizes: the sizes along its dimension in all calls of the program at this place, as far as they are known. ranks,
        kinds: the ranks of its input in all those calls, and the kinds of its meanings; None among them where one is
        not known.
    used: what is done with its result, with the indices where it gives those too: the operations performed on it that
        are facts themselves, and for a mask of booleans all of them.
    arguments_at: where its arguments stand, by name; for a layer those of its construction. input_at: where its
        input does.
    """

    op: str
    input: Tensor
    result: Tensor | None
    arguments: Mapping[str, Value]
    made: Place | None
    text: str
    losses: frozenset[str] = frozenset()
    activated: frozenset[str] = frozenset()
    sizes: frozenset[int] = frozenset()
    ranks: frozenset[int | None] = frozenset()
    kinds: frozenset[str | None] = frozenset()
    used: frozenset[str] = frozenset()
    arguments_at: Mapping[str, Place] = msgspec.field(default_factory=dict)
    input_at: Place | None = None

    def given(self, *names: str) -> bool:
        """Whether one of these arguments is there and is not None."""
        return any(not (isinstance(v := self.arguments.get(n, Const(None)), Const) and v.value is None) for n in names)

    def constant(self, *names: str) -> float | str | bool | None:
        """The value of the first of these arguments that is there, if it is a constant; else None."""
        for name in names:
            value = self.arguments.get(name)
            if value is not None:
                return value.value if isinstance(value, Const) else None
        return None

    def integer(self, *names: str) -> int | None:
        """A constant argument that is a whole number; None for anything else."""
        value = self.constant(*names)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def dim(self, *names: str) -> int | None:
        """A dimension of the input, counted from the left: the argument of one of these names, default ``dim``.

        None where it is left out, not constant, or counted from the right of a tensor of unknown rank.
        """
        return from_left(self.integer(*(names or ("dim", "axis"))), self.input)

    def along(self) -> int | None:
        """The dimension that it works along, counted from the left, that which torch chooses included; None if it is
        not known or there is no single one."""
        return along(self.op, self.arguments, self.input, self.result)

    def single(self) -> bool:
        """Whether it works along the outputs of a layer that has one, here and wherever the program calls it."""
        if self.sizes != {1} or size_along(self.op, self.arguments, self.input, self.result) != 1:
            return False
        return self.input.shape is None or along_features(self.input, self.along())

    def other(self) -> Tensor | float | None:
        """The second operand of an operator: a tensor, a number, or None if it is not known."""
        value = self.arguments.get("other")
        if isinstance(value, Const) and isinstance(value.value, (int, float)):
            return float(value.value)
        if isinstance(value, Number) or not isinstance(value, Tensor):
            return None
        return value


class ImageShown(Fact, frozen=True):
    """A tensor was shown or saved as a picture.

    does: ``show`` or ``save``; function: the function that did it (``save_image``). text, input_at: how and where the
    program spells the tensor. source: what it was before it was moved about and multiplied by numbers.
    losses, activated: as in `OpCalled`, for the source. levels: what black and white are, if that is known. takes: what
    the function takes numbers with a fraction for, cutting off the rest: ``unit`` ([0, 1]) or ``bytes`` ([0, 255]),
    empty if it does not, or scales this picture by what it holds. restored: whether the file also
    shows it with black at 0.
    """

    does: str
    function: str
    input: Tensor
    text: str
    input_at: Place | None
    source: Tensor
    losses: frozenset[str]
    activated: frozenset[str]
    levels: Levels | None = None
    takes: str = ""
    restored: bool = False
