"""``torchlint check``: from arguments to output and an exit status."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torchlint import __version__
from torchlint.config import ConfigError, Settings
from torchlint.diagnostic import Diagnostic
from torchlint.engine import registry, select
from torchlint.engine.builtin import BUILTINS, INTERNAL_ERROR, UNHEARD
from torchlint.engine.lint import Request, Result, Work
from torchlint.engine.memory import Memory
from torchlint.engine.run import Claims, sift, syntax_errors
from torchlint.flow.budget import never
from torchlint.flow.library.tables import ContractError, Table
from torchlint.frontends.configuration import Configuration, said_by
from torchlint.frontends.documents import Documents
from torchlint.frontends.files import Sources, decode_or_none, find, is_searchable, project_top, read_file, require
from torchlint.frontends.memory import without_collector
from torchlint.frontends.outcome import CLEAN, ERROR, FINDINGS, UsageError
from torchlint.frontends.output import closing_line, fixable_line, publish, render, spare, warn
from torchlint.frontends.places import cache_folder, own_version, processors, user_file
from torchlint.frontends.progress import Progress
from torchlint.frontends.replay import Recorder, unheard
from torchlint.frontends.store import DiskStore, Reading
from torchlint.frontends.terminal import wants_colour
from torchlint.report.findings import About, Findings
from torchlint.report.text import Paint, visible, visible_path
from torchlint.source.digest import digest

if TYPE_CHECKING:
    from torchlint.frontends.confirming import Confirmed, Consent


def check(arguments: argparse.Namespace) -> int:
    """Lint, print, and say by the exit status what came of it.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    if arguments.watch:
        from torchlint.frontends.watch import watch

        return watch(arguments, once)
    return once(arguments)


def once(arguments: argparse.Namespace, seen: Callable[[Iterable[str]], None] = lambda paths: None) -> int:
    """One pass from the files to the exit status; `seen` is told on which files it depends beside those it lints.

    Raises:
        UsageError, ConfigError: there is nothing sensible to do.
    """
    session = Session(arguments)
    session.consent = consented(session)
    given = session.contents()
    if arguments.show_files:
        session.spoil()
        sys.stdout.write("".join(f"{visible_path(path)}\n" for path in given))
        return CLEAN
    if not given and not session.unread:
        warn("no Python files found", arguments.quiet)
    spare(arguments.output_file, given)
    if session.fixes:
        from torchlint.frontends.fixing import fix

        return fix(session, given, seen)
    with session.progress() as progress:
        result = session.lint(given, progress)
    seen(session.further())
    if arguments.write_baseline is not None or arguments.add_noqa:
        from torchlint.frontends.accepting import accept

        for note in result.notes:
            warn(note, arguments.quiet)
        return accept(session, given, result.diagnostics)
    return conclude(session, result)


def consented(session: Session) -> Consent | None:
    """What may be run of the linted project, by the command line and the user's own configuration; None for nothing.

    Raises:
        UsageError, ConfigError: they are wrong.
    """
    arguments = session.arguments
    file = "" if arguments.isolated else user_file(os.environ)
    if arguments.confirming is False:
        return None
    there = bool(file) and os.path.lexists(file)
    if session.recorder is not None and file:
        if there:
            session.recorder.files([file])
        else:
            session.recorder.file(file, None)
    asked = any(value for name, value in vars(arguments).items() if name.startswith("confirm"))
    if not there and not asked:
        return None
    from torchlint.frontends.confirming import consent

    return consent(session, file if there else "")


