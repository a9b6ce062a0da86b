"""What a run could and could not follow, so that silence is not taken for approval."""

from __future__ import annotations

from torchlint.facts.analysis import Statistics

REASONS = 10


def statistics(counted: Statistics) -> str:
    """The figures as lines, and the most frequent reasons for which a value was not followed."""
    rows = [
        ("files", str(counted.files)),
        ("parsed", str(counted.parsed)),
        ("lines", str(counted.lines)),
        ("loss calls", str(counted.loss_calls)),
        ("  followed", _share(counted.loss_calls_followed, counted.loss_calls)),
        ("entry points", str(counted.roots)),
        ("  out of budget", _share(counted.roots_exhausted, counted.roots)),
        ("steps", str(counted.steps)),
    ]
    if counted.taught:
        rows += [("contracts", str(counted.taught)), ("  called", _share(counted.taught_met, counted.taught))]
    out = [f"{label:<18}{value:>14}" for label, value in rows]
    reasons = sorted(counted.unfollowed.items(), key=lambda item: (-item[1], item[0]))
    if reasons:
        out += ["", "not followed, most frequent first:"]
        out += [f"{count:>8}  {reason}" for reason, count in reasons[:REASONS]]
    return "\n".join(out) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.0f} %)" if whole else "0"
