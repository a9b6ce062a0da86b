"""The commands that a client may have carried out, and what they answer.

Definitions
    wrong  arguments of another number or kind than a command has; it is answered with an error that says so, as is a
           command that cannot be carried out

Worked example: ``torchlint.dataPath`` with ``["file:///srv/app/train.py", 30]`` answers with the ways of the data
through line 31, as a text and as a drawing.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Callable, Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified, JsonRpcException, JsonRpcInvalidParams

from torchlint import __version__
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server.actions import ask, workspace_edit
from torchlint.frontends.server.folders import OutdatedError
from torchlint.frontends.server.settings import NOT_ALLOWED
from torchlint.report.explain import summary

if TYPE_CHECKING:
    from torchlint.engine.registry import Registry
    from torchlint.frontends.pages import Page
    from torchlint.frontends.server.front import Front

Command = Callable[..., Coroutine[Any, Any, Any]]


class Argument:
    """What an argument must be: a text, a line (from 0), or either nothing or such."""

    def __init__(self, name: str, kind: type, *, optional: bool = False) -> None:
        self.name, self.kind, self.optional = name, kind, optional

    def fits(self, value: object) -> bool:
        """Whether a value is one."""
        if value is None:
            return self.optional
        if self.kind is int:
            return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31
        return isinstance(value, str) and bool(value)

    def __str__(self) -> str:
        kind = "a line from 0" if self.kind is int else "a text"
        return f"`{self.name}` ({kind}{' or null' if self.optional else ''})"


URI, CODE = Argument("uri", str), Argument("code", str)
LINE, MAYBE_LINE = Argument("line", int), Argument("line", int, optional=True)


def register(front: Front) -> None:
    """Offer the commands."""
    for name, (command, arguments) in _COMMANDS.items():
        front.command(f"torchlint.{name}")(_carried_out(front, name, command, arguments))


def _carried_out(front: Front, name: str, command: Command, wanted: tuple[Argument, ...]) -> Command:
    """A command whose arguments are looked at first, and which ends when its request is given up."""

    async def carry_out(*given: Any) -> Any:
        padded = [*given, *[None] * (len(wanted) - len(given))]
        if len(given) > len(wanted) or not all(one.fits(value) for one, value in zip(wanted, padded)):
            said = ", ".join(map(str, wanted)) or "none"
            raise JsonRpcInvalidParams(f"torchlint.{name}: wrong arguments; it takes {said}")
        number, task = front.protocol.msg_id, asyncio.current_task()
        assert task is not None
        front.protocol.commands[number] = task
        try:
            return await command(front, *padded)
        except UsageError as error:
            raise JsonRpcException(str(error), types.LSPErrorCodes.RequestFailed.value) from error
        except OutdatedError:
            raise JsonRpcContentModified("the text has changed meanwhile") from None
        finally:
            front.protocol.commands.pop(number, None)

    return carry_out


# --- pages ---------------------------------------------------------------------------------------------------------


@cache
def _rules() -> Registry:
    from torchlint.engine import registry

    return registry.load()


def page(code: str) -> Page:
    """The page of a rule; it takes some time to read all rules.

    Raises:
        UsageError: no rule has this code or name.
    """
    from torchlint.frontends import pages  # reads all rules, which nothing else here does

    return pages.find(code, _rules())


async def _explain(front: Front, code: str) -> dict[str, str]:
    """Show the page of a rule; it is the answer too."""
    found = await asyncio.to_thread(page, code)
    if found.file is not None and front.can("window.show_document.support"):
        params = types.ShowDocumentParams(found.file.as_uri(), external=False, take_focus=True)
        front.later(front.window_show_document_async(params))
    else:
        words = f"torchlint: {found.name} ({found.code}): {summary(found.text)}"
        front.window_show_message(types.ShowMessageParams(types.MessageType.Info, words))
    return {"code": found.code, "name": found.name, "markdown": found.text}


# --- documents -----------------------------------------------------------------------------------------------------


async def _data_path(front: Front, uri: str, line: int | None) -> Any:
    """The ways of the data through a document or a line of it."""
    return await ask(front, uri, "data_path", row=None if line is None else line + 1)


async def _fix_all(front: Front, uri: str) -> dict[str, Any]:
    """Have the client make all fixes of a document; whether it did, and how many findings are gone then."""
    reply = await ask(front, uri, "fix_all")
    if not reply["edits"]:
        words = "torchlint: there is nothing to fix here that needs no decision"
        front.window_show_message(types.ShowMessageParams(types.MessageType.Info, words))
        return {"applied": False, "fixed": 0}
    if not front.can("workspace.apply_edit"):
        raise UsageError("this editor does not let a server change documents")
    params = types.ApplyWorkspaceEditParams(workspace_edit(front, reply["edits"]), "torchlint: fix all")
    result = await front.workspace_apply_edit_async(params)
    return {"applied": result.applied, "fixed": reply["fixed"] if result.applied else 0}


async def _confirm(front: Front, uri: str, line: int, code: str) -> list[dict[str, str]] | None:
    """Ask a run about the findings of a rule in a line: what it says of each; None if the user does not wait for it.

    It runs code of the project, and asks the worker first whether that is allowed.
    """
    from torchlint.frontends.server.front import ProgressBar

    if not (front.trusted and front.settings.confirm):
        raise UsageError(NOT_ALLOWED)
    folder = front.folder_with(uri)
    if folder is None:
        raise JsonRpcInvalidParams(f"{uri} is no file")
    claim = await ask(front, uri, "claim", row=line + 1, code=code)
    run = asyncio.ensure_future(front.runs.do(claim["errand"], folder.path))
    progress = ProgressBar(front, f"torchlint: running the model for {code}", run.cancel)
    if front.can("window.work_done_progress"):
        front.later(progress.begin())
    try:
        await asyncio.wait([run])
    finally:
        progress.end()
        if not run.done():  # the request was given up
            run.cancel()
            await asyncio.wait([run])
    if run.cancelled():
        return None
    said: list[dict[str, str]] = await folder.ask("decided", done=run.result(), generation=claim["generation"])
    for one in said:
        words = f"torchlint: {code} in line {line + 1}: {one['text']}"
        front.window_show_message(types.ShowMessageParams(types.MessageType.Info, words))
    return said


# --- folders -------------------------------------------------------------------------------------------------------


async def _check(front: Front) -> dict[str, int]:
    """Look at all folders anew, at what they hold now and as their configurations say now."""
    for folder in front.folders():
        front.configure(folder)
    for folder in front.folders():
        await folder.all_settled()
    found = [front.shown(folder, uri) for folder in front.folders() for uri in folder.items]
    return {"folders": len(front.folders()), "findings": sum(map(len, found))}


async def _information(front: Front) -> dict[str, Any]:
    """What runs here."""
    folders = [
        {
            "path": folder.path,
            "workspace": folder.listing,
            "looked": folder.looked,
            "documents": len(folder.versions),
            "findings": sum(len(front.shown(folder, uri)) for uri in folder.items),
        }
        for folder in front.folders()
    ]
    return {
        "version": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "encoding": str(getattr(front.workspace.position_encoding, "value", front.workspace.position_encoding)),
        "trusted": front.trusted,
        "folders": folders,
    }


_COMMANDS: dict[str, tuple[Command, tuple[Argument, ...]]] = {
    "explain": (_explain, (CODE,)),
    "dataPath": (_data_path, (URI, MAYBE_LINE)),
    "fixAll": (_fix_all, (URI,)),
    "confirm": (_confirm, (URI, LINE, CODE)),
    "check": (_check, ()),
    "information": (_information, ()),
}
