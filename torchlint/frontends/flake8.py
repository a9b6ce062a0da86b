"""torchlint as a plugin of flake8: the findings of the command, each file judged within its project.

Definitions
    project   all files of one call of flake8, as far as `torchlint check --force-exclude` would lint them too
    said      what there is to say of one text: row, column and message, as flake8 takes them

flake8 calls `Plugin.parse_options` once, before it starts its workers, and makes one `Plugin` for every file, in
whichever process. So the project is linted in `parse_options`, as one, and a `Plugin` looks up its file:

* workers that are forked inherit what was said;
* workers that are spawned begin anew, and call `parse_options` too: they read it from a file that the first process
  names in the environment and removes in the end;
* a text that is not the one that was read (standard input, an editor's buffer) is linted by itself, with what it
  imports.

Worked example: `flake8 train.py model.py` in two processes lints both files together in the first, because the loss
in one and the model in the other are one finding; its workers only look up.

flake8's own affair: which files are meant, `# noqa`, and which of the codes are shown. So `# noqa` is not read here.
"""

from __future__ import annotations

import argparse
import ast
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from torchlint import __version__
from torchlint.source.digest import digest

if TYPE_CHECKING:
    from torchlint.diagnostic import Diagnostic
    from torchlint.frontends.check import Session

Said = list[tuple[int, int, str]]
Texts = dict[str, tuple[str, Said]]

#: Where spawned workers find what the first process has to say.
HANDED_OVER = "_TORCHLINT_FLAKE8_RESULTS"


class Plugin:
    """What flake8 calls; the names of the parameters say what it is to give."""

    name = "torchlint"
    version = __version__
    _project: ClassVar[Project | None] = None

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str], options: argparse.Namespace) -> None:
        # that there is a tree says that the file parses: for others flake8 has E999
        self._filename = filename
        self._lines = lines
        self._options = options

    @classmethod
    def add_options(cls, manager: Any) -> None:
        """Tell flake8 of the options that it does not have yet."""
        manager.add_option(
            "--torchlint-config",
            metavar="FILE",
            parse_from_config=True,
            normalize_paths=True,
            help="A configuration of torchlint to use for everything. (Default: the nearest for each file)",
        )

    @classmethod
    def parse_options(cls, manager: Any, options: argparse.Namespace, args: Sequence[str]) -> None:
        """Lint the whole project.

        Raises:
            flake8.exceptions.ExecutionError: torchlint's configuration is wrong; flake8 shows it, and stops.
        """
        cls._project = Project(options)
        if not getattr(options, "bug_report", False) and not _paths_come_later():
            with _RaisedForFlake8():
                cls._project.prepare()

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Row, column from 0, and text of each finding.

        Raises:
            flake8.exceptions.ExecutionError: torchlint's configuration is wrong.
        """
        if Plugin._project is None:
            Plugin._project = Project(self._options)
        with _RaisedForFlake8():
            said = Plugin._project.of(self._filename, self._lines)
        for row, column, text in said:
            yield row, column, text, Plugin


class Project:
    """What there is to say of the files of one call of flake8.

    options: flake8's own, of which the paths may be given only after this is made.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._texts: Texts = {}
        self._prepared = not _wanted(options)
        self._silent = self._prepared
        self._session_made: Session | None = None

    def prepare(self) -> None:
        """Lint all files that flake8 is going to ask for, or take over what another process found.

        Raises:
            UsageError, ConfigError: the configuration is wrong.
        """
        if self._prepared:
            return
        self._prepared = True
        taken = _taken_over()
        if taken is not None:
            self._texts = taken
            return
        from torchlint.config import ConfigError
        from torchlint.frontends.outcome import UsageError

        try:
            self._texts = self._lint_all()
        except (ConfigError, UsageError):
            raise
        except Exception:  # it is met again, and reported, where it can be placed: in the file that is asked for
            self._texts = {}
        _hand_over(self._texts)

    def of(self, filename: str, lines: Sequence[str]) -> Said:
        """What there is to say of a text; whatever goes wrong is one of the things said.

        Raises:
            UsageError, ConfigError: the configuration is wrong.
        """
        self.prepare()
        if self._silent:
            return []
        text = "".join(lines)
        digest, said = self._texts.get(os.path.abspath(filename), ("", []))
        return said if digest == _digest(text) else self._lint_one(filename, text)

    def _lint_all(self) -> Texts:
        from torchlint.frontends.files import find, read_file

        session = self._session()
        named = find(_files(self._options), session.configuration, force_exclude=True)
        given: dict[str, bytes] = {}
        for path in {os.path.abspath(path): path for path in named}.values():
            try:
                given[path] = read_file(path)
            except Exception:  # flake8 says so itself (E902)
                continue
        said = _by_path(session.lint(given).diagnostics)
        return {
            os.path.abspath(path): (_digest(_as_flake8_reads(content)), said.get(path, []))
            for path, content in given.items()
        }

    def _lint_one(self, filename: str, text: str) -> Said:
        from torchlint.config import ConfigError
        from torchlint.frontends.documents import is_document
        from torchlint.frontends.files import find
        from torchlint.frontends.outcome import UsageError
        from torchlint.source.discover import is_below

        if is_document(filename):
            return []
        try:
            session = self._session()
            path = os.path.relpath(filename) if is_below(os.path.normpath(filename), os.getcwd()) else filename
            if os.path.isfile(path) and not find([path], session.configuration, force_exclude=True):
                return []
            return _by_path(session.lint({path: _encoded(text)}).diagnostics).get(path, [])
        except (ConfigError, UsageError):
            raise
        except Exception as error:
            return [(1, 0, _message("TL000", f"internal error: {type(error).__name__}: {error}"))]

    def _session(self) -> Session:
        """The configuration and rules, read once in every process that needs them."""
        if self._session_made is None:
            from torchlint.frontends.check import Session
            from torchlint.frontends.options import PARSERS

            words = ["--force-exclude", *(f"--extend-select={code}" for code in _asked_for(self._options))]
            if self._options.torchlint_config:
                words.append(f"--config={self._options.torchlint_config}")
            arguments = PARSERS["check"]().parse_args([*words, f"--jobs={_jobs(self._options)}"])
            arguments.recorder = None
            self._session_made = Session(arguments, foreign_comments=False)
        return self._session_made


