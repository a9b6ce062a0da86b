"""Symbolic sizes against plain arithmetic: whatever is said of an expression holds for all values of its symbols."""

from __future__ import annotations

import random

import pytest

from torchlint.flow.shape import (
    Dim,
    Linear,
    add,
    differs,
    evaluate,
    floor_divide,
    multiply,
    product,
    same,
    scale,
    subtract,
    symbol,
)

B, H, W = symbol("B"), symbol("H"), symbol("W")


def _expression(chance: random.Random, depth: int, values: dict[str, int]) -> tuple[Dim, int]:
    """A random expression, and its value where the symbols have these values."""
    if depth == 0:
        choices: list[int | Linear] = [symbol("B"), symbol("H"), symbol("W"), chance.randint(-3, 9)]
        size = chance.choice(choices)
        return size, values[str(size)] if isinstance(size, Linear) else size
    a, x = _expression(chance, depth - 1, values)
    op = chance.choice(["+", "-", "·", "k·", "/"])
    if op == "k·":
        k = chance.randint(-2, 3)
        return scale(a, k), x * k
    if op == "/":
        k = chance.randint(1, 4)
        return floor_divide(a, k), x // k
    b, y = _expression(chance, depth - 1, values)
    if op == "+":
        return add(a, b), x + y
    if op == "-":
        return subtract(a, b), x - y
    return multiply(a, b), x * y


@pytest.mark.parametrize("seed", range(20))
def test_expressions_are_worth_what_they_say(seed: int) -> None:
    chance = random.Random(seed)
    known = 0
    for _ in range(200):
        values = {name: chance.randint(1, 40) for name in "BHW"}
        expression, value = _expression(chance, chance.randint(1, 4), values)
        if expression is not None:
            known += 1
            assert evaluate(expression, values) == value, str(expression)
    assert known > 190


@pytest.mark.parametrize("seed", range(20))
def test_what_is_certain_holds_for_all_values(seed: int) -> None:
    chance = random.Random(seed)
    certain = 0
    for _ in range(200):
        some = {name: chance.randint(1, 9) for name in "BHW"}
        a, _ = _expression(chance, chance.randint(0, 3), some)
        b, _ = _expression(chance, chance.randint(0, 3), some)
        for word, says, equal in (("differs", differs(a, b), False), ("same", same(a, b), True)):
            certain += says
            for _ in range(20 if says else 0):
                values = {name: chance.randint(1, 30) for name in "BHW"}
                assert (evaluate(a, values) == evaluate(b, values)) is equal, f"{a} {word} {b}"
    assert certain > 20


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (floor_divide(floor_divide(H, 2), 2), "⌊H/4⌋"),
        (add(floor_divide(subtract(H, 1), 2), 1), "⌊(H+1)/2⌋"),
        (floor_divide(add(floor_divide(H, 2), 1), 3), "⌊(H+2)/6⌋"),
        (floor_divide(scale(H, 6), 4), "H+⌊H/2⌋"),
        (scale(floor_divide(H, 2), 2), "2·⌊H/2⌋"),
        (product((64, H, W)), "64·H·W"),
        (floor_divide(multiply(B, multiply(H, W)), H), "B·W"),
        (multiply(subtract(H, 4), W), "(H−4)·W"),
        (subtract(add(H, W), W), "H"),
        (symbol("H#7"), "H"),
    ],
)
def test_expressions_are_simple(size: Dim, shown: str) -> None:
    assert str(size) == shown


def test_what_is_certain() -> None:
    assert differs(subtract(H, 4), H)
    assert differs(scale(H, 2), H)
    assert differs(scale(floor_divide(H, 2), 2), add(H, 1))
    assert differs(add(scale(H, 2), 1), 4)
    assert differs(add(H, 3), 2)
    assert not differs(H, W)
    assert not differs(H, symbol("H#7"))
    assert not differs(scale(floor_divide(H, 2), 2), H)
    assert not differs(None, 3)
    assert same(add(floor_divide(H, 2), floor_divide(add(H, 1), 2)), H)
    assert not same(scale(floor_divide(H, 2), 2), H)
    assert not same(None, None)
