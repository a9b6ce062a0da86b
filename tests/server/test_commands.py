"""The commands of the server, and what they answer."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from tests.frontends.programs import MODEL, TRAIN
from tests.server.acting import FOUND, PROGRAM, able, at, carry_out, choose, named, offered
from tests.server.clients import PATIENCE, Editor, editing, project
from torchlint import __version__
from torchlint.engine import registry

pytestmark = pytest.mark.asyncio

FINDING = ("TL101", 10)
#: The script with data that is known.
KNOWN = TRAIN.replace('torch.load("batches.pt")', "[(torch.rand(4, 8), torch.rand(4, 1))]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "app", {"model.py": MODEL, "train.py": TRAIN})


# --- arguments -----------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, list[Any]]] = [
    ("explain", []),
    ("explain", [3]),
    ("explain", [""]),
    ("explain", ["TL101", "TL101"]),
    ("explain", [{"code": "TL101"}]),
    ("dataPath", []),
    ("dataPath", [None]),
    ("dataPath", ["file:///x.py", "3"]),
    ("dataPath", ["file:///x.py", -1]),
    ("dataPath", ["file:///x.py", 1.5]),
    ("dataPath", ["file:///x.py", True]),
    ("dataPath", ["file:///x.py", 1 << 40]),
    ("dataPath", ["file:///x.py", 1, 2]),
    ("dataPath", ["http://example.org/x.py", 1]),
    ("fixAll", []),
    ("fixAll", [[]]),
    ("fixAll", ["file:///x.py", 1]),
    ("confirm", ["file:///x.py", None, "TL101"]),
    ("confirm", ["file:///x.py", 1]),
    ("check", [1]),
    ("information", ["x"]),
    ("nothing", []),
]


async def test_wrong_arguments_are_answered_with_an_error(folder: Path) -> None:
    async with editing(folder) as editor:
        for name, arguments in WRONG:
            with pytest.raises(JsonRpcInvalidParams):
                await carry_out(editor, f"torchlint.{name}", *arguments)
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)


async def test_what_cannot_be_carried_out_is_answered_with_the_reason(folder: Path) -> None:
    async with editing(folder) as editor:
        gone = (folder / "gone.py").as_uri()
        for name, arguments, reason in (
            ("explain", ["TL1001"], "no rule has the code or name 'TL1001'"),
            ("explain", ["bce-on-logit"], "did you mean `bce-on-logits`"),
            ("dataPath", [gone, 3], "gone.py is not linted"),
            ("fixAll", [gone], "gone.py is not linted"),
            ("confirm", [(folder / "train.py").as_uri(), 10, "TL101"], "a workspace that is trusted"),
        ):
            with pytest.raises(JsonRpcException, match=reason) as raised:
                await carry_out(editor, f"torchlint.{name}", *arguments)
            assert raised.value.code == types.LSPErrorCodes.RequestFailed


async def test_the_commands_are_announced(folder: Path) -> None:
    async with editing(folder) as editor:
        provider = editor.result.capabilities.execute_command_provider
        assert provider is not None
        assert {*provider.commands} == {
            f"torchlint.{name}" for name in ("explain", "dataPath", "fixAll", "confirm", "check", "information")
        }


# --- pages ---------------------------------------------------------------------------------------------------------


async def test_explaining_shows_the_page(folder: Path) -> None:
    async with editing(folder, capable=able(show=True)) as editor:
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)
        await choose(editor, named(await offered(editor, script, at(10)), "Explain TL101 (bce-on-logits)"))
        await editor.until(lambda: editor.client.shown_documents)
        (shown,) = editor.client.shown_documents
        assert shown.uri == (registry.own_folder() / "losses" / "bce_on_logits.md").as_uri()
        for name in ("TL101", "bce-on-logits"):
            answer = await carry_out(editor, "torchlint.explain", name)
            assert (answer["code"], answer["name"]) == ("TL101", "bce-on-logits")
            assert answer["markdown"].startswith("# bce-on-logits (TL101)\n")


async def test_explaining_without_a_way_to_show_the_page(folder: Path) -> None:
    """A code of the tool itself has no file; and a client may have no window for one."""
    async with editing(folder, capable=able(show=True)) as editor:
        answer = await carry_out(editor, "torchlint.explain", "TL001")
        assert answer["markdown"].startswith("# syntax-error (TL001)\n")
        await editor.until(lambda: editor.client.messages)
        assert editor.client.messages[0].message.startswith("torchlint: syntax-error (TL001): The file does not parse")
    async with editing(folder) as editor:
        await carry_out(editor, "torchlint.explain", "TL101")
        await editor.until(lambda: editor.client.messages)
        assert not editor.client.shown_documents


# --- the way of the data -------------------------------------------------------------------------------------------


async def test_the_data_path_is_that_of_the_buffers_and_the_whole_project(folder: Path) -> None:
    """It is what ``torchlint trace`` draws of files that hold the same."""
    texts = {
        "model.py": "# one more\n" + MODEL.replace("self.head(x)", "self.head(x).tanh()"),
        "train.py": "# one more\n" + KNOWN,
    }
    other = project(folder.parent / "other", texts)
    words = [sys.executable, "-m", "torchlint", "trace", "train.py:12", "."]
    traced = await asyncio.create_subprocess_exec(*words, cwd=other, stdout=asyncio.subprocess.PIPE)
    wanted = (await traced.communicate())[0].decode()
    assert "Net" in wanted and "model.py" not in wanted.splitlines()[0]
    async with editing(folder) as editor:
        uris = {name: editor.open(folder / name, text) for name, text in texts.items()}
        drawn = await carry_out(editor, "torchlint.dataPath", uris["train.py"], 11)
        assert drawn["text"] == wanted
        whole = await carry_out(editor, "torchlint.dataPath", uris["train.py"], None)
        assert wanted in whole["text"]
        nothing = await carry_out(editor, "torchlint.dataPath", uris["train.py"], 0)
        assert nothing == {
            "text": "no data is seen to pass here; does anything in the given files reach it?\n",
            "svg": None,
        }
        picture = ElementTree.fromstring(drawn["svg"])
        shown = ["".join(element.itertext()) for element in picture.iter("{http://www.w3.org/2000/svg}text")]
        assert {"train.py:12 · BCELoss · input", "Net", "train.py:12"} <= {*shown}
        assert any(text.startswith("✗ TL101 `BCELoss` expects probabilities") for text in shown)


# --- documents -----------------------------------------------------------------------------------------------------


async def test_all_fixes_are_made_by_the_client(tmp_path: Path) -> None:
    folder = project(tmp_path / "app", {"two.py": PROGRAM})
    async with editing(folder) as editor:
        uri = editor.open(folder / "two.py", "\n" + PROGRAM)
        assert await carry_out(editor, "torchlint.fixAll", uri) == {"applied": True, "fixed": 3}
        await editor.shows(uri, ("TL103", 19))
        assert await carry_out(editor, "torchlint.fixAll", uri) == {"applied": False, "fixed": 0}
        assert "there is nothing to fix here" in editor.client.messages[-1].message
        assert (folder / "two.py").read_text() == PROGRAM


async def test_a_client_may_refuse_an_edit(tmp_path: Path) -> None:
    folder = project(tmp_path / "app", {"two.py": PROGRAM})
    async with editing(folder) as editor:
        uri = editor.open(folder / "two.py")

        def refuse(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            return types.ApplyWorkspaceEditResult(applied=False)

        editor.client.protocol.fm.features[types.WORKSPACE_APPLY_EDIT] = refuse
        params = types.ExecuteCommandParams("torchlint.fixAll", [uri])
        assert await editor.client.workspace_execute_command_async(params) == {"applied": False, "fixed": 0}


async def test_a_hundred_requests_at_once(tmp_path: Path) -> None:
    """All are answered, and rightly: those of one text with one answer."""
    folder = project(tmp_path / "app", {"two.py": PROGRAM})
    async with editing(folder, capable=able(resolve=True)) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        found = await offered(editor, uri, at(20))
        asked: list[Any] = []
        for number in range(100):
            if number % 4 == 0:
                asked.append(offered(editor, uri, at(20)))
            elif number % 4 == 1:
                asked.append(editor.client.code_action_resolve_async(named(found, "Fix all 3")))
            elif number % 4 == 2:
                asked.append(editor.client.code_action_resolve_async(named(found, "Silence TL101")))
            else:
                params = types.ExecuteCommandParams("torchlint.dataPath", [uri, number % 21])
                asked.append(editor.client.workspace_execute_command_async(params))
        answers = await asyncio.gather(*asked)
        assert all(answer == found for answer in answers[::4])
        for offset, size in ((1, 3), (2, 1)):
            edits = [answer.edit.document_changes[0].edits for answer in answers[offset::4]]
            assert [len(edit) for edit in edits] == [size] * 25
            assert all(edit == edits[0] for edit in edits)


async def test_a_request_that_is_given_up_does_not_stand_in_the_way(folder: Path) -> None:
    async with editing(folder) as editor:
        script = editor.open(folder / "train.py", KNOWN)
        await editor.shows(script, FINDING)
        given_up = [await _given_up(editor, "torchlint.dataPath", script, line) for line in range(12)]
        assert all(isinstance(one, JsonRpcException) for one in given_up)
        drawn = await carry_out(editor, "torchlint.dataPath", script, 10)
        assert drawn["text"].startswith("train.py:11 · BCELoss · input\n")


async def _given_up(editor: Editor, name: str, *arguments: object) -> object:
    """What comes of a command whose request is given up at once."""
    number = f"given-up-{len(arguments)}-{arguments[-1]}"
    params = types.ExecuteCommandParams(name, list(arguments))
    request = editor.client.protocol.send_request_async(types.WORKSPACE_EXECUTE_COMMAND, params, msg_id=number)  # type: ignore[no-untyped-call]
    answer = asyncio.ensure_future(request)
    await asyncio.sleep(0)
    editor.client.cancel_request(types.CancelParams(number))
    try:
        return await asyncio.wait_for(answer, PATIENCE)
    except JsonRpcException as error:
        return error


# --- folders -------------------------------------------------------------------------------------------------------


async def test_everything_is_looked_at_anew(folder: Path) -> None:
    """Files that no watcher tells of, and a configuration that is new."""
    async with editing(folder) as editor:
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)
        assert await carry_out(editor, "torchlint.check") == {"folders": 1, "findings": 1}
        (folder / "model.py").write_text(MODEL.replace("self.head(x)", "self.head(x).sigmoid()"))
        assert await carry_out(editor, "torchlint.check") == {"folders": 1, "findings": 0}
        assert editor.codes(script) == []
        (folder / "model.py").write_text(MODEL)
        (folder / "torchlint.toml").write_text('ignore = ["TL101"]\n')
        assert await carry_out(editor, "torchlint.check") == {"folders": 1, "findings": 0}
        (folder / "torchlint.toml").unlink()
        assert await carry_out(editor, "torchlint.check") == {"folders": 1, "findings": 1}


async def test_information(folder: Path) -> None:
    async with editing(folder, options={"trusted": True}) as editor:
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)
        await carry_out(editor, "torchlint.check")
        told = await carry_out(editor, "torchlint.information")
        assert (told["version"], told["trusted"], told["encoding"]) == (__version__, True, "utf-16")
        assert os.path.samefile(told["executable"], sys.executable)
        assert told["folders"] == [
            {"path": str(folder), "workspace": True, "looked": True, "documents": 1, "findings": 1}
        ]
