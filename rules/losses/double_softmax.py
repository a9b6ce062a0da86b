"""TL103: a loss that applies log-softmax itself is fed the output of a softmax."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, claims, trail
from torchlint.rule import Finding, Fix, Severity, dropped, fix, renamed, rule

#: The loss that takes log-probabilities instead.
LIKELIHOODS = {"CrossEntropyLoss": "NLLLoss", "cross_entropy": "nll_loss"}


def _claim(call: LossCalled) -> claims.Claimed | None:
    """That the input is the output of a softmax, or of a log-softmax where it is taken for one."""
    if not _applies_log_softmax(call):
        return None
    meaning = None if call.input is None else call.input.meaning
    return claims.normalised(call.input, call.input_at, log=meaning is not None and meaning.kind == "log-distribution")


@rule(code="TL103", name="double-softmax", since="0.1.0", severity=Severity.ERROR, claim=_claim)
def double_softmax(call: LossCalled) -> Iterator[Finding]:
    """The input of a cross-entropy is a softmax's output, or (redundant) a log-softmax's."""
    given = call.input
    if not _applies_log_softmax(call) or given is None or given.meaning is None:
        return
    given_text = f"`{call.input_text}`" if call.input_text else "its input"
    likelihood = LIKELIHOODS.get(call.known_name)
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
    if call.known_name not in LIKELIHOODS or not call.alone or smoothed or target not in ("int64", None):
        return ()
    likelihood = LIKELIHOODS[call.loss]
    module = "torch.nn" if likelihood[0].isupper() else "torch.nn.functional"
    use = renamed(call.spelled_at, call.loss, f"{module}.{likelihood}")
    return fix(f"use `{likelihood}`", use, safe=target is not None)


def _applies_log_softmax(call: LossCalled) -> bool:
    """Whether it is a cross-entropy over classes: one that takes scores, and is no loss on regions or a focal one."""
    return call.takes == "logits" and call.applies == "softmax" and not call.region and call.family != "focal"
