"""Where the interpreter starts, and in which order.

Roots, in order: the top level of every file that mentions a framework; the blocks under ``if __name__ ==
"__main__":``; Lightning's hooks; then classes that nothing constructs and functions that nothing calls, if what they
use can lead to a fact.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from torchlint.flow import attributes, calls, imports, lightning, models, objects, statements, taught
from torchlint.flow.budget import allowance, most_per_root
from torchlint.flow.library import tables
from torchlint.flow.machine import Frame, Machine
from torchlint.flow.values import (
    NONE,
    UNKNOWN,
    Alternatives,
    Class,
    Dict,
    Function,
    Instance,
    List,
    Namespace,
    Object,
    Partial,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from torchlint.project.modules import Project
from torchlint.syntax import ir


class Fault(msgspec.Struct, frozen=True):
    """An internal error: the file that was being analysed, and what went wrong."""

    path: str
    message: str


class Roots:
    """One run over the files `starts` of a project: roots in order, faults kept by file."""

    def __init__(self, machine: Machine, project: Project, starts: Sequence[str]) -> None:
        self.m = machine
        self.starts = starts
        self.project = project
        self.faults: list[Fault] = []
        self.allowance = math.inf
        self.tried: set[int] = set()
        # what is left for later roots, or to others: what has such a name; and whether those are for later
        self.named: frozenset[str] = frozenset()
        self.later = False

    def root(self, path: str, run: Callable[[], object], most: float = math.inf) -> None:
        """Run one root; an exception costs this root and is reported for its file."""
        cut = self.m.cut
        try:
            if self.m.run_root(run, most) and self.m.cut != cut:
                self.m.exhausted += 1
        except Exception as error:
            if not any(f.path == path for f in self.faults):
                self.faults.append(Fault(path, f"{type(error).__name__}: {error} ({_where(error)})"))

    def all(self) -> None:
        """Every root, in the order of the module's docstring; those that cannot be afforded are left out."""
        m = self.m
        m.most = most_per_root(sum(self.project.units[path].data.count(b"\n") for path in self.starts))
        for path in self.starts:
            self.root(self.project.units[path].path, lambda path=path: imports.load(m, path))  # type: ignore[misc]
        self.after_top_levels(
            sum(self.project.units[path].lines for path in m.namespaces if path in self.project.units)
        )

    def after_top_levels(self, lines: int, most: float = math.inf) -> None:
        """Every root but the top levels, within the allowance of so many lines, and within `most` nodes."""
        m = self.m
        whole = m.total_steps + min(most, allowance(lines))
        self.allowance = m.total_steps + MAINS_SHARE * (whole - m.total_steps)
        for namespace, body in self.mains():
            self.root(namespace.path, lambda n=namespace, b=body: _main(m, n, b), self.allowance)  # type: ignore[misc]
        self.allowance = m.total_steps + HOOKS_SHARE * (whole - m.total_steps)
        for cls in self.classes():
            if objects.is_lightning(cls):
                self.hooks(cls)
        near, far = self.interesting()
        for self.later, share in ((True, CALLERS_SHARE), (False, 1.0)):
            self.named = self.named_by_functions() if self.later else self.left_out()
            self.allowance = m.total_steps + share * (whole - m.total_steps)
            for interesting in (near, far):
                for cls in self.classes():
                    self.class_root(cls, interesting)
                self.functions(interesting)
        for cls in self.classes():
            self.build(cls)

    # --- which roots there are ---------------------------------------------------------------------------------------

    def mains(self) -> list[tuple[Namespace, list[ir.Stmt]]]:
        """The blocks under the main test."""
        return list(self.m.mains)

    def classes(self) -> list[Class]:
        """The classes, in the order of their definitions."""
        return list(self.m.classes)

    def defined(self) -> Iterator[Function]:
        """The functions, those that are defined meanwhile included."""
        done = 0
        while done < len(self.m.functions):
            yield self.m.functions[done]
            done += 1

    def interesting(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names whose use can lead to a fact; see `Interest`."""
        m = self.m
        return Interest(m).with_more(m, m.namespaces.values(), m.classes, m.functions).names()

    def named_by_functions(self) -> frozenset[str]:
        """Names that the functions of the project use: what has such a name is probably called with what is known."""
        return frozenset(used(self.m.functions))

    def left_out(self) -> frozenset[str]:
        """Names of what is no root even in the end."""
        return frozenset()

    # --- one root after the other ------------------------------------------------------------------------------------

    def functions(self, interesting: frozenset[str]) -> None:
        """Functions that nothing has called, whose names no function uses, and that use one of these names."""
        m = self.m
        for function in self.defined():
            node = function.node
            if id(node) in m.entered or function.owner is not None or not isinstance(node, ir.FunctionDef):
                continue
            if node.name not in self.named and _may_matter(node, interesting):
                self.root(function.path, lambda f=function: _call_unknown(m, f, None), self.allowance)  # type: ignore[misc]

    def instance(self, cls: Class) -> Instance | None:
        """An object of a class: the first that the program made, or one made with unknown arguments."""
        m = self.m
        if id(cls.node) not in m.instances and id(cls.node) not in self.tried:
            self.tried.add(id(cls.node))
            init = next(
                (f for b in cls.mro if isinstance(b, Class) and isinstance(f := b.attrs.get("__init__"), Function)),
                None,
            )

            def construct() -> None:
                keywords = _unknown_arguments(m, init) if init is not None else {}
                calls.construct(m, cls, [], keywords, m.place(0))

            self.root(cls.path, construct, self.allowance)
        return m.instances.get(id(cls.node))

    def hooks(self, cls: Class) -> None:
        """The hooks of a LightningModule, as far as no trainer of the program has run them on it."""
        m = self.m
        if cls.name in self.left_out():
            return
        stages = []
        for stage, hooks in lightning.HOOKS.items():
            methods = [
                f
                for step, _ in hooks
                for b in cls.mro
                if isinstance(b, Class) and isinstance(f := b.attrs.get(step), Function)
            ]
            fresh = id(cls.node) not in m.driven or any(id(f.node) not in m.entered for f in methods)
            if methods and fresh and not (stage == "validate" and "fit" in stages):
                stages.append(stage)
        instance = self.instance(cls) if stages else None
        if instance is not None:
            self.root(
                cls.path, lambda: lightning.drive(m, instance, stages, None, None, NONE, m.place(0)), self.allowance
            )

    def class_root(self, cls: Class, interesting: frozenset[str]) -> None:
        """The methods of a class that nothing calls, on an object of it."""
        m = self.m
        methods = [v for v in cls.attrs.values() if isinstance(v, Function) and isinstance(v.node, ir.FunctionDef)]
        pending = [f for f in methods if id(f.node) not in m.entered and f.name not in ("__init__", "__repr__")]
        init = cls.attrs.get("__init__")
        whole = (
            isinstance(init, Function) and isinstance(init.node, ir.FunctionDef) and _may_matter(init.node, interesting)
        )
        wanted = [
            f for f in pending if isinstance(f.node, ir.FunctionDef) and (whole or _may_matter(f.node, interesting))
        ]
        if not wanted or cls.name in self.named or (self.later and self.named and id(cls.node) in m.instances):
            return  # what the program makes objects of is probably called with what is known
        instance = self.instance(cls)
        if instance is None:
            return
        hooks = lightning.STEPS if objects.is_lightning(cls) else frozenset()
        for method in [*_preparing(instance, pending, wanted), *wanted]:
            if id(method.node) not in m.entered and method.name not in hooks:
                self.root(cls.path, lambda f=method: _call_unknown(m, f, instance), self.allowance)  # type: ignore[misc]

    def build(self, cls: Class) -> None:
        """A model that nothing constructs or calls: built with its defaults, and called on something unknown."""
        m = self.m
        forward = cls.attrs.get("forward")
        if cls.name in self.left_out():
            return
        if not isinstance(forward, Function) or id(forward.node) in m.entered or not objects.is_module_class(m, cls):
            return
        instance = self.instance(cls)
        if instance is not None and taught.contract(cls):
            self.root(cls.path, lambda: _call_unknown(m, forward, instance), self.allowance)
        elif instance is not None:
            self.root(cls.path, lambda: _forward(m, instance), self.allowance)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    return f"{code.co_filename.replace(chr(92), '/').rsplit('torchlint/', 1)[-1]}:{trace.tb_lineno} in {code.co_name}"


def _main(m: Machine, namespace: Namespace, body: list[ir.Stmt]) -> None:
    m.push(Frame(namespace.attrs, (), namespace, namespace.path))
    statements.execute(m, body)
    m.pop()


def _forward(m: Machine, instance: Instance) -> None:
    forward = attributes.find_method(m, instance, "forward")
    assert forward is not None
    keywords = _unknown_arguments(m, forward)
    keywords.pop(forward.node.params[0].name if forward.node.params else "", None)
    models.call_module(m, instance, [], keywords, m.place(0), None)


def _unknown_arguments(m: Machine, function: Function) -> dict[str, Value]:
    """Arguments for a function that nothing calls: unknown, but for constant defaults that are no switches."""
    out: dict[str, Value] = {}
    for param in function.node.params:
        if param.kind in ("args", "kwargs"):
            out[calls.EXTRA] = UNKNOWN
            continue
        default = function.defaults.get(param.name)
        switch = isinstance(default, Value) and getattr(default, "value", ...) in (None, True, False)
        if default is None or (switch and not isinstance(default, Tensor)):
            out[param.name] = Unknown(("name", param.name, m.fresh_key()), None, None, calls.PASSED_BY_NOTHING)
    return out


def _call_unknown(m: Machine, function: Function, receiver: Instance | None) -> None:
    keywords = _unknown_arguments(m, function)
    params = function.node.params
    args: list[Value] = []
    if receiver is not None and params and "staticmethod" not in function.decorations:
        keywords.pop(params[0].name, None)
        args = [receiver.cls if "classmethod" in function.decorations else receiver]
    calls.call_function(m, function, args, keywords, receiver)


# --- what can matter ---------------------------------------------------------------------------------------------

#: The part of what may still be evaluated that goes to what nothing seems to call, before the rest has its turn.
CALLERS_SHARE = 0.5

#: What the blocks under the main test may use up of the allowance, and Lightning's hooks of what is left then.
MAINS_SHARE, HOOKS_SHARE = 0.5, 0.7

#: Methods that say nothing by their names: who uses one is taken to use its class.
COMMON = frozenset({"__init__", "forward", "__call__", "__getitem__", "__len__", "step", "train", "eval", "update"})


def used(functions: Iterable[Function]) -> set[str]:
    """Names that functions use, except their own."""
    names: set[str] = set()
    for function in functions:
        if isinstance(function.node, ir.FunctionDef):
            names.update(name for name in function.node.uses if name != function.node.name)
    return names


#: Operations that may be wrong by themselves, whatever loss there is.
OPERATIONS = frozenset({"softmax", "log_softmax", "Softmax", "LogSoftmax", "argmax", "round", "multinomial"})

#: Readers of images whose names anything else may have.
COMMONPLACE = frozenset({"open", "new", "fromarray"})

SEEDS = frozenset({"backward", "fit", "training_step", "validation_step"})


class Interest:
    """Names whose use can lead to a fact: losses, backward passes, pictures that are converted or shown, globals that
    hold such things (`near`); and with them some operations and readers of images, and the project's own functions and
    classes that use such a name, to any depth (`far`)."""

    def __init__(self, m: Machine) -> None:
        self.near = set(SEEDS)
        self.near.update(m.contracts.words(tables.Loss))
        self.near.update(m.contracts.words(tables.Transform, ("to_pil", "to_tensor", "compose")))
        self.near.update(m.contracts.words(tables.Sink), m.contracts.sink_methods)
        self.far = self.near | OPERATIONS
        self.far.update(name for name in m.contracts.words(tables.Source) if name not in COMMONPLACE)
        #: by a name, the names of what uses it
        self.users: dict[str, tuple[str, ...]] = {}

    def with_more(
        self, m: Machine, namespaces: Iterable[Namespace], classes: Iterable[Class], functions: Iterable[Function]
    ) -> Interest:
        """The same with more code; this one stays as it is."""
        more = copy.copy(self)
        held: set[str] = set()
        fresh: dict[str, list[str]] = {}
        for namespace in namespaces:
            held.update(name for name, value in namespace.attrs.items() if _holds(m, value))
        for cls in classes:
            of_class = [name for name, value in cls.attrs.items() if _holds(m, value)]
            held.update((*of_class, cls.name) if of_class else ())
            for base in cls.mro[1:]:
                if isinstance(base, Class):
                    fresh.setdefault(base.name, []).append(cls.name)
        for function in functions:
            node = function.node
            if not isinstance(node, ir.FunctionDef):
                continue
            name = function.owner.name if function.owner is not None and node.name in COMMON else node.name
            for used in node.uses:
                fresh.setdefault(used, []).append(name)
        more.near, more.far = self.near | held, self.far | held
        more.users = {**self.users, **{used: (*self.users.get(used, ()), *names) for used, names in fresh.items()}}
        pending = [*(held - self.far), *(used for used in fresh if used in more.far)]
        while pending:
            for name in more.users.get(pending.pop(), ()):
                if name not in more.far:
                    more.far.add(name)
                    pending.append(name)
        return more

    def names(self) -> tuple[frozenset[str], frozenset[str]]:
        """Those of the first kind, and all."""
        return frozenset(self.near), frozenset(self.far)


def _holds(m: Machine, value: object, depth: int = 0) -> bool:
    """Whether a global is, or contains, a loss, a model or a transform."""
    if depth > 3:
        return False
    if isinstance(value, Object):
        return value.kind in ("loss", "losses", "transform", "module", "container", "model", "engine")
    if isinstance(value, Instance):
        return objects.is_module(m, value)
    if isinstance(value, Alternatives):
        return any(_holds(m, v, depth + 1) for _, v in value.options)
    if isinstance(value, (Tuple, List)):
        return any(_holds(m, v, depth + 1) for v in value.items or ())
    if isinstance(value, Dict):
        return any(_holds(m, v, depth + 1) for v in value.items.values())
    return isinstance(value, Partial) and _holds(m, value.function, depth + 1)


def _preparing(instance: Instance, pending: Sequence[Function], wanted: Sequence[Function]) -> list[Function]:
    """The methods that set attributes which the wanted ones use and the object does not have: ``setUp``, ``build``."""
    used = {name for f in wanted if isinstance(f.node, ir.FunctionDef) for name in f.node.uses}
    missing = used.difference(instance.attrs)
    known = {id(f) for f in wanted}
    setters: list[Function] = []
    for function in pending:
        if missing & set(_attributes_set(function)):
            setters.append(function)
    first = [f for f in setters if id(f) not in known]
    return first + [f for f in setters if id(f) in known and not any(f is g for g in first)]


def _attributes_set(function: Function) -> Iterator[str]:
    """The attributes of its object that a method assigns."""
    node = function.node
    if not isinstance(node, ir.FunctionDef) or not node.params:
        return
    pending: list[ir.Stmt] = list(node.body)
    while pending:
        one = pending.pop()
        if isinstance(one, ir.Assign):
            for target in one.targets:
                for part in target.items if isinstance(target, ir.TupleExpr) else (target,):
                    if isinstance(part, ir.Attr) and isinstance(part.value, ir.Name):
                        if part.value.name == node.params[0].name:
                            yield part.name
        pending.extend(ir.blocks(one))


def _may_matter(node: ir.FunctionDef, interesting: frozenset[str]) -> bool:
    return not interesting.isdisjoint(node.uses)
