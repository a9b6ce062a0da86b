"""TL212: an image and its mask are moved by draws of their own."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import Draw, PairMoved, TrailStep
from torchlint.rule import Finding, Severity, rule


@rule(code="TL212", name="unpaired-random-transform", since="0.1.0", severity=Severity.ERROR)
def unpaired_random_transform(pair: PairMoved) -> Iterator[Finding]:
    """A draw moves the image of a model and not the target, which stays or is moved by another."""
    if pair.target and {draw.seeded for draw in pair.image} != {draw.seeded for draw in pair.target}:
        return  # the state was set anew in between, so that they may be the same
    both = {draw.key for draw in pair.image} & {draw.key for draw in pair.target}
    image = [draw for draw in pair.image if draw.key not in both]
    target = [draw for draw in pair.target if draw.key not in both]
    if image and not pair.target and pair.mask:
        yield _alone(pair, image[0])
    if image and target:
        yield _finding(pair, next((draw for draw in image if draw.made == target[0].made), image[0]), target[0])


def _alone(pair: PairMoved, image: Draw) -> Finding:
    return Finding(
        image.made,
        f"`{image.name}` moves the image by a draw, and the mask that is the target of `{pair.loss}` stays where it "
        "is; transform both in one call, or draw once and do the same to both",
        (
            TrailStep(image.place, f"`{image.name}` moves the image"),
            TrailStep(pair.place, f"`{pair.loss}` compares it pixel by pixel with a mask that was not moved"),
        ),
    )


def _finding(pair: PairMoved, image: Draw, target: Draw) -> Finding:
    shared = image.made == target.made and image.place != target.place
    first = "it was drawn for the image" if shared else f"`{image.name}` was drawn for the image"
    return Finding(
        target.place if shared else target.made,
        f"`{target.name}` is drawn anew for the target of `{pair.loss}` after {first}: the two no longer lie on each "
        "other; transform both in one call, or draw once and do the same to both",
        (
            TrailStep(image.place, f"`{image.name}` moves the image by one draw"),
            TrailStep(target.place, f"`{target.name}` moves its target by another"),
            TrailStep(pair.place, f"`{pair.loss}` compares them pixel by pixel"),
        ),
    )