class _RaisedForFlake8:
    """Turns errors of torchlint's configuration into flake8's own kind, which it shows and ends with."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        from torchlint.config import ConfigError
        from torchlint.frontends.outcome import UsageError

        if isinstance(error, (ConfigError, UsageError)):
            from flake8.exceptions import ExecutionError

            raise ExecutionError(f"torchlint: {error}") from error


# --- flake8's options --------------------------------------------------------------------------------------------


def _files(options: argparse.Namespace) -> list[str]:
    """The files that flake8 is going to ask for, without standard input."""
    from flake8.discover_files import expand_paths

    found = expand_paths(
        paths=options.filenames,
        stdin_display_name=options.stdin_display_name,
        filename_patterns=options.filename,
        exclude=(*options.exclude, *options.extend_exclude),
    )
    return sorted({os.path.normpath(path) for path in found if path != "-" and _is_python(path)})


def _is_python(path: str) -> bool:
    """Whether it is a file, and not one of those out of which torchlint alone takes Python, such as notebooks."""
    from torchlint.frontends.documents import is_document

    return os.path.isfile(path) and not is_document(path)


def _jobs(options: argparse.Namespace) -> int:
    """How many processes may work: as many as flake8's, but a worker of flake8's has none of its own; 0 for as many as
    there are processors."""
    import multiprocessing

    if multiprocessing.parent_process() is not None:
        return 1
    return 0 if options.jobs.is_auto else max(1, options.jobs.n_jobs)


def _paths_come_later() -> bool:
    """Whether flake8 is used by its interface for programs, which names the files after the options are parsed."""
    import sys

    return "flake8.api.legacy" in sys.modules


def _wanted(options: argparse.Namespace) -> bool:
    """Whether flake8 may show any code of torchlint's: it asks its plugins even if it shows none."""
    if options.select is None:
        return True
    return any(code.startswith("TL") or "TL".startswith(code) for code in _chosen(options))


def _asked_for(options: argparse.Namespace) -> list[str]:
    """The rules that flake8 was told to select by more than torchlint's prefix: those may be off by default."""
    return sorted({code for code in _chosen(options) if code.startswith("TL") and code[2:].isdigit()})


def _chosen(options: argparse.Namespace) -> Iterable[str]:
    return [*(options.select or ()), *(getattr(options, "extend_select", None) or ())]


# --- texts and messages ------------------------------------------------------------------------------------------


def _as_flake8_reads(content: bytes) -> str:
    """The text that flake8 makes of a file: its lines end in LF, and what cannot be decoded is taken for Latin-1."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        text = content.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for mark in ("\ufeff", "\xef\xbb\xbf"):
        text = text.removeprefix(mark)
    return text


def _encoded(text: str) -> bytes:
    """A text as bytes that are read as it: in the encoding that its first lines name."""
    import io
    import tokenize

    content = text.encode("utf-8", "surrogatepass")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return text.encode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        return content


def _digest(text: str) -> str:
    return digest(text.encode("utf-8", "surrogatepass")).hex()


def _by_path(diagnostics: Iterable[Diagnostic]) -> Mapping[str, Said]:
    said: dict[str, Said] = {}
    for one in diagnostics:
        place = one.span.start
        said.setdefault(one.span.path, []).append((place.row, place.column - 1, _message(one.code, one.message)))
    return said


def _message(code: str, message: str) -> str:
    from torchlint.report.text import visible

    return f"{code} {visible(message)}"


# --- workers that are spawned ------------------------------------------------------------------------------------


def _hand_over(texts: Texts) -> None:
    """Leave what there is to say where spawned workers find it, until this process ends."""
    import multiprocessing

    method = multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]
    if method == "fork" or len(texts) < 2 or multiprocessing.parent_process() is not None:
        return
    import atexit
    import contextlib
    import json
    import tempfile

    with tempfile.NamedTemporaryFile("w", prefix="torchlint-", suffix=".json", delete=False, encoding="ascii") as file:
        json.dump(texts, file)

    def remove() -> None:
        os.environ.pop(HANDED_OVER, None)
        with contextlib.suppress(OSError):
            os.unlink(file.name)

    atexit.register(remove)
    os.environ[HANDED_OVER] = file.name


def _taken_over() -> Texts | None:
    """What the process that spawned this one has to say, if it left it; None if it is to be found out here."""
    import multiprocessing

    path = os.environ.get(HANDED_OVER)
    if path is None or multiprocessing.parent_process() is None:
        return None
    import json

    try:
        with open(path, encoding="ascii") as file:
            return {
                name: (str(digest), [(int(row), int(column), str(text)) for row, column, text in said])
                for name, (digest, said) in json.load(file).items()
            }
    except (OSError, ValueError, TypeError, AttributeError):
        return None
