"""A client of the language server that only knows pipes and JSON, so that it can also send what no library would.

It answers what the server asks of it, keeps what the server tells, and compares that with what `torchlint check` says
of the same texts.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.server.editors import Server, server

PATIENCE = 30.0
CANCELLED = -32800

Message = dict[str, Any]

#: What most clients can, without pulling.
CAPABILITIES: Message = {
    "workspace": {"configuration": True, "workspaceFolders": True, "didChangeConfiguration": {}},
    "textDocument": {"publishDiagnostics": {"relatedInformation": True, "versionSupport": True}},
    "general": {"positionEncodings": ["utf-16"]},
}


class Client:
    """One server and what it said. `settings` is what it is told when it asks for its section of the configuration."""

    def __init__(self, folder: Path, *, started: Server | None = None, settings: Any = None) -> None:
        self.folder = folder
        self.started = started or server()
        self.settings = settings
        self.configuration: Callable[[Message], Any] = lambda item: self.settings
        self.refuses = False
        self.ended = False
        self.answers: dict[Any, Message] = {}
        self.told: list[Message] = []
        self.asked: list[Message] = []
        self.diagnostics: dict[str, Message] = {}
        self.news = threading.Condition()
        self.last = 0
        self.process = subprocess.Popen(
            self.started.command,
            cwd=folder,
            env=self.started.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.input: IO[bytes] = self.process.stdin
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self.reader.start()

    # what goes out

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.input.write(data)
        self.input.flush()

    def send(self, message: Any) -> None:
        """Anything that JSON has, framed as a message."""
        self.raw(framed(json.dumps(message).encode()))

    def notify(self, method: str, params: Any) -> None:
        """A notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: Any) -> int:
        """A request; gives its number."""
        self.last += 1
        self.send({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params})
        return self.last

    def answer(self, number: int, patience: float = PATIENCE) -> Message:
        """The whole answer to a request."""
        self.wait(f"the answer to request {number}", lambda: number in self.answers, patience)
        return self.answers[number]

    def ask(self, method: str, params: Any) -> Any:
        """The result of a request that must not fail."""
        message = self.answer(self.request(method, params))
        assert "error" not in message, message
        return message["result"]

    # what comes in

    def _read(self, stream: IO[bytes]) -> None:
        while (length := _header(stream)) is not None:
            message = json.loads(stream.read(length))
            with self.news:
                if "method" not in message:
                    self.answers[message.get("id")] = message
                elif "id" in message:
                    self.asked.append(message)
                    self._reply(message)
                else:
                    self.told.append(message)
                    if message["method"] == "textDocument/publishDiagnostics":
                        self.diagnostics[message["params"]["uri"]] = message["params"]
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _reply(self, message: Message) -> None:
        result: Any = None
        if message["method"] == "workspace/configuration":
            result = [self.configuration(item) for item in message["params"]["items"]]
        elif message["method"] == "workspace/applyEdit":
            result = {"applied": False}
        elif message["method"] == "window/showDocument":
            result = {"success": True}
        error = {"code": -32603, "message": "no"}
        answer = {"error": error} if self.refuses else {"result": result}
        with contextlib.suppress(BrokenPipeError, ValueError):  # this client may have left meanwhile
            self.send({"jsonrpc": "2.0", "id": message["id"], **answer})

    def wait(self, what: str, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Until a condition holds of what came in."""
        with self.news:
            self.news.wait_for(lambda: condition() or self.ended, patience)
            if not condition():
                raise AssertionError(f"waited in vain for {what}; status {self.process.poll()}")

    # a session

    def initialize(self, capabilities: Message | None = None, **more: Any) -> Message:
        """Begin; gives what the server can."""
        params = {
            "processId": None,
            "rootUri": self.folder.as_uri(),
            "workspaceFolders": [{"uri": self.folder.as_uri(), "name": self.folder.name}],
            "capabilities": CAPABILITIES if capabilities is None else capabilities,
            **more,
        }
        result: Message = self.ask("initialize", params)
        self.notify("initialized", {})
        return result

    def uri(self, name: str) -> str:
        """Of a file of the project."""
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, version: Any = 1) -> None:
        """Take over a file."""
        item = {"uri": self.uri(name), "languageId": "python", "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, name: str, *changes: Any, version: Any = 2) -> None:
        """Edit a file."""
        identifier = {"uri": self.uri(name), "version": version}
        self.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": list(changes)})

    def leave(self) -> int:
        """End the server as the protocol has it, and give its exit status."""
        self.ask("shutdown", None)
        self.notify("exit", None)
        return self.drop()

    def drop(self) -> int:
        """Go without a word, as a client does that is killed, and give the server's exit status."""
        with contextlib.suppress(BrokenPipeError):
            self.input.close()
        try:
            status = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.reader.join(PATIENCE)
            if self.process.stdout is not None:
                self.process.stdout.close()
        return status

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.input.closed:
            self.drop()

    # the truth

    def agrees(self, buffers: Mapping[str, str] | None = None, versions: Mapping[str, int] | None = None) -> None:
        """Wait until the server's findings are those of `torchlint check` of these texts over the files."""
        expected = truth(self.folder, buffers or {})
        wanted = {self.uri(name): version for name, version in (versions or {}).items()}

        def same() -> bool:
            seen = {uri: plain(told["diagnostics"]) for uri, told in self.diagnostics.items() if told["diagnostics"]}
            return seen == expected and all(
                self.diagnostics.get(uri, {}).get("version", version) == version for uri, version in wanted.items()
            )

        try:
            self.wait("the findings of `torchlint check`", same)
        except AssertionError:
            seen = {uri: plain(told["diagnostics"]) for uri, told in self.diagnostics.items() if told["diagnostics"]}
            assert seen == expected
            raise


def framed(body: bytes, length: int | None = None) -> bytes:
    """A message with its header, which may lie about the length."""
    return b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def _header(stream: IO[bytes]) -> int | None:
    length = None
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return length


def plain(diagnostics: Iterable[Message]) -> list[Message]:
    """What a person sees of findings, in order."""
    kept = ("range", "severity", "code", "source", "message", "relatedInformation")
    slim = [{key: one[key] for key in kept if one.get(key)} for one in diagnostics]
    return sorted(slim, key=json.dumps)


def truth(folder: Path, buffers: Mapping[str, str]) -> dict[str, list[Message]]:
    """The findings by URI that `torchlint check` has in a folder where these texts have been saved."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    contents |= {name: text.encode() for name, text in buffers.items()}
    published: dict[str, Message] = json.loads(
        _checked(tuple(sorted(contents.items()))).replace(_HERE, folder.as_uri())
    )
    return {uri: plain(told["diagnostics"]) for uri, told in published.items() if told["diagnostics"]}


_HERE = "file:///the/folder"


@cache
def _checked(contents: tuple[tuple[str, bytes], ...]) -> str:
    started = server()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve() / "project"
        for path, content in contents:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        subprocess.run(["git", "init", "--quiet", folder], check=True)
        command = [*started.command[:-1], "check", "--output-format", "lsp", "--exit-zero"]
        done = subprocess.run(command, cwd=folder, env=started.environment, capture_output=True, check=True)
        return done.stdout.decode().replace(folder.as_uri(), _HERE)
