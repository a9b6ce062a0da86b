"""What torch refuses: arguments whose sizes cannot go together, whatever their symbols stand for.

Definitions
    refusal   what does not fit, as plain data: the two sizes, their dimension, and a few words
    certain   a rule refuses only what torch refuses for every value of the symbols, and only where all that the refusal
              rests on is known; everything else is merely unknown

Worked example: ``nn.Linear(400, 120)`` on B×576 raises ``Refused(Refusal("features", 576, 400, 1))``. The operation is
then noted on its result with the refusal (`values.Via.refused`), and the interpreter makes an event of it.

Kinds, with what `left` and `right` are:

    channels   the channels of the input, and those that a convolution or a normalisation takes
    features   the last dimension of the input, and the features that the layer takes
    sizes      two sizes that elementwise operands have in one dimension, or two shapes
    cat        two sizes of joined tensors in a dimension along which they are not joined
    matmul     the columns of the first factor, and the rows of the second
    view       the number of elements that there are, and that which is asked for
    empty      a size, and the window that is larger than it
    rank       the number of dimensions that there are, and that which is taken
    split      a size, and the sum of the parts, or their number
    einsum     two sizes under one letter
    einops     two sizes under one name, or a size and the product that has to divide it
    argument   an argument, and what is its bound
"""

from __future__ import annotations

from typing import Union

import msgspec

from torchlint.flow.shape import Dim, Shape, differs, divide_exactly

#: What a refusal names: a size, or a whole shape.
Named = Union[Dim, tuple[Dim, ...]]

#: The kinds of refusals.
KINDS = frozenset({
    "channels", "features", "sizes", "cat", "matmul", "view", "empty", "rank", "split", "einsum", "einops", "argument",
})  # fmt: skip


class Refusal(msgspec.Struct, frozen=True):
    """What does not fit: `kind` is one of `KINDS`, `left` is what was given, `right` what it does not fit; dim: the
    dimension, counted from the left, where there is one; note: what `left` and `right` do not say."""

    kind: str
    left: Named = None
    right: Named = None
    dim: int | None = None
    note: str = ""


class Refused(Exception):  # noqa: N818  a verdict, which the caller of a rule turns into data
    """Torch raises here. shape: what the result would have, where that depends on nothing that is refused; several:
    whether the result would have been something else than one tensor."""

    def __init__(self, refusal: Refusal, shape: Shape = None) -> None:
        super().__init__(refusal)
        self.refusal = refusal
        self.shape = shape
        self.several = False


def firm(shape: Shape) -> bool:
    """Whether a rank may be relied on: that of a layer's output is a guess where its input is unknown, and then no more
    than one of its sizes is known, which is not the first."""
    return shape is not None and (not shape or shape[0] is not None or sum(d is not None for d in shape) > 1)


def need_rank(shape: Shape, *ranks: int, note: str = "") -> None:
    """Refuse a shape of any other rank.

    Raises:
        Refused: the rank is known, and none of these.
    """
    if shape is not None and len(shape) not in ranks and firm(shape):
        raise refuse("rank", len(shape), ranks[-1], None, note)


def need_same(kind: str, given: Dim, taken: Dim, dim: int | None = None, note: str = "") -> None:
    """Refuse two sizes that have to be equal.

    Raises:
        Refused: they certainly differ.
    """
    if differs(given, taken):
        raise refuse(kind, given, taken, dim, note)


def need_divisible(kind: str, given: Dim, part: Dim, dim: int | None = None, note: str = "") -> Dim:
    """given / part of what has to be divisible; unknown if it is not known to be.

    Raises:
        Refused: something certainly remains.
    """
    if isinstance(given, int) and isinstance(part, int) and (part == 0 or given % part):
        raise refuse(kind, given, part, dim, note or "not divisible")
    return divide_exactly(given, part)


def refuse(kind: str, left: Named = None, right: Named = None, dim: int | None = None, note: str = "") -> Refused:
    """The exception for a refusal."""
    return Refused(Refusal(kind, left, right, dim, note))
