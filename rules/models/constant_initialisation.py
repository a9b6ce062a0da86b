"""TL321: the units of a hidden layer start the same, and stay the same."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerStarts, trail
from torchlint.rule import Finding, Severity, rule


@rule(code="TL321", name="constant-initialisation", since="0.1.0", severity=Severity.ERROR)
def constant_initialisation(layer: LayerStarts) -> Iterator[Finding]:
    """Units of the same weights, which the next layer weighs the same, get the same gradient."""
    if layer.units < 2:
        return
    if layer.number == 0 and layer.bias == 0 and layer.dead:
        why = (
            f"so that it gives 0 for every input, for which `{layer.dead}` passes no gradient: it never learns; "
            "leave the weights as `torch` draws them"
        )
    elif layer.after_number is not None:
        alike = "learn the same" if layer.bias is not None else "differ by their biases only"
        why = (
            f"and so do those of `{layer.after}` behind it, so that its {layer.units} units {alike}; draw the weights, "
            "as `nn.init.xavier_uniform_` does, or leave them as `torch` draws them"
        )
    else:
        return
    title = layer.text.removeprefix("self.") or layer.layer
    yield Finding(layer.place, f"all weights of `{title}` start at {layer.number:g}, {why}", trail=trail(layer.input))
