"""Losses that a program writes out by itself, recognised by how their value is computed.

Definitions
    formula  the computation behind a value: its `via`, followed backwards (see `values.Via`)
    term     what a sum consists of, signs and constant factors taken off
    factor   what a product consists of
    leaf     a tensor in which a formula begins: what arithmetic and reductions lead back to

What is recognised, p being the prediction and t the target, constants and small numbers against zero left aside:

    overlap    Σ p·t / (Σ p + Σ t …): a Dice coefficient, a Jaccard or Tversky index; numerator and denominator have
               the same two leaves, and the denominator is a sum
    entropy    t·log p + (1 − t)·log(1 − p): a binary cross-entropy
    focus      (1 − q)^γ · log q or (1 − q)^γ · loss: the weight of a focal loss

Worked example: after ``i = (p * t).sum(); d = 2 * i / (p.sum() + t.sum() + 1e-6)`` the division has the numerator
Σ p·t with the leaves p and t, and a denominator with the terms Σ p and Σ t: an overlap of p and t.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torchlint.facts.computation import core
from torchlint.flow.events import OpEvent
from torchlint.flow.values import Const, Number, Place, Tensor, Value, Via

#: Operations that reduce, by which a formula's leaves stay the same.
REDUCTIONS = frozenset({"sum", "mean", "nansum", "nanmean"})
SMALL = 1.0 + 1e-9  # smoothing terms of an overlap are at most one
MOST_NODES = 60


@dataclass(frozen=True, slots=True)
class Formula:
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


def _via(value: Value | None) -> Via | None:
    return value.via if isinstance(value, Tensor) else None


def _sides(via: Via) -> tuple[Value | None, Value | None]:
    return via.arguments.get("input"), via.arguments.get("other")


def _is_number(value: Value | None) -> bool:
    return isinstance(value, (Const, Number))


def terms(value: Value | None) -> Iterator[Value]:
    """The terms of a sum that are tensors."""
    return (term for _, term in signed_terms(value))


def signed_terms(value: Value | None, sign: int = 1, budget: int = MOST_NODES) -> Iterator[tuple[int, Value]]:
    """The terms of a sum that are tensors, each with 1 or −1 for its sign; constant factors are taken off."""
    inner = core(value)
    via = _via(inner)
    if via is not None and budget > 0:
        left, right = _sides(via)
        if via.op in ("add", "sub"):
            yield from signed_terms(left, sign, budget // 2)
            yield from signed_terms(right, sign if via.op == "add" else -sign, budget // 2)
            return
        if via.op == "neg":
            yield from signed_terms(left, -sign, budget - 1)
            return
        if (via.op == "mul" and (_is_number(left) or _is_number(right))) or (via.op == "div" and _is_number(right)):
            number, other = (left, right) if _is_number(left) else (right, left)
            below = isinstance(number, Const) and isinstance(number.value, (int, float)) and number.value < 0
            yield from signed_terms(other, -sign if below else sign, budget - 1)
            return
    if isinstance(inner, Tensor):
        yield sign, inner


def factors(value: Value | None, budget: int = MOST_NODES) -> Iterator[Value]:
    """The factors of a product that are tensors; a sign is none."""
    inner = core(value)
    via = _via(inner)
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


def leaves(value: Value | None) -> dict[int, Tensor]:
    """The tensors that arithmetic and reductions lead back to, by identity."""
    out: dict[int, Tensor] = {}
    pending: list[Value | None] = [value]
    budget = MOST_NODES
    while pending and budget:
        budget -= 1
        inner = core(pending.pop())
        if not isinstance(inner, Tensor):
            continue
        via = inner.via
        if via is not None and via.op in ("add", "sub", "mul", "neg", "pow", "square", "abs", *REDUCTIONS):
            pending.extend(via.arguments.get(name) for name in ("input", "other"))
        elif via is not None and via.op == "clamp":
            pending.append(via.arguments.get("input"))
        else:
            out[id(inner)] = inner
    return out


def _overlap(via: Via) -> Formula | None:
    above, below = _sides(via)
    upper = list(terms(above))
    if len(upper) != 1 or (sum_ := _via(upper[0])) is None:
        return None
    if sum_.op in ("dot", "vdot", "inner"):
        sides = [core(sum_.arguments.get(name)) for name in ("input", "tensor", "other")]
        pair = [side for side in sides if isinstance(side, Tensor)]
    elif sum_.op in REDUCTIONS:
        pair = [f for f in factors(sum_.arguments.get("input")) if isinstance(f, Tensor)]
    else:
        return None
    lower = list(terms(below))
    reduced = [via_of for term in lower if (via_of := _via(term)) is not None and via_of.op in REDUCTIONS]
    if len(pair) != 2 or pair[0] is pair[1] or not reduced or len(reduced) != len(lower):
        return None
    inner = list(terms(reduced[0].arguments.get("input"))) if len(lower) == 1 else lower
    first, second = leaves(pair[0]), leaves(pair[1])
    if len(inner) < 2 or len(first) != 1 or len(second) != 1 or leaves(below).keys() != first.keys() | second.keys():
        return None
    return _matched("overlap", via.place, *first.values(), *second.values())


def _matched(kind: str, place: Place, a: Tensor, b: Tensor) -> Formula | None:
    """The formula with the prediction first: the one that a model gave; None if that is neither or both."""
    trained = [t.run is not None or t.grad == "attached" for t in (a, b)]
    if trained[0] == trained[1]:
        return None
    return Formula(kind, place, a, b) if trained[0] else Formula(kind, place, b, a)


def _complement(value: Value | None) -> Value | None:
    """x, where the value is 1 − x (and perhaps a small number more)."""
    inner = _without_small(value)
    via = _via(inner)
    if via is None or via.op not in ("sub", "rsub"):
        return None
    left, right = _sides(via)
    if via.op == "rsub":
        left, right = right, left
    one = isinstance(left, Const) and isinstance(left.value, (int, float)) and abs(left.value - 1) < 0.01
    return _without_small(right) if one else None


def _without_small(value: Value | None) -> Value | None:
    """The value without a small number that was added against log(0)."""
    inner = core(value)
    via = _via(inner)
    while via is not None and via.op in ("add", "sub"):
        left, right = _sides(via)
        small = next((v for v in (left, right) if isinstance(v, Const) and isinstance(v.value, (int, float))), None)
        if small is None or abs(float(small.value or 0)) > 0.01:
            break
        inner = core(left if small is right else right)
        via = _via(inner)
    return inner


def _logarithm(value: Value) -> Value | None:
    """x, where the value is log x."""
    via = _via(value)
    return _without_small(via.arguments.get("input")) if via is not None and via.op == "log" else None


def _entropy(via: Via) -> Formula | None:
    both = [list(factors(side)) for side in _sides(via)]
    if any(not 2 <= len(side) <= 4 for side in both):
        return None
    for positive, negative in (both, reversed(both)):
        logs = [x for f in positive if (x := _logarithm(f)) is not None]
        flipped = [x for f in negative if (y := _log_input(f)) is not None and (x := _complement(y)) is not None]
        if len(logs) != 1 or len(flipped) != 1 or logs[0] is not flipped[0]:
            continue
        rest = [f for f in positive if _logarithm(f) is None]
        away = [x for f in negative if (x := _complement(f)) is not None]
        target = next((t for t in rest if any(t is x for x in away)), None)
        if isinstance(logs[0], Tensor) and isinstance(target, Tensor):
            return Formula("entropy", via.place, logs[0], target)
    return None


def _log_input(value: Value) -> Value | None:
    via = _via(value)
    return via.arguments.get("input") if via is not None and via.op == "log" else None


def _focus(via: Via) -> Formula | None:
    """(1 − q)^γ beside a logarithm or a loss."""
    found: Formula | None = None
    companion = False
    for side in factors_of(via):
        inner = _via(side)
        if inner is not None and inner.op == "pow" and (q := _complement(inner.arguments.get("input"))) is not None:
            base = core(inner.arguments.get("input"))
            place = base.via.place if isinstance(base, Tensor) and base.via is not None else inner.place
            if isinstance(q, Tensor):
                found = Formula("focus", place, q, None)
        elif isinstance(side, Tensor) and side.meaning is not None:
            companion = companion or side.meaning.kind in ("loss", "log-distribution", "log-probability")
        if inner is not None and inner.op in ("log", "loss", "gather"):
            companion = True
    return found if companion else None


def factors_of(via: Via) -> list[Value]:
    """The factors of a product, from both of its sides."""
    return [f for side in _sides(via) for f in factors(side)]


@dataclass(frozen=True, slots=True)
class Weighting:
    """A loss that was already reduced to one number is weighted: by `weights` of each sample or pixel, or, where
    `weights` is None, by the weight of a focal loss that was computed from that number."""

    place: Place
    loss: Tensor
    weights: Tensor | None


def weighting(event: OpEvent) -> Weighting | None:
    """The weighting that is done by this product; None if it is none."""
    if event.via.op != "mul":
        return None
    sides = [core(side) for side in _sides(event.via)]
    both = [side for side in sides if isinstance(side, Tensor)]
    if len(both) != 2:
        return None
    for loss, other in (both, reversed(both)):
        if _is_reduced_loss(loss) and _per_sample(other, loss):
            return Weighting(event.via.place, loss, other)
    found = factors_of(event.via)
    for factor in found:
        if isinstance(factor, Tensor) and _is_reduced_loss(factor) and any(_focal_weight(f) is factor for f in found):
            return Weighting(event.via.place, factor, None)
    return None


def _is_reduced_loss(tensor: Tensor) -> bool:
    return tensor.via is not None and tensor.via.op == "loss" and tensor.shape == ()


def _per_sample(weights: Tensor, loss: Tensor) -> bool:
    """Whether there is a weight for each sample, or for each element, of what the loss was given."""
    if not weights.shape or weights.grad == "attached" or loss.via is None:
        return False
    for name in ("target", "input"):
        given = loss.via.arguments.get(name)
        if isinstance(given, Tensor) and given.shape and len(weights.shape) <= len(given.shape):
            if weights.shape[0] == given.shape[0] and weights.shape[0] not in (None, 1):
                return True
    return False


def _focal_weight(value: Value) -> Value | None:
    """L, where the value is (1 − exp(−L))^γ."""
    via = _via(value)
    if via is None or via.op != "pow":
        return None
    power = _via(_complement(via.arguments.get("input")))
    if power is None or power.op != "exp":
        return None
    negated = _via(core(power.arguments.get("input")))
    return core(negated.arguments.get("input")) if negated is not None and negated.op == "neg" else None
