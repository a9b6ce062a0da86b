"""The options of every command, by group."""

from __future__ import annotations

import argparse
import sys

from torchlint.report.formats import FORMATS


class _Version(argparse.Action):
    """``--version``, whose text is put together only if it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from torchlint.frontends.version import version

        sys.stdout.write(version() + "\n")
        parser.exit()


def _selectors(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _jobs(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _check_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchlint",
        usage="%(prog)s [check] [OPTIONS] [PATH ...]\n       %(prog)s explain|rules|reveal|trace|completion ...",
        description="Follow the tensors of a PyTorch program without running it, and say where they go wrong.",
        epilog="other commands: explain CODE|NAME, rules, reveal FILE[:LINE], trace FILE[:LINE], completion SHELL; "
        "each has a --help of its own. Exit status: 0 clean, 1 findings, 2 errors.",
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
        "--output-file", metavar="FILE", help="write the findings there, without colours; the rest goes on as usual"
    )
    output.add_argument("--show-files", action="store_true", help="print the files that would be linted, and no more")
    output.add_argument("--watch", action="store_true", help="lint again whenever something changes, until Ctrl-C")
    output.add_argument("--statistics", action="store_true", help="say on standard error what could be followed")
    output.add_argument("-q", "--quiet", action="store_true", help="print findings and errors only")
    output.add_argument("--exit-zero", action="store_true", help="exit with 0 although there are findings")
    _add_colour(output)
    chosen = parser.add_argument_group("rules (codes, prefixes of codes, names, or ALL; separated by commas)")
    for flag, words in (
        ("--select", "run these only"),
        ("--extend-select", "run these too, such as those that are off by default"),
        ("--ignore", "do not run these"),
    ):
        chosen.add_argument(
            flag,
            type=_selectors,
            action="extend",
            metavar="RULES",
            default=None if flag == "--select" else [],
            help=words,
        )
    _add_rules_dir(chosen)
    files = parser.add_argument_group("files")
    files.add_argument(
        "--exclude",
        type=_selectors,
        action="extend",
        default=[],
        metavar="PATTERNS",
        help="pass over what matches, as in .gitignore; separated by commas",
    )
    files.add_argument(
        "--force-exclude", action="store_true", help="apply exclusions to paths that are named explicitly too"
    )
    files.add_argument(
        "--no-respect-gitignore",
        dest="respect_gitignore",
        action="store_false",
        help="lint files that git ignores too",
    )
    files.add_argument("--markdown", action="store_true", help="lint Python in the fences of Markdown files too")
    files.add_argument("--stdin-filename", metavar="FILE", help="the name of the file that standard input holds")
    settings = parser.add_argument_group("configuration")
    settings.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE|KEY=VALUE",
        help="a configuration file to use for everything, or one setting in TOML; may be repeated",
    )
    settings.add_argument("--isolated", action="store_true", help="ignore configuration files that are not named")
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
    speed.add_argument("--cache-dir", metavar="FOLDER", help="where to keep it; default: the user's cache folder")
    return parser


def _explain_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torchlint explain", description="Print the page of a rule.")
    parser.add_argument("rule", metavar="CODE|NAME")
    _add_rules_dir(parser)
    _add_colour(parser)
    return parser


def _rules_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torchlint rules", description="List all rules.")
    _add_rules_dir(parser)
    return parser


def _reveal_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchlint reveal", description="Print what is known of the values in a file, or in one line of it."
    )
    parser.add_argument("target", metavar="FILE[:LINE]")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="further files or folders, such as those that call it")
    return parser


def _trace_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchlint trace",
        description="Print the way of the data through a file, or through one line of it, from where it begins to the "
        "losses, models and pictures it ends in, with type, shape, layout and range at each stage.",
    )
    parser.add_argument("target", metavar="FILE[:LINE]")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="further files or folders, such as those that call it")
    parser.add_argument("--whole", action="store_true", help="show moves to another device or place in memory too")
    _add_colour(parser)
    return parser


def _completion_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchlint completion", description="Print a script that completes commands, options and rules in a shell."
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    return parser


Options = argparse.ArgumentParser | argparse._ArgumentGroup


def _add_colour(parser: Options) -> None:
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")


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
    "explain": _explain_parser,
    "rules": _rules_parser,
    "reveal": _reveal_parser,
    "trace": _trace_parser,
    "completion": _completion_parser,
}
