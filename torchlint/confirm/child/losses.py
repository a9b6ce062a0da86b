"""Losses of torch as a claim names them, targets that they are given, and what a target would be that they take.

Worked example: of ``CrossEntropyLoss`` on scores of shape (2, 10), `target` draws class ids as the claim describes
them; `mended` for ``dtype`` gives the same ids as int64, for ``shape`` ids of shape (2,).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from replay import RaisedError, Take, UndecidedError
from samples import sample

#: Losses whose target is a class id for each sample or pixel.
PER_CLASS = frozenset({"CrossEntropyLoss", "cross_entropy", "NLLLoss", "nll_loss"})

#: Losses that compare value by value, with a target of the shape of the input.
ELEMENTWISE = frozenset(
    {
        "BCELoss", "binary_cross_entropy", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits", "MSELoss",
        "mse_loss", "L1Loss", "l1_loss", "SmoothL1Loss", "smooth_l1_loss", "HuberLoss", "huber_loss",
        "KLDivLoss", "kl_div",
    }
)  # fmt: skip


def find(described: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """The loss of torch that a claim describes, with its settings.

    Raises:
        UndecidedError: torch has none of that name, or not all of its settings are known.
    """
    name = described["name"]
    if not described["known"]:
        raise UndecidedError("argument")
    settings = {key: value for key, value in described["settings"].items() if value is not None}
    if name[:1].isupper() and isinstance(getattr(torch.nn, name, None), type):
        try:
            made: Callable[[Any, Any], Any] = getattr(torch.nn, name)(**settings)
        except (TypeError, ValueError) as error:
            raise UndecidedError("argument", str(error)) from error
        return made
    function = getattr(torch.nn.functional, name, None)
    if function is None:
        raise UndecidedError("unsupported", name)
    return lambda given, target: function(given, target, **settings)


def target(described: dict[str, Any], node: dict[str, Any], given: Any, take: Take, step: int) -> Any:
    """The target of a loss: computed, or drawn as the claim describes it, in the shape that the loss takes if its own
    is not known.

    Raises:
        UndecidedError: it is not known, or cannot be drawn.
    """
    if node["type"] != "data":
        value = take.value(step)
        if not isinstance(value, torch.Tensor):
            raise UndecidedError("unknown-step")
        return value
    name = described["name"]
    shape = take.shape(node)
    if node["shape"] is not None and shape is None:
        raise UndecidedError("unknown-step", "the shape of the target is not known")
    if shape is None:
        shape = fitting(name, given)
    return _sampled(name, {**node, "shape": shape}, given, take)


def _sampled(name: str, node: dict[str, Any], given: Any, take: Take) -> Any:
    """A target as it is described; what is not known of it is as the loss takes it."""
    ids = name in PER_CLASS
    spec = {**node, "dtype": node["dtype"] or ("int64" if ids else "float32")}
    if ids and node["low"] is None and node["classes"] is None:
        spec |= {"low": 0, "high": max(0, given.shape[1] - 1) if given.dim() > 1 else 0}
    return sample(spec, take.generator)


def fitting(name: str, given: Any) -> list[int]:
    """The shape of a target that a loss takes for this input.

    Raises:
        UndecidedError: that is not known of this loss.
    """
    if name in ELEMENTWISE:
        return list(given.shape)
    if name in PER_CLASS and given.dim() > 1:
        return [given.shape[0], *given.shape[2:]]
    raise UndecidedError("unsupported", name)


def mended(described: dict[str, Any], about: str, given: Any, wrong: Any, node: dict[str, Any], take: Take) -> Any:
    """The target with only that changed which a claim is about; None if that is not known."""
    name = described["name"]
    if name not in PER_CLASS and name not in ELEMENTWISE:
        return None
    if about == "shape":
        shape = fitting(name, given)
        if node["type"] == "data":
            return _sampled(name, {**node, "shape": shape}, given, take)
        return torch.resize_as_(wrong.detach().clone(), torch.empty(shape)) if wrong.numel() else None
    if about == "dtype":
        return wrong.to(torch.int64 if name in PER_CLASS else given.dtype)
    return torch.zeros_like(wrong) if about in ("range", "classes") else None


def judged(loss: Callable[[Any, Any], Any], given: Any, wanted: Any, step: int) -> Any:
    """What a loss gives.

    Raises:
        RaisedError: it raised an exception.
    """
    try:
        return loss(given, wanted)
    except Exception as error:
        raise RaisedError(step, error) from error


def called(loss: Callable[[Any, Any], Any], given: Any, wanted: Any) -> tuple[str, str]:
    """What a call of a loss does: ``ran``, ``broadcast`` or the name of an exception; and the text of that."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            loss(given, wanted)
        except Exception as error:
            return type(error).__name__, str(error)
    for warning in said:
        if "target size" in str(warning.message):
            return "broadcast", str(warning.message)
    return "ran", ""
