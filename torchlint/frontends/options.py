"""The options of every command, by group."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from torchlint.report.formats import FORMATS


class _Version(argparse.Action):
    """``--version``, whose text is put together only if it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from torchlint.frontends.version import version

        sys.stdout.write(version() + "\n")
        parser.exit()


def _selectors(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _some_selectors(text: str) -> list[str]:
    found = _selectors(text)
    if not found:  # an empty variable of a script, after which every run would be clean
        raise argparse.ArgumentTypeError("no rule is named")
    return found


def _named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("no file is named")
    return text


def _per_file_ignores(text: str) -> dict[str, list[str]]:
    """``PATTERN:RULE,RULE,PATTERN:RULE`` as a table."""
    found: dict[str, list[str]] = {}
    pattern = ""
    for item in _selectors(text):
        named, colon, rule = item.rpartition(":")
        pattern = named.strip() if colon else pattern
        if not pattern or not rule.strip():
            raise argparse.ArgumentTypeError(f"{item!r} is not PATTERN:RULE")
        found.setdefault(pattern, []).append(rule.strip())
    return found


class _Merge(argparse.Action):
    """Tables of lists that are given one after the other are one."""

    def __call__(self, parser: object, namespace: argparse.Namespace, values: Any, option: object = None) -> None:
        """Add the table `values` to what there is."""
        found = dict(getattr(namespace, self.dest) or {})
        for key, words in values.items():
            found[key] = [*found.get(key, ()), *words]
        setattr(namespace, self.dest, found)


def _jobs(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes")
    return int(text)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return found


#: What stands behind a number of bytes.
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def _size(text: str) -> int:
    """``4G`` in bytes."""
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    digits = number.rstrip("".join(_UNITS))
    unit = number[len(digits) :]
    if not digits.isdecimal() or unit not in _UNITS or not 0 < int(digits) << _UNITS[unit] < 1 << 62:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory, as 512M or 4G is")
    return int(digits) << _UNITS[unit]


class _Parser(argparse.ArgumentParser):
    """A parser of one command. Options are written in full, so that an option of a later version changes no script."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words, allow_abbrev=False, formatter_class=_formatter)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The arguments; where an option is not known, the message says which was meant."""
        found, strangers = self.parse_known_args(args, namespace)
        if strangers:
            from difflib import get_close_matches

            known = [name for name in self._option_string_actions if name.startswith("--")]
            word = strangers[0].partition("=")[0]
            close = get_close_matches(word, known, n=1) if word.startswith("--") else []
            hint = f"; did you mean {close[0]}?" if close else ""
            self.error(f"unrecognized arguments: {' '.join(strangers)}{hint}")
        return found


def _formatter(prog: str) -> argparse.HelpFormatter:
    """The formatter that argparse would make, but for the five modules that it imports to ask how wide a terminal is.
    It makes one at every start."""
    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size().columns
    except (OSError, ValueError):
        columns = 80
    return argparse.HelpFormatter(prog, width=max(columns, 20) - 2)


def _check_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint",
        usage="%(prog)s [check] [OPTIONS] [PATH ...]\n"
        "       %(prog)s config|explain|rules|reveal|trace|inspect|confirm|server|completion|clean ...",
        description="Follow the tensors of a PyTorch program without running it, and say where they go wrong.",
        epilog="other commands: config [FILE], explain CODE|NAME, rules, reveal FILE[:LINE], trace FILE[:LINE], "
        "inspect FILE[:CLASS], confirm FILE[:CLASS], server, completion SHELL, clean; each has a --help of its own. "
        "Exit status: 0 clean, 1 findings, 2 errors.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders (default: .), or - for standard input"
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="print the version, that of the parser and Python's"
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output-format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)}; default: full on a terminal, else concise",
    )
    output.add_argument(
        "--output-file",
        type=_named,
        metavar="FILE",
        help="write the findings there, without colours; the rest goes on as usual",
    )
    output.add_argument("--show-files", action="store_true", help="print the files that would be linted, and no more")
    output.add_argument("--watch", action="store_true", help="lint again whenever something changes, until Ctrl-C")
    output.add_argument("--statistics", action="store_true", help="say on standard error what could be followed")
    output.add_argument("-q", "--quiet", action="store_true", help="print findings and errors only")
    output.add_argument("--exit-zero", action="store_true", help="exit with 0 although there are findings")
    _add_colour(output)
    _add_fixes(parser)
    _add_rules_dir(_add_selection(parser))
    _add_accepting(parser)
    _add_confirming(parser)
    files = _add_files(parser)
    files.add_argument("--stdin-filename", metavar="FILE", help="the name of the file that standard input holds")
    _add_configuration(parser)
    speed = parser.add_argument_group("speed")
    speed.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        metavar="N",
        default=0,
        help="processes that may work; default: one a processor",
    )
    speed.add_argument("--no-cache", action="store_true", help="neither use what earlier runs found nor keep anything")
    _add_cache_dir(speed)
    return parser


