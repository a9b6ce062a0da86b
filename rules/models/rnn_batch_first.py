"""TL316: a recurrent layer takes the samples of a batch for the steps of a sequence."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerFed, render, trail
from torchlint.rule import Finding, Severity, rule

RECURRENT = frozenset({"LSTM", "GRU", "RNN"})


@rule(code="TL316", name="rnn-batch-first", since="0.1.0", severity=Severity.ERROR)
def rnn_batch_first(call: LayerFed) -> Iterator[Finding]:
    """The loader put its samples together along the dimension that the layer takes for time."""
    first = call.settings.get("batch_first")
    if call.layer not in RECURRENT or call.input.shape is None or len(call.input.shape) != 3:
        return
    wanted = {True: 0, False: 1}.get(first) if isinstance(first, bool) else None
    if wanted is None or call.batch_axis is None or call.batch_axis != 1 - wanted:
        return
    cure = "make it with `batch_first=True`" if wanted == 1 else "make it with `batch_first=False`"
    called = call.text.removeprefix("self.") or call.layer
    yield Finding(
        call.place,
        f"`{called}` takes dimension {1 - wanted} for time, but there the loader's samples lie: its input is "
        f"{render(call.input.shape)}, so that each sample goes on where the one before it ended; {cure}, or exchange "
        "the two dimensions with `transpose(0, 1)`",
        trail=trail(call.input),
    )
