"""The server as its client meets it: what it can do, which documents are open, and what it says of them.

Definitions
    push  diagnostics are sent as they are found
    pull  the client asks for them. A client that can, and can be told to ask again, pulls; any other is pushed to.
          Never both.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO
from urllib.parse import unquote

from lsprotocol import types
from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from torchlint import __version__
from torchlint.frontends.server.folders import Folder, Item, result_id
from torchlint.frontends.server.messages import Configure, Log, Progress
from torchlint.frontends.server.protocol import Protocol
from torchlint.frontends.server.runs import Runs
from torchlint.frontends.server.settings import EditorSettings, laid_over, read, section
from torchlint.source.discover import is_below, repository

logger = logging.getLogger(__name__)

LEVELS = {
    "error": types.MessageType.Error,
    "warning": types.MessageType.Warning,
    "info": types.MessageType.Info,
    "debug": types.MessageType.Log,
}

NOTEBOOKS = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithCells(
            cells=[types.NotebookCellLanguage(language="python")],
            notebook=types.NotebookDocumentFilterNotebookType(notebook_type="jupyter-notebook"),
        )
    ],
    save=True,
)


class Front(LanguageServer):
    """See the module's text."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("torchlint", __version__, notebook_document_sync=NOTEBOOKS, protocol_cls=Protocol)
        self.settings = EditorSettings()
        #: the settings of the client's initialisation options
        self.told_first: dict[str, Any] = {}
        self.trusted = False
        self.pulls = False
        self._folders: dict[str, Folder] = {}
        self._ending: set[Folder] = set()
        self._published: dict[str, tuple[int | None, list[Item]]] = {}
        self._pulled: dict[str, str] = {}
        self._news = asyncio.Condition()
        self._progressing: dict[str, ProgressBar] = {}
        #: the processes that ask runs of models
        self.runs = Runs()
        self._tasks: set[asyncio.Future[Any]] = set()
        register(self)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """What goes wrong in the protocol is for the log, not for whoever is at work."""
        logger.error("%s", error)

    async def serve(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        """Serve the client that writes to one stream and reads the other, until it goes."""
        self.protocol.set_writer(StdoutWriter(outgoing))
        await self._hear(StdinAsyncReader(incoming, self.thread_pool))

    async def serve_port(self, port: int) -> None:
        """Wait on a port of this machine for one client, and serve it until it goes.

        Raises:
            OSError: the port cannot be had.
        """
        over = asyncio.Event()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.close()
            self.protocol.set_writer(writer)
            try:
                await self._hear(reader)
            except (SystemExit, ConnectionError):
                pass  # the client is gone
            finally:
                over.set()

        server = await asyncio.start_server(connected, "127.0.0.1", port)
        await over.wait()

    async def _hear(self, reader: Any) -> None:
        try:
            await run_async(threading.Event(), reader, self.protocol, logger, self.report_server_error)
        finally:
            await asyncio.gather(*(folder.end() for folder in [*self.folders(), *self._ending]))

    def kill(self) -> None:
        """End all workers at once."""
        self.runs.kill()
        for folder in self._folders.values():
            folder.kill()

    def later(self, coroutine: Any) -> None:
        """Do something that nobody waits for."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("%s", task.exception())

    # --- what the client can do --------------------------------------------------------------------------------------

    def can(self, path: str) -> Any:
        """What the client's capabilities say at a path such as ``workspace.configuration``; None where nothing."""
        found: Any = self.client_capabilities
        for name in path.split("."):
            found = getattr(found, name, None)
            if found is None:
                return None
        return found

    # --- folders -------------------------------------------------------------------------------------------------

    def folders(self) -> list[Folder]:
        """Every folder that has a worker."""
        return list(self._folders.values())

    def _roots(self) -> set[str]:
        """The folders of the workspace."""
        roots = {root for one in self.workspace.folders.values() if (root := to_fs_path(one.uri)) is not None}
        if not roots and self.workspace.root_path:
            roots = {self.workspace.root_path}
        return {root.rstrip(os.sep) or os.sep for root in roots}

    def folder_of(self, path: str) -> Folder:
        """The folder to which a file belongs: of the workspace, or else the project around it."""
        around = [root for root in self._roots() if is_below(path, root)]
        if around:
            return self._folder(max(around, key=len), True)
        return self._folder(_project(path), False)

    def _folder(self, path: str, listing: bool) -> Folder:
        path = path.rstrip(os.sep) or os.sep
        folder = self._folders.get(path)
        if folder is None:
            folder = self._folders[path] = Folder(path, listing, self._changed, self.log, self._progress, self._tabled)
            self.configure(folder)
        return folder

    def open_workspace(self) -> None:
        """Start on all folders of the workspace, and leave those that belong to it no more."""
        roots = self._roots()
        for path, folder in list(self._folders.items()):
            if folder.listing and path not in roots:
                del self._folders[path]
                self.later(self._end(folder))
                self.show_changes(folder, set(folder.items), forget=True)
        for root in sorted(roots):
            if os.path.isdir(root):
                self._folder(root, True)
        for uri in list(self.workspace.text_documents):
            self.send_text(uri, edited=False)
        for uri in list(self.workspace.notebook_documents):
            self.send_notebook(uri, edited=False)

    def leave(self, folder: Folder) -> None:
        """Nothing is open any more in a folder outside of the workspace."""
        self._folders.pop(folder.path, None)
        self.show_changes(folder, set(folder.items), forget=True)
        self.later(self._end(folder))

    async def _end(self, folder: Folder) -> None:
        self._ending.add(folder)
        try:
            await folder.end()
        finally:
            self._ending.discard(folder)

    def configure(self, folder: Folder) -> None:
        """Say to a folder how to work."""
        settings = self.settings
        encoding = str(getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding))

        def make(stamp: int) -> Configure:
            return Configure(
                stamp,
                folder.path,
                folder.listing,
                encoding,
                settings.configuration,
                self.trusted,
                settings.confirm,
                settings.log_level == "debug",
            )

        folder.configure(make)

    def take_settings(self, told: object) -> None:
        """Take settings over."""
        settings, problems = read(laid_over(section(told), self.told_first))
        for problem in problems:
            self.log(Log("warning", problem))
        before, self.settings = self.settings, settings
        if settings == before:
            return
        for folder in self.folders():
            self.configure(folder)
        for folder in self.folders():
            self.show_changes(folder, set(folder.items))
        if self.can("workspace.inlay_hint.refresh_support"):
            self.workspace_inlay_hint_refresh(None)

    # --- documents -------------------------------------------------------------------------------------------------

    def send_text(self, uri: str, *, edited: bool = True) -> None:
        """Send the text of an open document to its folder."""
        document = self.workspace.text_documents.get(unquote(uri))
        path = None if document is None else self.path(document.uri)
        if document is None or path is None or self.workspace.get_notebook_document(cell_uri=uri) is not None:
            return
        content = document.source.encode("utf-8", "surrogatepass")
        self.folder_of(path).buffer(path, document.uri, document.version or 0, content, (), edited)

    def send_notebook(self, uri: str, *, edited: bool = True) -> None:
        """Send the cells of an open notebook to its folder."""
        notebook = self.workspace.get_notebook_document(notebook_uri=uri)
        path = None if notebook is None else self.place(notebook.uri)[0]
        if notebook is None or path is None:
            return
        cells: list[dict[str, Any]] = []
        for cell in notebook.cells:
            code = cell.kind == types.NotebookCellKind.Code
            text = self.workspace.get_text_document(cell.document)
            language = text.language_id or "python"
            kind = "code" if code else "markdown"
            cells.append({"cell_type": kind, "source": text.source, "language": language if code else "markdown"})
        content = json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}, ensure_ascii=True)
        names = tuple(cell.document for cell in notebook.cells)
        self.folder_of(path).buffer(path, notebook.uri, notebook.version, content.encode(), names, edited)

    def path(self, uri: str) -> str | None:
        """The path of a document; of one that was never saved, where it could be. None for what is no file."""
        scheme, _, rest = uri.partition(":")
        if scheme == "file":
            found = to_fs_path(uri)
            return None if found is None else os.path.normpath(found)
        if scheme == "untitled":
            root = next((to_fs_path(one.uri) for one in self.workspace.folders.values()), None) or os.getcwd()
            name = rest.rpartition("/")[2] or "untitled"
            return os.path.join(root, name if name.endswith((".py", ".ipynb")) else f"{name}.py")
        return None

    def place(self, uri: str) -> tuple[str | None, int]:
        """The path of a document, or of the notebook of a cell, and the number of that cell, which is 0 for others."""
        notebook = self.notebook_of(uri)
        if notebook is None:
            return self.path(uri), 0
        path = self.path(notebook.uri)
        if path is not None and not path.endswith(".ipynb"):
            path += ".ipynb"
        return path, next((number for number, cell in enumerate(notebook.cells, 1) if cell.document == uri), 0)

    def notebook_of(self, uri: str) -> types.NotebookDocument | None:
        """The open notebook with this URI, or with a cell of it."""
        documents = self.workspace
        return documents.get_notebook_document(notebook_uri=uri) or documents.get_notebook_document(cell_uri=uri)

    def folder_with(self, uri: str) -> Folder | None:
        """The folder of a document or cell."""
        path, _ = self.place(uri)
        return None if path is None else self.folder_of(path)

    def is_sent(self, folder: Folder, uri: str) -> bool:
        """Whether the folder was sent the text that an open document has now."""
        notebook, text = self.notebook_of(uri), self.workspace.text_documents.get(unquote(uri))
        version = notebook.version if notebook is not None else None if text is None else text.version or 0
        return version == folder.versions.get(uri)

    def send(self, folder: Folder, uri: str) -> None:
        """Send the text of an open document to its folder, unless it was."""
        notebook = self.notebook_of(uri)
        if self.is_sent(folder, uri):
            return
        if notebook is not None:
            self.send_notebook(notebook.uri)
        else:
            self.send_text(uri)

    # --- what is said ----------------------------------------------------------------------------------------------

    def shown(self, folder: Folder, uri: str) -> list[Item]:
        """What there is to show of a document."""
        if not self.settings.enable or not (self.settings.workspace_diagnostics or uri in folder.versions):
            return []
        if not folder.listing and uri not in folder.versions:
            return []
        return folder.items.get(uri, [])

    def _changed(self, folder: Folder, uris: set[str], whole: bool) -> None:
        if self._folders.get(folder.path) is folder:
            self.show_changes(folder, uris)

    def show_changes(self, folder: Folder, uris: Iterable[str], *, forget: bool = False) -> None:
        """Show what is said of documents now; `forget`: nothing."""
        again = False
        for uri in sorted(uris):
            items = [] if forget else self.shown(folder, uri)
            if self.pulls:
                again = again or (uri in self._pulled and self._pulled[uri] != result_id(items))
            elif (version := folder.versions.get(uri), items) != self._published.get(uri, (None, [])):
                self._published[uri] = version, items
                if version is None and not items:
                    del self._published[uri]
                self._publish(uri, version, items)
        if self.pulls:
            if again:
                self.workspace_diagnostic_refresh(None)
            self.later(self._tell())

    def _publish(self, uri: str, version: int | None, items: list[Item]) -> None:
        diagnostics = [self.diagnostic(item) for item in items]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(
                uri=uri,
                diagnostics=diagnostics,
                version=version if self.can("text_document.publish_diagnostics.version_support") else None,
            )
        )

    def diagnostic(self, item: Item) -> types.Diagnostic:
        """A diagnostic of the protocol, of what this client understands."""
        kept = {key: value for key, value in item.items() if key != "relatedInformation" or self._related()}
        found: types.Diagnostic = self.protocol._converter.structure(kept, types.Diagnostic)
        return found

    def _related(self) -> bool:
        return bool(
            self.can("text_document.publish_diagnostics.related_information")
            or self.can("text_document.diagnostic.related_information")
        )

    async def _tell(self) -> None:
        """Wake those who wait for another set of diagnostics of the workspace."""
        async with self._news:
            self._news.notify_all()

    async def document_report(self, uri: str, previous: str | None) -> types.DocumentDiagnosticReport:
        """What a client that pulls is told of a document."""
        folder = self.folder_with(uri)
        items: list[Item] = []
        if folder is not None:
            await folder.settled(uri)
            items = self.shown(folder, uri)
        name = self._pulled[uri] = result_id(items)
        if name == previous:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=name)
        return types.RelatedFullDocumentDiagnosticReport(items=[self.diagnostic(one) for one in items], result_id=name)

    async def workspace_report(self, previous: dict[str, str]) -> types.WorkspaceDiagnosticReport:
        """What a client that pulls is told of everything; it is told when there is something new."""
        for folder in self.folders():
            if folder.listing and not folder.looked:
                await folder.all_settled()
        while True:
            reports: list[Any] = []
            news = False
            for folder in self.folders():
                for uri in sorted({*folder.items, *(uri for uri in previous if is_file_below(uri, folder.path))}):
                    if uri in folder.versions:
                        continue  # it is asked for by itself
                    items = self.shown(folder, uri)
                    name = result_id(items)
                    if name == previous.get(uri) or (not items and uri not in previous):
                        continue
                    news = True
                    diagnostics = [self.diagnostic(one) for one in items]
                    reports.append(
                        types.WorkspaceFullDocumentDiagnosticReport(
                            uri=uri, items=diagnostics, result_id=name, version=None
                        )
                    )
            if news or not previous:
                return types.WorkspaceDiagnosticReport(items=reports)
            async with self._news:
                await self._news.wait()

    def _tabled(self, folder: Folder, uri: str) -> None:
        """Hints beside names may be others now."""
        hints = self.settings.inlay_hints
        if (hints.shapes or hints.ranges) and self.can("workspace.inlay_hint.refresh_support"):
            self.workspace_inlay_hint_refresh(None)

    # --- log and progress --------------------------------------------------------------------------------------------

    def log(self, message: Log) -> None:
        """Write to the client's log, and show what it should see."""
        order = ("error", "warning", "info", "debug")
        if order.index(message.level) <= order.index(self.settings.log_level):
            self.window_log_message(types.LogMessageParams(LEVELS[message.level], message.text))
        if message.shown:
            words = f"torchlint: {message.text}"
            self.window_show_message(types.ShowMessageParams(LEVELS[message.level], words))

    def _progress(self, folder: Folder, progress: Progress) -> None:
        if not self.can("window.work_done_progress"):
            return
        shown = self._progressing.get(folder.path)
        if progress.of == 0:
            if shown is not None:
                del self._progressing[folder.path]
                shown.end()
        elif shown is None:
            shown = self._progressing[folder.path] = ProgressBar(self, f"torchlint: {os.path.basename(folder.path)}")
            self.later(shown.begin())
        else:
            shown.report(f"{progress.phase}: {progress.done} of {progress.of} files", progress.done, progress.of)


