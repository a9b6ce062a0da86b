"""TL121: a loss, or a part of it, cannot reach the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torchlint.facts import BackwardCalled, Cut, Place, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, unwrapped

#: Operations through which a gradient goes and is zero.
FLAT = frozenset({"round", "sign", "sgn", "floor", "ceil", "trunc", "fix"})

#: Operations that end a gradient, in words.
ENDS = {
    "argmax": "`argmax` gives indices",
    "argmin": "`argmin` gives indices",
    "max": "the indices of `max` have no gradient",
    "min": "the indices of `min` have no gradient",
    "topk": "the indices of `topk` have no gradient",
    "sort": "the indices of `sort` have no gradient",
    "argsort": "`argsort` gives indices",
    "multinomial": "sampling has no gradient",
    "bernoulli": "sampling has no gradient",
    "gt": "a comparison has no gradient",
    "ge": "a comparison has no gradient",
    "lt": "a comparison has no gradient",
    "le": "a comparison has no gradient",
    "eq": "a comparison has no gradient",
    "ne": "a comparison has no gradient",
    "item": "`.item()` gives a Python number",
    "float": "`float` gives a Python number",
    "int": "`int` gives a Python number",
    "tolist": "`tolist` gives Python numbers",
    "numpy": "numpy knows no gradient",
    "tensor": "`torch.tensor` copies values only",
    "as_tensor": "`torch.as_tensor` of numbers copies values only",
    "FloatTensor": "`FloatTensor` copies values only",
    "Tensor": "`Tensor` copies values only",
    "one_hot": "`one_hot` has no gradient",
    "logical_not": "a logical operation has no gradient",
    "logical_and": "a logical operation has no gradient",
    "logical_or": "a logical operation has no gradient",
    "bincount": "counting has no gradient",
    "histc": "counting has no gradient",
    "count_nonzero": "counting has no gradient",
    "bucketize": "`bucketize` gives indices",
    "nonzero": "`nonzero` gives indices",
    "long": "integers have no gradient",
    "short": "integers have no gradient",
    "byte": "integers have no gradient",
    "bool": "a truth value has no gradient",
    "to": "integers have no gradient",
    "type": "integers have no gradient",
    "round": "the gradient of `round` is zero",
    "sign": "the gradient of `sign` is zero",
    "sgn": "the gradient of `sgn` is zero",
    "floor": "the gradient of `floor` is zero",
    "ceil": "the gradient of `ceil` is zero",
    "trunc": "the gradient of `trunc` is zero",
    "fix": "the gradient of `fix` is zero",
    "Variable": "`Variable` starts a new graph",
}

#: Operations that copy the values of a tensor.
COPIES = frozenset({"item", "float", "int", "tolist", "numpy", "tensor", "as_tensor", "FloatTensor", "Tensor"})

#: Operations that end a gradient on purpose, which is right for a part of a loss, but not for all of it.
LEAVES = {
    "detach": "`.detach()` takes it off the graph",
    "data": "`.data` takes it off the graph",
    "no_grad": "it is computed where gradients are switched off",
}

#: Operations without which the program means the same, and trains.
UNWRAPPED = frozenset({"detach", "Variable"})

#: What asks for a gradient where there is none.
ASKS = {
    "requires_grad": "`requires_grad` gives it a gradient of its own, which leads nowhere",
    "Variable": "`Variable(…, requires_grad=True)` gives it a gradient of its own, which leads nowhere",
    "tensor": "`requires_grad=True` gives it a gradient of its own, which leads nowhere",
}


def _claim(call: BackwardCalled) -> claims.Claimed | None:
    """That no gradient reaches a parameter from the loss; of a loss that reaches some, from a term that is lost."""
    lost = next((term for term in call.terms if term is not None), None)
    return claims.no_gradient(call.loss if lost is None else lost, call.place)


@rule(code="TL121", name="non-differentiable-loss", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def non_differentiable_loss(call: BackwardCalled) -> Iterator[Finding]:
    """The loss, or one of its terms, was computed from the model's output by something that has no gradient."""
    if call.whole:
        yield from _whole(call)
    for term, cuts in zip(call.terms, call.lost, strict=True):
        for cut in _accidents(cuts):
            yield _finding(
                cut.place,
                cut,
                f"a term of the loss reaches no weight: {ENDS[cut.op]}, so that term is a constant for `backward`; "
                f"{_cure(cut)}",
                claim=partial(claims.no_gradient, term, cut.place),
            )
            break


def _whole(call: BackwardCalled) -> Iterator[Finding]:
    """No part of the loss has a gradient."""
    known = ENDS | LEAVES
    if any(cut.op not in known for cut in call.whole):
        return
    if not (call.certain or call.fresh is not None or _accidents(call.whole)):
        return
    cut = min(call.whole, key=lambda cut: (cut.op in LEAVES, cut.place.path, cut.place.n))
    if call.fresh is not None and call.fresh.place != cut.place:
        asks = ASKS.get(call.fresh.op, ASKS["requires_grad"])
        reason = f"{known[cut.op]}, and {asks}"
    elif call.fresh is not None:
        reason = f"{ASKS.get(cut.op, known[cut.op])}, and nothing behind it is trained"
    elif cut.op in FLAT:
        reason = f"{known[cut.op]}, so `backward` gives every parameter a gradient of zero"
    else:
        reason = f"{known[cut.op]}, so `backward` fails, or trains nothing"
    place = call.place if cut.op == "no_grad" else cut.place
    alone = len(call.whole) == 1 and (call.fresh is None or call.fresh.place == cut.place)
    fixes = fix("leave that out", unwrapped(cut.place, cut.operand)) if alone and cut.op in UNWRAPPED else ()
    yield _finding(place, cut, f"the loss reaches no weight: {reason}; {_cure(cut)}", fixes)


def _cure(cut: Cut) -> str:
    if cut.op in LEAVES or cut.op == "Variable":
        return "leave that out"
    if cut.op in COPIES:
        return "go on with the tensor itself"
    return "compute it from the scores or probabilities themselves"


def _accidents(cuts: tuple[Cut, ...]) -> list[Cut]:
    """The cuts of a value, the first in the program first, if none of them was made on purpose."""
    if any(cut.op not in ENDS for cut in cuts):
        return []
    return sorted(cuts, key=lambda cut: (cut.place.path, cut.place.n))


def _finding(
    place: Place,
    cut: Cut,
    message: str,
    fixes: tuple[Fix, ...] = (),
    claim: Callable[[], claims.Claimed | None] | None = None,
) -> Finding:
    return Finding(place, message, trail=trail(cut.source), fixes=fixes, claim=claim)
