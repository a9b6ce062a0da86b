"""TL318: one layer with state stands where several are meant."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import StateShared
from torchlint.rule import Finding, Severity, rule


@rule(code="TL318", name="shared-layer-state", since="0.1.0", severity=Severity.WARNING)
def shared_layer_state(shared: StateShared) -> Iterator[Finding]:
    """A list with one layer is multiplied, or one normalisation follows several layers."""
    if shared.after:
        yield Finding(
            shared.place,
            f"one `{shared.layer}` is called on what different layers give: its running statistics are a mixture that "
            "fits none of them once the model is in `eval()`; make one for each",
            trail=shared.after,
        )
        return
    yield Finding(
        shared.place,
        f"`{shared.container}` holds one `{shared.layer}`, `{shared.times}` times, since multiplying a list copies "
        "nothing in it: all entries have the same weights; make each in a comprehension",
    )
