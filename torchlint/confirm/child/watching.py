"""One pass of a model, watched: what each layer gave, and how far the pass came; and tensors as plain data.

Worked example: ``with Watch(model) as watch, Kept(model, False): model(x)``, after which ``watch.layers()`` has one
entry a layer, in the order in which they ran, and the model's modes and buffers are as before.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from infer import first_tensor

MOST_LAYERS = 500
MOST_OUTPUTS = 16
NAME, TYPE = 120, 60  # characters


class Watch:
    """Hooks on the layers of a model while it is entered.

    last: the layer that came to its end last. norms: by layer, the sum of squares of the gradient of what it gave.
    """

    def __init__(self, model: Any, gradients: bool = False) -> None:
        self.modules = dict(model.named_modules())
        self.gradients = gradients
        self.last = ""
        self.found: dict[str, dict[str, Any]] = {}
        self.norms: dict[str, float] = {}
        self.open: list[str] = []
        self.ordered: list[Any] = []
        self._handles: list[Any] = []

    def __enter__(self) -> Watch:
        for name, module in self.modules.items():
            self._handles.append(module.register_forward_pre_hook(lambda *_, name=name: self.open.append(name)))
            self._handles.append(
                module.register_forward_hook(lambda _, __, output, name=name: self._after(name, output))
            )
        return self

    def __exit__(self, *unused: object) -> None:
        for handle in self._handles:
            handle.remove()

    def inside(self) -> str:
        """The innermost module that was entered and not left."""
        return self.open[-1] if self.open else ""

    def _is_layer(self, name: str) -> bool:
        module = self.modules[name]
        own = any(True for _ in module.parameters(recurse=False))
        return own or not any(True for _ in module.children())

    def _after(self, name: str, output: Any) -> None:
        if name in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(name) :]
        if not self._is_layer(name):
            return
        self.last = name
        tensor = first_tensor(output)
        if self.gradients:
            if tensor is not None and tensor.requires_grad:
                output_tensor: Any = tensor
                output_tensor.register_hook(lambda gradient: self._add(name, gradient))
            return
        known = self.found.get(name)
        if known is not None:
            known["calls"] += 1
        elif tensor is None:
            self.found[name] = {"calls": 1}
        else:
            self.found[name] = {"calls": 1, "shape": sizes_of(tensor), **statistics(numbers_of(tensor))}

    def _add(self, name: str, gradient: torch.Tensor) -> None:
        self.norms[name] = self.norms.get(name, 0.0) + float(gradient.detach().double().norm()) ** 2

    def layers(self) -> tuple[list[dict[str, Any]], int]:
        """The layers as the report has them, and how many there are in all; `ordered` has the same as modules."""
        names = [*self.found, *(name for name in self.modules if name not in self.found and self._is_layer(name))]
        listed: list[dict[str, Any]] = []
        for name in names[:MOST_LAYERS]:
            module = self.modules[name]
            own = list(module.parameters(recurse=False))
            self.ordered.append(module)
            listed.append(
                {
                    "name": name[:NAME],
                    "type": type(module).__name__[:TYPE],
                    "shape": None,
                    "calls": 0,
                    "parameters": sum(size_of(one) for one in own),
                    "trainable": sum(size_of(one) for one in own if one.requires_grad),
                    **statistics(None),
                    "activation_gradient": None,
                    "weight_gradient": None,
                    **self.found.get(name, {}),
                }
            )
        return listed, len(names)


class Kept:
    """Sets a model's mode, and puts modes and buffers back at the end."""

    def __init__(self, model: Any, train: bool) -> None:
        self.model, self.train = model, train

    def __enter__(self) -> None:
        self.modes = [(one, one.training) for one in self.model.modules()]
        self.buffers = [
            (one, one.detach().clone()) for one in self.model.buffers() if not torch.nn.parameter.is_lazy(one)
        ]
        self.model.train(self.train)

    def __exit__(self, *unused: object) -> None:
        for module, mode in self.modes:
            module.training = mode
        with torch.no_grad():
            for buffer, before in self.buffers:
                if buffer.shape == before.shape:
                    buffer.copy_(before)


# --- plain data ----------------------------------------------------------------------------------------------------


def tensors_of(output: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in what a model returns, each with the way to it: ``[0]``, ``['logits']``, ``.loss``."""
    if isinstance(output, torch.Tensor):
        yield name, output
    elif depth > 3:
        return
    elif isinstance(output, Mapping):
        for key in itertools.islice(output, MOST_OUTPUTS):
            yield from tensors_of(output[key], f"{name}[{str(key)[:40]!r}]", depth + 1)
    elif isinstance(output, (list, tuple)):
        for number, one in enumerate(output[:MOST_OUTPUTS]):
            yield from tensors_of(one, f"{name}[{number}]", depth + 1)
    elif hasattr(output, "__dict__"):
        for key, one in itertools.islice(vars(output).items(), MOST_OUTPUTS):
            yield from tensors_of(one, f"{name}.{key[:40]}", depth + 1)


def numbers_of(tensor: torch.Tensor) -> torch.Tensor:
    """All numbers of a tensor, as float64; of a complex one both parts."""
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return tensor.double().reshape(-1)


def statistics(flat: torch.Tensor | None) -> dict[str, Any]:
    """Least, greatest, mean and standard deviation of the finite numbers, and how many are not finite."""
    empty: dict[str, Any] = dict.fromkeys(("minimum", "maximum", "mean", "deviation"))
    empty["not_finite"] = 0
    if flat is None or not flat.numel():
        return empty
    kept = flat[torch.isfinite(flat)]
    empty["not_finite"] = flat.numel() - kept.numel()
    if not kept.numel():
        return empty
    return {
        "minimum": finite(float(kept.min())),
        "maximum": finite(float(kept.max())),
        "mean": finite(float(kept.mean())),
        "deviation": finite(float(kept.std(correction=0))),
        "not_finite": empty["not_finite"],
    }


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def sizes_of(tensor: torch.Tensor) -> list[int]:
    return [int(size) for size in tensor.shape[:16]]


def described(tensor: torch.Tensor) -> dict[str, Any]:
    return {"shape": sizes_of(tensor), "dtype": str(tensor.dtype).removeprefix("torch.")}


def size_of(parameter: Any) -> int:
    """How many numbers a parameter has; none before the first run of a lazy module."""
    return 0 if torch.nn.parameter.is_lazy(parameter) else int(parameter.numel())
