"""The child's modules name each other plainly: their folder stands on the path of imports, last."""

import sys
from pathlib import Path

CHILD = str(Path(__file__).resolve().parents[2] / "torchlint" / "confirm" / "child")
if CHILD not in sys.path:
    sys.path.append(CHILD)