def _config_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint config",
        description="Print the settings in force for a file or folder, and where each was given.",
    )
    parser.add_argument("path", nargs="?", default=".", metavar="FILE", help="default: the working folder")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of a configuration instead")
    parser.add_argument(
        "--output-format", dest="layout", choices=("text", "json"), default="text", help="default: text"
    )
    _add_selection(parser)
    _add_files(parser)
    _add_configuration(parser)
    return parser


def _add_fixes(parser: argparse.ArgumentParser) -> None:
    fixes = parser.add_argument_group("fixes (of each finding the first that its rule offers)")
    for flag, words in (
        ("--fix", "mend what has a safe fix, and report the rest"),
        ("--unsafe-fixes", "take unsafe fixes too, which may need a change elsewhere, or your judgement"),
        ("--fix-only", "mend, and report nothing of the rest"),
    ):
        name = flag[2:].replace("-", "_")
        fixes.add_argument(flag, action="store_true", default=None, help=words)
        fixes.add_argument(f"--no-{flag[2:]}", dest=name, action="store_false", help=argparse.SUPPRESS)
    fixes.add_argument("--diff", action="store_true", help="write nothing, and print what would change")
    fixes.add_argument("--exit-non-zero-on-fix", action="store_true", help="exit with 1 if anything was mended")


def _explain_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="torchlint explain", description="Print the page of a rule.")
    parser.add_argument(
        "rule", metavar="CODE|NAME", help="such as TL101 or bce-on-logits; `torchlint rules` lists them"
    )
    _add_rules_dir(parser)
    _add_colour(parser)
    return parser


def _rules_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="torchlint rules", description="List all rules.")
    _add_rules_dir(parser)
    return parser


def _reveal_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint reveal", description="Print what is known of the values in a file, or in one line of it."
    )
    parser.add_argument("target", metavar="FILE[:LINE]", help="in a notebook also FILE:cell N or FILE:cell N:LINE")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="further files or folders, such as those that call it")
    return parser


def _trace_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint trace",
        description="Print the way of the data through a file, or through one line of it, from where it begins to the "
        "losses, models and pictures it ends in, with type, shape, layout and range at each stage.",
    )
    parser.add_argument("target", metavar="FILE[:LINE]", help="in a notebook also FILE:cell N or FILE:cell N:LINE")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="further files or folders, such as those that call it")
    parser.add_argument("--whole", action="store_true", help="show moves to another device or place in memory too")
    _add_colour(parser)
    return parser


def _confirm_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint confirm",
        description="Run the models of a file, which runs code of the project in isolated processes, and print what is "
        "seen of their layers, outputs, parameters and gradients.",
        epilog="Exit status: 0 all models ran, 1 one could not be built or run, 2 nothing was run.",
    )
    parser.add_argument(
        "target", metavar="FILE[:CLASS]", help="without a class, every model of the file that is not a part of another"
    )
    _add_model(parser, "default: found by trying")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help="the first of three seeds (default: 0)")
    parser.add_argument("--train", action="store_true", help="run in train mode, not in eval mode")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output-format", dest="layout", choices=("table", "json", "html"), default="table", help="default: table"
    )
    output.add_argument("--output-file", type=_named, metavar="FILE", help="write it there")
    _add_colour(output)
    runs = parser.add_argument_group("how it is run")
    _add_running(runs, cpu="a model (default: 60)")
    return parser


