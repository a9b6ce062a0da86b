"""The numbers that tensors may hold, for all parameters: an interval interpreter below autograd.

`RangeMode` watches every aten operation that runs under it and keeps, for each storage, an interval that holds all
elements, whatever the parameters, the buffers and the undeclared inputs are. It works on real, fake and meta tensors
alike, because it never looks at a number of a tensor (but at the constants that Python made).

Definitions
    A *cell* is what is known about a part of a storage: its interval, the operation that gave it, and its kind. The
    first cell of a storage stands for all of it and holds the hull of everything ever written; further cells stand for
    parts that were written as a whole and have not been touched since.
    A *kind* says more than an interval: each line along a dimension is a softmax (or its logarithm), or each element is
    a sigmoid. It lives in the strides of the storage, so it survives whatever moves views, and is dropped where a view
    cuts lines.
    A run is *value dependent* when a number of a tensor decided what ran, or left torch: then the intervals hold for
    the path that was taken, and prove nothing.

Worked example
    with RangeMode() as mode:
        probability = torch.sigmoid(network(image)).flatten(1)
    mode.interval(probability)         # Interval(low=0.0, high=1.0)
    mode.kind(probability)             # ("sigmoid", None)
    mode.last_operation(probability)   # "sigmoid"

What an interval does not say
    NaN is excluded. Only the executed path is covered; Python numbers and constants made from them, and the training
    flag, are those of this run. Whatever wrote to a storage outside of the mode went unseen. An operation without a
    rule gives (-inf, inf), and its name stands in `unknown`. Run programs under `no_grad`:
    `inference_mode` shows operations before they are taken apart (`linear`, `reshape`), which have no rules.
"""

import math
from types import TracebackType
from typing import Any, NamedTuple

import elementwise as _elementwise
import reductions as _reductions
import torch
from footprints import Footprint, are_disjoint, contains, covers_storage, footprint, line_dimension, overlaps_itself
from intervals import Interval, hull, limits, settle
from operations import EXACT, IN_PLACE_OF_SHAPE, MOVEMENT, RULES, Call
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

assert _elementwise and _reductions  # imported for the rules that they register

LINE_KINDS = ("softmax", "log_softmax")
CELLS_PER_STORAGE = 64
LARGEST_CONSTANT = 1 << 20  # elements of a constant that are looked at
# Operations of which the result, or its shape, is a decision taken on values.
DECIDING = {
    "_local_scalar_dense", "nonzero", "argwhere", "is_nonzero", "equal", "masked_select", "_unique",
    "_unique2", "unique_dim",
    "unique_consecutive", "bincount", "item",
}  # fmt: skip
# Tensor methods that hand numbers to Python, or memory to others, past the dispatcher.
ESCAPES = {"tolist", "numpy", "__array__", "__dlpack__", "apply_", "map_", "map2_", "share_memory_"}
RESHAPING_IN_PLACE = {
    "transpose_",
    "t_",
    "squeeze_",
    "unsqueeze_",
    "swapaxes_",
    "swapdims_",
    "as_strided_",
    "detach_",
    "rename_",
}
RUNNING_STATISTICS = ("running_mean", "running_var")
BATCH_NORMS = {name for name in RULES if "batch_norm" in name}


class Kind(NamedTuple):
    """A kind in terms of the storage: lines of `size` elements, `stride` apart, in a layout that begins at `base`."""

    name: str
    base: int = 0
    size: int = 0
    stride: int = 0


class Cell(NamedTuple):
    """What is known about a part of a storage; without a footprint, about all of it."""

    interval: Interval
    operation: str
    kind: Kind | None = None
    part: Footprint | None = None
    mixture: "Mixture | None" = None


class Mixture(NamedTuple):
    """A step towards (a - b) * t + b, which lies between a and b: what was subtracted from what, and seen where.

    `scaled` says that the difference has been multiplied by a t in [0, 1].
    """

    minuend: Interval
    subtrahend: Cell
    seen: Footprint
    shape: tuple[int, ...]
    scaled: bool = False


class _Record:
    """The cells of one storage. The weak reference keeps its address from being used again."""

    def __init__(self, storage: Any, dtype: Any, cells: list[Cell]) -> None:
        self.reference = StorageWeakRef(storage)
        self.dtype = dtype
        self.cells = cells


class _Escapes(TorchFunctionMode):  # type: ignore[no-untyped-call, unused-ignore]
    """Notices the methods that read numbers without an aten operation."""

    def __init__(self, mode: "RangeMode") -> None:
        super().__init__()
        self.mode = mode

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ESCAPES:
            self.mode.value_dependent = True
        return func(*args, **(kwargs or {}))


