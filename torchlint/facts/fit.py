"""How the shape of a loss's target stands to that of its output.

Definitions
    ids     a target of class ids: the output's shape without dimension 1, which counts the classes
    misfit  what is wrong with the two shapes, whatever their unknown sizes are

Worked example: an output of B×1 and a target of B do not fit. `BCELoss` refuses them; `MSELoss` compares every value of
the one with every value of the other, B×B pairs. Where the output comes from a linear layer on something unknown, its
last size is all that is known, and a target of B says that it has B rows.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from torchlint.flow import shape as sizes
from torchlint.flow.library.dtypes import category
from torchlint.flow.shape import Dim, Linear
from torchlint.flow.values import Tensor

Dims = tuple[Dim, ...]


class Form(msgspec.Struct, frozen=True):
    """What a loss says of its target's dtype and shape: the contract's words, see `tables.Loss`."""

    dtype: str = ""
    same_shape: bool = False
    broadcasts: bool = False
    per_class: bool = False
    distribution: bool = False


Kind = Literal[
    "unit", "per-class", "classes", "batch", "last", "flat", "rank", "refused", "outer", "single", "incompatible"
]


class Misfit(msgspec.Struct, frozen=True):
    """An output and a target that a loss cannot, or should not, compare.

    kind, for a loss that takes class ids:
        unit: the target has size 1 where the output counts classes. per-class: it has the output's shape, and is either
        of integers or given to a loss that takes no probabilities. classes: it has another number of classes. batch:
        another number of samples. last: the output counts its classes in the last dimension. flat: the output has one
        value a sample, and no dimension for classes. rank: another number of dimensions.
    kind, for a loss that compares value by value:
        refused: the shapes differ, and the loss raises. outer: both are broadcast, so that values of different samples
        are compared. single: one value is compared with several. incompatible: they cannot be broadcast.
    output, target: the shapes, as far as they are known.
    """

    kind: Kind
    output: Dims
    target: Dims

    @property
    def broadcast(self) -> Dims:
        """The shape that both are broadcast to."""
        return sizes.broadcast(self.output, self.target) or ()


def misfit(output: Tensor | None, target: Tensor | None, form: Form) -> Misfit | None:
    """The misfit of an output and a target that a loss of that form is given; None if they fit, or may."""
    known = shapes(output, target) if output is not None and target is not None else None
    if known is None or output is None or target is None:
        return None
    kind: Kind | None = None
    if form.per_class:
        if output.shape is None and len(known[1]) > 1 and not _rows(target):
            # of whatever rank the output is, its last size would have to be the target's
            column = len(known[1]) == 2 and known[1][1] == 1 and known[0][1] != 1
            return Misfit("unit", *known) if column else None
        kind = _ids_kind(*known, category(target.dtype), form.distribution)
    elif form.same_shape:
        kind = _broadcast_kind(*known) if form.broadcasts else _strict_kind(*known)
    return None if kind is None else Misfit(kind, *known)


def _rows(target: Tensor) -> bool:
    """Whether a target has a row of numbers for each class id: one-hot rows, or floats, which are no class ids."""
    binary = target.meaning is not None and target.meaning.kind == "binary"
    return category(target.dtype) == 2 or (binary and isinstance(target.width, int) and target.width > 2)


def class_count(output: Tensor | None, target: Tensor | None) -> int | None:
    """How many classes a loss on class ids takes an output to have; None if that is not known."""
    if output is None:
        return None
    shape = output.shape
    if shape is None:
        # a row of scores a sample, as nearly always where a target is not known to have more dimensions
        flat = target is None or target.shape is None or len(target.shape) <= 1
        return output.last if flat and isinstance(output.last, int) else None
    size = None if not shape else shape[0] if len(shape) == 1 else shape[1]
    return size if isinstance(size, int) else None


def shapes(output: Tensor, target: Tensor) -> tuple[Dims, Dims] | None:
    """Both shapes; of a shape of which the last size only is known, what the other one says of it."""
    first, second = output.shape, target.shape
    if first is None and second is not None:
        first = _beside(output.last, second)
    elif second is None and first is not None and len(first) == 2 and target.last not in (None, 1):
        second = _beside(target.last, first)
    elif first is None and second is None and None not in (output.last, target.last) and target.last != 1:
        first, second = (None, output.last), (None, target.last)
    return None if first is None or second is None else (first, second)


def _beside(last: Dim, other: Dims) -> Dims | None:
    """The shape that ends in `last`, of a tensor that is compared with one of the shape `other`."""
    if last is None or not other:
        return None
    if len(other) == 1:
        rows = other[0]
        batch = isinstance(rows, Linear) or (isinstance(rows, int) and rows > 1 and rows != last)
        return (rows, last) if batch else None
    return (*(None,) * (len(other) - 1), last)


def _ids_kind(output: Dims, target: Dims, kind: int | None, distribution: bool) -> Kind | None:
    """A target of class ids, or of probabilities if the loss takes a `distribution`. kind: the category of its dtype.

    Sizes beyond dimension 1 are not looked at.
    """
    integers = kind is not None and kind < 2
    if len(output) < 2:
        if len(output) == len(target) == 1:
            return "flat" if integers or not distribution else None
        return "rank" if output and target else None
    if len(target) == len(output):
        return _same_rank(output, target, integers, distribution)
    if len(target) != len(output) - 1:
        return "rank"
    if sizes.differs(output[0], target[0]):
        return "batch"
    return "last" if len(output) > 2 and _classes_last(output, target) else None


def _same_rank(output: Dims, target: Dims, integers: bool, distribution: bool) -> Kind | None:
    classes, other = output[1], target[1]
    ids = integers or not distribution
    if other == 1 and classes != 1 and (ids or classes is not None):
        return "unit"
    if ids:
        return "per-class" if sizes.same(classes, other) else "rank"
    if sizes.differs(output[0], target[0]):
        return "batch"
    return "classes" if sizes.differs(classes, other) else None


def _classes_last(output: Dims, target: Dims) -> bool:
    """B×T×C against B×T: the target has the output's other sizes in their order, and not those behind dimension 1."""
    ahead = zip(output[1:-1], target[1:], strict=True)
    behind = list(zip(output[2:], target[1:], strict=True))
    if not all(sizes.same(a, b) for a, b in ahead) or any(sizes.same(a, b) for a, b in behind[-1:]):
        return False
    return any(sizes.differs(a, b) for a, b in behind) or isinstance(output[-1], int)


