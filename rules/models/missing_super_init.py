"""TL309: a model's constructor does not run that of `nn.Module`, or too late."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import ConstructorRun
from torchlint.rule import Changes, Finding, Fix, Severity, fix, moved, preceded, replaced, rule, wrapped


@rule(code="TL309", name="missing-super-init", since="0.1.0", severity=Severity.ERROR)
def missing_super_init(run: ConstructorRun) -> Iterator[Finding]:
    """The constructor of `nn.Module` is not called, is misspelled, or runs after the first part is assigned."""
    yield Finding(run.place, _message(run), fixes=_fixes(run))


def _message(run: ConstructorRun) -> str:
    needs = _needs(run)
    if run.how == "late":
        return (
            f"`{run.written}` runs too late: {needs} before it, and `nn.Module` takes {run.holds} only once its own "
            "constructor has run; call it first"
        )
    if run.how == "unnamed":
        return (
            f"`{run.cls}.{run.written}` is never called, since a constructor is spelled `__init__`: {needs} there; "
            "rename it"
        )
    if run.how == "foreign":
        return (
            f"`{run.written}` names a class that `{run.cls}` is not derived from, which raises an error; write "
            "`super().__init__`"
        )
    fails = f"{needs}, which raises an error" if run.assigned else f"calling a `{run.cls}` raises an error"
    if run.how == "stopped":
        return (
            f"`{run.written}` runs `{run.stops}.__init__`, which does not go on to that of `nn.Module`: {fails}; call "
            f"`super().__init__()` in `{run.stops}` too"
        )
    if run.how == "uncalled":
        return f"`{run.written}` is named and not called: {fails}; write `{run.written}()`"
    if run.how == "misspelled":
        return f"`{run.written}` is not the constructor of `{run.base}`: {fails}; write `super().__init__`"
    return (
        f"`{run.cls}.__init__` never calls `super().__init__()`: {fails}, for `nn.Module` is not set up; call it first"
    )


def _needs(run: ConstructorRun) -> str:
    """What needs the constructor to have run."""
    return f"`{run.assigned}` is called" if run.registers else f"`{run.assigned}` is set to {run.holds}"


def _fixes(run: ConstructorRun) -> tuple[Fix, ...]:
    """The base call where it belongs, if that is all that is missing."""
    changes: Changes = ()
    title = "call `super().__init__()` first"
    if run.how == "absent" and run.free:
        changes = preceded(run.body, "super().__init__()")
    elif run.how == "late" and run.free:
        title, changes = f"call `{run.written}` first", moved(run.call, run.first)
    elif run.how == "uncalled" and run.free:
        title, changes = "add the brackets", wrapped(run.named, "", "()")
    elif run.how == "misspelled":
        title, changes = "write `super().__init__`", replaced(run.named, "super().__init__")
    elif run.how == "foreign":
        title, changes = "write `super()`", replaced(run.named, "super().__init__")
    return fix(title, changes, safe=True)
