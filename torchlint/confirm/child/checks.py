"""One check for each type of claim: what a run looks for, and what it may conclude from it.

Definitions
    witness   one computation in which the claim is seen to hold, or its opposite: with the program's own weights
              and inputs in their range it is a ``witness``, with the last layer scaled a ``scaled witness``
    proof     what the interval interpreter says: it holds for all weights, on the path that was executed
    control   the same computation with only the thing mended that the claim is about; where that fails too, the failure
              is about something else

That something was not seen in samples proves nothing: a claim that there is a value outside a range is refuted by a
proof alone, and a claim that all values lie inside one is confirmed by a proof alone. Three claims about all weights
have no proof here where the interpreter does not know one: sums of 1, a number that stays the same, a gradient that
reaches nothing. They are confirmed by what is the same over seeds and scaled weights, and the grade says so.

Worked example: "the output leaves [0, 1]". A take with seed 0 gives values from -0.3 to 0.2: confirmed by a witness.
Had it given values from 0.1 to 0.7, the intervals would have been asked; the sigmoid at the end gives [0, 1] for all
weights: refuted by proof. Had there been an operation that the interpreter does not know, seven more seeds and a last
layer multiplied by -1 and by 100 would have been tried; still nothing outside: inconclusive.
"""

from __future__ import annotations

import copy
import math
import os
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import gradients
import losses
import pixels
import ranges
import samples
import torch
from replay import Bench, RaisedError, Take, UndecidedError
from verdicts import BEYOND, INF, Verdict, ends, tensor_of, undecided, verdict

#: Seeds that are tried before it is said that nothing was seen.
SEEDS = 8

#: What the last layer is multiplied by when its own initialisation shows nothing.
FLIPS = (-1.0, 100.0, -100.0)

#: The largest size of a square input that is tried where the program's own is not known.
LARGEST_SIZE = 320

#: Where files lie that are no project's: torch's, and those of torchlint that run here.
NOT_OF_PROJECTS = (os.path.dirname(torch.__file__), os.path.dirname(os.path.abspath(__file__)))

#: How far a sum of probabilities may be from 1.
NEAR_ONE = 1e-3


def takes(
    bench: Bench, flips: tuple[float, ...] = FLIPS, seeds: int = SEEDS
) -> Iterator[tuple[Take, str, dict[str, float]]]:
    """Computations to look for a witness in, with the grade that one has and the numbers that say how it was made."""
    for seed in range(seeds):
        yield Take(bench, seed), "witness", {"seed": seed}
    for flip in flips:
        for seed in range(2):
            yield Take(bench, seed, flip=flip), "scaled witness", {"seed": seed, "last_layer": flip}


class Proven:
    """What the interval interpreter says of a step: ends, kind, the last operation; `holds`: whether it proves them."""

    def __init__(self, bench: Bench, step: int, training: bool | None) -> None:
        plain = Take(bench, 0, training=training)
        plain.value(step)  # finds inputs, and builds models outside of the interpreter
        mode = ranges.RangeMode()
        take = Take(bench, 0, training=training, ranges=mode, models=plain.models)
        with torch.no_grad(), mode:
            value = tensor_of(take, step)
        self.value = value
        self.low, self.high = mode.interval(value)
        self.kind = mode.kind(value)
        self.operation = mode.last_operation(value)
        self.holds = not mode.value_dependent


def proven(bench: Bench, step: int) -> list[Proven]:
    """What is proven in the program's own mode and in the two others; nothing if one of them proves nothing."""
    found = []
    for training in (None, True, False):
        try:
            found.append(Proven(bench, step, training))
        except (RaisedError, UndecidedError):
            if training is None:
                raise
    return found if all(one.holds for one in found) else []


def bounds(check: dict[str, Any]) -> tuple[float, float]:
    """The ends of the range that a check names."""
    return -INF if check["low"] is None else check["low"], INF if check["high"] is None else check["high"]


