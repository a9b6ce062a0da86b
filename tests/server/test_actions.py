"""What an editor is offered to do about a finding, and what comes of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.frontends.programs import MODEL, TRAIN
from tests.server.acting import FOUND, PROGRAM, able, at, carry_out, choose, named, offered, titles
from tests.server.clients import editing, project
from torchlint.frontends.server.folders import Folder, OutdatedError

pytestmark = pytest.mark.asyncio

SAFE = ["TL112", "TL112", "TL101"]
TRAINED = TRAIN.replace("nn.BCELoss", "nn.CrossEntropyLoss")
SOFT = MODEL.replace("nn.Linear(8, 1)", "nn.Linear(8, 3)").replace("self.head(x)", "self.head(x).softmax(1)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "app", {"two.py": PROGRAM})


# --- quick fixes ---------------------------------------------------------------------------------------------------


async def test_the_fixes_of_a_finding_are_offered_and_mend_it(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        found = await offered(editor, uri, at(20))
        first, second = found[:2]
        assert (first.title, first.kind, first.is_preferred) == ("use `BCEWithLogitsLoss`", "quickfix", True)
        assert second.title == "apply a sigmoid first (may change what the program does)"
        assert not second.is_preferred
        assert [one.code for one in first.diagnostics or ()] == ["TL101"]
        await choose(editor, first)
        await editor.shows(uri, *FOUND[:3])
        assert "nn.BCEWithLogitsLoss()(nn.Linear(8, 1)(x), " in editor.texts[uri]


async def test_what_may_change_the_program_is_never_preferred(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        one = named(await offered(editor, uri, at(18)), "leave the softmax out")
        assert one.title.endswith(" (may change what the program does)")
        assert not one.is_preferred
        await choose(editor, one)
        await editor.shows(uri, *FOUND[2:])


async def test_nothing_is_offered_beside_findings(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        assert await offered(editor, uri, at(19, 0, to=3)) == []
        assert await offered(editor, uri, at(19, 0, to=4))
        assert await offered(editor, uri, at(19, 21))
        assert await offered(editor, uri, at(19, 22)) == []
        assert await offered(editor, (folder / "none.py").as_uri(), at(0)) == []


async def test_an_action_is_about_the_text_as_it_is_now(folder: Path) -> None:
    """The request follows the edit at once: what is offered knows of it."""
    async with editing(folder, capable=able()) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        editor.change(uri, "# one\n# two 😀\n" + PROGRAM)
        assert titles(await offered(editor, uri, at(19))) == []
        await choose(editor, named(await offered(editor, uri, at(22)), "use `BCEWithLogitsLoss`"))
        assert editor.texts[uri] == "# one\n# two 😀\n" + PROGRAM.replace("BCELoss", "BCEWithLogitsLoss")
        editor.change(uri, PROGRAM.replace("nn.BCELoss()", "nn.MSELoss()"))
        assert "use `BCEWithLogitsLoss`" not in titles(await offered(editor, uri, at(20)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_edits_are_in_the_units_of_the_client(folder: Path, encoding: str) -> None:
    text = PROGRAM.replace("q = nn", 'q = "😀é", nn')
    async with editing(folder, capable=able(encodings=[encoding])) as editor:
        assert editor.result.capabilities.position_encoding == encoding
        uri = editor.open(folder / "two.py", text)
        for title in ("apply a sigmoid first", "Silence TL101", "Fix all 3"):
            editor.change(uri, text)
            place = at(20, 4 + {"utf-8": 10, "utf-16": 7, "utf-32": 6}[encoding])
            await choose(editor, named(await offered(editor, uri, place), title))
            line = editor.texts[uri].splitlines()[20]
            assert line in (
                'q = "😀é", nn.BCELoss()(torch.sigmoid(nn.Linear(8, 1)(x)), torch.rand(4, 1))',
                'q = "😀é", nn.BCELoss()(nn.Linear(8, 1)(x), torch.rand(4, 1))  # noqa: TL101',
                'q = "😀é", nn.BCEWithLogitsLoss()(nn.Linear(8, 1)(x), torch.rand(4, 1))',
            )


async def test_a_fix_of_another_file_knows_what_that_holds(tmp_path: Path) -> None:
    """The softmax that has to go stands in a file that is open beside it, and was edited just now."""
    folder = project(tmp_path / "app", {"model.py": SOFT, "train.py": TRAINED})
    async with editing(folder, capable=able()) as editor:
        script, model = editor.open(folder / "train.py"), editor.open(folder / "model.py")
        await editor.shows(script, ("TL103", 10))
        editor.change(model, "# a line more\n" + SOFT)
        fix = named(await offered(editor, script, at(10)), "leave the softmax out")
        await choose(editor, fix)
        assert editor.texts[model] == "# a line more\n" + SOFT.replace(".softmax(1)", "")
        await editor.shows(script)


# --- everything at once --------------------------------------------------------------------------------------------


def all_fixed(text: str) -> str:
    return text.replace("(x))\n", "(x), dim=1)\n").replace("BCELoss", "BCEWithLogitsLoss")


@pytest.mark.parametrize("resolve", [True, False])
async def test_all_safe_fixes_of_a_file_at_once(folder: Path, resolve: bool) -> None:
    async with editing(folder, capable=able(resolve=resolve)) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        for only in (["source.fixAll.torchlint"], ["source.fixAll"], ["source"], ["quickfix"], None):
            editor.change(uri, PROGRAM)
            found = await offered(editor, uri, at(20), only)
            kinds = {one.kind for one in found}
            assert kinds <= {"quickfix", "source.fixAll.torchlint"}
            assert only is None or kinds == {"quickfix" if only == ["quickfix"] else "source.fixAll.torchlint"}
            one = named(found, "Fix all") if only is not None else named(found, "Fix all 3 findings of this file")
            assert (one.edit is None) == resolve
            await choose(editor, one)
            assert editor.texts[uri] == all_fixed(PROGRAM)
        await editor.shows(uri, FOUND[1])
        assert await offered(editor, uri, at(0), ["source.fixAll"]) == []


async def test_fixing_all_edits_no_more_than_it_must(folder: Path) -> None:
    async with editing(folder, capable=able()) as editor:
        uri = editor.open(folder / "two.py")
        (one,) = await offered(editor, uri, at(0), ["source.fixAll"])
        assert one.edit is not None
        (changes,) = one.edit.document_changes or ()
        assert isinstance(changes, types.TextDocumentEdit)
        assert sorted(each.new_text for each in changes.edits if isinstance(each, types.TextEdit)) == [
            ", dim=1", ", dim=1", "WithLogits",
        ]  # fmt: skip


async def test_what_needs_a_decision_is_made_with_the_rest_only_if_the_configuration_says_so(folder: Path) -> None:
    (folder / "torchlint.toml").write_text("unsafe-fixes = true\n")
    async with editing(folder, capable=able(resolve=True)) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        await choose(editor, named(await offered(editor, uri, at(20)), "Fix all 4 findings of this file"))
        assert "return self.head(x)\n" in editor.texts[uri]
        await editor.shows(uri)


async def test_fixing_all_of_a_file_leaves_the_others_alone(tmp_path: Path) -> None:
    """The softmax that has to go stands in another file: it stays, though unsafe fixes are wanted."""
    files = {
        "model.py": SOFT,
        "train.py": TRAINED + "torch.nn.functional.softmax(net(x))\n",
        "torchlint.toml": "unsafe-fixes = true\n",
    }
    folder = project(tmp_path / "app", files)
    async with editing(folder, capable=able()) as editor:
        script = editor.open(folder / "train.py")
        editor.open(folder / "model.py")
        await editor.shows(script, ("TL103", 10), ("TL112", 12))
        assert not [title for title in titles(await offered(editor, script, at(12))) if title.startswith("Fix all 2")]
        (one,) = await offered(editor, script, at(0), ["source.fixAll"])
        await choose(editor, one)
        await editor.shows(script, ("TL103", 10))
        assert await offered(editor, script, at(0), ["source.fixAll"]) == []
        assert await carry_out(editor, "torchlint.fixAll", script) == {"applied": False, "fixed": 0}


async def test_fixing_all_on_saving_counts_the_text_of_the_editor(folder: Path) -> None:
    """A client that has files looked at when they are saved asks for this just before."""
    options = {"settings": {"run": "onSave"}}
    async with editing(folder, capable=able(), options=options) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        editor.change(uri, "# one\n" + PROGRAM)
        assert await offered(editor, uri, at(21)) == []
        (one,) = await offered(editor, uri, at(0), ["source.fixAll"])
        await choose(editor, one)
        assert editor.texts[uri] == "# one\n" + all_fixed(PROGRAM)


async def test_a_client_that_types_on_is_told_that_the_text_is_another(folder: Path) -> None:
    async with editing(folder, capable=able(resolve=True)) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        action = named(await offered(editor, uri, at(20)), "Fix all 3")
        asked = asyncio.ensure_future(editor.client.code_action_resolve_async(action))
        editor.change(uri, "# one\n" + PROGRAM)
        resolved = await asked
        assert resolved.edit is not None
        (changes,) = resolved.edit.document_changes or ()
        assert isinstance(changes, types.TextDocumentEdit)
        assert changes.text_document.version == editor.versions[uri]
        await choose(editor, resolved)
        assert editor.texts[uri] == "# one\n" + all_fixed(PROGRAM)


async def test_an_answer_about_an_older_text_is_asked_for_again(tmp_path: Path) -> None:
    """Texts that come in while the answer is on its way, and so many that there is none."""
    folder = Folder(str(tmp_path), True, *[lambda *unused: None] * 4)
    asked: list[int] = []

    class Worker:
        def send(self, message: object) -> None:
            pass

        async def ask(self, stamp: int, what: str, arguments: dict[str, object]) -> tuple[object, int]:
            asked.append(stamp)
            if len(asked) in changing:
                folder.touch([], False)
            return f"answer {len(asked)}", stamp

    folder._worker = Worker()  # type: ignore[assignment]
    changing = {1, 2}
    assert await folder.ask("x") == "answer 3"
    assert asked == sorted({*asked})
    assert await folder.ask("x") == "answer 3"
    assert await folder.ask("y") == "answer 4"
    changing = {*range(100)}
    with pytest.raises(OutdatedError):
        await folder.ask("z")


# --- comments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolve", [True, False])
async def test_a_finding_is_silenced(folder: Path, resolve: bool) -> None:
    async with editing(folder, capable=able(resolve=resolve)) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        action = named(await offered(editor, uri, at(20)), "Silence TL101 here")
        assert (action.edit is None) == resolve
        await choose(editor, action)
        assert editor.texts[uri].endswith("torch.rand(4, 1))  # noqa: TL101\n")
        await editor.shows(uri, *FOUND[:3])


async def test_a_comment_that_is_there_names_one_code_more(folder: Path) -> None:
    text = PROGRAM.replace("torch.rand(4, 1))\n", "torch.rand(4, 1))  # noqa: E501\r\n")
    async with editing(folder, capable=able(resolve=True)) as editor:
        uri = editor.open(folder / "two.py", text)
        await choose(editor, named(await offered(editor, uri, at(20)), "Silence"))
        assert editor.texts[uri] == text.replace("E501", "E501, TL101")


async def test_what_cannot_be_silenced_is_not_offered_to_be(folder: Path) -> None:
    async with editing(folder, capable=able(resolve=True)) as editor:
        uri = editor.open(folder / "two.py", "import torch\nx = (\n")
        await editor.shows(uri, ("TL001", 1))
        found = await offered(editor, uri, types.Range(types.Position(0, 0), types.Position(9, 0)))
        assert titles(found) == ["Explain TL001 (syntax-error)"]


# --- others --------------------------------------------------------------------------------------------------------


async def test_the_order_of_what_is_offered(folder: Path) -> None:
    async with editing(folder, capable=able(resolve=True)) as editor:
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)
        assert titles(await offered(editor, uri, at(20))) == [
            "use `BCEWithLogitsLoss`",
            "apply a sigmoid first (may change what the program does)",
            "Fix all 3 findings of this file",
            "Fix all that torchlint can in this file",
            "Silence TL101 here",
            "Explain TL101 (bce-on-logits)",
        ]


async def test_nothing_is_offered_where_diagnostics_are_switched_off(folder: Path) -> None:
    async with editing(folder, capable=able(), options={"settings": {"enable": False}}) as editor:
        uri = editor.open(folder / "two.py")
        assert await offered(editor, uri, at(20)) == []
        assert await offered(editor, uri, at(20), ["source.fixAll"]) == []


async def test_a_client_without_actions_is_given_commands(folder: Path) -> None:
    async with editing(folder, capable=able(literal=False)) as editor:
        uri = editor.open(folder / "two.py")
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), at(20), types.CodeActionContext([]))
        found = await editor.client.text_document_code_action_async(params)
        assert [one.command for one in found or () if isinstance(one, types.Command)] == ["torchlint.explain"]


@pytest.mark.parametrize(
    "data", [1, "x", {}, [], {"what": "fix_all"}, {"what": "silence", "uri": "file:///x.py", "line": "a", "code": 1}]
)
async def test_data_that_is_of_no_action_is_refused(folder: Path, data: object) -> None:
    async with editing(folder, capable=able(resolve=True)) as editor:
        with pytest.raises(JsonRpcException, match="this is the data of no action"):
            await editor.client.code_action_resolve_async(types.CodeAction("x", data=data))
        uri = editor.open(folder / "two.py")
        await editor.shows(uri, *FOUND)


async def test_a_comment_beyond_the_end_is_refused(folder: Path) -> None:
    async with editing(folder, capable=able(resolve=True)) as editor:
        uri = editor.open(folder / "two.py")
        data = {"what": "silence", "uri": uri, "line": 99, "code": "TL101"}
        with pytest.raises(JsonRpcException, match="there is no line 100"):
            await editor.client.code_action_resolve_async(types.CodeAction("x", data=data))
