"""A client that does what no client should: it sends what is no message, lies about lengths and versions, edits what it
never opened, asks for a hundred things at once, and leaves in the middle of a word.

After each of these the server still answers, and says of the open texts what `torchlint check` says of them.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server import editors
from tests.server.wire import CANCELLED, CAPABILITIES, Client, framed

START = {"line": 0, "character": 0}
FAR = {"line": 10**6, "character": 10**6}
WHOLE = {"start": START, "end": FAR}

REQUESTS = (
    "textDocument/codeAction",
    "textDocument/hover",
    "textDocument/inlayHint",
    "textDocument/declaration",
    "textDocument/diagnostic",
    "workspace/diagnostic",
    "workspace/executeCommand",
    "codeAction/resolve",
)
NOTIFICATIONS = (
    "textDocument/didOpen",
    "textDocument/didChange",
    "textDocument/didSave",
    "textDocument/didClose",
    "notebookDocument/didOpen",
    "notebookDocument/didChange",
    "notebookDocument/didSave",
    "notebookDocument/didClose",
    "workspace/didChangeConfiguration",
    "workspace/didChangeWatchedFiles",
    "workspace/didChangeWorkspaceFolders",
    "$/cancelRequest",
    "$/setTrace",
    "$/progress",
    "window/workDoneProgress/cancel",
)
#: Parameters of no method.
ODD: tuple[Any, ...] = (
    None,
    0,
    "x",
    [],
    [[]],
    {},
    {"textDocument": None},
    {"textDocument": {"uri": 5}},
    {"textDocument": {"uri": "", "version": "two", "text": 3, "languageId": []}, "contentChanges": {}},
    {"textDocument": {"uri": "file:///%ff%00"}, "position": {"line": -1, "character": -1}},
    {"textDocument": {"uri": "://"}, "position": {"line": 1e99, "character": "0"}, "range": WHOLE, "context": 1},
    {"notebookDocument": {"uri": "file:///x"}, "change": {"cells": {"structure": {"array": 4}}}},
    {"settings": [1]},
    {"settings": {"torchlint": {"enable": "maybe", "run": 7, "inlayHints": [], "logLevel": "loud", "confirm": {}}}},
    {"changes": [{"uri": "file:///", "type": 99}]},
    {"event": {"added": [{}], "removed": None}},
    {"command": "rm", "arguments": "-rf"},
    {"command": "torchlint.explain", "arguments": [{}, []]},
    {"command": "torchlint.dataPath", "arguments": ["nowhere", -5, 3]},
    {"command": "torchlint.fixAll"},
    {"command": "torchlint.confirm", "arguments": [None, "x", 0]},
    {"id": {"not": "an id"}},
    {"token": None, "value": 3},
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client that has opened the script, which has a finding."""
    with Client(editors.project(tmp_path / "project")) as one:
        one.initialize()
        one.open("train.py", editors.TRAIN)
        one.agrees(versions={"train.py": 1})
        yield one
        assert one.leave() == 0
    assert one.started.left() == []


def is_well(client: Client, version: int = 2) -> None:
    """The server hears an edit that makes the finding go, and another that brings it again."""
    whole = {"range": WHOLE, "text": editors.FIXED}
    client.change("train.py", whole, version=version)
    client.agrees({"train.py": editors.FIXED}, {"train.py": version})
    client.change("train.py", {"text": editors.TRAIN}, version=version + 1)
    client.agrees({"train.py": editors.TRAIN}, {"train.py": version + 1})