def outside_range(check: dict[str, Any], bench: Bench) -> Verdict:
    """A witness confirms; a proof that the value stays inside refutes."""
    low, high = bounds(check)
    if not pixels.has_weights(bench):
        found = pixels.measured_range(check["value"], low, high, bench)
        return found if found["reason"] == "outside" else undecided("stayed", **found["numbers"])
    least, greatest, value = INF, -INF, None
    for number, (take, grade, how) in enumerate(takes(bench)):
        value = tensor_of(take, check["value"])
        bottom, top = ends(value)
        if bottom < low - BEYOND or top > high + BEYOND:
            return verdict("confirmed", grade, "outside", value, min=bottom, max=top, low=low, high=high, **how)
        least, greatest = min(least, bottom), max(greatest, top)
        if number == 0:
            proofs = proven(bench, check["value"])
            if proofs and all(ranges_within(one, low, high) for one in proofs):
                one = proofs[0]
                found = verdict("refuted", "proof", "bounded", value, low=one.low, high=one.high)
                return {**found, "operation": one.operation}
    return undecided("stayed", value, min=least, max=greatest, low=low, high=high)


def ranges_within(one: Proven, low: float, high: float) -> bool:
    """Whether what is proven lies in [low, high], up to rounding."""
    return one.low >= low - BEYOND and one.high <= high + BEYOND


def within_range(check: dict[str, Any], bench: Bench) -> Verdict:
    """A proof confirms, or, without weights, the measured range; a witness outside refutes."""
    if not pixels.has_weights(bench):
        measured = pixels.measured_range(check["value"], *bounds(check), bench)
        return {**measured, "outcome": "refuted"} if measured["reason"] == "outside" else measured
    found = outside_range(check, bench)
    if found["outcome"] == "confirmed":
        return {**found, "outcome": "refuted"}
    if found["outcome"] == "refuted":
        return {**found, "outcome": "confirmed", "reason": "inside"}
    return found


def normalised(check: dict[str, Any], bench: Bench) -> Verdict:
    """The interpreter's knowledge of a softmax confirms, and so do sums of 1 under scaled weights; others refute."""
    kind = "log_softmax" if check["log"] else "softmax"
    first = tensor_of(Take(bench, 0), check["value"])
    proofs = proven(bench, check["value"])
    classes = first.shape[1] if first.dim() > 1 else 0
    floor = math.log(1 + (classes - 1) / math.e) if classes > 1 else 0.0
    if proofs and all(
        one.kind is not None and one.kind[0] == kind and _same_dim(one.kind[1], check["dim"], first) for one in proofs
    ):
        found = verdict("confirmed", "proof", "normalised", first, classes=classes, floor=floor)
        return {**found, "operation": proofs[0].operation}
    dims = range(first.dim()) if check["dim"] is None else [check["dim"]]
    candidates = set(dims)
    value = first
    for take, grade, how in takes(bench, (10.0, 100.0), 3):
        value = tensor_of(take, check["value"]).detach().double()
        numbers = value.exp() if check["log"] else value
        kept = {dim for dim in candidates if _sums_to_one(numbers, dim)}
        if not kept or bool((numbers < -NEAR_ONE).any()):
            sums = numbers.sum(dim=next(iter(candidates), 0)) if numbers.dim() else numbers
            return verdict("refuted", grade, "not-normalised", value, sum=float(sums.flatten()[0]), **how)
        candidates = kept
    return verdict("confirmed", "scaled witness", "normalised", value, classes=classes, floor=floor)


def _same_dim(dim: int | None, wanted: int | None, value: Any) -> bool:
    return wanted is None or dim is None or dim % value.dim() == wanted % value.dim()


def _sums_to_one(numbers: Any, dim: int) -> bool:
    if not -numbers.dim() <= dim < numbers.dim() or numbers.shape[dim] < 2:
        return False
    sums = numbers.sum(dim=dim)
    return bool(torch.isfinite(sums).all()) and float((sums - 1).abs().max()) < NEAR_ONE


