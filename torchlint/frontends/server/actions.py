"""What a client is offered to do about a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

if TYPE_CHECKING:
    from torchlint.frontends.server.folders import Item
    from torchlint.frontends.server.front import Front

FIX_ALL = "source.fixAll.torchlint"


def register(front: Front) -> None:
    """Offer actions."""
    options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL])

    @front.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        uri = params.text_document.uri
        folder = front.folder_with(uri)
        if folder is None:
            return []
        await folder.settled(uri)
        found: list[types.CodeAction | types.Command] = []
        for item in front.shown(folder, uri):
            if _touches(item, params.range):
                found += _fixes(front, item)
        return found


def _touches(item: Item, place: types.Range) -> bool:
    start, end = item["range"]["start"], item["range"]["end"]
    return (start["line"], start["character"]) <= (place.end.line, place.end.character) and (
        place.start.line,
        place.start.character,
    ) <= (end["line"], end["character"])


def _fixes(front: Front, item: Item) -> list[types.CodeAction]:
    """The ways to mend a finding; the first is preferred if it is safe."""
    made: list[types.CodeAction] = []
    for number, fix in enumerate(item.get("data", {}).get("fixes", ())):
        made.append(
            types.CodeAction(
                title=fix["title"],
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[front.diagnostic(item)],
                is_preferred=number == 0 and fix["safe"],
                edit=workspace_edit(front, fix["edit"]["changes"]),
            )
        )
    return made


def workspace_edit(front: Front, changes: dict[str, list[dict[str, Any]]]) -> types.WorkspaceEdit:
    """An edit of documents, with their versions if the client understands that."""
    edits = {uri: [text_edit(one) for one in some] for uri, some in changes.items()}
    if not front.can("workspace.workspace_edit.document_changes"):
        return types.WorkspaceEdit(changes=edits)
    versions = {uri: document.version for uri, document in front.workspace.text_documents.items()}
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, versions.get(uri)), list(some))
            for uri, some in edits.items()
        ]
    )


def text_edit(change: dict[str, Any]) -> types.TextEdit:
    """A change of a document."""
    start, end = change["range"]["start"], change["range"]["end"]
    place = types.Range(types.Position(**start), types.Position(**end))
    return types.TextEdit(place, change["newText"])
