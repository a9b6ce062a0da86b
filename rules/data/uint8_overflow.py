"""TL217: arithmetic on bytes whose result does not fit into a byte."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import BytesComputed, Tensor, TrailStep, claims, same_core, trail
from torchlint.rule import Finding, Severity, fix, rule, wrapped

SIGNS = {"add": "+", "sub": "−", "mul": "·", "pow": "**"}


def _claim(computed: BytesComputed) -> claims.Claimed | None:
    """That the result does not fit into a byte."""
    return claims.overflows(computed) if computed.exact is not None and _on_pictures(computed) else None


def _on_pictures(computed: BytesComputed) -> bool:
    """Whether this is arithmetic on pictures, and neither on labels nor on masks that are stored as bytes, too."""
    sides = (computed.left, computed.right)
    if not all(_is_picture(side) for side in sides) or same_core(*_both(sides)):
        return False
    if any(side in (0.0, 1.0) for side in sides) and computed.op in ("add", "sub"):
        return False  # labels are counted from 1 that way, and 0 becomes 255, which is ignored
    alone = any(isinstance(side, float) for side in sides)
    if (computed.op in ("mul", "pow") or (computed.op == "add" and not alone)) and not any(map(_in_colour, sides)):
        return False  # masks of zeros and ones, and of objects that do not overlap
    return computed.op != "mul" or alone


@rule(code="TL217", name="uint8-overflow", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def uint8_overflow(computed: BytesComputed) -> Iterator[Finding]:
    """Images in bytes are computed with, and leave [0, 255]."""
    exact, sides = computed.exact, (computed.left, computed.right)
    if exact is None or exact.within(0, 255) or not _on_pictures(computed):
        return
    method = ".astype({numpy.int16})" if computed.holder == "numpy" else ".to({torch.int16})"
    shown = method.replace("{numpy.int16}", "np.int16").replace("{torch.int16}", "torch.int16")
    wide = "float" if exact.high > 2**15 else "int16"
    if wide == "float":
        shown, method = (".astype(np.float32)", ".astype({numpy.float32})") if computed.holder == "numpy" else (
            ".float()", ".float()")  # fmt: skip
    text = f"`{computed.text}`" if computed.text else "this"
    yield Finding(
        computed.place,
        f"{text} is computed in uint8, where it wraps around: it would range over {exact}, and {_example(computed)}; "
        f"convert first, with `{shown}`{_other(computed)}",
        (*trail(next(side for side in sides if isinstance(side, Tensor))), TrailStep(computed.place, "bytes again")),
        fixes=fix(f"convert with `{shown}` first", wrapped(computed.left_at, "", method))
        if isinstance(computed.left, Tensor)
        else (),
    )


def _both(sides: tuple[Tensor | float, Tensor | float]) -> tuple[Tensor | None, Tensor | None]:
    left, right = (side if isinstance(side, Tensor) else None for side in sides)
    return left, right


def _is_picture(side: Tensor | float) -> bool:
    """Whether an operand is an image as it was read, or a number that a byte can hold."""
    if not isinstance(side, Tensor):
        return 0 <= side <= 255
    return side.meaning is not None and side.meaning.kind == "image" and side.meaning.mode not in ("1", "P")


def _in_colour(side: Tensor | float) -> bool:
    return isinstance(side, Tensor) and side.meaning is not None and side.meaning.mode in ("RGB", "BGR", "RGBA")


def _example(computed: BytesComputed) -> str:
    number = next((int(side) for side in (computed.right, computed.left) if isinstance(side, float)), None)
    if computed.op == "sub":
        right = 20 if number is None or not isinstance(computed.right, float) else number
        left = right - 10 if right >= 10 else 0
        return f"{left} − {right} gives {(left - right) % 256}"
    if computed.op == "add":
        right = 100 if number is None else number
        return f"200 + {right} gives {(200 + right) % 256}" if 200 + right > 255 else f"255 + {right} gives {right - 1}"
    value = 200 * (number or 2) if computed.op == "mul" else 20 ** (number or 2)
    first = 200 if computed.op == "mul" else 20
    return f"{first} {SIGNS[computed.op]} {number or 2} gives {value % 256}"


def _other(computed: BytesComputed) -> str:
    if computed.holder != "numpy" or not all(isinstance(side, Tensor) for side in (computed.left, computed.right)):
        return ""
    return ", or use `cv2.absdiff`" if computed.op == "sub" else ", or use `cv2.add`"
