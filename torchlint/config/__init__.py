"""Settings as values: what may be configured, where it is written, and what is wrong with it.

A file is linted under the nearest ``pyproject.toml`` that has ``[tool.torchlint]``, or ``torchlint.toml``, in its
folder or one above. Files are not merged with each other, except that ``extend`` names one that this one builds on:
its keys hold where this one does not give them, and its contracts beside those of this one.

`values` has the settings, `keys` the table of what may be written, `files` the way from one to the other, `lines` the
places, `contracts` and `hints` the keys that are tables of their own, `schema` the JSON schema. `user` reads the file
of the person who runs torchlint, which no project can name.

**Invariant:** a `Settings` is complete and checked: whoever holds one asks no file and raises nothing. No setting can
make torchlint run code, so that a repository's own configuration may be trusted with all of them: what `user` says is
no setting.
"""

from torchlint.config.files import NAMES, Loaded, Origin, in_folder, load, with_line
from torchlint.config.values import ConfigError, Hints, Pattern, Settings

__all__ = [
    "NAMES",
    "ConfigError",
    "Hints",
    "Loaded",
    "Origin",
    "Pattern",
    "Settings",
    "in_folder",
    "load",
    "with_line",
]
