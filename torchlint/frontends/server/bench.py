"""What a worker holds of its folder: the buffers of open documents over files on the disk, and what passes gave.

Definitions
    path     of a file as ``torchlint check`` shows it in this folder; the front gives full ones
    whole    everything that is linted here, and what the last pass over it found
    recent   the open documents that were edited or opened last, which are kept ready for a near pass

Worked example: two documents are open. One is edited: its near pass needs what is kept of the other files only, the
other's is no longer true, since it may stand on the first. After the next whole pass both are made ready again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from torchlint.claim import Verdict
from torchlint.config import ConfigError
from torchlint.diagnostic import Diagnostic, Fix, Span
from torchlint.engine.editing import Editing, NotFollowedError, Rest, completed, rest
from torchlint.engine.lint import Work
from torchlint.engine.memory import Memory
from torchlint.facts.known import KnownValues
from torchlint.flow.budget import Stopped
from torchlint.frontends.check import Session, consented
from torchlint.frontends.documents import is_document
from torchlint.frontends.files import decode_or_none, find, read_file
from torchlint.frontends.options import PARSERS
from torchlint.frontends.outcome import UsageError
from torchlint.frontends.server.messages import Buffer, Configure, Found, Table
from torchlint.frontends.server.tables import File, Files, Maker, Shift, merged, nothing, shifted
from torchlint.report.findings import Lines
from torchlint.report.lsp import UNITS, Places, diagnostic
from torchlint.report.paths import uri
from torchlint.source.discover import is_below
from torchlint.syntax import ir

if TYPE_CHECKING:
    from torchlint.frontends.confirming import Consent

#: Documents that are kept ready for a near pass.
MOST_READY = 3


class Ready(NamedTuple):
    """A document that is ready for near passes, and what the last whole pass found beside what is near."""

    editing: Editing
    rest: Rest


class Bench:
    """See the module's text. The process works in the folder already.

    stop: whether what is being done now is out of date.
    """

    def __init__(self, configure: Configure, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._buffers: dict[str, Buffer] = {}
        self._contents: dict[str, tuple[tuple[int, int, int], bytes]] = {}
        self.memory = Memory()
        self._session: Session | None = None
        #: that of the last whole pass
        self._work: Work | None = None
        self._ready: dict[str, Ready] = {}
        self._kept: dict[str, Editing] = {}
        self._recent: list[str] = []
        #: what the last whole pass found
        self.everything: list[Diagnostic] = []
        self._verdicts: dict[tuple[str, Span, str], Verdict] = {}
        self._news: set[str] = set()
        self._complaints: list[str] = []
        #: counts the texts and configurations that this has known
        self.generation = 0
        self._known: dict[str, KnownValues] = {}
        self._files_seen = Files()
        #: how many whole passes there were, and of which text and after which of them tables were told
        self._passes = 0
        self._told: dict[str, tuple[Buffer, int]] = {}
        #: by the URI of a document, what is left of the table of the last whole pass, and the text of which that is
        self._tables: dict[str, tuple[Table, str]] = {}
        #: the stamp of the last message that this knows of
        self.stamp = 0
        #: whether the last whole pass is out of date
        self.stale = True
        self.configure(configure)

    # --- what is told -----------------------------------------------------------------------------------------------

    def configure(self, configure: Configure) -> None:
        """Work in another way from now on."""
        self._configure = configure
        self._forget()

    def _forget(self) -> None:
        """What was read of the configuration counts no more."""
        self._session = self._work = None
        self._ready.clear()
        self._kept.clear()
        self._outdated()

    def open(self, buffer: Buffer) -> None:
        """A document is open, or its text is another now."""
        path = self.path(buffer.path)
        before = self._buffers.get(path)
        self._buffers[path] = buffer
        if buffer.edited or before is None:
            self._recent = [path, *(other for other in self._recent if other != path)]
        content = before.content if before is not None else self._on_disk(path)
        if content != buffer.content:
            self._changed(path)
        elif before is None and not self._given(path):
            self._outdated()

    def close(self, path: str) -> None:
        """A document is open no more: what counts is the file."""
        path = self.path(path)
        buffer = self._buffers.pop(path, None)
        self._told.pop(path, None)
        for one in () if buffer is None else self._versions(buffer):
            self._tables.pop(one, None)
        self._recent = [other for other in self._recent if other != path]
        self._ready.pop(path, None)
        if buffer is not None and (self._on_disk(path) != buffer.content or not self._configure.listing):
            self._changed(path)

    def touch(self, paths: tuple[str, ...], configuration: bool) -> None:
        """Files have changed on the disk."""
        if configuration:
            self._forget()
        for path in map(self.path, paths):
            if path not in self._buffers:
                self._changed(path)

    def _changed(self, path: str) -> None:
        """The content of a file is another now, so what is ready beside it stands on what was."""
        self._ready = {other: ready for other, ready in self._ready.items() if other == path}
        self._kept = {other: editing for other, editing in self._kept.items() if other == path}
        self._outdated()

    def _outdated(self) -> None:
        """What was found may be found no more."""
        self.stale = True
        self.generation += 1
        self._verdicts.clear()
        self._news.clear()

    def path(self, full: str) -> str:
        """A full path as it is shown."""
        folder = self._configure.folder
        if is_below(full, folder):
            return os.path.relpath(full, folder)
        return full

    # --- files -----------------------------------------------------------------------------------------------------

    def _on_disk(self, path: str) -> bytes | None:
        """What a file holds, read again only if it seems to be another."""
        try:
            status = os.stat(path)
            signature = status.st_mtime_ns, status.st_size, status.st_ino
            known = self._contents.get(path)
            if known is None or known[0] != signature:
                known = self._contents[path] = signature, read_file(path)
            return known[1]
        except (OSError, ValueError, UsageError):
            self._contents.pop(path, None)
            return None

    def content(self, path: str) -> bytes | None:
        """What a file holds as the editor has it; None if it cannot be read."""
        return self._buffers[path].content if path in self._buffers else self._on_disk(path)

    def files(self, session: Session) -> dict[str, bytes]:
        """What is linted: buffers, and in a workspace the files beside them.

        Raises:
            UsageError, ConfigError: the configuration is wrong.
        """
        found = find([os.curdir], session.configuration) if self._configure.listing else []
        contents = {path: content for path in found if (content := self._on_disk(path)) is not None}
        self._contents = {path: kept for path, kept in self._contents.items() if path in contents}
        for path, buffer in self._buffers.items():
            if path in contents or not os.path.lexists(path) or self._is_wanted(path, session):
                contents[path] = buffer.content
        return dict(sorted(contents.items()))

    def _is_wanted(self, path: str, session: Session) -> bool:
        """Whether a file that is open beside those of the folder is linted: it is, unless it is excluded."""
        inside = self._configure.listing and not os.path.isabs(path)
        return not inside and bool(find([path], session.configuration, force_exclude=True))

    def _given(self, path: str) -> bool:
        return self._session is not None and path in self._session.given

    def new_session(self) -> Session:
        """What a pass over these files begins with, without a memory.

        Raises:
            UsageError, ConfigError: the configuration is wrong.
        """
        words = ["--jobs=1", *([f"--config={self._configure.configuration}"] if self._configure.configuration else [])]
        arguments = PARSERS["check"]().parse_args([*words, os.curdir])
        arguments.recorder = None
        session = Session(arguments)
        session.stop = self._stop
        session.overlay = self.overlay()
        return session

    def _ready_session(self) -> Session:
        """What every pass begins with.

        Raises:
            UsageError, ConfigError: the configuration is wrong.
        """
        if self._session is None:
            session = self.new_session()
            session.memory, session.consent = self.memory, self._consent(session)
            self._session = session
        return self._session

    def overlay(self) -> dict[str, bytes]:
        """What the open documents hold, by path."""
        return {path: buffer.content for path, buffer in self._buffers.items()}

    def _consent(self, session: Session) -> Consent | None:
        """What may be run: what the user's own configuration allows, if the editor's user wants it and trusts the
        workspace."""
        if not (self._configure.trusted and self._configure.confirm):
            return None
        try:
            return consented(session)
        except (UsageError, ConfigError) as error:
            self._complaints.append(str(error))
            return None

    @property
    def is_new(self) -> bool:
        """Whether everything was never looked at."""
        return self._work is None

    def is_open(self, full: str) -> bool:
        """Whether a document is open."""
        return self.path(full) in self._buffers

    def is_ready(self, full: str) -> bool:
        """Whether a near pass over a document can be run at once."""
        return self.path(full) in self._ready

    # --- passes ----------------------------------------------------------------------------------------------------

    def near(self, full: str) -> Found | None:
        """What there is to say at once of a document that was edited; None if only a whole pass can tell, or if it is
        not ready.

        Raises:
            Stopped: it is out of date.
        """
        path = self.path(full)
        session, buffer = self._session, self._buffers.get(path)
        if session is None or buffer is None or is_document(path) or not self._given(path):
            return None
        ready = self._ready.get(path)
        new = decode_or_none(buffer.content)
        if ready is None or new is None:
            return None
        near = ready.editing.near(buffer.content)
        said = session.beside_baselines(completed(near, path, new, ready.rest), self.text(session))
        return self._found(session, said, self.text(session), whole=False, only=path)

    def first(self, full: str) -> Found | None:
        """What there is to say of a document, looked at with nothing but what it imports: while nobody has looked at
        everything.

        Raises:
            Stopped: it is out of date.
            UsageError, ConfigError: the configuration is wrong.
        """
        path = self.path(full)
        session = self._ready_session()
        excluded = os.path.lexists(path) and not find([path], session.configuration, force_exclude=True)
        if path not in self._buffers or excluded:
            return None
        session.overlay, session.keeps, session.record = self.overlay(), False, ()
        result = session.lint({path: self._buffers[path].content})
        return self._found(session, result.diagnostics, self.text(session), whole=False, only=path)

    def prepare(self, full: str) -> None:
        """Make a document ready, if there are near passes over it.

        Raises:
            Stopped: it is out of date.
        """
        path = self.path(full)
        if path in self._buffers and not is_document(path):
            self._make_one_ready(path)

    def make_ready(self) -> None:
        """Make the documents ready that were at work last.

        Raises:
            Stopped: it is out of date.
        """
        recent = [path for path in self._recent if path in self._buffers][:MOST_READY]
        self._ready = {path: ready for path, ready in self._ready.items() if path in recent}
        kept, self._kept = self._kept, {}
        for path in recent:
            if path not in self._ready and not is_document(path):
                editing = kept.get(path)
                self._make_one_ready(path, editing if editing is not None and editing.forget() else None)
        for ready in self._ready.values():
            ready.editing.forget()

    def _make_one_ready(self, path: str, editing: Editing | None = None) -> None:
        """Make a document ready for near passes after the last whole pass, if that can be done."""
        session = self._session
        work = self._work
        if session is None or work is None or path not in work.request.files:
            return
        content = work.request.files[path]
        text = decode_or_none(content)
        if text is None:
            return
        try:
            editing = editing or self._kept.pop(path, None) or Editing(work, path, self._stop)
            near = editing.near(content)
        except NotFollowedError:
            return
        here = [one for one in self.everything if one.span.path == path]
        self._ready[path] = Ready(editing, rest(text, here, near))

    def whole(self, progress: Callable[[str, int, int], None]) -> Found:
        """What there is to say of everything.

        Raises:
            Stopped: it is out of date.
            UsageError, ConfigError: the configuration is wrong.
        """
        session, stamp, generation = self._ready_session(), self.stamp, self.generation
        session.overlay = self.overlay()
        given = self.files(session)
        session.keeps = all(self._on_disk(path) == buffer.content for path, buffer in self._buffers.items())
        session.record = [path for path in self._buffers if path in given]
        result = session.lint(given, progress)
        self.stale = self.generation != generation
        self._work = session.work
        self.everything = result.diagnostics
        self._known = result.known
        self._passes += 1
        self._kept = {path: ready.editing for path, ready in self._ready.items()}
        self._ready = {}
        found = self._found(session, result.diagnostics, session.text, whole=True)
        found.stamp = stamp
        return found

    def recalled(self, full: str) -> Found:
        """What the last whole pass found in a document, whose text is still what it was."""
        path = self.path(full)
        if self._session is None:
            return Found(self.stamp, False, {uri: [] for uri in self._uris(path)})
        here = [one for one in self.everything if one.span.path == path]
        return self._found(self._session, here, self.text(self._session), whole=False, only=path)

    # --- what is known ---------------------------------------------------------------------------------------------

    @property
    def unrecorded(self) -> bool:
        """Whether a document was opened after the last whole pass, which has not told what is known in it."""
        return self._session is not None and any(
            path not in self._session.record and self._given(path) for path in self._buffers
        )

    def tables(self) -> Iterator[Table]:
        """What is known of the expressions of open documents after a whole pass, unless it was told before. Every
        document has its table, and if one cannot be made, that is raised after the last.

        Raises:
            Stopped: it is out of date.
        """
        faults: list[Exception] = []
        work = self._work
        for path, buffer in list(self._buffers.items()):
            if self.stale and (work is None or work.request.files.get(path) != buffer.content):
                continue  # another pass follows
            if self._told.get(path) == (buffer, self._passes):
                continue
            try:
                made = self._tables_of(path, buffer)
            except Exception as error:
                faults.append(error)
                made = self._no_tables(buffer)
            for table in made:
                self._tables[table.uri] = table, decode_or_none(buffer.content) or ""
                yield table
            self._told[path] = buffer, self._passes
            if self._stop():
                raise Stopped
        for fault in faults:
            raise fault

    def _no_tables(self, buffer: Buffer) -> list[Table]:
        return [nothing(self.stamp, uri, version) for uri, version in self._versions(buffer).items()]

    def _tables_of(self, path: str, buffer: Buffer) -> list[Table]:
        session, work, values = self._session, self._work, self._known.get(path)
        versions = self._versions(buffer)
        if session is None or work is None or values is None or session.given.get(path) != buffer.content:
            return self._no_tables(buffer)
        return self._maker(session, work.module).tables(path, values, self.stamp, versions)

    def near_tables(self, full: str) -> Iterator[Table]:
        """What is known of the expressions of a document after a near pass over it, and what else was known of them
        before, where the text around them is the same.

        Raises:
            Stopped: it is out of date.
        """
        path = self.path(full)
        session, ready, buffer = self._session, self._ready.get(path), self._buffers.get(path)
        work = self._work
        if session is None or work is None or ready is None or buffer is None:
            return
        editing = ready.editing
        maker = self._maker(session, lambda other: editing.module if other == path else work.module(other))
        text = decode_or_none(buffer.content) or ""
        known = editing.known()
        if self._stop():
            raise Stopped
        for table in maker.tables(path, known, self.stamp, self._versions(buffer)):
            kept = self._tables.get(table.uri)
            if kept is None:
                yield table
            else:
                before = shifted(kept[0], Shift(kept[1], text))
                self._tables[table.uri] = before, text
                yield merged(table, before)

    def _versions(self, buffer: Buffer) -> dict[str, int]:
        return dict.fromkeys(buffer.cells or (buffer.uri,), buffer.version)

    def _maker(self, session: Session, module: Callable[[str], ir.Module | None]) -> Maker:
        def file(path: str) -> File | None:
            buffer = self._buffers.get(path)
            if buffer is not None and not is_document(path):
                text = decode_or_none(buffer.content)
            else:
                text = session.sources.text(path)
            return self._files_seen.of(path, text, module(path))

        return Maker(file, session.documents.within, self.places(self.text(session)))

    # --- what is said ----------------------------------------------------------------------------------------------

    def _found(
        self,
        session: Session,
        said: list[Diagnostic],
        text: Callable[[str, int], str | None],
        *,
        whole: bool,
        only: str | None = None,
    ) -> Found:
        places = self.places(text)
        diagnostics: dict[str, list[dict[str, Any]]] = {}
        for path in session.given if only is None else [only]:
            for place in self._uris(path):
                diagnostics[place] = []
        for one in said:
            diagnostics.setdefault(places.uri(one.span), []).append(self._item(session, one, places))
        return Found(self.stamp, whole, diagnostics)

    def _item(self, session: Session, one: Diagnostic, places: Places) -> dict[str, Any]:
        """A finding as the protocol has it, with what the front wants to know of it beside that: the `name` of its
        rule, where all edits of its best fix lie (`fixable`, empty if there is none: see `reach`), and whether a run
        may be asked about it (`confirmable`)."""
        verdict = self._verdicts.get(_key(one))
        item = diagnostic(replace(one, verdict=verdict), places, self._page(session, one.code))
        best = one.best_fix(session.configuration.of(one.span.path).unsafe_fixes)
        item["name"] = one.name
        item["fixable"] = "" if best is None else reach(one, best)
        item["confirmable"] = one.claim is not None and session.consent is not None and self._may_ask(session, one)
        return item

    def _may_ask(self, session: Session, one: Diagnostic) -> bool:
        from torchlint.frontends.confirming import may_ask

        return session.consent is not None and may_ask(session, session.consent, one)

    def decided(self, decided: Iterable[Diagnostic]) -> None:
        """Show what a run has decided of findings, until something changes."""
        for one in decided:
            if one.verdict is not None:
                self._verdicts[_key(one)] = one.verdict
                self._news.add(one.span.path)

    def taken_news(self) -> set[str]:
        """The files of which there is something else to say, though nothing has changed; from now on known."""
        news, self._news = self._news, set()
        return news

    def taken_complaints(self) -> list[str]:
        """What is wrong beside the configuration of the project; from now on known."""
        complaints, self._complaints = self._complaints, []
        return complaints

    @property
    def session(self) -> Session | None:
        """That of the last whole pass; None before the first."""
        return self._session

    def places(self, text: Callable[[str, int], str | None]) -> Places:
        """How the client knows places in files and cells of these texts."""
        return Places(self._uri, Lines(text), UNITS[self._configure.encoding])

    def text(self, session: Session) -> Callable[[str, int], str | None]:
        """The text of a file or a cell as the editor has it."""

        def text(path: str, cell: int) -> str | None:
            if not cell and path in self._buffers and not is_document(path):
                return decode_or_none(self._buffers[path].content)
            return session.text(path, cell)

        return text

    def _uri(self, span: Span) -> str:
        buffer = self._buffers.get(span.path)
        if buffer is None:
            place = uri(span.path, self._configure.folder)
            return place + (f"#cell{span.cell}" if span.cell else "")
        return buffer.cells[span.cell - 1] if 0 < span.cell <= len(buffer.cells) else buffer.uri

    def _uris(self, path: str) -> list[str]:
        """The documents of a file: itself, or the cells of an open notebook."""
        buffer = self._buffers.get(path)
        if buffer is not None:
            return list(buffer.cells) or [buffer.uri]
        return [uri(path, self._configure.folder)]

    def _page(self, session: Session, code: str) -> str:
        """The URI of a rule's page."""
        found = session.rules.find(code)
        page = os.path.splitext(found.file)[0] + ".md" if found is not None else ""
        return uri(page, "/") if page and os.path.isfile(page) else ""


def reach(one: Diagnostic, fix: Fix) -> str:
    """Where the edits of a finding's fix lie: all in its ``document``, which may be a cell; all in its ``notebook``;
    empty: elsewhere too."""
    places = {(edit.span.path, edit.span.cell) for edit in fix.edits}
    if places <= {(one.span.path, one.span.cell)}:
        return "document"
    return "notebook" if {path for path, _ in places} == {one.span.path} else ""


def _key(one: Diagnostic) -> tuple[str, Span, str]:
    return one.code, one.span, one.message
