"""What a rule file may import: how a rule is declared and how it speaks.

A rule is a pure function from one fact to findings. The type of its parameter is its subscription; a union of types
subscribes to each::

    @rule(code="TL101", name="bce-on-logits", since="0.1.0", severity=Severity.ERROR)
    def bce_on_logits(call: LossCalled) -> Iterator[Finding]:
        yield Finding(call.place, "`BCELoss` expects …", trail=call.trail)

**Invariant:** a rule has no state, reads no file and walks no tree; what it knows is in the fact.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from torchlint.diagnostic import Severity
from torchlint.facts import Ending, Fact, Place, TrailStep
from torchlint.facts.claims import Claimed

__all__ = [
    "Change", "Changes", "Finding", "Fix", "Rule", "Severity", "argument_added", "dropped", "exchanged", "fix",
    "moved", "preceded", "renamed", "replaced", "rule", "swapped", "unwrapped", "wrapped",
]  # fmt: skip


class Change(msgspec.Struct, frozen=True):
    """One change of a fix, to the source of the node at `place`. Make them with the functions below.

    A name of a library stands in `text` in braces and in full: ``{torch.sigmoid}`` is spelled as the file's own imports
    have it, and imported if none of them has it.
    """

    kind: Literal["replace", "wrap", "unwrap", "swap", "argument", "rename", "precede", "move"]
    place: Place
    text: str = ""
    other: Place | None = None


Changes: TypeAlias = tuple[Change, ...]


class Fix(msgspec.Struct, frozen=True):
    """A way to mend a finding. `title` says what it does, in the imperative.

    safe: it cannot change what a correct program does, or the finding proves it right.
    """

    title: str
    changes: Changes
    safe: bool = False


def fix(title: str, *changes: Changes, safe: bool = False) -> tuple[Fix, ...]:
    """The fix that makes all these changes, alone; nothing if one of them cannot be made.

    Each of the functions below gives the changes that it names, or none where a place that it needs is not known.
    """
    return (Fix(title, sum(changes, ()), safe),) if all(changes) else ()


def replaced(place: Place | None, text: str) -> Changes:
    """The node's source becomes `text`."""
    return () if place is None else (Change("replace", place, text),)


def wrapped(place: Place | None, before: str, after: str) -> Changes:
    """`before` and `after` are put round the node's source: ``{torch.sigmoid}(`` and ``)``."""
    return () if place is None else (Change("wrap", place, f"{before}…{after}"),)


def unwrapped(place: Place | None, inner: Place | None, before: str = "", after: str = "") -> Changes:
    """The source of `inner`, a part of the node, takes the node's place, with `before` and `after` put round it."""
    return () if place is None or inner is None else (Change("unwrap", place, f"{before}…{after}", inner),)


def swapped(place: Place | None, other: Place | None) -> Changes:
    """The two nodes change places."""
    return () if place is None or other is None else (Change("swap", place, other=other),)


def argument_added(call: Place | None, text: str) -> Changes:
    """`text` (``dim=1``) is added as the last argument of a call."""
    return () if call is None else (Change("argument", call, text),)


def preceded(place: Place | None, text: str) -> Changes:
    """The statement `text` stands in a row of its own before one that is, or assigns, the expression at `place`."""
    return () if place is None else (Change("precede", place, text),)


def moved(place: Place | None, before: Place | None) -> Changes:
    """The statement that is, or assigns, the expression at `place` stands before that of the expression `before`."""
    return () if place is None or before is None else (Change("move", place, other=before),)


def renamed(place: Place | None, old: str, new: str) -> Changes:
    """A name that ends in `old`, or that of the function that is called at `place`, ends in `new` instead.

    ``renamed(place, "BCELoss", "torch.nn.BCEWithLogitsLoss")`` makes ``nn.BCEWithLogitsLoss`` of ``nn.BCELoss``, and
    holds for names of that module only. Without a module, as in ``renamed(place, "softmax", "log_softmax")``, it is
    whatever module or object the old name belongs to.
    """
    return () if place is None else (Change("rename", place, f"{old}…{new}"),)