def loss_fails(check: dict[str, Any], bench: Bench) -> Verdict:
    """The loss's own exception or warning confirms, if the same call with only that mended goes through."""
    take = Take(bench, 0)
    given = tensor_of(take, check["input"])
    loss = losses.find(check["loss"])
    target = losses.target(check["loss"], bench.steps[check["target"]], given, take, check["target"])
    mended = losses.mended(check["loss"], check["about"], given, target, bench.steps[check["target"]], take)
    if mended is None:
        return undecided("unsupported")
    if losses.called(loss, given, mended)[0] != "ran":
        return undecided("forward", given)
    how, message = losses.called(loss, given, target)
    if how == "ran":
        return undecided("ran", given)
    reason = "broadcast" if how == "broadcast" else "raised"
    found = verdict("confirmed", "witness", reason, given, **_sizes("target", target))
    return {**found, "operation": "" if how == "broadcast" else how, "message": message}


def _sizes(name: str, tensor: Any) -> dict[str, float]:
    return {f"{name}_{axis}": float(size) for axis, size in enumerate(tensor.shape[:6])}


def constant(check: dict[str, Any], bench: Bench) -> Verdict:
    """The interpreter's interval of one point confirms; values that differ refute."""
    loss = None if check["loss"] is None else losses.find(check["loss"])
    seen: float | None = None
    value = None
    if loss is None:
        proofs = proven(bench, check["value"])
        if proofs and all(one.high - one.low <= BEYOND for one in proofs):
            return verdict("confirmed", "proof", "constant", proofs[0].value, constant=proofs[0].low)
    for take, grade, how in takes(bench):
        value = tensor_of(take, check["value"])
        if loss is not None:
            target = losses.target(check["loss"], bench.steps[check["target"]], value, take, check["target"])
            value = losses.judged(loss, value, target, check["value"])
        bottom, top = ends(value)
        seen = bottom if seen is None else seen
        if top - bottom > BEYOND or abs(bottom - seen) > BEYOND:
            return verdict("refuted", grade, "varies", value, min=min(bottom, seen), max=max(top, seen), **how)
    return verdict("confirmed", "measured", "constant", value, constant=0.0 if seen is None else seen, seeds=SEEDS)


def no_gradient(check: dict[str, Any], bench: Bench) -> Verdict:
    """That no parameter is reached under any seed confirms; a gradient that is not zero refutes."""
    parameters = 0
    for seed in range(3):
        take = Take(bench, seed, training=True)
        with torch.enable_grad():
            value = tensor_of(take, check["value"])
        weights = take.parameters()
        parameters = len(weights)
        if not weights:
            return undecided("no-model")
        if not value.requires_grad:
            return verdict("confirmed", "witness", "unreached", value, parameters=parameters)
        try:
            arrived = torch.autograd.grad(value.double().sum(), weights, allow_unused=True)
        except RuntimeError as error:
            raise RaisedError(check["value"], error) from error
        reached = [g for g in arrived if g is not None and bool((g != 0).any())]
        if reached:
            numbers = {"parameters": parameters, "reached": len(reached), "seed": seed}
            return verdict("refuted", "witness", "reached", value, **numbers)
    return verdict("confirmed", "measured", "unreached", None, parameters=parameters, seeds=3)


def samples_mix(check: dict[str, Any], bench: Bench) -> Verdict:
    """The first sample of the value changes when only other samples of the input are changed, in evaluation mode."""
    take = Take(bench, 0, training=False)
    with torch.no_grad():
        value = tensor_of(take, check["value"]).detach().clone()
        how = {"source": check["source"], "dim": check["dim"]}
        again = Take(bench, 0, training=False, models=take.models, others=True, **how)
        changed = tensor_of(again, check["value"])
        same = tensor_of(Take(bench, 0, training=False, models=take.models), check["value"])
    if value.dim() == 0 or value.shape != changed.shape:
        return undecided("unsupported", value)
    noise = float((value[0] - same[0]).double().abs().max())
    change = float((value[0] - changed[0]).double().abs().max())
    if noise > 0 or not math.isfinite(change):
        return undecided("unsupported", value)
    if change > 1e-6:
        return verdict("confirmed", "witness", "mixed", value, change=change)
    return undecided("separate", value)


