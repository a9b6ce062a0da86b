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

import ast
import copy
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from build import Built
from limits import Budget, BudgetSpent
from stand_ins import CpuMode

BATCH = 2  # more than one: batch norm in training needs it, and it shows who mixes it with other dimensions
TIME = 7  # steps of a sequence whose length is open
SIZES = (224, 32, 28, 64, 256, 128, 299, 96, 512, 48, 227, 572, 100, 84, 160, 16, 112, 384, 29, 8)
MOST_TRIES = 120
MOST_REAL_PARAMETERS = 100_000_000
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


@dataclass(frozen=True)
class Candidate:
    """A tensor to try: shape, dtype by name, range."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = 0.0
    high: float = 1.0

    def spec(self) -> dict[str, Any]:
        """As `draw` takes it."""
        return {"shape": list(self.shape), "dtype": self.dtype, "low": self.low, "high": self.high}


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
            return _Search(built, wanted, hints).run()
    except BudgetSpent:
        raise InferError("budget", "the search for an input takes too long") from None


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
        self.wanted, self.hints = list(wanted or []), hints
        self.tried = 0
        self.error: BaseException | None = None
        sizes = [int(size) for size in hints.get("sizes") or []]
        self.sizes = list(dict.fromkeys([*sizes, *SIZES]))

    def run(self) -> Inputs:
        candidates = self._candidates()
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
                    good = (inputs, known)
                    break
            if good is not None:
                return self._really(good[0], good[1], how, parameters)
        if not seen:
            seen = [inputs for inputs, known in itertools.islice(candidates, MOST_TRIES)]
        if parameters <= MOST_REAL_PARAMETERS:
            for inputs in seen[:12]:
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
        if self._time_first and len(first) >= 2 and BATCH in shape[:2]:
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
        return self.model(*self._drawn(inputs))

    def _drawn(self, inputs: tuple[Candidate, ...]) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return [draw(one.spec(), generator) for one in inputs]

    def _really(self, inputs: tuple[Candidate, ...], known: bool, how: str, parameters: int) -> Inputs:
        """One real run, the buffers put back afterwards; models too large for it are taken as found."""
        tensors = self._drawn(inputs)
        shapes = [one.shape for one in inputs]
        if parameters > MOST_REAL_PARAMETERS:
            return Inputs(tensors, shapes, known, self.tried, {}, how)
        buffers = {name: value.clone() for name, value in self.model.named_buffers()}
        state = torch.random.get_rng_state()
        try:
            with torch.no_grad():
                output = first_tensor(self.model(*tensors))
        except BudgetSpent:
            raise
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

    # -- candidates --

    _time_first = False

    def _candidates(self) -> Iterator[tuple[tuple[Candidate, ...], bool]]:
        """Inputs to try, the likeliest first, each with whether it is given by the data."""
        self._known_by_input: dict[tuple[Candidate, ...], bool] = {}
        return self._generate()

    def _generate(self) -> Iterator[tuple[tuple[Candidate, ...], bool]]:
        shapes = self.hints.get("shapes")
        if shapes:
            yield tuple(self._candidate(shape) for shape in shapes), True
        if self.wanted:
            yield from self._from_wanted()
        names = _required(self.model)
        if names is None:
            names = ["x"]
        uses = _uses(self.model)
        options = [self._options(uses.get(name), name, number) for number, name in enumerate(names)]
        if not options:
            return
        if len(options) == 1:
            for one in options[0]:
                yield (one,), False
            return
        listed = [list(itertools.islice(one, 24)) for one in options]
        for together in zip(*listed):
            yield together, False
        for together in itertools.islice(itertools.product(*(one[:6] for one in listed)), 60):
            yield together, False

    def _candidate(self, shape: Sequence[Any], like: Mapping[str, Any] | None = None) -> Candidate:
        source = {**{k: v for k, v in self.hints.items() if v is not None}, **(like or {})}
        low, high = source.get("low"), source.get("high")
        return Candidate(
            tuple(int(size) for size in shape),
            str(source.get("dtype") or "float32"),
            0.0 if low is None else float(low),
            1.0 if high is None else float(high),
        )

    def _from_wanted(self) -> Iterator[tuple[tuple[Candidate, ...], bool]]:
        """Fills the open dimensions: the first is the batch, others one size each, equal symbols alike."""
        open_: list[Any] = []
        for number, one in enumerate(self.wanted):
            for position, size in enumerate(one.get("shape") or []):
                key = size if isinstance(size, str) else (number, position)
                if not isinstance(size, int) and position > 0 and key not in open_:
                    open_.append(key)
        if any(one.get("shape") is None for one in self.wanted):
            return
        uses = _uses(self.model)
        names = _required(self.model) or []
        tried: set[tuple[Candidate, ...]] = set()
        for size in self.sizes if open_ else [0]:
            together = []
            for number, one in enumerate(self.wanted):
                layer = uses.get(names[number]) if number < len(names) else None
                shape = []
                for position, given in enumerate(one["shape"]):
                    if isinstance(given, int) and not isinstance(given, bool):
                        shape.append(max(given, BATCH) if position == 0 else given)
                    elif position == 0:
                        shape.append(BATCH)
                    elif layer is not None and position == _channel(layer, len(one["shape"])):
                        shape.append(_width(layer))
                    else:
                        shape.append(size)
                together.append(self._candidate(shape, one))
            found = tuple(together)
            if found not in tried:
                tried.add(found)
                yield found, not open_

    def _options(self, layer: torch.nn.Module | None, name: str, number: int) -> Iterator[Candidate]:
        """Tensors that a parameter may want, by the layer that uses it first, else by its name."""
        make = self._candidate
        nn = torch.nn
        if layer is None and number == 0:
            layer = _first_layer(self.model)
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            yield from (make((BATCH, layer.in_channels, size, size)) for size in self._spatial(layer))
        elif isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d)):
            yield from (make((BATCH, layer.in_channels, size)) for size in (*self.sizes, 1000, 1024, 140, 187))
        elif isinstance(layer, (nn.Conv3d, nn.ConvTranspose3d)):
            yield from (make((BATCH, layer.in_channels, size, size, size)) for size in (16, 32, 64, 96, 8))
            yield from (make((BATCH, layer.in_channels, 16, size, size)) for size in (112, 224))
        elif isinstance(layer, nn.Linear):
            yield from self._for_features(layer.in_features)
        elif isinstance(layer, nn.Embedding):
            for shape in ((BATCH, TIME), (BATCH,), (BATCH, 16)):
                yield Candidate(shape, "int64", 0, min(layer.num_embeddings - 1, 9))
        elif isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
            if isinstance(layer, nn.RNNCellBase):
                yield make((BATCH, layer.input_size))
            elif layer.batch_first:
                yield make((BATCH, TIME, layer.input_size))
                yield from self._images(TIME, layer.input_size)
            else:
                self._time_first = True
                yield make((TIME, BATCH, layer.input_size))
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
            yield from self._for_channels(layer.num_features, type(layer).__name__)
        elif isinstance(layer, nn.GroupNorm):
            yield from self._for_channels(layer.num_channels, "2d")
        elif isinstance(layer, nn.LayerNorm):
            yield make((BATCH, TIME, *layer.normalized_shape))
            yield make((BATCH, *layer.normalized_shape))
        elif isinstance(layer, (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)):
            width = getattr(layer, "embed_dim", None) or next(iter(layer.parameters())).shape[-1]
            yield make((BATCH, TIME, int(width)))
        else:
            yield from self._by_name(name)

    def _spatial(self, layer: Any) -> Iterator[int]:
        if isinstance(layer, torch.nn.ConvTranspose2d):
            yield from (1, 4, 8, 7)
        channels = layer.in_channels
        if channels > 4:
            yield from (16, 32, 8, 4, 64)
        yield from self.sizes

    def _for_channels(self, channels: int, kind: str) -> Iterator[Candidate]:
        shapes: list[tuple[int, ...]] = []
        if "1d" in kind:
            shapes = [(BATCH, channels), (BATCH, channels, 32)]
        elif "3d" in kind:
            shapes = [(BATCH, channels, 8, 16, 16)]
        else:
            shapes = [(BATCH, channels, size, size) for size in (32, 16, 8, 64, 28, 224, 4)]
        yield from (self._candidate(shape) for shape in shapes)

    def _for_features(self, features: int) -> Iterator[Candidate]:
        yield self._candidate((BATCH, features))
        yield from self._images(features)
        yield self._candidate((BATCH, TIME, features))
        yield self._candidate((BATCH, 8, 8, features))

    def _images(self, *features: int) -> Iterator[Candidate]:
        for channels in (1, 3):
            area, rest = divmod(math.prod(features), channels)
            side = math.isqrt(area)
            if rest == 0 and side * side == area and side > 1:
                yield self._candidate((BATCH, channels, side, side))

    def _by_name(self, name: str) -> Iterator[Candidate]:
        lowered = name.lower()
        if any(word in lowered for word in ("label", "target", "class", "idx", "index", "token", "caption", "text")):
            yield Candidate((BATCH,), "int64", 0, 1)
            yield Candidate((BATCH, TIME), "int64", 0, 1)
        if lowered in ("t", "time", "timesteps", "timestep", "noise_level"):
            yield Candidate((BATCH,), "int64", 0, 1)
            yield Candidate((BATCH,))
        if lowered in ("z", "noise", "latent"):
            yield from (self._candidate((BATCH, size)) for size in (100, 128, 64, 16))
        layer = _first_layer(self.model)
        if layer is not None:
            yield from self._options(layer, "", 1)
        yield from (self._candidate((BATCH, channels, size, size)) for channels in (3, 1, 16) for size in (32, 64, 224))
        yield self._candidate((BATCH, 16))


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


def _required(model: torch.nn.Module) -> list[str] | None:
    """Names of forward's parameters without default; None when it takes anything."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        return None
    named = [one.name for one in parameters if one.default is one.empty and one.kind in (0, 1, 3)]
    if not named and any(one.kind == one.VAR_POSITIONAL for one in parameters):
        return None
    if not named and parameters:
        return [parameters[0].name]
    return named


