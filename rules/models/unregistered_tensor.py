"""TL308: a model keeps a parameter or a buffer as a plain tensor."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import TensorKept, TrailStep
from torchlint.rule import Finding, Fix, Severity, fix, rule, wrapped


@rule(code="TL308", name="unregistered-tensor", since="0.1.0", severity=Severity.WARNING)
def unregistered_tensor(kept: TensorKept) -> Iterator[Finding]:
    """The model does not know of the tensor: it is not trained, moved or saved with it."""
    trail = (TrailStep(kept.used, f"`forward` computes with `self.{kept.name}`"),) if kept.used is not None else ()
    yield Finding(kept.place, _message(kept), trail=trail, fixes=_fixes(kept))


def _message(kept: TensorKept) -> str:
    name = f"`self.{kept.name}`"
    if kept.kind == "lost":
        return (
            f"{name} is no parameter: `{kept.made}{kept.after}` gives a plain tensor, which `parameters()` and "
            "`state_dict()` leave out; do that to what `nn.Parameter` is given"
        )
    if kept.kind == "listed":
        return (
            f"{name} is a plain {kept.what} of parameters, which `{kept.cls}.parameters()`, `to()` and `state_dict()` "
            f"leave out; use `nn.Parameter{kept.what.capitalize()}`"
        )
    if kept.kind == "trained":
        return (
            f"{name} asks for a gradient but is no parameter: `{kept.cls}.parameters()`, `to()` and `state_dict()` "
            "leave it out; use `nn.Parameter`"
        )
    why = "is not saved with it, though it is drawn at random" if kept.random else "is not saved with it"
    return (
        f"{name} is a plain tensor (`{kept.made}`), which does not move with `{kept.cls}` to another device and {why}; "
        f"use `self.register_buffer({kept.name!r}, …)`".replace("'", '"')
    )


def _fixes(kept: TensorKept) -> tuple[Fix, ...]:
    """A list of parameters, or a parameter, that the model knows of; checkpoints made before lack it."""
    if kept.kind == "listed" and kept.what == "list":
        return fix("make it an `nn.ParameterList`", wrapped(kept.value, "{torch.nn.ParameterList}(", ")"))
    if kept.kind == "trained":
        return fix("make it an `nn.Parameter`", wrapped(kept.value, "{torch.nn.Parameter}(", ")"))
    return ()
