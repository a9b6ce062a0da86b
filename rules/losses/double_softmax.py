"""TL103: a loss that applies log-softmax itself is fed the output of a softmax."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, trail
from torchlint.rule import Finding, Fix, Severity, dropped, fix, renamed, rule

#: Families of losses that apply log-softmax to their input.
APPLY_LOG_SOFTMAX = frozenset({"cross-entropy", "soft-cross-entropy"})

#: The loss that takes log-probabilities instead.
LIKELIHOODS = {"CrossEntropyLoss": "NLLLoss", "cross_entropy": "nll_loss"}


@rule(code="TL103", name="double-softmax", since="0.1.0", severity=Severity.ERROR)
def double_softmax(call: LossCalled) -> Iterator[Finding]:
    """The input of a cross-entropy is a softmax's output, or (redundant) a log-softmax's."""
    given = call.input
    if call.family not in APPLY_LOG_SOFTMAX or given is None or given.meaning is None:
        return
    given_text = f"`{call.input_text}`" if call.input_text else "its input"
    likelihood = LIKELIHOODS.get(call.loss)
    if given.meaning.kind == "distribution":
        other = f", or take the log of them and use `{likelihood}`" if likelihood else ""
        yield Finding(
            call.place,
            f"`{call.loss}` applies log-softmax itself, but {given_text} already holds the probabilities of a "
            f"softmax, which a second one flattens; pass the raw scores{other}",
            trail=trail(given),
            fixes=_without(call, "softmax"),
        )
    elif given.meaning.kind == "log-distribution":
        other = f", or use `{likelihood}`" if likelihood else ""
        yield Finding(
            call.place,
            f"`{call.loss}` applies log-softmax itself, and {given_text} has been through one already: "
            f"harmless, but redundant; pass the raw scores{other}",
            trail=trail(given),
            severity=Severity.INFO,
            fixes=_likelihood(call) + _without(call, "log_softmax"),
        )


def _without(call: LossCalled, activation: str) -> tuple[Fix, ...]:
    """The raw scores, where the activation is the last operation and serves such losses only."""
    if call.ending is None or call.ending.op != activation:
        return ()
    return fix(f"leave the {activation.replace('_', '-')} out", dropped(call.ending))


def _likelihood(call: LossCalled) -> tuple[Fix, ...]:
    """The loss that takes log-probabilities. It takes no distributions for targets, and does not smooth them."""
    target = call.target.dtype if call.target is not None else None
    smoothed = "label_smoothing" in call.settings_at.keys() | call.undecided
    if call.loss not in LIKELIHOODS or not call.alone or smoothed or target not in ("int64", None):
        return ()
    likelihood = LIKELIHOODS[call.loss]
    module = "torch.nn" if likelihood[0].isupper() else "torch.nn.functional"
    use = renamed(call.spelled_at, call.loss, f"{module}.{likelihood}")
    return fix(f"use `{likelihood}`", use, safe=target is not None)
