"""TL118: the last activation of a model cannot give what its output is held against."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import (
    CriticCalled,
    Interval,
    LossCalled,
    Place,
    Tensor,
    claims,
    computed_by_model,
    core,
    ending,
    reached,
    same_core,
    trail,
)
from torchlint.rule import Finding, Severity, rule

#: Ends that differ by less than this part of the target's width are the same.
SLACK = 0.02
#: A sigmoid of scores within these ends stays far from 0 and from 1.
WEAK = 2.0


def _claim(fact: LossCalled | CriticCalled) -> claims.Claimed | None:
    """That the output stays where it cannot reach what it is held against."""
    if isinstance(fact, CriticCalled):
        if not _comparable(fact.data, fact.made):
            return None
        return _claim_of_range(fact.made, fact.data.range, fact.data, None)
    if fact.takes == "value" and fact.wants == "value" and fact.written_at is None:
        output, target, at = fact.input, fact.target, fact.input_at
        if output is not None and target is not None and not _computed(output) and _computed(target):
            output, target, at = target, output, fact.target_at
        if output is None or target is None or not _computed(output) or not _is_aim(fact, output, target):
            return None
        return _claim_of_range(output, reached(target), target, at)
    if fact.takes == "logits" and fact.applies and not fact.turned:
        return _claim_of_scores(fact)
    return None


def _claim_of_range(output: Tensor, aim: Interval | None, target: Tensor, at: Place | None) -> claims.Claimed | None:
    """That an output lacks a part of the range of its target, or has a half that no target uses."""
    if aim is None or not aim.tight or aim.low == aim.high:
        return None
    head = _head(output)
    if head is not None and (why := _mismatch(head, aim, target)) is not None:
        if why.startswith("only"):
            return claims.within_range(output, *_ends(head), at)
        return claims.outside_range(output, 0.0, 1.0, at)
    if aim.unbounded or aim.low >= 0.0:
        return None  # nothing below 0 is asked for, and a model that has seen nothing may stay above the least value
    return claims.within_range(output, aim.low + 2.0 * SLACK * (aim.high - aim.low), None, at)


def _ends(head: Interval) -> tuple[float | None, float | None]:
    low, high = (None if abs(end) == float("inf") else end for end in (head.low, head.high))
    return low, high


def _claim_of_scores(call: LossCalled) -> claims.Claimed | None:
    """That scores are bounded before an activation, or never negative before a sigmoid."""
    given = call.input
    if given is None or not _computed(given) or given.meaning is None:
        return None
    if given.meaning.kind not in ("activation", "logits"):
        return None
    head = _head(given)
    if head is not None and max(abs(head.low), abs(head.high)) <= WEAK:
        return claims.within_range(given, -WEAK, WEAK, call.input_at)
    if call.applies != "sigmoid":
        return claims.within_range(given, -WEAK, WEAK, call.input_at)
    negative = head is not None and head.high <= 0.0
    return claims.within_range(given, None if negative else 0.0, 0.0 if negative else None, call.input_at)


@rule(code="TL118", name="head-range-mismatch", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def head_range_mismatch(fact: LossCalled | CriticCalled) -> Iterator[Finding]:
    """What is known of an output's range rules out values that it is to take, or half of its range is of no use."""
    if isinstance(fact, CriticCalled):
        yield from _against_data(fact)
    elif fact.takes == "value" and fact.wants == "value" and fact.written_at is None:
        yield from _against_target(fact)
    elif fact.takes == "logits" and fact.applies and not fact.turned:
        yield from _before_activation(fact)


# --- a regression ------------------------------------------------------------------------------------------------


def _against_target(call: LossCalled) -> Iterator[Finding]:
    output, target = call.input, call.target
    names = (call.input_text, call.target_text)
    if output is not None and target is not None and not _computed(output) and _computed(target):
        output, target, names = target, output, (names[1], names[0])  # a regression does not mind the order
    if output is None or target is None or not _computed(output) or not _is_aim(call, output, target):
        return
    head, aim = _head(output), reached(target)
    if head is None or aim is None or (why := _mismatch(head, aim, target)) is None:
        return
    wanted = f"`{names[1]}`" if names[1] else "the target"
    given = f"`{names[0]}`" if names[0] else "the output"
    yield Finding(
        call.place if head.high < float("inf") else _place(call, output),
        f"`{call.loss}` pulls {given} towards {wanted}, {_described(target, aim)}, but {_last(output)} gives "
        f"{why}; {_cure(head, aim)}",
        trail=trail(output),
    )


def _computed(tensor: Tensor) -> bool:
    return tensor.run is not None or tensor.grad == "attached"


def _is_aim(call: LossCalled, output: Tensor, target: Tensor) -> bool:
    """Whether the target is what the model is really to give, not a network's output or random numbers in a test."""
    if computed_by_model(target):
        return False
    kind = target.meaning.kind if target.meaning is not None else ""
    if kind == "class-index":
        return False
    if kind != "noise":
        return kind != "loss"
    inputs = output.run.inputs if output.run is not None else ()
    return call.trained and (_from_loader(target) or not any(same_core(target, value) for value in inputs))


