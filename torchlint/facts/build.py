"""From what the interpreter saw to facts: events are grouped, alternatives are opened, loops are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec

from torchlint.facts.base import Occurrence
from torchlint.facts.channels import fault
from torchlint.facts.computation import alternatives, core, given_as_data, head, options, origins
from torchlint.facts.critics import critics
from torchlint.facts.data import TransformApplied
from torchlint.facts.distributions import distributions
from torchlint.facts.endings import Endings
from torchlint.facts.fed import layers_fed
from torchlint.facts.fit import Form
from torchlint.facts.flattens import features, rows_made
from torchlint.facts.formulas import formula
from torchlint.facts.gradients import backward_passes
from torchlint.facts.losses import LossCalled
from torchlint.facts.modules import LayerCalled, ModelCalled
from torchlint.facts.operations import (
    operations,
    pictures,
    written_losses,
)
from torchlint.facts.pairs import pairs
from torchlint.facts.phases import comparisons, evaluations, feedings, unlike
from torchlint.facts.pixels import step_of
from torchlint.facts.refusals import refusals
from torchlint.facts.reshapes import reshapes
from torchlint.facts.stacks import stacks
from torchlint.facts.starts import starts
from torchlint.facts.statistics import images_rescaled
from torchlint.facts.training import TrainingEvent, TrainingIteration
from torchlint.facts.usage import usage
from torchlint.facts.weightings import weighted_losses
from torchlint.facts.windows import windows
from torchlint.facts.wrapping import computed_bytes
from torchlint.flow.events import (
    Event,
    LayerEvent,
    LoopEvent,
    LossEvent,
    OpEvent,
    RunEvent,
    SinkEvent,
    StepEvent,
    TransformEvent,
)
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import Const, Guard, Number, Object, Place, Run, Tensor, Value
from torchlint.flow.weights import is_loaded
from torchlint.syntax import ir

#: Combinations of alternatives of one call that are looked at; beyond them the call says nothing.
MOST_COMBINATIONS = 32

CLASSIFICATION = frozenset(
    {"cross-entropy", "nll", "bce", "bce-with-logits", "dice", "focal", "multilabel-soft-margin"}
)


#: Losses whose targets are class ids, or that are looked up by them.
CLASS_IDS = frozenset({"cross-entropy", "nll"})


def loss_facts(event: LossEvent, company: Company) -> tuple[LossCalled, ...]:
    """Every combination of input and target that can meet at this call."""
    facts: list[LossCalled] = []
    names = event.arguments
    row = event.row
    form = Form(row.target_dtype, row.same_shape, row.broadcasts, row.per_class, row.target_distribution)
    settings, undecided = _settings({**names, "reduction": event.reduction})
    for guard, value in alternatives(names["input"], event.guard):
        given = value if isinstance(value, Tensor) else None
        for both, target in options(names["target"], guard):
            facts.append(
                LossCalled(
                    event.place,
                    spell_guard(both),
                    event.name.rsplit(".", 1)[-1],
                    event.family,
                    given,
                    target,
                    event.input_text,
                    event.target_text,
                    event.takes,
                    event.applies,
                    event.wants,
                    event.spelled_at,
                    *event.arguments_at,
                    alone=company.alone(event),
                    settled=company.settled(event),
                    read_as_probability=head(given) in company.read,
                    settings=settings,
                    undecided=undecided,
                    configured_at=event.configured_at,
                    settings_at=event.settings_at,
                    rescaled=id(event.result) in company.rescaled,
                    autocast=event.autocast,
                    ending=company.endings.of(given, event.takes),
                    form=form,
                    trained=isinstance(event.result, Tensor) and id(event.result.via) in company.trained,
                    data_given=given_as_data(value),
                    taught=event.taught,
                    caught=event.caught,
                )
            )
    return tuple(facts) if len(facts) <= MOST_COMBINATIONS else ()


def _settings(arguments: Mapping[str, Value]) -> tuple[dict[str, str | float | bool | None], frozenset[str]]:
    """The arguments of a loss beside its input and target: those that are constants, and the names of the others."""
    known: dict[str, str | float | bool | None] = {}
    others: set[str] = set()
    for name, value in arguments.items():
        if name in ("input", "target"):
            continue
        if isinstance(value, Const) and (value.value is None or isinstance(value.value, str | int | float | bool)):
            known[name] = value.value
        else:
            others.add(name)
    return known, frozenset(others)


class Company(msgspec.Struct, frozen=True):
    """What else is done with losses and heads: the meanings that meet the losses made at a place, or (with what they
    take) called at one, the heads whose values are read as probabilities, the identities of losses that are multiplied
    or divided by a size, what the last operations serve, and the identities of the operations that a backward pass goes
    through."""

    meanings: dict[Place, set[str | None]]
    meetings: dict[Place, set[tuple[str, str | None]]]
    read: frozenset[object]
    rescaled: frozenset[int]
    endings: Endings
    trained: frozenset[int]

    def alone(self, event: LossEvent) -> bool:
        """Whether all calls of losses made in the same place are given values of one known meaning."""
        found = self.meanings.get(event.spelled_at, set()) if event.spelled_at is not None else set()
        return len(found) == 1 and None not in found

    def settled(self, event: LossEvent) -> bool:
        """Whether all losses called in the same place take the same, and are given values of one known meaning."""
        found = self.meetings.get(event.place, set())
        return len(found) == 1 and all(kind is not None for _, kind in found)


def company(events: Sequence[Event]) -> Company:
    """Read off all losses and operations of a run."""
    meanings: dict[Place, set[str | None]] = defaultdict(set)
    meetings: dict[Place, set[tuple[str, str | None]]] = defaultdict(set)
    formulas = [one for event in events if isinstance(event, OpEvent) and (one := formula(event)) is not None]
    read: set[object] = {head(one.prediction) for one in formulas}
    rescaled: set[int] = set()
    for event in events:
        if isinstance(event, OpEvent) and event.via.op in RESCALING:
            if any(isinstance(argument, Number) for argument in event.via.arguments.values()):
                rescaled.add(id(core(event.input)))
        if isinstance(event, LossEvent):
            for _, given in options(event.arguments["input"], event.guard):
                kind = given.meaning.kind if given is not None and given.meaning is not None else None
                meetings[event.place].add((event.takes, kind))
                if event.spelled_at is not None:
                    meanings[event.spelled_at].add(kind)
                if event.takes == "probability" and event.family != "bce":
                    read.add(head(given))
        elif isinstance(event, SinkEvent) or (isinstance(event, OpEvent) and event.via.op in READINGS):
            read.add(head(event.input))
    passes = [event.subject for event in events if isinstance(event, StepEvent) and event.kind == "backward"]
    endings = Endings(events, formulas)
    return Company(meanings, meetings, frozenset(read - {None}), frozenset(rescaled), endings, origins(passes))


#: Operations that make sense on probabilities or their logarithms, and are to be changed with what they are given.
READINGS = frozenset({"gt", "ge", "lt", "le", "round", "exp"})
RESCALING = frozenset({"mul", "div"})


def _losses(events: Sequence[Event]) -> Iterable[Occurrence]:
    others = company(events)
    seen: set[object] = set()
    chosen: dict[tuple[Place, int], list[tuple[LossCalled, ...]]] = {}
    for event in events:
        if isinstance(event, LossEvent):
            facts = loss_facts(event, others)
            key = tuple((f.place, f.loss, id(f.input), id(f.target), f.guard) for f in facts)
            if facts and event.call:
                chosen.setdefault((event.place, event.call), []).append(facts)
            elif facts and key not in seen:
                seen.add(key)
                yield Occurrence((facts,))
    for variants in chosen.values():
        yield Occurrence(tuple(variants))


def _task(event: LossEvent, given: Tensor, target: Tensor | None) -> str:
    """What a model is trained for, by a loss that its output meets."""
    taught = event.taught and event.takes in ("logits", "probability", "log-probability")
    if event.family not in CLASSIFICATION and not taught:
        return "generative" if target is not None and target.meaning and target.meaning.kind == "image" else ""
    if target is not None:
        if (_constant(target) and event.family not in CLASS_IDS) or _picture(target, given):
            return "generative"
    elif event.family.startswith("bce"):
        return ""
    return "segmenter" if given.shape is not None and len(given.shape) == 4 else "classifier"


def _constant(target: Tensor) -> bool:
    return target.range is not None and target.range.low == target.range.high


def _picture(target: Tensor, given: Tensor) -> bool:
    """Whether the target is a picture like that which the model was given, and no mask that was read from a file."""
    if target.meaning is None or target.meaning.kind != "image" or (target.dtype or "").startswith(("int", "uint")):
        return False
    image = given.run.image if given.run is not None else None
    mode = image.meaning.mode if image is not None and image.meaning is not None else ""
    return not (target.meaning.mode == "L" and mode in ("RGB", "BGR"))


def _judges(event: RunEvent) -> bool:
    """Whether a model is given what another model made, and no picture that was only moved about."""
    return any(
        isinstance(given, Tensor)
        and given.run is not None
        and given.run.model is not event.run.model
        and (given.meaning is None or given.meaning.kind != "image")
        for given in event.run.inputs
    )


def _models(events: Sequence[Event], unlike: frozenset[Place]) -> Iterable[Occurrence]:
    tasks: dict[tuple[Place, int], set[str]] = defaultdict(set)
    calls: dict[tuple[Place, int], tuple[Tensor, Guard]] = {}
    for event in events:
        if not isinstance(event, LossEvent):
            continue
        targets = options(event.arguments["target"], event.guard)
        for guard, given in options(event.arguments["input"], event.guard):
            run = given.run if given is not None else None
            if given is None or run is None or run.image is None:
                continue
            key = (run.place, id(run.model))
            calls.setdefault(key, (given, guard))
            # several constants are labels that depend on something
            several = len({t.range for _, t in targets if t is not None and _constant(t)}) > 1
            kept = [t for _, t in targets if not (several and t is not None and _constant(t))]
            tasks[key].update(_task(event, given, target) for target in kept or [Tensor()])
    runs = {key: (given.run, guard) for key, (given, guard) in calls.items()}
    for event in events:
        if isinstance(event, RunEvent) and event.run.image is not None:
            runs.setdefault((event.run.place, id(event.run.model)), (event.run, event.guard))
    judged = {id(event.run.model) for event in events if isinstance(event, RunEvent) and _judges(event)}
    for key, (run, guard) in runs.items():
        assert run is not None and run.image is not None
        found = tasks[key] | ({"generative"} if id(run.model) in judged else set())
        task = "generative" if "generative" in found else next(iter(sorted(found - {""})), "")
        yield Occurrence(((_model(run, run.image, guard, task, run.place in unlike),),))


def _model(run: Run, image: Tensor, guard: Guard, task: str, unlike: bool) -> ModelCalled:
    words = spell_guard(guard)
    mode = run.channels, run.training, run.graded
    found = None if run.channels is None else fault(image, run.channels)
    loaded = is_loaded(run.model), run.filled
    return ModelCalled(run.place, words, run.name, run.weights, image, task, *mode, unlike, found, *loaded, run)


def _layers(events: Sequence[Event]) -> Iterable[Occurrence]:
    groups: dict[tuple[Place, int], list[LayerEvent]] = {}
    runs = {event.run.number: event.run for event in events if isinstance(event, RunEvent)}
    for event in events:
        if isinstance(event, LayerEvent) and not event.caught:
            groups.setdefault((event.place, event.call), []).append(event)
    given: dict[Place, set[int | None]] = defaultdict(set)
    for event in events:
        if isinstance(event, LayerEvent) and event.layer.made is not None:
            given[event.layer.made].add(event.given)
    for group in groups.values():
        facts = tuple(_layer(e, e.expected, runs.get(e.run), given) for e in group if e.expected is not None)
        wrong = any(fact.given not in (None, fact.expected) or fact.fault is not None for fact in facts)
        if wrong and len(facts) == len(group):
            yield Occurrence((facts,))


def _layer(e: LayerEvent, expected: int, run: Run | None, given: Mapping[Place, set[int | None]]) -> LayerCalled:
    made, short = e.layer.made or e.place, e.layer.short
    found = fault(e.input, expected) if short == "Conv2d" else None
    flattened = features(e.input) if e.parameter == "in_features" else ()
    number = _number(e) if given.get(made) == {e.given} else None
    return LayerCalled(
        e.place, spell_guard(e.guard), short, made, e.parameter, expected, e.given, e.input, found, run, e.text,
        flattened, number,
    )  # fmt: skip


def _number(e: LayerEvent) -> Place | None:
    """Where the number is written that a layer expects, and nothing else follows from: a literal, or several that are
    multiplied."""
    node = e.layer.attrs.get("node")
    if e.layer.made is None or not isinstance(node, ir.Call) or e.layer.arguments.get("groups", Const(1)) != Const(1):
        return None
    first = node.args[0] if node.args else None
    written = next((k.value for k in node.keywords if k.name == e.parameter), first)
    return Place(e.layer.made.path, written.n) if written is not None and _is_literal(written) else None


def _is_literal(node: ir.Expr) -> bool:
    if isinstance(node, ir.BinOp):
        return _is_literal(node.left) and _is_literal(node.right)
    return isinstance(node, ir.Const) and type(node.value) is int


def _transforms(events: Sequence[Event]) -> Iterable[Occurrence]:
    groups: dict[tuple[Place, Place, int], list[TransformEvent]] = {}
    for event in events:
        if isinstance(event, TransformEvent):
            groups.setdefault((event.place, event.made, event.call), []).append(event)
    for group in groups.values():
        facts = tuple(
            TransformApplied(
                e.made, spell_guard(e.guard), e.transform, e.made, e.input, step_of(e.via), e.full.rpartition(".")[0]
            )
            for e in group
        )
        yield Occurrence((facts,))


# --- training iterations -----------------------------------------------------------------------------------------


def _iterations(events: Sequence[Event]) -> Iterable[Occurrence]:
    seen: set[Place] = set()
    for event in events:
        if isinstance(event, LoopEvent):
            for fact in _iteration(event):
                if fact.place not in seen or fact.cleared or fact.cleared_unknown:
                    seen.add(fact.place)
                    yield Occurrence(((fact,),))


def _whole(loop: LoopEvent, subject: Value) -> bool:
    """Whether a loop's iteration has both a backward pass and a step of this optimizer."""
    steps = [e for e in loop.events if isinstance(e, StepEvent)]
    return any(e.kind == "backward" for e in steps) and any(e.kind == "step" and e.subject is subject for e in steps)


