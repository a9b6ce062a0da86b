"""From the disk to the batch: images, transforms, datasets and loaders.

Facts about what each transform does to which dtype: torchvision's documentation of its transforms, and its behaviour
on small arrays (``ToTensor`` divides PIL images and uint8 arrays by 255 and leaves every other dtype as it is).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchlint.flow import attributes, builtins, calls, copies, join, pil, preprocess, taught
from torchlint.flow.events import SinkEvent
from torchlint.flow.interval import UNIT, Interval
from torchlint.flow.library import apply, tables
from torchlint.flow.library.dtypes import category
from torchlint.flow.machine import Machine
from torchlint.flow.shape import Shape, symbol
from torchlint.flow.spell import passed, spell
from torchlint.flow.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Alternatives,
    Bound,
    Class,
    Const,
    Dict,
    Drawn,
    Instance,
    Library,
    List,
    Meaning,
    Number,
    Object,
    Place,
    Tensor,
    Text,
    Trail,
    Tuple,
    Unknown,
    Unsure,
    Value,
    Via,
    kind_of,
    list_of,
    make_list,
)
from torchlint.syntax import ir

BATCH, SAMPLES = symbol("B"), symbol("N")


def source(row: tables.Source, place: Place, args: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
    """An image that is read from a file or made."""
    bound = row.parameters.bind(args, keywords)
    if row.name == "PIL.Image.new":
        return pil.new(bound.get("mode"), bound.get("size"), place)
    if row.name == "PIL.Image.fromarray":
        asked = bound.get("mode", NONE)
        made = pil.from_array(bound.get("obj"), None if asked == NONE else asked, place)
        return UNKNOWN if made is None else made
    known = row.scale == "byte"
    found = Interval(0.0, 255.0) if known else Interval(0.0, 1.0) if row.scale == "unit" else None
    mode: str = row.mode
    scale: str = row.scale
    dtype: str | None = row.dtype or None
    if row.flag in bound:
        flag = bound[row.flag]
        text = flag.name.rsplit(".", 1)[-1] if isinstance(flag, Library) else str(getattr(flag, "value", ""))
        mode = row.modes.get(text, "")
        if text and text not in row.modes:  # numbers of any depth
            found, scale, dtype = None, "", None
    channels: dict[str, tuple[int, ...]] = {"RGB": (3,), "BGR": (3,), "RGBA": (4,), "L": ()}
    shape: Shape = None
    if mode in channels and row.layout == "HWC":
        shape = (None, None, *channels[mode])
    elif row.layout == "CHW":
        shape = (*(channels.get(mode, (None,)) or (1,)), None, None)
    meaning = Meaning("image", scale=scale, layout=row.layout, mode=mode) if scale else None
    note = f"`{row.name.rsplit('.', 2)[-2]}.{row.short}` → {found}" if found else f"`{row.short}`"
    given = args[0] if args else None
    run = given.run if isinstance(given, Tensor) else None
    via = Via(row.short, {"input": given} if isinstance(given, Tensor) else {}, place, full=row.name)
    return Tensor(found, meaning, dtype, shape, "detached", Trail(place, note), run, row.holder, via)


def make(m: Machine, row: tables.Data, bound: dict[str, Value], attrs: dict[str, object], place: Place) -> Value:
    """A loader, or a dataset made of others."""
    if row.kind == "split":
        dataset = bound.get("dataset", UNKNOWN)
        lengths = builtins.items_of(m, bound.get("lengths", UNKNOWN))
        parts = [
            Object("subset", "torch.utils.data.Subset", {"dataset": dataset}, {"(split)": TRUE}, place)
            for _ in range(len(lengths) if lengths is not None else 1)
        ]
        return make_list(parts) if lengths is not None else list_of(parts[0])
    if row.kind == "collate":
        return collate(m, builtins.element(m, bound.get("batch", UNKNOWN), place), place)
    return Object("dataset" if row.kind == "base" else row.kind, row.name, bound, attrs, place)


#: Objects that give samples.
SAMPLED = frozenset({"dataset", "subset", "concat", "tensor_dataset"})


def is_dataset(value: Value) -> bool:
    """Whether a value is a dataset, a library's or the program's own."""
    if not isinstance(value, Instance):
        return isinstance(value, Object) and value.kind in SAMPLED
    bases = value.cls.mro
    own = any(isinstance(b, Class) and "__add__" in b.attrs for b in bases)
    return not own and any(isinstance(b, Library) and b.name.endswith(".Dataset") for b in bases)


def copied(value: Value, place: Place) -> Value:
    """``copy.deepcopy(dataset)``, which has a state of its own; a copy of anything else stands for the original."""
    gives = isinstance(value, Instance) and any(
        isinstance(b, Class) and "__getitem__" in b.attrs for b in value.cls.mro
    )
    if not gives and not (isinstance(value, Object) and value.kind in SAMPLED):
        return value
    try:
        made = copies.deep(value, {})
    except copies.UncopiedError:
        return value
    made.made = place
    return made if isinstance(made, Value) else value


def sink(
    m: Machine, row: tables.Sink, args: Sequence[Value], keywords: Mapping[str, Value], place: Place,
    node: ir.Call | None,
) -> Value:  # fmt: skip
    """Something is shown or saved as a picture."""
    m.calls += 1
    bound = row.parameters.bind(args, keywords)
    rescaled = m.resolve(bound.get(row.rescales, FALSE))
    if not (isinstance(rescaled, Const) and rescaled.value is False):
        return UNKNOWN
    given = m.resolve(bound.get(row.argument, UNKNOWN))
    written = passed(node, row.parameters.positional).get(row.argument)
    at = None if written is None else Place(place.path, written.n)
    for guard, value in given.options if isinstance(given, Alternatives) else (((), given),):
        if isinstance(value, Tensor):
            where = join.merge(m.guard(), guard)
            m.events.append(SinkEvent(place, where, row.name, row.does, value, m.calls, spell(written), at, row))
    return UNKNOWN


# --- transforms --------------------------------------------------------------------------------------------------


def functional_transform(
    m: Machine, row: tables.Transform, name: str, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """``transforms.functional.normalize(img, mean, std)``."""
    bound = (row.call_parameters if row.call_signature else row.parameters).bind(args, keywords)
    image = next(iter(bound.values()), UNKNOWN)
    settings = {**row.parameters.bind([], {}), **bound}
    m.calls += 1
    return m.over([image], lambda v: preprocess.transform(m, row, name, settings, v[0], place, place))


def apply_transform(
    m: Machine, owner: Object, args: Sequence[Value], keywords: Mapping[str, Value], place: Place
) -> Value:
    """A call of a transform object."""
    row = m.contracts.lookup(owner.name)
    if not isinstance(row, tables.Transform):
        return UNKNOWN
    if row.does == "albumentations_compose" or (not args and keywords):
        return preprocess.albumentations(m, owner, keywords, place)
    if not args:
        return UNKNOWN
    if row.does == "sequential":  # what goes with the picture is treated in its own way
        image = compose(m, owner, args[0], place)
        return image if len(args) == 1 else Tuple((image, *(UNKNOWN for _ in args[1:])))
    if row.does == "standard" and len(args) == 2:
        steps = (m.resolve(owner.arguments.get(part, NONE)) for part in PARTS)
        return Tuple(
            tuple(v if isinstance(t, Const) else calls.call(m, t, [v], {}, place) for t, v in zip(steps, args))
        )
    if len(args) > 1:  # version 2 transforms a picture and what goes with it by one draw
        return apply_one(m, owner, row, Tuple(tuple(args)), place)
    return apply_one(m, owner, row, args[0], place)


def apply_one(m: Machine, owner: Object, row: tables.Transform, value: Value, place: Place) -> Value:
    """A transform on one value, alternatives kept apart."""
    if row.does in ("compose", "sequential"):
        return compose(m, owner, value, place)
    if row.does == "lambda":
        function = owner.arguments.get("lambd", owner.arguments.get("lambda", UNKNOWN))
        return calls.call(m, function, [value], {}, place)
    made = owner.made or place
    m.calls += 1
    if row.does == "choice":
        return m.over([value], lambda v: _chosen(m, owner, row, v[0], place))
    return m.over([value], lambda v: preprocess.transform(m, row, owner.name, owner.arguments, v[0], made, place))


def _chosen(m: Machine, owner: Object, row: tables.Transform, value: Value, place: Place) -> Value:
    """One of several transforms, all in some order, or perhaps none: what all that may happen have in common."""
    kept = preprocess.transform(m, row, owner.name, owner.arguments, value, owner.made or place, place)
    steps = builtins.items_of(m, owner.arguments.get("transforms", UNKNOWN))
    if not isinstance(kept, Tensor) or not isinstance(value, Tensor) or not steps:
        return kept
    if owner.short == "RandomChoice":
        outcomes = [calls.call(m, m.resolve(step), [value], {}, place) for step in steps]
    else:
        outcomes = [compose(m, owner, value, place)]
        chance = m.resolve(owner.arguments.get("p", NONE))
        if owner.short == "RandomApply" and not (isinstance(chance, Const) and chance.value == 1):
            outcomes.append(value)
    return preprocess.common(kept, outcomes)


def compose(m: Machine, owner: Object, value: Value, place: Place) -> Value:
    """A pipeline: each step on what the one before gave."""
    steps = m.resolve(owner.arguments.get("transforms", owner.arguments.get("*", UNKNOWN)))

    def run(items: Sequence[Value]) -> Value:
        result = value
        for step in items:
            step = m.resolve(step)
            if isinstance(step, Const) and step.value is None:
                continue
            result = calls.call(m, step, [result], {}, place)
        return result

    def one(values: list[Value]) -> Value:
        listed = values[0]
        items = builtins.items_of(m, listed)
        if items is not None:
            return run(items)
        content = listed.content if isinstance(listed, List) else None
        if isinstance(content, Unsure) and content.variants:
            saved, out = m.path, []
            for guard, some in content.variants:
                if join.compatible(guard, saved):
                    m.path = m.under(guard)
                    out.append((guard, run(some)))
            m.path = saved
            return join.alternatives(out)
        return UNKNOWN

    return m.over([steps], one)


# --- datasets and loaders ----------------------------------------------------------------------------------------


def sample(m: Machine, dataset: Value, place: Place) -> Value:
    """``dataset[i]`` for some i."""
    dataset = m.resolve(dataset)
    if isinstance(dataset, Alternatives):
        return m.over([dataset], lambda v: sample(m, v[0], place))
    if isinstance(dataset, Instance):
        method = attributes.find_method(m, dataset, "__getitem__")
        if method is not None:
            return calls.call_function(m, method, [dataset, Number(kind="int")], {}, dataset)
        inherited = dataset.attrs.get("(layer)")
        if isinstance(inherited, Object):
            return sample(m, inherited, place)
        method = attributes.find_method(m, dataset, "__iter__")
        if method is None:
            return UNKNOWN
        return builtins.element(m, calls.call_function(m, method, [dataset], {}, dataset), place)
    if isinstance(dataset, (Tuple, List)):
        return join.element_of(dataset)
    if isinstance(dataset, Tensor):
        return _first(dataset, place)
    if not isinstance(dataset, Object):
        return UNKNOWN
    if dataset.kind == "tensor_dataset":
        held = dataset.arguments.get("*", dataset.arguments.get("tensors", UNKNOWN))
        items = builtins.items_of(m, held) or ()
        return Tuple(tuple(_row(m, t, place) for t in items)) if items else UNKNOWN
    if "indices" in dataset.arguments:
        return picked(m, sample(m, dataset.attrs.get("dataset", dataset.arguments.get("dataset", UNKNOWN)), place))
    if dataset.kind in ("subset", "concat"):
        inner = dataset.arguments.get("dataset", dataset.arguments.get("datasets", UNKNOWN))
        inner = dataset.attrs.get("dataset", inner)
        inner = m.resolve(inner)
        if isinstance(inner, (List, Tuple)):
            inner = inner.items[0] if inner.items else UNKNOWN
        return sample(m, inner, place)
    if dataset.kind == "dataset":
        return _library_sample(m, dataset, place)
    return UNKNOWN


def picked(m: Machine, value: Value) -> Value:
    """One of some samples that were picked out: perhaps only those of some classes."""

    def one(values: list[Value]) -> Value:
        v = values[0]
        if isinstance(v, Tuple):
            return Tuple(tuple(picked(m, item) for item in v.items))
        return apply.some(v) if isinstance(v, Tensor) else v

    return m.over([value], one)


def _row(m: Machine, value: Value, place: Place) -> Value:
    return m.over([value], lambda v: _first(v[0], place) if isinstance(v[0], Tensor) else UNKNOWN)


def _first(whole: Tensor, place: Place) -> Value:
    """A sample of a tensor that holds one in each row."""
    row = apply.subscript(whole, Const(0))
    return row.with_(via=Via("select", {"input": whole, "index": Const(0)}, place)) if isinstance(row, Tensor) else row


def _library_sample(m: Machine, dataset: Object, place: Place) -> Value:
    """A sample of a known dataset, its transforms applied."""
    row = m.contracts.lookup(dataset.name)
    if isinstance(row, tables.Data) and "data" in dataset.arguments:  # a list of samples, and a transform of each
        held = m.resolve(dataset.arguments["data"])
        items = builtins.items_of(m, held)
        one = items[0] if items and isinstance(items[0], Dict) else builtins.element(m, held, place)
        return _transformed(m, dataset, "transform", one, place)
    if not isinstance(row, tables.Dataset):
        return UNKNOWN
    made = dataset.made or place
    size = row.size if row.size else (None, None)
    channels = {"RGB": (3,), "RGBA": (4,)}.get(row.image_mode, ())
    loader = m.resolve(dataset.attrs.get("loader", dataset.arguments.get("loader", NONE)))
    image: Value = calls.call(m, loader, [Text()], {}, place) if not isinstance(loader, Const) else Tensor(
        Interval(0.0, 255.0), Meaning("image", scale="byte", layout="HWC", mode=row.image_mode), "uint8",
        (*size, *channels) if row.image_mode else None, "detached",
        Trail(made, f"`{dataset.short}` yields images in [0, 255]"), None, "pil",
        _from(dataset, made),
    )  # fmt: skip
    image = _transformed(m, dataset, "transform", image, place)
    target: Value = UNKNOWN
    if row.target == "class-index":
        target = _class_ids(dataset, row, ())
        if any(name in dataset.attrs for name in ("targets", "labels", "samples", "imgs", "data", *FORMER)):
            target = apply.some(target)
    elif row.target == "attributes" and _is(dataset.arguments.get("target_type"), "attr"):
        note = f"`{dataset.short}` yields {row.classes} labels a sample, each 0 or 1"
        via = Via("multi-hot", {}, made)
        target = Tensor(UNIT, Meaning("binary"), "int64", (row.classes,), "detached", Trail(made, note), via=via)
    elif row.target == "mask":
        target = Tensor(
            Interval(0.0, 255.0, False), Meaning("class-index", mode=row.mask_mode), "uint8", (None, None), "detached",
            Trail(made, f"`{dataset.short}` yields masks of class ids"), None, "pil", _from(dataset, made),
        )  # fmt: skip
    target = _transformed(m, dataset, "target_transform", target, place)
    both = m.resolve(dataset.attrs.get("transforms", dataset.arguments.get("transforms", NONE)))
    if not (isinstance(both, Const) and both.value is None):
        return calls.call(m, both, [image, target], {}, place)
    return Tuple((image, target))


def _transformed(m: Machine, dataset: Object, name: str, value: Value, place: Place) -> Value:
    transform = m.resolve(dataset.attrs.get(name, dataset.arguments.get(name, NONE)))
    if isinstance(transform, Const) and transform.value is None:
        return value
    return calls.call(m, transform, [value], {}, place)


def _is(value: Value | None, text: str) -> bool:
    return isinstance(value, Const) and value.value == text


def _class_ids(dataset: Object, row: tables.Dataset, shape: Shape, holder: str = "tensor") -> Tensor:
    ends = (0, row.classes - 1) if row.classes else None
    variant = dataset.arguments.get(row.variant_param)
    if isinstance(variant, Const):
        ends = row.variants.get(str(variant.value), ends)
    found = Interval(0.0, float("inf"), False) if ends is None else Interval(float(ends[0]), float(ends[1]))
    count = None if ends is None else ends[1] - ends[0] + 1
    made = dataset.made or Place("", 0)
    return Tensor(
        found, Meaning("class-index", classes=count), "int64", shape, "detached",
        Trail(made, f"`{dataset.short}` yields class ids"), holder=holder, via=_from(dataset, made),
    )  # fmt: skip


def _from(dataset: Object, made: Place) -> Via:
    return Via("dataset", {}, made, None, None, dataset.short)


#: Older names of the attributes that hold a dataset's images and classes.
FORMER = {"train_data": "data", "test_data": "data", "train_labels": "targets", "test_labels": "targets"}


def _held(dataset: Object, row: tables.Dataset) -> Tensor:
    """All images of a dataset, as its attribute ``data`` holds them: no transform is applied to them."""
    channels = {"RGB": (3,), "RGBA": (4,)}.get(row.image_mode, ())
    size = row.size if row.size else (None, None)
    first = row.holds.endswith("CHW")
    shape = (SAMPLES, *channels, *size) if first else (SAMPLES, *size, *channels)
    layout = "" if not channels else "CHW" if first else "HWC"
    return Tensor(
        Interval(0.0, 255.0), Meaning("image", scale="byte", layout=layout, mode=row.image_mode), "uint8", shape,
        "detached", Trail(dataset.made or Place("", 0), f"`{dataset.short}.data` holds bytes in [0, 255]"),
        holder="tensor" if row.holds == "tensor" else "numpy", via=_from(dataset, dataset.made or Place("", 0)),
    )  # fmt: skip


#: What applies a dataset's two transforms to a picture and its target.
STANDARD, PARTS = "torchvision.datasets.vision.StandardTransform", ("transform", "target_transform")


def dataset_attribute(m: Machine, dataset: Object, name: str) -> Value:
    """``dataset.classes`` and the like."""
    row = m.contracts.lookup(dataset.name)
    if name in ("classes", "class_to_idx"):
        if isinstance(row, tables.Dataset) and row.classes and name == "classes":
            return make_list([Text()] * row.classes)
        return list_of(Text())
    if isinstance(row, tables.Dataset) and (wanted := FORMER.get(name, name)) in ("data", row.labels):
        known = dataset.attrs.get(f"({wanted})")
        if known is None and (wanted == row.labels or row.holds):
            holder = "tensor" if row.holds == "tensor" else "numpy"
            known = _held(dataset, row) if wanted == "data" else _class_ids(dataset, row, (SAMPLES,), holder)
            m.note(dataset.attrs, f"({wanted})", known)
        if isinstance(known, Value):
            return known
    if name in ("data", "targets", "imgs", "samples", "labels"):
        return UNKNOWN
    if name == "loader" and isinstance(row, tables.Dataset) and row.image_mode == "RGB":
        return Library("torchvision.datasets.folder.default_loader")
    if name == "transforms":
        steps = {part: dataset.attrs.get(part, dataset.arguments.get(part, NONE)) for part in PARTS}
        return Object("transform", STANDARD, {k: v for k, v in steps.items() if isinstance(v, Value)}, {}, dataset.made)
    return Bound(name, dataset)


def drawn_from(m: Machine, owner: Object, place: Place) -> Value:
    """What a loop over a loader (or dataset) is given."""
    if owner.kind == "loader":
        m.drawn += 1
        cached = owner.attrs.get("batch")
        if isinstance(cached, Value):
            return cached
        batch = noted(known_as_data(m, _batch(m, owner, place)), owner, place)
        m.note(owner.attrs, "batch", batch)
        return batch
    if owner.kind in SAMPLED:
        return sample(m, owner, place)
    element = owner.attrs.get("element()")
    return element if isinstance(element, Value) else UNKNOWN


def noted(value: Value, loader: Object, place: Place) -> Value:
    """A batch of which every tensor knows the loader that drew it."""
    if isinstance(value, Tensor):
        via = value.via
        given = via.arguments["input"] if via is not None and via.op == "batch" else value
        dataset = loader.arguments.get("dataset")
        return value.with_(via=Drawn("batch", {"input": given}, loader.made or place, loader=loader, dataset=dataset))
    if isinstance(value, Tuple):
        return Tuple(tuple(noted(item, loader, place) for item in value.items))
    if isinstance(value, Dict):
        return Dict({key: noted(item, loader, place) for key, item in value.items.items()}, value.meta)
    if isinstance(value, Alternatives):
        return Alternatives(tuple((guard, noted(item, loader, place)) for guard, item in value.options))
    return value


def known_as_data(m: Machine, value: Value) -> Value:
    """A batch in which whatever is unknown has a name, and is known to be data."""
    if isinstance(value, Unknown):
        return Unknown(value.key or m.fresh_key(), value.via, "detached", value.origin)
    if isinstance(value, Tuple):
        return Tuple(tuple(known_as_data(m, v) for v in value.items))
    return (
        Dict({k: known_as_data(m, v) for k, v in value.items.items()}, value.meta) if isinstance(value, Dict) else value
    )


def _batch(m: Machine, loader: Object, place: Place) -> Value:
    item = sample(m, loader.arguments.get("dataset", UNKNOWN), place)
    if not all(_takes_all(m, loader.arguments.get(name, NONE)) for name in ("sampler", "batch_sampler")):
        item = picked(m, item)
    size = m.resolve(loader.arguments.get("batch_size", Const(1)))
    if isinstance(size, Const) and size.value is None:
        return item
    function = m.resolve(loader.arguments.get("collate_fn", NONE))
    if isinstance(function, Const) or ("**" in loader.arguments and function is UNKNOWN):  # keywords of a configuration
        return collate(m, item, loader.made or place)
    return calls.call(m, function, [list_of(item)], {}, place)


def _takes_all(m: Machine, sampler: Value) -> bool:
    """Whether a sampler is known to draw from all samples."""
    sampler = m.resolve(sampler)
    if isinstance(sampler, Object):
        return sampler.kind == "sampler" and "indices" not in sampler.arguments
    return isinstance(sampler, Const)


def collate(m: Machine, value: Value, place: Place) -> Value:
    """A batch of such samples, as the default collate function makes it for the loader made at `place`."""

    def one(values: list[Value]) -> Value:
        v = values[0]
        if isinstance(v, Tensor):
            if v.holder == "pil":
                return UNKNOWN
            shape = None if v.shape is None else (BATCH, *v.shape)
            return v.with_(shape=shape, holder="tensor", grad="detached", via=Via("batch", {"input": v}, place))
        if isinstance(v, (Tuple, List)):
            items = v.items
            return Tuple(tuple(collate(m, i, place) for i in items)) if items is not None else list_of(UNKNOWN)
        if isinstance(v, Dict):
            return Dict({k: collate(m, i, place) for k, i in v.items.items()}, dict(v.meta))
        if isinstance(v, Number) and v.via is not None and isinstance(taken := v.via.arguments.get("input"), Tensor):
            found = _numbers(v.via.op, taken)
            if found is not UNKNOWN:
                return found
        dtype = {"bool": "bool", "int": "int64", "float": "float64"}.get(kind_of(v) or "")
        if dtype is not None:
            drawn = v.interval if isinstance(v, Number) else None
            return Tensor(drawn, None, dtype, (BATCH,), "detached")
        return list_of(v) if isinstance(v, (Text, Const)) else UNKNOWN

    return m.over([value], one)


def _numbers(op: str, taken: Tensor) -> Value:
    """Numbers that ``int``, ``float`` or ``item`` took out of a tensor, as a tensor again."""
    whole = category(taken.dtype) == 1
    if op in ("int", "item") and whole:
        return taken.with_(dtype="int64", shape=(BATCH,), grad="detached", holder="tensor")
    if op == "float":
        return taken.with_(dtype="float64", shape=(BATCH,), grad="detached", holder="tensor")
    return UNKNOWN


def drawn_from_instance(m: Machine, owner: Instance, place: Place) -> Value:
    """What a loop over an object of a project class is given."""
    described = taught.inner(m, owner)
    if described is not None:
        return drawn_from(m, described, place)
    method = attributes.find_method(m, owner, "__iter__")
    if method is not None:
        return builtins.element(m, calls.call_function(m, method, [owner], {}, owner), place)
    if attributes.find_method(m, owner, "__getitem__") is not None:
        return sample(m, owner, place)
    inherited = owner.attrs.get("(layer)")
    if isinstance(inherited, Object) and (inherited.kind == "loader" or inherited.kind in SAMPLED):
        return drawn_from(m, inherited, place)
    element = owner.attrs.get("element()")
    return element if isinstance(element, Value) else UNKNOWN
