"""TL107: a regression loss between a sigmoid's output, or a map of raw scores, and labels that are 0 or 1."""

from __future__ import annotations

from collections.abc import Iterator

from torchlint.facts import LossCalled, Tensor, claims, core, differs, trail
from torchlint.rule import Finding, Fix, Severity, fix, renamed, rule

REGRESSION = frozenset({"mse", "l1", "smooth-l1", "huber"})
FLOATS = frozenset({None, "float", "float16", "bfloat16", "float32", "float64"})


def _claim(call: LossCalled) -> claims.Claimed | None:
    """Of an output that is fitted to labels of 0 and 1: that it is bounded by a sigmoid, or, where it is a map of raw
    scores, that it leaves [0, 1]."""
    if call.family not in REGRESSION or call.input is None or call.target is None or not _binary_labels(call.target):
        return None
    if _is_score_map(call.input) and _is_mask(call.target):
        return claims.outside_range(call.input, 0.0, 1.0, call.input_at)
    return claims.within_range(call.input, 0.0, 1.0, call.input_at)


@rule(code="TL107", name="mse-on-binary-target", since="0.1.0", severity=Severity.WARNING, claim=_claim)
def mse_on_binary_target(call: LossCalled) -> Iterator[Finding]:
    """A sigmoid's output, or one channel of raw scores, is trained by regression towards labels that are 0 or 1."""
    if call.family not in REGRESSION or call.input is None or call.target is None:
        return
    output, target = call.input, call.target
    if not _binary_labels(target):
        return
    if _is_score_map(output) and _is_mask(target):
        yield _on_raw_scores(call)
        return
    if not _trained_probability(output):
        return
    twin = "BCELoss" if call.loss[:1].isupper() else "binary_cross_entropy"
    given_text = f"`{call.input_text}`" if call.input_text else "its input"
    target_text = f"`{call.target_text}`" if call.target_text else "a target"
    yield Finding(
        call.place,
        f"`{call.loss}` compares {given_text}, a sigmoid's output, with {target_text}, which is only ever "
        f"0 or 1: where the model is confident and wrong, the gradient vanishes; use `{twin}`, "
        "or the loss on logits without the sigmoid",
        trail=trail(output),
        fixes=_fixes(call, target),
    )


def _fixes(call: LossCalled, target: Tensor) -> tuple[Fix, ...]:
    """The binary cross-entropy, where it takes the same arguments, and the shape and dtype of the target."""
    output = call.input
    assert output is not None
    known = {"input", "target"} if call.family == "huber" else {"input", "target", "reduction"}
    if not call.known_name or not call.alone or not call.settings_at.keys() <= known:
        return ()
    if target.dtype not in ("float", "float32", None):
        return ()
    if output.shape is not None and target.shape is not None:
        if len(output.shape) != len(target.shape) or any(map(differs, output.shape, target.shape)):
            return ()
    twin = "torch.nn.BCELoss" if call.loss[:1].isupper() else "torch.nn.functional.binary_cross_entropy"
    return fix(f"use `{twin.rsplit('.', 1)[-1]}`", renamed(call.spelled_at, call.loss, twin))


def _on_raw_scores(call: LossCalled) -> Finding:
    twin = "BCEWithLogitsLoss" if call.loss[:1].isupper() else "binary_cross_entropy_with_logits"
    target_text = f"`{call.target_text}`" if call.target_text else "a mask"
    return Finding(
        call.place,
        f"`{call.loss}` fits {call.given_text}, the raw scores of one channel, to {target_text}, which is only ever "
        f"0 or 1: it punishes scores beyond 1 as much as those that fall short; use `{twin}`",
        trail=trail(call.input),
    )


def _is_score_map(tensor: Tensor) -> bool:
    """Whether it is one channel of what a layer gives, with a score for each place."""
    if tensor.meaning is None or tensor.meaning.kind != "logits" or tensor.grad != "attached":
        return False
    return tensor.shape is not None and len(tensor.shape) >= 3 and tensor.shape[1] == 1


def _is_mask(tensor: Tensor) -> bool:
    """Whether zeros and ones are decided place by place, and are not a batch of ones beside a batch of zeros."""
    inner = core(tensor)
    return not (isinstance(inner, Tensor) and inner.via is not None and inner.via.op in ("cat", "concat", "stack"))


def _trained_probability(tensor: Tensor) -> bool:
    return tensor.meaning is not None and tensor.meaning.kind == "probability" and tensor.grad == "attached"


def _binary_labels(tensor: Tensor) -> bool:
    """Both 0 and 1 occur: tensors of ones or of zeros are what least-squares adversarial training aims at."""
    if tensor.meaning is None or tensor.meaning.kind != "binary" or tensor.dtype not in FLOATS:
        return False
    return tensor.range is not None and tensor.range.low <= 0.0 and tensor.range.high >= 1.0
