"""Which calls of losses were followed back to the last operation of a model, and why the others were not.

Every call of a library loss counts that can be seen in the linted code (`facts.mentions`), reached or not. It is
followed if, on one way of the program at least, what it is given as prediction is a tensor that depends on parameters
or that a model's call gave, and whose range or meaning is known. Where the input is data, that is the target: people
write ``mse_loss(noise, predicted)``.
"""

from __future__ import annotations

from torchlint.facts.computation import options
from torchlint.facts.mentions import Mention, mentions
from torchlint.flow.calls import PASSED_BY_NOTHING
from torchlint.flow.events import LossEvent
from torchlint.flow.machine import Machine
from torchlint.flow.values import Origin, Place, Tensor, Unknown, Value
from torchlint.syntax import ir

NOTHING = "nothing is known of the input"


def loss_calls(m: Machine) -> dict[Place, str]:
    """Why each call of a loss was not followed; an empty text where it was."""
    stands = {mention.place: mention for mention in mentions(m)}
    found: dict[Place, str] = {}
    for event in m.events:
        if isinstance(event, LossEvent):
            reason = _unfollowed(event, stands.get(event.place))
            if not reason or found.get(event.place, NOTHING) == NOTHING:
                found[event.place] = reason
    for place, mention in stands.items():
        if place not in found:
            found[place] = _unreached(m, mention)
    return found


def _unfollowed(event: LossEvent, mention: Mention | None) -> str:
    """Why a loss that was called was not followed; empty if it was."""
    given = event.arguments["input"]
    tensors = [t for _, t in options(given, event.guard)]
    if any(_followed(t) for t in tensors):
        return ""
    if all(t is not None and t.grad == "detached" for t in tensors):
        if any(_followed(t) for _, t in options(event.arguments["target"], event.guard)):
            return ""
        return "the input is data, and so is the target as far as is known"
    origin = next((o for v in (*tensors, given) if v is not None and (o := _origin(v)) is not None), None)
    if origin is not None:
        return _of(origin, mention)
    for tensor in tensors:
        if tensor is None:
            continue
        if tensor.meaning is not None or tensor.range is not None:
            return "the input is a tensor that no model gave"
        if tensor.via is None:
            return "several tensors that differ are joined to one before the loss"
        return f"what `{tensor.via.op}` makes of the model's output is not known"
    return NOTHING


def _followed(tensor: Tensor | None) -> bool:
    if tensor is None or (tensor.meaning is None and tensor.range is None):
        return False
    evaluated = tensor.via is not None and tensor.via.op == "no_grad"
    return tensor.grad == "attached" or tensor.run is not None or evaluated


def _origin(value: Value) -> Origin | None:
    """Why a value is not known, by the first thing in its history that says so."""
    pending, budget = [value], 200
    while pending and budget:
        budget -= 1
        one = pending.pop(0)
        if isinstance(one, Unknown) and one.origin is not None:
            return one.origin
        if isinstance(one, (Unknown, Tensor)) and one.via is not None:
            pending.extend(one.via.arguments.values())
    return None


def _of(origin: Origin, mention: Mention | None) -> str:
    if origin == PASSED_BY_NOTHING and mention is not None and _is_loss(mention):
        return "a loss of the project's own makes the call, and nothing gives it a model's output"
    return f"the {'model' if origin.called else 'prediction'} {origin.reason}"


def _is_loss(mention: Mention) -> bool:
    """Whether a call stands in what must itself be called with a prediction: a function, or a module's ``forward``."""
    node = mention.scope.node
    return isinstance(node, ir.FunctionDef) and (mention.scope.cls is None or node.name in ("forward", "__call__"))


def _unreached(m: Machine, mention: Mention) -> str:
    """Why a call of a loss was never reached, or not known to be one."""
    node = mention.scope.node
    if mention.place in m.blind:
        return "the loss is not known where it is called"
    if isinstance(node, ir.FunctionDef) and id(node) not in m.entered:
        if m.refused:
            return "the budget was used up before its function had its turn"
        return "its function was never called"
    if id(node) in m.spent:
        return "the budget of its function was used up before it was reached"
    return "no way of the program, as it is set up, leads to it"


__all__ = ["loss_calls"]