def _iteration(loop: LoopEvent) -> Iterable[TrainingIteration]:
    steps = [e for e in loop.events if isinstance(e, StepEvent)]
    backward = [e for e in steps if e.kind == "backward"]
    if not backward:
        return
    numbers = _numbers(steps)
    done: set[int] = set()
    inner = [e for e in loop.events if isinstance(e, LoopEvent)]
    for step in steps:
        optimizer = step.subject
        if step.kind != "step" or not isinstance(optimizer, Object) or id(optimizer) in done:
            continue
        done.add(id(optimizer))
        if any(_whole(other, optimizer) for other in inner):
            continue
        cleared = any(
            e.kind == "zero_grad" and (e.subject is optimizer or e.subject is None or not _is_optimizer(e.subject))
            for e in steps
        )
        unknown = any(e.kind in ("unknown", "made") and e.subject is optimizer for e in steps)
        trace = tuple(
            TrainingEvent(e.kind, e.place, numbers.get(id(e.subject)) if e.subject is not None else None, not e.guard)
            for e in steps
            if e.kind in ("zero_grad", "backward", "step")
        )
        yield TrainingIteration(
            step.place,
            spell_guard(step.guard),
            trace,
            step.name,
            cleared,
            unknown,
            backward[-1].place,
            _passed_before(steps, step),
        )


