"""Operations that are written down in a notation of their own: ``einsum`` and einops.

Definitions
    label   a name or letter for one dimension; the same label stands for the same size
    group   the labels of one dimension: several in brackets stand for their product, none for a size of 1; dots in
            brackets stand beside a 1, which tells them from dots alone
    dots    the dimensions that ``...`` stands for

Worked example: ``rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=16, q=16)`` of B×3×224×224 is B×196×768;
``einsum("bid,bjd->bij", q, k)`` of B×10×64 and B×12×64 is B×10×12, and refuses B×12×32.
"""

from __future__ import annotations

from collections.abc import Sequence

from torchlint.flow import shape as sizes
from torchlint.flow.library.axes import broadcast
from torchlint.flow.library.reading import Call, as_tensor, dim_of, items_of
from torchlint.flow.library.refusals import firm, need_same, refuse
from torchlint.flow.shape import Dim, Shape
from torchlint.flow.values import Tensor

DOTS = "..."


# --- einsum ------------------------------------------------------------------------------------------------------


def einsum_operands(call: Call) -> list[Tensor]:
    """The tensors that an ``einsum`` combines."""
    items = items_of(call["*"]) or ()
    if len(items) == 1 and items_of(items[0]) is not None:
        items = items_of(items[0]) or ()
    return [as_tensor(item) or Tensor() for item in items]


def _labels(side: str) -> list[str] | None:
    """The labels of one operand, ``...`` among them; None if it is not well written."""
    found: list[str] = []
    at = 0
    while at < len(side):
        if side.startswith(DOTS, at):
            found.append(DOTS)
            at += 3
        elif side[at].isalpha():
            found.append(side[at])
            at += 1
        else:
            return None
    return found if found.count(DOTS) < 2 else None


def einsum(call: Call) -> Shape:
    """``einsum``: of each label of the result, the size that it has in the operands.

    Raises:
        Refused: a label has two sizes, or an operand as many dimensions as it has no labels.
    """
    text = call.text("equation")
    if text is None:
        return None
    left, arrow, right = text.replace(" ", "").partition("->")
    return combined([_labels(side) for side in left.split(",")], _labels(right) if arrow else [], bool(arrow),
                    einsum_operands(call))  # fmt: skip


def combined(
    sides: Sequence[list[str] | None], wanted: list[str] | None, explicit: bool, operands: Sequence[Tensor]
) -> Shape:
    """The shape of a sum of products of operands whose dimensions have these labels.

    Raises:
        Refused: see `einsum`.
    """
    if any(side is None for side in sides) or wanted is None:
        return None
    if len(sides) != len(operands):
        raise refuse("einsum", len(operands), len(sides), None, "operands")
    known: dict[str, tuple[Dim, ...] | None] = {}
    for side, tensor in zip(sides, operands):
        assert side is not None
        _take_labels(side, tensor.shape, known)
    if not explicit:
        once = [label for label in known if label != DOTS and sum(side.count(label) for side in sides if side) == 1]
        wanted = ([DOTS] if DOTS in known else []) + sorted(once)
    for label in wanted:
        if label not in known and label != DOTS:
            raise refuse("einsum", None, None, None, f"{label} is in no operand")
        if wanted.count(label) > 1:
            raise refuse("einsum", None, None, None, f"{label} is twice in the result")
    out: list[Dim] = []
    for label in wanted:
        dims = known.get(label, ())
        if dims is None:
            return None
        out += dims
    return tuple(out)


def _take_labels(side: list[str], shape: Shape, known: dict[str, tuple[Dim, ...] | None]) -> None:
    """Note what an operand says of the sizes of its labels."""
    if shape is None:
        for label in side:
            known.setdefault(label, None if label == DOTS else (None,))
            if label == DOTS:
                known[DOTS] = None
        return
    beside = len(side) - side.count(DOTS)
    if len(shape) < beside or (DOTS not in side and len(shape) != beside):
        if firm(shape):
            raise refuse("einsum", len(shape), beside, None, "dimensions")
        for label in side:
            known.setdefault(label, None if label == DOTS else (None,))
        return
    at = 0
    here: dict[str, Dim] = {}
    for label in side:
        width = len(shape) - beside if label == DOTS else 1
        dims = shape[at : at + width]
        before = known.get(label, ()) if label == DOTS else known.get(label, (1,))
        if label != DOTS:
            if label in here:
                need_same("einsum", here[label], dims[0], at, label)
            here[label] = dims[0]
            one = (before or (None,))[0]
            if one != 1 and dims[0] != 1 and sizes.differs(one, dims[0]):
                raise refuse("einsum", dims[0], one, at, label)
            joined = sizes.broadcast((one,), dims)
            known[label] = joined if one is not None or isinstance(dims[0], int) else dims
        elif before is not None:
            known[DOTS] = broadcast(before, dims)
        at += width


# --- einops ------------------------------------------------------------------------------------------------------

Groups = list[list[str]]


def _groups(side: str) -> Groups | None:
    """One side of an einops pattern: the labels of each dimension; None if it is not well written."""
    found: Groups = []
    inside = False
    for word in side.replace("…", DOTS).replace("(", " ( ").replace(")", " ) ").replace(DOTS, " ... ").split():
        if word in "()":
            if inside == (word == "("):
                return None
            inside = word == "("
            if inside:
                found.append([])
        elif not word.isidentifier() and not word.isdigit() and word != DOTS:
            return None
        elif inside:
            found[-1] += [] if word == "1" else ["1", DOTS] if word == DOTS else [word]
        else:
            found.append([] if word == "1" else [word])
    return None if inside else found


