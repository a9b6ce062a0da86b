"""Import statements: modules of the project are run once, when first imported; the rest are libraries' names.

A module that is still being run (a cyclic import) is given as far as it has got; a name that it does not have yet
is unknown.
"""

from __future__ import annotations

import posixpath

from torchlint.flow import objects, statements, taught
from torchlint.flow.budget import Exhausted
from torchlint.flow.machine import Frame, Machine
from torchlint.flow.values import UNKNOWN, Class, Const, Library, List, Namespace, Tuple, Value
from torchlint.syntax import ir


def load(m: Machine, path: str) -> Namespace:
    """The namespace of a file (or, with a trailing ``/``, of a folder), run if it was not yet."""
    known = m.namespaces.get(path)
    if known is not None:
        return known
    unit = None if path.endswith("/") else m.project.unit(path)
    namespace = m.namespaces[path] = Namespace(path, unit.path if unit else path, {})
    module = unit.load() if unit else None
    if module is not None:
        run_module(m, namespace, module)
    return namespace


def run_module(m: Machine, namespace: Namespace, module: ir.Module) -> None:
    """Run a module's top level in its namespace, outside any branch of whoever imports it."""
    saved = m.path, m.log, m.logs, m.grad, m.autocast, m.loops, m.steps, m.active
    m.path, m.log, m.logs, m.grad, m.autocast, m.loops, m.steps, m.active = {}, None, [], True, False, 0, 0, []
    m.pause = 0
    namespace.attrs["__name__"] = Const(posixpath.basename(namespace.name).removesuffix(".py"))
    namespace.attrs["__file__"] = Const(namespace.path)
    depth = len(m.frames)
    m.push(Frame(namespace.attrs, (), namespace, namespace.path))
    try:
        statements.execute(m, module.body)
        taught.settle(m, namespace)
    except Exhausted:
        m.exhausted += 1
    finally:
        m.total_steps += m.steps
        m.frame = m.frames[depth]
        del m.frames[depth:]
        m.path, m.log, m.logs, m.grad, m.autocast, m.loops, m.steps, m.active = saved


def submodule(m: Machine, namespace: Namespace, name: str) -> Namespace | None:
    """The module `name` inside a package of the project."""
    if namespace.name.endswith("/"):
        folder = namespace.name[:-1]
    elif posixpath.basename(namespace.name) == "__init__.py":
        folder = posixpath.dirname(namespace.name)
    else:
        return None
    found = m.project.find(folder, name)
    return load(m, found) if found else None


def _importer(m: Machine) -> str:
    return m.frame.module.name


def run_import(m: Machine, node: ir.Import) -> None:
    """``import a.b as c``."""
    for item in node.names:
        top = item.name.partition(".")[0]
        found = m.project.resolve(_importer(m), item.name)
        if item.alias is not None:
            m.bind(item.alias, load(m, found) if found else _library(m, item.name))
            continue
        root = m.project.resolve(_importer(m), top)
        if root is None:
            m.bind(top, Library(top))
            continue
        namespace = load(m, root)
        m.bind(top, namespace)
        inner: Namespace | None = namespace
        for part in item.name.split(".")[1:]:
            child = submodule(m, inner, part) if inner else None
            if child is not None and inner is not None:
                m.write(inner.attrs, part, child)
            inner = child


def _library(m: Machine, name: str) -> Value:
    """A module that the project does not hold; if its first part is the project's, the rest is unknown, unless a
    configuration speaks of it."""
    if not m.contracts.leads_on(name) and m.project.resolve(_importer(m), name.partition(".")[0]) is not None:
        return UNKNOWN
    return Library(name)


def run_import_from(m: Machine, node: ir.ImportFrom) -> None:
    """``from a import b as c`` and ``from a import *``."""
    found = m.project.resolve(_importer(m), node.module, node.level)
    if found is None:
        known = not node.level and m.project.resolve(_importer(m), node.module.partition(".")[0]) is None
        own = None if node.level else m.project.resolve(_importer(m), node.module, own=True)
        for item in node.names:
            library = Library(f"{node.module}.{item.name}") if known else _taught(m, node, item.name)
            if own is not None and isinstance(library, Library) and not objects.is_known(m, library):
                found_there = member(m, load(m, own), item.name)
                if isinstance(found_there, Class) and objects.is_module_class(m, found_there):
                    library = found_there
            m.bind(item.alias or item.name, library)
        if not node.names and known:
            stars = m.frame.module.attrs.get("*", Tuple(()))
            assert isinstance(stars, Tuple)
            m.note(m.frame.module.attrs, "*", Tuple((*stars.items, Library(node.module))))
        return
    namespace = load(m, found)
    if not node.names:
        for name, value in public(namespace).items():
            m.bind(name, value)
        return
    for item in node.names:
        m.bind(item.alias or item.name, member(m, namespace, item.name))


def _taught(m: Machine, node: ir.ImportFrom, name: str) -> Value:
    """A name of a module that the project lacks although it has the package: known if a configuration describes it."""
    folder = posixpath.dirname(_importer(m))
    for _ in range(node.level - 1):
        folder = posixpath.dirname(folder)
    path = posixpath.join(folder if node.level else "", *node.module.split("."))
    full = m.contracts.taught_name(path, name)
    return Library(full) if full else UNKNOWN


def public(namespace: Namespace) -> dict[str, Value]:
    """What ``import *`` brings: the names in ``__all__``, or those without a leading underscore."""
    listed = namespace.attrs.get("__all__")
    if isinstance(listed, (List, Tuple)) and listed.items is not None:
        names = [item.value for item in listed.items if isinstance(item, Const)]
        return {str(n): namespace.attrs[str(n)] for n in names if str(n) in namespace.attrs}
    return {n: v for n, v in namespace.attrs.items() if not n.startswith("_") and n != "*"}


def member(m: Machine, namespace: Namespace, name: str) -> Value:
    """A name of a module, or a module inside it."""
    value = namespace.attrs.get(name)
    if value is not None:
        return m.resolve(value)
    child = submodule(m, namespace, name)
    if child is not None:
        return child
    stars = namespace.attrs.get("*")
    if isinstance(stars, Tuple):
        for library in stars.items:
            if isinstance(library, Library) and m.contracts.lookup(f"{library.name}.{name}") is not None:
                return Library(f"{library.name}.{name}")
    full = m.contracts.taught_name(namespace.name, name)
    m.placed.add(full)
    return Library(full) if full else UNKNOWN


def resolvable(m: Machine, node: ir.Import | ir.ImportFrom) -> bool:
    """Whether what a statement imports is in the project, or in a library that the contracts describe."""
    if isinstance(node, ir.ImportFrom):
        if m.project.resolve(_importer(m), node.module, node.level) is not None:
            return True
        return not node.level and all(
            m.contracts.lookup(f"{node.module}.{item.name}") is not None for item in node.names
        )
    return all(
        m.project.resolve(_importer(m), item.name) is not None
        or item.name.partition(".")[0] in ("torch", "numpy")
        or m.contracts.leads_on(item.name)
        for item in node.names
    )