def _first_layer(model: torch.nn.Module) -> torch.nn.Module | None:
    """The first layer, in the order of registration, that says what it takes."""
    nn = torch.nn
    kinds = (
        nn.modules.conv._ConvNd, nn.Linear, nn.Embedding, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention,
        nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm,
    )  # fmt: skip
    return next((one for one in model.modules() if isinstance(one, kinds)), None)


def _channel(layer: torch.nn.Module, rank: int) -> int:
    """The position of the dimension that the layer's width fixes."""
    if isinstance(layer, (torch.nn.modules.conv._ConvNd, torch.nn.modules.batchnorm._BatchNorm)):
        return 1
    return rank - 1


def _width(layer: torch.nn.Module) -> int:
    for name in ("in_channels", "in_features", "input_size", "num_features"):
        value = getattr(layer, name, None)
        if isinstance(value, int):
            return value
    return 16


def _uses(model: torch.nn.Module) -> dict[str, torch.nn.Module]:
    """For each parameter of forward the layer that is called with it first, looked up in the model."""
    tree = _forward_tree(model)
    if tree is None:
        return {}
    found: dict[str, torch.nn.Module] = {}
    names = [one.arg for one in tree.args.args[1:]]
    alias = {name: name for name in names}
    for node in _in_order(tree.body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            root = next(
                (alias[one.id] for one in ast.walk(node.value) if isinstance(one, ast.Name) and one.id in alias), None
            )
            if root is not None:
                alias.setdefault(node.targets[0].id, root)
        if not isinstance(node, ast.Call):
            continue
        for argument in node.args:
            inner = next((one.id for one in ast.walk(argument) if isinstance(one, ast.Name) and one.id in alias), None)
            if inner is None or alias[inner] in found:
                continue
            layer = _resolve(model, node.func)
            if layer is None:
                continue
            first = _entry(layer)
            if first is not None:
                found[alias[inner]] = first
    return found


def _entry(layer: torch.nn.Module) -> torch.nn.Module | None:
    """The layer inside a block that gets the block's input."""
    inner = _uses(layer)
    if inner:
        return next(iter(inner.values()))
    return _first_layer(layer)


def _in_order(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Nodes in the order in which they are evaluated, roughly: arguments before calls."""
    for node in body:
        if isinstance(node, ast.Assign):
            yield from _in_order([node.value])
            yield node
            continue
        yield from _in_order(list(ast.iter_child_nodes(node)))
        yield node


def _resolve(model: torch.nn.Module, node: ast.expr) -> torch.nn.Module | None:
    """The module that `self.encoder[0]` names."""
    try:
        if isinstance(node, ast.Name):
            return model if node.id == "self" else None
        if isinstance(node, ast.Attribute):
            owner = _resolve(model, node.value)
            value = getattr(owner, node.attr, None) if owner is not None else None
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, int)
        ):
            owner = _resolve(model, node.value)
            value = owner[node.slice.value] if isinstance(owner, (torch.nn.Sequential, torch.nn.ModuleList)) else None
        else:
            return None
    except Exception:
        return None
    return value if isinstance(value, torch.nn.Module) else None


def _forward_tree(model: torch.nn.Module) -> ast.FunctionDef | None:
    """The source of the model's `forward`, when it is the project's (a library's layers are known by type)."""
    function = getattr(type(model), "forward", None)
    code = getattr(function, "__code__", None)
    module = inspect.getmodule(function) if function is not None else None
    runner = getattr(module, "__torchlint_runner__", None) if module is not None else None
    if runner is None:
        import sys

        space = getattr(function, "__globals__", {})
        runner = space.get("__torchlint_runner__")
        if runner is None and code is not None and str(getattr(function, "__module__", "")).startswith("torchvision"):
            module = sys.modules.get(function.__module__)
    if runner is None or code is None:
        return None
    for node in runner.source.parents:
        if isinstance(node, ast.FunctionDef) and node.name == "forward":
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            if first == code.co_firstlineno:
                return node
    return None
