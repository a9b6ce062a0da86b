"""Losses that a program writes out by itself, recognised by how their value is computed.

What is recognised, p being the prediction, t the target and Σ a sum or mean, signs, weights, constants and small
numbers against zero left aside:

    overlap    Σ p·t / (Σ p + Σ t …): a Dice coefficient, a Jaccard or Tversky index. Multiplied out, all terms of the
               numerator are Σ p·t, and those of the denominator are among Σ p, Σ t, Σ p·t, Σ p², Σ t²
    entropy    t·log p + (1 − t)·log(1 − p): a binary cross-entropy
    focus      (1 − q)^γ · log q or (1 − q)^γ · loss, with a power of |t − q| in its stead too: the weight of a focal
               loss

Worked example: after ``i = (p * t).sum(); d = 2 * i / (p.sum() + t.sum() + 1e-6)`` the division has the numerator
2·Σ p·t and the denominator Σ p + Σ t + 1e-6: an overlap of p and t.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from torchlint.facts.algebra import ONE, REDUCTIONS, Algebra, Polynomial, Term, along, number_of, via_of
from torchlint.facts.computation import core
from torchlint.flow.events import OpEvent
from torchlint.flow.values import Place, Tensor, Unknown, Value, Via

#: A number that is added against a division by zero or the logarithm of zero is at most this.
SMALL = 0.01
MOST_NODES = 60


class Formula(msgspec.Struct, frozen=True):
    """A loss found in a computation: `kind` is ``overlap``, ``entropy`` or ``focus``; `place` where it is complete."""

    kind: str
    place: Place
    prediction: Tensor
    target: Tensor | None


def formula(event: OpEvent) -> Formula | None:
    """The loss that is complete with this operation; None if it is none."""
    via = event.via
    if via.op == "div":
        return _overlap(via)
    if via.op in ("add", "sub"):
        return _entropy(via)
    return _focus(via) if via.op == "mul" else None


def _sides(via: Via) -> tuple[Value | None, Value | None]:
    return via.arguments.get("input"), via.arguments.get("other")


# --- sums and products as they stand -----------------------------------------------------------------------------


def factors(value: Value | None, budget: int = MOST_NODES) -> Iterator[Value]:
    """The factors of a product that are tensors; a sign is none."""
    inner = core(value)
    via = via_of(inner)
    if via is not None and budget > 0:
        left, right = _sides(via)
        if via.op == "mul":
            yield from factors(left, budget // 2)
            yield from factors(right, budget // 2)
            return
        if via.op == "neg":
            yield from factors(left, budget - 1)
            return
    if isinstance(inner, Tensor):
        yield inner


def factors_of(via: Via) -> list[Value]:
    """The factors of a product, from both of its sides."""
    return [f for side in _sides(via) for f in factors(side)]


# --- overlaps ----------------------------------------------------------------------------------------------------


def _trained(value: Value) -> bool:
    return isinstance(value, Tensor) and (value.run is not None or value.grad == "attached")


def _overlap(via: Via) -> Formula | None:
    above, below = _sides(via)
    if not any(step.op in REDUCTIONS or step.op in ("dot", "einsum", "matmul") for step in along(above, _is_sum)):
        return None
    algebra = Algebra()
    upper, lower = algebra.polynomial(above), algebra.polynomial(below)
    if upper is None or lower is None:
        return None
    for term in upper:
        for p in term.factors:
            for t in term.factors:
                prediction, target = algebra.leaves[p], algebra.leaves[t]
                if p != t and _trained(prediction) and not _trained(target) and not _is_score(target):
                    bare = _bare(prediction)
                    if _is_overlap(algebra, upper, lower, p, t) and isinstance(bare, Tensor):
                        return Formula("overlap", via.place, bare, target if isinstance(target, Tensor) else None)
    return None


def _is_score(target: Value) -> bool:
    """Whether the target is what a model gave, too, and no mask: then the ratio may compare any two vectors."""
    if not isinstance(target, Tensor) or target.run is None:
        return False
    return target.meaning is None or target.meaning.kind not in ("binary", "class-index", "distribution", "probability")


def _is_sum(via: Via) -> bool:
    return via.op in ("add", "sub", "mul", "neg", "div", "abs", "clamp", "clamp_min")


def _is_overlap(algebra: Algebra, upper: Polynomial, lower: Polynomial, p: int, t: int) -> bool:
    above = _monomials(algebra, upper, p, t)
    below = _monomials(algebra, lower, p, t)
    if above is None or below is None or len(above) != 1:
        return False
    (product,) = above
    weights = Counter(product)
    weights.subtract((p, t))
    if min(weights.values()) < 0 or weights[p] or weights[t]:
        return False
    found = set()
    for monomial in below:
        rest = Counter(monomial)
        powers = (rest.pop(p, 0), rest.pop(t, 0))
        if +rest != +weights and rest:
            return False
        if powers not in ((1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (0, 0)):
            return False
        found.add(powers)
    return bool(found & {(1, 0), (2, 0)}) and bool(found & {(0, 1), (0, 2)})


def _monomials(algebra: Algebra, polynomial: Polynomial, p: int, t: int) -> set[tuple[int, ...]] | None:
    """The monomials of a polynomial but for unknown numbers; None if one of them was not summed up, as a whole."""
    out = set()
    for term in polynomial:
        kept = tuple(f for f in term.factors if f in (p, t) or not isinstance(algebra.leaves[f], Unknown))
        if kept and (not term.reduced or term.tangled):
            return None
        if kept:
            out.add(kept)
    return out


# --- cross-entropies ---------------------------------------------------------------------------------------------


def _entropy(via: Via) -> Formula | None:
    sides = _sides(via)
    if not all(_has_logarithm(side) for side in sides):
        return None
    algebra = Algebra()
    left, right = (algebra.polynomial(side) for side in sides)
    if left is None or right is None:
        return None
    logs = {n: _logarithm(algebra, leaf) for n, leaf in enumerate(list(algebra.leaves))}
    for plain, of in logs.items():
        for flipped, other in logs.items():
            if of is None or other is None or of[0] != other[0] or of[1] or not other[1]:
                continue
            halves = [_polarities(side, logs, of[0]) for side in (left, right)]
            if len(halves[0]) != 1 or len(halves[1]) != 1 or halves[0] == halves[1]:
                continue  # neither side is an entropy by itself
            target = _target(algebra, [*left, *right], plain, flipped, of[0])
            prediction = algebra.leaves[of[0]]
            if target is not None and isinstance(prediction, Tensor):
                value = algebra.leaves[target]
                return Formula("entropy", via.place, prediction, value if isinstance(value, Tensor) else None)
    return None


def _polarities(side: Polynomial, logs: Mapping[int, tuple[int, bool] | None], p: int) -> set[bool]:
    """Of the logarithms of p and of 1 − p, which are in a polynomial: false for the first, true for the second."""
    found = (logs.get(n) for term in side for n in term.factors)
    return {of[1] for of in found if of is not None and of[0] == p}


def _has_logarithm(value: Value | None) -> bool:
    return any(step.op in ("log", "log1p") for step in along(value, lambda v: _is_sum(v) or v.op in REDUCTIONS))


def _logarithm(algebra: Algebra, leaf: Value) -> tuple[int, bool] | None:
    """(x, false) where the leaf is log x, and (x, true) where it is log(1 − x), small numbers left aside."""
    via = via_of(leaf)
    if via is None or via.op not in ("log", "log1p"):
        return None
    inner = _expanded(algebra, via.arguments.get("input"))
    if inner is None:
        return None
    constant = inner.pop(ONE, 0.0)
    if constant is not None and via.op == "log1p":
        constant += 1
    if len(inner) != 1:
        return None
    ((term, coefficient),) = inner.items()
    if len(term.factors) != 1 or term.reduced or constant is None:
        return None
    if coefficient == 1 and abs(constant) <= SMALL:
        return term.factors[0], False
    return (term.factors[0], True) if coefficient == -1 and abs(constant - 1) <= SMALL else None


def _expanded(algebra: Algebra, value: Value | None) -> Polynomial | None:
    """The value multiplied out, bounds that keep it off 0 and 1 taken off."""
    inner = algebra.polynomial(_unbounded(value))
    if inner is None:
        return None
    out: Polynomial = {}
    for term, c in inner.items():
        leaf = algebra.leaves[term.factors[0]] if len(term.factors) == 1 else None
        if leaf is not None:
            term = Term((algebra.number(_bare(leaf)),), term.reduced)
        out[term] = c
    return out


def _is_power(value: Value) -> bool:
    via = via_of(value)
    return via is not None and via.op == "pow"


def _bare(leaf: Value) -> Value:
    """A leaf, its bounds taken off."""
    return _unbounded(leaf) or leaf


def _unbounded(value: Value | None) -> Value | None:
    """x, where the value is ``x.clamp(1e-7, 1 - 1e-7)`` or bounded on one of these sides."""
    inner = core(value)
    via = via_of(inner)
    while via is not None and via.op in ("clamp", "clamp_min", "clamp_max"):
        low, high = number_of(via.arguments.get("min")), number_of(via.arguments.get("max"))
        if low is None and high is None:
            break
        if not (low is None or 0 < low <= SMALL) or not (high is None or 0 < 1 - high <= SMALL):
            break
        inner = core(via.arguments.get("input"))
        via = via_of(inner)
    return inner


def _target(algebra: Algebra, found: list[Term], plain: int, flipped: int, p: int) -> int | None:
    """t, where the terms are t·log p and (1 − t)·log(1 − p), with weights."""
    beside = [Counter(term.factors) for term in found if plain in term.factors]
    away = [Counter(term.factors) for term in found if flipped in term.factors]
    both = [*beside, *away]
    if any(_is_power(algebra.leaves[n]) or algebra.number(_bare(algebra.leaves[n])) == p for one in both for n in one):
        return None  # a focal loss
    for t in beside[0]:
        if t != plain and all(t in one for one in beside):
            if any(t in one for one in away) and any(t not in one for one in away):
                return t
    return None


# --- focal losses ------------------------------------------------------------------------------------------------


def _focus(via: Via) -> Formula | None:
    """A power of 1 − q or of |t − q| beside a logarithm or a loss."""
    found: tuple[Tensor, Place] | None = None
    companion = False
    for side in factors_of(via):
        inner = via_of(side)
        if inner is not None and inner.op == "pow" and number_of(inner.arguments.get("exponent")) != 1:
            q = focused(inner.arguments.get("input"))
            base = via_of(core(inner.arguments.get("input")))
            if q is not None:
                found = q, base.place if base is not None else inner.place
                continue
        if isinstance(side, Tensor) and side.meaning is not None:
            companion = companion or side.meaning.kind in ("loss", "log-distribution", "log-probability")
        companion = companion or (inner is not None and inner.op in ("loss", "gather")) or _has_logarithm(side)
    return Formula("focus", found[1], found[0], None) if found is not None and companion else None


def focused(value: Value | None) -> Tensor | None:
    """q, where the value is 1 − q, or the p of which q is p·t + (1 − p)·(1 − t); or |t − q|."""
    algebra = Algebra(reductions=False)
    base = _expanded(algebra, value)
    if base is None:
        return None
    base = {t: c for t, c in base.items() if t.factors or c is None or abs(c) > SMALL}
    names = {n for term in base for n in term.factors}
    leaves = [algebra.leaves[n] for n in names]
    if not leaves:
        return None
    if len(leaves) == 1 and isinstance(leaves[0], Tensor):
        constant, coefficient = base.get(ONE), base.get(Term(tuple(names)))
        complement = coefficient == -1 and constant is not None and abs(constant - 1) <= SMALL
        chosen = _chosen(leaves[0])
        if len(base) == 1 and coefficient == 1 and chosen is not None and chosen[1]:
            return chosen[0]
        if not complement or len(base) != 2:
            return None
        return chosen[0] if chosen is not None else leaves[0]
    trained = [leaf for leaf in leaves if _trained(leaf)]
    if len(leaves) != 2 or len(trained) != 1 or not isinstance(trained[0], Tensor):
        return None
    monomials = {tuple(sorted(term.factors)) for term in base if term.factors}
    mixture = monomials == {(n,) for n in names} | {tuple(sorted(names))}
    distance = monomials == {(n,) for n in names} and set(base.values()) == {1.0, -1.0}
    return trained[0] if mixture or distance else None


def _chosen(leaf: Tensor) -> tuple[Tensor, bool] | None:
    """(p, …) where the leaf is p in one place and 1 − p in another; with true, where it is ``where(t, 1 - p, p)``."""
    via = via_of(leaf)
    if via is None or via.op != "where":
        return None
    algebra = Algebra(reductions=False)
    arms = [_expanded(algebra, side) for side in _sides(via)]
    if any(arm is None for arm in arms) or len(algebra.leaves) != 1:
        return None
    signs = [arm.get(Term((0,))) for arm in arms if arm is not None]
    only = algebra.leaves[0]
    return (
        (only, signs == [-1.0, 1.0])
        if sorted(map(str, signs)) == ["-1.0", "1.0"] and isinstance(only, Tensor)
        else None
    )


__all__ = ["Formula", "factors_of", "focused", "formula"]
