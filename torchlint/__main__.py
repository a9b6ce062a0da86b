"""``python -m torchlint``."""

from torchlint.frontends.cli import main

raise SystemExit(main())
