"""Programs that tests need and pip does not bring: found, or installed if this is Debian's root, as in CI."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

PATIENCE = 600.0


def found_or_installed(find: Callable[[], str | None], *packages: str) -> str | None:
    """What `find` finds, after these packages of Debian were installed if it found nothing at first.

    Several processes of one test run may ask for packages at once; one after the other is served.
    """
    if (found := find()) is not None:
        return found
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return None
    with (Path(tempfile.gettempdir()) / "torchlint-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := find()) is not None:
            return found
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            subprocess.run([apt, "--quiet", *words], env=environment, capture_output=True, timeout=PATIENCE)
    return find()


def on_path(*names: str) -> Callable[[], str | None]:
    """Looks for the first of several programs."""
    return lambda: next((path for name in names if (path := shutil.which(name)) is not None), None)
