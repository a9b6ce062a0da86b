"""What a client says, and what is done then."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from torchlint.frontends.server import actions, commands, hovering, settings
from torchlint.frontends.server.texts import Texts

if TYPE_CHECKING:
    from torchlint.frontends.server.front import Front

DIAGNOSTIC_OPTIONS = types.DiagnosticOptions(
    inter_file_dependencies=True, workspace_diagnostics=True, identifier="torchlint"
)


def register(front: Front) -> None:
    """Hear what a client says."""
    _lifetime(front)
    _documents(front)
    _workspace(front)
    actions.register(front)
    hovering.register(front)
    commands.register(front)


def _lifetime(front: Front) -> None:
    @front.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        before = front.workspace
        folders = list(before.folders.values())
        front.protocol._workspace = Texts(before.root_uri, before._sync_kind, folders, before.position_encoding)
        options = params.initialization_options
        if isinstance(options, dict):
            front.trusted = options.get("trusted") is True
            front.told_first = settings.section(options.get("settings", options))
            front.take_settings({})
        front.pulls = bool(front.can("text_document.diagnostic") and front.can("workspace.diagnostics.refresh_support"))
        if front.pulls:
            front.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, DIAGNOSTIC_OPTIONS)(_pull(front))
            front.feature(types.WORKSPACE_DIAGNOSTIC)(_pull_all(front))

    @front.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        front.open_workspace()
        registrations: list[types.Registration] = []
        if front.can("workspace.did_change_watched_files.dynamic_registration"):
            watchers = [types.FileSystemWatcher(pattern) for pattern in WATCHED]
            watching = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            registrations.append(
                types.Registration("torchlint-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, watching)
            )
        if front.can("workspace.did_change_configuration.dynamic_registration"):
            section = types.DidChangeConfigurationRegistrationOptions(section="torchlint")
            registrations.append(
                types.Registration("torchlint-settings", types.WORKSPACE_DID_CHANGE_CONFIGURATION, section)
            )
        if registrations:
            front.client_register_capability(types.RegistrationParams(registrations))
        await ask_for_settings(front)

    @front.feature(types.SHUTDOWN)
    async def shutdown(_: None) -> None:
        await front.runs.end()
        for folder in front.folders():
            await folder.end()


async def ask_for_settings(front: Front) -> None:
    """Ask the client for its settings, if it can be asked."""
    if not front.can("workspace.configuration"):
        return
    params = types.ConfigurationParams([types.ConfigurationItem(section="torchlint")])
    try:
        told = await front.workspace_configuration_async(params)
    except Exception as error:  # a client may refuse
        front.report_server_error(error, None)
        return
    if told and isinstance(told[0], dict):
        front.take_settings(told[0])


def _pull(front: Front) -> Any:
    async def diagnostic(params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        return await front.document_report(params.text_document.uri, params.previous_result_id)

    return diagnostic


def _pull_all(front: Front) -> Any:
    async def diagnostics(params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        return await front.workspace_report({one.uri: one.value for one in params.previous_result_ids})

    return diagnostics


def _documents(front: Front) -> None:
    @front.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        front.send_text(params.text_document.uri, edited=False)

    @front.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        if front.settings.run == "onType":
            front.send_text(params.text_document.uri)

    @front.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        if front.settings.run == "onSave":
            front.send_text(params.text_document.uri)
        path = front.path(params.text_document.uri)
        if path is not None:
            _touch(front, [path])

    @front.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        _close(front, params.text_document.uri, [params.text_document.uri])

    @front.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_opened(params: types.DidOpenNotebookDocumentParams) -> None:
        front.send_notebook(params.notebook_document.uri, edited=False)

    @front.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_changed(params: types.DidChangeNotebookDocumentParams) -> None:
        if front.settings.run == "onType":
            front.send_notebook(params.notebook_document.uri)

    @front.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)
    def notebook_saved(params: types.DidSaveNotebookDocumentParams) -> None:
        front.send_notebook(params.notebook_document.uri)

    @front.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def notebook_closed(params: types.DidCloseNotebookDocumentParams) -> None:
        cells = [one.uri for one in params.cell_text_documents]
        _close(front, params.notebook_document.uri, [params.notebook_document.uri, *cells])


def _close(front: Front, uri: str, uris: list[str]) -> None:
    path = front.path(uri)
    if path is None:
        return
    folder = front.folder_of(path)
    folder.close(path, uris)
    front.show_changes(folder, uris)
    if not folder.listing and not folder.versions:
        front.leave(folder)


def _workspace(front: Front) -> None:
    @front.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configuration(params: types.DidChangeConfigurationParams) -> None:
        if front.can("workspace.configuration"):
            await ask_for_settings(front)
        elif isinstance(params.settings, dict):
            front.take_settings(params.settings)

    @front.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files(params: types.DidChangeWatchedFilesParams) -> None:
        found = (front.path(change.uri) for change in params.changes)
        _touch(front, [path for path in found if path is not None])

    @front.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders(_: types.DidChangeWorkspaceFoldersParams) -> None:
        front.open_workspace()


def _touch(front: Front, paths: list[str]) -> None:
    configuration = any(path.endswith(CONFIGURING) for path in paths)
    for folder in front.folders():
        here = [path for path in paths if path.startswith(folder.path.rstrip(os.sep) + os.sep)]
        if here or configuration:
            folder.touch(here, configuration)


#: Files that a client is asked to watch, and those of them that tell how to lint.
WATCHED = ("**/*.py", "**/*.pyi", "**/*.ipynb", "**/*.md", "**/*.toml", "**/*.json", "**/.gitignore")
CONFIGURING = (".toml", ".json", ".gitignore")