def _inspect_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint inspect",
        description="Print a model layer by layer: what each layer gives, holds and sees, found without running it.",
        epilog="Exit status: 0 all of it was followed, 1 something was not, 2 there was nothing to look at.",
    )
    parser.add_argument(
        "target",
        metavar="FILE[:CLASS]",
        help="without one, every model of the file that is not a part of another; a function that makes one will do",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="further files or folders, such as those that make it")
    _add_model(parser, "default: what the program gives it, else what its first layer takes")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output-format", dest="layout", choices=("table", "json", "html", "svg"), default="table",
        help="default: table",
    )  # fmt: skip
    output.add_argument("--output-file", type=_named, metavar="FILE", help="write it there")
    _add_colour(output)
    return parser


def _add_model(parser: argparse.ArgumentParser, default: str) -> None:
    """How a model is made, and what it is given."""
    parser.add_argument(
        "--input",
        dest="inputs",
        type=_shape,
        action="append",
        default=[],
        metavar="SIZES[:DTYPE]",
        help="the shape of what forward takes, such as 2,3,224,224 or 2,16:int64; once for each of its arguments; "
        + default,
    )
    parser.add_argument(
        "--args",
        dest="constants",
        type=_constants,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="constants that the constructor is called with, such as in_channels=3, separated by commas; needs a CLASS "
        "if the file has several models",
    )


def _shape(text: str) -> tuple[tuple[int, ...], str | None]:
    """``2,3,224,224`` or ``2,16:int64``: sizes, and a dtype or none."""
    sizes, colon, dtype = text.partition(":")
    parts = [part.strip() for part in sizes.split(",")]
    dtype = dtype.strip().removeprefix("torch.")
    wrong = not all(part.isdecimal() and part.isascii() and len(part) < 10 for part in parts)
    if wrong or len(parts) > 16 or (colon and dtype not in _DTYPES):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape, as 2,3,224,224 or 2,16:int64 is")
    return tuple(map(int, parts)), dtype or None


#: What `--input` may name.
_DTYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool", "complex64")


def _constants(text: str) -> dict[str, str]:
    """``in_channels=3, sizes=(2, 4)`` as Python text by name."""
    import ast

    try:
        call = ast.parse(f"f({text}\n)", mode="eval").body
        assert isinstance(call, ast.Call) and not call.args and call.keywords
        found = {str(one.arg): ast.unparse(one.value) for one in call.keywords if one.arg}
        for one in call.keywords:
            ast.literal_eval(one.value)
        assert len(found) == len(call.keywords)
    except (SyntaxError, ValueError, TypeError, AssertionError, RecursionError, MemoryError):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with a constant") from None
    return found


def _seed(text: str) -> int:
    if not (text.isdecimal() and text.isascii()) or int(text) >= 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed")
    return int(text)


def _add_selection(parser: argparse.ArgumentParser) -> Options:
    chosen = parser.add_argument_group("rules (codes, prefixes of codes, names, or ALL; separated by commas)")
    for flag, words in (
        ("--select", "run these only"),
        ("--extend-select", "run these too, such as those that are off by default"),
        ("--ignore", "do not run these"),
        ("--extend-ignore", "do not run these, beside what a configuration ignores; as --ignore"),
    ):
        kind = _some_selectors if flag == "--select" else _selectors
        chosen.add_argument(flag, type=kind, action="extend", metavar="RULES", help=words)
    chosen.add_argument(
        "--per-file-ignores",
        type=_per_file_ignores,
        action=_Merge,
        metavar="PATTERN:RULES",
        help="do not run these in files that match (after !: do not match) a pattern; separated by commas",
    )
    chosen.add_argument(
        "--severity", choices=("error", "warning", "info"), help="the least severity that is shown (default: info)"
    )
    return chosen


def _add_files(parser: argparse.ArgumentParser) -> Options:
    files = parser.add_argument_group("files")
    for flag, words in (
        ("--exclude", "pass over what matches, as in .gitignore, instead of .git, .venv, build and the like"),
        ("--extend-exclude", "pass over this too"),
    ):
        files.add_argument(flag, type=_selectors, action="extend", metavar="PATTERNS", help=words)
    files.add_argument(
        "--force-exclude",
        action=argparse.BooleanOptionalAction,
        help="apply exclusions to paths that are named explicitly too",
    )
    files.add_argument(
        "--respect-gitignore",
        action=argparse.BooleanOptionalAction,
        help="pass over files that git ignores (default)",
    )
    files.add_argument(
        "--markdown",
        action=argparse.BooleanOptionalAction,
        help="lint Python in the fences of Markdown files too",
    )
    files.add_argument("--baseline", metavar="FILE", help="pass over the findings that this file lists")
    return files


