"""The computation behind a value, multiplied out.

Definitions
    leaf       a value in which the arithmetic begins: a model's output, a target, a logarithm; two values that are
               computed in the same way from the same are one leaf
    monomial   a product of leaves, by their numbers, each as often as it is a factor
    term       a monomial, and whether it went through a sum or mean over elements, through which the arithmetic looks
    polynomial the terms of a value with their coefficients; None is one that is not known

Worked example: ``p.sum() + ((1 - p) * t).sum()`` has the leaves p (0) and t (1), and the terms Σ0 (1), Σ1 (1) and
Σ0·1 (−1).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from torchlint.facts.computation import core, operand, parts
from torchlint.flow.values import Const, Number, Tensor, Tuple, Unknown, Value, Via

#: Sums with more terms than these, and computations that are deeper, are not multiplied out.
MOST_TERMS, DEEPEST = 32, 60

REDUCTIONS = frozenset({"sum", "mean", "nansum", "nanmean"})
CONTRACTIONS = {"dot": "tensor", "vdot": "other", "inner": "other", "matmul": "other", "mm": "mat2", "bmm": "mat2"}

#: Operations that give the same each time they are applied to the same.
PURE = frozenset(
    {
        "sigmoid", "softmax", "log_softmax", "logsigmoid", "exp", "log", "log1p", "one_hot", "gt", "ge", "lt", "le",
        "eq", "ne", "tanh", "relu", "gather", "clamp", "clamp_min", "clamp_max", "logical_not", "abs", "where", "neg",
        "add", "sub", "rsub", "mul", "div", "pow", "sum", "mean",
    }
)  # fmt: skip


class Term(NamedTuple):
    """A monomial; `reduced` is true if it went through a sum or mean over elements, `tangled` if it is a product of two
    that did, each by itself: Σp·Σt is not Σ(p·t)."""

    factors: tuple[int, ...]
    reduced: bool = False
    tangled: bool = False


Polynomial = dict[Term, float | None]
ONE = Term(())


def via_of(value: Value | None) -> Via | None:
    """The operation that gave a value, if it is known."""
    return value.via if isinstance(value, (Tensor, Number, Unknown)) else None


def number_of(value: Value | None) -> float | None:
    """A constant number; None for anything else."""
    return float(value.value) if isinstance(value, Const) and isinstance(value.value, (int, float)) else None


class TooLargeError(Exception):
    """A computation has more terms than are looked at."""


class Algebra:
    """Multiplies values out over one numbering of their leaves.

    Args:
        reductions: whether to look through sums and means over elements; else each is a leaf.
    """

    def __init__(self, *, reductions: bool = True) -> None:
        self.reductions = reductions
        self.leaves: list[Value] = []
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, Polynomial] = {}

    def polynomial(self, value: Value | None) -> Polynomial | None:
        """The value, multiplied out; None if it has too many terms."""
        try:
            return self._expand(value, 0)
        except TooLargeError:
            return None

    def number(self, value: Value) -> int:
        """The number of a leaf."""
        key = _key(value, 0)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.leaves)
            self.leaves.append(value)
        return found

    def _leaf(self, value: Value) -> Polynomial:
        return {Term((self.number(value),)): 1.0}

    def _expand(self, value: Value | None, depth: int) -> Polynomial:
        inner = core(value)
        constant = number_of(inner)
        if constant is not None:
            return {ONE: constant}
        if not isinstance(inner, (Tensor, Unknown)):
            return {ONE: None}
        known = self._known.get(id(inner))
        if known is not None:
            return known
        via = inner.via
        found: Polynomial | None = None
        if via is not None:
            if depth > DEEPEST:
                raise TooLargeError
            found = self._operation(via, depth + 1)
        if found is None:
            found = self._leaf(inner)
        if len(found) > MOST_TERMS:
            raise TooLargeError
        self._known[id(inner)] = found
        return found

    def _operation(self, via: Via, depth: int) -> Polynomial | None:
        """What an operation gives, multiplied out; None if that is a leaf."""
        op, a = via.op, via.arguments

        def side(name: str) -> Polynomial:
            return self._expand(a.get(name), depth)

        if op in ("add", "sub", "rsub"):
            left, right = ("other", "input") if op == "rsub" else ("input", "other")
            return _sum(side(left), side(right), 1.0 if op == "add" else -1.0)
        if op == "neg":
            return {term: None if c is None else -c for term, c in side("input").items()}
        if op == "mul":
            return _product(side("input"), side("other"))
        if op == "div":
            divisor = number_of(a.get("other"))
            below = side("other")
            if any(term.factors for term in below):
                return None
            return {t: c / divisor if c is not None and divisor else None for t, c in side("input").items()}
        if op in REDUCTIONS and self.reductions:
            return _reduced(side("input"))
        if op in CONTRACTIONS:
            return _reduced(_product(side("input"), side(CONTRACTIONS[op])))
        if op == "einsum":
            return self._einsum(via, depth)
        if op == "square":
            return _product(side("input"), side("input"))
        if op == "pow":
            power = number_of(a.get("exponent"))
            if power == 1:
                return side("input")
            return _product(side("input"), side("input")) if power in (2, None) else None
        if op in ("abs", "clamp", "clamp_min"):
            inner = side("input")
            return inner if all(term.reduced or not term.factors for term in inner) or op == "abs" else None
        if op == "where":
            arms = [side("input"), side("other")]
            if all(term.reduced or not term.factors for arm in arms for term in arm):
                return {term: None for arm in arms for term in arm}
        return None

    def _einsum(self, via: Via, depth: int) -> Polynomial | None:
        equation = via.arguments.get("equation")
        operands = via.arguments.get("*")
        items = operands.items if isinstance(operands, Tuple) else ()
        if len(items) == 1 and not isinstance(items[0], (Tensor, Unknown)):
            items = tuple(parts(items[0]))
        if not isinstance(equation, Const) or not items:
            return None
        inputs, arrow, output = str(equation.value).replace(" ", "").partition("->")
        product: Polynomial = {ONE: 1.0}
        for item in items:
            product = _product(product, self._expand(item, depth))
        lost = set(inputs) - set(output) - {",", "."}
        return _reduced(product) if lost or not arrow else product


def _sum(left: Polynomial, right: Polynomial, sign: float) -> Polynomial:
    out = dict(left)
    for term, c in right.items():
        added = None if c is None else sign * c
        if term in out:
            before = out[term]
            added = None if before is None or added is None else before + added
            if added == 0:
                del out[term]
                continue
        out[term] = added
    return out


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    out: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            tangled = a.tangled or b.tangled or (a.reduced and b.reduced)
            term = Term(tuple(sorted(a.factors + b.factors)), a.reduced or b.reduced, tangled)
            c = None if x is None or y is None else x * y
            out = _sum(out, {term: c}, 1.0)
        if len(out) > MOST_TERMS:
            raise TooLargeError
    return out


def _reduced(polynomial: Polynomial) -> Polynomial:
    out: Polynomial = {}
    for term, c in polynomial.items():
        # a constant is added up as often as there are elements
        added = Term(term.factors, bool(term.factors), term.tangled)
        out = _sum(out, {added: c if term.factors else None}, 1.0)
    return out


def _key(value: Value | None, depth: int) -> Hashable:
    """What names a value: the same for two that are computed in the same way from the same."""
    inner = core(value)
    if isinstance(inner, Const):
        return ("constant", inner.value)
    if isinstance(inner, Unknown) and inner.key is not None:
        return ("unknown", inner.key)
    via = via_of(inner)
    if via is None or via.op not in PURE or depth > 5:
        return id(inner)
    return (via.op, *((name, _key(given, depth + 1)) for name, given in via.arguments.items()))


def along(value: Value | None, step: Callable[[Via], bool], budget: int = 60) -> Iterator[Via]:
    """The operations behind a value, its own first, as far as `step` says to go on."""
    pending: list[Value | None] = [value]
    while pending and budget:
        budget -= 1
        via = via_of(core(pending.pop()))
        if via is None:
            continue
        yield via
        if step(via):
            pending.extend(
                via.arguments.get(name, operand(via)) for name in ("input", "other") if name in via.arguments
            )


__all__ = ["ONE", "REDUCTIONS", "Algebra", "Polynomial", "Term", "along", "number_of", "via_of"]
