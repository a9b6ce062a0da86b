"""TL209: a picture is shown or saved in which black is not 0."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ImageShown, Levels, TrailStep, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, rule, wrapped

FLOATS = frozenset({"float", "float16", "bfloat16", "float32", "float64"})

#: How far beyond black and white, in parts of their distance, a picture may go by rounding.
SLACK = 0.06


def _claim(shown: ImageShown) -> claims.Claimed | None:
    """That a picture leaves the range that it is shown in, or that one which is written as bytes lies in [0, 1]."""
    given, levels = shown.input, shown.levels
    if not shown.takes or shown.restored or (levels is not None and levels.cut):
        return None
    if shown.takes == "bytes" and shown.function == "imwrite" and given.dtype in FLOATS:
        if levels is None or not levels.raised:
            return claims.picture_within_range(given, 0.0, 1.0)
    if levels is None:
        return None
    bounded = given.range is not None and given.range.tight and not given.range.unbounded
    if levels.model and not bounded:
        return None  # before it is trained it may give anything
    white = 1.0 if shown.takes == "unit" or given.dtype in FLOATS else 255.0
    return claims.picture_outside_range(given, -SLACK * white, (1.0 + SLACK) * white)


@rule(code="TL209", name="image-shown-normalized", since="0.1.0", severity=Severity.WARNING, claim=_claim)
def image_shown_normalized(shown: ImageShown) -> Iterator[Finding]:
    """A normalised image is shown as it is, or a float image in [0, 1] is written as bytes."""
    if not shown.takes or shown.restored or (shown.levels is not None and shown.levels.cut):
        return
    if shown.levels is not None and shown.levels.raised:
        yield Finding(shown.place, _normalized(shown, shown.levels), _trail(shown, shown.levels), None, _undone(shown))
    elif shown.takes == "bytes" and shown.function == "imwrite" and _unit(shown):
        yield Finding(
            shown.place,
            f"`imwrite` rounds to whole numbers from 0 to 255, but {_text(shown)} has floats in [0, 1] and becomes "
            "black; multiply it by 255",
            trail(shown.input),
            None,
            fix("multiply by 255", wrapped(shown.input_at, *_round(shown, "", " * 255"))),
        )


def _unit(shown: ImageShown) -> bool:
    given, levels = shown.input, shown.levels
    if given.dtype not in FLOATS:
        return False
    if levels is not None:
        return all(abs(black) < 0.01 and abs(white - 1.0) < 0.01 for black, white in levels.channels)
    extent, meaning = given.range, given.meaning
    bounded = extent is not None and extent.tight and extent.low == 0.0 and extent.high == 1.0
    return bounded and meaning is not None and meaning.kind == "probability"


def _text(shown: ImageShown) -> str:
    return f"`{shown.text}`" if shown.text else "the picture"


def _normalized(shown: ImageShown, levels: Levels) -> str:
    does = "shows" if shown.does == "show" else "saves"
    limits = "0 and 1" if shown.takes == "unit" else "0 and 255"
    numbers = f"{levels.text}, and what lies beyond {limits} is lost"
    if levels.undone:
        step = f"`{levels.shifted.name}`" if levels.shifted is not None else "what was done before"
        return (
            f"`{shown.function}` {does} {_text(shown)} with {numbers}: {step} is not undone with its own numbers; "
            "multiply by its deviation, then add its mean"
        )
    if levels.model:
        made = f"`{levels.model}` is trained to give such images" if levels.like is not None else "it ends in a tanh"
        return f"`{shown.function}` {does} {_text(shown)} with {numbers}: {made}; {_cure(levels)}"
    what = f"`{shown.function}` {does} {_text(shown)} as it was normalized"
    return f"{what}, with {numbers}; undo that first: {_cure(levels)}"


def _cure(levels: Levels) -> str:
    if levels.signed:
        return "show `(x + 1) / 2`"
    return "multiply by the deviation, then add the mean"


def _trail(shown: ImageShown, levels: Levels) -> tuple[TrailStep, ...]:
    like = (TrailStep(levels.like, "this loss compares it with normalized images"),) if levels.like is not None else ()
    return (*like, *trail(shown.input))


def _undone(shown: ImageShown) -> tuple[Fix, ...]:
    levels = shown.levels
    if levels is None or levels.undone or not levels.signed or shown.input.holder == "pil":
        return ()
    return fix("map to [0, 1]", wrapped(shown.input_at, *_round(shown, "(", " + 1) / 2")))


def _round(shown: ImageShown, before: str, after: str) -> tuple[str, str]:
    """What is put round the picture, with parentheses where its source needs them."""
    plain = all(part.isidentifier() for part in shown.text.split("."))
    return (before, after) if plain else (before + "(", ")" + after)
