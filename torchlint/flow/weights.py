"""Trained weights, and the image that reaches them.

Definitions
    weights  what a program asks for when it makes a known architecture: ``weights="DEFAULT"``, ``pretrained=True``
    arrival  the first layer of a model, or a known architecture inside it, is given an image

Worked example: a module whose ``forward`` is ``self.head(self.body(x))``, with ``body`` a part of
``resnet50(weights="DEFAULT")``, is given an image where ``body`` is: as that part sees it, for those weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from torchlint.flow.events import LayerEvent, ReachedEvent
from torchlint.flow.library import tables
from torchlint.flow.machine import Machine, flatten
from torchlint.flow.values import (
    FALSE,
    NONE,
    TRUE,
    UNKNOWN,
    Const,
    Instance,
    Library,
    Object,
    Place,
    Tensor,
    Unknown,
    Value,
    Weights,
)

#: Parts of architectures that come behind the features, so that the first layers see the same without them.
LATE = frozenset({"avgpool", "global_pool", "dropout", "AuxLogits", "aux1", "aux2", "aux_classifier", "classifier",
                  "fc", "head", "heads", "last_linear", "_fc", "segmentation_head", "decoder"})  # fmt: skip

#: Models inside models inside a model that are looked at.
MOST_DEPTH = 3

#: The cell of a model that was given the weights of another by ``load_state_dict``.
LOADED = "(loaded)"

#: Kinds of objects that are layers, or hold some.
LAYERS = frozenset({"module", "container", "model"})


class Arrival(NamedTuple):
    """An image at the first layer that sees it: the `image`, and for a known architecture how many channels it takes
    and the weights that it has."""

    image: Tensor
    channels: int | None
    weights: Weights | None


def trained(m: Machine, model: Value) -> Weights | None:
    """The trained weights of a known architecture, if the program asks for some and keeps its first layers."""
    if not isinstance(model, Object) or model.kind != "model" or _changed(m, model):
        return None
    row = m.contracts.lookup(model.name)
    if not isinstance(row, tables.Model):
        return None
    words = _asked(m, model, row)
    if words is None and not (row.pretrained_default and not row.pretrained_params):
        return None
    mean, std = _statistics(m, model, row)
    given = m.resolve(model.arguments.get(row.trained_param, NONE)) if row.trained_param else NONE
    name = given.value if isinstance(given, Const) and isinstance(given.value, str) else model.short
    return Weights(words or model.name.rsplit(".", 1)[-1], name, mean, std)


def _asked(m: Machine, model: Object, row: tables.Model) -> str | None:
    """The words that ask for trained weights."""
    for name in row.pretrained_params:
        value = m.resolve(model.arguments.get(name, NONE))
        if isinstance(value, Const) and value.value not in (None, False):
            return f"{name}={value.value!r}"
        if isinstance(value, Library):
            return f"{name}={value.name.rsplit('.', 2)[-2]}.{value.name.rsplit('.', 1)[-1]}"
    return None


def _changed(m: Machine, model: Object) -> bool:
    """Whether the first layers may be others than those that were trained, or hold other weights."""
    if is_loaded(model) or m.resolve(model.attrs.get("(changed)", NONE)) == TRUE:
        return True
    for name, value in model.attrs.items():
        if name in LATE or not isinstance(value, Value):
            continue
        value = m.resolve(value)
        if isinstance(value, Instance) or (isinstance(value, Object) and value.kind in LAYERS):
            return True
    return False


def _statistics(m: Machine, model: Object, row: tables.Model) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What was taken off the images that the weights were trained on, and what they were divided by."""
    if not row.trained:
        return row.mean, row.std
    families = m.contracts.lookup(row.trained)
    name = m.resolve(model.arguments.get(row.trained_param, UNKNOWN))
    if isinstance(families, tables.Trained) and isinstance(name, Const):
        for family in families.families:
            if any(fnmatchcase(str(name.value), pattern) for pattern in family.models):
                return family.mean, family.std
    return (), ()


def mark_changed(m: Machine, part: Unknown) -> None:
    """A layer of a known architecture was exchanged."""
    if part.origin is not None and isinstance(part.origin.owner, Object):
        m.write(part.origin.owner.attrs, "(changed)", TRUE)


def is_loaded(model: Value) -> bool:
    """Whether other weights were loaded into a model, or may be."""
    return isinstance(model, (Instance, Object)) and model.attrs.get(LOADED, FALSE) != FALSE


def is_filled(m: Machine, model: Value, depth: int = 0) -> bool:
    """Whether a model, or a part of it, holds other weights by now, whatever was decided on the way."""
    if not isinstance(model, (Instance, Object)) or (isinstance(model, Object) and model.kind not in LAYERS):
        return False
    if m.resolve(model.attrs.get(LOADED, FALSE)) == TRUE:
        return True
    parts = [m.resolve(value) for value in model.attrs.values() if isinstance(value, Value)]
    return depth < MOST_DEPTH and any(is_filled(m, part, depth + 1) for part in parts)


def mark_loaded(m: Machine, model: object, depth: int = 0) -> None:
    """Other weights are loaded into a model, and into the known architectures inside it."""
    if isinstance(model, Unknown) and model.origin is not None:
        model = model.origin.owner
    if not isinstance(model, (Instance, Object)) or depth > MOST_DEPTH:
        return
    if LOADED not in model.attrs:
        m.note(model.attrs, LOADED, FALSE)  # as it was before, for a branch that does not come here
    m.write(model.attrs, LOADED, TRUE)
    for value in list(model.attrs.values()):
        for part in value if isinstance(value, tuple) else (value,):
            mark_loaded(m, part[1] if isinstance(part, tuple) and len(part) == 2 else part, depth + 1)


# --- arrivals ----------------------------------------------------------------------------------------------------


def reached(m: Machine, model: Object, given: Value, place: Place) -> Tensor | None:
    """A known architecture, or a part of one, is given something: the image, if it is one whatever was decided."""
    image = image_of(flatten([given]))
    if image is not None:
        row = m.contracts.lookup(model.name)
        takes = channels(m, model, row) if isinstance(row, tables.Model) else None
        m.events.append(ReachedEvent(place, m.guard(), image, takes, trained(m, model)))
    return image


def channels(m: Machine, model: Object, row: tables.Model) -> int | None:
    """How many channels a known architecture takes, if that is known."""
    if not row.in_channels_param:
        return row.in_channels or None
    given = m.resolve(model.arguments.get(row.in_channels_param, UNKNOWN))
    return given.value if isinstance(given, Const) and isinstance(given.value, int) else None


def image_of(values: Iterable[Value]) -> Tensor | None:
    """The image that all alternatives are, one that is normalised if there is any; None if one may be no image."""
    found: Tensor | None = None
    for value in values:
        if not isinstance(value, Tensor) or value.meaning is None or value.meaning.kind != "image":
            return None
        if found is None or value.meaning.normalized:
            found = value
    return found


def arrival(m: Machine, mark: int) -> Arrival | None:
    """The first arrival of an image since event number `mark`; one at trained weights, if there is any."""
    events = m.events[mark:]
    first: LayerEvent | None = None
    for event in events:
        if isinstance(event, ReachedEvent) and (event.weights is not None or first is None):
            return Arrival(event.input, event.channels, event.weights)
        if first is None and isinstance(event, LayerEvent) and event.layer.short.startswith("Conv"):
            first = event
    if first is None or first.layer.attrs.get("(written)"):
        return None
    image = image_of(e.input for e in events if isinstance(e, LayerEvent) and e.call == first.call)
    return None if image is None else Arrival(image, None, None)
