"""TL205: a normalization has statistics for another number of channels than the image has."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ImageRescaled, TrailStep, claims, render, trail
from torchlint.rule import Finding, Severity, rule


def _claim(image: ImageRescaled) -> claims.Claimed | None:
    """That the normalization raises an exception about shapes. Version 2 of torchvision makes three channels of one."""
    done = image.done
    if not done.name or not done.moves or done.mean is None or done.std is None:
        return None
    before = done.before
    if before is None or before.holder != "tensor" or not done.library.startswith("torchvision"):
        return None
    channels = before.shape[-3] if before.shape is not None and len(before.shape) >= 3 else None
    if channels == 1 and done.library.endswith(("v2", "v2.functional")) and len(done.mean) == len(done.std):
        return None
    return claims.picture_fails(done.given_by, done.at)


@rule(code="TL205", name="normalize-channel-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def normalize_channel_mismatch(image: ImageRescaled) -> Iterator[Finding]:
    """Neither do the statistics fit each other, or do they fit the channels of the tensor."""
    done = image.done
    before = done.before
    if not done.name or not done.moves or done.mean is None or done.std is None:
        return
    means, deviations = len(done.mean), len(done.std)
    if len({means, deviations} - {1}) > 1:
        yield Finding(
            image.place,
            f"`{done.name}` has {means} means, but {deviations} standard deviations; give a channel one of each",
        )
        return
    if before is None or before.holder != "tensor" or not done.library.startswith("torchvision"):
        return
    channels = before.shape[-3] if before.shape is not None and len(before.shape) >= 3 else None
    count = max(means, deviations)
    if not isinstance(channels, int) or count in (1, channels):
        return
    mode = before.meaning.mode if before.meaning is not None and before.meaning.kind == "image" else ""
    what = f"{channels} channel{'s' if channels > 1 else ''}{f' ({mode})' if mode else ''}"
    second = done.library.endswith(("v2", "v2.functional"))
    effect = f"which makes {count} channels of it" if channels == 1 and second else "for which it raises"
    cure = "give it one mean and one deviation, or convert the image to RGB" if channels == 1 and count == 3 else (
        f"give it {channels} means and {channels} deviations" + (", or convert the image to RGB" if count == 3 else "")
    )  # fmt: skip
    yield Finding(
        image.place,
        f"`{done.name}` has statistics for {count} channels, but the image has {what}, {effect}; {cure}",
        trail=(*trail(before), TrailStep(done.at, f"an image of {render(before.shape)} is normalized here")),
    )
