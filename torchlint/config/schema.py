"""The JSON schema of a configuration, made from the table of keys."""

from __future__ import annotations

import json
import re
from typing import Any

from torchlint.config.contracts import definitions
from torchlint.config.keys import KEYS

#: A link in Markdown.
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def schema() -> dict[str, Any]:
    """The schema of the table of torchlint's keys, as a whole ``torchlint.toml`` or below ``[tool.torchlint]``."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "torchlint",
        "description": "The configuration of torchlint.",
        "type": "object",
        "properties": {
            key.name: {"description": _LINK.sub(r"\1", key.words), **key.kind.schema()} for key in KEYS.values()
        },
        "additionalProperties": False,
        "definitions": definitions(),
    }


def as_text() -> str:
    """The schema as JSON with a final end of line."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
