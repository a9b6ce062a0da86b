"""Values of expressions inside functions that are never called: frames.

A *frame* is one scope (a module, the body of a main guard, a function) up to a *site*, the place of an expression.
The value of the expression is had by running, of the statements before the site, the backward slice for its names;
branches around the site are taken, a loop around it is at its first turn. A parameter has the value that the first
caller found in the project passes (evaluated in the caller's frame, at most three calls up), else its default;
`self` is a `Self`, which answers for attributes by the assignments in the methods of its class.

Worked example: for the site `Net(args.width)` in

    def build(args):
        return Net(args.width)
    if __name__ == "__main__":
        args = parser.parse_args()
        build(args)

the frame of `build` finds the call in the guard, whose frame runs `args = parser.parse_args()`.
"""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterator, Sequence
from typing import Any

from loader import DroppedError, LoadError, Project, Runner, Source
from slicer import Piece, closure, free_names

DEEPEST_CALL = 4  # frames, the site's own included
MOST_CALLERS = 6


class UnknownValueError(Exception):
    """The value of a name is not known: a parameter without caller or default, an attribute never assigned."""

    def __init__(self, name: str, row: int | None = None) -> None:
        super().__init__(f"`{name}` is not known")
        self.name, self.row = name, row


Function = (ast.FunctionDef, ast.AsyncFunctionDef)


