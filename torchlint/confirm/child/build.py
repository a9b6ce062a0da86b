"""Constructing a project's model: recipes, tried in order.

1. The call at the site given, evaluated in the slice of its file (`site`); arguments that the slice does not give are
   taken from what static analysis knows (`analysis`).
2. Other calls of the class in the project.
3. The class inside the model that contains it (`inside`): the outer one is built, its part taken.
4. A call without arguments: the constructor has none (`none`) or has defaults for all (`defaults`).
5. Arguments guessed by the names of parameters (`guessed`): what follows from such a model is capped by the caller.

Statements after the construction that change the model (`model.fc = nn.Linear(512, 2)`, freezing) are replayed; one
that changes it and cannot be replayed makes the whole a BuildError: a model that the script never has is not looked at.
"""

from __future__ import annotations

import ast
import dis
import inspect
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import stand_ins
import torch
from allowed import dotted
from guesses import guess
from limits import Budget, BudgetSpent
from loader import DroppedError, LoadError, Project, Source
from scopes import Frame, UnknownValueError, call_sites, calls_at, following
from slicer import free_names, root_name, text_of
from stand_ins import CpuMode, DownloadRefusedError, StubUsedError

REASONS = (
    "argument",  # an argument of the constructor is not known
    "guess_rejected",  # no arguments are known, and those guessed raised an error
    "package_missing",
    "download_blocked",
    "load",  # the file, or the class in it, cannot be loaded
    "syntax",
    "not_found",
    "constructor",  # the constructor itself raised an error
    "not_a_module",
    "changed",  # the model is changed after it is built, in a way that could not be followed
    "budget",
    "memory",
    "no_recipe",
    "forward",  # of inputs: every input tried makes forward raise
    "inputs",  # of inputs: what forward takes is not known
)