class ProgressBar:
    """Shows that something is done and how far it is, once the client has said that it will show it.

    cancel: is called if the user does not want to wait; None if that changes nothing.
    """

    def __init__(self, front: Front, title: str, cancel: Callable[[], object] | None = None) -> None:
        self._front = front
        self._token = f"torchlint:{next(_NUMBERS)}"
        self._title = title
        self._cancel = cancel
        self._begun = self._ended = False

    async def begin(self) -> None:
        """Ask the client to show it, and begin."""
        try:
            await self._front.window_work_done_progress_create_async(types.WorkDoneProgressCreateParams(self._token))
        except Exception as error:  # a client may refuse
            logger.info("no progress: %s", error)
            return
        if not self._ended:
            self._begun = True
            if self._cancel is None:
                self._send(types.WorkDoneProgressBegin(title=self._title, percentage=0))
            else:
                self._front.protocol.cancels[self._token] = self._cancel
                self._send(types.WorkDoneProgressBegin(title=self._title, cancellable=True))

    def report(self, words: str, done: int, of: int) -> None:
        """Show how much is done."""
        if self._begun:
            self._send(types.WorkDoneProgressReport(message=words, percentage=100 * done // of))

    def end(self) -> None:
        """Show that it is over."""
        self._ended = True
        self._front.protocol.cancels.pop(self._token, None)
        if self._begun:
            self._send(types.WorkDoneProgressEnd())

    def _send(self, value: Any) -> None:
        self._front.progress(types.ProgressParams(self._token, self._front.protocol._converter.unstructure(value)))


_NUMBERS = itertools.count(1)


def is_file_below(uri: str, folder: str) -> bool:
    """Whether a URI is that of a file below a folder."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    return path is not None and is_below(path, folder)


def _project(path: str) -> str:
    """The folder of the project around a file that lies in no folder of the workspace."""
    own = os.path.dirname(path)
    top = repository(own)
    if top is not None:
        return top
    folder = own
    while True:
        if any(os.path.isfile(os.path.join(folder, name)) for name in ("pyproject.toml", "torchlint.toml")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return own if os.path.isdir(own) else os.getcwd()
        folder = above


def register(front: Front) -> None:
    """Hear what a client says."""
    from torchlint.frontends.server import requests

    requests.register(front)
