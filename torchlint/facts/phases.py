"""What each model is trained on, and what it is evaluated on, over all files of a project.

Definitions
    feeding    one tensor of data that a call of a model is given, under its guard
    trained    a call that a backward pass goes through
    evaluated  a call that none goes through, in evaluation mode or without gradients
    judged     a call whose output, at most activated, meets a loss or is read as predictions: averages over several
               calls, features and generated images are not judged
    drawn      the batch that a feeding comes from: its loader, and what that draws from
    chain      what a loader draws from, from the outside in: parts and wrappers, and last the dataset that they share
    held out   evaluated on something that the training does not draw: another part of one dataset, or another dataset

Worked example: in a project with ``a, b = random_split(data, …)``, a loop that trains on a loader of ``a`` and one that
evaluates on a loader of ``b``, there are two feedings; the chains are ``[a, data]`` and ``[b, data]``, so that the
second is held out as a part.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from torchlint.facts.base import Occurrence
from torchlint.facts.computation import MOVES, alternatives, operand, options, parts
from torchlint.facts.evaluation import ModelEvaluated, Prepared, PreprocessingCompared, difference
from torchlint.facts.formulas import formula
from torchlint.facts.losses import REGIONS
from torchlint.facts.pixels import MOST_STEPS, PixelStep, history, picture
from torchlint.flow.events import Event, LossEvent, OpEvent, RunEvent, StepEvent
from torchlint.flow.join import by_chance
from torchlint.flow.spell import spell_guard
from torchlint.flow.values import (
    Class,
    Const,
    Drawn,
    Guard,
    Instance,
    Number,
    Object,
    Place,
    Run,
    Tensor,
    Unknown,
    Value,
)
from torchlint.flow.weights import is_loaded

#: Readings of an output as predictions.
READINGS = frozenset({"argmax", "max", "topk", "sort", "gt", "ge", "lt", "le", "round"})

#: What targets are that a model is to make of others like them.
PICTURES = frozenset({"image", "noise"})

#: What may stand between an output and what judges it.
BETWEEN = MOVES | {"sigmoid", "softmax", "log_softmax", "logsigmoid", "exp"}

#: Ways of a value that are followed to the calls of models that gave it.
MOST_NODES = 20_000


class Feeding(msgspec.Struct, frozen=True):
    """See the module's definitions; `steps` is the history of `input`, `position` that of the argument."""

    run: Run
    guard: Guard
    position: int
    input: Tensor
    steps: tuple[PixelStep, ...]
    drawn: Drawn | None
    trained: bool
    evaluated: bool
    judged: bool


def feedings(events: Sequence[Event]) -> list[Feeding]:
    """What the program's models are given, in order, each once."""
    passed = _passed(event.subject for event in events if isinstance(event, StepEvent) and event.kind in PASSES)
    judged = _judged(events)
    out: list[Feeding] = []
    seen: set[object] = set()
    for event in events:
        if not isinstance(event, RunEvent):
            continue
        run = event.run
        reached = id(run) in passed
        evaluated = not reached and (run.training is False or not run.graded)
        for position, value in enumerate(run.inputs):
            for guard, option in alternatives(value, event.guard):
                for given in parts(option):
                    if not isinstance(given, Tensor) or given.run is not None:
                        continue
                    drawn = _drawn(given)
                    origin = id(given.via) if drawn is None else id(drawn)
                    key = (run.place, id(run.model), guard, origin, reached, evaluated, id(run) in judged)
                    if key not in seen:
                        seen.add(key)
                        out.append(
                            Feeding(
                                run, guard, position, given, history(given), drawn, reached and run.graded, evaluated,
                                id(run) in judged,
                            )
                        )  # fmt: skip
    return out


PASSES = frozenset({"backward", "returned"})