# what is no message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b'"word"', b"1e999", b"[" * 100_000, b'{"jsonrpc":"2.0"}', b"{}" * 3],
    ids=["empty", "cut", "bytes", "null", "list", "string", "infinite", "deep", "bare", "several"],
)
def test_bodies_that_are_no_message(client: Client, body: bytes) -> None:
    client.raw(framed(body))
    is_well(client)


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "1.0", "id": 900, "method": "textDocument/hover", "params": {}},
        {"id": 901, "method": "textDocument/hover"},
        {"jsonrpc": "2.0", "id": [1], "method": "textDocument/hover"},
        {"jsonrpc": "2.0", "id": 902, "method": 5},
        {"jsonrpc": "2.0", "id": 903, "result": 1},
        {"jsonrpc": "2.0", "id": 904, "error": {"code": "x"}},
        {"jsonrpc": "2.0", "id": None, "error": None},
        [{"jsonrpc": "2.0", "id": 905, "method": "textDocument/hover"}] * 3,
        {"jsonrpc": "2.0", "method": "$/x", "params": {"jsonrpc": "2.0", "method": "exit", "params": None}},
    ],
    ids=[
        "version",
        "no-version",
        "list-id",
        "number-method",
        "stray-result",
        "stray-error",
        "nothing",
        "batch",
        "inner",
    ],
)
def test_messages_that_are_no_calls(client: Client, message: Any) -> None:
    client.send(message)
    is_well(client)


@pytest.mark.parametrize("off", [-40, -1, 1, 40])
def test_lengths_that_are_wrong(client: Client, off: int) -> None:
    """What is cut, or swallows a part of the next message, is lost; then the stream is understood again."""
    stray = json.dumps({"jsonrpc": "2.0", "method": "$/setTrace", "params": {"value": "off"}}).encode()
    client.raw(framed(stray, len(stray) + off))
    for _ in range(20):
        number = client.request("torchlint/unknown", None)
        try:
            client.answer(number, 0.5)
            break
        except AssertionError:
            continue
    else:
        pytest.fail("no answer any more")
    is_well(client)


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: many\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 99999999999999999\r\n\r\n",
        b"Content-Length: " + b"9" * 400 + b"\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["words", "negative", "endless", "beyond-numbers", "nothing", "http"],
)
def test_headers_that_are_none(client: Client, header: bytes) -> None:
    client.raw(header)
    is_well(client)


def test_a_message_inside_of_another_is_none(client: Client) -> None:
    inner = {"jsonrpc": "2.0", "id": 906, "method": "shutdown", "params": None}
    client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": {"configuration": inner}}})
    is_well(client)
    assert 906 not in client.answers


