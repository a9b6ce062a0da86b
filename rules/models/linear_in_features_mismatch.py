"""TL302: a linear layer takes rows of another length than a flattened picture has."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchlint.facts import LayerCalled, RowsMade, Run, Tensor, claims, render, trail
from torchlint.rule import Finding, Severity, fix, replaced, rule


def _claim(fact: LayerCalled | RowsMade) -> claims.Claimed | None:
    """That the model raises an exception about shapes in this layer."""
    return claims.shapes_fail(fact) if isinstance(fact, LayerCalled) and fact.features else None


@rule(code="TL302", name="linear-in-features-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def linear_in_features_mismatch(fact: LayerCalled | RowsMade) -> Iterator[Finding]:
    """The sizes of a picture's features are known, and their product is not what the layer, or the view, takes."""
    if isinstance(fact, RowsMade):
        yield from _rows(fact)
    elif fact.features and fact.given is not None and fact.given != fact.expected:
        text = " * ".join(str(size) for size in fact.features)
        yield Finding(
            fact.place,
            f"{fact.title} takes {fact.expected} features (`{fact.parameter}`), but a flatten gives "
            f"{_product(fact.features)}{_picture(fact.run, fact.input)}; make the layer for these, or change what "
            "shrinks the picture",
            trail=trail(fact.input),
            fixes=fix(f"Make the layer for {fact.given} features", replaced(fact.number_at, text)),
        )


def _rows(view: RowsMade) -> Iterator[Finding]:
    whole = prod(view.features)
    if view.free and (whole % view.length == 0 or view.length % whole == 0):
        return  # parts of a sample, or several samples, may be what is meant
    if whole == view.length:
        return
    then = "fails" if not view.free else "joins features of different samples, or fails"
    yield Finding(
        view.place,
        f"`{view.text}` makes rows of {view.length}, but a sample has {_product(view.features)} features"
        f"{_picture(view.run, view.input)}: it {then}; take `flatten(1)`, and make the layer behind it for {whole}",
        trail=trail(view.input),
    )


def _product(features: tuple[int, ...]) -> str:
    """``16·6·6 = 576``."""
    return f"{'·'.join(map(str, features))} = {prod(features)}"


def _picture(run: Run | None, given: Tensor) -> str:
    """Of which pictures that is so: `` for an input of B×3×32×32``."""
    inputs = () if run is None else run.inputs
    shape = next((one.shape for one in inputs if isinstance(one, Tensor) and one.shape and len(one.shape) > 2), None)
    return "" if shape is None or shape == given.shape else f" for an input of {render(shape)}"
