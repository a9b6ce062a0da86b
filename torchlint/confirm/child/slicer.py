"""What of a file is run to get at the values it binds: purifying, and the backward slice.

A *piece* is one statement of a block as it would be run: itself, itself with parts taken out, or nothing. Statements
that only bind names (imports, definitions, assignments whose calls are all allowed, see `allowed`) are kept, and so
are `if`, `try` and `for` around them; training loops, prints, downloads and the main guard are not. A piece knows
which names it binds, changes, reads, and which it *spoils*: those that the dropped statement would have bound or
changed. Where a spoiled name matters, the kept code says so by calling `UNBIND`, which takes the name away, so that
whatever reads it afterwards fails instead of going on with an older value.

The *slice* for some names is every piece that binds, changes or spoils one of them or a name which such a piece
reads. Nodes keep their positions: a traceback through a slice shows lines of the file.

Worked example, for the names `{"net"}`:

    import torch.nn as nn          kept: `net` needs `nn`
    width = 8                      kept
    log = open("log.txt", "w")     dropped, spoils `log`: not in the slice
    net = nn.Linear(width, 2)      kept
    train(net)                     dropped
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from allowed import HARMLESS_METHODS, METHODS, MUTATORS, Judge, dotted, words

UNBIND = "__torchlint_unbind__"  # called as UNBIND(("name", ...), row) where a statement was dropped

CHEAP = words(
    """
    argparse typing typing_extensions collections functools itertools dataclasses enum operator math os re
    string pathlib numbers copy torch.device torch.cuda torch.Size torch.float32 torch.float torch.tensor
    torch.FloatTensor platform sys logging contextlib warnings json
    """
)


@dataclass
class Piece:
    """One statement of a block: as written, and as it is run (`kept`, None when nothing of it is)."""

    original: ast.stmt
    kept: ast.stmt | None
    kind: str  # "import", "definition", "value" (cheap to run), "construction" (runs code of unknown cost)
    binds: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    spoils: frozenset[str] = frozenset()
    _reads: frozenset[str] | None = field(default=None, repr=False)

    @property
    def reads(self) -> frozenset[str]:
        """The names that running the kept statement, or calling what it defines, looks up outside of it."""
        if self._reads is None:
            self._reads = free_names(self.kept) if self.kept is not None else frozenset()
        return self._reads

    @property
    def touches(self) -> frozenset[str]:
        """Names whose value is another one after the statement."""
        return self.binds | self.changes | self.spoils


def free_names(node: ast.AST) -> frozenset[str]:
    """The names a statement or an expression looks up in the scopes around it, functions in it included."""
    try:
        text = ast.unparse(node)
    except (ValueError, RecursionError):
        return frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
    return _free_names_of_text(text)


@lru_cache(maxsize=4096)
def _free_names_of_text(text: str) -> frozenset[str]:
    try:
        table = symtable.symtable(text, "<slice>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    todo = list(table.get_children())
    while todo:
        inner = todo.pop()
        names |= {s.get_name() for s in inner.get_symbols() if s.is_global() and s.is_referenced()}
        todo.extend(inner.get_children())
    return frozenset(names)


def bound_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The names that the statements bind in their own scope; `*` for a star import."""
    names: set[str] = set()
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                whole = alias.asname or alias.name
                names.add(whole if isinstance(node, ast.ImportFrom) else alias.asname or alias.name.split(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        todo.extend(ast.iter_child_nodes(node))
    return frozenset(names)


def root_name(node: ast.AST) -> str | None:
    """`model` for `model.layers[0].weight`; None where no name stands at the root."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _changed_by_targets(targets: Iterable[ast.expr]) -> frozenset[str]:
    names: set[str] = set()
    for target in targets:
        for inner in ast.walk(target):
            if isinstance(inner, (ast.Attribute, ast.Subscript)) and isinstance(inner.ctx, ast.Store):
                name = root_name(inner)
                if name is not None:
                    names.add(name)
    return frozenset(names)


def is_main_guard(node: ast.AST) -> bool:
    """Whether the statement is `if __name__ == "__main__":` in one of its spellings."""
    return isinstance(node, ast.If) and any(
        isinstance(inner, ast.Name) and inner.id == "__name__" for inner in ast.walk(node.test)
    )


def _unbind(names: Iterable[str], node: ast.stmt) -> ast.stmt:
    listed = ast.Tuple([ast.Constant(name) for name in sorted(names)], ast.Load())
    call = ast.Call(ast.Name(UNBIND, ast.Load()), [listed, ast.Constant(node.lineno)], [])
    return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node))


class Purifier:
    """Turns the statements of a file into pieces, by what the file's judge allows."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def pieces(self, block: Sequence[ast.stmt]) -> list[Piece]:
        """The block, statement by statement."""
        return [self.piece(statement) for statement in block]

    def piece(self, node: ast.stmt) -> Piece:
        """One statement as it is run."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return Piece(node, node, "import", bound_names([node]))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            kept = self._definition(node)
            binds = frozenset([node.name])
            if kept is None:
                return Piece(node, _unbind(binds, node), "value", spoils=binds)
            return Piece(node, kept, "definition", binds)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            return self._assignment(node)
        if isinstance(node, ast.Expr):
            return self._expression(node)
        if isinstance(node, (ast.If, ast.Try, ast.For, ast.With)):
            return self._compound(node)
        if isinstance(node, ast.Delete):
            return Piece(node, None, "value")
        binds = bound_names([node]) | _changes_within([node]) | self._called_on([node])
        return Piece(node, _unbind(binds, node) if binds else None, "value", spoils=binds)

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Piece:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        binds, changes = bound_names([node]), _changed_by_targets(targets)
        if isinstance(node, ast.AnnAssign) and node.value is None:
            return Piece(node, None, "value")
        allowed = node.value is not None and self.judge.allows(node.value)
        if isinstance(node.value, ast.Call):
            function = self.judge.function(dotted(node.value.func))
            if function is not None and (outer := _changed_globals(function)):
                spoiled = binds | changes | outer
                return Piece(node, _unbind(spoiled, node), "value", spoils=spoiled)
        if isinstance(node, ast.AugAssign):
            changes |= binds
        changes |= self._called_on([node])
        if not allowed or not all(self.judge.allows(target) for target in targets):
            spoiled = binds | changes
            return Piece(node, _unbind(spoiled, node), "value", spoils=spoiled)
        assert node.value is not None
        return Piece(node, node, "value" if self._cheap(node.value) else "construction", binds, changes)

    def _called_on(self, nodes: Iterable[ast.AST]) -> frozenset[str]:
        """Names of values with a method called on them that may change them: `data = corpus.get_data("train.txt")`."""
        names: set[str] = set()
        for inner in _same_scope(nodes):
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                method, name = inner.func.attr, root_name(inner.func.value)
                plain = method in (METHODS | HARMLESS_METHODS) - MUTATORS
                if name is not None and not plain and name not in ("self", "cls") and self.judge.holds_value(name):
                    names.add(name)
        return frozenset(names)

    def _expression(self, node: ast.Expr) -> Piece:
        call = node.value
        if not isinstance(call, ast.Call):
            return Piece(node, None, "value")
        name = root_name(call.func)
        method = call.func.attr if isinstance(call.func, ast.Attribute) else None
        owner_is_value = name is not None and method is not None and self.judge.holds_value(name)
        if owner_is_value and method in MUTATORS:
            assert name is not None
            if self.judge.allows(call):
                return Piece(node, node, "value" if self._cheap(call) else "construction", changes=frozenset([name]))
            return Piece(node, _unbind([name], node), "value", spoils=frozenset([name]))
        spoils: set[str] = set()
        if owner_is_value and method not in HARMLESS_METHODS and name not in ("self", "cls"):
            assert name is not None
            spoils.add(name)
        function = self.judge.function(dotted(call.func))
        if function is not None:
            spoils |= changed_arguments(function, call) | _changed_globals(function)
        if isinstance(call.func, ast.Name) and call.func.id == "setattr" and call.args:
            changed = root_name(call.args[0])
            if changed is not None and self.judge.allows(call):
                return Piece(node, node, "value", changes=frozenset([changed]))
            spoils |= {changed} if changed else set()
        return Piece(node, _unbind(spoils, node) if spoils else None, "value", spoils=frozenset(spoils))

    def _compound(self, node: ast.If | ast.Try | ast.For | ast.With) -> Piece:
        inside = [part for part in ast.iter_child_nodes(node) if not isinstance(part, ast.expr)]
        binds = bound_names([node])
        changes = _changes_within(inside) | self._called_on(inside)
        if is_main_guard(node):
            return Piece(node, None, "value")
        header: list[ast.AST] = []
        if isinstance(node, ast.If):
            header = [node.test]
        elif isinstance(node, ast.For):
            header = [node.iter]
        elif isinstance(node, ast.With):
            header = [item.context_expr for item in node.items]
            if not all(_plain_context(self.judge, item.context_expr) for item in node.items):
                header = [ast.Yield()]  # never allowed
        leaves = any(isinstance(inner, (ast.Return, ast.While)) for inner in _same_scope(inside))
        if leaves or not all(self.judge.allows(part) for part in header):
            spoiled = binds | changes
            return Piece(node, _unbind(spoiled, node) if spoiled else None, "value", spoils=spoiled)
        kinds: set[str] = {"construction"} if not all(self._cheap(part) for part in header) else set()
        kept = self._with_blocks(node, kinds)
        if kept is None:
            return Piece(node, None, "value")
        return Piece(node, kept, "construction" if "construction" in kinds else "value", binds, changes)

    def _with_blocks(self, node: ast.stmt, kinds: set[str]) -> ast.stmt | None:
        """A copy of the compound statement with purified blocks; None when nothing is left in it."""
        values: dict[str, object] = {}
        anything = False
        for name, value in ast.iter_fields(node):
            if name in ("body", "orelse", "finalbody") and isinstance(value, list):
                block, some = self._block(value, kinds, needed=name == "body")
                values[name] = block
                anything |= some
            elif name == "handlers" and isinstance(value, list):
                handlers = []
                for handler in value:
                    block, some = self._block(handler.body, kinds, needed=True)
                    anything |= some
                    handlers.append(ast.copy_location(ast.ExceptHandler(handler.type, handler.name, block), handler))
                values[name] = handlers
            else:
                values[name] = value
        return ast.copy_location(type(node)(**values), node) if anything else None  # type: ignore[arg-type]

    def _block(self, block: list[ast.stmt], kinds: set[str], needed: bool) -> tuple[list[ast.stmt], bool]:
        kept: list[ast.stmt] = []
        for statement in block:
            if isinstance(statement, (ast.Pass, ast.Break, ast.Continue, ast.Raise, ast.Assert)):
                if not isinstance(statement, ast.Assert):
                    kept.append(statement)
                continue
            piece = self.piece(statement)
            if piece.kept is not None:
                kept.append(piece.kept)
                kinds.add(piece.kind)
        some = any(not isinstance(statement, ast.Pass) for statement in kept)
        if not kept and needed:
            kept = [ast.copy_location(ast.Pass(), block[0])]
        return kept, some

    def _definition(self, node: ast.stmt) -> ast.stmt | None:
        """The definition with decorators that may be evaluated, its class body purified; None if it may not be run."""
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        decorators = [one for one in node.decorator_list if self._decorator(one)]
        if isinstance(node, ast.ClassDef):
            if not all(self.judge.allows(base) for base in [*node.bases, *(k.value for k in node.keywords)]):
                return None
            body = self._class_body(node.body)
            copy: ast.stmt = ast.ClassDef(**{**dict(ast.iter_fields(node)), "body": body, "decorator_list": decorators})
            return ast.copy_location(copy, node)
        if len(decorators) < len(node.decorator_list):
            return None
        if not all(self.judge.allows(value) for value in [*node.args.defaults, *node.args.kw_defaults] if value):
            return None
        return node

    def _decorator(self, node: ast.expr) -> bool:
        if not self.judge.allows(node):
            # `@MODELS.register_module()`: a registry's method, called while the class is made
            return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "register" in node.func.attr
        name = dotted(node)
        if not name:
            return True
        return self.judge.allows(ast.Call(node, [], [])) or name.rpartition(".")[2] in (
            "property", "staticmethod", "classmethod", "setter", "getter", "deleter"
        ) or "register" in name or isinstance(node, ast.Attribute)  # fmt: skip

    def _class_body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        kept: list[ast.stmt] = []
        for number, statement in enumerate(body):
            if number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                kept.append(statement)
                continue
            piece = self.piece(statement)
            if isinstance(statement, ast.AnnAssign) and statement.value is None:
                kept.append(statement)  # a field of a dataclass
            elif piece.kept is not None and not piece.spoils and not _unbinds(piece.kept):
                kept.append(piece.kept)
        return kept or [ast.copy_location(ast.Pass(), body[0])]

    def _cheap(self, node: ast.AST) -> bool:
        """Whether evaluating calls only what is known to be quick and small."""
        for inner in ast.walk(node):
            if not isinstance(inner, ast.Call):
                continue
            name = dotted(inner.func)
            root, _, rest = name.partition(".")
            if root in self.judge.aliases:
                full = self.judge.aliases[root] + ("." + rest if rest else "")
                if full.startswith("?") and rest.rpartition(".")[2] in METHODS | MUTATORS:
                    continue
                while full and full not in CHEAP:
                    full = full.rpartition(".")[0]
                if not full:
                    return False
            elif not rest and name and name in (set(self.judge.functions) | self.judge.classes):
                return False
            elif not rest and name[:1].isupper():
                return False
        return True


def _unbinds(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == UNBIND for inner in ast.walk(node))


def _plain_context(judge: Judge, node: ast.expr) -> bool:
    """`with torch.no_grad():`, `with open(...) as file:` (the loader's `open` only reads, below the project's root)."""
    if not isinstance(node, ast.Call):
        return False
    name = dotted(node.func)
    root, _, rest = name.partition(".")
    full = judge.aliases.get(root, root) + ("." + rest if rest else "")
    return full in ("torch.no_grad", "open", "warnings.catch_warnings", "torch.random.fork_rng")


def _same_scope(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(node))


def _changes_within(nodes: Iterable[ast.AST]) -> frozenset[str]:
    names: set[str] = set()
    for node in _same_scope(nodes):
        if isinstance(node, ast.Assign):
            names |= _changed_by_targets(node.targets)
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            names |= _changed_by_targets([node.target])
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and function.attr in MUTATORS:
                name = root_name(function.value)
                if name is not None:
                    names.add(name)
    return frozenset(names)


def _changed_globals(function: ast.FunctionDef) -> frozenset[str]:
    """The names that the function declares global."""
    return frozenset(name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names)


def changed_arguments(function: ast.FunctionDef, call: ast.Call) -> frozenset[str]:
    """The names passed to a function of the project that stores into its parameter: unknown after the call."""
    changed = _changes_within(function.body)
    parameters = [a.arg for a in [*function.args.posonlyargs, *function.args.args]]
    names: set[str] = set()
    for position, argument in enumerate(call.args):
        if isinstance(argument, ast.Name) and position < len(parameters) and parameters[position] in changed:
            names.add(argument.id)
    for keyword in call.keywords:
        if isinstance(keyword.value, ast.Name) and keyword.arg in changed:
            names.add(keyword.value.id)
    return frozenset(names)


def closure(pieces: Sequence[Piece], names: Iterable[str]) -> list[Piece]:
    """The backward slice: the pieces that the names depend on, in the order of the file."""
    needed = set(names)
    chosen: set[int] = set()
    by_name: dict[str, list[int]] = {}
    for number, piece in enumerate(pieces):
        for name in piece.touches:
            by_name.setdefault(name, []).append(number)
    stars = by_name.get("*", [])
    todo = list(needed)
    while todo:
        name = todo.pop()
        for number in by_name.get(name, stars):
            if number not in chosen:
                chosen.add(number)
                fresh = pieces[number].reads - needed
                needed |= fresh
                todo.extend(fresh)
    return [pieces[number] for number in sorted(chosen)]


def text_of(pieces: Iterable[Piece]) -> str:
    """The statements as they are run, each with the number of its first row in the file before it."""
    lines: list[str] = []
    for piece in pieces:
        if piece.kept is None or _is_unbind(piece.kept):
            continue
        for number, line in enumerate(ast.unparse(ast.fix_missing_locations(piece.kept)).splitlines()):
            margin = str(piece.original.lineno) if number == 0 else ""
            lines.append(f"{margin:>5}  {line}".rstrip())
    return "\n".join(lines)


def _is_unbind(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == UNBIND
    )


__all__ = [
    "UNBIND",
    "Piece",
    "Purifier",
    "bound_names",
    "closure",
    "free_names",
    "is_main_guard",
    "root_name",
    "text_of",
]
