"""PyTorch's words for what code does: the vocabulary of finding.

**Invariant:** facts are frozen data with places; they say what the code does, never that it is wrong. What two rules
need to know belongs in a fact, not in two rules.
"""

from torchlint.facts import claims
from torchlint.facts.base import Fact, Occurrence, TrailStep, trail
from torchlint.facts.channels import Fault
from torchlint.facts.computation import Cut, computed_by_model, core, reached, same_core, several_hot
from torchlint.facts.constructors import ConstructorRun
from torchlint.facts.data import TransformApplied
from torchlint.facts.distributions import DistributionUsed, Meeting
from torchlint.facts.endings import Ending, ending
from torchlint.facts.evaluation import ModelEvaluated, Prepared, PreprocessingCompared, alike, difference
from torchlint.facts.fed import LayerFed
from torchlint.facts.fit import Form, Misfit
from torchlint.facts.flattens import RowsMade
from torchlint.facts.forwarding import DropoutCalled, ForwardEnds, LayerMade, LoopReturns
from torchlint.facts.levels import Levels
from torchlint.facts.losses import LossCalled, LossWeighted
from torchlint.facts.modules import CriticCalled, LayerCalled, ModelCalled
from torchlint.facts.pairs import Draw, PairMoved
from torchlint.facts.pixels import KEEPING, PixelStep, Setting, history
from torchlint.facts.refusals import ShapesRefused
from torchlint.facts.reshapes import Reshaped
from torchlint.facts.stacks import PixelsClassified, SquashesStacked
from torchlint.facts.starts import LayerStarts
from torchlint.facts.statistics import ImageRescaled, Rescaling, rescalings
from torchlint.facts.submodules import StateShared, Unregistered, UnusedLayer
from torchlint.facts.tails import Tail
from torchlint.facts.tensors import ImageShown, OpCalled
from torchlint.facts.tensors_kept import TensorKept
from torchlint.facts.training import BackwardCalled, TrainingEvent, TrainingIteration
from torchlint.facts.windows import WindowMade
from torchlint.facts.wrapping import BytesComputed
from torchlint.flow.interval import Interval
from torchlint.flow.shape import Dim, Shape, differs, render
from torchlint.flow.values import Meaning, Place, Run, Tensor, Weights

__all__ = [
    "KEEPING", "BackwardCalled", "BytesComputed", "ConstructorRun", "CriticCalled", "Cut", "Dim", "DistributionUsed",
    "Draw", "DropoutCalled", "Ending", "Fact", "Fault", "Form", "ForwardEnds", "ImageRescaled", "ImageShown",
    "Interval", "LayerCalled", "LayerFed", "LayerMade", "LayerStarts", "Levels", "LoopReturns", "LossCalled",
    "LossWeighted", "Meaning", "Meeting", "Misfit", "ModelCalled", "ModelEvaluated", "Occurrence", "OpCalled",
    "PairMoved", "PixelStep", "PixelsClassified", "Place", "Prepared", "PreprocessingCompared", "Rescaling", "Reshaped",
    "RowsMade", "Run", "Setting", "Shape", "ShapesRefused", "SquashesStacked", "StateShared", "Tail", "Tensor",
    "TensorKept", "TrailStep", "TrainingEvent", "TrainingIteration", "TransformApplied", "Unregistered", "UnusedLayer",
    "Weights", "WindowMade", "alike", "claims", "computed_by_model", "core", "difference", "differs", "ending",
    "history", "reached", "render", "rescalings", "same_core", "several_hot", "trail",
]  # fmt: skip