def shapes_fail(check: dict[str, Any], bench: Bench) -> Verdict:
    """The exception confirms, at the sizes of the program's data or at every size there is up to a bound.

    It has to come from the line that the claim names; another one decides nothing.
    """
    node = bench.steps[check["value"]]
    # where the model itself is called there is no line of the project that could be named
    spot = {} if check["at"] == node.get("place") else bench.spot(check["at"])
    if node["type"] == "op":
        return _operation_fails(check, bench)
    if node["type"] != "called":
        raise UndecidedError("no-model")
    take = Take(bench, 0)
    given = [bench.steps[each] for each in node["inputs"]]
    if given and all(one["type"] == "data" and take.shape(one) is not None for one in given):
        try:
            value = take.called_with(check["value"], [take.shape(one) for one in given])
        except RaisedError as raised:
            if not isinstance(raised.error, (RuntimeError, ValueError)) or not comes_from(raised.error, spot):
                return {**undecided("forward"), "message": f"{type(raised.error).__name__}: {raised.error}"}
            found = verdict("confirmed", "witness", "raised")
            return {**found, "operation": type(raised.error).__name__, "message": str(raised.error)}
        return undecided("ran", value)
    return _fails_at_every_size(check["value"], given, take, spot)


def _operation_fails(check: dict[str, Any], bench: Bench) -> Verdict:
    """An operation outside of a model that raises an exception on data of known sizes confirms."""
    for node in bench.steps:
        if node["type"] == "data" and (node["shape"] is None or (samples.is_picture(node) and not node["mode"])):
            raise UndecidedError("unknown-step", "the shape of the data is not known")
    try:
        value = Take(bench, 0).value(check["value"])
    except RaisedError as raised:
        node = bench.steps[raised.step]
        named = check["at"] is None or node.get("place") == check["at"] or node.get("made") == check["at"]
        if raised.step != check["value"] or not named or not isinstance(raised.error, (RuntimeError, ValueError)):
            return undecided("forward")
        found = verdict("confirmed", "witness", "raised")
        return {**found, "operation": type(raised.error).__name__, "message": str(raised.error)}
    return undecided("ran", value)


def _fails_at_every_size(step: int, given: list[dict[str, Any]], take: Take, spot: dict[str, Any]) -> Verdict:
    if len(given) != 1:
        raise UndecidedError("no-input")
    built = take.model(take.bench.steps[step]["model"])
    described = given[0].get("shape") or [None] * 4
    first = next((m for m in built.model.modules() if isinstance(m, (torch.nn.Conv1d, torch.nn.Conv2d))), None)
    dims = 3 if isinstance(first, torch.nn.Conv1d) else 4
    channels = (
        described[1] if len(described) > 1 and isinstance(described[1], int) else getattr(first, "in_channels", 0)
    )
    if first is None or len(described) != dims or not channels:
        raise UndecidedError("no-input")
    meta = copy.deepcopy(built.model).to("meta")
    for size in range(1, LARGEST_SIZE + 1):
        try:
            with torch.no_grad():
                meta(torch.empty((2, channels, *[size] * (dims - 2)), device="meta"))
        except Exception:
            continue
        return undecided("ran")
    error: BaseException | None = None
    for size in (
        32,
        64,
        224,
        LARGEST_SIZE,
    ):  # what fails on meta tensors for a reason of theirs is none of the program's
        try:
            take.called_with(step, [[2, channels, *[size] * (dims - 2)]])
        except RaisedError as raised:
            error = raised.error
            if not isinstance(error, (RuntimeError, ValueError)) or not comes_from(error, spot):
                return undecided("forward")
            continue
        return undecided("ran")
    found = verdict("confirmed", "exhaustive", "raised", None, sizes=LARGEST_SIZE)
    return {**found, "operation": type(error).__name__, "message": str(error)}


def comes_from(error: BaseException, spot: dict[str, Any]) -> bool:
    """Whether an exception was raised in the line of a place, or in torch on its behalf.

    Without a place it must have been raised in torch alone: where it passed through a line of the project it may be
    about something else.
    """
    frames = [
        (frame.f_code.co_filename.replace("\\", "/"), row) for frame, row in traceback.walk_tb(error.__traceback__)
    ]
    if not spot:
        return all(name.startswith(NOT_OF_PROJECTS) for name, _ in frames)
    rows = [row for name, row in frames if name.endswith(spot["path"])]
    return bool(rows) and rows[-1] == spot["row"]