def _from_loader(tensor: Tensor) -> bool:
    """Whether it is a batch, of a size that has a name: random numbers that stand for a whole data set."""
    return bool(tensor.shape) and tensor.shape is not None and not isinstance(tensor.shape[0], int | None)


def _head(output: Tensor) -> Interval | None:
    """The range that the last activation leaves, if it leaves less than everything."""
    found = output.range
    return None if found is None or not found.tight or found.unbounded else found


def _mismatch(head: Interval, aim: Interval, target: Tensor) -> str | None:
    """What the head gives, where that is not what it is to give."""
    width = aim.high - aim.low
    slack = SLACK * width if width < float("inf") else 0.0
    if aim.low < head.low - slack or aim.high > head.high + slack:
        return f"only {head}"
    if _is_tanh(head) and _is_unit(aim) and _is_continuous(target):
        return f"{head}, half of which no target uses"
    return None


def _is_tanh(head: Interval) -> bool:
    return abs(head.low + 1.0) < SLACK and abs(head.high - 1.0) < SLACK


def _is_unit(aim: Interval) -> bool:
    return aim.low == 0.0 and abs(aim.high - 1.0) < SLACK


def _is_continuous(target: Tensor) -> bool:
    """Whether a target in [0, 1] is a picture, or was scaled to that range, and is no mask of zeros and ones."""
    kind = target.meaning.kind if target.meaning is not None else ""
    return kind in ("", "image") or (kind == "noise" and _from_loader(target))


# --- a critic ----------------------------------------------------------------------------------------------------


def _against_data(call: CriticCalled) -> Iterator[Finding]:
    data, made = call.data, call.made
    head, aim = _head(made), data.range
    if head is None or aim is None or not aim.tight or not _comparable(data, made):
        return
    why = _mismatch(head, aim, data)
    if why is None:
        return
    steps = trail(data)
    kind = data.meaning.kind if data.meaning is not None else ""
    things = "images" if kind == "image" else "samples"
    yield Finding(
        steps[-1].place if steps else call.place,
        f"`{call.critic}` is given real {things} in {aim} and those of `{call.generator}`, whose last activation "
        f"{_last(made)} gives {why}, so that it can tell them apart by their range; {_cure(head, aim, critic=True)}",
        trail=trail(made),
    )


def _comparable(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors may be of the same kind: as far as known, they have as many dimensions and channels."""
    if a.shape is None or b.shape is None:
        return True
    if len(a.shape) != len(b.shape):
        return False
    first, second = (shape[1] if len(shape) > 1 else None for shape in (a.shape, b.shape))
    return first == second or not (isinstance(first, int) and isinstance(second, int))


# --- a loss that applies an activation itself --------------------------------------------------------------------


def _before_activation(call: LossCalled) -> Iterator[Finding]:
    given = call.input
    head = _head(given) if given is not None else None
    if given is None or head is None or not _computed(given):
        return
    if given.meaning is None or given.meaning.kind != "activation":
        return
    bounded = max(abs(head.low), abs(head.high)) <= WEAK
    one_sided = call.applies == "sigmoid" and (head.low >= 0.0 or head.high <= 0.0)
    if not bounded and not one_sided:
        return
    if bounded and call.applies == "softmax":
        consequence = "its softmax can be sure of no class"
    elif bounded:
        consequence = "its sigmoid stays far from 0 and 1"
    else:
        consequence = f"its sigmoid is never {'below' if head.low >= 0.0 else 'above'} 0.5"
    yield Finding(
        _place(call, given),
        f"`{call.loss}` applies {call.applies} itself and takes raw scores, but {_last(given)} gives {call.given_text} "
        f"only {head}: {consequence}; leave the activation off",
        trail=trail(given),
    )


def _place(call: LossCalled, output: Tensor) -> Place:
    """Where an activation stands that should not be there at all; the call of the loss if that is not known."""
    last = ending(output)
    return last.place if last is not None else call.place


# --- words -------------------------------------------------------------------------------------------------------


def _last(output: Tensor) -> str:
    inner = core(output)
    text = inner.via.text if isinstance(inner, Tensor) and inner.via is not None else ""
    return f"`{text}`" if text and "`" not in text else "the last activation"


def _described(target: Tensor, aim: Interval) -> str:
    kind = target.meaning.kind if target.meaning is not None else ""
    if kind == "standardized":
        return "which is standardised and has no bounds"
    extent = "has no bounds" if aim.unbounded else f"ranges over {aim}"
    if target.meaning is not None and target.meaning.normalized:
        return f"a normalised image that {extent}"
    return f"which {extent}"


def _cure(head: Interval, aim: Interval, *, critic: bool = False) -> str:
    if _is_tanh(head) and _is_unit(aim):
        data = "the images" if critic else "the target"
        return f"end in a sigmoid, or bring {data} to [−1, 1] by `2 * x - 1`"
    if critic:
        return f"normalise the data to {head}, such as by `Normalize(0.5, 0.5)`" if _is_tanh(head) else (
            "bring the data to the range of the generator"
        )  # fmt: skip
    if head.low == 0.0 and head.high == 1.0 and aim.low == -1.0 and aim.high == 1.0:
        return "end in tanh, or bring the target to [0, 1]"
    if aim.high - aim.low < float("inf"):
        return "leave the last activation off, or bring the target to its range"
    return "leave the last activation off"
