"""The operation that a step names, found in torch and applied to arguments by the names of its parameters.

Definitions
    name   what an operation is called in a step: torch's own name for it (``sigmoid``, ``squeeze``, ``mul``)
    moved  an operation of a tensor that only says where it lives or what remembers it, and leaves its values

Worked example: ``find("squeeze", {"input": x, "dim": 1})`` is a function without parameters that gives
``torch.squeeze(x, dim=1)``.
"""

from __future__ import annotations

import builtins
import importlib
import operator
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional


class UnfitError(Exception):
    """The operation exists, but not with such arguments; nothing is known of the program's own call."""


class MissingError(Exception):
    """A package that is needed cannot be imported here."""


#: Operations that leave the values of a tensor as they are: what they work on stands first.
MOVED = frozenset(
    {
        "cpu", "cuda", "to", "contiguous", "clone", "Identity", "identity", "Variable", "requires_grad",
        "data",
        "as_tensor", "asarray", "copy", "numpy", "from_numpy", "tensor", "array", "no_grad",
    }
)  # fmt: skip

#: Those of the above after which no gradient flows.
CUT = frozenset({"no_grad", "data", "numpy", "from_numpy", "tensor", "as_tensor", "asarray", "array"})

#: Operators, which work on numbers and tensors alike.
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "pow": operator.pow,
    "floor_divide": operator.floordiv, "remainder": operator.mod, "matmul": operator.matmul, "lt": operator.lt,
    "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip

#: Names of casts.
CASTS = {
    "float": torch.float32, "double": torch.float64, "half": torch.float16, "long": torch.int64, "int": torch.int32,
    "bool": torch.bool, "byte": torch.uint8, "bfloat16": torch.bfloat16, "short": torch.int16,
}  # fmt: skip


#: The packages whose functions are called by their full name.
PACKAGES = frozenset({"torch", "numpy", "math", "torchvision", "PIL", "cv2", "einops", "skimage", "scipy"})

#: Arguments that say how a result is kept and not what it is.
IDLE = frozenset({"out", "layout", "device", "requires_grad", "memory_format", "non_blocking", "pin_memory", "inplace"})


def find(name: str, arguments: dict[str, Any], library: str = "") -> Callable[[], Any] | None:
    """The operation on these arguments; None if there is none of this name, or it is not known how it is meant.

    library: the full name of what the program calls, empty for an operator or an attribute.
    """
    first = next(iter(arguments.values()), None)
    rest = {key: value for key, value in list(arguments.items())[1:] if key not in IDLE}
    known = library.split(".")[0] in ("", "torch")
    if known and type(first).__module__ == "numpy":
        first = torch.as_tensor(first)
    special = _SPECIAL.get(name) if known else None
    if special is not None:
        return lambda: special(first, rest)
    if name in OPERATORS and len(rest) == 1 and not library:
        return lambda: _operator(name, first, *rest.values())
    if known and name in MOVED and (isinstance(first, torch.Tensor) or name in ("tensor", "as_tensor")):
        return lambda: _moved(name, first, rest)
    if known and name in CASTS and isinstance(first, torch.Tensor):
        return lambda: first.to(CASTS[name])
    function: Any = resolved(library) if library else None
    if callable(function) and not isinstance(function, type):
        return lambda: _applied(function, name, first, rest)
    if library and not library.startswith("torch."):
        return None  # another library's word for something else
    for home in (torch.nn.functional, torch.special, torch, torch.Tensor):
        function = getattr(home, name, None)
        if callable(function) and not isinstance(function, type):
            return lambda: _applied(function, name, first, rest)
    return None


def resolved(full: str) -> Any:
    """What a full name of a library's stands for: ``torch.nn.functional.relu``; None if there is no such thing here.

    Raises:
        UnfitError: its package cannot be imported here.
    """
    parts = full.split(".")
    if parts[0] not in PACKAGES:
        return getattr(builtins, full, None)
    for count in range(len(parts), 0, -1):
        module = ".".join(parts[:count])
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError:
            if count == 1:
                raise MissingError(parts[0]) from None
            continue
        except Exception:
            raise MissingError(parts[0]) from None
        for part in parts[count:]:
            found = getattr(found, part, None)
        return found
    return None


def _operator(name: str, left: Any, right: Any) -> Any:
    try:
        return OPERATORS[name](left, right)
    except TypeError as error:
        raise UnfitError(str(error)) from error


def _applied(function: Callable[..., Any], name: str, first: Any, rest: dict[str, Any]) -> Any:
    """The function, its arguments by name, those under ``*`` or a number by position; by position where its names
    differ."""
    given = {key: _plain(value) for key, value in rest.items() if value is not None}
    further: list[Any] = [given.pop(key) for key in sorted(key for key in given if key.isdigit())]
    star = given.pop("*", ())
    further += star if isinstance(star, (tuple, list)) else [star]
    if star and isinstance(first, torch.Tensor):  # ``permute(2, 0, 1)``, which is a method's way to be called
        function = getattr(torch.Tensor, name, function)
    try:
        return function(first, *further, **given)
    except TypeError:
        try:
            return function(first, *further, *given.values())
        except TypeError as error:
            raise UnfitError(str(error)) from error


def _plain(value: Any) -> Any:
    """Text that names a dtype as that dtype."""
    if isinstance(value, str) and value.startswith("torch."):
        return getattr(torch, value.removeprefix("torch."), value)
    return value


def _moved(name: str, first: Any, rest: dict[str, Any]) -> Any:
    dtype = _plain(rest.get("dtype"))
    if not isinstance(first, torch.Tensor):
        if isinstance(first, (bool, int, float, tuple, list)) and name in ("tensor", "as_tensor"):
            return torch.tensor(first)
        raise UnfitError(name)
    if isinstance(dtype, torch.dtype):
        first = first.to(dtype)
    return first.detach() if name in CUT else first


def _batch(first: Any, rest: dict[str, Any]) -> Any:
    """What a loader makes of samples, here of two that are the same."""
    if isinstance(first, torch.Tensor):
        return torch.stack([first, first])
    return torch.utils.data.default_collate([first, first])


def _getitem(first: Any, rest: dict[str, Any]) -> Any:
    try:
        return first[rest["index"]]
    except (TypeError, KeyError) as error:
        raise UnfitError("getitem") from error


def _size(first: Any, rest: dict[str, Any]) -> Any:
    dim = rest.get("dim")
    return first.shape[dim] if isinstance(dim, int) else tuple(first.shape)


#: Operations that are spelled otherwise in torch than in a step.
_SPECIAL: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "getitem": _getitem,
    "batch": _batch,
    "size": _size,
    "shape": _size,
    "detach": lambda first, rest: first.detach(),
    "neg": lambda first, rest: -first,
    "logical_not": lambda first, rest: torch.logical_not(first) if isinstance(first, torch.Tensor) else not first,
    "item": lambda first, rest: first.item(),
    "len": lambda first, rest: len(first),
}
