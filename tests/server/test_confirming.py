"""Findings confirmed from an editor by running the model: who may, what is shown, and that no process is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.frontends.confirming import PROGRAM, home, own
from tests.server.acting import able, at, carry_out, named, offered, titles
from tests.server.clients import Editor, children, editing, project
from torchlint.confirm import host
from torchlint.frontends import confirming
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server.answers import answer
from torchlint.frontends.server.bench import Bench
from torchlint.frontends.server.messages import Configure

__all__ = ["home"]

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing is run elsewhere"),
]

FOUND = ("TL101", 15)
TITLE = "Confirm TL101 by running the model"
COMMAND = "torchlint.confirm"
ALLOWED = '[confirm]\nenabled = true\nisolation = "basic"\n'
#: Seconds that loading torch and running a model may take.
PATIENCE = 240.0
#: A constructor that sleeps, so that a run goes on until it is given up, or its time is up.
ENDLESS = "import time\n" + PROGRAM.replace("super().__init__()\n", "super().__init__()\n        time.sleep(10_000)\n")
LAST = ("TL101", 17)
#: Seconds in which it must be over: long before its time is up.
SOON = confirming.CPU * host.Limits().wall_factor / 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project; it is a repository."""
    (tmp_path / "project" / ".git").mkdir(parents=True)
    return project(tmp_path / "project", {"train.py": PROGRAM})


def options(trusted: bool = True, confirm: bool = True) -> dict[str, Any]:
    return {"trusted": trusted, "settings": {"confirm": confirm}}


def written(folder: Path) -> bool:
    """Whether the program itself was run."""
    return (folder / "written").exists()


# --- who may -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("setting", [True, False])
@pytest.mark.parametrize("allowed", [ALLOWED, "[confirm]\nenabled = false\n", None])
async def test_it_takes_trust_a_setting_and_the_users_own_file(
    folder: Path, home: Path, trusted: bool, setting: bool, allowed: str | None
) -> None:
    """Whatever the project's own files say."""
    (folder / "torchlint.toml").write_text("[confirm.arguments]\n'train.py:Net' = {width = 8}\n")
    if allowed is not None:
        own(home, allowed)
    may = trusted and setting and allowed == ALLOWED
    async with editing(folder, capable=able(), options=options(trusted, setting)) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FOUND)
        found = await offered(editor, uri, at(15))
        assert (TITLE in titles(found)) == may
        if not may:
            with pytest.raises(JsonRpcException, match="nothing is run: it takes a workspace that is trusted"):
                await carry_out(editor, COMMAND, uri, 15, "TL101")
            assert len(processes(editor)) == 1
    assert not written(folder)


@pytest.mark.parametrize(("trusted", "setting"), [(True, True), (True, False), (False, True), (False, False)])
async def test_a_worker_asks_by_itself_whether_it_may(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool, setting: bool
) -> None:
    """The front does so too, and does not hear of an errand that none may run."""
    own(home, ALLOWED)
    monkeypatch.chdir(folder)
    configure = Configure(1, str(folder), True, "utf-16", trusted=trusted, confirm=setting)
    bench = Bench(configure, lambda: False)
    (item,) = bench.whole(lambda *unused: None).diagnostics[(folder / "train.py").as_uri()]
    may = trusted and setting
    assert item["confirmable"] == may
    arguments = {"path": str(folder / "train.py"), "cell": 0, "row": 16, "code": "TL101"}
    if may:
        assert answer(bench, "claim", arguments)["errand"]
    else:
        with pytest.raises(UsageError, match="nothing is run"):
            answer(bench, "claim", arguments)


@pytest.mark.parametrize("said", ["enabled = true", "enabled = ['/']", "python = 'python'", "isolation = 'basic'"])
async def test_a_project_cannot_allow_it(folder: Path, home: Path, said: str) -> None:
    (folder / "torchlint.toml").write_text(f"[confirm]\n{said}\n")
    async with editing(folder, capable=able(), options=options()) as editor:
        uri = editor.open(folder / "train.py")
        with pytest.raises(JsonRpcException, match="nothing is run"):
            await carry_out(editor, COMMAND, uri, 15, "TL101")
        assert len(processes(editor)) == 1


