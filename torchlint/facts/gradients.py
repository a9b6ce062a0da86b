"""How far a backward pass reaches: from the loss back through what computed it, to parameters or to where it ends.

Definitions
    cut      where a gradient ends: a value that depends on parameters goes in, one that does not comes out
    flat     an operation with a derivative that is zero wherever it has one: what comes through it is no gradient
    fresh    an operation by which a loss asks for a gradient of its own, after it has lost the way back
    summand  what is added up in a loss, as far as that is done by sums, means and stacks

Worked example: of ``loss = ce + 0.1 * (model(x) > 0).float().mean()`` the first summand is alive; the second goes back
to one cut, the comparison, and to nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from torchlint.facts.algebra import number_of
from torchlint.facts.base import Occurrence
from torchlint.facts.computation import MOVES, VALUELESS, Cut, cut, operand, parts
from torchlint.facts.training import BackwardCalled
from torchlint.flow import join
from torchlint.flow.events import Event, StepEvent
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Alternatives, Const, Dict, Guard, Number, Place, Run, Tensor, Unknown, Value

FLAT = frozenset({"round", "sign", "sgn", "floor", "ceil", "trunc", "fix"})
FRESH = frozenset({"requires_grad", "tensor", "as_tensor", "Variable", "FloatTensor", "Tensor"})

#: Moves by which a value may leave the graph.
LEAVING = frozenset(
    {
        "detach", "data", "no_grad", "numpy", "from_numpy", "asarray", "array", "tensor", "as_tensor", "astype",
        "tolist", "item", "Variable", "requires_grad", "identity",
    }
)  # fmt: skip
ALONG = MOVES - LEAVING

#: Operations without parameters of their own, through which a gradient passes.
SCALAR = frozenset({"add", "sub", "rsub", "mul", "div", "neg", "mean", "sum", "nanmean", "nansum", "stack", "sqrt"})
THROUGH = (
    ALONG
    | SCALAR
    | {
        "pow", "square", "rsqrt", "exp", "log", "log1p", "expm1", "log2", "log10", "abs", "clamp", "clamp_min",
        "clamp_max", "relu", "sigmoid", "tanh", "softmax", "log_softmax", "logsigmoid", "softplus", "norm", "cat",
        "max", "min", "amax", "amin", "maximum", "minimum", "where", "loss", "std", "var", "gather", "topk", "sort",
        "sin", "cos", "logsumexp", "einsum", "dot", "masked_fill", "nan_to_num", "gelu", "elu", "leaky_relu",
    }
)  # fmt: skip

MOST_NODES = 400


class Reach(msgspec.Struct):
    """Where the ways back from a value end.

    alive: at least one leads to parameters, or may. open: something on the way is not known. assumed: the same, but
    it is the target of a loss. fresh: where the value asked for a gradient of its own.
    """

    cuts: list[Cut] = msgspec.field(default_factory=list)
    alive: bool = False
    open: bool = False
    assumed: bool = False
    fresh: Cut | None = None

    @property
    def lost(self) -> bool:
        """Whether it is certain that a gradient was lost and that none is left."""
        return bool(self.cuts) and not self.alive and not self.open


def reach(value: Value) -> Reach:
    """Follow every way back from a value."""
    found = Reach()
    pending: list[tuple[Value, bool, bool]] = [(value, True, False)]
    seen: set[tuple[int, bool]] = set()
    if isinstance(value, Tensor) and (copied := _copied(value)) is not None:
        return Reach([copied], fresh=copied)
    budget = MOST_NODES
    while pending and not found.alive:
        one, scalar, behind = pending.pop()
        if (id(one), behind) in seen:
            continue
        seen.add((id(one), behind))
        budget -= 1
        if not budget:
            found.alive = True
        elif isinstance(one, Unknown):
            found.open = found.open or one.grad != "detached"
        elif isinstance(one, Tensor) and one.grad == "attached" and not behind:
            pending.extend(_through(one, scalar, found))
        elif isinstance(one, (Tensor, Number)):
            pending.extend(_behind(one, found))
    return found


def _copied(loss: Tensor) -> Cut | None:
    """Where a loss was made of a number that is not known, and asks for a gradient: whatever it was, it is a leaf."""
    step: Value | None = loss
    while isinstance(step, Tensor) and step.via is not None and step.via.op in ALONG | {"mean", "sum"}:
        step = operand(step.via)
    via = step.via if isinstance(step, Tensor) else None
    if not isinstance(step, Tensor) or via is None or via.op not in ("tensor", "Variable") or step.grad != "attached":
        return None
    given = operand(via)
    return cut(via, step) if isinstance(given, Unknown) and given.grad != "detached" else None


def _through(one: Tensor, scalar: bool, found: Reach) -> Iterator[tuple[Value, bool, bool]]:
    """One step back from a value with a gradient."""
    via = one.via
    sources = [] if via is None else [p for a in via.arguments.values() for p in parts(a)]
    attached = [p for p in sources if isinstance(p, Tensor) and p.grad == "attached"]
    if via is None:
        found.alive = True
    elif via.op in FLAT and attached:
        found.cuts.append(cut(via, attached[0]))
    elif via.op in FRESH and not (attached and via.op in ("requires_grad", "as_tensor")):
        if not scalar:  # what the program optimises may begin here
            found.alive = True
            return
        found.fresh = cut(via, attached[0] if attached else one)
        found.cuts.extend(cut(via, source) for source in attached)
        yield from ((p, False, True) for p in sources if p not in attached)
    elif via.op in THROUGH | FRESH and attached:
        yield from ((p, scalar and via.op in SCALAR | ALONG | FRESH, False) for p in attached)
    else:
        found.alive = True


def _behind(one: Tensor | Number, found: Reach) -> Iterator[tuple[Value, bool, bool]]:
    """One step back from a value without a gradient: where one went in, it was cut off."""
    via = one.via
    if via is None:
        found.open = found.open or (isinstance(one, Tensor) and one.grad is None)
        return
    if via.op in VALUELESS:
        return
    if via.op == "where" and (not isinstance(one, Tensor) or one.range is None or not one.range.within(0.0, 1.0)):
        found.open = True  # a slope that is chosen, whose own is zero, and no yes or no
        return
    for name, argument in via.arguments.items():
        if isinstance(argument, Unknown) and argument.grad != "detached":
            if via.op == "loss" and name != "input":
                found.assumed = True
            elif isinstance(one, Tensor) and one.grad is None:
                found.open = True
        for part in parts(argument):
            if isinstance(part, Tensor) and part.grad == "attached":
                numpy = isinstance(one, Tensor) and one.holder == "numpy" and part.holder != "numpy"
                found.cuts.append(cut(via, part, "numpy" if numpy else None))
                found.open = found.open or (isinstance(one, Tensor) and one.grad is None)
            else:
                yield part, False, True


def summands(value: Value, budget: int = 200) -> Iterator[Value]:
    """The summands of a loss, weights taken off."""
    pending: list[Value] = [value]
    while pending and budget:
        budget -= 1
        one = pending.pop()
        via = one.via if isinstance(one, (Tensor, Number)) else None
        if via is None:
            yield one
            continue
        sides = [p for name in ("input", "other") for p in parts(via.arguments.get(name))]
        if via.op in ("add", "sub"):
            pending.extend(reversed(sides))
        elif via.op in ("neg", "sum", "mean", "stack", "cat") or via.op in ALONG:
            pending.extend(parts(operand(via)))
        elif via.op in ("mul", "div") and sum(isinstance(p, Tensor) for p in sides) == 1:
            pending.extend(p for p in sides if isinstance(p, Tensor))
        else:
            yield one


# --- facts -------------------------------------------------------------------------------------------------------


def backward_passes(events: Sequence[Event]) -> Iterable[Occurrence]:
    """Backward passes, by place: all that a pass may be given at that place are facts of one configuration."""
    groups: dict[Place, dict[int, BackwardCalled]] = {}
    before: list[Mean] = []  # of the backward passes since the last step
    for event in events:
        if isinstance(event, StepEvent) and event.kind == "step":
            before.clear()
        if isinstance(event, StepEvent) and event.kind in ("backward", "returned"):
            for guard, loss in _losses(event.subject, event.guard):
                means = _means(loss) if isinstance(loss, Tensor) else []
                opposed = tuple(_opposed(means, before))
                before += means
                group = groups.setdefault(event.place, {})
                if id(loss) not in group or opposed:
                    group[id(loss)] = _backward(event, guard, loss, opposed)
    for facts in groups.values():
        yield Occurrence((tuple(facts.values()),))


def _losses(value: Value | None, guard: Guard) -> list[tuple[Guard, Value | None]]:
    if isinstance(value, Alternatives):
        return [(join.merge(guard, g), v) for g, v in value.options if not join.contradicts(guard, g)]
    if isinstance(value, Dict):
        return _losses(value.items.get("loss"), guard)
    return [(guard, value)]


def _backward(
    event: StepEvent, guard: Guard, loss: Value | None, opposed: tuple[tuple[Tensor, Tensor], ...]
) -> BackwardCalled:
    place, words = event.place, spell_guard(guard)
    if not isinstance(loss, (Tensor, Number)):
        return BackwardCalled(place, words, None)
    found = reach(loss)
    given = loss if isinstance(loss, Tensor) else None
    if found.lost and event.caught and found.fresh is None and not any(one.op in FLAT for one in found.cuts):
        return BackwardCalled(place, words, given)  # torch raises an error, which the program waits for
    if found.lost:
        return BackwardCalled(place, words, given, tuple(found.cuts), not found.assumed, found.fresh)
    if not found.alive or given is None:
        return BackwardCalled(place, words, given)
    terms = [(summand, term) for summand in summands(loss) if summand is not loss and (term := reach(summand)).lost]
    kept = [(summand, term) for summand, term in terms if term.fresh is None]
    lost = tuple(tuple(term.cuts) for _, term in kept)
    these = tuple(summand if isinstance(summand, Tensor) else None for summand, _ in kept)
    return BackwardCalled(place, words, given, lost=lost, opposed=opposed, terms=these)


class Mean(msgspec.Struct, frozen=True):
    """A mean of what a call of a model gave, with its sign in a loss."""

    sign: int
    output: Tensor
    run: Run


def _means(loss: Value) -> list[Mean]:
    """The means of outputs of models that a loss adds up, or subtracts."""
    found: list[Mean] = []
    pending: list[tuple[int, Value | None, Run | None, bool]] = [(1, loss, None, False)]
    budget = MOST_NODES
    while pending and budget:
        budget -= 1
        sign, value, outer, reduced = pending.pop()
        if not isinstance(value, Tensor):
            continue
        run = outer or value.run
        via = value.via
        op = via.op if via is not None else ""
        left, right = (via.arguments.get(name) for name in ("input", "other")) if via is not None else (None, None)
        if op in ("add", "sub"):
            pending += [(sign if op == "add" else -sign, right, None, reduced), (sign, left, None, reduced)]
        elif op in ("mul", "div") and (isinstance(left, Const | Number) or isinstance(right, Const | Number)):
            number, other = (left, right) if isinstance(left, Const | Number) else (right, left)
            pending.append((-sign if (number_of(number) or 0) < 0 else sign, other, None, reduced))
        elif op == "neg":
            pending.append((-sign, left, None, reduced))
        elif op in ("mean", "sum"):
            pending += [(sign, part, run, True) for part in parts(left)]
        elif op in ALONG and via is not None:
            pending.append((sign, operand(via), run, reduced))
        elif reduced and run is not None and value.grad == "attached":
            found.append(Mean(sign, value, run))
    return found


def _opposed(these: Sequence[Mean], before: Sequence[Mean]) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of outputs of two calls of one model whose means have opposite signs."""
    for number, one in enumerate(these):
        for other in (*before, *these[:number]):
            if one.run.model is other.run.model and one.sign != other.sign and one.output is not other.output:
                yield other.output.with_(run=other.run), one.output.with_(run=one.run)
