"""Diagnostics in an editor: pushed or pulled, of the text that is on the screen, and what ``torchlint check`` says."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.frontends.programs import MODEL, TRAIN
from tests.server.clients import Editor, capabilities, children, command_says, editing, plain, project

pytestmark = pytest.mark.asyncio

FINDING = ("TL101", 10)
SIGMOID = MODEL.replace("self.head(x)", "self.head(x).sigmoid()")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "app", {"model.py": MODEL, "train.py": TRAIN})


async def test_a_finding_is_pushed_with_all_that_belongs_to_it(folder: Path) -> None:
    async with editing(folder) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FINDING)
        (one,) = editor.client.diagnostics[uri]
        assert (one.source, one.severity) == ("torchlint", types.DiagnosticSeverity.Error)
        assert one.range == types.Range(types.Position(10, 4), types.Position(10, 24))
        related = one.related_information or ()
        assert {Path(step.location.uri).name for step in related} == {"model.py"}
        assert one.code_description is not None
        page = Path(one.code_description.href.removeprefix("file://"))
        assert page.read_text(encoding="utf-8").startswith("# bce-on-logits (TL101)")
        assert editor.result.capabilities.diagnostic_provider is None


async def test_an_unsaved_edit_of_the_model_takes_the_finding_in_the_script_away(folder: Path) -> None:
    async with editing(folder) as editor:
        script, model = editor.open(folder / "train.py"), editor.open(folder / "model.py")
        await editor.shows(script, FINDING)
        editor.replace(model, "self.head(x)", "self.head(x).sigmoid()")
        await editor.shows(script)
        editor.replace(model, ".sigmoid()", "")
        await editor.shows(script, FINDING)
        assert (folder / "model.py").read_text() == MODEL


async def test_files_that_are_not_open_are_spoken_of_unless_that_is_not_wanted(folder: Path) -> None:
    async with editing(folder) as editor:
        await editor.shows((folder / "train.py").as_uri(), FINDING)
    async with editing(folder, options={"settings": {"workspaceDiagnostics": False}}) as editor:
        model = editor.open(folder / "model.py")
        await editor.shows(model)
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)
        editor.close(script)
        await editor.shows(script)


async def test_a_closed_document_is_what_its_file_says(folder: Path) -> None:
    async with editing(folder) as editor:
        script, model = editor.open(folder / "train.py"), editor.open(folder / "model.py")
        editor.change(model, SIGMOID)
        await editor.shows(script)
        editor.close(model)
        await editor.shows(script, FINDING)


async def test_a_client_that_pulls_is_not_pushed_to(folder: Path) -> None:
    async with editing(folder, capable=capabilities(pull=True)) as editor:
        script, model = editor.open(folder / "train.py"), editor.open(folder / "model.py")
        provider = editor.result.capabilities.diagnostic_provider
        assert isinstance(provider, types.DiagnosticOptions)
        assert provider.inter_file_dependencies
        assert provider.workspace_diagnostics
        report = await editor.pull(script)
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        assert [(one.code, one.range.start.line) for one in report.items] == [FINDING]
        again = await editor.pull(script, report.result_id)
        assert isinstance(again, types.RelatedUnchangedDocumentDiagnosticReport)
        editor.change(model, SIGMOID)
        await editor.until(lambda: editor.client.diagnostic_refresh_count)
        new = await editor.pull(script, report.result_id)
        assert isinstance(new, types.RelatedFullDocumentDiagnosticReport)
        assert not new.items
        assert not editor.pushed


async def test_the_report_of_the_workspace_waits_until_there_is_something_new(folder: Path) -> None:
    async with editing(folder, capable=capabilities(pull=True)) as editor:
        model = editor.open(folder / "model.py")
        script = (folder / "train.py").as_uri()
        first = await editor.client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams([]))
        (report,) = first.items
        assert isinstance(report, types.WorkspaceFullDocumentDiagnosticReport)
        assert (report.uri, [one.code for one in report.items]) == (script, ["TL101"])
        known = types.WorkspaceDiagnosticParams([types.PreviousResultId(script, report.result_id or "")])
        second = asyncio.ensure_future(editor.client.workspace_diagnostic_async(known))
        await asyncio.sleep(0.5)
        assert not second.done()
        editor.change(model, SIGMOID)
        (report,) = (await asyncio.wait_for(second, 30)).items
        assert isinstance(report, types.WorkspaceFullDocumentDiagnosticReport)
        assert (report.uri, report.items) == (script, ())


@pytest.mark.parametrize(("encoding", "characters"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
async def test_columns_are_counted_as_the_client_counts(folder: Path, encoding: str, characters: int) -> None:
    text = TRAIN.replace("    criterion(net(x), y)", "    '🔥'; criterion(net(x), y)")
    async with editing(folder, capable=capabilities(encodings=[encoding, "utf-16"])) as editor:
        assert editor.result.capabilities.position_encoding == encoding
        uri = editor.open(folder / "train.py", text)
        await editor.shows(uri, FINDING)
        (one,) = editor.client.diagnostics[uri]
        start = 4 + 1 + characters + 3
        assert (one.range.start.character, one.range.end.character) == (start, start + len("criterion(net(x), y)"))
        # somebody types behind the fire, in the client's units
        place = types.Position(10, 4 + 1 + characters)
        change = types.TextDocumentContentChangePartial(range=types.Range(place, place), text="é")
        editor.changed(uri, [change])
        await editor.shows(uri, FINDING)
        (one,) = editor.client.diagnostics[uri]
        assert one.range.start.character == start + (2 if encoding == "utf-8" else 1)


async def test_lines_end_where_the_protocol_says(folder: Path) -> None:
    """A form feed, or U+2028 in a string, ends no line."""
    text = TRAIN.replace("net = Net()", "\x0cnet = Net()\nwords = 'a\u2028b\x0bc\x85d'")
    async with editing(folder) as editor:
        uri = editor.open(folder / "train.py", text)
        await editor.shows(uri, ("TL101", 11))
        editor.replace(uri, "criterion(net(x), y)", "criterion(net(x), y.float())")
        await editor.shows(uri, ("TL101", 11))
        editor.replace(uri, "nn.BCELoss", "nn.BCEWithLogitsLoss")
        await editor.shows(uri)


async def test_what_is_shown_is_always_of_the_version_that_it_names(folder: Path) -> None:
    """Somebody types without a pause: each answer is of the text that it says it is of, and the last of the last."""
    async with editing(folder) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FINDING)
        for _ in range(40):
            editor.replace(uri, "import torch\n", "# \nimport torch\n")
            await asyncio.sleep(0.01)
        await editor.shows(uri, ("TL101", 50))
        for one in editor.pushed:
            if one.uri == uri:
                assert one.version is not None
                assert [item.range.start.line for item in one.diagnostics] == [9 + one.version]


async def test_a_syntax_error_comes_and_goes(folder: Path) -> None:
    async with editing(folder) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FINDING)
        editor.replace(uri, "net = Net()", "net = Net(")
        await editor.until(lambda: "TL001" in dict(editor.codes(uri)))
        editor.replace(uri, "net = Net(", "net = Net()")
        await editor.shows(uri, FINDING)


async def test_a_workspace_of_several_folders_and_a_file_outside(tmp_path: Path) -> None:
    one = project(tmp_path / "one", {"model.py": MODEL, "train.py": TRAIN})
    two = project(tmp_path / "two", {"model.py": SIGMOID, "train.py": TRAIN})
    outside = project(tmp_path / "outside", {"model.py": MODEL, "train.py": TRAIN, "pyproject.toml": ""})
    async with editing(one, two) as editor:
        first, second = editor.open(one / "train.py"), editor.open(two / "train.py")
        await editor.shows(first, FINDING)
        await editor.shows(second)
        third = editor.open(outside / "train.py")
        await editor.shows(third, FINDING)
        editor.close(third)
        await editor.shows(third)
        added, removed = (
            [types.WorkspaceFolder(outside.as_uri(), "outside")],
            [types.WorkspaceFolder(one.as_uri(), "one")],
        )
        editor.close(first)
        event = types.WorkspaceFoldersChangeEvent(added, removed)
        editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        await editor.shows(first)
        await editor.shows(third, FINDING)


async def test_a_document_that_was_never_saved(folder: Path) -> None:
    async with editing(folder) as editor:
        uri = editor.open("untitled:Untitled-1", TRAIN)
        await editor.shows(uri, FINDING)
        new = editor.open((folder / "new.py").as_uri(), TRAIN)
        await editor.shows(new, FINDING)


async def test_without_a_folder(folder: Path) -> None:
    async with editing() as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FINDING)


async def test_files_that_change_on_the_disk(folder: Path) -> None:
    async with editing(folder) as editor:
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)
        (folder / "model.py").write_text(SIGMOID)
        editor.touched(folder / "model.py")
        await editor.shows(script)
        (folder / "model.py").unlink()
        editor.touched(folder / "model.py")
        await editor.shows(script)
        (folder / "model.py").write_text(MODEL)
        editor.touched(folder / "model.py")
        await editor.shows(script, FINDING)


async def test_a_configuration_that_changes(folder: Path) -> None:
    async with editing(folder) as editor:
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)
        configuration = folder / "pyproject.toml"
        configuration.write_text('[tool.torchlint]\nignore = ["TL101"]\n')
        editor.touched(configuration)
        await editor.shows(script)
        configuration.write_text('[tool.torchlint]\nignore = "TL101\n')
        editor.touched(configuration)
        await editor.until(lambda: editor.client.messages)
        assert "pyproject.toml" in editor.client.messages[-1].message
        configuration.unlink()
        editor.touched(configuration)
        await editor.shows(script, FINDING)


async def test_settings_that_change(folder: Path) -> None:
    async with editing(folder, capable=capabilities(configuration=True), configuration={"enable": False}) as editor:
        script = editor.open(folder / "train.py")
        await asyncio.sleep(1)
        assert editor.codes(script) == []
        editor.client.set_configuration({"enable": True}, section="torchlint")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
        await editor.shows(script, FINDING)
        (folder / "other.toml").write_text('ignore = ["TL101"]\n')
        editor.client.set_configuration({"configuration": str(folder / "other.toml")}, section="torchlint")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
        await editor.shows(script)


async def test_only_when_saved(folder: Path) -> None:
    async with editing(folder, options={"settings": {"run": "onSave"}}) as editor:
        script, model = editor.open(folder / "train.py"), editor.open(folder / "model.py")
        await editor.shows(script, FINDING)
        editor.change(model, SIGMOID)
        await asyncio.sleep(1)
        assert editor.codes(script) == [FINDING]
        editor.save(model)
        await editor.shows(script)


def _cells(*texts: str) -> tuple[types.NotebookDocument, list[types.TextDocumentItem]]:
    items = [
        types.TextDocumentItem(f"vscode-notebook-cell:/book.ipynb#{number}", types.LanguageKind.Python, 1, text)
        for number, text in enumerate(texts)
    ]
    cells = [types.NotebookCell(types.NotebookCellKind.Code, item.uri) for item in items]
    return types.NotebookDocument("", "jupyter-notebook", 1, cells), items


async def test_a_notebook(folder: Path) -> None:
    head, _, loop = TRAIN.partition("optimizer =")
    notebook, cells = _cells(f"%matplotlib inline\n{head}", f"optimizer ={loop}")
    notebook.uri = (folder / "book.ipynb").as_uri()
    async with editing(folder) as editor:
        editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, cells))
        await editor.until(lambda: editor.codes(cells[1].uri) == [("TL101", 3)])
        assert editor.codes(cells[0].uri) == []
        identifier = types.VersionedNotebookDocumentIdentifier(uri=notebook.uri, version=2)
        loss = types.NotebookDocumentCellContentChanges(
            types.VersionedTextDocumentIdentifier(uri=cells[0].uri, version=2),
            [types.TextDocumentContentChangeWholeDocument(head.replace("BCELoss", "BCEWithLogitsLoss"))],
        )
        change = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[loss]))
        editor.client.notebook_document_did_change(types.DidChangeNotebookDocumentParams(identifier, change))
        await editor.until(lambda: editor.codes(cells[1].uri) == [])


async def test_progress_is_shown_once(folder: Path) -> None:
    project(folder, {f"part{number}.py": MODEL for number in range(20)})
    async with editing(folder, capable=capabilities(progress=True)) as editor:
        script = editor.open(folder / "train.py")
        await editor.shows(script, FINDING)
        await editor.until(lambda: editor.client.progress_reports)
        (reports,) = editor.client.progress_reports.values()
        await editor.until(lambda: not reports or isinstance(reports[-1], types.WorkDoneProgressEnd))
        if reports:
            assert isinstance(reports[0], types.WorkDoneProgressBegin)


async def test_a_clean_end_leaves_no_process(folder: Path) -> None:
    async with editing(folder) as editor:
        await editor.shows(editor.open(folder / "train.py"), FINDING)
        assert editor.client._server is not None
        workers = children(editor.client._server.pid)
        assert workers
    for worker in workers:
        assert not os.path.exists(f"/proc/{worker}")


async def test_a_worker_that_dies_is_replaced(folder: Path) -> None:
    async with editing(folder) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FINDING)
        assert editor.client._server is not None
        for worker in children(editor.client._server.pid):
            os.kill(worker, 9)
        editor.replace(uri, "import torch\n", "# \nimport torch\n")
        await editor.shows(uri, ("TL101", 11))


REPLACEMENTS = [
    ("self.head(x)", "self.head(x).sigmoid()"),
    ("nn.BCELoss()", "nn.BCEWithLogitsLoss()"),
    ("optimizer.zero_grad()", "pass"),
    ("net(x), y", "net(x).sigmoid(), y"),
    ("import torch\n", "import torch\n\n"),
    ("net = Net()", "net = Net("),
    ("    return", "    x = x * 2\n        return"),
    ("class Net", "class Mesh"),
]


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_edits_it_says_what_the_command_says(folder: Path, tmp_path: Path, seed: int) -> None:
    """Random edits of both files, some undone, some not waited for; then what is shown is compared with what
    ``torchlint check`` says of a folder with the same texts."""
    chance = random.Random(seed)
    async with editing(folder) as editor:
        uris = [editor.open(folder / "train.py"), editor.open(folder / "model.py")]
        for step in range(25):
            uri = chance.choice(uris)
            old, new = chance.choice(REPLACEMENTS)
            if chance.random() < 0.5:
                old, new = new, old
            if old in editor.texts[uri]:
                editor.replace(uri, old, new)
            await asyncio.sleep(chance.choice([0, 0, 0.02, 0.4]) if step < 24 else 0)
        other = tmp_path / "other" / "app"
        shutil.copytree(folder, other)
        for uri in uris:
            (other / Path(uri).name).write_text(editor.texts[uri])
        wanted = {Path(uri).name: _plain(items) for uri, items in command_says(other).items()}
        await _settles(editor, folder, wanted)


def _plain(items: list[dict[str, Any]]) -> list[tuple[str, int, int, str]]:
    return [
        (one["code"], one["range"]["start"]["line"], one["range"]["start"]["character"], one["message"])
        for one in items
    ]


async def _settles(editor: Editor, folder: Path, wanted: dict[str, Any]) -> None:
    def shown() -> dict[str, Any]:
        return {name: plain(editor.client.diagnostics.get((folder / name).as_uri(), ())) for name in wanted}

    try:
        await editor.until(lambda: shown() == wanted)
    except asyncio.TimeoutError:
        raise AssertionError(f"{json.dumps(shown(), indent=1)}\ninstead of\n{json.dumps(wanted, indent=1)}") from None
    await asyncio.sleep(0.6)  # nothing else comes after it
    assert shown() == wanted
