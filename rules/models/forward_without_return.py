"""TL312: a model's `forward` returns nothing, or a loop over its layers or batches returns in its first round."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ForwardEnds, LoopReturns, TrailStep
from torchlint.rule import Finding, Severity, rule


@rule(code="TL312", name="forward-without-return", since="0.1.0", severity=Severity.ERROR)
def forward_without_return(ends: ForwardEnds | LoopReturns) -> Iterator[Finding]:
    """Nothing, or the result of one layer, is what the caller gets."""
    if isinstance(ends, LoopReturns):
        yield Finding(
            ends.place,
            f"`return` ends the loop over `{ends.over}` in its first round, though `{ends.change}` is meant for each; "
            "put it behind the loop",
            trail=(TrailStep(ends.loop, f"the loop over `{ends.over}`"),),
        )
        return
    what = f"`{ends.name} = {ends.last}`" if ends.name else f"`{ends.last}`"
    result = f"`{ends.name}`" if ends.name else "it"
    if ends.always:
        message = f"`{ends.cls}.forward` ends after {what} and returns nothing: the model gives None; return {result}"
    else:
        message = (
            f"`{ends.cls}.forward` ends after {what} and returns nothing on this way, while another returns a value; "
            f"return {result}"
        )
    yield Finding(ends.place, message, trail=(TrailStep(ends.line, f"{what} is the last that is computed"),))
