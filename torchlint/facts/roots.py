"""Where the interpreter starts, and in which order.

Roots, in order: the top level of every file that mentions a framework; the blocks under ``if __name__ ==
"__main__":``; Lightning's hooks; then classes that nothing constructs and functions that nothing calls, if what they
use can lead to a fact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

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
        self.named: frozenset[str] = frozenset()

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
        lines = sum(self.project.units[path].lines for path in m.namespaces if path in self.project.units)
        whole = m.total_steps + allowance(lines)
        self.allowance = m.total_steps + MAINS_SHARE * (whole - m.total_steps)
        for namespace, body in list(m.mains):
            self.root(namespace.path, lambda n=namespace, b=body: _main(m, n, b), self.allowance)  # type: ignore[misc]
        self.allowance = m.total_steps + HOOKS_SHARE * (whole - m.total_steps)
        for cls in list(m.classes):
            if objects.is_lightning(cls):
                self.hooks(cls)
        near, far = _interesting(m)
        for self.named, share in ((_named(m), CALLERS_SHARE), (frozenset(), 1.0)):
            self.allowance = m.total_steps + share * (whole - m.total_steps)
            for interesting in (near, far):
                for cls in list(m.classes):
                    self.class_root(cls, interesting)
                self.functions(interesting)
        for cls in list(m.classes):
            self.build(cls)

    def functions(self, interesting: frozenset[str]) -> None:
        """Functions that nothing has called, whose names no function uses, and that use one of these names."""
        m = self.m
        done = 0
        while done < len(m.functions):
            function = m.functions[done]
            done += 1
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
        if not wanted or cls.name in self.named or (self.named and id(cls.node) in m.instances):
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


def _named(m: Machine) -> frozenset[str]:
    """Names that the functions of the project use: what has such a name is probably called with what is known."""
    names: set[str] = set()
    for function in m.functions:
        if isinstance(function.node, ir.FunctionDef):
            names.update(name for name in function.node.uses if name != function.node.name)
    return frozenset(names)


#: Operations that may be wrong by themselves, whatever loss there is.
OPERATIONS = frozenset({"softmax", "log_softmax", "Softmax", "LogSoftmax", "argmax", "round", "multinomial"})

#: Readers of images whose names anything else may have.
COMMONPLACE = frozenset({"open", "new", "fromarray"})

SEEDS = frozenset({"backward", "fit", "training_step", "validation_step"})


def _interesting(m: Machine) -> tuple[frozenset[str], frozenset[str]]:
    """Names whose use can lead to a fact: losses, backward passes, pictures that are converted or shown; and with
    them, some operations and readers of images, the project's own functions and classes that use such a name, to any
    depth."""
    seeds = set(SEEDS)
    seeds.update(m.contracts.words(tables.Loss))
    seeds.update(m.contracts.words(tables.Transform, ("to_pil", "to_tensor", "compose")))
    seeds.update(m.contracts.words(tables.Sink), m.contracts.sink_methods)
    for namespace in m.namespaces.values():
        seeds.update(name for name, value in namespace.attrs.items() if _holds(m, value))
    for cls in m.classes:
        held = [name for name, value in cls.attrs.items() if _holds(m, value)]
        seeds.update((*held, cls.name) if held else ())
    near = frozenset(seeds)
    seeds.update(OPERATIONS)
    seeds.update(name for name in m.contracts.words(tables.Source) if name not in COMMONPLACE)
    users: dict[str, list[str]] = {}
    for cls in m.classes:
        for base in cls.mro[1:]:
            if isinstance(base, Class):
                users.setdefault(base.name, []).append(cls.name)
    for function in m.functions:
        node = function.node
        if not isinstance(node, ir.FunctionDef):
            continue
        name = function.owner.name if function.owner is not None and node.name in COMMON else node.name
        for used in node.uses:
            users.setdefault(used, []).append(name)
    pending = list(seeds)
    while pending:
        for name in users.get(pending.pop(), ()):
            if name not in seeds:
                seeds.add(name)
                pending.append(name)
    return near, frozenset(seeds)


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