def _strict_kind(output: Dims, target: Dims) -> Kind | None:
    """A loss that insists on equal shapes; sizes of images that differ are not looked at."""
    if len(output) != len(target):
        return "refused"
    apart = [i for i, (a, b) in enumerate(zip(output, target, strict=True)) if sizes.differs(a, b)]
    if len(output) > 2 and any(i > 1 and 1 not in (output[i], target[i]) for i in apart):
        return None
    return "refused" if apart else None


def _broadcast_kind(output: Dims, target: Dims) -> Kind | None:
    """A loss that broadcasts; sizes of images that differ are not looked at."""
    if len(output) == len(target):
        leading = list(zip(output, target, strict=True))[:2]
        if any(_apart(a, b) for a, b in leading):
            return "incompatible"
        alone = len(output) != 3 and len(leading) == 2 and leading[1][0] == 1
        return "single" if alone and isinstance(leading[1][1], int) and leading[1][1] > 1 else None
    longer, shorter = (output, target) if len(output) > len(target) else (target, output)
    more = len(longer) - len(shorter)
    pairs = list(zip(longer[more:], shorter, strict=True))
    if any(size != 1 for size in longer[:more]) and any(a == 1 and b != 1 for a, b in pairs):
        return "outer"
    if any(_apart(a, b) for a, b in pairs) or _lacks_inner(longer, shorter):
        return "incompatible"
    return None


def _apart(a: Dim, b: Dim) -> bool:
    """Whether two sizes are different, and neither is 1."""
    return a != 1 and b != 1 and sizes.differs(a, b)


def _lacks_inner(longer: Dims, shorter: Dims) -> bool:
    """B×K against B: a shape without one of the other's dimensions that is not the first."""
    if len(longer) != len(shorter) + 1 or any(not isinstance(size, Linear) for size in shorter[:1]):
        return False
    return any(
        isinstance(longer[at], int)
        and all(sizes.same(a, b) for a, b in zip(longer[:at] + longer[at + 1 :], shorter, strict=True))
        for at in range(1, len(longer))
    )