def conclude(session: Session, result: Result, fixed: Sequence[Diagnostic] | None = None) -> int:
    """Print what there is to say of the files that were linted last, and give the exit status.

    fixed: the findings that are mended and no more among those of the result; None if nothing was to be mended.

    Raises:
        UsageError: the output file cannot be written.
    """
    arguments = session.arguments
    for note in result.notes:
        warn(note, arguments.quiet)
    if session.consent is not None and session.consent.explain:
        from torchlint.frontends.confirm_explain import explain

        return explain(session, session.consent, result.diagnostics)
    aside = fixed is not None and session.piped
    try:
        confirmed = _confirmed(session, result)
    except KeyboardInterrupt:  # runs take long, and what was found is known without them
        report(session, result.diagnostics, aside=aside)
        raise
    report(session, result.diagnostics, aside=aside)
    if arguments.statistics:
        from torchlint.report.statistics import statistics

        sys.stderr.write(statistics(result.statistics))
    if not arguments.quiet:
        sys.stderr.write(closing_line(result.diagnostics, len(session.given), session.known, fixed))
        sys.stderr.write(fixable_line(result.diagnostics, session.unsafe_fixes, offered=fixed is None))
    if confirmed is not None:
        if not arguments.quiet:
            sys.stderr.write(confirmed.line())
        if confirmed.problem:
            sys.stderr.write(f"torchlint: error: {visible(confirmed.problem)}\n")
            return ERROR
    return session.status(result.diagnostics)


def _confirmed(session: Session, result: Result) -> Confirmed | None:
    """Give the findings of a result the verdicts of a run, if that was allowed."""
    if session.consent is None:
        return None
    from torchlint.frontends.confirming import confirm

    with session.progress() as progress:
        confirmed = confirm(session, session.consent, result.diagnostics, progress)
    result.diagnostics = confirmed.diagnostics
    for note in confirmed.notes:
        warn(note, session.arguments.quiet)
    return confirmed


def report(session: Session, diagnostics: Sequence[Diagnostic], *, aside: bool = False) -> None:
    """Render the findings and put them where they are wanted; `aside`: standard output is taken.

    Raises:
        UsageError: the output file cannot be written.
    """
    arguments = session.arguments
    file = arguments.output_file
    stream = sys.stderr if aside else sys.stdout
    findings = Findings(
        diagnostics,
        session.text,
        list(session.given),
        os.getcwd(),
        session.about,
        problems=session.rules.problems,
        version=__version__,
        paint=Paint(file is None and wants_colour(arguments.color, stream, os.environ)),
        unsafe=session.unsafe_fixes,
        watched=file is None and stream.isatty(),
    )
    choice = arguments.output_format or session.configuration.of(os.curdir).output_format
    text = render(choice, findings, to_file=file is not None or aside)
    if aside and file is None:
        sys.stderr.write(text)
    else:
        publish(text, file)


