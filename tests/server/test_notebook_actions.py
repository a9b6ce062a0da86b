"""Actions in the cells of a notebook, which are documents of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from tests.server.acting import able, at, carry_out, choose, named, offered, titles
from tests.server.clients import Editor, editing, project

pytestmark = pytest.mark.asyncio

CELLS = (
    "%matplotlib inline\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n",
    "x = torch.rand(4, 8)\np = F.softmax(x)\nq = F.softmax(x)",
    'loss = "😀", nn.BCELoss()(nn.Linear(8, 1)(x), torch.rand(4, 1))',
)


def opened(editor: Editor, path: Path) -> list[str]:
    """Open a notebook with these cells, one of text before the last; the URIs of the others."""
    uris = [f"vscode-notebook-cell:{path}#W{number}" for number in range(4)]
    texts = [*CELLS[:2], "# no Python\n", CELLS[2]]
    kinds = [types.NotebookCellKind.Code] * 4
    kinds[2] = types.NotebookCellKind.Markup
    items = [
        types.TextDocumentItem(uri, types.LanguageKind.Python if kind == 2 else types.LanguageKind.Markdown, 1, text)
        for uri, kind, text in zip(uris, kinds, texts)
    ]
    cells = [types.NotebookCell(kind, uri) for kind, uri in zip(kinds, uris)]
    for uri, text in zip(uris, texts):
        editor.texts[uri], editor.versions[uri] = text, 1
    book = types.NotebookDocument(path.as_uri(), "jupyter-notebook", 1, cells)
    editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(book, items))
    return [uris[0], uris[1], uris[3]]


def change(editor: Editor, book: Path, uri: str, text: str) -> None:
    """Replace the text of a cell."""
    editor.texts[uri] = text
    editor.versions[uri] += 1
    editor.versions["book"] = editor.versions.get("book", 1) + 1
    changed = types.NotebookDocumentCellContentChanges(
        types.VersionedTextDocumentIdentifier(uri=uri, version=editor.versions[uri]),
        [types.TextDocumentContentChangeWholeDocument(text)],
    )
    event = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[changed]))
    identifier = types.VersionedNotebookDocumentIdentifier(uri=book.as_uri(), version=editor.versions["book"])
    editor.client.notebook_document_did_change(types.DidChangeNotebookDocumentParams(identifier, event))


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return project(tmp_path / "app", {}) / "book.ipynb"


async def shown(editor: Editor, uris: list[str], *wanted: list[tuple[str, int]]) -> None:
    await editor.until(lambda: [editor.codes(uri) for uri in uris] == list(wanted))


async def test_an_edit_of_a_cell_goes_to_its_document(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book.parent.mkdir(exist_ok=True)
    async with editing(book.parent, capable=able()) as editor:
        monkeypatch.setattr(editor, "change", lambda uri, text: change(editor, book, uri, text))
        uris = opened(editor, book)
        await shown(editor, uris, [], [("TL112", 1), ("TL112", 2)], [("TL101", 0)])
        await choose(editor, named(await offered(editor, uris[2], at(0)), "apply a sigmoid first"))
        assert editor.texts[uris[2]] == CELLS[2].replace("nn.Linear(8, 1)(x)", "torch.sigmoid(nn.Linear(8, 1)(x))")
        await choose(editor, named(await offered(editor, uris[1], at(2)), "Silence TL112 here"))
        assert editor.texts[uris[1]] == CELLS[1] + "  # noqa: TL112"
        await shown(editor, uris, [], [("TL112", 1)], [])


async def test_a_cell_or_the_whole_notebook_is_mended(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book.parent.mkdir(exist_ok=True)
    fixed = CELLS[1].replace("(x)", "(x, dim=1)"), CELLS[2].replace("BCELoss", "BCEWithLogitsLoss")
    async with editing(book.parent, capable=able(resolve=True)) as editor:
        monkeypatch.setattr(editor, "change", lambda uri, text: change(editor, book, uri, text))
        uris = opened(editor, book)
        await shown(editor, uris, [], [("TL112", 1), ("TL112", 2)], [("TL101", 0)])
        found = await offered(editor, uris[1], at(1))
        assert "Fix all 3 findings of this notebook" in titles(found)
        await choose(editor, named(found, "Fix all that torchlint can in this cell"))
        assert [editor.texts[uri] for uri in uris] == [CELLS[0], fixed[0], CELLS[2]]
        assert await offered(editor, uris[0], at(0), ["source.fixAll"]) == []
        (one,) = await offered(editor, uris[0], at(0), ["notebook.source.fixAll"])
        assert one.kind == "notebook.source.fixAll.torchlint"
        change(editor, book, uris[1], CELLS[1])
        await choose(editor, one)
        assert [editor.texts[uri] for uri in uris] == [CELLS[0], *fixed]
        await shown(editor, uris, [], [], [])


async def test_commands_of_a_notebook(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book.parent.mkdir(exist_ok=True)
    async with editing(book.parent, capable=able()) as editor:
        monkeypatch.setattr(editor, "change", lambda uri, text: change(editor, book, uri, text))
        uris = opened(editor, book)
        drawn = await carry_out(editor, "torchlint.dataPath", uris[2], 0)
        assert drawn["text"].startswith("book.ipynb:cell 4:1 · BCELoss · input\n")
        assert drawn == await carry_out(editor, "torchlint.dataPath", book.as_uri(), None)
        assert (await carry_out(editor, "torchlint.dataPath", uris[0], 0))["svg"] is None
        assert await carry_out(editor, "torchlint.fixAll", uris[2]) == {"applied": True, "fixed": 1}
        assert editor.texts[uris[2]] == CELLS[2].replace("BCELoss", "BCEWithLogitsLoss")
        assert await carry_out(editor, "torchlint.fixAll", book.as_uri()) == {"applied": True, "fixed": 2}
        await shown(editor, uris, [], [], [])