def _passed(losses: Iterable[Value | None]) -> set[int]:
    """The identities of the calls of models that these values were computed by."""
    pending: list[Value] = [part for value in losses for part in parts(value)]
    runs: set[int] = set()
    seen: set[int] = set()
    budget = MOST_NODES
    while pending and budget:
        budget -= 1
        one = pending.pop()
        if isinstance(one, Tensor) and one.run is not None and id(one.run) not in runs:
            runs.add(id(one.run))
            pending.extend(part for given in one.run.inputs for part in parts(given))
        if isinstance(one, (Tensor, Number)) and one.via is not None and id(one.via) not in seen:
            seen.add(id(one.via))
            pending.extend(part for argument in one.via.arguments.values() for part in parts(argument))
    return runs


def _judged(events: Sequence[Event]) -> set[int]:
    """The identities of the calls that are judged. A loss whose target is an image judges none, unless it measures
    overlaps: images may be disturbed on purpose, or cut at random to bound their size."""
    found: set[int] = set()
    for event in events:
        if isinstance(event, OpEvent):
            if event.via.op in READINGS:
                _note(found, event.input)
            elif (written := formula(event)) is not None and written.kind == "overlap":
                _note(found, written.prediction)
        elif isinstance(event, LossEvent):
            targets = [target for _, target in options(event.arguments["target"], event.guard)]
            images = any(t is not None and t.meaning is not None and t.meaning.kind in PICTURES for t in targets)
            if images and event.family.removesuffix("-on-probabilities") not in REGIONS:
                continue
            for given in parts(event.arguments["input"]):
                _note(found, given)
    return found


def _note(found: set[int], value: Value | None) -> None:
    """Note the call that gave a value, if nothing but moves and activations stands between."""
    run = value.run if isinstance(value, Tensor) else None
    while isinstance(value, Tensor) and run is not None and value.run is run:
        if value.via is None or value.via.op not in BETWEEN:
            break
        value = operand(value.via)
    if run is not None and not (isinstance(value, Tensor) and value.run is run and _computed(value, run)):
        found.add(id(run))


def _computed(value: Tensor, run: Run) -> bool:
    """Whether a value was computed from what a call gave, and is not itself what it gave."""
    via = value.via
    return via is None or any(
        isinstance(part, Tensor) and part.run is run for argument in via.arguments.values() for part in parts(argument)
    )


def _drawn(value: Value | None) -> Drawn | None:
    """The batch that a tensor comes from."""
    for _ in range(MOST_STEPS):
        if not isinstance(value, (Tensor, Unknown)) or value.via is None:
            return None
        if isinstance(value.via, Drawn):
            return value.via
        value = picture(value.via)
    return None


# --- held out ----------------------------------------------------------------------------------------------------


def chain(drawn: Drawn) -> list[Object | Instance]:
    """What a loader draws from, from the outside in; empty if it is not known."""
    out: list[Object | Instance] = []
    value: object = drawn.dataset
    while isinstance(value, (Object, Instance)) and not any(value is one for one in out) and len(out) < 20:
        out.append(value)
        if isinstance(value, Object):
            value = value.attrs.get("dataset", value.arguments.get("dataset")) if value.kind == "subset" else None
        else:
            held = [v for v in value.attrs.values() if isinstance(v, (Object, Instance)) and _gives_samples(v)]
            value = held[0] if len(held) == 1 else None
    return out


def _gives_samples(value: Object | Instance) -> bool:
    if isinstance(value, Object):
        return value.kind in ("dataset", "subset", "concat", "tensor_dataset")
    return any(isinstance(base, Class) and "__getitem__" in base.attrs for base in value.cls.mro)


def _picks(loader: Object | None) -> bool:
    """Whether a loader draws only some of the samples, by their indices."""
    sampler = loader.arguments.get("sampler") if loader is not None else None
    return isinstance(sampler, Object) and "indices" in sampler.arguments


def held_out(one: Drawn, other: Drawn) -> str:
    """How `one` is held out of a training that draws `other`: ``part`` of a dataset that both share, ``sampler`` where
    only the loaders' samplers tell them apart, ``dataset`` where there are two; empty if it is not known to be."""
    ours, theirs = chain(one), chain(other)
    if not ours or not theirs or one.loader is None or one.loader is other.loader:
        return ""
    if ours[0] is theirs[0]:
        return "sampler" if _picks(one.loader) and _picks(other.loader) else ""
    if ours[-1] is theirs[-1]:
        return "part" if len(ours) > 1 and len(theirs) > 1 else ""
    return "" if same_data(ours[-1], theirs[-1]) else "dataset"


