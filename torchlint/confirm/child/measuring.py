"""What is measured of a built model by further passes: gradients, mixing of samples, differences between modes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from infer import first_tensor
from limits import BudgetSpent
from watching import MOST_OUTPUTS, Kept, Watch, finite, numbers_of, tensors_of


def cotangent(output: Any, samples: slice, generator: torch.Generator) -> torch.Tensor | None:
    """The sum of an output's tensors times random normal numbers, of these samples only; None without gradients."""
    total: torch.Tensor | None = None
    for _, tensor in itertools.islice(tensors_of(output), MOST_OUTPUTS):
        if not tensor.requires_grad or (not tensor.dim() and samples != slice(None)):
            continue
        part = tensor[samples] if tensor.dim() else tensor
        if part.is_complex():
            part = torch.view_as_real(part)
        term = (part * torch.randn(part.shape, generator=generator, dtype=torch.float64).to(part.dtype)).sum()
        total = term if total is None else total + term.to(total.dtype)
    return total


def backward(
    model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool, seed: int, watch: Watch
) -> set[str]:
    """One gradient pass; the gradients stay on the parameters. Names of trainable ones that it gives none, or zeros.

    Raises ValueError where no output has a gradient, and whatever the model raises.
    """
    model.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    with watch, Kept(model, train), torch.enable_grad():
        loss = cotangent(model(*tensors, **kwargs), slice(None), torch.Generator().manual_seed(seed))
        if loss is None:
            raise ValueError("no output has a gradient")
        loss.backward()  # type: ignore[no-untyped-call]
    return {
        name
        for name, one in model.named_parameters()
        if one.requires_grad and (one.grad is None or not bool((one.grad != 0).any()))
    }


def weight_gradient(module: Any) -> float | None:
    grads = [one.grad for one in module.parameters(recurse=False) if one.grad is not None]
    if not grads:
        return None
    return finite(math.sqrt(sum(float(one.detach().double().norm()) ** 2 for one in grads)))


def mixing(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool) -> bool | None:
    """Whether the first sample's output depends on the second sample; None where that cannot be said."""
    batched = [one for one in tensors if isinstance(one, torch.Tensor) and one.dim() and one.shape[0] >= 2]
    if not batched:
        return None
    floats = [one for one in batched if one.is_floating_point()]
    try:
        if len(floats) == len(batched):
            return _mixing_by_gradient(model, tensors, kwargs, train)
        return _mixing_by_change(model, tensors, kwargs, train)
    except BudgetSpent:
        raise
    except Exception:
        return None


def _mixing_by_gradient(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool) -> bool | None:
    leaves = [
        one.detach().clone().requires_grad_()
        if isinstance(one, torch.Tensor) and one.is_floating_point() and one.dim() and one.shape[0] >= 2
        else one
        for one in tensors
    ]
    wanted = [one for one in leaves if isinstance(one, torch.Tensor) and one.requires_grad]
    with Kept(model, train), torch.enable_grad():
        torch.manual_seed(0)
        output = model(*leaves, **kwargs)
        first = first_tensor(output)
        if first is None or not first.dim() or first.shape[0] != wanted[0].shape[0]:
            return None  # the batch is not the first dimension of both
        loss = cotangent(first, slice(0, 1), torch.Generator().manual_seed(0))
        if loss is None:
            return None
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
    others = [one[1:] for one in found if one is not None]
    if any(not bool(torch.isfinite(one).all()) for one in others):
        return None
    return any(bool((one != 0).any()) for one in others)


def _mixing_by_change(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any], train: bool) -> bool | None:
    changed = []
    for one in tensors:
        if isinstance(one, torch.Tensor) and one.dim() and one.shape[0] >= 2:
            one = one.clone()
            one[1:] = one[1:].flip(-1) if one.is_floating_point() else one.max() - one[1:]
        changed.append(one)
    outputs = []
    with torch.no_grad():
        for given in (tensors, tensors, changed):
            with Kept(model, train):
                torch.manual_seed(0)
                outputs.append(first_tensor(model(*given, **kwargs)))
    before, again, after = outputs
    if before is None or again is None or after is None or not before.dim():
        return None
    if before.shape != after.shape or before.shape[0] != tensors[0].shape[0]:
        return None
    if not torch.equal(before[0], again[0]):
        return None  # it changes by itself
    difference = _largest(before[0], after[0])
    return None if difference is None else difference > 1e-5 * (1.0 + float(before[0].double().abs().max()))


def differences(model: Any, tensors: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, float | None]:
    """The largest difference of the output between two calls in eval mode, and between train and eval mode."""
    outputs: dict[str, torch.Tensor | None] = {}
    for name, train, seed in (("eval", False, 0), ("again", False, 1), ("train", True, 0)):
        try:
            with Kept(model, train), torch.no_grad():
                torch.manual_seed(seed)
                found = first_tensor(model(*tensors, **kwargs))
                outputs[name] = None if found is None else found.detach().clone()
        except BudgetSpent:
            raise
        except Exception:
            outputs[name] = None
    return {
        "eval_eval": _largest(outputs["eval"], outputs["again"]),
        "train_eval": _largest(outputs["eval"], outputs["train"]),
    }


def _largest(one: torch.Tensor | None, other: torch.Tensor | None) -> float | None:
    if one is None or other is None or one.shape != other.shape or not one.numel():
        return None
    return finite(float((numbers_of(one) - numbers_of(other)).abs().max()))
