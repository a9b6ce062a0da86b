"""code-server, which is VS Code shown by a browser, for tests: installed once, and kept among temporary files.

It comes from the npm registry, and takes 300 MB. Of its native parts only that is compiled without which it does not
start; it then has no terminal and writes no log files.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

VERSION = "4.100.3"  # has VS Code 1.100
NODE = "20"  # runs that version
PATIENCE = 900.0


def npm(words: list[str], folder: Path, **more: str) -> str:
    """Run npm in a folder, with `more` in its environment; its output is returned. The test fails if npm does."""
    program = shutil.which("npm")
    if program is None:
        pytest.fail("there is no npm here, with which VS Code's extension is made: install Node.js 20")
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    done = subprocess.run(
        [program, *words], cwd=folder, env={**os.environ, **quiet, **more}, capture_output=True, text=True,
        timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, f"npm {' '.join(words)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def code_server() -> Path:
    """The script that starts it, with Node.js."""
    place = _kept() / f"code-server-{VERSION}"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _install(place)
    return _package(place) / "out" / "node" / "entry.js"


def _kept() -> Path:
    """A folder that is kept between runs, and is nobody else's."""
    folder = Path(tempfile.gettempdir()) / f"torchlint-editors-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    assert stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid(), f"{folder} is somebody else's"
    return folder


def _install(place: Path) -> None:
    node = shutil.which("node")
    version = (
        ""
        if node is None
        else subprocess.run([node, "-p", "process.versions.node"], capture_output=True, text=True).stdout
    )
    assert node is not None and version.split(".")[0] == NODE, (
        f"code-server {VERSION} needs Node.js {NODE}, not {version}"
    )
    building = place.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    npm(["install", "--ignore-scripts", "--prefix", str(building), f"code-server@{VERSION}"], building)
    code = _package(building) / "lib" / "vscode"
    npm(["install", "--ignore-scripts", "--omit=dev"], code)
    (code / "node_modules.asar").symlink_to("node_modules")
    native = {"npm_config_build_from_source": "true"}
    around = Path(os.path.realpath(node)).parents[1]
    if (around / "include" / "node" / "node.h").is_file():
        native["npm_config_nodedir"] = str(around)
    npm(["rebuild", "argon2"], building, **native)
    building.rename(place)


def _package(place: Path) -> Path:
    return place / "node_modules" / "code-server"
