"""Chromium without a screen, for tests of pages: what it makes of a page, and how the page looks.

Where it is missing it is installed if this is Debian's root, as in CI; else the test fails and says what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
PATIENCE = 300.0


def chromium() -> str:
    """The path of the program."""
    if (found := _found()) is not None:
        return found
    apt = shutil.which("apt-get")
    if apt is not None and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
            subprocess.run([apt, "--quiet", *words], env=environment, capture_output=True, timeout=2 * PATIENCE)
    if (found := _found()) is not None:
        return found
    pytest.fail("there is no Chromium here to show the page with: install the package chromium")


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


def document(page: Path, profile: Path) -> str:
    """The page's document, after it was loaded and its scripts, if any, have run."""
    return _run([f"--user-data-dir={profile}", "--dump-dom", page.as_uri()])


def picture(page: Path, profile: Path, *, dark: bool = False) -> bytes:
    """The page as a PNG file."""
    image = profile.parent / f"{page.stem}-{'dark' if dark else 'light'}.png"
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    _run([f"--user-data-dir={profile}", scheme, "--window-size=1000,1600", f"--screenshot={image}", page.as_uri()])
    return image.read_bytes()


def _run(words: list[str]) -> str:
    done = subprocess.run([chromium(), *FLAGS, *words], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout
