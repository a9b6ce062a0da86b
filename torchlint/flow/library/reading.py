"""Reading arguments: a call of an operation, and what its abstract arguments say.

Definitions
    call     an operation with its bound arguments
    input    the tensor that the operation works on: the argument of its first parameter
    blank    a `Tensor` of which nothing is known; it stands for every argument that is not known to be a tensor
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from torchlint.flow.interval import Interval, point
from torchlint.flow.library.tables import Operation
from torchlint.flow.shape import Dim
from torchlint.flow.values import (
    Const,
    Dict,
    Library,
    List,
    Number,
    Place,
    Tensor,
    Tuple,
    Unknown,
    Value,
    Via,
    has_rest,
    kind_of,
)

BLANK = Tensor()
FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})
INTEGERS = frozenset({"uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"})
COMPLEX = frozenset({"complex32", "complex64", "complex128"})
DTYPES = FLOATS | INTEGERS | COMPLEX | {"bool"}

_DTYPE_NAMES = {
    "half": "float16", "double": "float64", "short": "int16", "int": "int32", "long": "int64", "byte": "uint8",
    "bool_": "bool", "int_": "int64", "float_": "float64", "single": "float32", "intp": "int64", "cfloat": "complex64",
    "char": "int8", "ubyte": "uint8", "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16",
    "BFloat16Tensor": "bfloat16", "LongTensor": "int64", "IntTensor": "int32", "ShortTensor": "int16",
    "CharTensor": "int8", "ByteTensor": "uint8", "BoolTensor": "bool", "Tensor": "float32",
}  # fmt: skip


class Call(msgspec.Struct):
    """An operation and its bound arguments; spatial: how many dimensions of space its layer takes, 0 for any."""

    op: Operation
    arguments: Mapping[str, Value]
    spatial: int = 0

    def __getitem__(self, name: str) -> Value | None:
        return self.arguments.get(name)

    def given(self, *names: str) -> Value | None:
        """The first of these arguments that is there and not None."""
        for name in names:
            value = self.arguments.get(name)
            if value is not None and not (isinstance(value, Const) and value.value is None):
                return value
        return None

    @property
    def input(self) -> Tensor:
        """The tensor that the operation works on; blank if it is not known."""
        for parameter in self.op.parameters.params:
            if parameter.kind == "*":
                continue
            return as_tensor(self.arguments.get(parameter.name)) or BLANK
        return BLANK

    def tensor(self, name: str) -> Tensor:
        """The argument as a tensor; blank if it is not known."""
        return as_tensor(self.arguments.get(name)) or BLANK

    def tensors(self) -> Iterator[Tensor]:
        """Every tensor among the arguments, those in tuples and lists included."""
        for value in self.arguments.values():
            yield from _tensors(value)

    def unknowns(self) -> bool:
        """Whether an argument may be a tensor that is not known."""
        if isinstance(self.arguments.get(self._first), (Tensor, Const, Number)):
            return any(isinstance(v, Unknown) and v.grad != "detached" for v in self.arguments.values())
        return not any(True for _ in self.tensors())

    def only_data(self) -> bool:
        """Whether all that is unknown among the arguments are data, and something is."""
        unknown = [v for v in self.arguments.values() if isinstance(v, Unknown)]
        return bool(unknown) and all(v.grad == "detached" for v in unknown)

    @property
    def _first(self) -> str:
        params = self.op.parameters.params
        return params[0].name if params else ""

    def flag(self, *names: str, default: bool = False) -> bool | None:
        """A boolean argument; None if it is not constant."""
        value = self.given(*names)
        if value is None:
            return default
        return bool(value.value) if isinstance(value, Const) else None

    def number(self, *names: str) -> float | None:
        """A constant number; None if it is absent or not constant."""
        value = self.given(*names)
        if isinstance(value, Const) and isinstance(value.value, (int, float)):
            return value.value
        return None

    def integer(self, *names: str) -> int | None:
        """A constant integer; None if it is absent or not constant."""
        value = self.given(*names)
        if isinstance(value, Const) and isinstance(value.value, int):
            return int(value.value)
        return None

    def text(self, *names: str) -> str | None:
        """A constant string; None if it is absent or not constant."""
        value = self.given(*names)
        return value.value if isinstance(value, Const) and isinstance(value.value, str) else None

    def sizes(self, *names: str) -> tuple[Dim, ...] | None:
        """Sizes given one by one (``*args``) or as one sequence; None if their number is not known."""
        rest = self.arguments.get("*")
        if has_rest(self.arguments.values()):
            return None
        if isinstance(rest, Tuple):
            items = rest.items
            if has_rest(items):
                return None  # how many there are is not known
            for name in names:
                first = self.arguments.get(name)
                if first is not None and not isinstance(first, (Tuple, List)):
                    return dims_of(Tuple((first, *items)))
            if len(items) == 1 and not isinstance(items[0], Const) and not is_number(items[0]):
                return dims_of(items[0])
            return dims_of(rest)
        value = self.given(*names)
        return None if value is None else dims_of(value)


def _tensors(value: Value, depth: int = 0) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif depth < 8:
        items = items_of(value)
        for item in (value.element,) if items is None and isinstance(value, List) else items or ():
            yield from _tensors(item, depth + 1)


def items_of(value: Value | None) -> tuple[Value, ...] | None:
    """The items of a tuple or a list whose length is known."""
    if isinstance(value, Tuple):
        return value.items
    if isinstance(value, List):
        return value.items
    if isinstance(value, Dict) and not value.meta.get("open"):
        return tuple(value.items.values())
    return None


def as_tensor(value: Value | None) -> Tensor | None:
    """A tensor, or a number as a tensor without dimensions; None for anything else."""
    if isinstance(value, Tensor):
        return value
    kind = kind_of(value)
    if kind is None and not isinstance(value, Number):
        return None
    dtype = {"bool": "bool", "int": "int64", "float": "float32"}.get(kind or "")
    return Tensor(interval_of(value), None, dtype, (), "detached")


def interval_of(value: Value | None) -> Interval | None:
    """What is known of a number's (or a tensor's) values."""
    if isinstance(value, Tensor):
        return value.range
    if isinstance(value, Const) and isinstance(value.value, (bool, int, float)):
        number = float(value.value)
        return None if number != number else point(number)
    if isinstance(value, Number):
        if value.interval is not None:
            return value.interval
        if isinstance(value.dim, int):
            return point(float(value.dim))
    return None


def is_scalar(value: Value | None) -> bool:
    """Whether the value is a Python number rather than a tensor."""
    return isinstance(value, Number) or kind_of(value) is not None


def dim_of(value: Value | None) -> Dim:
    """A size: an int, a symbolic one, or None."""
    if isinstance(value, Const) and isinstance(value.value, int):
        return int(value.value)
    if isinstance(value, Number):
        dim: Dim = value.dim
        return dim
    return None


def dims_of(value: Value) -> tuple[Dim, ...] | None:
    """The sizes in a tuple or list, or a single one; None if their number is not known."""
    items = items_of(value)
    if items is not None:
        return tuple(dim_of(item) for item in items)
    return (dim_of(value),) if isinstance(value, Const) or is_number(value) else None


def is_number(value: Value | None) -> bool:
    """Whether something that may not be known is a number: a length, or a size of something unknown."""
    if not isinstance(value, Unknown) or not isinstance(value.key, tuple):
        return isinstance(value, Number)
    word, *rest = value.key
    if word == "[]" and isinstance(rest[0], tuple):
        return bool(rest[0][0] == "." and rest[0][-1] == "shape")
    return kind_of(value) == "int"


def size_value(dim: Dim) -> Value:
    """A size as the program sees it."""
    return Const(dim) if isinstance(dim, int) else Number(dim)


def axis_size(tensor: Tensor, axis: int) -> Value:
    """The size of one dimension of a tensor of known rank; one that is not known still says whose it is."""
    dim = (tensor.shape or ())[axis]
    if dim is not None:
        return size_value(dim)
    place = tensor.via.place if tensor.via is not None else Place("", 0)
    return Number(kind="int", via=Via("size", {"input": tensor, "dim": Const(axis)}, place))


def dtype_name(value: Value | None) -> str | None:
    """The dtype that a value names: ``torch.float``, ``"float32"``, ``np.uint8``, ``torch.LongTensor``, ``int``."""
    if isinstance(value, Library):
        owner, _, name = value.name.rpartition(".")
    elif isinstance(value, Const) and isinstance(value.value, str):
        owner, _, name = value.value.rpartition(".")
        owner = owner or "numpy"
    else:
        return None
    if name == "float":
        return "float32" if owner.startswith("torch") else "float64"
    if name == "int":
        return "int32" if owner.startswith("torch") else "int64"
    name = _DTYPE_NAMES.get(name, name)
    return name if name in DTYPES else None
