"""What is wrong with the channels of an image that reaches a layer, if anything is.

Definitions
    misplaced  the channels stand where the layer does not look for them: last, for a convolution
    scrambled  a ``view`` or ``reshape`` gave the right sizes to channels-last data, and mixed up rows and colours
    counted    there are more or fewer channels than the layer takes, as the image was read or converted
    refused    a normalisation with statistics for other channels has failed before

Worked example: an array of H×W×3 becomes 3×H×W by ``array.reshape(3, h, w)``: scrambled. The same by
``array.transpose(2, 0, 1)`` has no fault.
"""

from __future__ import annotations

import msgspec

from torchlint.facts.pixels import PixelStep, history
from torchlint.flow.library.colours import CHANNELS
from torchlint.flow.values import Tensor

#: Operations that give other sizes to the same numbers in the same order.
RESHAPES = frozenset({"view", "reshape", "resize_", "resize"})


class Fault(msgspec.Struct, frozen=True):
    """How the channels are wrong: `kind` as above; `step` is the one that is to blame, if it is known."""

    kind: str
    step: PixelStep | None = None


def fault(image: Tensor, expected: int | None) -> Fault | None:
    """What is wrong with the channels of data that reach a convolution over two dimensions."""
    meaning, shape = image.meaning, image.shape
    if meaning is None or meaning.kind != "image" or shape is None or len(shape) not in (3, 4):
        return None
    count = CHANNELS.get(meaning.mode)
    if meaning.layout == "HWC":
        return Fault("misplaced") if count is not None and count > 1 and shape[-1] == count else None
    if meaning.layout == "":
        mixed = next((step for step in history(image) if _scrambles(step)), None)
        return None if mixed is None or shape[-3] not in CHANNELS.values() else Fault("scrambled", mixed)
    if count is None or shape[-3] != count or expected is None or count == expected:
        return None
    steps = history(image)
    if any(_refuses(step, count) for step in steps):
        return Fault("refused")
    return Fault("counted", next((step for step in reversed(steps) if _settles(step)), None))


def _scrambles(step: PixelStep) -> bool:
    before, after = step.before, step.after
    if step.does not in RESHAPES or step.transform or before is None or after is None or before.meaning is None:
        return False
    if before.meaning.layout != "HWC" or before.shape is None or after.shape is None:
        return False
    count = before.shape[-1] if len(before.shape) in (3, 4) else None
    return (
        count in (3, 4) and len(after.shape) in (3, 4) and after.shape[-3] == count and after.shape[-1] != count
    )  # fmt: skip


def _refuses(step: PixelStep, count: int) -> bool:
    mean = step.setting("mean")
    return step.does == "normalize" and isinstance(mean, tuple) and len(mean) not in (1, count)


def _settles(step: PixelStep) -> bool:
    """Whether a step decides how many channels there are."""
    if step.before is None:
        return True
    before, after = step.before.meaning, None if step.after is None else step.after.meaning
    return before is not None and after is not None and before.mode != after.mode
