"""``torchlint completion SHELL``: a script that teaches a shell the commands, options, formats and rules.

What an option takes is told by its `metavar`, so that a new option needs nothing here. The codes and names of rules
are written into the script; they may be lists, separated by commas.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

from torchlint.engine import registry
from torchlint.engine.builtin import BUILTINS

FILES = {"PATH", "FILE", "FILE[:LINE]", "FILE[:CLASS]", "FILE|KEY=VALUE"}
FOLDERS = {"FOLDER"}
RULES, ONE_RULE = "RULES", "CODE|NAME"


#: What stands behind shtab's functions in zsh; where no command is written, `check` is put before the second word.
_ZSH = """\
_torchlint_rules() {
  _values -s , rule RULES
}
functions[_torchlint_commands]=$functions[_shtab_torchlint_commands]
_shtab_torchlint_commands() {
  _torchlint_commands
  _files
}
functions[_torchlint_words]=$functions[_shtab_torchlint]
_shtab_torchlint() {
  local -a commands=(COMMANDS)
  if (( CURRENT > 2 && ! ${commands[(Ie)$words[2]]} )); then
    words=($words[1] check "${(@)words[2,-1]}")
    (( CURRENT += 1 ))
  fi
  _torchlint_words "$@"
}"""


def completion(arguments: argparse.Namespace) -> int:
    """Print the script for a shell."""
    import shtab

    rules = registry.load().rules
    words = [*(one.code for one in BUILTINS), *(one.code for one in rules)]
    words += [*(one.name for one in BUILTINS), *(one.name for one in rules)]
    parser = _parser(arguments.shell, words)
    script = shtab.complete(parser, arguments.shell, preamble=_preamble(arguments.shell, words))
    if arguments.shell == "zsh":
        script = script.replace('"(*)::', '"*:')  # several paths, each completed
    sys.stdout.write(script + "\n")
    return 0


def _parser(shell: str, rules: list[str]) -> argparse.ArgumentParser:
    """One parser for all commands, as far as a shell has to know them.

    `check` need not be written, so the first word may be a command or a path; the preamble sees to that in zsh.
    """
    from torchlint.frontends.options import PARSERS

    parser = PARSERS["check"]()
    _mark(parser, rules)
    for action in [action for action in parser._actions if action.metavar == "PATH"]:
        if shell == "zsh":
            parser._remove_action(action)
        action.complete = {**_complete("PATH"), "bash": "_torchlint_files"}  # type: ignore[attr-defined]
    commands = parser.add_subparsers()
    for name, make in PARSERS.items():
        own = make()
        _mark(own, rules)
        commands.add_parser(name, parents=[own], add_help=False, help=(own.description or "").split(",")[0])
    return parser


def _mark(parser: argparse.ArgumentParser, rules: list[str]) -> None:
    """Tell shtab what the arguments of a parser take."""
    for action in parser._actions:
        if action.metavar == ONE_RULE:
            action.choices = rules
        elif complete := _complete(str(action.metavar)):
            action.complete = complete  # type: ignore[attr-defined]


def _complete(metavar: str) -> Mapping[str, object]:
    """What completes an argument, by shell; nothing if it is not known."""
    import shtab

    if metavar in FILES:
        return shtab.FILE
    if metavar in FOLDERS:
        return shtab.DIRECTORY
    if metavar == RULES:
        return {
            "bash": "_torchlint_rules",
            "zsh": "_torchlint_rules",
            "fish": "(__fish_complete_list , _torchlint_rules)",
        }
    return {}


def _preamble(shell: str, rules: list[str]) -> str:
    """What the completions above call: lists of rules, and what the first word may be, a command or a file."""
    from torchlint.frontends.options import PARSERS

    listed = " ".join(["ALL", *rules])
    commands = " ".join(PARSERS)
    if shell == "bash":
        return (
            f'_torchlint_rules() {{\n  local before=""\n  [[ $1 == *,* ]] && before="${{1%,*}},"\n'
            f'  compgen -P "$before" -W "{listed}" -- "${{1##*,}}"\n}}\n'
            f'_torchlint_files() {{\n  compgen -W "{commands}" -- "$1"\n  compgen -f -- "$1"\n}}'
        )
    if shell == "zsh":
        return _ZSH.replace("RULES", listed).replace("COMMANDS", commands)
    return f"function _torchlint_rules\n  printf '%s\\n' {listed}\nend"