def _numbers(steps: Sequence[StepEvent]) -> dict[int, int]:
    """A number for each optimizer, by identity: those that step first, in order."""
    numbers: dict[int, int] = {}
    for kind in ("step", "zero_grad"):
        for event in steps:
            if event.kind == kind and event.subject is not None and _is_optimizer(event.subject):
                numbers.setdefault(id(event.subject), len(numbers))
    return numbers


def _passed_before(steps: Sequence[StepEvent], step: StepEvent) -> Tensor | None:
    """The loss of the last backward pass before a step."""
    loss: Value | None = None
    for event in steps:
        if event is step:
            break
        if event.kind == "backward":
            loss = event.subject
    return loss if isinstance(loss, Tensor) else None


def _is_optimizer(value: Value) -> bool:
    return isinstance(value, Object) and value.kind == "optimizer"


def facts(events: Sequence[Event], *, whole: bool = True) -> list[Occurrence]:
    """All facts of a run, in a fixed order.

    Args:
        whole: whether the events are all that the program does; of a part, nothing is said that follows from what the
        program never does.
    """
    out: list[Occurrence] = []
    fed = feedings(events)
    compared = list(comparisons(fed))
    for builder in (
        _losses,
        written_losses,
        weighted_losses,
        partial(_models, unlike=unlike(compared)),
        _layers,
        _transforms,
        reshapes,
        windows,
        rows_made,
        refusals,
        layers_fed,
        starts,
        stacks,
        images_rescaled,
        pairs,
        computed_bytes,
        critics,
        _iterations,
        backward_passes,
    ):
        out.extend(builder(events))
    out.extend(evaluations(fed))
    out.extend(compared)
    found = usage(events)
    for of_usage in (operations, partial(pictures, whole=whole), distributions):
        out.extend(of_usage(events, found))
    return out
