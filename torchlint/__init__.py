"""torchlint runs a training program on abstract tensors, and its rules watch the run.

**Invariant:** nothing here but the version, so that ``torchlint --version`` costs nothing; the layers are described
in ARCHITECTURE.md.
"""

__version__ = "0.1.0"