class RangeMode(TorchDispatchMode):
    """Watches operations and knows the interval of every tensor that they made. Use as a context manager."""

    def __init__(self) -> None:
        super().__init__()
        self.value_dependent = False
        self.unknown: set[str] = set()
        self.failed: set[str] = set()  # operations of which the rule raised: a fault of this module
        self.met: set[str] = set()  # operations with a rule that ran
        self._records: dict[int, _Record] = {}
        self._escapes: list[_Escapes] = []

    def __enter__(self) -> "RangeMode":
        super().__enter__()
        escapes = _Escapes(self)
        escapes.__enter__()
        self._escapes.append(escapes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._escapes.pop().__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)

    # --- what callers say and ask ------------------------------------------------------------------------------------

    def declare(self, tensor: Any, low: float, high: float, kind: str | None = None, dim: int | None = None) -> None:
        """Says that the elements of an input lie in [low, high]; with a kind, that lines along `dim` are a softmax."""
        if math.isnan(low) or math.isnan(high) or low > high:
            raise ValueError(f"no interval: [{low}, {high}]")
        self._write(
            tensor, settle(Interval(float(low), float(high)), tensor.dtype), "input", (kind, dim) if kind else None
        )

    def interval(self, tensor: Any) -> Interval:
        """All numbers that the elements of a tensor may be."""
        cell = self._cell(tensor)
        return limits(tensor.dtype) if cell is None else cell.interval

    def kind(self, tensor: Any) -> tuple[str, int | None] | None:
        """("softmax", dim), ("log_softmax", dim), ("sigmoid", None), or None where nothing of this is known."""
        cell = self._cell(tensor)
        if cell is None or cell.kind is None:
            return None
        kind = cell.kind
        if kind.name not in LINE_KINDS:
            return (kind.name, None)
        if kind.size == 1:  # each line is one element
            single = [dimension for dimension, length in enumerate(tensor.shape) if length == 1]
            return (kind.name, single[-1]) if single else None
        dimension = line_dimension(tensor, kind.base, kind.size, kind.stride)
        return None if dimension is None else (kind.name, dimension)

    def last_operation(self, tensor: Any) -> str:
        """The short aten name of the operation that made the numbers; empty for what came in undeclared."""
        cell = self._cell(tensor)
        return "" if cell is None else cell.operation

    # --- cells -------------------------------------------------------------------------------------------------------

    def _record(self, tensor: Any) -> _Record | None:
        try:
            return self._records.get(tensor.untyped_storage()._cdata)
        except (RuntimeError, NotImplementedError):  # sparse and opaque tensors have no storage
            return None

    def _cell(self, tensor: Any) -> Cell | None:
        record = self._record(tensor)
        if record is None or record.dtype != tensor.dtype or tensor.is_neg() or tensor.is_conj():
            return None
        if len(record.cells) > 1:
            seen = footprint(tensor)
            for cell in reversed(record.cells[1:]):
                if cell.part is not None and contains(cell.part, seen):
                    return cell
        return record.cells[0]

    def _write(
        self,
        tensor: Any,
        interval: Interval,
        operation: str,
        kind: tuple[str, int | None] | None = None,
        mixture: Mixture | None = None,
    ) -> None:
        """Notes that all elements that `tensor` sees now lie in the interval."""
        try:
            storage = tensor.untyped_storage()
            whole = covers_storage(tensor)
        except (RuntimeError, NotImplementedError):
            return
        placed = self._placed(tensor, kind) if kind else None
        key = storage._cdata
        record = self._records.get(key)
        if whole:
            self._records[key] = _Record(storage, tensor.dtype, [Cell(interval, operation, placed, None, mixture)])
            return
        if record is None:
            rest = Cell(limits(tensor.dtype), operation)
            record = self._records[key] = _Record(storage, tensor.dtype, [rest])
        if record.dtype != tensor.dtype:
            record.dtype = None  # two readings of the same bytes: nothing is known any more
            record.cells = [Cell(limits(tensor.dtype), operation)]
            return
        part = footprint(tensor)
        kept = [cell for cell in record.cells[1:] if cell.part is not None and are_disjoint(cell.part, part)]
        base = Cell(hull([record.cells[0].interval, interval]), operation)
        record.cells = [base, *kept[-CELLS_PER_STORAGE:], Cell(interval, operation, placed, part)]

    def _placed(self, tensor: Any, kind: tuple[str, int | None]) -> Kind | None:
        """A kind in terms of the storage; None where the layout has gaps or overlaps."""
        name, dim = kind
        if name not in LINE_KINDS:
            return Kind(name)
        if dim is None or tensor.dim() == 0:
            return None
        size, stride = int(tensor.shape[dim]), int(tensor.stride(dim))
        placed = Kind(name, int(tensor.storage_offset()), size, stride)
        if size == 1:
            return placed
        # each line must be found again by its own strides
        return placed if line_dimension(tensor, placed.base, size, stride) == dim % tensor.dim() else None

    # --- operations --------------------------------------------------------------------------------------------------

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        schema = func._schema
        qualified = schema.name.split("::", 1)
        plain = qualified[1]
        name = plain.rstrip("_") if not plain.endswith("__") else plain
        if name.startswith("__i") and name.endswith("__"):  # __iand__ is __and__ in place
            name = "__" + name[3:]
        rule = RULES.get(name) if qualified[0] in ("aten", "prims") else None
        arguments = _bound(schema, args, kwargs)
        self._note_decisions(name, arguments)
        result = func(*args, **kwargs)
        written = [
            arguments[argument.name]
            for argument in schema.arguments
            if argument.alias_info is not None and argument.alias_info.is_write and argument.name in arguments
        ]
        try:
            self._interpret(plain, name, rule, arguments, written, result)
        except Exception:  # nothing may break the program that is watched
            self.unknown.add(name)
            self.failed.add(name)
            self._forget(list(_tensors(written)), list(_tensors(result)), arguments, name)
        return result

    def _note_decisions(self, name: str, arguments: dict[str, Any]) -> None:
        if name in DECIDING:
            source = next(_tensors(list(arguments.values())), None)
            if source is not None and name in ("_local_scalar_dense", "item", "is_nonzero"):
                low, high = self.interval(source)
                if low == high:
                    return  # a constant
            self.value_dependent = True
        elif name in ("index", "repeat_interleave"):
            for index in _tensors(arguments.get("indices") or []):
                if index.dtype in (torch.bool, torch.uint8):
                    self.value_dependent = True
            if "repeats" in arguments and isinstance(arguments["repeats"], torch.Tensor):
                self.value_dependent = True

    def _interpret(
        self, plain: str, name: str, rule: Any, arguments: dict[str, Any], written: list[Any], result: Any
    ) -> None:
        if plain in RESHAPING_IN_PLACE:
            return
        targets = list(_tensors(written))
        results = list(_tensors(result)) or targets
        if not results:
            return
        if rule is None:
            self.unknown.add(name)
            self._forget(targets, results, arguments, name)
            return
        self.met.add(name)
        if not targets and self._are_views(results, arguments):
            if name.startswith("lift_fresh"):
                self._read_constant(results[0])
            return
        call = Call(name, arguments, results, self.interval)
        outcome = rule.handler(call)
        intervals = outcome if isinstance(outcome, list) else [outcome] * len(results)
        settled = []
        for position, one in enumerate(results):
            interval = intervals[position] if position < len(intervals) else None
            if interval is None or interval[0] != interval[0] or interval[1] != interval[1]:
                settled.append(limits(one.dtype))
            elif rule.precision == EXACT and one.dtype.is_floating_point:
                settled.append(interval)
            else:
                settled.append(settle(interval, one.dtype, max(rule.precision, 0.0)))
        mismatched = (
            len(targets) > 0
            and plain == name
            and any(
                source.dtype != results[0].dtype and source.dtype.is_floating_point for source in _tensors(arguments)
            )
        )  # `out=` of another dtype: computed in one precision, stored in another
        mixture = None
        if name in ("sub", "mul", "add") and results[0].dtype.is_floating_point:
            mixture, between = self._mixed(name, arguments, results[0])
            if between is not None:
                settled[0] = between
        kind = self._kind_after(name, arguments, results[0])
        operation = name
        if name in MOVEMENT or name == "copy":
            source = arguments.get("src") if name == "copy" else arguments.get("self")
            operation = self.last_operation(source) or name if isinstance(source, torch.Tensor) else name
        for position, one in enumerate(results):
            interval = limits(one.dtype) if mismatched or (targets and overlaps_itself(one)) else settled[position]
            self._write(one, interval, operation, kind if position == 0 else None, mixture)
        for one in targets[len(results) :] if len(targets) > len(results) else []:
            self._write(one, limits(one.dtype), name)
        if name in BATCH_NORMS:
            for key in RUNNING_STATISTICS:
                for one in _tensors(arguments.get(key)):
                    self._write(one, limits(one.dtype), name)

    def _mixed(self, name: str, arguments: dict[str, Any], result: Any) -> tuple[Mixture | None, Interval | None]:
        """Follows (a - b) * t + b, by which a GRU mixes its states; at its end, the interval between a and b."""
        one, other = arguments["self"], arguments["other"]
        tensors = isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
        if not tensors or arguments.get("alpha", 1) != 1 or any(x.dtype != result.dtype for x in (one, other)):
            return None, None
        shape = tuple(result.shape)
        if name == "sub":
            cell = self._cell(other)
            if cell is None or tuple(other.shape) != shape:
                return None, None
            return Mixture(self.interval(one), cell, footprint(other), shape), None
        for difference, factor in ((one, other), (other, one)):
            cell = self._cell(difference)
            mixture = cell.mixture if cell is not None and covers_storage(difference) else None
            if mixture is None or tuple(difference.shape) != mixture.shape or shape != mixture.shape:
                continue
            if not difference.is_contiguous():
                continue
            low, high = self.interval(factor)
            if name == "mul" and not mixture.scaled and low >= 0 and high <= 1:
                return mixture._replace(scaled=True), None
            if name == "add" and mixture.scaled and tuple(factor.shape) == shape:
                if self._cell(factor) is mixture.subtrahend and footprint(factor) == mixture.seen:
                    both = hull([mixture.minuend, mixture.subtrahend.interval])
                    room = 8 * torch.finfo(result.dtype).eps * max(abs(both.low), abs(both.high))
                    return None, settle(Interval(both.low - room, both.high + room), result.dtype)
        return None, None

    def _are_views(self, results: list[Any], arguments: dict[str, Any]) -> bool:
        """Whether the results see storages of the arguments."""
        try:
            sources = {one.untyped_storage()._cdata for one in _tensors(list(arguments.values()))}
            return all(one.untyped_storage()._cdata in sources for one in results)
        except (RuntimeError, NotImplementedError):
            return False

    def _forget(self, targets: list[Any], results: list[Any], arguments: dict[str, Any], name: str) -> None:
        """Notes that nothing is known of what was written, nor of results that are no views."""
        for one in targets:
            self._write(one, limits(one.dtype), name)
        for one in results:
            if not self._are_views([one], arguments):
                self._write(one, limits(one.dtype), name)

    def _read_constant(self, tensor: Any) -> None:
        """A constant that Python made from numbers is what it is."""
        if self._record(tensor) is not None or type(tensor) is not torch.Tensor or tensor.device.type == "meta":
            return
        if tensor.dtype.is_complex or not 0 < tensor.numel() <= LARGEST_CONSTANT:
            return
        numbers = tensor.detach().to(torch.float64).flatten().tolist()
        if not any(math.isnan(number) for number in numbers):
            self._write(tensor, settle(Interval(min(numbers), max(numbers)), tensor.dtype), "constant")

    # --- kinds -------------------------------------------------------------------------------------------------------

    def _kind_after(self, name: str, arguments: dict[str, Any], result: Any) -> tuple[str, int | None] | None:
        source = arguments.get("self")
        if name in ("_softmax", "softmax"):
            return ("softmax", arguments["dim"])
        if name in ("_log_softmax", "log_softmax"):
            return ("log_softmax", arguments["dim"])
        if name == "sigmoid":
            return ("sigmoid", None)
        if name in ("cat", "stack"):
            return self._kind_of_joined(name, arguments, result)
        if name == "copy":
            source = arguments["src"]
            return self.kind(source) if source.shape == result.shape and result.dtype.is_floating_point else None
        if not isinstance(source, torch.Tensor) or not result.dtype.is_floating_point:
            return None
        before = self.kind(source)
        if before is None:
            return None
        kind, dim = before
        if kind == "softmax" and name == "log":
            return ("log_softmax", dim)
        if kind == "log_softmax" and name == "exp":
            return ("softmax", dim)
        if name not in MOVEMENT:
            return None
        if kind == "sigmoid" or name in IN_PLACE_OF_SHAPE or name == "flip":
            return before
        if name == "roll" and arguments.get("dims"):
            return before
        if name == "index_select" and dim is not None and arguments["dim"] % source.dim() != dim:
            return before
        return None

    def _kind_of_joined(self, name: str, arguments: dict[str, Any], result: Any) -> tuple[str, int | None] | None:
        kinds = {self.kind(part) for part in arguments["tensors"]}
        along = int(arguments.get("dim", 0)) % max(result.dim(), 1)
        if len(kinds) != 1 or None in kinds:
            return None
        kind = kinds.pop()
        if kind is None or kind[1] is None:
            return kind
        if name == "stack":
            return (kind[0], kind[1] + (along <= kind[1]))
        return kind if kind[1] != along else None


def _bound(schema: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by the names of the schema, with its defaults."""
    bound: dict[str, Any] = {}
    for position, argument in enumerate(schema.arguments):
        if position < len(args):
            bound[argument.name] = args[position]
        elif argument.name in kwargs:
            bound[argument.name] = kwargs[argument.name]
        elif argument.has_default_value():
            bound[argument.name] = argument.default_value
    return bound


def _tensors(value: Any) -> Any:
    """All tensors in nested lists, tuples and the values of dicts."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _tensors(one)
