"""Asking a run about a model by hand: jobs, and their answers as plain data.

**Invariant:** an answer was computed by code of the project. It is taken only if it fits `torchlint.inspected` in every
field; control characters of its texts are replaced here.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from torchlint.confirm.planner import Runner
from torchlint.inspected import REASONS, Class, Failure, Histogram, Model

#: The reason for each `Status` of a job's answer that is not ``ok``.
_STATUSES = {"timeout": "budget", "memory": "memory", "killed": "killed", "unavailable": "unavailable"}


class Asked(msgspec.Struct, frozen=True):
    """What is asked about a file of a project.

    root: the project's folder; path: the file below it; text: what the file holds. arguments: constants of the
    constructor by parameter, as Python text. inputs: shapes of what forward takes, each with a dtype or none. cpu:
    seconds for a model.
    """

    root: str
    path: str
    text: str
    arguments: Mapping[str, str] = {}
    inputs: Sequence[tuple[tuple[int, ...], str | None]] = ()
    seed: int = 0
    train: bool = False
    cpu: float = 60.0


_Kind = TypeVar("_Kind", "_Listing", Model)


class _Listing(msgspec.Struct, forbid_unknown_fields=True):
    classes: Annotated[tuple[Class, ...], Meta(max_length=200)]
    failure: Failure | None


def classes(asked: Asked, runner: Runner) -> tuple[Class, ...] | Failure:
    """The models that the file defines, in the order of the file, or why they are not known."""
    answer = runner.run(_job(asked))
    found = _checked(answer, _Listing)
    if isinstance(found, Failure):
        return found
    return found.failure or found.classes


def inspect(asked: Asked, name: str, runner: Runner) -> Model:
    """What a run shows of one model of the file; it never raises for what the model does."""
    job = _job(asked) | {
        "cls": name,
        "arguments": dict(asked.arguments),
        "inputs": [{"shape": list(shape), "dtype": dtype} for shape, dtype in asked.inputs],
        "seed": asked.seed,
        "train": asked.train,
    }
    found = _checked(runner.run(job), Model)
    if isinstance(found, Failure):
        return Model(name, train=asked.train, failure=found)
    return msgspec.structs.replace(found, name=name)


def _job(asked: Asked) -> dict[str, Any]:
    files = {asked.path: asked.text}
    return {"what": "inspect", "root": asked.root, "files": files, "path": asked.path, "cpu": asked.cpu}


def _checked(answer: Any, wanted: type[_Kind]) -> _Kind | Failure:
    """The answer as what it should be, or the failure that it amounts to."""
    if answer.result is None:
        return Failure(_STATUSES.get(answer.status.value, "bad answer" if "bad" in answer.status.value else "crashed"))
    try:
        found = msgspec.convert(printable(answer.result), wanted)
    except (msgspec.ValidationError, RecursionError, ValueError):
        return Failure("bad answer")
    failed = found.failure
    if failed is not None and failed.reason not in REASONS:
        return Failure("bad answer")
    histogram = getattr(found, "histogram", None)
    if histogram is not None and not _is_sound(histogram):
        return Failure("bad answer")
    return found


def _is_sound(histogram: Histogram) -> bool:
    """Whether edges rise, not without bounds, and counts lie between them."""
    edges, counts = histogram.edges, histogram.counts
    if not edges and not counts:
        return True
    rising = all(low < high for low, high in itertools.pairwise(edges))
    return len(edges) == len(counts) + 1 > 1 and rising and math.isfinite(edges[-1] - edges[0])


def printable(value: Any) -> Any:
    """The same JSON with every control, format or unpaired character of its texts replaced, and infinities refused.

    Raises:
        ValueError: a number is not finite.
    """
    if isinstance(value, str):
        return "".join("\N{REPLACEMENT CHARACTER}" if _drives(one) else one for one in value)
    if isinstance(value, dict):
        return {printable(str(key)): printable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [printable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def _drives(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
