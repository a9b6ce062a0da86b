"""Verdicts as JSON, and what every check asks of the tensors that it looks at."""

from __future__ import annotations

import math
from typing import Any

import torch
from replay import Take, UndecidedError

Verdict = dict[str, Any]
INF = float("inf")

#: How far beyond the end of a range a value has to lie, so that it is no matter of rounding.
BEYOND = 1e-3


def verdict(outcome: str, grade: str, reason: str, value: Any = None, **numbers: float) -> Verdict:
    """A verdict as JSON; `value` is the tensor that was looked at, for its shape."""
    shape = list(value.shape) if isinstance(value, torch.Tensor) else []
    finite = {name: float(number) for name, number in numbers.items() if math.isfinite(number)}
    return {"outcome": outcome, "grade": grade, "reason": reason, "numbers": finite, "shape": shape}


def undecided(reason: str, value: Any = None, **numbers: float) -> Verdict:
    """A verdict that decides nothing."""
    return verdict("inconclusive", "none", reason, value, **numbers)


def tensor_of(take: Take, step: int) -> Any:
    """The tensor that a step gives; of several the first.

    Raises:
        UndecidedError: it gives none.
    """
    value = take.value(step)
    if isinstance(value, (bool, int, float)):
        value = torch.tensor(value)
    if isinstance(value, dict):
        value = value.get("logits", value.get("out", next(iter(value.values()), None)))
    if isinstance(value, (tuple, list)) and len(value) == 1:
        value = value[0]
    if type(value).__module__ == "numpy":
        value = torch.as_tensor(value)
    if not isinstance(value, torch.Tensor):
        raise UndecidedError("unknown-step", type(value).__name__)
    return value


def ends(value: Any) -> tuple[float, float]:
    """The least and the greatest finite number of a tensor; (inf, -inf) if it has none."""
    numbers = value.detach().double().flatten()
    numbers = numbers[torch.isfinite(numbers)]
    return (INF, -INF) if numbers.numel() == 0 else (float(numbers.min()), float(numbers.max()))
