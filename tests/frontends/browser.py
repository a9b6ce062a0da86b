"""Chromium without a screen, for tests of pages: what it makes of a page, and how the page looks.

Where it is missing it is installed if this is Debian's root, as in CI; else the test fails and says what to install.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.packages import found_or_installed, on_path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
PATIENCE = 300.0


def chromium() -> str:
    """The path of the program."""
    found = found_or_installed(on_path(*NAMES), "chromium", "fonts-dejavu-core")
    if found is None:
        pytest.fail("there is no Chromium here to show the page with: install the package chromium")
    return found


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
