"""What a client is offered to do about a finding.

Definitions
    touched  a finding whose range meets the one that the client asks about
    lazy     an edit that the worker has to work out: that of fixing all, and of a comment. A client that can ask for it
             later is given the action without it, and the worker is asked when somebody chooses the action

Worked example: the cursor is in a line with a TL101. Its fixes are offered, the best as preferred, ``Fix all 3 findings
of this file``, ``Silence TL101 here`` and ``Explain TL101 (bce-on-logits)``; where the user lets models be run, also
``Confirm TL101 by running the model``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified, JsonRpcException, JsonRpcInvalidParams

from torchlint.engine.builtin import INTERNAL_ERROR, SYNTAX_ERROR
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server.folders import OutdatedError

if TYPE_CHECKING:
    from torchlint.frontends.server.folders import Folder, Item
    from torchlint.frontends.server.front import Front

QUICK_FIX = types.CodeActionKind.QuickFix.value
FIX_ALL = "source.fixAll.torchlint"
#: Of all cells of a notebook, rather than of one.
FIX_NOTEBOOK = "notebook.source.fixAll.torchlint"

#: What no comment can silence.
LOUD = frozenset({INTERNAL_ERROR.code, SYNTAX_ERROR.code})

#: How a fix is named that need not leave a correct program as it is.
UNSAFE = " (may change what the program does)"


def register(front: Front) -> None:
    """Offer actions."""
    kinds = [types.CodeActionKind.QuickFix, FIX_ALL, FIX_NOTEBOOK]
    options = types.CodeActionOptions(code_action_kinds=kinds, resolve_provider=True)

    @front.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        found = await _Offer(front, params).actions()
        if front.can("text_document.code_action.code_action_literal_support") is not None:
            return [*found]
        return [action.command for action in found if action.command is not None]

    @front.feature(types.CODE_ACTION_RESOLVE)
    async def resolve(action: types.CodeAction) -> types.CodeAction:
        if action.data is not None and action.edit is None:
            action.edit = await _edit(front, action.data)
        return action


class _Offer:
    """What is offered in one place."""

    def __init__(self, front: Front, params: types.CodeActionParams) -> None:
        self._front = front
        self._uri = params.text_document.uri
        self._range = params.range
        self._only = [str(getattr(one, "value", one)) for one in params.context.only or ()]
        self._lazy = "edit" in (front.can("text_document.code_action.resolve_support.properties") or ()) and bool(
            front.can("text_document.code_action.data_support")
        )

    async def actions(self) -> list[types.CodeAction]:
        """All that is wanted, the best first."""
        front, uri = self._front, self._uri
        folder = front.folder_with(uri)
        if folder is None:
            return []
        if self._only:  # by name, as before a file is saved: then its text counts whenever files are looked at
            front.send(folder, uri)
        await folder.settled(uri)
        if any(not _stays(item, _documents(front, uri)) for item in self._touched(folder)):
            await folder.all_settled()
        if not front.is_sent(folder, uri):
            return []
        here = self._touched(folder)
        found = [*self._fixes(here)] if self._wants(QUICK_FIX) else []
        found += [action async for action in self._all(folder, bool(here))]
        if self._wants(QUICK_FIX):
            found += [action async for action in self._others(here)]
        return found

    def _wants(self, kind: str) -> bool:
        return not self._only or any(kind == one or kind.startswith(f"{one}.") or not one for one in self._only)

    def _touched(self, folder: Folder) -> list[Item]:
        return [item for item in self._front.shown(folder, self._uri) if _meets(item, self._range)]

    def _fixes(self, here: Iterable[Item]) -> Iterator[types.CodeAction]:
        """The ways to mend each finding; the first is preferred if it is safe."""
        for item in here:
            for number, fix in enumerate(item.get("data", {}).get("fixes", ())):
                yield types.CodeAction(
                    title=fix["title"] + ("" if fix["safe"] else UNSAFE),
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[self._front.diagnostic(item)],
                    is_preferred=number == 0 and fix["safe"],
                    edit=workspace_edit(self._front, fix["edit"]["changes"]),
                )

    async def _all(self, folder: Folder, at_one: bool) -> Any:
        """The ways to mend everything; `at_one`: the cursor is at a finding."""
        front, uri = self._front, self._uri
        everywhere = _documents(front, uri)
        notebook = len(everywhere) > 1 or everywhere[0] != uri or front.notebook_of(uri) is not None
        whole = [item for one in everywhere for item in front.shown(folder, one) if item["fixable"]]
        own = [item for item in front.shown(folder, uri) if item["fixable"] == "document"]
        if self._wants(QUICK_FIX) and at_one and len(whole) > 1:
            title = f"Fix all {len(whole)} findings of this {'notebook' if notebook else 'file'}"
            yield await self._made(title, QUICK_FIX, {"what": "fix_all", "uri": uri, "cell": False})
        if own and self._wants(FIX_ALL) and (self._only or self._lazy or at_one):
            title = f"Fix all that torchlint can in this {'cell' if notebook else 'file'}"
            yield await self._made(title, FIX_ALL, {"what": "fix_all", "uri": uri, "cell": notebook})
        if notebook and whole and self._only and self._wants(FIX_NOTEBOOK):
            title = "Fix all that torchlint can in this notebook"
            yield await self._made(title, FIX_NOTEBOOK, {"what": "fix_all", "uri": uri, "cell": False})

    async def _others(self, here: Iterable[Item]) -> Any:
        """What can be done about a finding beside mending it, once for each rule and line."""
        front = self._front
        by_line = {(item["code"], item["range"]["start"]["line"]): item for item in here}
        for (code, line), item in by_line.items():
            if code not in LOUD:
                data = {"what": "silence", "uri": self._uri, "line": line, "code": code}
                try:
                    yield await self._made(f"Silence {code} here", QUICK_FIX, data, item)
                except JsonRpcException:  # there is no place for a comment
                    continue
        for (code, line), item in by_line.items():
            if item["confirmable"] and front.settings.confirm and front.trusted:
                title = f"Confirm {code} by running the model"
                command = types.Command(title, "torchlint.confirm", arguments=[self._uri, line, code])
                yield self._commanded(command, item)
        for code, item in {item["code"]: item for item in by_line.values()}.items():
            title = f"Explain {code} ({item['name']})"
            yield self._commanded(types.Command(title, "torchlint.explain", arguments=[code]), item)

    async def _made(self, title: str, kind: str, data: dict[str, Any], item: Item | None = None) -> types.CodeAction:
        """An action whose edit is lazy."""
        return types.CodeAction(
            title=title,
            kind=kind,
            diagnostics=None if item is None else [self._front.diagnostic(item)],
            edit=None if self._lazy else await _edit(self._front, data),
            data=data if self._lazy else None,
        )

    def _commanded(self, command: types.Command, item: Item) -> types.CodeAction:
        return types.CodeAction(
            title=command.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[self._front.diagnostic(item)],
            command=command,
        )


def _documents(front: Front, uri: str) -> list[str]:
    """The documents of the file that has this one: itself, or all cells of a notebook."""
    notebook = front.notebook_of(uri)
    return [uri] if notebook is None else [cell.document for cell in notebook.cells]


def _meets(item: Item, place: types.Range) -> bool:
    start, end = item["range"]["start"], item["range"]["end"]
    return (start["line"], start["character"]) <= (place.end.line, place.end.character) and (
        place.start.line,
        place.start.character,
    ) <= (end["line"], end["character"])


def _stays(item: Item, documents: Iterable[str]) -> bool:
    """Whether the fixes of a finding change these documents only."""
    fixes = item.get("data", {}).get("fixes", ())
    return {uri for fix in fixes for uri in fix["edit"]["changes"]} <= {*documents}


# --- edits ---------------------------------------------------------------------------------------------------------


async def _edit(front: Front, data: Any) -> types.WorkspaceEdit:
    """A lazy edit, by what an action says of it.

    Raises:
        JsonRpcInvalidParams: that is nothing that was said of one. JsonRpcException: there is no edit, and why.
    """
    try:
        what, uri = str(data["what"]), str(data["uri"])
        if what == "fix_all":
            reply = await ask(front, uri, what, alone=bool(data["cell"]))
        else:
            reply = await ask(front, uri, "silence", row=int(data["line"]) + 1, code=str(data["code"]))
    except (LookupError, TypeError, ValueError) as error:
        raise JsonRpcInvalidParams("this is the data of no action") from error
    return workspace_edit(front, reply["edits"])


async def ask(front: Front, uri: str, what: str, *, alone: bool = True, **arguments: Any) -> Any:
    """The answer of a worker to a question about a document as it is now; `alone`: of a cell by itself, not of its
    notebook.

    Raises:
        JsonRpcException: there is none, and why.
    """
    path, cell = front.place(uri)
    if path is None:
        raise JsonRpcInvalidParams(f"{uri} is no file")
    folder = front.folder_of(path)
    front.send(folder, uri)
    try:
        reply = await folder.ask(what, path=path, cell=cell if alone else 0, **arguments)
    except UsageError as error:
        raise JsonRpcException(str(error), types.LSPErrorCodes.RequestFailed.value) from error
    except OutdatedError:
        raise JsonRpcContentModified("the text has changed meanwhile") from None
    if not front.is_sent(folder, uri):
        raise JsonRpcContentModified("the text has changed meanwhile")
    return reply


def workspace_edit(front: Front, changes: dict[str, list[dict[str, Any]]]) -> types.WorkspaceEdit:
    """An edit of documents, with their versions if the client understands that."""
    edits = {uri: [text_edit(one) for one in some] for uri, some in changes.items()}
    if not front.can("workspace.workspace_edit.document_changes"):
        return types.WorkspaceEdit(changes=edits)
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, _version(front, uri)), list(some))
            for uri, some in edits.items()
        ]
    )


def _version(front: Front, uri: str) -> int | None:
    document = front.workspace.text_documents.get(unquote(uri))
    return None if document is None else document.version


def text_edit(change: dict[str, Any]) -> types.TextEdit:
    """A change of a document."""
    start, end = change["range"]["start"], change["range"]["end"]
    place = types.Range(types.Position(**start), types.Position(**end))
    return types.TextEdit(place, change["newText"])
