"""TL313: one linear layer follows another with nothing between them."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerFed, trail
from torchlint.rule import Finding, Severity, rule


@rule(code="TL313", name="stacked-linear", since="0.1.0", severity=Severity.INFO)
def stacked_linear(call: LayerFed) -> Iterator[Finding]:
    """What two linear layers compute one after the other, a single one does."""
    if call.layer != "Linear" or not (call.alone and call.together) or "in_features" not in call.by_settings:
        return
    first, between, last = (
        call.by_settings.get("in_features"), call.by_settings.get("out_features"), call.settings.get("out_features"),
    )  # fmt: skip
    if not isinstance(between, int) or not isinstance(first, int) or not isinstance(last, int):
        return
    if between in (first, last):
        return  # a square layer adds nothing to write down, and is mostly there for how it is trained
    if between < min(first, last) or between != call.settings.get("in_features"):
        return  # a narrow waist keeps fewer weights than one layer would have
    yield Finding(
        call.place,
        f"{_title(call)} takes what `{call.by}` gives as it is: two linear layers with nothing between them are one of "
        f"{first} to {last} features; put an activation between them, or leave one out",
        trail=trail(call.input),
    )


def _title(call: LayerFed) -> str:
    return f"`{call.text.removeprefix('self.') or call.name}`"
