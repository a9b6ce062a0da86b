"""Inputs for a built model: shapes are searched on a copy without memory, then proved by one real run.

What is known comes first: shapes that analysis or the project's configuration gives. Where dimensions are open, the
layer that uses a parameter of `forward` first says which kinds of tensor it takes (a convolution of 3 channels: two
spatial dimensions, to be searched among usual sizes; a linear layer of 784 features: 784 features, or images of 28 x
28), and candidates are tried in order on a copy of the model on torch's `meta` device, where a run costs no memory
and no arithmetic. A model that cannot run there is tried under FakeTensorMode, then for real.

A candidate is good when `forward` returns a tensor whose first dimension is the batch: `view(-1, 400)` swallows a
wrong spatial size by changing the batch, and must not pass for a fit.

Worked example: `Conv2d(1, 6, 5)`, pooling, ..., `Linear(400, 120)`: sizes 224, 256, ... raise or change the batch;
with 32 the run returns (2, 10): the input is (2, 1, 32, 32), found by search, so `known` is False.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from build import Built
from candidates import BATCH, Candidate, Proposer
from limits import Budget, BudgetSpent
from stand_ins import CpuMode

MOST_TRIES = 120
MOST_REAL_PARAMETERS = 150_000_000
MOST_REAL_TRIES = 12
MOST_NUMBERS = 1 << 20  # of the inputs of a try that is run for real
UNWRAPPED = ("out", "logits", "output", "pred", "x", "sample", "last_hidden_state", "reconstruction")


class InferError(Exception):
    """No inputs; `reason` is one of build.REASONS, `message` the error of the most telling try."""

    def __init__(self, reason: str, message: str, line: int | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.message, self.line = reason, message, line


@dataclass
class Inputs:
    """Arguments of `forward`, real and seeded; `known` when the shapes were given, not searched or guessed."""

    tensors: list[Any]
    shapes: list[tuple[int, ...]]
    known: bool
    tried: int
    kwargs: dict[str, Any] = field(default_factory=dict)
    how: str = "real"  # what found them: "meta", "fake" or "real"
    output: tuple[int, ...] = ()  # shape of the first output
    ran: bool = True  # whether the model ran for real; False when it is too large or too slow for that


def draw(spec: Mapping[str, Any], generator: torch.Generator) -> torch.Tensor:
    """Synthetic data: uniform between `low` and `high` with both ends reached, whole numbers for integer dtypes.

    `spec`: `shape` (no open dimension), `dtype` by torch's name without the prefix, `low` and `high` (inclusive).
    """
    shape = [int(size) for size in spec["shape"]]
    dtype = getattr(torch, str(spec.get("dtype") or "float32"))
    low: Any = spec.get("low")
    high: Any = spec.get("high")
    if dtype == torch.bool:
        data = torch.rand(shape, generator=generator) < 0.5
    elif dtype.is_floating_point or dtype.is_complex:
        first = 0.0 if low is None else float(low)
        last = 1.0 if high is None else float(high)
        data = torch.rand(shape, generator=generator, dtype=torch.float64) * (last - first) + first
        low, high = first, last
    else:
        low = 0 if low is None else math.ceil(low)
        high = max(low, 1 if high is None else math.floor(high))
        data = torch.randint(low, high + 1, shape, generator=generator)
    data = data.to(dtype)
    if data.numel() >= 2:
        flat = data.view(-1)
        flat[0] = low if dtype != torch.bool else True
        flat[-1] = high if dtype != torch.bool else False
    return data


def first_tensor(output: Any) -> torch.Tensor | None:
    """The tensor that a model's output is about: itself, the usual key or field, the first of a tuple."""
    for _ in range(4):
        if isinstance(output, torch.Tensor):
            return output
        if isinstance(output, Mapping):
            keys = [key for key in UNWRAPPED if key in output] or list(output)
            output = output[keys[0]] if keys else None
        elif isinstance(output, (list, tuple)):
            output = output[0] if output else None
        else:
            output = next((getattr(output, name) for name in UNWRAPPED if hasattr(output, name)), None)
    return None


