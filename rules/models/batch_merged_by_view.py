"""TL315: a view joins the features of different samples."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import Dim, Reshaped, claims, render, trail
from torchlint.rule import Finding, Severity, rule


def _claim(view: Reshaped) -> claims.Claimed | None:
    """That the first row of the view holds more than the first sample's states."""
    shape, target = view.input.shape, view.result.shape
    if view.state is None or shape is None or target is None or len(shape) != 3 or not target:
        return None
    row = 1
    for dim in target[1:]:
        row = row * dim if isinstance(dim, int) else 0
    if not isinstance(shape[2], int) or row != view.state * shape[2]:
        return None  # its rows are not meant for samples
    return claims.samples_mix(view.result, view.input, 1, view.input_at)


@rule(code="TL315", name="batch-merged-by-view", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def batch_merged_by_view(view: Reshaped) -> Iterator[Finding]:
    """The last state of a recurrent layer, (layers × directions, batch, features), is viewed as one row a sample."""
    shape, target = view.input.shape, view.result.shape
    if view.state is None or shape is None or target is None:
        return
    if not _mixes(target, view.state, shape[1], shape[2]):
        return
    yield Finding(
        view.place,
        f"`{view.text}` joins states of different samples: this state is {render(shape)} (layers × directions, batch, "
        f"features), and its elements keep their order as {render(target)}; put the batch first with "
        "`transpose(0, 1)`, or join `state[-2]` and `state[-1]` with `torch.cat(…, dim=1)`",
        trail=trail(view.input),
    )


def _mixes(target: tuple[Dim, ...], states: int, batch: Dim, features: Dim) -> bool:
    """Whether a row of the result holds as many features as a sample has in all states, though the batch lies between
    these."""
    row = 1
    for dim in target[1:]:
        if not isinstance(dim, int):
            return False
        row *= dim
    return isinstance(features, int) and row == states * features and batch not in (1, states)
