"""TL111: a softmax normalises over another dimension than that which holds the classes."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import DistributionUsed, Meeting, TrailStep, claims, trail
from torchlint.rule import Finding, Fix, Severity, fix, replaced, rule


def _claim(used: DistributionUsed) -> claims.Claimed | None:
    """That what takes classes along a dimension is given something that does not sum to 1 along it."""
    meetings = [meeting for each in used.meetings for meeting in each if _takes_classes(used, meeting)]
    if used.dim_at is None or not meetings:
        return None
    wrong = [meeting for meeting in meetings if _at_odds(used, meeting)]
    meeting = (wrong or meetings)[0]
    meaning = meeting.input.meaning
    log = meaning is not None and meaning.kind == "log-distribution"
    return claims.unnormalised(meeting.input, meeting.wanted, meeting.place, log=log)


def _takes_classes(used: DistributionUsed, meeting: Meeting) -> bool:
    """Whether a use is sure to want a distribution over the classes of each sample."""
    if meeting.op == "loss":
        return True
    if meeting.op == "divergence":
        return meeting.wanted in (1, -1)
    if not used.of_layer or meeting.wanted == 0:
        return False
    if meeting.rank in (None, 2):
        return meeting.wanted in (1, -1)
    return meeting.op in ("multinomial", "Categorical") or (
        meeting.op in ("argmax", "max", "topk") and meeting.compared
    )


@rule(code="TL111", name="softmax-wrong-dim", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def softmax_wrong_dim(used: DistributionUsed) -> Iterator[Finding]:
    """Some use of the distribution takes the classes along another dimension."""
    if used.dim_at is None:
        return
    wrong = [meetings[0] for meetings in used.meetings if all(_at_odds(used, meeting) for meeting in meetings)]
    if not wrong:
        return
    meeting = wrong[0]
    elements = "its elements" if meeting.op == "gather" else "the classes"
    wanted = f"takes {elements} along dimension {meeting.wanted}"
    dim = _dim(used, meeting)
    cure = f"use `dim={dim}`" if dim is not None else "normalise over the dimension that it takes the classes from"
    both = ", which is right with and without a batch" if dim == -1 and len(used.ranks) > 1 else ""
    yield Finding(
        used.place,
        f"`{used.text}` normalises over dimension {meeting.over}, but `{meeting.text}` {wanted}: what it is given for "
        f"a sample does not sum to 1; {cure}{both}",
        trail=(*trail(meeting.input), TrailStep(meeting.place, f"`{meeting.text}` {wanted}")),
        fixes=_fixes(used, dim),
    )


def _at_odds(used: DistributionUsed, meeting: Meeting) -> bool:
    """Whether the classes are certainly along another dimension than that of the softmax.

    What is taken along the batch may be the best sample of each class, and what is taken of attention or of other
    scores that no layer gave may be anything.
    """
    if meeting.over == meeting.wanted or (meeting.over < 0) != (meeting.wanted < 0):
        return False
    if meeting.op == "loss":
        return True
    if meeting.op == "divergence":
        return meeting.over == 0
    if not used.of_layer or meeting.wanted == 0:
        return False
    if meeting.over == 0 and meeting.rank in (None, 2):
        return True
    if meeting.op in ("argmax", "max", "topk"):
        return meeting.compared and meeting.rank is not None
    return meeting.op in ("multinomial", "Categorical")


def _dim(used: DistributionUsed, meeting: Meeting) -> int | None:
    """What the softmax is to be told; None if dimensions changed on the way."""
    if meeting.moved:
        return None
    last = meeting.rank is not None and meeting.wanted == meeting.rank - 1
    return -1 if last and len(used.ranks) > 1 else meeting.wanted


def _fixes(used: DistributionUsed, dim: int | None) -> tuple[Fix, ...]:
    """The dimension that all uses of the distribution take, or else a likely one."""
    if dim is None:
        return ()
    every = [meeting for meetings in used.meetings for meeting in meetings]
    suits = all(
        not meeting.moved
        and (meeting.wanted == dim or (meeting.rank is not None and meeting.wanted == dim + meeting.rank))
        for meeting in every
    )
    return fix(f"use `dim={dim}`", replaced(used.dim_at, str(dim)), safe=suits)