class Session:
    """What stays the same over all passes of one command: its arguments, configuration and rules.

    foreign_comments: whether comments that other tools read too silence findings.
    """

    def __init__(self, arguments: argparse.Namespace, *, foreign_comments: bool = True) -> None:
        self.arguments = arguments
        self.foreign_comments = foreign_comments
        self.recorder: Recorder | None = arguments.recorder
        for path in (os.curdir, *arguments.paths) if self.recorder is not None else ():
            self.recorder.above(os.path.abspath(path if os.path.isdir(path) else os.path.dirname(path)))
        self.configuration = Configuration(arguments.config, arguments.isolated, said_by(arguments))
        self.rules = _rules(arguments.rules_dir)
        #: what may be run of the linted project: nothing, but for one command (`once`)
        self.consent: Consent | None = None
        self.given: Mapping[str, bytes] = {}
        self.documents = Documents({})
        self.sources = Sources({})
        self.unread = False
        self._whole: dict[str, bool] = {}
        #: how many findings baselines list
        self.known = 0
        #: what is kept between passes in this process, of which it is the latest; and whether one is to end early
        self.memory: Memory | None = None
        self.work: Work | None = None
        self.stop: Callable[[], bool] = never
        #: whether what this finds out is worth keeping on the disk
        self.keeps = True
        #: the files of which it is wanted what is known of their expressions
        self.record: Collection[str] = ()
        #: what stands for files on the disk, by path
        self.overlay: Mapping[str, bytes] = {}
        self.store = None if arguments.no_cache else DiskStore(arguments.cache_dir or cache_folder(os.environ))
        self.piped = "-" in arguments.paths
        here = self.configuration.of(arguments.stdin_filename if self.piped and arguments.stdin_filename else os.curdir)
        accepts = arguments.write_baseline is not None or arguments.add_noqa
        if accepts and (arguments.diff or arguments.fix or arguments.fix_only):
            raise UsageError("findings are either mended or taken as they are")
        self.unsafe_fixes, self.fix_only = here.unsafe_fixes, here.fix_only
        #: whether findings are to be mended
        self.fixes: bool = arguments.diff or ((here.fix or here.fix_only) and not accepts)
        self._checked = False
        writes = (arguments.output_file, arguments.write_baseline) != (None, None) or arguments.add_noqa
        if arguments.rules_dir or arguments.watch or writes:
            self.spoil()

    def further(self) -> list[str]:
        """The files on which the last pass depended beside those that it linted."""
        return [*self.configuration.files(), *(path for path, _ in self.sources.further())]

    def progress(self) -> Progress:
        """What shows how far the run is."""
        arguments = self.arguments
        return Progress(unheard(sys.stderr), wanted=not arguments.quiet, colour=arguments.color)

    def spoil(self) -> None:
        """This run cannot be repeated from what it read: it is not recorded."""
        if self.recorder is not None:
            self.recorder.spoil()

    def contents(self) -> dict[str, bytes]:
        """The files to lint, by the path that the output shows.

        Raises:
            UsageError, ConfigError: there are none, or they cannot be read.
        """
        arguments = self.arguments
        paths = arguments.paths or [os.curdir]
        if "-" in paths:
            if len(paths) > 1:
                raise UsageError("`-` (standard input) stands alone")
            self.spoil()
            name = arguments.stdin_filename or "-"
            forced = self.configuration.of(name).force_exclude and os.path.exists(name)
            if forced and not find([name], self.configuration):
                return {}
            if sys.stdin is None:
                raise UsageError("standard input is closed")
            return {name: sys.stdin.buffer.read()}
        require(paths)
        found = find(paths, self.configuration, listed=self._listed)
        return self._read(found)

    def _listed(self, folder: str) -> None:
        """A folder is searched."""
        if self.recorder is not None:
            self.recorder.folder(folder)
        if not is_searchable(folder):
            self._unread(f"{folder}: cannot be read: {os.strerror(errno.EACCES)}")

    def _read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """What these files hold, without those that cannot be read; one that was removed just now is none."""
        contents: dict[str, bytes] = {}
        for path in paths:
            try:
                contents[path] = read_file(path)
            except UsageError as error:
                if os.path.lexists(path):
                    self._unread(str(error))
        return contents

    def _unread(self, problem: str) -> None:
        """A file that was to be linted could not be: the others are, and the exit status tells."""
        self.spoil()
        self.unread = True
        sys.stderr.write(f"torchlint: error: {visible(problem)}\n")

    def lint(self, given: Mapping[str, bytes], progress: Callable[[str, int, int], None] | None = None) -> Result:
        """What there is to say of these files; `progress` is told how far it is.

        Raises:
            UsageError, ConfigError: the configuration is wrong. Stopped: nobody waits for the result any longer.
        """
        documents = Documents(given)
        settings = {path: self.configuration.of(documents.owner(path)) for path in documents.files}
        if not self._checked:
            _check_selectors(self.configuration, [*given, os.curdir], self.rules, self.arguments.quiet)
            self._checked = True
        self.given, self.documents, self.sources = given, documents, Sources(documents.files, {**self.overlay})
        self._whole = {}
        request = Request(
            documents.files,
            self.sources.context,
            self.rules.rules,
            settings.__getitem__,
            self.sources.text,
            tables(settings.values()),
            os.getcwd(),
            self.store if self.store is None or self.keeps else Reading(self.store),
            self._version(),
            self.arguments.jobs or processors(),
            lambda path: not documents.troubles and self.whole(documents.owner(path)),
            progress,
            foreign_comments=self.foreign_comments,
            tops=self._tops(given),
            claims=Claims.NONE if self.consent is None else Claims.FOUND,
            stop=self.stop,
            memory=self.memory,
            record=self.record,
        )
        self.work = None
        work = Work(request)
        with without_collector():
            try:
                result = work.result()
            except ContractError as error:
                raise UsageError(str(error)) from error
            finally:
                self._record()
                if self.store is not None and self.keeps:
                    self.store.prune(time.time())
        self.work = work
        result.diagnostics = self._placed(documents, result.diagnostics)
        self._pass_over(result)
        return result

    def _placed(self, documents: Documents, said: Sequence[Diagnostic]) -> list[Diagnostic]:
        """What there is to say of linted texts where it stands in their documents, with what is wrong with those."""
        found = syntax_errors(documents.troubles, self.configuration.of)
        troubles = sift(
            found,
            self.rules.rules,
            self.configuration.of,
            self.sources.text,
            foreign_comments=self.foreign_comments,
        )
        return documents.placed([*said, *troubles])

    def _tops(self, paths: Iterable[str]) -> list[str]:
        """The folders that hold the projects of these files, named as the files are: in full, or from where we are."""
        folders = {os.path.dirname(path): path for path in paths}
        tops: set[str] = set()
        for folder, path in folders.items():
            top = project_top(os.path.abspath(path), self.configuration.file(path))
            tops.add(top if os.path.isabs(folder) else os.path.relpath(top))
        return sorted(tops)

    def asks(self, path: str, code: str) -> bool:
        """Whether the rule of a code is asked for in a file."""
        known: list[select.Declared] = [*self.rules.rules, *BUILTINS]
        rule = next((rule for rule in known if rule.code == code), None)
        return rule is not None and select.shows(self.configuration.of(path), rule.code, rule.name, rule.severity)

    def beside_baselines(self, found: Sequence[Diagnostic], text: Callable[[str, int], str | None]) -> list[Diagnostic]:
        """The findings that the baselines of their files do not list; `text`: of the files in which they are."""
        for file in {self.configuration.of(one.span.path).baseline for one in found} - {None}:
            from torchlint.frontends import baseline

            listed = baseline.read(str(file), "")
            here = [one for one in found if self.configuration.of(one.span.path).baseline == file]
            kept = {id(one) for one in listed.split(here, text)[0]}
            elsewhere = {id(one) for one in found} - {id(one) for one in here}
            found = [one for one in found if id(one) in kept | elsewhere]
        return list(found)

    def _pass_over(self, result: Result) -> None:
        """Take from the findings those that the baselines of their files list, and note what is stale there."""
        self.known = 0
        files = {self.configuration.of(path).baseline: path for path in self.given}
        for file, path in files.items() if self.arguments.write_baseline is None else ():
            if file is None:
                continue
            from torchlint.frontends import baseline

            if self.recorder is not None:
                self.recorder.files([file])
            named = ", ".join(map(str, self.configuration.origins(path).get("baseline", ())))
            listed = baseline.read(file, named)
            here = [one for one in result.diagnostics if self.configuration.of(one.span.path).baseline == file]
            new, over = listed.split(here, self.text)
            kept = set(map(id, new))
            elsewhere = set(map(id, here))
            self.known += len(here) - len(new)
            broken = any(one.code in UNHEARD for one in result.diagnostics)
            result.diagnostics = [one for one in result.diagnostics if id(one) in kept or id(one) not in elsewhere]
            names = {os.path.abspath(path): path for path in self.given}

            if self.recorder is not None:
                for place in {listed.place(entry) for entry in over}:
                    self.recorder.there(place)

            def judged(place: str, code: str, names: Mapping[str, str] = names, broken: bool = broken) -> bool:
                return place in names and not broken and self.asks(names[place], code) and self.whole(place)

            gone = baseline.stale(listed, over, judged)
            if self.recorder is not None:
                self.recorder.files(self.configuration.files())
            if gone:
                are = "is one finding" if gone == 1 else f"are {gone} findings"
                result.notes.append(f"{file}: there {are} less than it lists; --write-baseline {file} drops them")

    def whole(self, path: str) -> bool:
        """Whether everything is linted that stands below the top of the project to which a file belongs.

        The top is the folder of its repository, else that of its configuration, else the file's own.
        """
        full = os.path.abspath(path)
        top = project_top(full, self.configuration.file(path))
        if top not in self._whole:
            listed = None if self.recorder is None else self.recorder.folder
            given = {os.path.abspath(one) for one in self.given}
            try:
                there = find([top], self.configuration, listed=listed)
            except ConfigError:  # of a folder that nobody asked about
                there = [top]
            self._whole[top] = all(os.path.abspath(one) in given for one in there)
        return self._whole[top]

    def _version(self) -> bytes:
        """What stands for torchlint and for the rules of the user's own."""
        own = [path for folder in self.arguments.rules_dir for path in sorted(Path(folder).rglob("*.py"))]
        return own_version() + b"".join(digest(path.read_bytes()) for path in own)

    def _record(self) -> None:
        """Tell the recorder what was read."""
        if self.recorder is not None:
            for path, content in (*self.given.items(), *self.sources.further()):
                if path.endswith("/"):
                    self.recorder.package(path)
                else:
                    self.recorder.file(path, content)
            self.recorder.files(self.configuration.files())

    def text(self, path: str, cell: int) -> str | None:
        """The text of a file, or of one cell of a notebook; None if it cannot be had."""
        if cell:
            return self.documents.cell(path, cell)
        return decode_or_none(self.given[path]) if path in self.given else self.sources.text(path)

    def about(self, code: str) -> About | None:
        """What there is to say of a rule beside its findings."""
        from torchlint.frontends.pages import about

        return about(code, self.rules)

    def status(self, diagnostics: Sequence[Diagnostic]) -> int:
        """The exit status of a run that leaves these findings."""
        if self.unread or self.rules.problems or any(one.code == INTERNAL_ERROR.code for one in diagnostics):
            return ERROR
        if self.consent is not None:
            from torchlint.frontends.confirming import counts

            diagnostics = [one for one in diagnostics if counts(one, self.consent)]
        return FINDINGS if diagnostics and not self.arguments.exit_zero else CLEAN


