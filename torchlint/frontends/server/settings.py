"""What the editor's user has chosen: the section ``torchlint`` of the client's settings.

Definitions
    settings  what `initializationOptions` and ``workspace/configuration`` hold; what is not there has its default, and
              what is of the wrong kind is passed over with a word in the log

Worked example: ``{"run": "onSave", "inlayHints": {"shapes": true}}`` shows shapes, and looks at files when they are
saved.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

#: What there is to say where models may not be run.
NOT_ALLOWED = (
    "nothing is run: it takes a workspace that is trusted, the setting `torchlint.confirm`, and your own configuration "
    "file, which allows it for this project (`confirm.enabled`)"
)


class InlayHints(msgspec.Struct, frozen=True, rename="camel"):
    """What is shown beside names: shapes, ranges."""

    shapes: bool = False
    ranges: bool = False


class EditorSettings(msgspec.Struct, frozen=True, rename="camel"):
    """See the module's text.

    enable: whether there are diagnostics at all. configuration: a configuration file to use for everything. run: when
    a document is looked at. workspace_diagnostics: whether files are spoken of that are not open. hover: whether there
    are hovers. confirm: whether findings may be confirmed by running the model (in a trusted workspace, and if the
    user's own configuration file allows it). interpreter: what a client starts the server with. log_level: what is
    logged.
    """

    enable: bool = True
    configuration: str | None = None
    run: Literal["onType", "onSave"] = "onType"
    workspace_diagnostics: bool = True
    hover: bool = True
    inlay_hints: InlayHints = InlayHints()
    confirm: bool = False
    interpreter: str | None = None
    log_level: Literal["error", "warning", "info", "debug"] = "info"


def section(told: object) -> dict[str, Any]:
    """Torchlint's section of what a client tells; it may be all that is told."""
    if not isinstance(told, dict):
        return {}
    return told["torchlint"] if isinstance(told.get("torchlint"), dict) else told


def laid_over(told: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """What a client tells later, over what it told when it started: an editor whose user has set nothing in the section
    answers with an empty one, and then the options of the start hold on."""
    laid = dict(first)
    for name, value in told.items():
        below = laid.get(name)
        laid[name] = laid_over(value, below) if isinstance(value, dict) and isinstance(below, dict) else value
    return laid


def read(told: dict[str, Any]) -> tuple[EditorSettings, list[str]]:
    """Settings as a client tells them, and what is wrong with them."""
    kept: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(EditorSettings):
        name = field.encode_name
        if name not in told or told[name] is None:
            continue
        try:
            kept[field.name] = msgspec.convert(told[name], field.type)
        except msgspec.ValidationError as error:
            problems.append(f"torchlint.{name}: {error}")
    return EditorSettings(**kept), problems