def gradients_add(check: dict[str, Any], bench: Bench) -> Verdict:
    """Two iterations of what the loop does: is the gradient at the second step that of its batch alone?

    What is differentiated is the mean of the model's output: that gradients add up does not depend on the loss.
    """
    calls = [step for step, node in enumerate(bench.steps) if node["type"] == "called"]
    step = calls[-1] if calls else check["value"]
    if step is None:
        raise UndecidedError("no-model")
    take = Take(bench, 0, training=False)
    first = tensor_of(take, step)
    other = Take(bench, 1, training=False, models=take.models, layers=take.layers)
    second = tensor_of(other, step)
    weights = take.parameters()
    if not weights or not first.requires_grad:
        raise UndecidedError("no-model")
    alone = _at_step(check["events"], [second], weights)
    at_step = _at_step(check["events"], [first, second], weights)
    pairs = [(a, b) for a, b in zip(at_step, alone, strict=False) if a is not None and b is not None]
    size = sum(float(b.double().pow(2).sum()) for _, b in pairs) ** 0.5
    gap = sum(float((a - b).double().pow(2).sum()) for a, b in pairs) ** 0.5
    if not pairs or size == 0:
        return undecided("unsupported")
    if gap > BEYOND * size:
        return verdict("confirmed", "witness", "added", None, gap=gap, size=size)
    return verdict("refuted", "witness", "cleared", None, gap=gap, size=size)


def _at_step(events: list[str], outputs: list[Any], weights: list[Any]) -> list[Any]:
    """The gradients that the last step uses of iterations over these outputs, from none on."""
    for weight in weights:
        weight.grad = None
    seen: list[Any] = []
    for value in outputs:
        for event in events:
            if event == "zero_grad":
                for weight in weights:
                    weight.grad = None
            elif event == "backward":
                value.double().mean().backward(retain_graph=True)
            elif event == "step":
                seen = [None if weight.grad is None else weight.grad.clone() for weight in weights]
    return seen


def train_eval_differs(check: dict[str, Any], bench: Bench) -> Verdict:
    """Two calls in evaluation mode on the same input that differ confirm; it never refutes."""
    node = bench.steps[check["value"]]
    if node["type"] != "called":
        raise UndecidedError("no-model")
    take = Take(bench, 0, training=False)
    with torch.no_grad():
        one = tensor_of(take, check["value"])
        torch.manual_seed(1)
        other = tensor_of(Take(bench, 0, training=False, models=take.models), check["value"])
    if one.shape != other.shape:
        return undecided("unsupported", one)
    change = float((one.double() - other.double()).abs().max()) if one.numel() else 0.0
    if change > BEYOND:
        return verdict("confirmed", "witness", "differs", one, change=change)
    return undecided("same", one)


def single_value(check: dict[str, Any], bench: Bench) -> Verdict:
    """torch's refusal to take statistics over one value confirms."""
    step = check["value"]
    take = Take(bench, 0, training=True)
    take.value(step)
    if step not in bench.fed:
        raise UndecidedError("no-input")
    model = take.model(bench.steps[step]["model"]).model
    one = [given[:1] if isinstance(given, torch.Tensor) else given for given in bench.fed[step].tensors]
    try:
        model(*one)
    except ValueError as error:
        if "more than 1 value per channel" in str(error):
            return {**verdict("confirmed", "witness", "raised"), "operation": "ValueError", "message": str(error)}
        raise RaisedError(step, error) from error
    except Exception as error:
        raise RaisedError(step, error) from error
    return undecided("ran")


def unregistered(check: dict[str, Any], bench: Bench) -> Verdict:
    """Parameters that the attributes hold and the model does not list confirm; that it lists all refutes."""
    model = bench.built(check["model"], 0).model
    listed = {id(parameter) for parameter in model.parameters()}
    held = {id(one): one for name in check["names"] for one in _parameters_in(getattr(model, name, None))}
    if not held:
        raise UndecidedError("unsupported")
    missing = sum(number not in listed for number in held)
    if missing:
        return verdict("confirmed", "witness", "unregistered", None, count=missing, parameters=len(listed))
    return verdict("refuted", "witness", "registered", None, count=len(held), parameters=len(listed))