class Frame:
    """The scope around a site, up to it."""

    def __init__(self, project: Project, source: Source, site: ast.AST, depth: int = 0) -> None:
        self.project, self.source, self.site, self.depth = project, source, site, depth
        self.scope = scope_of(source, site)
        self.space: dict[str, Any] = {}
        self.runner = Runner(project, source, self.space)
        self.runner.fallback = self._outer
        self.pieces = self._prefix()
        self._ran: set[int] = set()
        self._parameters: dict[str, Any] = {}
        self._looking: set[str] = set()
        self._own = frozenset(name for piece in self.pieces for name in piece.touches)
        self._outer_frame: Frame | None = None

    def _prefix(self) -> list[Piece]:
        """The pieces before the site, at every level of blocks around it within the scope."""
        inner: ast.AST = self.site
        levels: list[list[Piece]] = []
        while inner is not self.scope:
            outer = self.source.parents[inner]
            level = self._entered(outer) if outer is not self.scope else []
            for block in blocks_of(outer):
                if inner in block:
                    before = block[: block.index(inner)]
                    level += [self.source.purifier.piece(one) for one in before]
            levels.append(level)
            inner = outer
        return [piece for level in reversed(levels) for piece in level]

    def _entered(self, node: ast.AST) -> list[Piece]:
        """What entering a compound statement binds."""
        if isinstance(node, (ast.For, ast.AsyncFor)):
            call = ast.Call(ast.Name("iter", ast.Load()), [node.iter], [])
            first = ast.Assign([node.target], ast.Call(ast.Name("next", ast.Load()), [call], []))
            return [self.source.purifier.piece(ast.fix_missing_locations(ast.copy_location(first, node)))]
        if isinstance(node, ast.With):
            found = []
            for item in node.items:
                if item.optional_vars is not None:
                    bind = ast.Assign([item.optional_vars], item.context_expr)
                    found.append(self.source.purifier.piece(ast.fix_missing_locations(ast.copy_location(bind, node))))
            return found
        return []

    def give(self, name: str, value: Any) -> None:
        """Binds a name to a value from elsewhere, in place of the statements that touch it."""
        self.pieces = [piece for piece in self.pieces if name not in piece.touches]
        self._own -= {name}
        self.space[name] = value

    def slice(self, names: frozenset[str]) -> list[Piece]:
        """The pieces of this frame that the names depend on."""
        return closure(self.pieces, names)

    def value(self, node: ast.expr) -> Any:
        """The value of an expression at the site; raises whatever evaluating raises."""
        self.run_for(free_names(node))
        return eval(self.source.compile_expression(node), self.space)

    def run_for(self, names: frozenset[str]) -> None:
        """Runs what the names depend on, in order; a piece is run once."""
        chosen = [piece for piece in self.slice(names) if not self._of_module(piece)]
        if any(id(piece) not in self._ran for piece in chosen) and self._ran:
            # an earlier slice may have run later statements: start afresh to keep the order of the file
            self._ran.clear()
            for name in self._own:
                self.space.pop(name, None)
                self.runner.dropped.pop(name, None)
        for piece in chosen:
            if id(piece) not in self._ran:
                self._ran.add(id(piece))
                self.runner.run(piece)

    def _of_module(self, piece: Piece) -> bool:
        """Whether the module itself runs the piece: its imports and definitions."""
        return piece.kind in ("import", "definition") and piece.original in self.source.tree.body

    def _outer(self, name: str) -> Any:
        """A name that no statement of the frame binds: a parameter, or a name of a scope around."""
        if isinstance(self.scope, Function) and name in parameters_of(self.scope):
            return self.parameter(name)
        if isinstance(self.scope, Function):
            around = scope_of(self.source, self.scope)
            if isinstance(around, Function):
                if self._outer_frame is None:
                    self._outer_frame = Frame(self.project, self.source, self.scope, self.depth)
                frame = self._outer_frame
                if name in frame._own or name in parameters_of(around):
                    frame.run_for(frozenset([name]))
                    return frame.space[name] if name in frame.space else frame.runner.lookup(name)
        runner = self.project.runner(self.source.path)
        if name in runner.space:
            return runner.space[name]
        try:
            return runner.lookup(name)
        except KeyError:
            guard = self._from_guard(name)
            if guard is not None:
                return guard[0]
            raise

    def _from_guard(self, name: str) -> tuple[Any] | None:
        """A global bound under the main guard only, as scripts do: `args` read by functions."""
        if not isinstance(self.scope, Function) or self.depth >= DEEPEST_CALL:
            return None
        for node in self.source.tree.body:
            if isinstance(node, ast.If) and any(
                isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(node.test)
            ):
                end = ast.copy_location(ast.Pass(), node.body[-1])
                node.body.append(end)
                self.source.parents[end] = node
                try:
                    frame = Frame(self.project, self.source, end, self.depth + 1)
                finally:
                    node.body.remove(end)
                if name in frame._own:
                    frame.run_for(frozenset([name]))
                    if name in frame.space:
                        return (frame.space[name],)
        return None

    def parameter(self, name: str) -> Any:
        """The value of a parameter of this frame's function; UnknownValueError when nothing gives one."""
        if name in self._parameters:
            return self._parameters[name]
        if name in self._looking:
            raise UnknownValueError(name)
        self._looking.add(name)
        try:
            self._parameters[name] = self._find_parameter(name)
        finally:
            self._looking.discard(name)
        return self._parameters[name]

    def _find_parameter(self, name: str) -> Any:
        function = self.scope
        assert isinstance(function, Function)
        parent = self.source.parents[function]
        names = parameters_of(function)
        if isinstance(parent, ast.ClassDef) and names and name == names[0] and not _is_static(function):
            if any(isinstance(one, ast.Name) and one.id == "classmethod" for one in function.decorator_list):
                return self.project.runner(self.source.path).space[parent.name]
            return Self(self.project, self.source, parent, self.depth)
        passed = False
        if self.depth < DEEPEST_CALL:
            target = parent.name if isinstance(parent, ast.ClassDef) and function.name == "__init__" else function.name
            skip = 1 if isinstance(parent, ast.ClassDef) and not _is_static(function) else 0
            method = isinstance(parent, ast.ClassDef) and function.name != "__init__"
            for number, (source, call) in enumerate(call_sites(self.project, self.source.path, target, method)):
                if number >= MOST_CALLERS:
                    break
                if any(node is function for node in _around(source, call)):
                    continue  # a recursive call says nothing about the first
                argument = argument_of(function, call, name, skip)
                if argument is None:
                    unpacked = any(isinstance(one, ast.Starred) for one in call.args)
                    if unpacked or any(keyword.arg is None for keyword in call.keywords):
                        passed = True
                        continue
                    break  # this caller leaves the default
                passed = True
                try:
                    return Frame(self.project, source, call, self.depth + 1).value(argument)
                except Exception:
                    continue
            else:
                if passed:  # what callers pass is not known: the default is not what they get
                    raise UnknownValueError(name, function.lineno)
        default = default_of(function, name)
        if default is not None:
            return eval(self.source.compile_expression(default), self.project.runner(self.source.path).space)
        if function.args.vararg is not None and function.args.vararg.arg == name:
            return ()
        if function.args.kwarg is not None and function.args.kwarg.arg == name:
            return {}
        raise UnknownValueError(name, function.lineno)