def same_data(one: Object | Instance, other: Object | Instance) -> bool:
    """Whether two datasets are known to hold the same samples, perhaps transformed in different ways."""
    if not isinstance(one, Object) or not isinstance(other, Object) or one.name != other.name:
        return False
    names = {name for name in (*one.arguments, *other.arguments) if "transform" not in name and name != "download"}
    return all(_same(one.arguments.get(name), other.arguments.get(name)) for name in names)


def _same(one: Value | None, other: Value | None) -> bool:
    if isinstance(one, Const) and isinstance(other, Const):
        return one.value == other.value
    if isinstance(one, Unknown) and isinstance(other, Unknown):
        return one is other or (one.key is not None and one.key == other.key)
    return one is other


# --- evaluations -------------------------------------------------------------------------------------------------


def model_key(run: Run) -> object:
    """What two calls have in common that are of one model: the class, or for a library's model where it is made."""
    if isinstance(run.model, Instance):
        return id(run.model.cls.node)
    return run.model.made if isinstance(run.model, Object) and run.model.made is not None else id(run.model)


def evaluations(found: Sequence[Feeding]) -> Iterable[Occurrence]:
    """Every judged evaluation on data that are held out of the same model's training."""
    trained: dict[object, list[Feeding]] = defaultdict(list)
    clean: dict[object, list[Drawn]] = defaultdict(list)
    for one in found:
        if one.drawn is not None and one.trained:
            trained[model_key(one.run)].append(one)
        if one.drawn is not None and one.evaluated and one.judged and not chances(one):
            clean[model_key(one.run)].append(one.drawn)
    groups: dict[object, list[ModelEvaluated]] = {}
    for one in found:
        drawn, key = one.drawn, model_key(one.run)
        if drawn is None or not one.evaluated or not one.judged:
            continue
        ways = [(held_out(drawn, other.drawn), other) for other in trained[key] if other.drawn is not None]
        if not ways or not all(way for way, _ in ways):
            continue
        alone = [other for other in clean[key] if _same_samples(drawn, other)]
        fact = _evaluated(one, drawn, *ways[0], bool(alone))
        groups.setdefault((one.run.place, id(one.run.model), id(drawn.loader)), []).append(fact)
    for group in groups.values():
        yield Occurrence((tuple(group),))


def _same_samples(one: Drawn, other: Drawn) -> bool:
    """Whether two loaders draw the same samples of two datasets, or of one."""
    ours, theirs = chain(one), chain(other)
    if one.loader is other.loader or not ours or not theirs:
        return False
    return ours[0] is theirs[0] or same_data(ours[-1], theirs[-1])


def _evaluated(one: Feeding, drawn: Drawn, way: str, other: Feeding, compared: bool) -> ModelEvaluated:
    ours = chain(drawn)
    outer = ours[0].made or drawn.place
    loader = drawn.loader.made if drawn.loader is not None and drawn.loader.made is not None else drawn.place
    before = {step.place for step in other.steps if step.random}
    steps = tuple(step for step in one.steps if chance(step))
    return ModelEvaluated(
        one.run.place,
        spell_guard(one.guard),
        one.run.name,
        one.input,
        way,
        loader if way == "sampler" else outer,
        loader,
        _name(ours[-1]),
        bool(isinstance(ours[0], Object) and "(split)" in ours[0].attrs),
        steps,
        any(by_chance(key) for key, _ in one.guard),
        any(step.place in before for step in steps),
        compared,
    )


def _name(dataset: Object | Instance) -> str:
    return dataset.short if isinstance(dataset, Object) else dataset.cls.name


def chances(one: Feeding) -> bool:
    """Whether a feeding depends on chance."""
    return any(chance(step) for step in one.steps) or any(by_chance(key) for key, _ in one.guard)


