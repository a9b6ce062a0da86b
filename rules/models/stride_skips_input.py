"""TL304: a window moves on further than it reaches."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import WindowMade
from torchlint.rule import Finding, Severity, rule


@rule(code="TL304", name="stride-skips-input", since="0.1.0", severity=Severity.WARNING)
def stride_skips_input(window: WindowMade) -> Iterator[Finding]:
    """The stride is larger than what a window spans, so that parts of the input are never read."""
    if window.transposed:
        return
    for kernel, stride, extent in zip(window.kernel, window.stride, window.extents, strict=True):
        if stride > extent and kernel > 1:  # one element subsamples on purpose, or is all there is in this dimension
            yield Finding(
                window.place,
                f"`{window.name}` moves on by {stride} but its window spans {extent}: {stride - extent} of every "
                f"{stride} rows of the input are never read; take a stride of {kernel} at most, or a larger kernel",
            )
            return
