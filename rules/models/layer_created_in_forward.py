"""TL310: a layer is made anew at each call of the model."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LayerMade
from torchlint.rule import Finding, Fix, Severity, fix, rule, unwrapped


@rule(code="TL310", name="layer-created-in-forward", since="0.1.0", severity=Severity.ERROR)
def layer_created_in_forward(made: LayerMade) -> Iterator[Finding]:
    """`forward` makes a layer with parameters, or a dropout, and uses it."""
    where = f"`{made.method}`" if made.method == f"{made.cls}.forward" else f"`{made.method}`, which `forward` calls,"
    if made.kind == "dropout":
        message = (
            f"`{made.layer}` is made anew at each call of `{made.cls}`, and a new layer is in training mode: it drops "
            "values out after `eval()` too; make it in `__init__`"
        )
    else:
        message = (
            f"{where} makes `{made.layer}` anew at each call, with new random weights that no optimizer knows and no "
            "checkpoint holds; make it in `__init__`"
        )
        if made.kind == "norm":
            mode = ", and it is in training mode after `eval()` too" if "BatchNorm" in made.layer else ""
            message = (
                f"{where} makes `{made.layer}` anew at each call, so that its weights are never trained{mode}; make it "
                "in `__init__`"
            )
    yield Finding(made.place, message, fixes=_fixes(made))


def _fixes(made: LayerMade) -> tuple[Fix, ...]:
    """The function that does the same, and is told whether the model is trained."""
    name = made.layer.partition("(")[0].rpartition(".")[2]
    if made.kind != "dropout" or not made.p or not made.receiver or name != "Dropout":
        return ()
    after = f", p={made.p}, training={made.receiver}.training)"
    return fix(
        "use the function, with `training`",
        unwrapped(made.call, made.operand, "{torch.nn.functional.dropout}(", after),
    )