async def test_a_file_of_the_project_is_not_the_users_own(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config").mkdir()
    own(folder / "config", ALLOWED)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    await refused(folder)


async def test_only_folders_that_the_users_own_file_names(folder: Path, home: Path, tmp_path: Path) -> None:
    own(home, ALLOWED.replace("true", f'["{tmp_path}/other"]'))
    await refused(folder)


async def test_a_project_can_refuse(folder: Path, home: Path) -> None:
    own(home, ALLOWED)
    (folder / "torchlint.toml").write_text("confirm.enabled = false\n")
    await refused(folder, "nothing is run where `confirm.enabled` is false: .*torchlint.toml:1")


async def refused(folder: Path, why: str = "nothing is run: it takes a workspace that is trusted") -> None:
    async with editing(folder, capable=able(), options=options()) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FOUND)
        assert TITLE not in titles(await offered(editor, uri, at(15)))
        with pytest.raises(JsonRpcException, match=why):
            await carry_out(editor, COMMAND, uri, 15, "TL101")
        assert len(processes(editor)) == 1


async def test_a_file_of_the_users_own_that_is_wrong_stops_no_diagnostics(folder: Path, home: Path) -> None:
    own(home, "[confirm]\nenabled = 3\n")
    async with editing(folder, capable=able(), options=options()) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FOUND)
        await editor.until(lambda: editor.client.messages)
        assert "config.toml:2: `confirm.enabled` must be true, false or a list" in editor.client.messages[0].message
        assert TITLE not in titles(await offered(editor, uri, at(15)))


async def test_what_no_run_can_decide_is_not_offered_to_be(folder: Path, home: Path) -> None:
    own(home, ALLOWED)
    (folder / "train.py").write_text("import torch\nx = torch.rand(3)  # noqa: TL101\n")
    async with editing(folder, capable=able(), options=options()) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, ("TL002", 1))
        assert TITLE.replace("TL101", "TL002") not in titles(await offered(editor, uri, at(1)))
        with pytest.raises(JsonRpcException, match="no run can decide this TL002"):
            await carry_out(editor, COMMAND, uri, 1, "TL002")
        with pytest.raises(JsonRpcException, match="there is no TL101 in line 1"):
            await carry_out(editor, COMMAND, uri, 0, "TL101")


# --- what is shown -------------------------------------------------------------------------------------------------


async def test_a_verdict_is_shown_until_the_text_changes(folder: Path, home: Path) -> None:
    """The text that counts is the editor's, and nothing of the program is run but what makes the model."""
    own(home, ALLOWED)
    async with editing(folder, capable=able(progress=True), options=options()) as editor:
        uri = editor.open(folder / "train.py", "# one line more\n" + PROGRAM)
        await editor.shows(uri, ("TL101", 16))
        (plain,) = editor.client.diagnostics[uri]
        action = named(await offered(editor, uri, at(16)), TITLE)
        assert action.command is not None
        (said,) = await carry_out(editor, COMMAND, *action.command.arguments or (), patience=PATIENCE)
        assert (said["outcome"], said["grade"]) == ("confirmed", "witness")
        assert "; Net (train.py:15); " in said["text"]
        assert editor.client.messages[-1].message == f"torchlint: TL101 in line 17: {said['text']}"
        (shown,) = editor.client.diagnostics[uri]
        assert shown.message == f"{plain.message}. C{said['text'][1:]}"
        (reports,) = (one for one in editor.client.progress_reports.values() if one and "running" in _title(one[0]))
        assert isinstance(reports[0], types.WorkDoneProgressBegin)
        assert reports[0].cancellable
        assert isinstance(reports[-1], types.WorkDoneProgressEnd)
        editor.replace(uri, "# one line more", "# one line less")
        await editor.until(lambda: [one.message for one in editor.client.diagnostics[uri]] == [plain.message])
        assert len(processes(editor)) == 1
    assert not written(folder)


async def test_a_finding_of_a_notebook(folder: Path, home: Path) -> None:
    own(home, ALLOWED)
    (folder / "train.py").unlink()
    cells = [{"cell_type": "code", "source": text, "metadata": {}} for text in ("%time x = 1\n", PROGRAM)]
    (folder / "book.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    uris = [f"vscode-notebook-cell:{folder}/book.ipynb#{number}" for number in range(2)]
    items = [
        types.TextDocumentItem(uri, types.LanguageKind.Python, 1, str(cell["source"])) for uri, cell in zip(uris, cells)
    ]
    book = types.NotebookDocument(
        (folder / "book.ipynb").as_uri(),
        "jupyter-notebook",
        1,
        [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in uris],
    )
    async with editing(folder, capable=able(), options=options()) as editor:
        editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(book, items))
        await editor.until(lambda: editor.codes(uris[1]) == [FOUND])
        assert TITLE in titles(await offered(editor, uris[1], at(15)))
        (said,) = await carry_out(editor, COMMAND, uris[1], 15, "TL101", patience=PATIENCE)
        assert "; Net (book.ipynb:cell 2:14); " in said["text"]
        await editor.until(lambda: said["text"][1:] in editor.client.diagnostics[uris[1]][0].message)
    assert not written(folder)