def test_headers_of_every_legal_form(client: Client) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 950, "method": "torchlint/unknown"}).encode()
    kind = b"Content-Type: application/vscode-jsonrpc; charset=utf-8"
    client.raw(b"Content-Length: %d\r\n%b\r\n\r\n%b" % (len(body), kind, body))
    assert client.answer(950)["error"]["code"] == -32601
    client.raw(b"%b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(body), body.replace(b"950", b"951")))
    assert client.answer(951)["error"]["code"] == -32601
    is_well(client)


def test_a_message_that_comes_byte_by_byte(client: Client) -> None:
    for byte in framed(json.dumps({"jsonrpc": "2.0", "id": 960, "method": "torchlint/unknown"}).encode()):
        client.raw(bytes([byte]))
    assert client.answer(960)["error"]["code"] == -32601


def test_messages_of_many_megabytes(client: Client) -> None:
    client.notify("torchlint/unknown", {"text": "x" * 20_000_000})
    client.open("large.py", "x = 1\n" * 100_000)
    client.notify("textDocument/didClose", {"textDocument": {"uri": client.uri("large.py")}})
    is_well(client)


# calls that make no sense


def test_methods_that_nobody_knows(client: Client) -> None:
    for method in ("torchlint/unknown", "textDocument/rename", "", "$/unknown", "__class__", "exit/../shutdown"):
        number = client.request(method, {})
        assert "error" in client.answer(number)
        client.notify(method, {})
    is_well(client)


@pytest.mark.parametrize("method", REQUESTS)
def test_requests_with_odd_parameters_are_all_answered(client: Client, method: str) -> None:
    numbers = [client.request(method, odd) for odd in ODD]
    for number in numbers:
        client.answer(number)
    is_well(client)


@pytest.mark.parametrize("method", NOTIFICATIONS)
def test_notifications_with_odd_parameters_are_passed_over(client: Client, method: str) -> None:
    for odd in ODD:
        client.notify(method, odd)
    client.notify("workspace/didChangeConfiguration", {"settings": {}})
    is_well(client)


def test_requests_as_notifications_and_notifications_as_requests(client: Client) -> None:
    for method in REQUESTS:
        client.notify(method, {"textDocument": {"uri": client.uri("train.py")}, "position": START})
    parameters = {"textDocument": {"uri": client.uri("train.py")}}
    for method in ("textDocument/didSave", "workspace/didChangeWatchedFiles", "initialized"):
        client.answer(client.request(method, parameters))
    is_well(client)


# documents


@pytest.mark.parametrize("version", [1, 0, -7, 5000, None], ids=["equal", "older", "negative", "skipped", "none"])
def test_versions_in_no_order(client: Client, version: int | None) -> None:
    """An edit is an edit: what the client sends last is what it shows."""
    client.change("train.py", {"text": editors.FIXED}, version=version)
    client.agrees({"train.py": editors.FIXED})
    is_well(client, 6000)


def test_edits_of_documents_that_were_never_opened(client: Client) -> None:
    client.change("model.py", {"text": editors.MODEL.replace(editors.SIGMOID, editors.LOGITS)})
    client.change("model.py", {"range": WHOLE, "text": ""}, version=3)
    client.change("nowhere/at/all.py", {"text": "x"})
    for name in ("model.py", "nowhere.py"):
        identifier = {"textDocument": {"uri": client.uri(name)}}
        client.notify("textDocument/didSave", identifier)
        client.notify("textDocument/didClose", identifier)
        client.notify("textDocument/didClose", identifier)
    is_well(client)


def test_documents_that_are_opened_twice_and_closed_twice(client: Client) -> None:
    client.open("train.py", editors.FIXED, 2)
    client.agrees({"train.py": editors.FIXED})
    for _ in range(2):
        client.notify("textDocument/didClose", {"textDocument": {"uri": client.uri("train.py")}})
    client.agrees()
    client.open("train.py", editors.FIXED, 1)
    client.agrees({"train.py": editors.FIXED}, {"train.py": 1})
    is_well(client)


def position(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def test_places_beyond_the_end_are_the_nearest_that_are(client: Client) -> None:
    lines = editors.TRAIN.splitlines()
    client.change("train.py", {"range": {"start": FAR, "end": FAR}, "text": "# end\n"})
    client.change("train.py", {"range": {"start": position(0, 9999), "end": position(0, 10**9)}, "text": "  # first"})
    text = "\n".join([f"{lines[0]}  # first", *lines[1:], "# end", ""])
    client.agrees({"train.py": text})
    client.change("train.py", {"range": {"start": position(len(lines), 0), "end": FAR}, "text": ""}, version=3)
    client.agrees({"train.py": text.replace("# end\n", "")})
    is_well(client, 4)


def test_places_that_run_backwards_or_split_a_character(client: Client) -> None:
    line = editors.TRAIN.splitlines()[editors.LINE]
    inside = len(line[: line.index("😀")].encode("utf-16-le")) // 2 + 1
    client.change("train.py", {"range": {"start": position(3, 5), "end": position(1, 0)}, "text": ""})
    client.change("train.py", {"range": {"start": position(-4, -4), "end": position(-1, -1)}, "text": ""})
    split = {"start": position(editors.LINE, inside), "end": position(editors.LINE, inside)}
    client.change("train.py", {"range": split, "text": ""})
    is_well(client)


def test_uris_that_are_no_files_of_the_project(client: Client) -> None:
    for uri in (
        "untitled:Untitled-1",
        "http://example.com/a.py",
        "file:///",
        "file:///dev/null",
        "nonsense",
        "git:/a.py",
    ):
        item = {"uri": uri, "languageId": "python", "version": 1, "text": "import torch\n"}
        client.notify("textDocument/didOpen", {"textDocument": item})
        asked = {"textDocument": {"uri": uri}, "range": WHOLE, "context": {"diagnostics": []}}
        client.answer(client.request("textDocument/codeAction", asked))
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    is_well(client)


def test_notebooks_whose_indices_are_wrong(client: Client) -> None:
    uri = client.uri("book.ipynb")
    cell = {"kind": 2, "document": f"{uri}#a"}
    notebook = {"uri": uri, "notebookType": "jupyter-notebook", "version": 1, "cells": [cell]}
    text = {"uri": f"{uri}#a", "languageId": "python", "version": 1, "text": "import torch\n"}
    client.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": [text]})
    version = 1
    for start, removed, cells in ((99, 1, None), (0, 99, None), (-3, 1, None), (0, -1, [cell]), (5, 0, [cell, cell])):
        version += 1
        array = {"start": start, "deleteCount": removed, **({"cells": cells} if cells else {})}
        change = {"cells": {"structure": {"array": array}}}
        identifier = {"uri": uri, "version": version}
        client.notify("notebookDocument/didChange", {"notebookDocument": identifier, "change": change})
        lost = {"document": {"uri": f"{uri}#lost", "version": 2}, "changes": [{"text": "x"}]}
        content = {"cells": {"textContent": [lost], "data": [{"kind": 2, "document": f"{uri}#lost"}]}}
        client.notify("notebookDocument/didChange", {"notebookDocument": identifier, "change": content})
    closed = {"notebookDocument": {"uri": uri}, "cellTextDocuments": [{"uri": f"{uri}#a"}, {"uri": f"{uri}#lost"}]}
    client.notify("notebookDocument/didClose", closed)
    is_well(client)


# many at once


def test_a_hundred_requests_at_once_with_cancellations(client: Client) -> None:
    identifier = {"uri": client.uri("train.py")}
    numbers = []
    for number in range(25):
        client.change("train.py", {"text": editors.TRAIN + f"# {number}\n"}, version=number + 2)
        asked = {"textDocument": identifier, "range": WHOLE, "context": {"diagnostics": []}}
        place = {"textDocument": identifier, "position": {"line": editors.LINE, "character": 30}}
        numbers.append(client.request("textDocument/codeAction", asked))
        numbers.append(client.request("textDocument/hover", place))
        numbers.append(
            client.request("workspace/executeCommand", {"command": "torchlint.information", "arguments": []})
        )
        numbers.append(client.request("torchlint/unknown", None))
        client.notify("$/cancelRequest", {"id": numbers[-4]})
        client.notify("$/cancelRequest", {"id": numbers[-2]})
        client.notify("$/cancelRequest", {"id": 10**6 + number})
    assert len(numbers) == 100
    answers = [client.answer(one) for one in numbers]
    codes = {answer["error"]["code"] for answer in answers if "error" in answer}
    assert codes <= {CANCELLED, -32601, -32801, -32802, -32602}, codes
    assert all("result" in answer or answer["error"]["code"] != -32603 for answer in answers)
    client.agrees({"train.py": editors.TRAIN + "# 24\n"}, {"train.py": 26})
    is_well(client, 27)


def test_edits_that_come_faster_than_they_can_be_looked_at(client: Client) -> None:
    text = ""
    for version in range(2, 202):
        text = (editors.FIXED if version % 2 else editors.TRAIN) + f"# {version}\n"
        client.change("train.py", {"text": text}, version=version)
    client.agrees({"train.py": text}, {"train.py": 201})


# beginnings and ends


def test_nothing_is_answered_before_the_beginning_and_after_the_end(tmp_path: Path) -> None:
    with Client(editors.project(tmp_path / "project")) as one:
        one.open("train.py", editors.TRAIN)
        asked = {"textDocument": {"uri": one.uri("train.py")}, "position": START}
        assert one.answer(one.request("textDocument/hover", asked))["error"]["code"] == -32002
        one.initialize()
        again = one.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        assert one.answer(again)["error"]["code"] == -32600
        one.ask("shutdown", None)
        assert one.answer(one.request("textDocument/hover", asked))["error"]["code"] == -32600
        one.notify("exit", None)
        assert one.drop() == 0
    assert one.started.left() == []


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_beginning_with_odd_parameters_is_answered(tmp_path: Path, odd: Any) -> None:
    with Client(editors.project(tmp_path / "project")) as one:
        one.answer(one.request("initialize", odd))
    assert one.started.left() == []


def test_an_end_without_a_word_before_it_is_no_success(client: Client, tmp_path: Path) -> None:
    with Client(editors.project(tmp_path / "other")) as one:
        one.initialize()
        one.notify("exit", None)
        assert one.drop() == 1
    assert one.started.left() == []


def large(folder: Path) -> Path:
    """A project that takes a while."""
    editors.project(folder)
    for number in range(120):
        (folder / f"train{number}.py").write_text(editors.TRAIN, encoding="utf-8")
        (folder / f"model{number}.py").write_text(editors.MODEL, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "rest", [b"", b"Content-Le", b'Content-Length: 500\r\n\r\n{"jsonrpc"'], ids=["", "head", "body"]
)
def test_a_client_that_leaves_in_the_middle(tmp_path: Path, rest: bytes) -> None:
    with Client(large(tmp_path / "project")) as one:
        one.initialize()
        one.open("train.py", editors.TRAIN)
        for _ in range(5):
            one.request(
                "textDocument/codeAction",
                {"textDocument": {"uri": one.uri("train.py")}, "range": WHOLE, "context": {"diagnostics": []}},
            )
        if rest:
            one.raw(rest)
        one.drop()
    assert one.started.left() == []


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_client_that_leaves_while_the_worker_starts(tmp_path: Path, moment: float) -> None:
    folder = editors.project(tmp_path / "project")
    for _ in range(3):
        with Client(folder) as one:
            one.initialize()
            time.sleep(moment)
            assert one.drop() == 1
        assert one.started.left() == []


@pytest.mark.parametrize("looked", [False, True], ids=["first-look", "idle"])
def test_nothing_is_left_of_a_server_that_is_killed(tmp_path: Path, looked: bool) -> None:
    """Its worker sees that nobody listens any more."""
    with Client(large(tmp_path / "project")) as one:
        one.initialize()
        one.open("train.py", editors.TRAIN)
        if looked:
            one.wait("findings", lambda: len(one.diagnostics) > 100)
        else:
            one.wait("a worker", lambda: len(one.started.left(0)) > 1)
        os.kill(one.process.pid, signal.SIGKILL)
        one.drop()
    assert one.started.left() == []


def test_a_worker_that_is_killed_is_followed_by_another(client: Client) -> None:
    killed = [number for number in client.started.numbers() if number != client.process.pid]
    assert killed
    for number in killed:
        os.kill(number, signal.SIGKILL)
    is_well(client)
    assert not set(killed) & set(client.started.numbers())


def test_a_client_that_can_nothing_is_served(tmp_path: Path) -> None:
    with Client(editors.project(tmp_path / "project")) as one:
        one.initialize({})
        one.open("train.py", editors.TRAIN)
        one.wait("the finding", lambda: bool(one.diagnostics.get(one.uri("train.py"), {}).get("diagnostics")))
        (found,) = one.diagnostics[one.uri("train.py")]["diagnostics"]
        assert found["code"] == editors.CODE and "relatedInformation" not in found
        assert not any(asked["method"] == "workspace/configuration" for asked in one.asked)
        assert one.leave() == 0


def test_a_client_that_refuses_everything_is_served(tmp_path: Path) -> None:
    asking = {**CAPABILITIES["workspace"], "didChangeWatchedFiles": {"dynamicRegistration": True}}
    able = {
        **CAPABILITIES,
        "workspace": asking,
        "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    }
    with Client(editors.project(tmp_path / "project")) as one:
        one.refuses = True
        one.initialize(able)
        one.open("train.py", editors.TRAIN)
        one.agrees(versions={"train.py": 1})
        is_well(one)
        assert one.leave() == 0