def _add_accepting(parser: argparse.ArgumentParser) -> None:
    accepting = parser.add_argument_group("taking findings as they are (nothing is printed but how many)")
    accepting.add_argument(
        "--write-baseline",
        type=_named,
        metavar="FILE",
        help="list all findings in this file, to be passed over with --baseline",
    )
    accepting.add_argument("--add-noqa", action="store_true", help="add a noqa comment to every line with a finding")


def _add_confirming(parser: argparse.ArgumentParser) -> None:
    runs = parser.add_argument_group("confirming findings by running models, which runs code of the project")
    runs.add_argument(
        "--confirm",
        dest="confirming",
        action=argparse.BooleanOptionalAction,
        help="build the models that findings are about, in isolated processes, and say what a run shows",
    )
    _add_running(runs, cpu="a finding (default: 10)")
    runs.add_argument(
        "--confirm-select", type=_some_selectors, action="extend", metavar="RULES", help="the findings of these only"
    )
    runs.add_argument(
        "--confirm-trust-refuted",
        action="store_true",
        help="findings that are refuted by proof, or at every size, do not count for the exit status",
    )
    runs.add_argument(
        "--confirm-explain",
        action="store_true",
        help="print what would be run for each finding, and run nothing",
    )


def _add_running(runs: argparse._ArgumentGroup, cpu: str) -> None:
    """How models are run; `cpu`: what the processor time is for."""
    runs.add_argument(
        "--confirm-python",
        type=_named,
        metavar="PATH",
        help="the Python that has the project's torch; default: that of the active environment, else torchlint's own",
    )
    runs.add_argument(
        "--confirm-isolation",
        choices=("strong", "basic"),
        help="the least isolation with which anything is run (default: strong)",
    )
    runs.add_argument("--confirm-cpu", type=_seconds, metavar="SECONDS", help=f"processor time {cpu}")
    runs.add_argument("--confirm-memory", type=_size, metavar="SIZE", help="memory of a process (default: 4G)")


def _add_configuration(parser: argparse.ArgumentParser) -> Options:
    settings = parser.add_argument_group("configuration")
    settings.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE|KEY=VALUE",
        help="a configuration file to use for everything, or one setting in TOML; may be repeated",
    )
    settings.add_argument("--isolated", action="store_true", help="ignore configuration files that are not named")
    return settings


def _completion_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint completion", description="Print a script that completes commands, options and rules in a shell."
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell that is to read the script")
    return parser


def _server_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchlint server",
        description="A language server: editors start it, and speak to it over standard input and output.",
    )
    parser.add_argument(
        "--stdio", action="store_true", help="speak over standard input and output; this is the default"
    )
    parser.add_argument("--tcp", type=_port, metavar="PORT", help="wait on this port of this machine for one client")
    parser.add_argument(
        "--log-level",
        choices=("error", "warning", "info", "debug"),
        default="warning",
        help="what is written to standard error; default: %(default)s",
    )
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a whole number from 1 to 65535")
    return int(text)


def _clean_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="torchlint clean", description="Remove what earlier runs have kept.")
    _add_cache_dir(parser)
    return parser


Options = argparse.ArgumentParser | argparse._ArgumentGroup


def _add_colour(parser: Options) -> None:
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="colours; default: auto, on a terminal"
    )


def _add_cache_dir(parser: Options) -> None:
    parser.add_argument(
        "--cache-dir", metavar="FOLDER", help="where to keep what is found; default: the user's cache folder"
    )


def _add_rules_dir(parser: Options) -> None:
    parser.add_argument(
        "--rules-dir",
        action="append",
        default=[],
        metavar="FOLDER",
        help="a folder with rules of your own, whose Python files are run; may be repeated",
    )


PARSERS = {
    "check": _check_parser,
    "config": _config_parser,
    "explain": _explain_parser,
    "rules": _rules_parser,
    "reveal": _reveal_parser,
    "trace": _trace_parser,
    "confirm": _confirm_parser,
    "inspect": _inspect_parser,
    "server": _server_parser,
    "completion": _completion_parser,
    "clean": _clean_parser,
}
