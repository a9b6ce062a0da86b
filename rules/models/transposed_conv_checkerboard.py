"""TL305: a transposed convolution hits its outputs unevenly."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import WindowMade
from torchlint.rule import Finding, Severity, rule

#: Taps of which a further one makes little difference.
MANY = 3


@rule(code="TL305", name="transposed-conv-checkerboard", since="0.1.0", severity=Severity.WARNING)
def transposed_conv_checkerboard(window: WindowMade) -> Iterator[Finding]:
    """The number of taps that hit an output depends on where it lies among `stride` outputs."""
    if not window.transposed or window.point:
        return  # of one pixel, no two windows overlap
    # a kernel smaller than the stride leaves gaps for another branch, and of many taps one more is not seen
    dim = next((dim for dim in range(len(window.kernel)) if _uneven(window.phases(dim))), None)
    if dim is None:
        return
    phases = window.phases(dim)
    kernel, stride = window.kernel[dim], window.stride[dim]
    yield Finding(
        window.place,
        f"`{window.name}` of kernel {kernel} and stride {stride} makes some outputs of {max(phases)} taps and others "
        f"of {min(phases)} in each dimension, which shows as a checkerboard; take a kernel that the stride divides"
        f"{_suggestion(window, dim)}, or upsample and convolve",
    )


def _uneven(phases: tuple[int, ...]) -> bool:
    return len(set(phases)) > 1 and 0 < min(phases) < MANY


def _suggestion(window: WindowMade, dim: int) -> str:
    """Settings of the same output size: ``(`kernel_size=4, padding=1`)``; empty if there are none."""
    if len(set(zip(window.kernel, window.stride, window.padding, window.dilation, window.output_padding))) > 1:
        return ""
    kernel, stride, extra = window.kernel[dim], window.stride[dim], window.output_padding[dim]
    even = -(-kernel // stride) * stride
    room = even - kernel - extra + 2 * window.padding[dim]
    if window.dilation[dim] != 1 or room < 0:
        return ""
    padding, left = (room + 1) // 2, room % 2
    words = f"kernel_size={even}, padding={padding}" + (f", output_padding={left}" if left else "")
    return f", as in `{words}` without `output_padding`" if extra and not left else f", as in `{words}`"
