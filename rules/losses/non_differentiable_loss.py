"""TL121: a loss, or a part of it, cannot reach the weights."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import BackwardCalled, Cut, trail
from torchlint.rule import Finding, Severity, rule

#: Operations that end a gradient, in words; `detach`, `no_grad` and their like end it on purpose.
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
    "Variable": "`Variable(…, requires_grad=True)` starts a new graph",
    "requires_grad": "`requires_grad_()` gives it a gradient of its own, which leads nowhere",
}


@rule(code="TL121", name="non-differentiable-loss", since="0.1.0", severity=Severity.ERROR)
def non_differentiable_loss(call: BackwardCalled) -> Iterator[Finding]:
    """The loss, or one of its terms, was computed from the model's output by something that has no gradient."""
    if call.fresh is not None:
        yield _finding(
            call.fresh,
            f"the loss reaches no weight: {ENDS.get(call.fresh.op, 'its gradient is lost')}, and nothing behind it is "
            "trained; compute the loss with differentiable operations, and leave this out",
        )
        return
    for cut in _accidents(call.whole):
        yield _finding(
            cut,
            f"the loss reaches no weight: {ENDS[cut.op]}, so `backward` fails, or trains nothing; compute it from the "
            "scores or probabilities themselves",
        )
        return
    for term in call.lost:
        for cut in _accidents(term):
            yield _finding(
                cut,
                f"a term of the loss reaches no weight: {ENDS[cut.op]}, so that term is a constant for `backward`; "
                "compute it from the scores or probabilities themselves",
            )
            break


def _accidents(cuts: tuple[Cut, ...]) -> list[Cut]:
    """The cuts of a value, the first in the program first, if none of them was made on purpose."""
    if any(cut.op not in ENDS for cut in cuts):
        return []
    return sorted(cuts, key=lambda cut: (cut.place.path, cut.place.n))


def _finding(cut: Cut, message: str) -> Finding:
    return Finding(cut.place, message, trail=trail(cut.source))
