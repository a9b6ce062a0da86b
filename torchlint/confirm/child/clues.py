"""Input sizes that a project's texts speak of: dummy tensors, summaries, resizing and cropping, well-known datasets.

Clues only say what to try first; a size found with them is still found by search.

Worked example: `summary(net, (1, 28, 28))` gives the shape (1, 28, 28) without a batch, `transforms.Resize(64)` the
size 64, `datasets.CIFAR10(...)` the size 32.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_NUMBERS = r"\(?\[?\s*(\d+(?:\s*,\s*\d+)*)\s*,?\s*[\])]"
_DUMMY = re.compile(r"(?:randn|rand|zeros|ones|empty|Tensor)\(\s*" + _NUMBERS)
_SUMMARY = re.compile(r"(?:summary\([^\n]*?,\s*(?:input_size\s*=\s*)?|input_size\s*=\s*|input_shape\s*=\s*)" + _NUMBERS)
_RESIZE = re.compile(
    r"(?:Resize|CenterCrop|RandomCrop|RandomResizedCrop|Scale|CenterCrop|resize)\(\s*(?:size\s*=|height\s*=)?\s*"
    + r"[\[(]?\s*(\d{1,4})"
)
_NAMED = re.compile(
    r"(?:img|image|crop|input|resize|patch|target)_?(?:size|sz|height|width|dim)\w*[\"']?\s*[=:,]\s*"
    r"(?:type=int,\s*)?(?:default=)?[\[(]?\s*(\d{2,4})",
    re.IGNORECASE,
)
_DATASETS = (
    (re.compile(r"\b\w*MNIST\b"), 28),
    (re.compile(r"\bCIFAR\d*\b|\bSVHN\b"), 32),
    (re.compile(r"\bSTL10\b"), 96),
)
LARGEST = 1024


@dataclass
class Clues:
    """Spatial sizes and whole shapes (as written, with or without a batch), the likeliest first."""

    sizes: list[int] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)


def clues_of(texts: Iterable[str]) -> Clues:
    """What the texts say, the first text first."""
    clues = Clues()
    for text in texts:
        for pattern in (_DUMMY, _SUMMARY):
            for found in pattern.findall(text):
                shape = tuple(int(number) for number in found.split(","))
                if 1 <= len(shape) <= 5 and all(0 < size <= 4096 for size in shape):
                    clues.shapes.append(shape)
                    if len(shape) >= 3:
                        clues.sizes.append(shape[-1])
        for pattern in (_RESIZE, _NAMED):
            clues.sizes += [int(found) for found in pattern.findall(text)]
        clues.sizes += [size for pattern, size in _DATASETS if pattern.search(text)]
    clues.sizes = [size for size in dict.fromkeys(clues.sizes) if 4 <= size <= LARGEST][:8]
    clues.shapes = list(dict.fromkeys(clues.shapes))[:8]
    return clues
