"""What the names of a file mean by its imports, how it may spell a library's name, and where a new import goes.

Worked example: in ``import torch.nn as nn\\n\\nx = 1\\n`` the name ``nn`` means ``torch.nn``, so ``torch.nn.Identity``
is spelled ``nn.Identity``; a new import is inserted before row 2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from torchlint.syntax import ir
from torchlint.syntax.lower import read
from torchlint.syntax.positions import locate
from torchlint.syntax.tree import SyntaxProblem

_HEAD = re.compile(r"#!|#.*coding[:=]")


class Names(msgspec.Struct, frozen=True):
    """The names of a file.

    imported: what a name means that imports bind and nothing else does; everywhere: those of them that the top level
    binds, which holds for the whole file. bound: names that something else binds, or imports that disagree.
    stars: the modules all of whose names were imported.
    """

    imported: Mapping[str, str]
    everywhere: Mapping[str, str]
    bound: frozenset[str]
    stars: frozenset[str]

    def meaning(self, dotted: str) -> str | None:
        """The full name of what a dotted name means; None if no import says it."""
        root, dot, rest = dotted.partition(".")
        full = self.imported.get(root)
        return None if full is None else full + dot + rest

    def free(self, root: str) -> bool:
        """Whether nothing in the file binds a name, unless an import of all names does."""
        return root not in self.imported and root not in self.bound

    def spelled(self, full: str) -> tuple[str, str] | None:
        """How the file may spell a full name, and the statement that it must import for that, empty if none.

        None where the name that would be needed means something else in the file.
        """
        module, _, last = full.rpartition(".")
        names = {meant: name for name, meant in reversed(list(self.everywhere.items()))}
        if full in names:
            return names[full], ""
        if module in names:
            return f"{names[module]}.{last}", ""
        if module in self.stars and self.free(last):
            return last, ""
        siblings = any(meant.rpartition(".")[0] == module for meant in names if "." in meant)
        if "." in module and siblings and self.free(last):
            return last, f"from {module} import {last}"
        prefix = module
        while "." in prefix:
            prefix = prefix.rpartition(".")[0]
            if prefix in names:
                return names[prefix] + full[len(prefix) :], ""
        if "." not in module:
            return (full, f"import {module}") if self.free(module) else None
        return (last, f"from {module} import {last}") if self.free(last) else None


def names(module: ir.Module) -> Names:
    """The names of a file."""
    imported: dict[str, str] = {}
    everywhere: dict[str, str] = {}
    bound: set[str] = set()
    stars: set[str] = set()
    for node, top in _nodes(module):
        if isinstance(node, ir.ImportFrom) and not node.names:
            stars.add(_source(node))
        elif isinstance(node, ir.Import | ir.ImportFrom):
            for name, meant in _imports(node):
                if imported.setdefault(name, meant) != meant:
                    bound.add(name)
                if top:
                    everywhere[name] = meant
        else:
            bound.update(_binds(node))
    for found in (imported, everywhere):
        for name in bound & found.keys():
            del found[name]
    return Names(imported, everywhere, frozenset(bound), frozenset(stars))


def _source(node: ir.ImportFrom) -> str:
    return "." * node.level + node.module


def _imports(node: ir.Import | ir.ImportFrom) -> Iterator[tuple[str, str]]:
    """Each name that a statement binds, and what it means."""
    for one in node.names:
        if isinstance(node, ir.ImportFrom):
            yield one.alias or one.name, f"{_source(node)}.{one.name}"
        elif one.alias is not None:
            yield one.alias, one.name
        else:
            root = one.name.partition(".")[0]
            yield root, root


def _nodes(module: ir.Module) -> Iterator[tuple[ir.Node, bool]]:
    """Every node of a file, and whether it stands outside functions and classes; methods' names bind nothing."""
    stack: list[tuple[object, bool]] = [(module.body, True)]
    while stack:
        one, top = stack.pop()
        if isinstance(one, list):
            stack.extend((item, top) for item in reversed(one))
        elif isinstance(one, ir.Node):
            yield one, top
            inside = top and not isinstance(one, ir.FunctionDef | ir.ClassDef | ir.Lambda | ir.Comp)
            for field in one.__struct_fields__:
                part = getattr(one, field)
                if isinstance(one, ir.ClassDef) and field == "body":
                    for method in (item for item in part if isinstance(item, ir.FunctionDef)):
                        stack.append(([method.params, method.body, method.decorators], False))
                    part = [item for item in part if not isinstance(item, ir.FunctionDef)]
                stack.append((part, inside))


def _binds(node: ir.Node) -> Iterator[str]:
    """The names that a node which is no import binds by itself."""
    match node:
        case ir.FunctionDef() | ir.ClassDef() | ir.Param():
            yield node.name
        case ir.Assign():
            for target in node.targets:
                yield from _targets(target)
        case ir.AnnAssign() | ir.AugAssign() | ir.For() | ir.Generator() | ir.Walrus():
            yield from _targets(node.target)
        case ir.WithItem() if node.target is not None:
            yield from _targets(node.target)
        case ir.Handler() | ir.CapturePattern() if node.name is not None:
            yield node.name
        case ir.OtherPattern():
            yield from node.names
        case _:
            return


def _targets(target: ir.Expr) -> Iterator[str]:
    if isinstance(target, ir.Name):
        yield target.name
    elif isinstance(target, ir.TupleExpr | ir.ListExpr):
        for item in target.items:
            yield from _targets(item)
    elif isinstance(target, ir.Starred):
        yield from _targets(target.value)


def insertion_row(text: str, module: ir.Module | None = None) -> int | None:
    """The row before which a new import goes: below the last import of the block that the file begins with.

    A file that begins with none gets it below its docstring, its ``#!`` line and the comment that names its encoding.
    None if the file does not parse. module: its IR, if it is known.
    """
    found = read(text) if module is None else module
    if isinstance(found, SyntaxProblem):
        return None
    last: ir.Stmt | None = None
    for index, node in enumerate(found.body):
        docstring = (
            index == 0
            and isinstance(node, ir.ExprStmt)
            and isinstance(node.value, ir.Const)
            and isinstance(node.value.value, str)
        )
        if not docstring and not isinstance(node, ir.Import | ir.ImportFrom):
            break
        last = node
    if last is None:
        head = re.split(r"\r\n|\r|\n", text, maxsplit=2)[:2]
        return 1 + sum(1 for line in head if _HEAD.match(line))
    spans = locate(text, [last.n], "", module)
    return spans[last.n].end.row + 1 if last.n in spans else None
