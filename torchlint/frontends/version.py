"""What ``--version`` says: torchlint's version, that of its parser, and the Python that runs both."""

from __future__ import annotations

import os
import sys

from torchlint import __version__


def version() -> str:
    """Such as ``torchlint 0.1.0 (libcst 1.9.0, CPython 3.11.7)``."""
    name = {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)
    python = ".".join(str(part) for part in sys.version_info[:3])
    return f"torchlint {__version__} (libcst {_installed('libcst')}, {name} {python})"


def _installed(package: str) -> str:
    """The version of a package, by the name of the folder that tells what is installed: importing it takes long."""
    for folder in sys.path:
        try:
            names = os.listdir(folder or os.curdir)
        except OSError:
            continue
        if package in names:
            for name in names:
                if name.startswith(f"{package}-") and name.endswith(".dist-info"):
                    return name[len(package) + 1 : -len(".dist-info")]
            break
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as read

    try:
        return read(package)
    except PackageNotFoundError:
        return "of an unknown version"
