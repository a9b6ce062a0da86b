"""How long somebody waits who types, beside a parse of the same file by ``libcst.native.parse_module`` in the same run;
and how much memory the server holds after many edits, beside what it held after a few.

Usage: ``python tests/benchmarks/server_latency.py [--edits N] [FOLDER FILE ...]``: of the project in FOLDER, or of one
of two hundred files that is made for it, these files are edited (default: its script and its model file of 500 lines).
The client is a plain one over pipes: a keystroke is a change of one character inside a statement; the answer is the
first set of diagnostics for that version. Prints medians of the ratios, edit by edit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.large_project import files

Message = dict[str, Any]

PARSE: Callable[[str], object] = import_module("libcst.native").parse_module


class Client:
    """A language client that does nothing but send and wait."""

    def __init__(self, folder: Path) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "torchlint", "server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._number = 0
        self.latest: dict[str, Message] = {}
        capable = {
            "textDocument": {"publishDiagnostics": {"versionSupport": True}, "hover": {"contentFormat": ["markdown"]}},
            "general": {"positionEncodings": ["utf-32"]},
        }
        told = {"processId": os.getpid(), "capabilities": capable, "rootUri": folder.as_uri()}
        self.request("initialize", {**told, "workspaceFolders": [{"uri": folder.as_uri(), "name": "project"}]})
        self.notify("initialized", {})

    def notify(self, method: str, params: Message) -> None:
        """Send something that has no answer."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: Message | None) -> Any:
        """Send something, and wait for its answer."""
        self._number += 1
        number = self._number
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = self.until(lambda message: message.get("id") == number and "method" not in message)
        return answer.get("result")

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        """The first message that is wanted; requests of the server are answered with nothing."""
        assert self._server.stdout is not None
        while True:
            length = 0
            while line := self._server.stdout.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            message: Message = json.loads(self._server.stdout.read(length))
            if message.get("method") == "textDocument/publishDiagnostics":
                self.latest[message["params"]["uri"]] = message
            if "id" in message and "method" in message:
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})
            if wanted(message):
                return message

    def diagnostics(self, uri: str, version: int) -> Message:
        """The first diagnostics of a version of a document."""

        def is_it(message: Message) -> bool:
            params = message.get("params") or {}
            return message.get("method") == "textDocument/publishDiagnostics" and (
                params["uri"] == uri and params.get("version") == version
            )

        return self.until(is_it)

    def _send(self, message: Message) -> None:
        assert self._server.stdin is not None
        body = json.dumps(message).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._server.stdin.flush()

    def memory(self) -> int:
        """What the server and its workers hold, in KiB: the sum of their proportional set sizes."""
        pids, total = [self._server.pid], 0
        for pid in pids:
            for child in Path(f"/proc/{pid}/task").iterdir():
                pids += [int(one) for one in (child / "children").read_text().split()]
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        return total

    def end(self) -> None:
        """Shut the server down."""
        self.request("shutdown", None)
        self.notify("exit", {})
        self._server.wait(10)


class Document:
    """An open document in which somebody types."""

    def __init__(self, client: Client, path: Path) -> None:
        self.client = client
        self.uri = path.as_uri()
        self.text = path.read_text(encoding="utf-8")
        self.version = 1
        item = {"uri": self.uri, "languageId": "python", "version": 1, "text": self.text}
        client.notify("textDocument/didOpen", {"textDocument": item})
        client.diagnostics(self.uri, 1)

    def press(self, row: int, column: int, key: str) -> float:
        """Seconds from a key that is pressed to the diagnostics of the new text."""
        lines = self.text.splitlines(keepends=True)
        lines[row] = lines[row][:column] + key + lines[row][column:]
        self.text = "".join(lines)
        self.version += 1
        place = {"line": row, "character": column}
        change = {"range": {"start": place, "end": place}, "text": key}
        identifier = {"uri": self.uri, "version": self.version}
        start = time.perf_counter()
        self.client.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": [change]})
        self.client.diagnostics(self.uri, self.version)
        return time.perf_counter() - start

    def hover(self, row: int, column: int) -> tuple[float, Any]:
        """Seconds that a hover takes, and what it says."""
        place = {"line": row, "character": column}
        start = time.perf_counter()
        found = self.client.request("textDocument/hover", {"textDocument": {"uri": self.uri}, "position": place})
        return time.perf_counter() - start, found

    def parse(self) -> float:
        """Seconds that a parse of the present text takes."""
        start = time.perf_counter()
        PARSE(self.text)
        return time.perf_counter() - start


def places(text: str) -> list[tuple[int, int]]:
    """Rows and columns where a key may be pressed: behind names that stand at the end of assignments."""
    rows = text.splitlines()
    found = [
        (row, len(line))
        for row, line in enumerate(rows)
        if " = " in line and line.rstrip().endswith(")") and line.count("(") == line.count(")")
    ]
    return found or [(0, 0)]


def measure(client: Client, path: Path, edits: int, pause: float) -> None:
    """Type into a document, hover over it, and print how long that takes."""
    document = Document(client, path)
    spots = places(document.text)
    time.sleep(3)
    document.press(*spots[0], " ")
    time.sleep(3)
    keys, hovers, said = [], [], 0
    for number in range(edits):
        row, column = spots[number % len(spots)]
        waited = document.press(row, column, " ")
        time.sleep(pause)
        keys.append(waited / document.parse())
        waited, found = document.hover(row, column - 2)
        said += found is not None
        hovers.append(waited / document.parse())
    lines = document.text.count("\n")
    write(f"{path.name}, {lines} lines: parse {document.parse() * 1000:.1f} ms")
    write(f"  keystroke to diagnostics: {_words(keys)}  <= 3")
    write(f"  hover: {_words(hovers)}  <= 0.3; {said} of {edits} said something")


def memory(client: Client, path: Path) -> None:
    """Type a thousand characters, and print how memory grows."""
    document = Document(client, path)
    spots = places(document.text)
    held = 0
    for number in range(1, 1001):
        row, column = spots[number % len(spots)]
        document.press(row, column, " ")
        if number in (10, 1000):
            time.sleep(5)
            held, before = client.memory(), held
            write(f"  after {number} edits: {held / 1024:.0f} MiB")
    write(f"  memory after 1,000 edits over that after 10: {held / before:.3f}  <= 1.2")


def _words(ratios: list[float]) -> str:
    ordered = sorted(ratios)
    return f"median {statistics.median(ordered):.2f}, 9 of 10 below {ordered[len(ordered) * 9 // 10]:.2f} of a parse"


def write(line: str) -> None:
    """One line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--edits", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two keys")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder: Path = arguments.folder
        if folder is None:
            folder = Path(scratch)
            for name, text in files().items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
        folder = folder.resolve()
        client = Client(folder)
        for name in arguments.files or ["train0.py", "app/models/models0.py"]:
            measure(client, folder / name, arguments.edits, arguments.pause)
        if arguments.memory:
            memory(client, folder / "train1.py" if not arguments.files else folder / arguments.files[0])
        client.end()


if __name__ == "__main__":
    main()
