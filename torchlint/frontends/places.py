"""Where torchlint keeps what it keeps, and by what it knows itself."""

from __future__ import annotations

import os
import sys

from torchlint.source.digest import digest

TYPE_CHECKING = False  # as `typing` has it, which is slow to import
if TYPE_CHECKING:
    from collections.abc import Mapping

#: What torchlint stands on and its results depend on: a new version comes in a new folder.
LIBRARIES = ("libcst", "msgspec", "pathspec", "rich")

CACHE_VARIABLE = "TORCHLINT_CACHE_DIR"


def cache_folder(environment: Mapping[str, str]) -> str:
    """The folder of the cache: as the environment says, or the user's own for torchlint."""
    named = environment.get(CACHE_VARIABLE)
    if named:
        return named
    if sys.platform.startswith("linux"):  # as platformdirs has it, which takes longer to import than all else here
        base = environment.get("XDG_CACHE_HOME", "").strip()
        return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.cache"), "torchlint")
    from platformdirs import user_cache_dir

    return user_cache_dir("torchlint", appauthor=False)


def user_file(environment: Mapping[str, str]) -> str:
    """The configuration of the person who runs torchlint, whether it is there or not."""
    if sys.platform.startswith("linux"):  # as above
        base = environment.get("XDG_CONFIG_HOME", "").strip()
        folder = os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.config"), "torchlint")
    else:
        from platformdirs import user_config_dir

        folder = user_config_dir("torchlint", appauthor=False)
    return os.path.join(folder, "config.toml")


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def own_version() -> bytes:
    """A hash that changes with torchlint's own files, its rules and contracts, and with what runs it."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    told = [sys.version, sys.implementation.cache_tag or "", sys.executable]
    told += [_state(os.path.join(place, library)) for place in sys.path for library in LIBRARIES]
    for folder in (package, os.path.join(os.path.dirname(package), "rules")):
        told += _files(folder)
    return digest("\n".join(told).encode("utf-8", "surrogateescape"))


def _state(path: str) -> str:
    try:
        return str(os.stat(path).st_mtime_ns)
    except (OSError, ValueError):
        return ""


def _files(folder: str) -> list[str]:
    """Every file below a folder with its size and time, but for compiled and hidden ones."""
    found: list[str] = []
    pending = [folder]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith((".", "__pycache__")):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        status = entry.stat()
                        found.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
        except OSError:
            continue
    return sorted(found)