class Self:
    """Stands for an instance that was not made: attributes are found where the class's methods assign them."""

    def __init__(self, project: Project, source: Source, node: ast.ClassDef, depth: int) -> None:
        object.__setattr__(self, "_torchlint", (project, source, node, depth, set()))

    def __getattr__(self, name: str) -> Any:
        project, source, node, depth, looking = object.__getattribute__(self, "_torchlint")
        if name.startswith("__") or name in looking or depth > DEEPEST_CALL:
            raise AttributeError(name)
        looking.add(name)
        try:
            for value in _assigned(node, name):
                try:
                    found = Frame(project, source, value, depth + 1).value(value)
                except Exception:
                    continue
                object.__setattr__(self, name, found)
                return found
            runner = project.runner(source.path)
            cls = runner.space.get(node.name)
            inner = getattr(cls, name)
            return types.MethodType(inner, self) if isinstance(inner, types.FunctionType) else inner
        finally:
            looking.discard(name)


def _assigned(node: ast.ClassDef, name: str) -> Iterator[ast.expr]:
    """What the methods assign to `self.<name>`, `__init__` first."""
    methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    for method in sorted(methods, key=lambda one: one.name != "__init__"):
        for inner in ast.walk(method):
            targets = inner.targets if isinstance(inner, ast.Assign) else []
            if isinstance(inner, ast.AnnAssign):
                targets = [inner.target]
            for target in targets:
                if (
                    isinstance(target, ast.Attribute)
                    and target.attr == name
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                    and isinstance(inner, (ast.Assign, ast.AnnAssign))
                    and inner.value is not None
                ):
                    yield inner.value


def blocks_of(node: ast.AST) -> Iterator[list[Any]]:
    """The lists of statements of a compound statement, its handlers' included."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def scope_of(source: Source, node: ast.AST) -> ast.AST:
    """The function or module whose statements are around the node (a class body belongs to the scope around it)."""
    here = source.parents.get(node)
    while here is not None and not isinstance(here, (*Function, ast.Module)):
        here = source.parents.get(here)
    return here if here is not None else source.tree


def _around(source: Source, node: ast.AST) -> Iterator[ast.AST]:
    here: ast.AST | None = node
    while here is not None:
        yield here
        here = source.parents.get(here)


def parameters_of(function: ast.AST) -> list[str]:
    """The names of all parameters, in order."""
    assert isinstance(function, Function)
    arguments = function.args
    named = [one.arg for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
    return named + [one.arg for one in (arguments.vararg, arguments.kwarg) if one is not None]


def _is_static(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)


def default_of(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> ast.expr | None:
    """The expression of a parameter's default."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    for parameter, default in zip(reversed(positional), reversed(arguments.defaults)):
        if parameter.arg == name:
            return default
    for parameter, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if parameter.arg == name:
            return keyword_default
    return None


