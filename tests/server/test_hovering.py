"""What an editor shows of an expression when somebody points at it, beside names, and of where a value comes from."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from lsprotocol import types

from tests.server.clients import capabilities, children, editing, project
from tests.server.pointing import Pointer, able

pytestmark = pytest.mark.asyncio

MODEL = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3)
        self.conv2 = nn.Conv2d(16, 1, kernel_size=3)

    def forward(self, images):
        x = torch.relu(self.conv1(images))
        return self.conv2(x)
"""
TRAIN = """\
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from model import Net

transform = transforms.Compose([transforms.Resize((128, 128)), transforms.ToTensor()])
loader = DataLoader(ImageFolder("masks", transform), batch_size=8)
net = Net()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
total = 0
for images, classes in loader:
    optimizer.zero_grad()
    output = net(images)
    masks = torch.rand(8, 1, 124, 124)
    loss = criterion(output, masks)  # noqa: TL101
    loss.backward()
    optimizer.step()
    total += loss.item()
    print(f"{output.mean():.3f} of {images}")
"""
OUTPUT = "float32[B, 1, 124, 124] · range (−∞, ∞) · logits · from self.conv2 (model.py:13)"
IMAGES = "float32[B, 3, 128, 128] · range [0, 1] · RGB image CHW, scale [0, 1] · from DataLoader (train.py:10)"
MADE = [
    'train.py: ImageFolder("masks", transform)',
    "train.py: transforms.Resize((128, 128))",
    "train.py: transforms.ToTensor()",
    'train.py: DataLoader(ImageFolder("masks", transform), batch_size=8)',
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "app", {"model.py": MODEL, "train.py": TRAIN})


# --- hover -----------------------------------------------------------------------------------------------------------


async def test_the_innermost_expression_is_shown(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        assert await script.hover("|output = net") == (OUTPUT, "output")
        assert await script.hover("output| = net") == (OUTPUT, "output")
        assert await script.hover("output |= net") is None
        assert await script.hover("output = net(im|ages)") == (IMAGES, "images")
        assert await script.hover("output = net(images|)") == (OUTPUT, "net(images)")
        assert await script.hover("output = net(images)|") == (OUTPUT, "net(images)")
        assert await script.hover("im|ages, classes in") == (IMAGES, "images")
        assert await script.hover('f"{output.mea|n():') == (
            "float32[] · range (−∞, ∞) · from output.mean (train.py:23)", "output.mean()",
        )  # fmt: skip
        assert await script.hover(".3f} of {im|ages}") == (IMAGES, "images")
        assert await script.hover(".3f} o|f {im") is None
        assert await script.hover("import tor|ch\nfrom torch import nn\nfrom torch.utils") is None
        model = Pointer(editor, editor.open(folder / "model.py"))
        assert await model.hover("forward(self, im|ages)") == (IMAGES, "images")
        assert await model.hover("return self.con|v2(x)") == (
            "Conv2d(16, 1, kernel_size=3) · made in model.py:9", "self.conv2",
        )  # fmt: skip
        assert await model.hover("return self.conv2(|x)") == (
            "float32[B, 16, 126, 126] · range [0, ∞) · activations · from torch.relu (model.py:12)", "x",
        )  # fmt: skip


async def test_what_stands_for_no_tensor_has_its_words_too(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))

        async def says(marked: str) -> str | None:
            found = await script.hover(marked)
            return None if found is None else found.says

        assert await says("|criterion(output") == (
            "BCEWithLogitsLoss() · takes logits, applies sigmoid · made in train.py:12"
        )
        assert await says("|optimizer.step()") == "Adam(…, lr=0.001) · made in train.py:13"
        assert await says("|net = Net()") == (
            "Net object · float32[B, 3, 128, 128] → float32[B, 1, 124, 124] · made in train.py:11"
        )
        assert await says("net = |Net()") == "class Net · in model.py:5"
        assert await says("in load|er:") == (
            "DataLoader(ImageFolder('masks', transform=Compose([Resize(…), ToTensor()])), batch_size=8)"
            " · gives (float32[B, 3, 128, 128], int64[B]) · made in train.py:10"
        )
        assert await says("classes| in loader") == (
            "int64[B] · range within [0, ∞) · class indices · from DataLoader (train.py:10)"
        )
        assert await says("|total += loss") == "float in [0, ∞)"
        assert await says("lr=1e|-3") is not None  # of a literal itself there is nothing to say: it is the call
        assert await says("|total = 0") == "int 0"


