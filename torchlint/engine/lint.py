"""The whole way from texts to diagnostics, as every front end asks for it: text in, diagnostics out.

Definitions
    outcome  what one component gave: its findings before any comment is heard, and all that they depended on
    store    keeps bytes by kind and key between runs; what it gives back is checked as if a stranger had written it

What is kept of a file is its record (`torchlint.project.parsed`), by the hash of its bytes. What is kept of a component
is its outcome, by the hash of the linted paths, of its files, of the rules, contracts and settings; it holds only while
every further file that was looked for is as it was.

Worked example: of two components, one changed since the last run: its changed file is parsed, the other files' records
are read; the outcome of the other component is found, and not a line of it is run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol

import msgspec

from torchlint.config import Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry, run
from torchlint.engine.builtin import INTERNAL_ERROR, UNHEARD
from torchlint.engine.memory import Memory
from torchlint.engine.select import mentioned
from torchlint.facts.analysis import Statistics, Taught, analyse_component, modules_of
from torchlint.facts.known import KnownValues, everything_known
from torchlint.flow.budget import Stopped, never
from torchlint.flow.library.contracts import Contracts
from torchlint.flow.library.tables import Table, names_of
from torchlint.flow.recording import Recorder
from torchlint.project import parsed
from torchlint.project.components import components
from torchlint.project.modules import Project
from torchlint.rule import Rule
from torchlint.source.digest import digest
from torchlint.syntax import ir
from torchlint.syntax.tree import in_bulk

RECORDS, OUTCOMES = "records", "outcomes"

#: Bytes of program text from which on further processes are quicker than the time that they take to start.
WORTHWHILE = 200_000


class Store(Protocol):
    """Keeps bytes between runs. Neither method raises."""

    def get(self, kind: str, key: bytes) -> bytes | None:
        """What was put there; None if there is nothing to be had."""

    def put(self, kind: str, key: bytes, content: bytes) -> None:
        """Keep it, if that can be done."""


class Request(msgspec.Struct, frozen=True):
    """What is linted, and how.

    files: what is linted, path to content (Python). context: reads a further file of the project, or gives None.
    settings: those of a linted path. text: the text of a linted or further file, or None if it has none.
    contracts: the tables of the configurations. folder: where the paths start. store: None to keep nothing;
    version: stands for torchlint itself and its rules, for what another one kept does not count. jobs: how many
    processes may work. whole: whether all of a path's project is linted; it is asked only where that matters.
    progress: is told a phase, how much of it is done, and how much there is. foreign_comments: whether comments that
    other tools read too (``# noqa``) silence findings. tops: the folders that hold the projects of the files.
    claims: which claims for a run are made of what is found. stop: whether nobody waits for the result any longer; it
    is asked again and again. memory: what is kept between passes in this process; None to keep nothing. record: paths
    of which it is wanted what is known of every expression.
    """

    files: Mapping[str, bytes]
    context: Callable[[str], bytes | None]
    rules: Sequence[Rule]
    settings: Callable[[str], Settings]
    text: Callable[[str], str | None]
    contracts: Sequence[Table] = ()
    folder: str = ""
    store: Store | None = None
    version: bytes = b""
    jobs: int = 1
    whole: Callable[[str], bool] = lambda path: True
    progress: Callable[[str, int, int], None] | None = None
    foreign_comments: bool = True
    tops: Sequence[str] = ()
    claims: run.Claims = run.Claims.NONE
    stop: Callable[[], bool] = never
    memory: Memory | None = None
    record: Collection[str] = ()


class Result(msgspec.Struct):
    """What there is to say: diagnostics, sorted; what was covered; what seems to be wrong with the configuration.

    analysed: the linted files whose component was run, rather than found in the store. known: what is known of the
    expressions of the files of which that was wanted.
    """

    diagnostics: list[Diagnostic]
    statistics: Statistics
    notes: list[str] = []
    analysed: list[str] = []
    known: dict[str, KnownValues] = {}


class Outcome(msgspec.Struct):
    """What a component gave. `asked`: further paths that were looked for, each with the hash of its content or None;
    `known`: what is known of the expressions of the files of which that was wanted. That is not kept on a disk."""

    found: list[Diagnostic]
    statistics: Statistics
    taught: Taught
    asked: list[tuple[str, bytes | None]]
    known: dict[str, KnownValues] = {}


def lint(request: Request) -> Result:
    """Analyse and judge, or find what is still known.

    Raises:
        ContractError: a contract table cannot be read. Stopped: nobody waits for the result any longer.
    """
    return Work(request).result()


class Component:
    """Component number `index` of a run; `key` is that of its outcome, `size` its length in bytes.

    everywhere: a hash of what all components depend on.
    """

    def __init__(
        self, index: int, starts: list[str], everywhere: bytes, project: Project, digest: Callable[[bytes], bytes]
    ) -> None:
        self.index = index
        self.starts = starts
        self.size = sum(len(project.units[path].data) for path in starts)
        files = [(path.encode("utf-8", "surrogatepass"), digest(project.units[path].data)) for path in starts]
        self.key = digest(everywhere + msgspec.msgpack.encode(files))


class _Progress:
    """Counts what is done of a phase, and tells it to whoever wants to know."""

    def __init__(self, listener: Callable[[str, int, int], None] | None, phase: str, of: int) -> None:
        self._listener = listener
        self._phase = phase
        self._done = 0
        self._of = of
        self(0)

    def __call__(self, more: int) -> None:
        self._done = min(self._of, self._done + more)
        if self._listener is not None and self._of:
            self._listener(self._phase, self._done, self._of)


class Work:
    """One run: what it is asked for, and what it has found out."""

    def __init__(self, request: Request) -> None:
        if not _is_encodable([request.folder, *request.tops, *request.files]):  # on a disk of another encoding
            request = msgspec.structs.replace(request, store=None, jobs=1)
        self.request = request
        self.ready: dict[bytes, parsed.Parsed] = {}
        self.project = Project(request.files, request.context, self.read, request.folder, request.tops)
        self.analysed: list[str] = []
        #: the linted files that were followed, and those of them where no budget ran out
        self.followed: list[str] = []
        self.exhausted_nowhere: set[str] = set()
        self.taught_names = [name for table in request.contracts for row in table.rows for name in names_of(row)]
        self.parts: list[Component] = []

    def result(self) -> Result:
        """Do the work.

        Raises:
            ContractError: a contract table cannot be read. Stopped: nobody waits for the result any longer.
        """
        request = self.request
        finished = False
        try:
            outcomes = self.outcomes()
            finished = True
        finally:
            if request.memory is not None:
                request.memory.keep(self.project, self.ready, finished=finished)
        statistics = Statistics(len(self.project.linted), taught=len(set(self.taught_names)))
        taught = Taught()
        found: list[Diagnostic] = []
        known: dict[str, KnownValues] = {}
        for outcome in outcomes:
            known.update(outcome.known)
            found += outcome.found
            statistics.add(outcome.statistics)
            taught.add(outcome.taught)
        statistics.taught_met = len(set(taught.met))
        broken = any(one.code in UNHEARD for one in found)
        said = run.sift(
            found,
            request.rules,
            request.settings,
            request.text,
            lambda path: path in self.exhausted_nowhere and not broken and request.whole(path),
            [path for path in self.followed if mentioned(request.files[path], request.rules)],
            foreign_comments=request.foreign_comments,
        )
        return Result(said, statistics, taught.complaints(), sorted(self.analysed), known)

    def module(self, path: str) -> ir.Module | None:
        """The IR of a file that was read, by its path as the user writes it; None if it has none."""
        unit = self.project.units.get(posixpath.normpath(path.replace("\\", "/")))
        return None if unit is None else unit.load()

    @cached_property
    def contracts(self) -> Contracts:
        """What is known of libraries, and what the configurations add.

        Raises:
            ContractError: a table cannot be read.
        """
        return Contracts.load([str(registry.own_contracts())], self.request.contracts, self.request.folder)

    # --- files -----------------------------------------------------------------------------------------------------

    def read(self, data: bytes) -> parsed.Parsed:
        """What the bytes of a file say: read before, from the store, or parsed now and kept.

        Nobody is given the same object twice: files with the same content are different files.
        """
        key = self._digest(data)
        found = self.ready.pop(key, None) or self._stored(key)
        if found is None:
            found = parsed.parse(data)
            self._keep(key, parsed.encode(found) if self.request.store is not None else b"")
        return found

    def _digest(self, data: bytes) -> bytes:
        return digest(data) if self.request.memory is None else self.request.memory.digest(data)

    def _stored(self, key: bytes) -> parsed.Parsed | None:
        known = None if self.request.memory is None else self.request.memory.take(key)
        if known is not None:
            return known
        record = None if self.request.store is None else self.request.store.get(RECORDS, self._versioned(key))
        return None if record is None else parsed.decoded(record)

    def _keep(self, key: bytes, record: bytes) -> None:
        if self.request.store is not None and record:
            self.request.store.put(RECORDS, self._versioned(key), record)

    def _versioned(self, key: bytes) -> bytes:
        return digest(self.request.version + key)

    def read_all(self, starts: Sequence[str]) -> None:
        """Read these files, those that must be parsed side by side if there are enough of them."""
        missing: dict[bytes, bytes] = {}
        for path in starts:
            data = self.project.units[path].data
            key = self._digest(data)
            if key not in self.ready and key not in missing:
                found = self._stored(key)
                if found is None:
                    missing[key] = data
                else:
                    self.ready[key] = found
        tell = _Progress(self.request.progress, "parsing", len(missing))
        if self.request.jobs > 1 and sum(map(len, missing.values())) > WORTHWHILE:
            from torchlint.engine.parallel import records  # slow to import

            keys = list(missing)
            for index, record in records(list(missing.values()), self.request.jobs, tell):
                if record is None:
                    self.ready[keys[index]] = parsed.given_up("the process that parsed this file died")
                elif (made := parsed.decoded(record)) is not None:
                    self.ready[keys[index]] = made
                    self._keep(keys[index], record)
        left = [key for key in missing if key not in self.ready]
        with in_bulk(len(left)):
            for key in left:
                self._go_on()
                self.ready[key] = self.read(missing[key])
                tell(1)

    # --- components ------------------------------------------------------------------------------------------------

    def outcomes(self) -> list[Outcome]:
        """What every component gives, in their order."""
        starts = self.project.relevant(modules_of(self.request.contracts))
        self._go_on()
        self.read_all(starts)
        self._go_on()
        everywhere = self._everywhere()
        self.parts = parts = [
            Component(index, group, everywhere, self.project, self._digest)
            for index, group in enumerate(components(self.project.view(), starts))
        ]
        known = {part.index: outcome for part in parts if (outcome := self._known(part)) is not None}
        fresh = [part for part in parts if part.index not in known]
        if fresh or not parts:
            for part, outcome in self._run(fresh, self.contracts):
                known[part.index] = outcome
                self.analysed += (self.project.units[path].path for path in part.starts)
                if not any(one.code == INTERNAL_ERROR.code for one in outcome.found):
                    self._keep_outcome(part, outcome)
        for part in parts:
            paths = [self.project.units[path].path for path in part.starts]
            linted = [path for path in paths if path in self.request.files]
            self.followed += linted
            self.exhausted_nowhere.update(linted if known[part.index].statistics.roots_exhausted == 0 else ())
        return [known[part.index] for part in parts]

    def _go_on(self) -> None:
        """Raises: Stopped: nobody waits for the result any longer."""
        if self.request.stop():
            raise Stopped

    def _everywhere(self) -> bytes:
        """A hash of what all components depend on: torchlint, the paths, the contracts and the settings."""
        paths = sorted(self.request.files)
        settings = [self.request.settings(path) for path in paths]
        distinct = {id(one): (number, one) for number, one in enumerate(settings)}
        which = [distinct[id(one)][0] for one in settings]
        if self.request.store is None and self.request.memory is None:
            return b""
        told = msgspec.msgpack.encode(
            (
                self.request.folder,
                self.request.claims.value,
                self.request.tops,
                paths,
                which,
                [one for _, one in distinct.values()],
                self.request.contracts,
            ),
            order="deterministic",
        )
        return digest(self.request.version + told)

    def _known(self, part: Component) -> Outcome | None:
        """The outcome of a component, if it is kept and nothing that it depended on has changed."""
        outcome = None if self.request.memory is None else self.request.memory.outcome(part.key)
        recorded = self._recorded(part)
        if recorded and (outcome is None or not outcome.known.keys() >= recorded):
            return None
        if outcome is None:
            content = None if self.request.store is None else self.request.store.get(OUTCOMES, part.key)
            if content is None:
                return None
            try:
                outcome = msgspec.msgpack.decode(content, type=Outcome)
            except parsed.UNREADABLE:
                return None
        view = self.project.view()
        return outcome if all(self._content(view, path) == known for path, known in outcome.asked) else None

    def _keep_outcome(self, part: Component, outcome: Outcome) -> None:
        if self.request.memory is not None:
            self.request.memory.put(part.key, outcome)
        if self.request.store is not None:
            kept = msgspec.structs.replace(outcome, known={})
            self.request.store.put(OUTCOMES, part.key, msgspec.msgpack.encode(kept))

    def _recorded(self, part: Component) -> set[str]:
        """The files of a component of which it is wanted what is known of their expressions."""
        paths = {self.project.units[path].path for path in part.starts} if self.request.record else set()
        return paths.intersection(self.request.record)

    def _content(self, project: Project, path: str) -> bytes | None:
        if path.endswith("/"):
            return b"" if project.is_folder(path[:-1]) else None
        unit = project.unit(path)
        return None if unit is None else self._digest(unit.data)

    def _run(self, parts: Sequence[Component], contracts: Contracts) -> Iterator[tuple[Component, Outcome]]:
        """Run components, side by side if that pays."""
        tell = _Progress(self.request.progress, "analysing", sum(len(part.starts) for part in parts))
        if self.request.jobs > 1 and len(parts) > 1 and sum(part.size for part in parts) > WORTHWHILE:
            from torchlint.engine.parallel import FORKS, forked  # slow to import

            if FORKS:
                largest_first = sorted(parts, key=lambda part: (-part.size, part.index))
                for index, made in forked(_run_apart, (self, contracts), largest_first, self.request.jobs):
                    part = largest_first[index]
                    if made is None:
                        yield part, self._given_up(part, "the process that analysed this file died")
                    else:
                        yield part, msgspec.msgpack.decode(made, type=Outcome)
                    tell(len(part.starts))
                return
        for part in parts:
            yield part, self.outcome(part, contracts)
            tell(len(part.starts))

    def _given_up(self, part: Component, reason: str) -> Outcome:
        paths = [self.project.units[path].path for path in part.starts]
        return Outcome([run.internal_error(path, reason) for path in paths], Statistics(), Taught(), [])

    def outcome(self, part: Component, contracts: Contracts) -> Outcome:
        """Run a component."""
        view = self.project.view()
        request = self.request
        try:
            recorded = sorted(self._recorded(part))
            recorder = Recorder(recorded) if recorded else None
            analysis = analyse_component(view, part.starts, contracts, stop=request.stop, recorder=recorder)
            found = run.find(analysis, request.rules, request.files, request.settings, request.text, request.claims)
            known: dict[str, KnownValues] = {}
            if recorder is not None:
                known = {path: everything_known(recorder, path, contracts) for path in recorded}
        except Exception as error:
            return self._given_up(part, f"{type(error).__name__}: {error}")
        further = sorted(view.asked.difference(part.starts))
        asked = [(path, self._content(view, path)) for path in further]
        return Outcome(found, analysis.statistics, analysis.taught, asked, known)


def _run_apart(shared: tuple[Work, Contracts], part: Component) -> bytes:
    work, contracts = shared
    return msgspec.msgpack.encode(work.outcome(part, contracts))


def _is_encodable(paths: Iterable[str]) -> bool:
    """Whether these paths can be written down, and so kept, or sent to another process."""
    try:
        "".join(paths).encode()
    except UnicodeEncodeError:
        return False
    return True