def einops(call: Call) -> Shape:
    """``rearrange(x, "b c h w -> b (h w) c")``: the sizes of named axes, multiplied where they are joined.

    Raises:
        Refused: the pattern does not suit the tensor, or a size in it differs from what is said of it.
    """
    left, arrow, right = (call.text("pattern") or "").partition("->")
    sources, targets = _groups(left), _groups(right)
    shape = _given_shape(call)
    if not arrow or sources is None or targets is None:
        return None
    before = [label for group in sources for label in group]
    after = [label for group in targets for label in group]
    _check_pattern(call, before, after)
    if [DOTS] not in sources and DOTS in before:
        return None  # dots in brackets on the left are refused
    known: dict[str, Dim] = {label: dim_of(call[label]) for label in {*before, *after} if label in call.arguments}
    known.update({label: int(label) for label in {*before, *after} if label.isdigit()})
    dots: tuple[Dim, ...] | None = None
    dims: list[Dim] | None = None
    if shape is not None:
        spare = len(shape) - len(sources)
        if (spare != 0 and DOTS not in before) or spare < -1:
            if not firm(shape):
                return None
            raise refuse("rank", len(shape), len(sources) - (DOTS in before), None, "einops")
        if DOTS in before:
            at = sources.index([DOTS])
            dots = shape[at : at + spare + 1]
            dims = [*shape[:at], *shape[at + spare + 1 :]]
        else:
            dims = list(shape)
    for i, group in enumerate(one for one in sources if one != [DOTS]):
        _solve(group, None if dims is None else dims[i], known, call)
    out: list[Dim] = []
    for group in targets:
        if DOTS not in group:
            out.append(sizes.product(tuple(known.get(label) for label in group)))
        elif group == [DOTS]:
            if dots is None:
                return None
            out += dots
        else:
            parts: list[Dim] = []
            for label in group:
                parts += ((None,) if dots is None else dots) if label == DOTS else (known.get(label),)
            out.append(sizes.product(tuple(parts)))
    return tuple(out)


def _given_shape(call: Call) -> Shape:
    """The shape of the tensor, or of several, which have a dimension more."""
    items = items_of(call.arguments.get("tensor"))
    if items is None:
        return call.input.shape
    shapes = {t.shape for t in (as_tensor(item) or Tensor() for item in items)}
    one = shapes.pop() if len(shapes) == 1 else None
    return None if one is None else (len(items), *one)


def _check_pattern(call: Call, before: list[str], after: list[str]) -> None:
    """Refuse a pattern that names an axis twice or on one side only, where that is no repetition or reduction."""
    does = call.op.short
    for side in (before, after):
        twice = next((label for label in side if side.count(label) > 1 and not label.isdigit()), None)
        if twice is not None:
            raise refuse("einops", None, None, None, f"{twice} is named twice")
    lost = {label for label in before if not label.isdigit()} - set(after)
    new = {label for label in after if not label.isdigit()} - set(before)
    if (lost and does != "reduce") or (DOTS in new):
        raise refuse("einops", None, None, None, f"{sorted(lost or new)[0]} is on one side only")
    if new and does == "repeat":
        new = {label for label in new if label not in call.arguments}
    if new:
        raise refuse("einops", None, None, None, f"{sorted(new)[0]} is on one side only")


def _solve(group: list[str], whole: Dim, known: dict[str, Dim], call: Call) -> None:
    """Find the size of the one label in a group that is not known."""
    missing = [label for label in group if label not in known]
    unsure = [label for label in group if label in known and known[label] is None]
    rest = sizes.product(tuple(known[label] for label in group if known.get(label) is not None))
    if len(missing) > 1:
        raise refuse("einops", None, None, None, f"{missing[0]} and {missing[1]} cannot both be worked out")
    if unsure:
        if not missing and len(unsure) == 1:
            known[unsure[0]] = sizes.divide_exactly(whole, rest)
        for label in missing:
            known[label] = None
        return
    if not missing:
        need_same("einops", whole, rest, None, " ".join(group))
        return
    if isinstance(whole, int) and isinstance(rest, int) and (rest == 0 or whole % rest):
        raise refuse("einops", whole, rest, None, missing[0])
    exact = sizes.divide_exactly(whole, rest)
    known[missing[0]] = sizes.floor_divide(whole, rest) if exact is None and isinstance(rest, int) else exact


def einops_einsum(call: Call) -> Shape:
    """``einops.einsum(a, b, "b i d, b j d -> b i j")``.

    Raises:
        Refused: see `einsum`.
    """
    items = items_of(call["*"]) or ()
    text = getattr(items[-1], "value", None) if items else None
    if not isinstance(text, str) or "->" not in text:
        return None
    left, _, right = text.partition("->")
    sides: list[list[str] | None] = [_words(side) for side in left.split(",")]
    return combined(sides, _words(right), True, [as_tensor(item) or Tensor() for item in items[:-1]])


def _words(side: str) -> list[str] | None:
    words = side.replace(DOTS, " ... ").split()
    plain = all(word.isidentifier() or word == DOTS for word in words)
    return words if plain and words.count(DOTS) < 2 else None
