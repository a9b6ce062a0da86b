"""JSON and XML in which no control character stands as itself.

Definitions
    unprintable  what `torchlint.report.text.visible` shows as an escape: control and format characters, line and
                 paragraph separators, lone surrogates
"""

from __future__ import annotations

import json
import re
from typing import Any

from torchlint.report.text import unprintable, visible


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON that people can read: letters of all scripts as they are, everything unprintable as an escape."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    return re.sub(r"[^\n -~]", _escaped, text)


def xml(text: str) -> str:
    """Character data or an attribute's value (in double quotes) for XML 1.0, which has no way to say some characters:
    what is unprintable is shown as in messages."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return visible(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def _escaped(match: re.Match[str]) -> str:
    """A character inside a JSON string, as an escape if it is unprintable: of two halves if it is beyond 16 bits."""
    character = match[0]
    if not unprintable(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
