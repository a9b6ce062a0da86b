"""TL204: statistics of bytes are taken off values in [0, 1], or those of [0, 1] off bytes."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ImageRescaled, Rescaling, TrailStep, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, wrapped

#: The least mean that only bytes have, the least deviation, and the least upper end of bytes.
BYTE_MEAN, BYTE_STD, BYTES = 4.0, 4.0, 200.0

#: How far from 0 nothing goes that was normalised with the right scale; and how far what is next to nothing.
FARTHEST, NOTHING = 20.0, 0.3


def _claim(image: ImageRescaled) -> claims.Claimed | None:
    """That statistics of [0, 1] leave far larger numbers, and those of bytes nothing above 0, or next to nothing."""
    done = image.done
    before = done.before
    if not done.known or not done.moves or done.mean is None or done.std is None or before is None:
        return None
    if before.meaning is None or before.meaning.kind != "image" or before.meaning.normalized:
        return None
    if any(s <= 0 for s in done.std) or any(m <= 0 for m in done.mean):
        return None
    if min(done.mean) >= BYTE_MEAN and min(done.std) >= BYTE_STD:
        return claims.picture_within_range(done.given_by, None, 0.0)
    if min(done.std) >= BYTE_STD:
        return claims.picture_within_range(done.given_by, -NOTHING, NOTHING)
    return claims.picture_outside_range(done.given_by, -FARTHEST, FARTHEST) if max(done.std) < 1.0 else None


@rule(code="TL204", name="normalize-wrong-scale", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def normalize_wrong_scale(image: ImageRescaled) -> Iterator[Finding]:
    """The statistics belong to another scale than the values have."""
    done = image.done
    before, given = done.before, done.given
    if not done.known or not done.moves or done.mean is None or done.std is None or before is None or given is None:
        return
    meaning = before.meaning
    if meaning is None or meaning.kind != "image" or meaning.normalized or not given.tight or given.low != 0.0:
        return
    if done.library.startswith("torchvision") and not (before.dtype or "").startswith(("float", "bfloat", "double")):
        return  # it raises
    if any(s <= 0 for s in done.std) or any(m <= 0 for m in done.mean):
        return
    means, deviations = min(done.mean), min(done.std)
    if given.high <= 1.0 and before.range is not None and before.range.high >= given.high:
        if before.range.high <= 1.0 and done.limit >= BYTES:
            return  # scaled twice, which is another mistake
        if means < BYTE_MEAN and deviations < BYTE_STD:
            return
        wrong = _numbers(done.mean if means >= BYTE_MEAN else done.std)
        which = "a mean" if means >= BYTE_MEAN else "a deviation"
        after = f" after it divided them by {done.limit:.6g}" if done.limit > 1 else ""
        cure = "divide the statistics by 255"
        message = f"{_who(done)} has {which} of {wrong}, made for [0, 255], but the values lie in {given}{after}"
    elif given.high >= BYTES:
        low = max(done.mean) <= 1.0 and max(done.std) < 1.0
        if not low and max(done.std) >= 1.0:
            return
        wrong = _numbers(done.mean if low else done.std)
        which = "a mean" if low else "a deviation"
        message = f"{_who(done)} has {which} of {wrong}, made for [0, 1], but the values lie in {given}"
        cure = "divide the image by 255 first"
        if done.name and done.limit == 1.0 and "max_pixel_value" in done.settings:
            cure = "leave `max_pixel_value` at 255, so that it divides them first"
        elif not low:
            cure = "bring mean and deviation to one scale"
    else:
        return
    result = f", which gives {done.result}" if done.result is not None else ""
    yield Finding(
        image.place,
        f"{message}{result}; {cure}",
        trail=(*trail(before), TrailStep(done.at, f"the statistics are taken off {given} here")),
        fixes=_fixes(image),
    )


def _fixes(image: ImageRescaled) -> tuple[Fix, ...]:
    """Bytes are divided first, where arithmetic takes off statistics of [0, 1], and nothing else goes that way."""
    done = image.done
    if not image.alone or done.name or done.mean is None or max(done.mean) > 1.0:
        return ()
    return fix("divide the image by 255 first", wrapped(image.operand, "", " / 255"))


def _who(done: Rescaling) -> str:
    return f"`{done.name}`" if done.name else "this normalization"


def _numbers(values: tuple[float, ...]) -> str:
    """One number as it is, several as a list."""
    texts = [f"{x:.6g}" for x in values]
    return texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"
