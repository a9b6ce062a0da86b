"""What a rule file may import: how a rule is declared and how it speaks.

A rule is a pure function from one fact to findings. The type of its parameter is its subscription::

    @rule(code="TL101", name="bce-on-logits", since="0.1.0", severity=Severity.ERROR)
    def bce_on_logits(call: LossCalled) -> Iterator[Finding]:
        yield Finding(call.place, "`BCELoss` expects …", trail=call.input.trail)

**Invariant:** a rule has no state, reads no file and walks no tree; what it knows is in the fact.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from torchlint.diagnostic import Severity
from torchlint.facts import Fact, Place, Tensor, TrailStep, core

__all__ = [
    "Change", "Finding", "Fix", "Rule", "Severity", "argument_added", "callee", "dropped", "renamed", "replaced",
    "rule", "swapped", "unwrapped", "wrapped",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a fix, to the source of the node at `place`. Make one with the functions below."""

    kind: Literal["replace", "wrap", "unwrap", "swap", "argument", "callee"]
    place: Place
    text: str = ""
    other: Place | None = None


@dataclass(frozen=True, slots=True)
class Fix:
    """A way to mend a finding. `title` says what it does, in the imperative.

    safe: it cannot change what a correct program does, or the finding proves it right. imports: full names that the
    first changed file must import by their last part.
    """

    title: str
    changes: tuple[Change, ...]
    safe: bool = False
    imports: tuple[str, ...] = ()


def replaced(place: Place, text: str) -> Change:
    """The node's source becomes `text`."""
    return Change("replace", place, text)


def wrapped(place: Place, before: str, after: str) -> Change:
    """`before` and `after` are put round the node's source."""
    return Change("wrap", place, f"{before}…{after}")


def unwrapped(place: Place, inner: Place) -> Change:
    """The source of `inner`, a part of the node, takes the node's place."""
    return Change("unwrap", place, other=inner)


def swapped(place: Place, other: Place) -> Change:
    """The two nodes change places."""
    return Change("swap", place, other=other)


def argument_added(call: Place, text: str) -> Change:
    """`text` (``dim=1``) is added as the last argument of a call."""
    return Change("argument", call, text)


def callee(call: Place, spelled: str, text: str) -> Change:
    """A call that spells its function ``F.softmax`` calls `text` instead, with the same arguments."""
    return Change("callee", call, f"{spelled}…{text}")


def renamed(place: Place | None, spelled: str, name: str, title: str, *, safe: bool = False) -> tuple[Fix, ...]:
    """A fix by which a name that the program spells ``nn.BCELoss`` becomes another of the same module.

    Args:
        place: where the name stands; spelled: as the program writes it. name: the full name of the new one, such as
            ``torch.nn.BCEWithLogitsLoss``.

    Returns:
        The fix, alone; nothing if the name's place is not known.
    """
    if place is None or not spelled or "…" in spelled:
        return ()
    module, _, _ = spelled.rpartition(".")
    last = name.rsplit(".", 1)[-1]
    if module:
        return (Fix(title, (replaced(place, f"{module}.{last}"),), safe),)
    return (Fix(title, (replaced(place, last),), safe, (name,)),)


def dropped(tensor: Tensor, title: str, *, safe: bool = False) -> tuple[Fix, ...]:
    """A fix that takes off the operation by which a tensor was last computed, such as its activation.

    ``torch.sigmoid(x)``, ``x.sigmoid()`` and ``self.act(x)`` become ``x``; a layer inside a ``Sequential`` becomes
    ``nn.Identity()``. Nothing where neither is known.
    """
    inner = core(tensor)
    via = inner.via if isinstance(inner, Tensor) else None
    if via is None:
        return ()
    if via.operand is not None:
        return (Fix(title, (unwrapped(via.place, Place(via.place.path, via.operand)),), safe),)
    module, _, last = via.text.partition("(")[0].rpartition(".")
    if via.made is None or not last or "…" in module:
        return ()
    if module:
        return (Fix(title, (replaced(via.made, f"{module}.Identity()"),), safe),)
    return (Fix(title, (replaced(via.made, "Identity()"),), safe, ("torch.nn.Identity",)),)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found at a place.

    `trail` is the way of the value, origin first; `fixes` are ways to mend it, the best first.
    `message` says what is wrong with the names and numbers of this program, and what to do; it begins with a small
    letter or code, and has no full stop at its end. `severity` overrides the rule's own.
    """

    place: Place
    message: str
    trail: tuple[TrailStep, ...] = ()
    severity: Severity | None = None
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A declared rule. `fact` is the class of facts that it hears; `file` is the path of its source."""

    code: str
    name: str
    since: str
    severity: Severity
    fact: type[Fact]
    check: Callable[[Any], Iterable[Finding]]
    file: str
    line: int

    @property
    def family(self) -> str:
        """The folder that the rule lives in, such as ``losses``."""
        return self.file.replace("\\", "/").rsplit("/", 2)[-2]

    @property
    def on_by_default(self) -> bool:
        """Whether the rule speaks without being asked for: all but INFO do."""
        return self.severity is not Severity.INFO


F = TypeVar("F", bound=Fact)


def rule(*, code: str, name: str, since: str, severity: Severity) -> Callable[[Callable[[F], Iterable[Finding]]], Rule]:
    """Declare a function as a rule; the annotation of its one parameter is the fact that it hears.

    Raises:
        TypeError: the function does not take exactly one annotated fact.
    """

    def declare(check: Callable[[F], Iterable[Finding]]) -> Rule:
        parameters = list(inspect.signature(check).parameters)
        hints = typing.get_type_hints(check)
        if len(parameters) != 1 or parameters[0] not in hints:
            raise TypeError(f"rule {code}: the function takes one parameter, annotated with a fact")
        fact = hints[parameters[0]]
        if not (isinstance(fact, type) and issubclass(fact, Fact)):
            raise TypeError(f"rule {code}: {fact!r} is no fact")
        code_object = check.__code__
        return Rule(code, name, since, severity, fact, check, code_object.co_filename, code_object.co_firstlineno)

    return declare
