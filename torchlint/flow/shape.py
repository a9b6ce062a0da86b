"""Symbolic sizes: integers, named symbols, and linear expressions over them, their products and floors.

Definitions
    symbol     the name of a size that is not known: at least 1, the same wherever the name is met. What stands behind a
               ``#`` in it tells apart symbols that are shown alike
    atom       a symbol, a `Product` of atoms, or a `Floor`
    Dim        an int, a `Linear`, or None for a size that is not known
    Shape      a tuple of Dims, or None for an unknown rank
    certain    for all values of the symbols

Worked example: with H the symbol of an unknown height, a 3×3 convolution without padding gives ``H − 2`` and a second
one ``H − 4``; two poolings by 2 of H give ``⌊H/4⌋``, since floors of floors are one floor. ``differs(H − 4, H)`` is
certain, and so is ``differs(2·⌊H/2⌋, H + 1)``; ``differs(H, W)`` is not, for nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product as combinations
from typing import Union

import msgspec


class Product(msgspec.Struct, frozen=True):
    """factor · factor · …, at least two, sorted; a factor that is a sum is a `Linear`."""

    factors: tuple[Union[str, Floor, Linear], ...]

    def __str__(self) -> str:
        return "·".join(f"({f})" if isinstance(f, Linear) else _name(f) for f in self.factors)


class Floor(msgspec.Struct, frozen=True):
    """⌊whole / by⌋, as simple as it gets."""

    whole: Linear
    by: Union[int, Linear]

    def __str__(self) -> str:
        whole, by = str(self.whole), str(self.by)
        if len(self.whole.terms) > 1 or self.whole.constant:
            whole = f"({whole})"
        return f"⌊{whole}/{by if isinstance(self.by, int) else f'({by})'}⌋"


Atom = Union[str, Product, Floor]


class Linear(msgspec.Struct, frozen=True):
    """sum(coefficient * atom) + constant, with at least one atom; `terms` is sorted by what an atom looks like."""

    terms: tuple[tuple[Atom, int], ...]
    constant: int = 0

    def __str__(self) -> str:
        parts: list[str] = []
        for atom, k in self.terms:
            size = _name(atom) if abs(k) == 1 else f"{abs(k)}·{_name(atom)}"
            parts.append(("−" if k < 0 else "+" if parts else "") + size)
        if self.constant:
            parts.append(("−" if self.constant < 0 else "+") + str(abs(self.constant)))
        return "".join(parts)


Dim = Union[int, Linear, None]
Shape = Union[tuple[Dim, ...], None]

#: An expression of more terms, or one that looks longer, is not known.
MOST_TERMS, LONGEST = 8, 120

#: So many values of symbols are tried at most, to decide whether two sizes can be equal.
MOST_TRIALS = 512


def _name(atom: Atom) -> str:
    return atom.partition("#")[0] if isinstance(atom, str) else str(atom)


def _order(atom: Atom | Linear) -> str:
    return atom if isinstance(atom, str) else str(atom)


def symbol(name: str) -> Linear:
    """A size that is not known but has a name, such as the batch size ``B``."""
    return Linear(((name, 1),))


def _parts(a: int | Linear) -> tuple[dict[Atom, int], int]:
    return ({}, a) if isinstance(a, int) else (dict(a.terms), a.constant)


def _make(terms: Mapping[Atom, int], constant: int) -> Dim:
    kept = [(atom, k) for atom, k in terms.items() if k]
    if not kept:
        return constant
    if len(kept) > MOST_TERMS:
        return None
    return Linear(tuple(sorted(kept, key=lambda term: _order(term[0])) if len(kept) > 1 else kept), constant)


def _atom(atom: Atom) -> Dim:
    return Linear(((atom, 1),)) if isinstance(atom, str) or len(str(atom)) <= LONGEST else None


def add(a: Dim, b: Dim) -> Dim:
    """a + b."""
    if a is None or b is None:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    terms, constant = _parts(a)
    others, other = _parts(b)
    for atom, k in others.items():
        terms[atom] = terms.get(atom, 0) + k
    return _make(terms, constant + other)


def scale(a: Dim, k: int) -> Dim:
    """a * k."""
    if a is None:
        return None
    if isinstance(a, int):
        return a * k
    return Linear(tuple((atom, c * k) for atom, c in a.terms), a.constant * k) if k else 0


def subtract(a: Dim, b: Dim) -> Dim:
    """a - b."""
    return add(a, scale(b, -1))


def _factored(a: Linear) -> tuple[int, tuple[Union[str, Floor, Linear], ...]]:
    """a as a number times factors; a sum is one factor, of which the greatest common divisor is taken out."""
    if len(a.terms) == 1 and not a.constant:
        atom, k = a.terms[0]
        return k, atom.factors if isinstance(atom, Product) else (atom,)
    common = math.gcd(a.constant, *(k for _, k in a.terms))
    common = -common if a.terms[0][1] < 0 else common
    return common, (Linear(tuple((atom, k // common) for atom, k in a.terms), a.constant // common),)


def _of_factors(k: int, factors: list[Union[str, Floor, Linear]]) -> Dim:
    if not factors:
        return k
    if len(factors) == 1:
        one = factors[0]
        return scale(one if isinstance(one, Linear) else _atom(one), k)
    return scale(_atom(Product(tuple(sorted(factors, key=_order)))), k)


def multiply(a: Dim, b: Dim) -> Dim:
    """a * b; the factors of a product stay apart, so that it can be divided by any of them."""
    if isinstance(a, int):
        return 0 if a == 0 else scale(b, a)
    if isinstance(b, int):
        return 0 if b == 0 else scale(a, b)
    if a is None or b is None:
        return None
    (j, left), (k, right) = _factored(a), _factored(b)
    return _of_factors(j * k, [*left, *right])


def divide_exactly(whole: Dim, part: Dim) -> Dim:
    """whole / part, if it is certain that nothing remains; else None."""
    if whole is None or part is None or part == 0:
        return None
    if isinstance(part, int):
        if isinstance(whole, int):
            return whole // part if whole % part == 0 else None
        if whole.constant % part or any(k % part for _, k in whole.terms):
            return None
        return Linear(tuple((atom, k // part) for atom, k in whole.terms), whole.constant // part)
    if isinstance(whole, int):
        return 0 if whole == 0 else None
    (j, factors), (k, gone) = _factored(whole), _factored(part)
    left = list(factors)
    for factor in gone:
        if factor not in left:
            return None
        left.remove(factor)
    return _of_factors(j // k, left) if j % k == 0 else None


def floor_divide(a: Dim, k: Dim) -> Dim:
    """a // k for a positive k: what divides is taken out, floors of floors are one floor."""
    if a is None or k is None:
        return None
    if isinstance(k, Linear):
        exact = divide_exactly(a, k)
        return exact if exact is not None or isinstance(a, int) else _atom(Floor(a, k))
    if k <= 0:
        return None
    if isinstance(a, int) or k == 1:
        return a // k if isinstance(a, int) else a
    if all(c % k == 0 for _, c in a.terms):
        return Linear(tuple((atom, c // k) for atom, c in a.terms), a.constant // k)
    inner = [(atom, c) for atom, c in a.terms if isinstance(atom, Floor) and isinstance(atom.by, int)]
    if len(inner) == 1 and inner[0][1] == 1:
        # ⌊(⌊w/m⌋ + t)/k⌋ = ⌊(w + m·t)/(m·k)⌋
        floor = inner[0][0]
        assert isinstance(floor, Floor)
        assert isinstance(floor.by, int)
        rest = subtract(a, Linear((inner[0],)))
        return floor_divide(add(floor.whole, scale(rest, floor.by)), floor.by * k)
    outside = {atom: c // k for atom, c in a.terms}
    kept = tuple((atom, c % k) for atom, c in a.terms if c % k)
    common = math.gcd(k, *(c for _, c in kept))
    # ⌊(g·w + c)/(g·k)⌋ = ⌊(w + ⌊c/g⌋)/k⌋
    whole = Linear(tuple((atom, c // common) for atom, c in kept), (a.constant % k) // common)
    return add(_make(outside, a.constant // k), _atom(Floor(whole, k // common)))


def product(dims: tuple[Dim, ...]) -> Dim:
    """The number of elements of a shape; 1 for no dimensions."""
    result: Dim = 1
    for dim in dims:
        result = 0 if dim == 0 else multiply(result, dim)
    return result


# --- what is certain ---------------------------------------------------------------------------------------------


def evaluate(dim: Dim, values: Mapping[str, int]) -> int | None:
    """The size, where these symbols have these values; None if one has none."""
    if dim is None or isinstance(dim, int):
        return dim
    total = dim.constant
    for atom, k in dim.terms:
        one = _evaluate_atom(atom, values)
        if one is None:
            return None
        total += k * one
    return total


def _evaluate_atom(atom: Atom | Linear, values: Mapping[str, int]) -> int | None:
    if isinstance(atom, str):
        return values.get(atom)
    if isinstance(atom, Linear):
        return evaluate(atom, values)
    if isinstance(atom, Floor):
        whole, by = evaluate(atom.whole, values), evaluate(atom.by, values)
        return None if whole is None or not by else whole // by
    result = 1
    for factor in atom.factors:
        one = _evaluate_atom(factor, values)
        if one is None:
            return None
        result *= one
    return result


def symbols(dim: Dim) -> frozenset[str]:
    """The symbols in a size."""
    return frozenset(_symbols(dim)) if isinstance(dim, Linear) else frozenset()


def _symbols(part: Atom | Linear | int) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Linear):
        for atom, _ in part.terms:
            yield from _symbols(atom)
    elif isinstance(part, Floor):
        yield from _symbols(part.whole)
        yield from _symbols(part.by)
    elif isinstance(part, Product):
        for factor in part.factors:
            yield from _symbols(factor)


def _period(part: Atom | Linear) -> int | None:
    """A number of steps of its symbols after which an expression has grown by a fixed amount; None if there is none."""
    if isinstance(part, str):
        return 1
    if isinstance(part, Product):
        return None
    if isinstance(part, Floor):
        inner = _period(part.whole)
        return None if inner is None or not isinstance(part.by, int) else inner * part.by
    periods = [_period(atom) for atom, _ in part.terms]
    known = [p for p in periods if p is not None]
    return math.lcm(*known) if len(known) == len(periods) else None


def _never_zero(gap: Linear) -> bool:
    """Whether an expression is certainly not 0, where every symbol is at least 1."""
    common = math.gcd(*(k for _, k in gap.terms))
    if gap.constant % common:
        return True
    least = gap.constant
    if all(k > 0 for _, k in gap.terms) or all(k < 0 for _, k in gap.terms):
        # every symbol is at least 1, and every floor of such at least 0
        least = abs(sum(k * (1 if isinstance(atom, str) else 0) for atom, k in gap.terms))
        if all(_positive(atom) for atom, _ in gap.terms) and least and (gap.constant * gap.terms[0][1] >= 0):
            return True
    names, period = sorted(symbols(gap)), _period(gap)
    if period is None or period == 1 or period ** len(names) > MOST_TRIALS:
        return _one_symbol(gap) if period == 1 and len(names) == 1 else False
    for start in combinations(range(1, period + 1), repeat=len(names)):
        here = evaluate(gap, dict(zip(names, start)))
        assert here is not None
        slopes = []
        for i, name in enumerate(names):
            there = evaluate(gap, {**dict(zip(names, start)), name: start[i] + period})
            assert there is not None
            slopes.append(there - here)
        steps = math.gcd(*slopes)
        if len(names) == 1 and slopes[0]:
            if here % slopes[0] == 0 and -here // slopes[0] >= 0:
                return False
        elif here % steps == 0 if steps else here == 0:
            return False
    return True


def _one_symbol(gap: Linear) -> bool:
    ((_, k),) = gap.terms
    return gap.constant % k != 0 or -gap.constant // k < 1


def _positive(atom: Atom | Linear) -> bool:
    """Whether an expression is certainly at least 0."""
    if isinstance(atom, str):
        return True
    if isinstance(atom, Product):
        return all(_positive(factor) for factor in atom.factors)
    if isinstance(atom, Floor):
        return _positive(atom.whole) and (isinstance(atom.by, int) or _positive(atom.by))
    return atom.constant >= 0 and all(k > 0 and _positive(one) for one, k in atom.terms)


def differs(a: Dim, b: Dim) -> bool:
    """Whether it is certain that the two sizes are different."""
    if a is None or b is None or a is b:
        return False
    gap = subtract(a, b)
    return _never_zero(gap) if isinstance(gap, Linear) else gap is not None and gap != 0


def same(a: Dim, b: Dim) -> bool:
    """Whether it is certain that the two sizes are equal."""
    if a is not None and a == b:
        return True
    gap = subtract(a, b)
    return _always_zero(gap) if isinstance(gap, Linear) else gap == 0


def _always_zero(gap: Linear) -> bool:
    names, period = sorted(symbols(gap)), _period(gap)
    if period is None or period == 1 or (2 * period) ** len(names) > MOST_TRIALS:
        return False
    trials = combinations(range(1, 2 * period + 1), repeat=len(names))
    return all(evaluate(gap, dict(zip(names, trial))) == 0 for trial in trials)


# --- shapes ------------------------------------------------------------------------------------------------------


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
            out.append(x if same(x, y) else None)
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