#: Ends of the names of random transforms that do one thing for certain if their probability is 1.
CERTAIN = ("Flip", "Transpose", "Invert", "InvertImg", "Equalize", "Autocontrast", "Grayscale", "Gray")


def chance(step: PixelStep) -> bool:
    """Whether a step does different things to the same picture."""
    if not step.random or step.does == "unknown":
        return False
    p = step.setting("p")
    return p != 0 and not (p == 1 and step.name.endswith(CERTAIN) and step.name != "Flip")


# --- comparisons -------------------------------------------------------------------------------------------------


def _trainings(found: Sequence[Feeding]) -> dict[object, list[Feeding]]:
    """What is trained, by model and position, and for a library's model also by folder and name."""
    trained: dict[object, list[Feeding]] = defaultdict(list)
    for one in found:
        if one.trained:
            trained[model_key(one.run), one.position].append(one)
            if (kind := _architecture(one.run)) is not None:
                trained[kind, one.position].append(one)
    return trained


def _architecture(run: Run) -> object:
    """What a library's models of one architecture have in common that the files of one folder make."""
    model = run.model
    if not isinstance(model, Object) or model.kind != "model" or model.made is None:
        return None
    return model.name, posixpath.dirname(model.made.path)


def _trained_as(one: Feeding, trained: Mapping[object, list[Feeding]]) -> list[Feeding]:
    """The trainings of a model: its own, or where its weights are loaded those of its architecture."""
    own = trained.get((model_key(one.run), one.position), [])
    if own or not (isinstance(one.run.model, Object) and is_loaded(one.run.model)):
        return own
    return trained.get((_architecture(one.run), one.position), [])


def comparisons(found: Sequence[Feeding]) -> Iterable[Occurrence]:
    """Every evaluation of a model on images, beside what the model is trained on, where all its trainings agree."""
    trained = _trainings(found)
    groups: dict[object, list[PreprocessingCompared]] = {}
    settled: dict[int, Prepared | None] = {}
    for one in found:
        others = _trained_as(one, trained) if one.evaluated else []
        if not others:
            continue
        other = others[0]
        if id(others) not in settled:
            settled[id(others)] = _agreed([_prepared(each) for each in others])
        training, given = settled[id(others)], _prepared(one)
        if training is None:
            continue
        group = groups.setdefault((one.run.place, id(one.run.model), one.position), [])
        if given is None:
            group.append(_UNKNOWN)
            continue
        words = spell_guard(one.guard)
        group.append(
            PreprocessingCompared(
                one.run.place, words, one.run.name, other.run.place, training, given, other.run.weights
            )
        )
    for group in groups.values():
        if not any(fact is _UNKNOWN for fact in group):
            yield Occurrence((tuple(group),))


def _agreed(images: Sequence[Prepared | None]) -> Prepared | None:
    """The first of several images, if it is known that they are all alike."""
    first = images[0]
    alike = first is not None and all(one is not None and difference(one, first) == "" for one in images)
    return first if alike else None


_NOTHING = Prepared(Tensor(), ())
_UNKNOWN = PreprocessingCompared(Place("", 0), "", "", Place("", 0), _NOTHING, _NOTHING, None)


def unlike(found: Iterable[Occurrence]) -> frozenset[Place]:
    """The calls that are given something else than their models are trained on, whatever the program decides."""
    return frozenset(
        fact.place
        for occurrence in found
        for facts in occurrence.variants
        for fact in facts[:1]
        if all(isinstance(f, PreprocessingCompared) and difference(f.given, f.training) for f in facts)
    )


def _prepared(one: Feeding) -> Prepared | None:
    """An image that goes back to a file or a dataset; None for anything else."""
    begin = one.steps[0] if one.steps else None
    if begin is None or begin.before is not None or begin.after is None or begin.after.meaning is None:
        return None
    if begin.after.meaning.kind != "image" or one.input.range is None:
        return None
    return Prepared(one.input, one.steps)
