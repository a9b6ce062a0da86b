"""A client of the language server: the real server in a process of its own, driven over the protocol by pytest-lsp."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import LanguageClient, make_test_lsp_client

#: Seconds after which a client gives up.
PATIENCE = 30.0

SERVER = (sys.executable, "-m", "torchlint", "server")


def capabilities(
    *, pull: bool = False, encodings: Sequence[str] | None = None, progress: bool = False, configuration: bool = False
) -> types.ClientCapabilities:
    """What a client can do."""
    return types.ClientCapabilities(
        general=None if encodings is None else types.GeneralClientCapabilities(position_encodings=list(encodings)),
        text_document=types.TextDocumentClientCapabilities(
            publish_diagnostics=types.PublishDiagnosticsClientCapabilities(
                related_information=True, version_support=True, data_support=True, code_description_support=True
            ),
            diagnostic=types.DiagnosticClientCapabilities(related_document_support=True) if pull else None,
            code_action=types.CodeActionClientCapabilities(
                code_action_literal_support=types.ClientCodeActionLiteralOptions(
                    types.ClientCodeActionKindOptions(["quickfix", "source", "source.fixAll"])
                )
            ),
        ),
        workspace=types.WorkspaceClientCapabilities(
            diagnostics=types.DiagnosticWorkspaceClientCapabilities(refresh_support=True) if pull else None,
            workspace_folders=True,
            configuration=configuration,
            apply_edit=True,
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
        ),
        window=types.WindowClientCapabilities(work_done_progress=progress),
        notebook_document=types.NotebookDocumentClientCapabilities(types.NotebookDocumentSyncClientCapabilities()),
    )


class Editor:
    """An editor with documents open: it keeps their texts and versions, as the server does."""

    def __init__(self, client: LanguageClient, result: types.InitializeResult) -> None:
        self.client = client
        self.result = result
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        #: everything that was pushed, in order
        self.pushed: list[types.PublishDiagnosticsParams] = []

        def pushed(params: types.PublishDiagnosticsParams) -> None:
            self.pushed.append(params)
            client.diagnostics[params.uri] = params.diagnostics

        client.protocol.fm.features[types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS] = pushed

    def open(self, path: Path | str, text: str | None = None) -> str:
        """Open a document, with the text that its file has unless told otherwise; its URI is returned."""
        uri = path if isinstance(path, str) else path.as_uri()
        if text is None:
            assert isinstance(path, Path)
            text = path.read_text(encoding="utf-8")
        self.texts[uri], self.versions[uri] = text, 1
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, types.LanguageKind.Python, 1, text))
        )
        return uri

    def change(self, uri: str, text: str) -> None:
        """Replace the text of a document."""
        self.texts[uri] = text
        self.changed(uri, [types.TextDocumentContentChangeWholeDocument(text)])

    def changed(self, uri: str, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        """Send changes of a document."""
        self.versions[uri] += 1
        identifier = types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri])
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, list(changes)))

    def replace(self, uri: str, old: str, new: str) -> None:
        """Replace the first piece of a document's text that reads so, by its range in UTF-16."""
        text = self.texts[uri]
        before, _, after = text.partition(old)
        start, end = _position(before), _position(before + old)
        self.texts[uri] = before + new + after
        self.changed(uri, [types.TextDocumentContentChangePartial(range=types.Range(start, end), text=new)])

    def save(self, uri: str) -> None:
        """Write a document to its file."""
        Path(_path(uri)).write_text(self.texts[uri], encoding="utf-8")
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def close(self, uri: str) -> None:
        """Close a document."""
        del self.texts[uri], self.versions[uri]
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def touched(self, *paths: Path) -> None:
        """Say that files have changed on the disk."""
        events = [types.FileEvent(path.as_uri(), types.FileChangeType.Changed) for path in paths]
        self.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(events))

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so."""

        async def wait() -> None:
            while not true():
                await asyncio.sleep(0.01)

        await asyncio.wait_for(wait(), PATIENCE)

    def codes(self, uri: str) -> list[tuple[str, int]]:
        """Code and line of what is shown of a document."""
        return [(str(one.code), one.range.start.line) for one in self.client.diagnostics.get(uri, ())]

    async def shows(self, uri: str, *codes: tuple[str, int]) -> None:
        """Wait until exactly this is shown of a document (the latest version of it, if it is open)."""
        try:
            await self.until(lambda: self.codes(uri) == list(codes) and self._latest(uri))
        except asyncio.TimeoutError:
            raise AssertionError(f"{self.codes(uri)} instead of {list(codes)}\n{self.logged()}") from None

    def _latest(self, uri: str) -> bool:
        last = next((one for one in reversed(self.pushed) if one.uri == uri), None)
        return uri not in self.versions or (last is not None and last.version == self.versions[uri])

    async def pull(self, uri: str, previous: str | None = None) -> types.DocumentDiagnosticReport:
        """Ask for the diagnostics of a document."""
        params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri), previous_result_id=previous)
        return await asyncio.wait_for(self.client.text_document_diagnostic_async(params), PATIENCE)

    def logged(self) -> str:
        """What the server has written to the client's log."""
        return "\n".join(one.message for one in self.client.log_messages)


@asynccontextmanager
async def editing(
    *folders: Path,
    capable: types.ClientCapabilities | None = None,
    options: Mapping[str, Any] | None = None,
    configuration: Mapping[str, Any] | None = None,
    command: Sequence[str] = SERVER,
) -> AsyncIterator[Editor]:
    """An editor in which these folders are open."""
    client = make_test_lsp_client()
    if configuration is not None:
        client.set_configuration(dict(configuration), section="torchlint")
    await client.start_io(*command)
    try:
        result = await client.initialize_session(
            types.InitializeParams(
                capabilities=capable or capabilities(),
                root_uri=folders[0].as_uri() if folders else None,
                workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name) for folder in folders],
                initialization_options=dict(options) if options is not None else None,
            )
        )
        yield Editor(client, result)
        await asyncio.wait_for(client.shutdown_session(), PATIENCE)
        assert client._server is not None
        assert client._server.returncode == 0
    finally:
        server = client._server
        if server is not None and server.returncode is None:
            server.kill()
        await client.stop()  # type: ignore[no-untyped-call]


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def command_says(folder: Path) -> dict[str, list[Any]]:
    """What ``torchlint check`` says in a folder, by URI, as the protocol has it."""
    words = [sys.executable, "-m", "torchlint", "check", "--output-format", "lsp", "-q", "."]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode in (0, 1), done.stderr
    said: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return {uri: one["diagnostics"] for uri, one in said.items()}


def children(pid: int) -> list[int]:
    """The processes that a process has started (on Linux)."""
    found: list[int] = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                status = Path(entry.path, "stat").read_text()
            except OSError:
                continue
            if int(status.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def plain(diagnostics: Iterable[types.Diagnostic]) -> list[tuple[str, int, int, str]]:
    """Code, line, character and message of diagnostics."""
    return [(str(one.code), one.range.start.line, one.range.start.character, one.message) for one in diagnostics]


def _position(text: str) -> types.Position:
    line = text.rpartition("\n")[2]
    return types.Position(text.count("\n"), len(line.encode("utf-16-le")) // 2)


def _path(uri: str) -> str:
    from pygls.uris import to_fs_path

    path = to_fs_path(uri)
    assert path is not None
    return path
