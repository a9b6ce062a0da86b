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
from typing import Any, TypeVar

from torchlint.diagnostic import Severity
from torchlint.facts import Fact, Place, TrailStep

__all__ = ["Finding", "Rule", "Severity", "rule"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found at a place.

    `trail` is the way of the value, origin first; `also` names further places that the finding rests on.
    `message` says what is wrong with the names and numbers of this program, and what to do; it begins with a small
    letter or code, and has no full stop at its end. `severity` overrides the rule's own.
    """

    place: Place
    message: str
    trail: tuple[TrailStep, ...] = ()
    severity: Severity | None = None


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