def argument_of(
    function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, name: str, skip: int
) -> ast.expr | None:
    """The expression that a call passes for the parameter; None when it passes none, or by `*`/`**`."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    positional = [one.arg for one in [*function.args.posonlyargs, *function.args.args]][skip:]
    if name not in positional:
        return None
    position = positional.index(name)
    if any(isinstance(one, ast.Starred) for one in call.args[: position + 1]) or position >= len(call.args):
        return None
    return call.args[position]


def call_sites(
    project: Project, path: str, name: str, method: bool = False, most: int = 40
) -> Iterator[tuple[Source, ast.Call]]:
    """Calls of a function or class of the file, in that file first, then in files that import it.

    A method is looked for by its name alone.
    """
    others = [one for one in project.paths() if one != path]
    word = re.compile(rf"\b{re.escape(name)}\(")
    folders = [part for part in path.removesuffix(".py").split("/") if part != "__init__"][-3:]
    found = 0
    for one in [path, *others]:
        try:
            text = project.text(one)
            if f"{name}(" not in text and (one != path or "cls(" not in text):
                continue
            if not word.search(text) and "cls(" not in text:
                continue
            if (
                one != path
                and not any(part in text for part in folders)
                and "import *" not in text
                and "from ." not in text
            ):
                continue
            source = project.source(one)
        except LoadError:
            continue
        calls = [node for node in source.parents if isinstance(node, ast.Call) and _called(node) == name]
        if one == path and name in source.classes:  # `return cls(...)` in a class method
            own = [node for node in ast.walk(source.classes[name]) if isinstance(node, ast.Call)]
            by_cls = [node for node in own if isinstance(node.func, ast.Name) and node.func.id == "cls"]
        else:
            by_cls = []
        for call in sorted(
            [*calls, *by_cls], key=lambda node: (_inside_class(source, node), node.lineno, node.col_offset)
        ):
            if not method and call not in by_cls and not _means(project, source, call, path, name):
                continue
            yield source, call
            found += 1
            if found >= most:
                return


def _inside_class(source: Source, node: ast.AST) -> bool:
    return any(isinstance(one, ast.ClassDef) for one in _around(source, node))


def _called(call: ast.Call) -> str | None:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else None


def _means(project: Project, source: Source, call: ast.Call, path: str, name: str) -> bool:
    """Whether the called name is the one defined in the file of that path."""
    if isinstance(call.func, ast.Name):
        return project.definition(source.path, name) == (path, name)
    assert isinstance(call.func, ast.Attribute)
    value = call.func.value
    parts: list[str] = []
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    if not isinstance(value, ast.Name) or value.id not in source.imports:
        return False
    target, inner = source.imports[value.id]
    if inner is not None:
        return False
    for part in reversed(parts):
        below = project.resolve(target, part, 1)
        if below is None:
            return False
        target = below
    return not target.endswith("/") and project.definition(target, name) == (path, name)


def calls_at(source: Source, row: int, column: int | None) -> list[ast.Call]:
    """The calls that start at a place (1-based row and column), the innermost first."""
    found = [node for node in source.parents if isinstance(node, ast.Call) and node.lineno == row]
    if column is not None:
        exact = [node for node in found if node.col_offset == column - 1]
        found = exact or found
    return sorted(found, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))


def following(source: Source, node: ast.AST) -> Sequence[ast.stmt]:
    """The statements after the one that holds the node, at every level of blocks within its scope."""
    scope = scope_of(source, node)
    found: list[ast.stmt] = []
    inner = node
    while inner is not scope:
        outer = source.parents[inner]
        for block in blocks_of(outer):
            if inner in block:
                found += block[block.index(inner) + 1 :]
        if isinstance(outer, (ast.For, ast.While, ast.ClassDef)):
            break
        inner = outer
    return found


__all__ = ["DroppedError", "Frame", "Self", "UnknownValueError", "call_sites", "calls_at", "following"]
