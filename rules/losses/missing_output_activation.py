"""TL125: the raw scores of a model are shown or saved as a picture."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ImageShown, claims, core, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, wrapped

#: Losses that train a head towards values that may be shown as they are.
REGRESSIONS = frozenset({"mse", "l1", "smooth-l1", "huber"})


def _claim(shown: ImageShown) -> claims.Claimed | None:
    """That what is shown leaves [0, 1], though a loss passes the same values through an activation."""
    if not shown.activated or shown.losses & REGRESSIONS:
        return None
    return claims.outside_range(shown.source, 0.0, 1.0, shown.input_at)


@rule(code="TL125", name="missing-output-activation", since="0.1.0", severity=Severity.WARNING, claim=_claim)
def missing_output_activation(shown: ImageShown) -> Iterator[Finding]:
    """A picture is made of scores that the loss passes through an activation."""
    meaning = shown.source.meaning
    if meaning is None or meaning.kind != "logits" or not shown.activated or shown.losses & REGRESSIONS:
        return
    activation = " or ".join(sorted(shown.activated))
    text = f"`{shown.text}`" if shown.text else "a tensor"
    does = "shows" if shown.does == "show" else "saves"
    yield Finding(
        shown.place,
        f"`{shown.function}` {does} {text}, the raw scores of a model, which lie outside [0, 1]: only the loss passes "
        f"them through a {activation}; apply it here too",
        trail=trail(shown.source),
        fixes=_fixes(shown),
    )


def _fixes(shown: ImageShown) -> tuple[Fix, ...]:
    if shown.activated != {"sigmoid"} or shown.input.holder != "tensor" or core(shown.input) is not core(shown.source):
        return ()
    return fix("apply a sigmoid", wrapped(shown.input_at, "{torch.sigmoid}(", ")"))
