"""TL323: a network of convolutions that looks at single pixels."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import PixelsClassified, trail
from torchlint.rule import Finding, Severity, rule

#: Convolutions of kernel 1 from which they are meant as a network for pictures, and a size from which there is
#: something to see in them.
MANY, LARGE = 3, 8


@rule(code="TL323", name="degenerate-convolution", since="0.1.0", severity=Severity.WARNING)
def degenerate_convolution(net: PixelsClassified) -> Iterator[Finding]:
    """Where every kernel has one element, no position knows of its neighbours."""
    if net.layers < MANY or min(net.height, net.width) < LARGE:
        return
    what = "the picture is classified by how often each colour is in it" if net.output == "picture" else (
        "each pixel is classified by its own colour alone"
    )  # fmt: skip
    yield Finding(
        net.place,
        f"all {net.layers} convolutions from `{net.layer}` on have a kernel of 1, and nothing else looks at "
        f"neighbours: of {net.height}×{net.width} pixels, {what}; take larger kernels, as in `kernel_size=3, "
        "padding=1`",
        trail=trail(net.input),
    )
