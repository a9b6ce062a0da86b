"""Where a new import goes, and whether it is there already.

Worked example: in ``import os\\n\\nx = 1\\n`` a new import is inserted before row 2, below ``import os``.
"""

from __future__ import annotations

from torchlint.syntax import ir
from torchlint.syntax.lower import read
from torchlint.syntax.positions import locate
from torchlint.syntax.tree import SyntaxProblem


def imported(text: str, module: str, name: str) -> bool:
    """Whether the file's top level says ``from module import name`` (or ``*``), without another name for it.

    An empty `module` asks for ``import name``.
    """
    found = read(text)
    if isinstance(found, SyntaxProblem):
        return False
    if not module:
        plain = [one for node in found.body if isinstance(node, ir.Import) for one in node.names]
        return any(one.name.split(".")[0] == name and one.alias in (None, name) for one in plain)
    return any(
        not node.names or any(one.name == name and one.alias in (None, name) for one in node.names)
        for node in found.body
        if isinstance(node, ir.ImportFrom) and node.module == module and node.level == 0
    )


def insertion_row(text: str) -> int | None:
    """The row before which a new import goes: below the last import of the block that the file begins with.

    A file that begins with none gets it below its docstring. None if the file does not parse.
    """
    found = read(text)
    if isinstance(found, SyntaxProblem):
        return None
    last: ir.Stmt | None = None
    for index, node in enumerate(found.body):
        docstring = index == 0 and isinstance(node, ir.ExprStmt) and isinstance(node.value, ir.Const)
        if not docstring and not isinstance(node, (ir.Import, ir.ImportFrom)):
            break
        last = node
    if last is None:
        return 1
    spans = locate(text, [last.n], "")
    return spans[last.n].end.row + 1 if last.n in spans else None
