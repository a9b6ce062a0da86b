"""Tensors that a model's `forward` may want, the likeliest first.

What the data give comes first, then what the layer that uses a parameter of `forward` first says of it: a convolution
of 3 channels takes pictures of 3 channels, a linear layer of 784 features takes rows of 784 numbers or pictures of
28 x 28. Sizes that are open are taken from clues in the project's texts, then from a list of usual ones.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from build import Built
from clues import clues_of
from loader import LoadError

BATCH = 2  # more than one: batch norm in training needs it, and it shows who mixes it with other dimensions
TIME = 7  # steps of a sequence whose length is open
SIZES = (224, 32, 28, 64, 256, 128, 299, 300, 96, 512, 48, 227, 572, 100, 84, 160, 16, 112, 384, 29, 8)
MOST_OPTIONS = 120


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


class Proposer:
    """Proposes inputs of one model; `time_first` when sequences have their batch in the second dimension."""

    def __init__(self, built: Built, wanted: Sequence[Mapping[str, Any]] | None, hints: Mapping[str, Any]) -> None:
        self.model, self.wanted, self.hints = built.model, list(wanted or []), hints
        self.time_first = False
        self.clues = clues_of(_texts(built))
        sizes = [int(size) for size in hints.get("sizes") or []]
        self.sizes = list(dict.fromkeys([*sizes, *self.clues.sizes, *SIZES]))

    def propose(self) -> Iterator[tuple[tuple[Candidate, ...], bool]]:
        """Inputs to try, the likeliest first, each with whether it is given by the data."""
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
            singles = list(itertools.islice(options[0], MOST_OPTIONS))
            for shape in self.clues.shapes:
                for whole in (shape, (BATCH, *shape)):
                    if any(_alike(whole, one.shape) for one in singles):
                        yield (replace(singles[0], shape=(BATCH, *whole[1:])),), False
            for single in singles:
                yield (single,), False
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
            others = sorted({one.in_channels for one in self.model.modules() if isinstance(one, nn.Conv2d)})
            sizes = list(self._spatial(layer))
            yield from (make((BATCH, layer.in_channels, size, size)) for size in sizes[:12])
            if layer.in_channels > 4:  # perhaps the layer is not the first after all
                yield from (make((BATCH, channels, size, size)) for channels in others[:3] for size in self.sizes[:8])
            yield from (make((BATCH, layer.in_channels, size, size)) for size in sizes[12:])
        elif isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d)):
            yield from (make((BATCH, layer.in_channels, size)) for size in (*self.sizes, 1000, 1024, 140, 187))
        elif isinstance(layer, (nn.Conv3d, nn.ConvTranspose3d)):
            yield from (make((BATCH, layer.in_channels, size, size, size)) for size in (16, 32, 64, 96, 8))
            yield from (make((BATCH, layer.in_channels, 16, size, size)) for size in (112, 224))
        elif isinstance(layer, nn.Linear):
            yield from self._for_features(layer.in_features)
        elif isinstance(layer, nn.Embedding):
            rows = ((BATCH,), (BATCH, TIME)) if _is_label(name) else ((BATCH, TIME), (BATCH, 4), (BATCH,), (BATCH, 16))
            for shape in rows:
                yield Candidate(shape, "int64", 0, min(layer.num_embeddings - 1, 9))
        elif isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
            if isinstance(layer, nn.RNNCellBase):
                yield make((BATCH, layer.input_size))
            elif layer.batch_first:
                yield make((BATCH, TIME, layer.input_size))
                yield from self._images(TIME, layer.input_size)
            else:
                self.time_first = True
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


def _texts(built: Built) -> list[str]:
    """The texts of the files that make and define the model."""
    runner = getattr(built.module, "__torchlint_runner__", None)
    if runner is None:
        return []
    texts = []
    for path in dict.fromkeys([built.recipe.path, runner.source.path]):
        with contextlib.suppress(LoadError):
            texts.append(runner.project.text(path))
    return texts


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes have the same rank and, of pictures, the same channels."""
    return len(one) == len(other) and (one[1] == other[1] if len(one) >= 3 else one[1:] == other[1:])


def _is_label(name: str) -> bool:
    return any(word in name.lower() for word in ("label", "target", "class"))


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


def _channel(layer: torch.nn.Module, rank: int) -> int | None:
    """The position of the dimension that the layer's width fixes; None where pictures may be flattened before it."""
    if isinstance(layer, (torch.nn.modules.conv._ConvNd, torch.nn.modules.batchnorm._BatchNorm)):
        return 1
    return rank - 1 if rank <= 3 else None


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