def find_inputs(
    built: Built, wanted: Sequence[Mapping[str, Any]] | None, hints: Mapping[str, Any], budget: object
) -> Inputs:
    """Inputs with which `forward` runs; InferError when none of those tried does.

    `wanted`: for each model input what analysis knows (`shape` with None or a symbol for open dimensions, equal
    symbols for equal sizes; `dtype`, `low`, `high`); `hints`: `shapes` (whole input shapes, in order), `sizes`
    (spatial sizes to try first), `low`, `high`, `dtype`.
    """
    limit = Budget.of(budget)
    try:
        with limit, CpuMode():
            if built.within is not None and not wanted and not hints.get("shapes"):
                try:
                    return _of_part(built, hints, limit)
                except InferError:
                    pass
            return _Search(built, wanted, hints).run()
    except BudgetSpent:
        raise InferError("budget", "the search for an input takes too long") from None
    except InferError:
        raise
    except Exception as error:
        reason = "memory" if isinstance(error, MemoryError) or "allocate memory" in str(error) else "forward"
        raise InferError(reason, f"{type(error).__name__}: {error}"[:300]) from error


def _of_part(built: Built, hints: Mapping[str, Any], limit: Budget) -> Inputs:
    """What a part of a model gets when the whole runs: its own tensors of that run, detached."""
    assert built.within is not None
    met: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def note(module: torch.nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        met[:] = [(arguments, keywords)]

    handle = built.model.register_forward_pre_hook(note, with_kwargs=True)
    try:
        outer = find_inputs(built.within, None, hints, limit)
    finally:
        handle.remove()
    if not met:
        raise InferError("inputs", "the part is not used when the whole runs")
    arguments, keywords = met[0]
    first = next((one for one in (*arguments, *keywords.values()) if isinstance(one, torch.Tensor)), None)
    if first is None or first.device.type == "meta" or type(first) is not torch.Tensor:
        raise InferError("inputs", "the part takes no tensor when the whole runs")
    tensors = [one.detach().clone() if isinstance(one, torch.Tensor) else one for one in arguments]
    shapes = [tuple(one.shape) for one in (*tensors, *keywords.values()) if isinstance(one, torch.Tensor)]
    with torch.no_grad():
        output = first_tensor(built.model(*tensors, **keywords))
    if output is None:
        raise InferError("forward", "the part returns no tensor")
    return Inputs(tensors, shapes, outer.known, outer.tried, keywords, "inside", tuple(output.shape))


class _Swapped:
    """Calls a model with other tensors in place of its parameters and buffers, and puts its attributes back.

    A tensor that `forward` caches on the module would stay what it was in that run: a meta or a fake one.
    """

    def __init__(self, model: torch.nn.Module, swap: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.model = model
        named = itertools.chain(model.named_parameters(), model.named_buffers())
        self.tensors = {name: swap(tensor.detach()) for name, tensor in named}

    def __call__(self, *inputs: torch.Tensor) -> Any:
        before = [(one, dict(vars(one))) for one in self.model.modules()]
        try:
            return torch.func.functional_call(self.model, self.tensors, inputs)
        finally:
            for one, attributes in before:
                vars(one).clear()
                vars(one).update(attributes)


class _Search:
    def __init__(self, built: Built, wanted: Sequence[Mapping[str, Any]] | None, hints: Mapping[str, Any]) -> None:
        self.model, self.module = built.model, built.module
        self.proposer = Proposer(built, wanted, hints)
        self.tried = 0
        self.error: BaseException | None = None
        self._known_by_input: dict[tuple[Candidate, ...], bool] = {}
        self._shape: tuple[int, ...] = ()

    def run(self) -> Inputs:
        candidates = self.proposer.propose()
        parameters = sum(one.numel() for one in self.model.parameters())
        seen: list[tuple[Candidate, ...]] = []
        good: tuple[tuple[Candidate, ...], bool] | None = None
        for how, runner in (("meta", self._on_meta()), ("fake", self._on_fake)):
            for inputs, known in itertools.islice(candidates, MOST_TRIES) if not seen else self._again(seen):
                if how == "meta":
                    seen.append(inputs)
                    self._known_by_input[inputs] = known
                self.tried += 1
                shape = self._try(runner, inputs)
                if shape is not None:
                    self._shape = shape
                    good = (inputs, known)
                    break
            if good is not None:
                return self._really(good[0], good[1], how, parameters)
        if not seen:
            seen = [inputs for inputs, known in itertools.islice(candidates, MOST_TRIES)]
        if parameters <= MOST_REAL_PARAMETERS:
            small = [one for one in seen if sum(math.prod(tensor.shape) for tensor in one) <= MOST_NUMBERS]
            for inputs in small[:MOST_REAL_TRIES]:
                self.tried += 1
                if self._try(self._real, inputs) is not None:
                    return self._really(inputs, self._known_by_input.get(inputs, False), "real", parameters)
        if self.error is None:
            raise InferError("inputs", "nothing is known of what forward takes")
        raise InferError("forward", f"{type(self.error).__name__}: {self.error}"[:300], _row(self.error, self.module))

    def _again(self, seen: list[tuple[Candidate, ...]]) -> Iterator[tuple[tuple[Candidate, ...], bool]]:
        for inputs in seen[:24]:
            yield inputs, self._known_by_input.get(inputs, False)

    # -- running --

    def _try(self, runner: Callable[[tuple[Candidate, ...]], Any], inputs: tuple[Candidate, ...]) -> Any:
        """The shape of the output when the run is a good one."""
        try:
            with torch.no_grad():
                output = first_tensor(runner(inputs))
        except BudgetSpent:
            raise
        except Exception as error:
            if self.error is None:
                self.error = error
            return None
        if output is None:
            self.error = self.error or TypeError("forward returns no tensor")
            return None
        shape = tuple(int(size) for size in output.shape)
        return shape if self._keeps_batch(shape, inputs) else None

    def _keeps_batch(self, shape: tuple[int, ...], inputs: tuple[Candidate, ...]) -> bool:
        if not inputs or not shape:
            return False
        first = inputs[0].shape
        if shape[0] == first[0]:
            return True
        if self.proposer.time_first and len(first) >= 2 and BATCH in shape[:2]:
            return True
        self.error = self.error or ValueError(f"an input of {first} gives an output of {shape}: the batch is not kept")
        return False

    def _on_meta(self) -> Callable[[tuple[Candidate, ...]], Any]:
        try:
            twin: Callable[..., Any] = copy.deepcopy(self.model).to("meta")
        except BudgetSpent:
            raise
        except Exception:
            twin = _Swapped(self.model, lambda tensor: tensor.to("meta"))

        def run(inputs: tuple[Candidate, ...]) -> Any:
            return twin(*(torch.empty(one.shape, dtype=getattr(torch, one.dtype), device="meta") for one in inputs))

        return run

    def _on_fake(self, inputs: tuple[Candidate, ...]) -> Any:
        from torch._subclasses.fake_tensor import FakeTensorMode

        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            twin = _Swapped(self.model, mode.from_tensor)
            return twin(*(torch.empty(one.shape, dtype=getattr(torch, one.dtype)) for one in inputs))

    def _real(self, inputs: tuple[Candidate, ...]) -> Any:
        try:
            twin = copy.deepcopy(self.model)  # a run that fails half-way must leave nothing behind
        except Exception:
            twin = self.model
        return twin(*self._drawn(inputs))

    def _drawn(self, inputs: tuple[Candidate, ...]) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return [draw(one.spec(), generator) for one in inputs]

    def _really(self, inputs: tuple[Candidate, ...], known: bool, how: str, parameters: int) -> Inputs:
        """One real run, the buffers put back afterwards; models too large for it are taken as found."""
        tensors = self._drawn(inputs)
        shapes = [one.shape for one in inputs]
        if parameters > MOST_REAL_PARAMETERS:
            return Inputs(tensors, shapes, known, self.tried, {}, how, self._shape, ran=False)
        buffers = {name: value.clone() for name, value in self.model.named_buffers()}
        state = torch.random.get_rng_state()
        try:
            with torch.no_grad():
                output = first_tensor(self.model(*tensors))
        except BudgetSpent:
            if how == "real":
                raise
            return Inputs(tensors, shapes, known, self.tried, {}, how, self._shape, ran=False)
        except Exception as error:
            raise InferError("forward", f"{type(error).__name__}: {error}"[:300], _row(error, self.module)) from error
        finally:
            torch.random.set_rng_state(state)
            for name, value in self.model.named_buffers():
                if name in buffers and buffers[name].shape == value.shape:
                    value.copy_(buffers[name])
        shape = () if output is None else tuple(int(size) for size in output.shape)
        if output is None or not self._keeps_batch(shape, inputs):
            raise InferError("forward", f"the output {shape} does not keep the batch")
        return Inputs(tensors, shapes, known, self.tried, {}, how, shape)


def _row(error: BaseException, module: Any) -> int | None:
    """The last row of the project's files in the traceback."""
    root = str(getattr(module, "__torchlint_path__", ""))
    row = None
    where = error.__traceback__
    while where is not None:
        if where.tb_frame.f_code.co_filename == root:
            row = where.tb_lineno
        where = where.tb_next
    return row
