"""Where the channels of an image are, and what happens to their order.

Definitions
    channel axis  the dimension of the channels: the last of ``HWC``, the third from the end of ``CHW``
    mode          which colours they are, in order: ``RGB``, ``BGR``, ``L``, …; empty if that is not known

Worked example: ``image[:, :, ::-1]`` and ``image[..., [2, 1, 0]]`` of a picture that OpenCV read are RGB;
``image[:100]`` and ``image[::-1]`` are still BGR.
"""

from __future__ import annotations

from msgspec.structs import replace

from torchlint.flow.values import Meaning

REVERSED = {"RGB": "BGR", "BGR": "RGB"}

#: Modes by the number of channels that they have.
CHANNELS = {"L": 1, "RGB": 3, "BGR": 3, "RGBA": 4, "BGRA": 4}


def flat(meaning: Meaning) -> bool:
    """Whether an image has no channel axis, as grey ones before they are given one."""
    return meaning.mode == "L" and not meaning.layout


def channel_axis(meaning: Meaning | None, rank: int | None) -> int | None:
    """The channel axis, counted from the end (-1 or -3); None if it is not known or there is none."""
    if meaning is None or meaning.kind != "image" or (rank is not None and rank < 3):
        return None
    return {"HWC": -1, "CHW": -3}.get(meaning.layout)


def turned(meaning: Meaning) -> Meaning:
    """The channels the other way round."""
    return replace(meaning, mode=REVERSED.get(meaning.mode, meaning.mode if meaning.mode == "L" else ""))


def uncertain(meaning: Meaning) -> Meaning:
    """The channels in an order that is not known, or others."""
    return replace(meaning, mode="") if meaning.mode else meaning


def picked(meaning: Meaning, order: tuple[object, ...] | None) -> Meaning:
    """Channels picked by a list of numbers: those of three in their order, or the other way round."""
    if order in ((2, 1, 0), (-1, -2, -3)):
        return turned(meaning)
    return meaning if order == (0, 1, 2) and meaning.mode in REVERSED else uncertain(meaning)


def cut(meaning: Meaning, start: object, stop: object, step: object) -> Meaning:
    """A slice of the channels: all of them or the first three, one way or the other; None is what is left out."""
    if (start, stop) in ((None, None), (0, None)) and step in (None, 1):
        return meaning
    if (start, stop) == (None, None) and step == -1:
        return turned(meaning)
    if start in (None, 0) and stop == 3 and step in (None, 1):
        return replace(meaning, mode={"RGBA": "RGB", "BGRA": "BGR"}.get(meaning.mode, meaning.mode))
    return uncertain(meaning)


def widened(meaning: Meaning, rank: int | None, at: int | None) -> Meaning:
    """A new dimension at a place, counted from the left: in front it makes a batch, or channels of what has none."""
    if at is None:
        return replace(meaning, layout="")
    if rank is None:
        certain = at == 0 and (meaning.layout == "CHW" or CHANNELS.get(meaning.mode, 1) > 1)
        return meaning if certain else replace(meaning, layout="")
    if rank == 2:
        return replace(meaning, layout={0: "CHW", 2: "HWC"}.get(at, ""))
    return meaning if at <= rank - 3 else replace(meaning, layout="")