class BuildError(Exception):
    """No model; `reason` is one of REASONS, `message` is free text, `path` and `line` say where."""

    def __init__(self, reason: str, message: str, path: str = "", line: int | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason, self.message, self.path, self.line = reason, message, path, line


@dataclass
class Recipe:
    """How a model was made: the kind, the call as it was made, its place, and what was guessed for it."""

    kind: str
    text: str
    path: str
    row: int
    guessed: tuple[str, ...] = ()


@dataclass
class Built:
    """A model, how it was made, the module of the file that defines or makes it, and the model it is a part of."""

    model: torch.nn.Module
    recipe: Recipe
    module: types.ModuleType
    within: Built | None = None


def build(project: Project, spec: Mapping[str, Any], budget: object) -> Built:
    """The model that the spec means (see the module's text); BuildError when there is none.

    `spec`: `path`, `row`, `column` of the constructing call (1-based; may be missing), `owner` and `cls`, the file and
    the qualified name of the class (missing for a library's), `arguments`, what is known of its
    constructor's.
    """
    limit = Budget.of(budget)
    try:
        project.forget()
        with limit, CpuMode():
            return _Builder(project, spec).build()
    except BudgetSpent:
        raise BuildError("budget", "building the model takes too long", str(spec.get("path", ""))) from None


def evaluate(project: Project, path: str, row: int, column: int) -> object:
    """The value of the expression that starts at a place: a loss's, a transform's or a model's constructor.

    Of several calls that start there, the innermost whose value is no class and no function. BuildError when there is
    no value.
    """
    stand_ins.GUESSED.clear()
    with CpuMode():
        try:
            source = project.source(path)
        except LoadError as error:
            raise BuildError(_loading(error), error.message, path, error.line) from None
        calls = calls_at(source, row, column)
        if not calls:
            raise BuildError("not_found", "no call stands there", path, row)
        for call in calls:
            try:
                value = Frame(project, source, call).value(call)
            except BudgetSpent:
                raise
            except Exception as error:
                raise failure(error, path, row) from error
            if stand_ins.GUESSED:
                raise BuildError("argument", f"{next(iter(stand_ins.GUESSED))} is made up", path, row)
            if not isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
                return value
        return value


def slice_text(project: Project, spec: Mapping[str, Any]) -> str:
    """The statements that would be run for a spec, file by file, with their rows at the margin; runs nothing."""
    parts: list[str] = []
    path, row = spec.get("path"), spec.get("row")
    owner, cls = spec.get("owner"), spec.get("cls")
    if isinstance(path, str) and isinstance(row, int):
        source = project.source(path)
        calls = calls_at(source, row, spec.get("column"))
        if calls:
            parts.append(_frame_text(project, source, calls[0]))
    if isinstance(owner, str) and isinstance(cls, str) and owner != path:
        source = project.source(owner)
        from slicer import closure

        parts.append(f"# {owner}\n" + text_of(closure(source.pieces, [cls.split(".")[0]])))
    return "\n\n".join(parts)


def _frame_text(project: Project, source: Source, call: ast.Call) -> str:
    from slicer import closure

    frame = Frame(project, source, call)
    names = free_names(call)
    own = frame.slice(names)
    for piece in own:
        names |= piece.reads
    module = [piece for piece in closure(source.pieces, names) if piece.original not in [p.original for p in own]]
    pieces = sorted([*module, *own], key=lambda piece: piece.original.lineno)
    return f"# {source.path}\n{text_of(pieces)}\n{call.lineno:>5}  {ast.unparse(call)}"


def _loading(error: LoadError) -> str:
    return error.reason if error.reason in REASONS else "load"


def failure(error: BaseException, path: str, row: int | None) -> BuildError:
    """The BuildError that an exception of the project's code amounts to."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, BuildError):
            return seen
        if isinstance(seen, StubUsedError):
            return BuildError("package_missing", seen.package, path, row)
        if isinstance(seen, DownloadRefusedError) or type(seen).__name__ in (
            "URLError", "ConnectionError", "LocalEntryNotFoundError", "OfflineModeIsEnabled", "HTTPError", "gaierror"
        ):  # fmt: skip
            return BuildError("download_blocked", str(seen)[:200], path, row)
        if isinstance(seen, ModuleNotFoundError):
            return BuildError("package_missing", str(seen.name or seen)[:200], path, row)
        if isinstance(seen, MemoryError) or "allocate memory" in str(seen):
            return BuildError("memory", "the model does not fit into the memory allowed", path, row)
        if isinstance(seen, LoadError):
            return BuildError(_loading(seen), seen.message, seen.path, seen.line)
        if isinstance(seen, DroppedError):
            if seen.cause is not None:
                inner = failure(seen.cause, path, seen.row)
                if inner.reason in ("package_missing", "download_blocked", "syntax"):
                    return inner
            return BuildError("argument", str(seen)[:200], path, seen.row)
        if isinstance(seen, NameError) and not isinstance(seen, UnboundLocalError):
            return BuildError("argument", str(seen)[:200], path, row)
        if isinstance(seen, UnknownValueError):
            return BuildError("argument", str(seen)[:200], path, seen.row)
        seen = seen.__cause__ or (seen.__context__ if not seen.__suppress_context__ else None)
    at = row
    where = error.__traceback__
    while where is not None:
        if where.tb_frame.f_code.co_filename == path:
            at = where.tb_lineno
        where = where.tb_next
    return BuildError("constructor", f"{type(error).__name__}: {error}"[:300], path, at)


class _Builder:
    def __init__(self, project: Project, spec: Mapping[str, Any], depth: int = 0) -> None:
        self.project, self.spec, self.depth = project, spec, depth
        self.errors: list[BuildError] = []
        self.passed: set[str] = set()  # parameters for which calls pass something

    def build(self) -> Built:
        owner, name = self.spec.get("owner"), self.spec.get("cls")
        path, row = self.spec.get("path"), self.spec.get("row")
        if isinstance(path, str) and isinstance(row, int):
            built = self._try(lambda: self._at_site(path, row, self.spec.get("column"), name))
            if built is not None:
                return built
        if isinstance(owner, str) and isinstance(name, str):
            built = self._by_class(owner, name)
            if built is not None:
                return built
        if self.errors:
            raise self._most_telling()
        raise BuildError("no_recipe", "neither a call nor a class is given")

    def _most_telling(self) -> BuildError:
        ranks = ["changed", "package_missing", "download_blocked", "syntax", "load", "memory", "constructor"]
        return min(self.errors, key=lambda one: ranks.index(one.reason) if one.reason in ranks else len(ranks))

    def _try(self, attempt: Any) -> Built | None:
        stand_ins.GUESSED.clear()
        try:
            built: Built = attempt()
        except BuildError as error:
            if error.reason == "changed":
                raise
            if error.reason == "download_blocked" and not stand_ins.keep_project_weights_off:
                stand_ins.keep_project_weights_off = True  # the project downloads by itself: ask it not to
                try:
                    return self._try(attempt)
                finally:
                    stand_ins.keep_project_weights_off = False
            self.errors.append(error)
            return None
        if stand_ins.GUESSED:
            made_up = tuple(f"{name}={_short(value)}" for name, value in sorted(stand_ins.GUESSED.items()))
            built.recipe.guessed += made_up
            built.recipe.kind = "guessed"
        return built

    def _at_site(self, path: str, row: int, column: Any, name: str | None) -> Built:
        try:
            source = self.project.source(path)
        except LoadError as error:
            raise BuildError(_loading(error), error.message, path, error.line) from None
        calls = calls_at(source, row, column if isinstance(column, int) else None)
        if not calls:
            raise BuildError("not_found", "no call stands there", path, row)
        last = name.rpartition(".")[2] if name else None
        named = [call for call in calls if last and _last(call) == last]
        worst: BuildError | None = None
        for call in named or calls:
            try:
                return self._call(source, call)
            except BuildError as caught:
                if caught.reason == "changed":
                    raise
                if worst is None or caught.reason != "not_a_module":
                    worst = caught
        assert worst is not None
        raise worst

    def _call(self, source: Source, call: ast.Call) -> Built:
        """Makes the call at its place, and what its scope does to the model afterwards."""
        frame = Frame(self.project, source, call)
        known = self.spec.get("arguments") or {}
        from_analysis: list[str] = []
        try:
            function = frame.value(call.func)
            positional: list[Any] = []
            keywords: dict[str, Any] = {}
            texts: list[str] = []
            parameters = _parameter_names(function)
            self.passed |= {*parameters[: len(call.args)], *(one.arg for one in call.keywords if one.arg)}
            for position, node in enumerate(call.args):
                if isinstance(node, ast.Starred):
                    positional += list(frame.value(node.value))
                    texts.append(ast.unparse(node))
                    continue
                name = parameters[position] if position < len(parameters) else ""
                positional.append(self._argument(frame, node, name, known, from_analysis))
                texts.append(_told(positional[-1], node))
            for keyword in call.keywords:
                if keyword.arg is None:
                    keywords.update(frame.value(keyword.value))
                    texts.append("**" + ast.unparse(keyword.value))
                    continue
                keywords[keyword.arg] = self._argument(frame, keyword.value, keyword.arg, known, from_analysis)
                texts.append(f"{keyword.arg}={_told(keywords[keyword.arg], keyword.value)}")
        except BudgetSpent:
            raise
        except Exception as error:
            raise failure(error, source.path, call.lineno) from error
        try:
            model = stand_ins.without_weights(function, *positional, **keywords)
        except BudgetSpent:
            raise
        except Exception as error:
            raise failure(error, source.path, call.lineno) from error
        if not isinstance(model, torch.nn.Module):
            raise BuildError("not_a_module", f"the call gives a {type(model).__name__}", source.path, call.lineno)
        self._replay(source, call, model)
        text = f"{ast.unparse(call.func)}({', '.join(texts)})"
        recipe = Recipe("analysis" if from_analysis else "site", text[:300], source.path, call.lineno)
        return Built(model, recipe, self.project.module(source.path))

    @staticmethod
    def _argument(frame: Frame, node: ast.expr, name: str, known: Mapping[str, Any], used: list[str]) -> Any:
        try:
            return frame.value(node)
        except Exception:
            if name not in known:
                raise
            used.append(name)
            return known[name]

    def _replay(self, source: Source, call: ast.Call, model: torch.nn.Module) -> None:
        """Runs the statements after the construction that change the model."""
        statement = source.parents.get(call)
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return
        target = statement.targets[0]
        own = ast.unparse(target)
        if not isinstance(target, ast.Name):
            for later in following(source, statement):
                if isinstance(later, ast.Assign) and any(
                    ast.unparse(one).startswith((own + ".", own + "[")) for one in later.targets
                ):
                    raise BuildError("changed", ast.unparse(later)[:200], source.path, later.lineno)
            return
        name = target.id
        for later in following(source, statement):
            piece = source.purifier.piece(later)
            if name in piece.binds or (
                isinstance(later, ast.Assign) and name in piece.spoils and _rebinds(later, name)
            ):
                return
            freezes = isinstance(later, ast.For) and root_name(later.iter) == name and piece.kept is not None
            if name not in piece.changes | piece.spoils and not freezes:
                continue
            if isinstance(later, ast.For) and not freezes and name not in piece.changes:
                continue
            if isinstance(later, ast.Expr) and name in piece.spoils and _leaves_alone(later, name, model):
                continue
            try:
                if piece.kept is None or name in piece.spoils:
                    raise BuildError("changed", ast.unparse(later)[:200], source.path, later.lineno)
                there = Frame(self.project, source, later)
                there.give(name, model)
                there.run_for(piece.reads - {name})
                exec(source.compile(piece.kept), there.space)
            except (BudgetSpent, BuildError):
                raise
            except Exception as error:
                raise BuildError(
                    "changed", f"{ast.unparse(later)[:150]}: {error}"[:250], source.path, later.lineno
                ) from error

    # -- by class --

    def _by_class(self, owner: str, name: str) -> Built | None:
        try:
            source = self.project.source(owner)
        except LoadError as error:
            self.errors.append(BuildError(_loading(error), error.message, owner, error.line))
            return None
        short = name.rpartition(".")[2]
        site = (self.spec.get("path"), self.spec.get("row"))
        inner_sites: list[tuple[Source, ast.Call]] = []
        for number, (where, call) in enumerate(call_sites(self.project, owner, short)):
            if number >= 12:
                break
            if (where.path, call.lineno) == site:
                continue
            around = _class_around(where, call)
            if around is not None and around.name == short and _last(call) != "cls":
                continue
            if around is not None and self._is_module(where.path, around.name):
                inner_sites.append((where, call))
                continue
            built = self._try(lambda where=where, call=call: self._expect(self._call(where, call), short))
            if built is not None:
                return built
        for where, call in inner_sites[:4]:
            around = _class_around(where, call)
            if around is not None and self.depth < 2:
                built = self._try(
                    lambda where=where, around=around, call=call: self._inside(where, around, call, short)
                )
                if built is not None:
                    return built
        try:
            cls = self._class(owner, name)
        except BuildError as error:
            self.errors.append(error)
            return None
        for attempt in (lambda: self._bare(source, cls, name), lambda: self._proxied(inner_sites, short)):
            built = self._try(attempt)
            if built is not None:
                return built
        return self._try(lambda: self._guessed(source, cls, name))

    def _is_module(self, path: str, name: str) -> bool:
        try:
            cls = self._class(path, name)
        except BuildError:
            return True
        return isinstance(cls, type) and issubclass(cls, torch.nn.Module) and name != self.spec.get("cls")

    @staticmethod
    def _expect(built: Built, short: str) -> Built:
        if not any(type(part).__name__ == short for part in built.model.modules()):
            raise BuildError("not_a_module", f"the call does not give a {short}", built.recipe.path, built.recipe.row)
        return built

    def _class(self, owner: str, name: str) -> Any:
        try:
            value: Any = self.project.module(owner)
            runner = self.project.runner(owner)
            first, *rest = name.split(".")
            value = runner.space[first] if first in runner.space else runner.lookup(first)
            for part in rest:
                value = getattr(value, part)
        except LoadError as error:
            raise BuildError(_loading(error), error.message, owner, error.line) from None
        except KeyError:
            raise BuildError("load", f"{name} is not defined in the file", owner) from None
        except (DroppedError, AttributeError) as error:
            raise failure(error, owner, None) from None
        return value

    def _inside(self, where: Source, around: ast.ClassDef, call: ast.Call, short: str) -> Built:
        """The part of its class in the model whose constructor makes it."""
        outer = _Builder(self.project, {"owner": where.path, "cls": around.name}, self.depth + 1).build()
        for part in outer.model.modules():
            if type(part).__name__ == short:
                recipe = Recipe("inside", outer.recipe.text, outer.recipe.path, outer.recipe.row, outer.recipe.guessed)
                return Built(part, recipe, self.project.module(where.path), outer)
        raise BuildError("not_found", f"{outer.recipe.text} holds no {short}", where.path, call.lineno)

    def _proxied(self, sites: list[tuple[Source, ast.Call]], short: str) -> Built:
        error: BuildError | None = None
        for where, call in sites[:4]:
            try:
                return self._expect(self._call(where, call), short)
            except BuildError as caught:
                error = caught
        raise error or BuildError("no_recipe", f"{short} is called nowhere")

    def _bare(self, source: Source, cls: Any, name: str) -> Built:
        """A call with what static analysis knows, or with nothing."""
        known = dict(self.spec.get("arguments") or {})
        required, optional = _signature(cls)
        keywords = {one: known[one] for one in [*required, *optional] if one in known}
        missing = [one for one in required if one not in keywords]
        row = _row_of(source, name)
        if missing:
            raise BuildError("argument", f"`{missing[0]}` of {name} is not known", source.path, row)
        kind = "analysis" if keywords else "defaults" if optional else "none"
        passed = sorted(self.passed & set(optional) - set(keywords))
        if passed:  # the project passes other values than the defaults, which are not known
            return self._make(source, cls, name, keywords, "guessed", tuple(f"{one} left out" for one in passed))
        return self._make(source, cls, name, keywords, kind, ())

    def _guessed(self, source: Source, cls: Any, name: str) -> Built:
        known = dict(self.spec.get("arguments") or {})
        required, _ = _signature(cls)
        keywords: dict[str, Any] = {}
        guessed: list[str] = []
        for one in required:
            if one in known:
                keywords[one] = known[one]
                continue
            value = guess(one)
            if value is None:
                raise BuildError("argument", f"`{one}` of {name} is not known", source.path, _row_of(source, name))
            keywords[one] = value
            guessed.append(f"{one}={_short(value)}")
        try:
            return self._make(source, cls, name, keywords, "guessed", tuple(guessed))
        except BuildError as error:
            if error.reason == "constructor":
                raise BuildError("guess_rejected", error.message, error.path, error.line) from None
            raise

    def _make(
        self, source: Source, cls: Any, name: str, keywords: dict[str, Any], kind: str, guessed: tuple[str, ...]
    ) -> Built:
        row = _row_of(source, name)
        try:
            model = cls(**keywords)
        except BudgetSpent:
            raise
        except Exception as error:
            raise failure(error, source.path, row) from error
        if not isinstance(model, torch.nn.Module):
            raise BuildError("not_a_module", f"{name} is no torch.nn.Module", source.path, row)
        text = f"{name}({', '.join(f'{one}={_short(value)}' for one, value in keywords.items())})"
        return Built(model, Recipe(kind, text, source.path, row or 0, guessed), self.project.module(source.path))


def _leaves_alone(node: ast.Expr, name: str, model: torch.nn.Module) -> bool:
    """Whether a call of the model's own method changes no attribute of it: `net.fit(loader)`, where it only trains."""
    call = node.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and dotted(call.func.value) == name):
        return False
    code = getattr(getattr(type(model), call.func.attr, None), "__code__", None)
    if code is None or not str(getattr(type(model), "__module__", "")).startswith(stand_ins.PROJECT):
        return False
    stores = any(one.opname == "STORE_ATTR" for one in dis.get_instructions(code))
    return not stores and not {"setattr", "add_module", "append", "register_module"} & set(code.co_names)


