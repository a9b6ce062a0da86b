"""Random chains of torch operations, to hold what `RangeMode` says against what torch computes.

A *step* is a function from a chain and a tensor to new tensors. It may write to its input. A chain starts with a tensor
of a declared or an unknown range and applies steps to tensors that it has made; after each, every element of
every tensor must lie in the interval that the mode gives.
Steps that torch refuses for this shape or dtype are skipped. They stand in `steps.py`.
"""

import functools
import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import torch
from ranges import RangeMode

SCALES = (1.0, 0.0, 0.01, 100.0, 1e4, 1e-20, 1e20, -3.0)
SHAPES = ((2, 4, 4, 4), (1, 3, 5, 5), (3, 4, 6), (2, 3, 7), (4, 6), (2, 1), (5,), (), (1, 2, 3, 4, 4))
BANK = 4096

Step = Callable[["Chain", Any], Any]
STEPS: dict[str, Step] = {}


@functools.cache
def banks(seed: int) -> tuple[Any, Any, Any]:
    """Normal numbers with zeros and ones among them, numbers in [0, 1] with both ends, and integers."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.randint(0, BANK, (BANK // 20,), generator=generator)
    normal = torch.randn(BANK, generator=generator)
    special = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, 3.0])
    normal[places] = special[places % len(special)]
    unit = torch.rand(BANK, generator=generator)
    unit[places] = (places % 2).float()
    return normal, unit, torch.randint(0, 1 << 30, (BANK,), generator=generator)


class Chain:
    """One run: the mode, the random choices, and banks of numbers to take weights and further inputs from."""

    def __init__(self, seed: int, scale: float) -> None:
        self.random = random.Random(seed)
        self.scale = scale
        normal, unit, integers = banks(seed % 64)
        self.unknown_bank, self.unit_bank, self.integer_bank = normal * scale, unit.clone(), integers.clone()
        self.mode = RangeMode()
        self.pool: list[Any] = []
        self.mode.declare(self.unit_bank, 0, 1)

    def _cut(self, bank: Any, shape: Any) -> Any:
        size = math.prod(shape)
        start = self.random.randrange(BANK - size)
        return bank[start : start + size].reshape(tuple(shape))

    def weight(self, *shape: int) -> Any:
        """Numbers of which nothing is known."""
        return self._cut(self.unknown_bank, shape)

    def unit(self, *shape: int) -> Any:
        """Numbers that are declared to lie in [0, 1]."""
        return self._cut(self.unit_bank, shape)

    def bounded(self, *shape: int) -> Any:
        """Numbers in a known interval."""
        low, width = self.random.choice(
            [(-1.0, 2.0), (0.0, 1.0), (1.0, 3.0), (-0.3, 0.1), (-5.0, 0.7), (0.1, 0.0), (0.0, 0.0)]
        )
        return self.unit(*shape) * width + low

    def other(self, like: Any) -> Any:
        """A tensor that goes with another: of the pool, known, or unknown."""
        matching = [one for one in self.pool if one.shape == like.shape and one.is_floating_point()]
        kind = self.random.randrange(4)
        if kind == 0 and matching:
            return self.random.choice(matching)
        if kind == 1:
            return self.weight(*like.shape)
        return self.bounded(*like.shape)

    def index(self, most: int, *shape: int) -> Any:
        """Indices below `most`."""
        return self._cut(self.integer_bank, shape) % most

    def mask(self, like: Any) -> Any:
        """Random truth."""
        return self._cut(self.integer_bank, like.shape) % 2 == 0

    def number(self) -> float:
        """A Python number."""
        return self.random.choice([0.0, 1.0, -1.0, 0.1, 2.0, 0.5, -0.25, 255.0, 1e-3, 3.0, 1e-12])

    def dimension(self, x: Any) -> int:
        """One of its dimensions."""
        return self.random.randrange(-x.dim(), x.dim())


def step(function: Step, name: str = "") -> Step:
    """Registers a step."""
    key = name or function.__name__
    assert key not in STEPS, key
    STEPS[key] = function
    return function


class ViolationError(AssertionError):
    """An element outside of the interval, or a rule that raised."""


def check(chain: Chain, tensor: Any, trail: list[str]) -> None:
    """Raises `ViolationError` where a number lies outside of its interval, or a softmax does not sum to 1."""
    if tensor.is_complex() or tensor.numel() == 0:
        return
    low, high = chain.mode.interval(tensor)
    numbers = tensor.detach().to(torch.float64) if tensor.is_floating_point() else tensor
    if tensor.is_floating_point():
        numbers = numbers[~torch.isnan(numbers)]
        if numbers.numel() == 0:
            return
    least, most = numbers.min().item(), numbers.max().item()
    if not (low <= least and most <= high):
        raise ViolationError(f"{trail}: [{least!r}, {most!r}] is not in [{low!r}, {high!r}] at scale {chain.scale}")
    kind = chain.mode.kind(tensor)
    if kind is not None and kind[1] is not None:
        lines = tensor.double().exp() if kind[0] == "log_softmax" else tensor.double()
        sums = lines.sum(kind[1])
        sums = sums[~torch.isnan(sums)]
        if sums.numel() and (sums - 1).abs().max().item() > (0.05 if tensor.element_size() == 2 else 1e-4):
            raise ViolationError(f"{trail}: lines along {kind[1]} do not sum to 1")


def run(seed: int, scale: float, steps: list[str] | None = None, longest: int = 6) -> Chain:
    """Runs one chain; with `steps`, exactly these. Returns the chain, for the operations that it met."""
    chain = Chain(seed, scale)
    shape = chain.random.choice(SHAPES)
    start = chain.random.choice([chain.weight, chain.unit, chain.bounded])
    with chain.mode:
        first = start(*shape).clone()
    chain.pool.append(first)
    trail: list[str] = []
    names = list(STEPS)
    planned = steps or [chain.random.choice(names) for _ in range(chain.random.randrange(1, longest + 1))]
    torch.manual_seed(seed)
    for name in planned:
        x = chain.random.choice(chain.pool[-3:])
        try:
            with warnings.catch_warnings(), chain.mode:
                warnings.simplefilter("ignore")
                made = STEPS[name](chain, x)
        except (RuntimeError, IndexError, ValueError, TypeError, NotImplementedError, ZeroDivisionError):
            continue
        trail.append(name)
        new = [one for one in (made if isinstance(made, (tuple, list)) else (made,)) if isinstance(one, torch.Tensor)]
        chain.pool.extend(one for one in new if one.numel() <= 600)
        for one in [*chain.pool[:4], *new]:
            check(chain, one, trail)
        if chain.mode.failed:
            raise ViolationError(f"{trail}: the rules of {chain.mode.failed} raise")
    return chain
