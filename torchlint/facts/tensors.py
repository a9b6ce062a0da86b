"""Operations on tensors, and pictures that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torchlint.facts.base import Fact
from torchlint.flow.values import Const, Number, Place, Tensor, Value


@dataclass(frozen=True, slots=True)
class OpCalled(Fact):
    """An operation was performed on a tensor: as a function, a method, an operator or a layer.

    op: what torch calls it: ``softmax``, ``log_softmax``, ``sigmoid``, ``argmax``, ``max``, ``gather``, ``round``,
        ``gt`` (which is ``>``), …. input: the tensor; result: what came of it, the values where indices come too.
    arguments: all arguments by name, defaults included. made: where the layer was constructed, None for anything else.
    text: how the program spells it (``F.softmax``, ``nn.Softmax(dim=0)``, ``.argmax()``, ``output > 0.5``).
    losses: the families of the losses that values made by the same last layer as the input meet anywhere in the
        program, such as ``bce-with-logits``.
    """

    op: str
    input: Tensor
    result: Tensor | None
    arguments: Mapping[str, Value]
    made: Place | None
    text: str
    losses: frozenset[str] = frozenset()

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
        value = self.integer(*(names or ("dim", "axis")))
        if value is None or value >= 0:
            return value
        return value + len(self.input.shape) if self.input.shape is not None else None

    def size(self) -> int | None:
        """The size of the input along `dim`, if both are known."""
        dim, shape = self.dim(), self.input.shape
        if dim is None or shape is None or dim >= len(shape):
            return None
        size = shape[dim]
        return size if isinstance(size, int) else None

    def other(self) -> Tensor | float | None:
        """The second operand of an operator: a tensor, a number, or None if it is not known."""
        value = self.arguments.get("other")
        if isinstance(value, Const) and isinstance(value.value, (int, float)):
            return float(value.value)
        if isinstance(value, Number) or not isinstance(value, Tensor):
            return None
        return value


@dataclass(frozen=True, slots=True)
class ImageShown(Fact):
    """A tensor was shown or saved as a picture.

    does: ``show`` or ``save``; function: the function that did it (``save_image``). losses: as in `OpCalled`.
    """

    does: str
    function: str
    input: Tensor
    losses: frozenset[str] = field(default_factory=frozenset)
