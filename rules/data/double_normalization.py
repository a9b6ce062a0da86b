"""TL206: an image is scaled or normalised a second time."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ImageRescaled, Interval, Rescaling, TrailStep, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, unwrapped

#: What bytes are divided by, at least and at most, and the greatest value of what is scaled or normalised already.
LEAST, MOST, SMALL = 250.0, 260.0, 20.0

#: How far beyond their ends normalised values may lie by rounding and by resizing.
ROUNDING = 0.3


def _claim(image: ImageRescaled) -> claims.Claimed | None:
    """That next to nothing is left of the image; or, where the usual statistics are taken off, that it leaves the range
    which they give once."""
    done = image.done
    before = done.before
    if before is None or before.meaning is None or before.meaning.kind != "image":
        return None
    if _divides_bytes(done):
        ends = (None, 0.0) if done.moves else (-SMALL / LEAST, SMALL / LEAST)
        return claims.picture_within_range(done.given_by, *ends)
    once = done.applied(Interval(0.0, 1.0)) if done.usual and done.moves else None
    return (
        None if once is None else claims.picture_outside_range(done.given_by, once.low - ROUNDING, once.high + ROUNDING)
    )


@rule(code="TL206", name="double-normalization", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def double_normalization(image: ImageRescaled) -> Iterator[Finding]:
    """Bytes are scaled down that are none any more, or the usual statistics are taken off twice."""
    done = image.done
    before = done.before
    meaning = before.meaning if before is not None else None
    if before is None or meaning is None or meaning.kind != "image" or before.range is None or not image.earlier:
        return
    small = Interval(0, 1) if meaning.scale == "unit" else before.range
    if _divides_bytes(done) and small.within(-SMALL, SMALL) and (meaning.normalized or meaning.scale == "unit"):
        verb = "already scaled to [0, 1]" if not meaning.normalized else f"already normalized{_by(image.earlier)}"
        what = f"`{done.name}` divides it" if done.name else "it is divided"
        left = f", which leaves {done.result}" if done.result is not None and done.result.tight else ""
        amount = _number(done.limit if done.limit > 1 else done.std[0] if done.std else done.limit)
        message = (
            f"the image is {verb} and ranges over {before.range}, but {what} by {amount} again{left}; {_cure(done)}"
        )
    elif meaning.normalized and done.usual and done.moves and small.within(-SMALL, SMALL) and small.low < 0:
        first = next((one for one in reversed(image.earlier) if one.moves), None)
        if first is None:
            return
        message = (
            f"the image is already normalized{_by(image.earlier)} and ranges over {before.range}, but {_words(done)} "
            "takes off a mean and divides by a deviation again; keep one of the two"
        )
    else:
        return
    yield Finding(
        image.place,
        message,
        trail=(*trail(before), TrailStep(done.at, "it is scaled again here")),
        fixes=_fixes(image),
    )


def _divides_bytes(done: Rescaling) -> bool:
    """Whether a transform or a division takes its input for bytes."""
    if LEAST <= done.limit <= MOST:
        return True
    return not done.moves and done.std is not None and all(LEAST <= s <= MOST for s in done.std)


def _by(earlier: tuple[Rescaling, ...]) -> str:
    """What did it the last time, if it has a name."""
    last = next((one for one in reversed(earlier) if one.moves), None)
    return f" by `{last.name}`" if last is not None and last.name else ""


def _words(done: Rescaling) -> str:
    return f"`{done.name}`" if done.name else "this arithmetic"


def _cure(done: Rescaling) -> str:
    if done.limit > 1:
        return "give it `max_pixel_value=1.0`, or let it do the scaling"
    return f"take `{done.name}` out" if done.name else "take this division out"


def _number(x: float) -> str:
    return f"{x:.6g}"


def _fixes(image: ImageRescaled) -> tuple[Fix, ...]:
    """A division that stands alone in its expression can go, where all that meets it is scaled already."""
    operand = image.operand
    if operand is None or not image.alone or len(image.done.steps) != 1:
        return ()
    return fix("take the second division out", unwrapped(image.done.place, operand))
