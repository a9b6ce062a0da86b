"""TL322: a model drops values out whether it is trained or not."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import DropoutCalled
from torchlint.rule import Finding, Fix, Severity, argument_added, fix, rule, wrapped


@rule(code="TL322", name="always-on-dropout", since="0.1.0", severity=Severity.ERROR)
def always_on_dropout(call: DropoutCalled) -> Iterator[Finding]:
    """A function for dropout is called without `training`, or attention with a fixed `dropout_p`."""
    mode = f"{call.receiver}.training" if call.receiver else "training"
    if call.attention:
        message = (
            f"`{call.function}` drops out attention with `dropout_p={call.p}` after `eval()` too, since a function "
            f"does not know the mode of `{call.cls}`; pass `{call.p} if {mode} else 0.0`"
        )
    else:
        message = (
            f"`{call.function}` without `training` drops values out after `eval()` too, since a function does not know "
            f"the mode of `{call.cls}`; pass `training={mode}`"
        )
    yield Finding(call.place, message, fixes=_fixes(call, mode))


def _fixes(call: DropoutCalled, mode: str) -> tuple[Fix, ...]:
    """The mode of the model is passed, where the function is a method of it."""
    if not call.receiver:
        return ()
    if call.attention:
        return fix(f"drop out only if `{mode}`", wrapped(call.at, "", f" if {mode} else 0.0"))
    return fix(f"pass `training={mode}`", argument_added(call.place, f"training={mode}"))