def _parameters_in(value: Any, depth: int = 4) -> list[Any]:
    """The parameters in a module, or in lists and dicts of them."""
    if isinstance(value, torch.nn.Parameter):
        return [value]
    if isinstance(value, torch.nn.Module):
        return list(value.parameters())
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and depth:
        return [one for item in value for one in _parameters_in(item, depth - 1)]
    return []


def non_finite(check: dict[str, Any], bench: Bench) -> Verdict:
    """An infinite value, or one that is not a number, confirms."""
    value = None
    for take, grade, how in takes(bench):
        value = tensor_of(take, check["value"])
        bad = int((~torch.isfinite(value.double())).sum())
        if bad:
            return verdict("confirmed", grade, "non-finite", value, count=bad, **how)
    return undecided("finite", value)


def unnormalised(check: dict[str, Any], bench: Bench) -> Verdict:
    """Sums other than 1 confirm; the interpreter's knowledge of a softmax along that dimension refutes."""
    found = normalised(check, bench)
    if found["outcome"] == "refuted" and found["grade"] != "none":
        return {**found, "outcome": "confirmed"}
    if found["grade"] == "proof":
        return {**found, "outcome": "refuted"}
    return {**found, "outcome": "inconclusive", "grade": "none"}


def size_is_one(check: dict[str, Any], bench: Bench) -> Verdict:
    """The size of the tensor decides."""
    value = tensor_of(Take(bench, 0), check["value"])
    if not -value.dim() <= check["dim"] < value.dim():
        raise UndecidedError("unsupported")
    if value.shape[check["dim"]] == 1:
        return verdict("confirmed", "witness", "size-one", value, dim=check["dim"])
    return verdict("refuted", "witness", "size-more", value, dim=check["dim"], size=value.shape[check["dim"]])


def single_number(check: dict[str, Any], bench: Bench) -> Verdict:
    """The number of dimensions decides."""
    value = tensor_of(Take(bench, 0), check["value"])
    if value.dim() == 0:
        return verdict("confirmed", "witness", "one-number", value)
    return verdict("refuted", "witness", "more-numbers", value, count=value.numel())


def gradient_ratio(check: dict[str, Any], bench: Bench) -> Verdict:
    """How the gradient changes from the last layer to the first, over three initialisations.

    That it is steady is said of the initial weights only.
    """
    call = next((step for step, node in enumerate(bench.steps) if node["type"] == "called"), None)
    if call is None:
        raise UndecidedError("no-model")
    take = Take(bench, 0, training=True)
    take.value(call)
    inputs = tuple(bench.fed[call].tensors) if call in bench.fed else ()
    if not inputs:
        raise UndecidedError("no-input")
    flow = gradients.flow(lambda: bench.built(check["model"], torch.initial_seed() % 1000).model, inputs)
    said = gradients.judge(flow)
    ratio = flow.log_ratios[0] if flow.log_ratios else 0.0
    if said in ("vanishing", "exploding"):
        return verdict("confirmed", "measured", said, None, ratio=ratio, seeds=flow.seeds)
    if said == "non-finite":
        return verdict("confirmed", "measured", "non-finite", None, count=1, seeds=flow.seeds)
    if said == "healthy":
        return verdict("refuted", "measured", "steady", None, ratio=ratio, seeds=flow.seeds)
    return undecided("unsupported", None, ratio=ratio)


CHECKS: dict[str, Callable[[dict[str, Any], Bench], Verdict]] = {
    "outside-range": outside_range,
    "within-range": within_range,
    "normalised": normalised,
    "unnormalised": unnormalised,
    "size-is-one": size_is_one,
    "single-number": single_number,
    "loss-fails": loss_fails,
    "constant": constant,
    "no-gradient": no_gradient,
    "samples-mix": samples_mix,
    "shapes-fail": shapes_fail,
    "wraps": pixels.wraps,
    "new-values": pixels.new_values,
    "pixels-differ": pixels.pixels_differ,
    "axes-mixed": pixels.axes_mixed,
    "gradients-add": gradients_add,
    "gradient-ratio": gradient_ratio,
    "train-eval-differs": train_eval_differs,
    "single-value": single_value,
    "unregistered": unregistered,
    "non-finite": non_finite,
}