def dropped(ending: Ending | None) -> Changes:
    """The operation that a tensor ends in is taken off: a call becomes what it was given, a layer an identity."""
    if ending is None:
        return ()
    if ending.operand is not None:
        return unwrapped(ending.place, ending.operand)
    return replaced(ending.place, "{torch.nn.Identity}()")


def exchanged(ending: Ending | None, new: str) -> Changes:
    """The function, method or layer `new` (``log_softmax``) takes the place of that which a tensor ends in.

    A layer is named like its function, with capitals for underscores.
    """
    if ending is None:
        return ()
    old = ending.op
    if ending.layer:
        old, new = ("".join(word.capitalize() for word in name.split("_")) for name in (old, new))
    return renamed(ending.named, old, new)


class Finding(msgspec.Struct, frozen=True):
    """What a rule found at a place.

    `trail` is the way of the value, origin first; `fixes` are ways to mend it, the best first.
    `claim` makes what a run can decide of it, if asked; where it is None, the rule's own `claim` does of the fact.
    `message` says what is wrong with the names and numbers of this program, and what to do; it begins with a small
    letter or code, and has no full stop at its end. `severity` overrides the rule's own.
    """

    place: Place
    message: str
    trail: tuple[TrailStep, ...] = ()
    severity: Severity | None = None
    fixes: tuple[Fix, ...] = ()
    claim: Callable[[], Claimed | None] | None = None


class Rule(msgspec.Struct, frozen=True):
    """A declared rule. `facts` are the classes of facts that it hears; `file` is the path of its source.

    `claim` says what a run would have to show of a fact for the rule to be right, whether or not it finds anything in
    it; None where a run cannot decide that.
    """

    code: str
    name: str
    since: str
    severity: Severity
    facts: tuple[type[Fact], ...]
    check: Callable[[Any], Iterable[Finding]]
    file: str
    line: int
    claim: Callable[[Any], Claimed | None] | None = None

    @property
    def family(self) -> str:
        """The folder that the rule lives in, such as ``losses``."""
        return self.file.replace("\\", "/").rsplit("/", 2)[-2]

    @property
    def on_by_default(self) -> bool:
        """Whether the rule speaks without being asked for: all but INFO do."""
        return self.severity is not Severity.INFO


F = TypeVar("F", bound=Fact)

#: The flags of a function that takes ``*args`` or ``**kwargs``.
REST = 0x04 | 0x08


def rule(
    *,
    code: str,
    name: str,
    since: str,
    severity: Severity,
    claim: Callable[[F], Claimed | None] | None = None,
) -> Callable[[Callable[[F], Iterable[Finding]]], Rule]:
    """Declare a function as a rule; the annotation of its one parameter is the fact that it hears, or several.

    claim: as in `Rule`.

    Raises:
        TypeError: the function does not take exactly one annotated fact.
    """

    def declare(check: Callable[[F], Iterable[Finding]]) -> Rule:
        code_object = check.__code__
        single = code_object.co_argcount == 1 and not code_object.co_kwonlyargcount and not code_object.co_flags & REST
        hint = check.__annotations__.get(code_object.co_varnames[0]) if single else None
        while isinstance(hint, str):  # `typing.get_type_hints` does the same in ten times as long
            hint = eval(hint, check.__globals__)
        if hint is None:
            raise TypeError(f"rule {code}: the function takes one parameter, annotated with a fact")
        facts = hint.__args__ if isinstance(hint, types.UnionType) else (hint,)
        for fact in facts:
            if not (isinstance(fact, type) and issubclass(fact, Fact)):
                raise TypeError(f"rule {code}: {fact!r} is no fact")
        file, line = code_object.co_filename, code_object.co_firstlineno
        return Rule(code, name, since, severity, facts, check, file, line, claim)

    return declare
