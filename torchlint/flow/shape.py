"""Symbolic sizes: integers, named symbols, and linear expressions over them.

Definitions
    Dim     an int, a `Linear`, or None for a size that is not known
    Shape   a tuple of Dims, or None for an unknown rank

Worked example: with H the symbol of an unknown height, a 3×3 convolution without padding gives ``H - 2`` and a second
one ``H - 4``; ``differs(H - 4, H)`` is True for every H, and ``differs(H, W)`` is False, for nothing is known.
"""

from __future__ import annotations

from typing import Union

import msgspec


class Linear(msgspec.Struct, frozen=True):
    """sum(coefficient * symbol) + constant, with at least one symbol; `terms` is sorted by symbol."""

    terms: tuple[tuple[str, int], ...]
    constant: int = 0

    def __str__(self) -> str:
        parts: list[str] = []
        for name, k in self.terms:
            size = name if abs(k) == 1 else f"{abs(k)}·{name}"
            parts.append(("−" if k < 0 else "+" if parts else "") + size)
        if self.constant:
            parts.append(("−" if self.constant < 0 else "+") + str(abs(self.constant)))
        return "".join(parts)


Dim = Union[int, Linear, None]
Shape = Union[tuple[Dim, ...], None]


def symbol(name: str) -> Linear:
    """A size that is not known but has a name, such as the batch size ``B``."""
    return Linear(((name, 1),))


def _parts(a: int | Linear) -> tuple[dict[str, int], int]:
    return ({}, a) if isinstance(a, int) else (dict(a.terms), a.constant)


def _make(terms: dict[str, int], constant: int) -> int | Linear:
    kept = tuple(sorted((s, k) for s, k in terms.items() if k))
    return Linear(kept, constant) if kept else constant


def add(a: Dim, b: Dim) -> Dim:
    """a + b."""
    if a is None or b is None:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    terms, constant = _parts(a)
    others, other = _parts(b)
    for s, k in others.items():
        terms[s] = terms.get(s, 0) + k
    return _make(terms, constant + other)


def scale(a: Dim, k: int) -> Dim:
    """a * k."""
    if a is None:
        return None
    if isinstance(a, int):
        return a * k
    return _make({s: c * k for s, c in a.terms}, a.constant * k)


def subtract(a: Dim, b: Dim) -> Dim:
    """a - b."""
    return add(a, scale(b, -1))


def multiply(a: Dim, b: Dim) -> Dim:
    """a * b; a product of two symbols is a new symbol, the same for the same factors."""
    if isinstance(a, int):
        return scale(b, a)
    if isinstance(b, int):
        return scale(a, b)
    if a is None or b is None:
        return None
    left, right = sorted((str(a), str(b)))
    return symbol(f"({left})·({right})")


def floor_divide(a: Dim, k: int) -> Dim:
    """a // k for a positive k; exact where every term divides, else a symbol named after the expression."""
    if a is None or k <= 0:
        return None
    if isinstance(a, int):
        return a // k
    if all(c % k == 0 for _, c in a.terms):
        return _make({s: c // k for s, c in a.terms}, a.constant // k)
    return symbol(f"⌊({a})/{k}⌋")


def product(dims: tuple[Dim, ...]) -> Dim:
    """The number of elements of a shape; 1 for no dimensions."""
    result: Dim = 1
    for dim in dims:
        result = multiply(result, dim)
    return result


def differs(a: Dim, b: Dim) -> bool:
    """Whether the two sizes are different whatever the symbols stand for."""
    gap = subtract(a, b)
    return isinstance(gap, int) and gap != 0


def same(a: Dim, b: Dim) -> bool:
    """Whether the two sizes are equal whatever the symbols stand for."""
    return subtract(a, b) == 0


def join(a: Shape, b: Shape) -> Shape:
    """What is known of a shape that is one or the other."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else None for x, y in zip(a, b))


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of an elementwise operation; unknown sizes give way to known ones above 1."""
    if a is None or b is None:
        return None
    if len(a) < len(b):
        a, b = b, a
    padded: tuple[Dim, ...] = (1,) * (len(a) - len(b)) + b
    out: list[Dim] = []
    for x, y in zip(a, padded):
        if x == 1:
            out.append(y)
        elif y == 1 or x == y:
            out.append(x)
        elif isinstance(x, int):
            out.append(x)
        elif isinstance(y, int):
            out.append(y)
        else:
            out.append(None)
    return tuple(out)


def render(shape: Shape) -> str:
    """A shape as a person writes it: ``1×3×H×W``; ``?`` for what is not known."""
    if shape is None:
        return "?"
    if not shape:
        return "scalar"
    return "×".join(
        "?"
        if d is None
        else f"({d})"
        if isinstance(d, Linear) and len(shape) > 1 and (len(d.terms) > 1 or d.constant)
        else str(d)
        for d in shape
    )
