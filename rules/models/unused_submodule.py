"""TL311: a model makes a layer that nothing reaches."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import TrailStep, UnusedLayer
from torchlint.rule import Finding, Severity, rule


@rule(code="TL311", name="unused-submodule", since="0.1.0", severity=Severity.WARNING)
def unused_submodule(unused: UnusedLayer) -> Iterator[Finding]:
    """Nothing names the layer after it was made."""
    yield Finding(
        unused.place,
        f"`self.{unused.name}` of `{unused.cls}` is made and never used: neither `forward` nor anything else names it; "
        "call it, or take it out",
        trail=(TrailStep(unused.forward, "`forward` reaches the other layers"),),
    )
