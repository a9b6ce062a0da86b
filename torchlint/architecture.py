"""What is known of a model without running it: plain data that the analysis gives and reports are made of.

Definitions
    size   a number; the name of a size that is not known, such as ``B`` or ``⌊H/2⌋``; or None, where nothing is known
    field  the receptive field: how many positions of the input, along each axis, one output position depends on;
           ``all`` where it depends on every one
    layer  a module that the model registers, in the order in which torch lists them; the model itself comes first and
           has no name

**Invariant:** texts are those of the program, so whoever shows them makes them harmless first.
"""

from __future__ import annotations

from typing import Union

import msgspec

Size = Union[int, str, None]
Sizes = Union[tuple[Size, ...], None]
Field = Union[tuple[int, ...], str, None]

ALL = "all"


class Output(msgspec.Struct, frozen=True):
    """A tensor that a module gave: where it is in what was given (``[0]``, ``['out']``, or nothing), its shape (None:
    not even its rank is known), dtype, and the ends of its range, as far as they are known."""

    name: str
    shape: Sizes
    dtype: str | None = None
    range: tuple[float, float] | None = None


class Layer(msgspec.Struct, frozen=True):
    """A module: `type` is its class, `made` how it was constructed. outputs: what it gave when it was called first;
    calls: how often that was seen. parameters: the numbers that it holds itself, those of its submodules apart, None
    where they are not known; shared: whether they are another layer's, and counted there. field: see the module's text.
    unknown: why nothing is known of what it gave, empty if something is, or if it was not called. path, row: where it
    was made."""

    name: str
    type: str
    made: str
    outputs: tuple[Output, ...]
    calls: int
    parameters: int | None
    shared: bool = False
    field: Field = None
    unknown: str = ""
    path: str = ""
    row: int = 0


class Step(msgspec.Struct, frozen=True):
    """A call of a layer: its number among the model's layers, inside how many other calls it is, and the shape of the
    first tensor that it gave."""

    layer: int
    depth: int
    shape: Sizes


class Model(msgspec.Struct, frozen=True):
    """A model: how it was made and what it was given, in words where that was not asked for; its layers; and how many
    parameters it has in all (`complete`: all of them are counted). trouble: what could not be followed, in words.
    steps: the calls of its layers, each before those inside it: the way of the data."""

    name: str
    call: str
    inputs: tuple[Output, ...]
    source: str
    layers: tuple[Layer, ...]
    parameters: int
    complete: bool
    trouble: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What the model gives."""
        return self.layers[0].outputs if self.layers else ()


class Blueprint(msgspec.Struct, frozen=True):
    """The models of a file, in the order of their definitions."""

    path: str
    models: tuple[Model, ...]