def tables(settings: Iterable[Settings]) -> list[Table]:
    """The contracts of all configurations that hold for a file of this run, those of inner folders later."""
    by_folder = {os.path.abspath(one.folder): one.contracts for one in settings}
    found: list[Table] = []
    for _, tables in sorted(by_folder.items()):
        found += [table for table in tables if table not in found]  # what `extend` shares counts once
    return found


def _rules(folders: Sequence[str]) -> registry.Registry:
    loaded = registry.load(Path(folder) for folder in folders)
    for problem in loaded.problems:
        sys.stderr.write(f"torchlint: error: {problem}\n")
    return loaded


def _check_selectors(configuration: Configuration, paths: Iterable[str], rules: registry.Registry, quiet: bool) -> None:
    """Refuse a name that no rule has; a code may belong to another version, so it is only warned of."""
    known: list[select.Named] = [*rules.rules, *BUILTINS]
    distinct = {id(configuration.of(path)): path for path in paths}
    selectors = {selector: path for path in distinct.values() for selector in configuration.of(path).selectors}
    for selector in select.strangers(selectors, known):
        if selector == "ALL":
            continue
        where = configuration.source(selectors[selector], selector)
        if select.looks_like_code(selector):
            warn(f"{where}no rule has the code {selector}", quiet)
            continue
        raise UsageError(f"{where}no rule has the code or name {selector!r}{select.meant(selector, known)}")
