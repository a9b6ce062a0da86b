"""What a user does about findings in an editor: ask what is offered, choose it, and have commands carried out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Union, cast

from lsprotocol import types

from tests.server.clients import PATIENCE, Editor, capabilities

#: A program whose findings are: one with a safe fix, one with an unsafe one, a safe one, and one with both.
PROGRAM = """\
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return F.softmax(self.head(x))


net = Net()
loss = nn.CrossEntropyLoss()
x = torch.rand(4, 8)
y = torch.tensor([0, 1, 2, 0])
value = loss(net(x), y)
p = F.softmax(net(x))
q = nn.BCELoss()(nn.Linear(8, 1)(x), torch.rand(4, 1))
"""
#: Their codes and lines.
FOUND = [("TL112", 11), ("TL103", 18), ("TL112", 19), ("TL101", 20)]


def able(*, resolve: bool = False, show: bool = False, literal: bool = True, **rest: Any) -> types.ClientCapabilities:
    """What a client can do that also may be asked for an edit later, or may show documents, or knows commands only."""
    found = capabilities(**rest)
    assert found.text_document is not None
    kinds = types.ClientCodeActionKindOptions(["quickfix", "source", "source.fixAll"])
    found.text_document.code_action = types.CodeActionClientCapabilities(
        code_action_literal_support=types.ClientCodeActionLiteralOptions(kinds) if literal else None,
        is_preferred_support=True,
        data_support=resolve or None,
        resolve_support=types.ClientCodeActionResolveOptions(["edit"]) if resolve else None,
    )
    if show:
        assert found.window is not None
        found.window.show_document = types.ShowDocumentClientCapabilities(support=True)
    return found


def at(line: int, character: int = 0, *, to: int | None = None) -> types.Range:
    """A range in a line, as far as its end unless told otherwise."""
    return types.Range(types.Position(line, character), types.Position(line, 1000 if to is None else to))


async def offered(
    editor: Editor, uri: str, place: types.Range, only: Sequence[str] | None = None
) -> list[types.CodeAction]:
    """What is offered in a place; the diagnostics there are sent along, as an editor does."""
    _tell_apart(editor)
    here = [one for one in editor.client.diagnostics.get(uri, ()) if one.range.start.line == place.start.line]
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(uri), place, types.CodeActionContext(here, None if only is None else list(only))
    )
    found = await asyncio.wait_for(editor.client.text_document_code_action_async(params), PATIENCE)
    assert all(isinstance(one, types.CodeAction) for one in found or ())
    return [one for one in found or () if isinstance(one, types.CodeAction)]


def _tell_apart(editor: Editor) -> None:
    """The client's library takes an action that has a command for that command."""
    converter = editor.client.protocol._converter

    def structured(given: Any, _: type) -> types.Command | types.CodeAction:
        kind = types.Command if isinstance(given.get("command"), str) else types.CodeAction
        return cast("types.Command | types.CodeAction", converter.structure(given, kind))

    converter.register_structure_hook(Union[types.Command, types.CodeAction], structured)


def titles(found: Sequence[types.CodeAction]) -> list[str]:
    return [one.title for one in found]


def named(found: Sequence[types.CodeAction], title: str) -> types.CodeAction:
    """The action whose title begins so."""
    (one,) = (one for one in found if one.title.startswith(title))
    return one


async def choose(editor: Editor, action: types.CodeAction) -> None:
    """Do what an action says: its edit is asked for if it is missing, and made."""
    if action.edit is None and action.data is not None:
        action = await asyncio.wait_for(editor.client.code_action_resolve_async(action), PATIENCE)
    if action.edit is not None:
        make(editor, action.edit)
    if action.command is not None:
        await carry_out(editor, action.command.command, *(action.command.arguments or ()))


async def carry_out(editor: Editor, name: str, *arguments: object, patience: float = PATIENCE) -> Any:
    """What a command answers. Its edits are made."""

    def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        make(editor, params.edit)
        return types.ApplyWorkspaceEditResult(applied=True)

    editor.client.protocol.fm.features[types.WORKSPACE_APPLY_EDIT] = apply
    params = types.ExecuteCommandParams(name, list(arguments))
    return await asyncio.wait_for(editor.client.workspace_execute_command_async(params), patience)


def make(editor: Editor, edit: types.WorkspaceEdit) -> None:
    """Make an edit of open documents, of the versions that it is for."""
    changes: dict[str, list[types.TextEdit]] = {**(edit.changes or {})}  # type: ignore[dict-item]
    for one in edit.document_changes or ():
        assert isinstance(one, types.TextDocumentEdit)
        assert one.text_document.version == editor.versions[one.text_document.uri]
        changes[one.text_document.uri] = [each for each in one.edits if isinstance(each, types.TextEdit)]
    assert changes
    for uri, edits in changes.items():
        editor.change(uri, edited(editor.texts[uri], edits, str(editor.result.capabilities.position_encoding)))


def edited(text: str, edits: Sequence[types.TextEdit], encoding: str) -> str:
    """A text with edits made; none overlap."""
    stretches = sorted(
        ((_offset(text, one.range.start, encoding), _offset(text, one.range.end, encoding), one.new_text)
         for one in edits),
        key=lambda stretch: stretch[:2],
    )  # fmt: skip
    out, done = "", 0
    for start, end, new in stretches:
        assert done <= start <= end
        out += text[done:start] + new
        done = end
    return out + text[done:]


def _offset(text: str, position: types.Position, encoding: str) -> int:
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n|$)", text)
    line = lines[position.line]
    name = "utf-8" if "8" in encoding else "utf-32-le" if "32" in encoding else "utf-16-le"
    unit = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}[name]
    column = len(line.encode(name)[: position.character * unit].decode(name))
    assert len(line[:column].encode(name)) == position.character * unit
    return sum(map(len, lines[: position.line])) + column
