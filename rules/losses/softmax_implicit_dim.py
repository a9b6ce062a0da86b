"""TL112: a softmax is not told which dimension to normalise over."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import OpCalled, trail
from torchlint.rule import Finding, Fix, Severity, argument_added, fix, replaced, rule

SOFTMAXES = frozenset({"softmax", "log_softmax", "softmin"})


@rule(code="TL112", name="softmax-implicit-dim", since="0.1.0", severity=Severity.WARNING)
def softmax_implicit_dim(call: OpCalled) -> Iterator[Finding]:
    """`dim` is left out, or is None."""
    if call.op not in SOFTMAXES or "dim" not in call.arguments or call.given("dim") or call.single():
        return
    ranks = sorted(rank for rank in call.ranks if rank is not None)
    message, dim = _choice(ranks)
    yield Finding(
        call.made or call.place,
        f"`{call.text}` {message}",
        trail=trail(call.input),
        fixes=_fixes(call, dim, safe=None not in call.ranks and 3 not in ranks),
    )


def _choice(ranks: list[int]) -> tuple[str, int | None]:
    """What is said, and the dimension that is to be named, None if that is not clear."""
    chosen = {_chosen(rank) for rank in ranks}
    if len(chosen) > 1:
        both = " and ".join(f"{_chosen(rank)} where there are {rank}" for rank in ranks)
        return f"has no `dim`, and normalises over dimension {both}; name the one that holds the classes", None
    if not ranks:
        return (
            "has no `dim`, so that torch chooses the dimension by their number: 0 if there are one or three, else 1; "
            "name it"
        ), 1
    if ranks == [3]:
        return (
            "has no `dim`: of three dimensions torch chooses the first, which is mostly the batch; name the one that "
            "holds the classes, such as `dim=-1`"
        ), -1
    dim = chosen.pop()
    return f"has no `dim`; torch chooses {dim} by the number of dimensions, and warns of it: write `dim={dim}`", dim


def _chosen(rank: int) -> int:
    """The dimension that torch chooses."""
    return 0 if rank in (0, 1, 3) else 1


def _fixes(call: OpCalled, dim: int | None, *, safe: bool) -> tuple[Fix, ...]:
    """The dimension that torch chooses, where that is known to be the same one everywhere; else a likely one."""
    name = call.text.partition("(")[0].rpartition(".")[2]
    if dim is None or name.lower().replace("_", "") not in {op.replace("_", "") for op in SOFTMAXES}:
        return ()
    title = f"write `dim={dim}`"
    if "dim" in call.arguments_at:
        return fix(title, replaced(call.arguments_at["dim"], str(dim)), safe=safe)
    return fix(title, argument_added(call.made or call.place, f"dim={dim}"), safe=safe)