async def test_no_python_with_torch(folder: Path, home: Path) -> None:
    own(home, ALLOWED + f'python = "{folder}/none"\n')
    async with editing(folder, capable=able(), options=options()) as editor:
        uri = editor.open(folder / "train.py")
        with pytest.raises(JsonRpcException, match=r"nothing was run: .*none` is no Python that runs"):
            await carry_out(editor, COMMAND, uri, 15, "TL101")


# --- giving up -----------------------------------------------------------------------------------------------------


async def test_a_run_is_cancelled_by_its_progress(folder: Path, home: Path) -> None:
    async with going_on(folder, home) as (editor, uri, answer):
        token = next(
            token for token, one in editor.client.progress_reports.items() if one and "running" in _title(one[0])
        )
        editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        assert await asyncio.wait_for(answer, SOON) is None
        await _alone(editor)
        (one,) = editor.client.diagnostics[uri]
        assert "onfirmed" not in one.message


async def test_a_run_is_cancelled_with_its_request(folder: Path, home: Path) -> None:
    async with going_on(folder, home) as (editor, _, answer):
        editor.client.cancel_request(types.CancelParams("run"))
        with pytest.raises(JsonRpcException):
            await asyncio.wait_for(answer, SOON)
        await _alone(editor)


async def test_an_editor_that_is_closed_leaves_no_run(folder: Path, home: Path) -> None:
    async with going_on(folder, home) as (editor, _, answer):
        running = processes(editor)
    await _gone(running)
    with pytest.raises(JsonRpcException):
        await answer


async def test_a_server_that_is_killed_leaves_no_run(folder: Path, home: Path) -> None:
    with contextlib.suppress(KilledError):
        async with going_on(folder, home) as (editor, _, answer):
            running = processes(editor)
            answer.cancel()
            assert editor.client._server is not None
            os.kill(editor.client._server.pid, signal.SIGKILL)
            await _gone(running)
            raise KilledError


class KilledError(Exception):
    """The server is."""


async def test_who_types_during_a_run_is_answered(folder: Path, home: Path) -> None:
    async with going_on(folder, home) as (editor, uri, answer):
        editor.replace(uri, "import torch\n", "import torch\n\n")
        await editor.shows(uri, ("TL101", 18))
        editor.replace(uri, "BCELoss", "BCEWithLogitsLoss")
        await editor.shows(uri)
        assert not answer.done()
        editor.client.cancel_request(types.CancelParams("run"))


class going_on:  # noqa: N801
    """An editor in which a run goes on until it is given up: the editor, the document, the answer to come."""

    def __init__(self, folder: Path, home: Path) -> None:
        own(home, ALLOWED)
        (folder / "train.py").write_text(ENDLESS)
        self._folder = folder
        self._editing = editing(folder, capable=able(progress=True), options=options())

    async def __aenter__(self) -> tuple[Editor, str, asyncio.Future[Any]]:
        self.editor = editor = await self._editing.__aenter__()
        uri = editor.open(self._folder / "train.py")
        await editor.shows(uri, LAST)
        params = types.ExecuteCommandParams(COMMAND, [uri, LAST[1], "TL101"])
        protocol: Any = editor.client.protocol
        answer = asyncio.ensure_future(
            protocol.send_request_async(types.WORKSPACE_EXECUTE_COMMAND, params, msg_id="run")
        )
        await until(lambda: len(processes(editor)) >= 4)  # worker, errand, warm process, its child
        assert not answer.done()
        return editor, uri, answer

    async def __aexit__(self, *raised: Any) -> None:
        await self._editing.__aexit__(*raised)


def processes(editor: Editor) -> list[int]:
    """All processes below the server."""
    assert editor.client._server is not None
    found = children(editor.client._server.pid)
    for pid in found:
        found += children(pid)
    return found


async def until(true: Callable[[], object], patience: float = PATIENCE) -> None:
    async def wait() -> None:
        while not true():
            await asyncio.sleep(0.05)

    await asyncio.wait_for(wait(), patience)


async def _alone(editor: Editor) -> None:
    """Nothing is left but the worker, which goes on."""
    await until(lambda: len(processes(editor)) == 1, SOON)


async def _gone(running: list[int]) -> None:
    await until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in running), SOON)


def _title(value: object) -> str:
    return value.title if isinstance(value, types.WorkDoneProgressBegin) else ""