async def test_a_value_that_depends_on_a_test_has_a_line_for_each_way(tmp_path: Path) -> None:
    text = (
        "import argparse\nimport torch\nfrom torch import nn\n\nargs = argparse.ArgumentParser().parse_args()\n"
        "x = nn.Linear(4, 2)(torch.rand(8, 4))\nif args.bce:\n    x = torch.sigmoid(x)\nprint(x)\n"
    )
    folder = project(tmp_path / "app", {"a.py": text})
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "a.py"))
        found = await script.hover("print(|x)")
        assert found is not None
        assert found.says.split("\n") == [
            "float32[8, 2] · range [0, 1] · probabilities · from torch.sigmoid (a.py:8) … if bce",
            "float32[8, 2] · range (−∞, ∞) · logits · from nn.Linear(4, 2) (a.py:6) … if not bce",
        ]


async def test_a_hover_is_in_the_format_that_the_client_likes(folder: Path) -> None:
    wanted = {
        types.MarkupKind.PlainText: OUTPUT,
        types.MarkupKind.Markdown: OUTPUT.replace("[", r"\[").replace("]", r"\]"),
    }
    for kind, text in wanted.items():
        other = next(one for one in types.MarkupKind if one is not kind)
        async with editing(folder, capable=able(formats=[kind, other])) as editor:
            script = Pointer(editor, editor.open(folder / "train.py"))
            found = await script.raw("out|put = net")
            assert found is not None
            assert found.contents == types.MarkupContent(kind, text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_columns_are_counted_as_the_client_counts(tmp_path: Path, encoding: str) -> None:
    text = 'import torch\n\nx = torch.rand(2, 3)\nprint("größe 😀", x, "图像", x.sum()); y = f"é😀{x}"\n'
    folder = project(tmp_path / "app", {"a.py": text})
    options = {"settings": {"inlayHints": {"shapes": True}}}
    async with editing(folder, capable=able(encodings=[encoding]), options=options) as editor:
        script = Pointer(editor, editor.open(folder / "a.py"))
        assert script.encoding == encoding
        assert await script.hover('😀", |x, "图') == (
            "float32[2, 3] · range [0, 1] · noise · from torch.rand (a.py:3)", "x",
        )  # fmt: skip
        assert await script.hover("x.su|m()") == (
            "float32[] · range within [0, 6] · from x.sum (a.py:4)", "x.sum()",
        )  # fmt: skip
        found = await script.hover('é😀{|x}"')
        assert found is not None
        assert found.about == "x"
        assert await script.hover('😀"|, x, "图') is None
        assert await script.hints() == {"x": ": [2, 3]"}
        assert await script.source('x, |"图') == []
        assert await script.source('😀", x|, "图') == ["a.py: torch.rand(2, 3)"]


async def test_a_rule_in_a_comment_shows_its_page(tmp_path: Path) -> None:
    text = (
        "import torch\nx = torch.rand(2)  # noqa: E501, TL101\n"
        "y = 1  # torchlint: ignore[TL112, bce-on-logits] # TL000\nz = 'TL101'  # TL102\n"
        "w = '# TL104', x  # noqa: TL999 not-a-rule\n# flake8: noqa: TL103\n"
    )
    folder = project(tmp_path / "app", {"a.py": text})
    async with editing(folder, capable=able(formats=[types.MarkupKind.Markdown])) as editor:
        script = Pointer(editor, editor.open(folder / "a.py"))
        found = await script.hover("E501, |TL101\n")
        assert found is not None
        assert found.about == "TL101"
        page = next((Path(__file__).parents[2] / "rules").rglob("bce_on_logits.md"))
        assert found.says == page.read_text(encoding="utf-8")
        for marked, title, about in [
            ("ignore[TL11|2", "(TL112)", "TL112"),
            ("TL112, bce-on-log|its]", "# bce-on-logits (TL101)", "bce-on-logits"),
            ("noqa: TL103|\n", "(TL103)", "TL103"),
        ]:
            found = await script.hover(marked)
            assert found is not None
            assert title in found.says.split("\n")[0]
            assert found.about == about
        for marked in ["E50|1, TL101", "z = 'TL|101'", "# TL1|02", "noqa: TL9|99", "not-a|-rule", "ig|nore["]:
            assert await script.hover(marked) is None, marked


async def test_an_unsaved_edit_of_the_model_changes_what_is_known_in_the_script(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        model = editor.open(folder / "model.py")
        assert await script.hover("out|put = net") == (OUTPUT, "output")
        editor.replace(model, "return self.conv2(x)", "return torch.sigmoid(self.conv2(x))")
        wanted = "float32[B, 1, 124, 124] · range [0, 1] · probabilities · from torch.sigmoid (model.py:13)"

        async def changed() -> None:
            while await script.hover("out|put = net") != (wanted, "output"):
                await asyncio.sleep(0.05)

        await asyncio.wait_for(changed(), 30)
        assert await Pointer(editor, model).hover("torch.sigm|oid") == (wanted, "torch.sigmoid(self.conv2(x))")


async def test_what_is_shown_is_of_the_text_on_the_screen(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        assert await script.hover("out|put = net") == (OUTPUT, "output")
        editor.replace(
            script.uri, "    output = net(images)\n", "    # 😀\n    images = images[:2]\n    output = net(images)\n"
        )
        cropped = "float32[?, 1, 124, 124] · range (−∞, ∞) · logits · from self.conv2 (model.py:13)"
        assert await script.hover("out|put = net") == (cropped, "output")
        editor.replace(script.uri, "    output = net(images)\n", "    output = net(images\n")
        assert await script.hover("loader = Data|Loader(") is not None  # the rows around the mistake are what they were
        editor.replace(script.uri, "    output = net(images\n", "    output = net(images)[0]\n")
        found = await script.hover("out|put = net")
        assert found is not None
        assert found.says.startswith("float32[1, 124, 124]")


async def test_a_document_that_is_opened_late_is_known_too(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        first = editor.open(folder / "train.py")
        assert await Pointer(editor, first).hover("out|put = net") == (OUTPUT, "output")
        await asyncio.sleep(1)
        model = Pointer(editor, editor.open(folder / "model.py"))
        assert await model.hover("forward(self, im|ages)") == (IMAGES, "images")
        editor.close(first)
        assert await Pointer(editor, model.uri).hover("forward(self, im|ages)") == (IMAGES, "images")


async def test_there_is_nothing_where_nothing_is_wanted(folder: Path) -> None:
    for settings in ({"hover": False}, {"enable": False}):
        async with editing(folder, capable=able(), options={"settings": settings}) as editor:
            script = Pointer(editor, editor.open(folder / "train.py"))
            assert await script.hover("out|put = net") is None
    async with editing(folder, capable=able()) as editor:
        here = types.TextDocumentIdentifier((folder / "train.py").as_uri())
        params = types.HoverParams(here, types.Position(16, 5))
        assert await asyncio.wait_for(editor.client.text_document_hover_async(params), 30) is None
        path = project(folder, {"notes.py": "x = 1\n"}) / "notes.py"
        assert await Pointer(editor, editor.open(path)).hover("|x = 1") is None


async def test_a_text_that_was_not_sent_is_not_spoken_of(folder: Path) -> None:
    async with editing(folder, capable=able(), options={"settings": {"run": "onSave"}}) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        assert await script.hover("out|put = net") == (OUTPUT, "output")
        editor.replace(script.uri, "import torch\n", "import os\nimport torch\n")
        assert await script.hover("out|put = net") is None
        editor.save(script.uri)
        assert await script.hover("out|put = net") == (OUTPUT, "output")


async def test_a_worker_that_dies_leaves_nobody_waiting(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        assert await script.hover("out|put = net") == (OUTPUT, "output")
        server = editor.client._server
        assert server is not None
        for pid in children(server.pid):
            os.kill(pid, signal.SIGKILL)
        editor.replace(script.uri, "import torch\n", "import os\nimport torch\n")
        assert await script.hover("out|put = net") == (OUTPUT, "output")

        async def killed() -> None:
            while "again and again" not in editor.logged():
                for pid in children(server.pid):
                    os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(0.1)

        await asyncio.wait_for(killed(), 30)
        assert await script.hover("out|put = net") is None


async def test_many_hovers_at_once_while_somebody_types(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        for number in range(10):
            waiting = [asyncio.ensure_future(script.raw("out|put = net")) for _ in range(5)]
            await asyncio.sleep(0)
            editor.change(script.uri, f"{TRAIN}# {number}\n")
        shown = [one for one in await asyncio.gather(*waiting) if one is not None]  # of an older text, nothing is said
        last = await script.raw("out|put = net")
        assert last is not None
        assert await script.hover("out|put = net") == (OUTPUT, "output")
        assert {repr(one.contents) for one in shown} <= {repr(last.contents)}


# --- hints -----------------------------------------------------------------------------------------------------------


async def test_there_are_no_hints_unless_they_are_wanted(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        assert await script.hover("out|put = net") == (OUTPUT, "output")
        assert await script.hints() == {}


async def test_hints_stand_behind_names_that_are_bound(folder: Path) -> None:
    shapes = {
        "for images": ": [B, 3, 128, 128]", "for images, classes": ": [B]", "output": ": [B, 1, 124, 124]",
        "masks": ": [8, 1, 124, 124]", "loss": ": []",
    }  # fmt: skip
    ranges = {
        "for images": ": in [0, 1]", "for images, classes": ": within [0, ∞)", "output": ": in (−∞, ∞)",
        "masks": ": in [0, 1]", "loss": ": within [0, ∞)",
    }  # fmt: skip
    both = {name: f"{shape} {ranges[name].removeprefix(': ')}" for name, shape in shapes.items()}
    for names, wanted in ((("shapes",), shapes), (("ranges",), ranges), (("shapes", "ranges"), both)):
        options = {"settings": {"inlayHints": dict.fromkeys(names, True)}}
        async with editing(folder, capable=able(), options=options) as editor:
            script = Pointer(editor, editor.open(folder / "train.py"))
            assert await script.hints() == wanted
            assert list(await script.hints(16, 17)) == ["output"]
            assert await script.hints(0, 14) == {}


async def test_a_hint_stands_behind_the_annotation_of_a_name(tmp_path: Path) -> None:
    text = (
        "import torch\n\n\ndef f(x: torch.Tensor, y=None):\n    z: torch.Tensor = x + 1\n    return z\n\n\n"
        "f(torch.zeros(2, 3))\n"
    )
    folder = project(tmp_path / "app", {"a.py": text})
    async with editing(folder, capable=able(), options={"settings": {"inlayHints": {"shapes": True}}}) as editor:
        script = Pointer(editor, editor.open(folder / "a.py"))
        assert await script.hints() == {"def f(x: torch.Tensor": "[2, 3]", "z: torch.Tensor": "[2, 3]"}
        here = types.Range(types.Position(0, 0), types.Position(9, 0))
        params = types.InlayHintParams(types.TextDocumentIdentifier(script.uri), here)
        hints = await editor.client.text_document_inlay_hint_async(params)
        assert [(hint.padding_left, hint.kind) for hint in hints or ()] == [(True, types.InlayHintKind.Type)] * 2
        assert await script.hover("f(|x: torch") is not None


async def test_hints_are_asked_for_again_when_they_are_wanted_or_others(folder: Path) -> None:
    capable = able(refresh=True)
    async with editing(folder, capable=capable) as editor:
        asked = 0

        def refresh(_: None) -> None:
            nonlocal asked
            asked += 1

        editor.client.protocol.fm.features[types.WORKSPACE_INLAY_HINT_REFRESH] = refresh
        script = Pointer(editor, editor.open(folder / "train.py"))
        assert await script.hints() == {}
        assert not asked
        settings = {"inlayHints": {"shapes": True}}
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({"torchlint": settings}))
        await editor.until(lambda: asked)
        assert (await script.hints())["output"] == ": [B, 1, 124, 124]"
        before = asked
        editor.replace(script.uri, "masks = torch.rand(8,", "masks = torch.rand(9,")
        assert (await script.hints())["masks"] == ": [9, 1, 124, 124]"
        await editor.until(lambda: asked > before)


# --- go to source --------------------------------------------------------------------------------------------------


async def test_the_source_of_a_value_is_its_way_from_where_it_begins(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        script = Pointer(editor, editor.open(folder / "train.py"))
        through = [
            *MADE, "model.py: self.conv1(images)", "model.py: torch.relu(self.conv1(images))",
            "model.py: self.conv2(x)",
        ]  # fmt: skip
        assert await script.source("criterion(out|put") == through
        assert await script.source("output = net(im|ages)") == MADE
        assert await script.source("|criterion(output") == ["train.py: nn.BCEWithLogitsLoss()"]
        assert await script.source("net = N|et()") == ["model.py: Net"]
        assert await script.source("to|tal = 0") == []
        model = Pointer(editor, editor.open(folder / "model.py"))
        assert await model.source("return self.conv2(|x)") == through[:-1]
        editor.replace(model.uri, "\n\nclass Net", "\n# 😀\n\nclass Net")

        async def moved() -> None:
            while await script.source("criterion(out|put") != through:
                await asyncio.sleep(0.05)

        await asyncio.wait_for(moved(), 30)


# --- notebooks ------------------------------------------------------------------------------------------------------


async def test_cells_of_a_notebook_are_documents_of_their_own(tmp_path: Path) -> None:
    folder = project(tmp_path / "app", {"model.py": MODEL})
    path = folder / "book.ipynb"
    texts = [
        "%matplotlib inline\nimport torch\nfrom model import Net\n",
        "net = Net()\nx = torch.rand(2, 3, 64, 64)",
        "y = '😀', net(x)",
    ]
    uris = [f"vscode-notebook-cell:{path}#W{number}" for number in range(3)]
    options = {"settings": {"inlayHints": {"shapes": True}}}
    async with editing(folder, capable=able(), options=options) as editor:
        for uri, text in zip(uris, texts):
            editor.texts[uri] = text
        book = types.NotebookDocument(
            path.as_uri(), "jupyter-notebook", 1, [types.NotebookCell(types.NotebookCellKind.Code, uri) for uri in uris]
        )
        cells = [types.TextDocumentItem(uri, types.LanguageKind.Python, 1, text) for uri, text in zip(uris, texts)]
        editor.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(book, cells))
        last = Pointer(editor, uris[2])
        assert await last.hover("net(|x)") == (
            "float32[2, 3, 64, 64] · range [0, 1] · noise · from torch.rand (book.ipynb, cell 2:2)", "x",
        )  # fmt: skip
        assert await last.hover("n|et(x)") is not None
        assert await Pointer(editor, uris[1]).hints() == {"x": ": [2, 3, 64, 64]"}
        assert await Pointer(editor, uris[0]).hover("mat|plotlib") is None
        assert await last.source("net(|x)") == ["book.ipynb#W1: torch.rand(2, 3, 64, 64)"]


async def test_the_server_says_what_it_can_do(folder: Path) -> None:
    async with editing(folder, capable=capabilities()) as editor:
        can = editor.result.capabilities
        assert can.hover_provider
        assert can.inlay_hint_provider
        assert can.declaration_provider
