"""TL307: a model keeps layers in a plain list or dict."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import TrailStep, Unregistered
from torchlint.rule import Finding, Fix, Severity, fix, rule, wrapped


@rule(code="TL307", name="unregistered-submodule", since="0.1.0", severity=Severity.ERROR)
def unregistered_submodule(kept: Unregistered) -> Iterator[Finding]:
    """The layers are no part of the model: no optimizer, device or checkpoint gets to them."""
    instead = "nn.ModuleDict" if kept.what == "dict" else "nn.ModuleList"
    trail = (TrailStep(kept.made, f"`{kept.layer}` is made"),) if kept.made is not None else ()
    yield Finding(
        kept.place,
        f"`self.{kept.name}` is a plain {kept.what}, so `{kept.cls}` does not know of the layers in it (such as "
        f"`{kept.layer}`): `parameters()`, `to()` and `state_dict()` leave them out; use `{instead}`",
        trail=trail,
        fixes=_fixes(kept),
    )


def _fixes(kept: Unregistered) -> tuple[Fix, ...]:
    """The list becomes one that torch knows; checkpoints that were made before lack its layers."""
    if kept.what != "list" or not kept.flat:
        return ()
    return fix("make it an `nn.ModuleList`", wrapped(kept.value, "{torch.nn.ModuleList}(", ")"))
