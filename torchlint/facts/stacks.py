"""What a whole stack of layers does: squash again and again, or look at one position only.

Definitions
    squash    an activation with small slopes: a sigmoid, whose slope is at most 1/4
    pixelwise a network of which every output position depends on one input position, until all are pooled

Worked example: of ``Conv2d(3, 16, 1)``, ``Conv2d(16, 32, 1)``, ``Conv2d(32, 64, 1)`` and a global mean, the result is
the same for a picture and for the same pixels in another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchlint.facts.base import Fact, Occurrence
from torchlint.facts.computation import MOVES, operand, origins, parts
from torchlint.facts.tails import AFFINE, DROPOUTS
from torchlint.flow.events import Event, LayerEvent, LossEvent, RunEvent, StepEvent
from torchlint.flow.library.reading import dims_of
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, Guard, Place, Tensor, Value, Via

#: Operations that leave every position where it is and look at no other, whatever their arguments are.
IN_PLACE = frozenset(
    {
        "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "sigmoid",
        "tanh", "hardtanh", "hardsigmoid", "hardswish", "batch_norm", "dropout", "dropout2d", "alpha_dropout", "add",
        "mul", "sub", "div", "identity", "Identity", "contiguous", "clone", "float", "to", "cuda", "cpu",
    }
)  # fmt: skip
#: Operations that take a picture's positions together without looking at where they are.
POOLED = frozenset({"adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "amax"})
#: Behind the pooling, only rows are left.
ROWS = frozenset({"linear", "flatten", "view", "reshape", "squeeze", "softmax", "log_softmax"}) | IN_PLACE
#: Operations that are gone through in one network.
MOST = 400


class SquashesStacked(Fact, frozen=True):
    """Affine layers that a loss reaches are each followed by a squash, one after the other, with nothing else between.

    number: how many squashes; text: how the program spells the last; layer: how it makes the last affine layer;
    input: a tensor that this layer is given.
    """

    number: int
    text: str
    layer: str
    input: Tensor


class PixelsClassified(Fact, frozen=True):
    """A network classifies pictures, or their pixels, by single pixels. `place` makes its first convolution.

    layers: how many convolutions it has, all of kernel 1; layer: how the program makes the first; output: ``picture``
    or ``pixel``; height, width: the size of the pictures; input: them.
    """

    layers: int
    layer: str
    output: str
    height: int
    width: int
    input: Tensor


def stacks(events: Sequence[Event]) -> Iterable[Occurrence]:
    """Both facts, each once for a stack."""
    losses = [e for e in events if isinstance(e, LossEvent)]
    roots: list[Value] = [e.arguments["input"] for e in losses]
    roots += [e.subject for e in events if isinstance(e, StepEvent) and e.subject is not None]
    if not roots:
        return
    layers = [e for e in events if isinstance(e, LayerEvent) and not e.caught and e.layer.made is not None]
    yield from _squashes(layers, roots)
    classes = [
        part
        for e in losses
        if e.family in ("cross-entropy", "nll")
        for part in parts(e.arguments["input"])
        if isinstance(part, Tensor)
    ]
    runs = [e for e in events if isinstance(e, RunEvent)]
    yield from _pixelwise(classes, runs)


# --- squashes ----------------------------------------------------------------------------------------------------


def _squashes(layers: Sequence[LayerEvent], roots: Sequence[Value]) -> Iterable[Occurrence]:
    by_input = {(id(e.input), e.layer.made): e for e in layers}
    longest: dict[Place, tuple[int, SquashesStacked]] = {}
    reached: frozenset[int] | None = None
    for event in layers:
        via = event.input.via
        while via is not None and via.op in MOVES | DROPOUTS:
            inner = operand(via)
            via = inner.via if isinstance(inner, Tensor) else None
        if via is None or via.op != "sigmoid":
            continue
        made = event.layer.made
        number, first = _depth(event.input, by_input)
        if made is None or first is None or number < 2:
            continue
        reached = origins(roots) if reached is None else reached
        if id(via) not in reached:
            continue
        fact = SquashesStacked(
            first, spell_guard(event.guard), number, via.text, str(event.layer.attrs.get("spelled") or ""), event.input
        )
        if first not in longest or longest[first][0] < number:
            longest[first] = number, fact
    for _, fact in longest.values():
        yield Occurrence(((fact,),))


def _depth(tensor: Value | None, by_input: dict[tuple[int, Place | None], LayerEvent]) -> tuple[int, Place | None]:
    """How many squashes of different affine layers stand behind a tensor, and where the first of these was made."""
    number, first, squashed = 0, None, False
    seen: set[int] = set()
    while isinstance(tensor, Tensor) and tensor.via is not None:
        via = tensor.via
        if via.op == "sigmoid":
            if squashed:
                break
            squashed = True
        elif via.op in AFFINE:
            given = operand(via)
            event = by_input.get((id(given), via.made))
            if not squashed or event is None or id(event.layer) in seen:
                break
            seen.add(id(event.layer))
            number, first, squashed = number + 1, via.made, False
        elif via.op not in MOVES and via.op not in DROPOUTS:
            break
        tensor = operand(via)
    return number, first


# --- pixels ------------------------------------------------------------------------------------------------------


def _pixelwise(classes: Sequence[Tensor], runs: Sequence[RunEvent]) -> Iterable[Occurrence]:
    inputs: dict[int, tuple[Tensor, Guard]] = {}
    for event in runs:
        for value in event.run.inputs:
            size = value.shape if isinstance(value, Tensor) else None
            if isinstance(value, Tensor) and size is not None and len(size) == 4 and size[1] in (1, 3):
                inputs[id(value)] = value, event.guard
    seen: set[Place] = set()
    for output in classes if inputs else ():
        found = _single(output, inputs)
        if found is None:
            continue
        layers, first, given = found
        height, width = (given.shape or ())[2:]
        if first.made is not None and first.made not in seen and isinstance(height, int) and isinstance(width, int):
            seen.add(first.made)
            kind = "pixel" if output.shape is not None and len(output.shape) == 4 else "picture"
            guard = spell_guard(inputs[id(given)][1])
            fact = PixelsClassified(first.made, guard, layers, first.text, kind, height, width, given)
            yield Occurrence(((fact,),))


def _single(output: Tensor, inputs: dict[int, tuple[Tensor, Guard]]) -> tuple[int, Via, Tensor] | None:
    """How many convolutions lead from a picture to an output, the first of them, and the picture; None if anything on
    the way looks at more than one position, or is not known."""
    pending: list[tuple[Value, bool]] = [(output, output.shape is not None and len(output.shape) == 4)]
    seen: set[tuple[int, bool]] = set()
    convolutions: set[int] = set()
    first, picture = None, None
    while pending:
        value, placed = pending.pop()
        if id(value) in inputs:
            if not placed or picture not in (None, inputs[id(value)][0]):
                return None
            picture = inputs[id(value)][0]
            continue
        if isinstance(value, Const):
            continue
        via = value.via if isinstance(value, Tensor) else None
        if via is None or len(seen) > MOST:
            return None
        if (id(via), placed) in seen:
            continue
        seen.add((id(via), placed))
        if via.op == "conv2d":
            sizes = dims_of(via.arguments["kernel_size"]) if "kernel_size" in via.arguments else None
            if not placed or sizes is None or any(size != 1 for size in sizes) or via.made is None:
                return None
            convolutions.add(id(via))
            given = operand(via)
            if id(given) in inputs:
                first = via
        elif not placed and via.op in POOLED and _pools_all(via):
            placed = True
        elif via.op not in (IN_PLACE if placed else ROWS):
            return None
        first_operand = operand(via)
        rest = via.arguments.get("other") if via.op in ("add", "mul", "sub", "div") else None
        pending += [(one, placed) for one in (first_operand, rest) if one is not None]
    return (len(convolutions), first, picture) if first is not None and picture is not None else None


def _pools_all(via: Via) -> bool:
    given = operand(via)
    if not isinstance(given, Tensor) or given.shape is None or len(given.shape) != 4:
        return False
    if via.op in ("mean", "amax"):
        dims = dims_of(via.arguments["dim"]) if "dim" in via.arguments else None
        return dims is not None and sorted(d % 4 for d in dims if isinstance(d, int)) == [2, 3]
    sizes = dims_of(via.arguments["output_size"]) if "output_size" in via.arguments else None
    return sizes is not None and len(sizes) > 0 and all(size == 1 for size in sizes)
