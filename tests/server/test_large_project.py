"""A project that takes longer to look at than somebody takes to press the next key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from tests.benchmarks.large_project import files
from tests.frontends.programs import MODEL, TRAIN
from tests.server.clients import capabilities, editing, project

pytestmark = pytest.mark.asyncio

FINDING = ("TL101", 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # the script and its model are part of one large whole
    model = "from app.models import models0\n" + MODEL
    return project(tmp_path / "app", {**files(), "model.py": model, "train.py": TRAIN})


async def test_an_opened_document_need_not_wait_for_all_others(folder: Path) -> None:
    async with editing(folder, capable=capabilities(progress=True)) as editor:
        uri = editor.open(folder / "train.py")
        await editor.shows(uri, FINDING)
        reports = [report for some in editor.client.progress_reports.values() for report in some]
        assert not any(isinstance(report, types.WorkDoneProgressEnd) for report in reports)


async def test_what_others_have_to_say_comes_while_somebody_types(folder: Path) -> None:
    """The model of a script is mended; then a key is pressed elsewhere every tenth of a second, and a look at
    everything takes longer than that."""
    async with editing(folder) as editor:
        script, model = editor.open(folder / "train.py"), editor.open(folder / "model.py")
        other = editor.open(folder / "train0.py")
        await editor.shows(script, FINDING)
        await editor.shows(other)
        editor.replace(other, "import torch\n", "import torch \n")
        await editor.shows(other)
        await asyncio.sleep(3)  # the documents are made ready
        editor.replace(model, "self.head(x)", "self.head(x).sigmoid()")
        await asyncio.sleep(0.5)

        async def type_on() -> None:
            while editor.codes(script):
                editor.replace(other, "import torch", "import torch ")
                await asyncio.sleep(0.1)

        await asyncio.wait_for(type_on(), 60)
