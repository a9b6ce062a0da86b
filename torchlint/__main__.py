"""``python -m torchlint``."""

from torchlint.frontends.cli import program

program()