def _signature(cls: Any) -> tuple[list[str], list[str]]:
    """Names of the constructor's required and optional parameters."""
    try:
        makers = (
            [vars(one)["__init__"] for one in cls.__mro__ if "__init__" in vars(one)]
            if isinstance(cls, type)
            else [cls]
        )
        found: dict[str, inspect.Parameter] = {}
        for maker in makers:
            parameters = list(inspect.signature(maker).parameters.values())[1 if isinstance(cls, type) else 0 :]
            for one in parameters:
                if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
                    found.setdefault(one.name, one)
            if not any(one.kind == one.VAR_KEYWORD for one in parameters):
                break  # else what is left goes on to the next constructor
    except (TypeError, ValueError):
        return [], []
    named = list(found.values())
    required = [one.name for one in named if one.default is one.empty]
    optional = [one.name for one in named if one.default is not one.empty]
    return required, optional


def _parameter_names(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _row_of(source: Source, name: str) -> int | None:
    node = source.classes.get(name.split(".")[0])
    return node.lineno if node is not None else None


def _class_around(source: Source, node: ast.AST) -> ast.ClassDef | None:
    here: ast.AST | None = node
    while here is not None:
        if isinstance(here, ast.ClassDef):
            return here
        here = source.parents.get(here)
    return None


def _rebinds(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _last(call: ast.Call) -> str | None:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__


def _told(value: Any, node: ast.expr) -> str:
    """An argument as the recipe names it: plain values as they are, others as they are written."""
    if isinstance(value, (bool, int, float, str, type(None))) or (
        isinstance(value, (list, tuple)) and all(isinstance(one, (int, float)) for one in value)
    ):
        return _short(value)
    return ast.unparse(node)[:60]


__all__ = ["REASONS", "BuildError", "Built", "Recipe", "build", "evaluate", "failure", "slice_text"]
