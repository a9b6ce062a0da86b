"""Images on their way: transforms as they are applied."""

from __future__ import annotations

from torchlint.facts.base import Fact
from torchlint.facts.pixels import PixelStep
from torchlint.flow.values import Place, Tensor


class TransformApplied(Fact, frozen=True):
    """A transform of a library is applied, alone or inside a pipeline.

    transform: ``ToPILImage``; made: where it was constructed (or the call of a functional form); input: what it is
    given, of which nothing is known if `step.before` is None; step: what it does, with its settings; `place` is
    `made`, where the user would change the pipeline. library: its canonical name without the last part:
    ``torchvision.transforms.v2``.
    """

    transform: str
    made: Place
    input: Tensor
    step: PixelStep
    library: str = ""
