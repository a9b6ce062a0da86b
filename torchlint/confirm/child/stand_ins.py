"""What stands in for the parts of the world that a slice must not touch, or that are not there.

* a package that is not installed: `Stub`, which raises `StubUsedError` when it is really used;
* files of weights: `FakeState`, an empty mapping that `load_state_dict` takes without a change to the model. Pickles
  are never opened;
* a graphics card: `CpuMode` turns every request for one into the CPU;
* the command line: `parse_args` answers with the defaults, and says which it had to make up.

`install()` changes torch and argparse for the whole process, which is a child made for one job.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, ClassVar, NoReturn

import torch
from allowed import WEIGHT_KEYWORDS
from torch.overrides import TorchFunctionMode

PROJECT = "_torchlint_project_"  # the modules of the project are named below it, so that they hide no other

keep_project_weights_off = False
"""Whether `pretrained=` and its like are turned off in calls of the project's own functions too."""

GUESSED: dict[str, Any] = {}
"""Command line arguments without a default that were read: their names, and the values made up for them."""


class DownloadRefusedError(Exception):
    """A download was asked for."""


class StubUsedError(Exception):
    """Something of a package that is not installed was needed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the package {package} is not installed")
        self.package = package


class _StubBase:
    """The base class that a class gets in place of one of a missing package: it cannot be instantiated."""

    package = ""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        raise StubUsedError(type(self).package)


class Stub(ModuleType):
    """A module, class or function of a package that is not installed: may be named, subclassed, and no more."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Stub(f"{self.__name__}.{name}")

    @property
    def package(self) -> str:
        """The top-level package that is missing."""
        return self.__name__.partition(".")[0]

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        return (type("StubBase", (_StubBase,), {"package": self.package}),)

    def __call__(self, *arguments: object, **keywords: object) -> NoReturn:
        raise StubUsedError(self.package)

    __getitem__ = __iter__ = __len__ = __call__

    def __or__(self, other: object) -> Any:  # `np.ndarray | PIL.Image` in an annotation
        return object

    __ror__ = __or__


class FakeState(dict[Any, Any]):
    """The content of a file of weights that was not read: every key is there and holds another of these."""

    def __missing__(self, key: object) -> FakeState:
        return FakeState()

    def get(self, key: object, default: object = None) -> Any:
        """Another fake state, whatever the default."""
        return FakeState()

    def pop(self, key: object, default: object = None) -> Any:
        """Another fake state, whatever the default."""
        return FakeState()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return FakeState()

    def __call__(self, *arguments: object, **keywords: object) -> FakeState:
        return self


def _on_cpu(value: Any) -> Any:
    if isinstance(value, torch.device):
        return torch.device("cpu") if value.type in ("cuda", "mps", "xpu", "hpu", "npu") else value
    if isinstance(value, str) and value.split(":")[0] in ("cuda", "mps", "xpu", "hpu", "npu"):
        return "cpu"
    return value


class CpuMode(TorchFunctionMode):
    """While it is entered, tensors asked for on a graphics card are made on the CPU, and moving them there is none."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in ("cuda", "xpu", "pin_memory") and args and isinstance(args[0], torch.Tensor):
            return args[0]
        if "device" in kwargs:
            kwargs = {**kwargs, "device": _on_cpu(kwargs["device"])}
            if isinstance(kwargs["device"], int):
                kwargs["device"] = "cpu"
        if name == "to" and len(args) > 1:
            moved = "cpu" if isinstance(args[1], int) and not isinstance(args[1], bool) else _on_cpu(args[1])
            args = (args[0], moved, *args[2:])
        return func(*args, **kwargs)


class GuessingNamespace(argparse.Namespace):
    """Parsed arguments; one without a default is made up when it is read, and that is written down in `GUESSED`."""

    made_up: ClassVar[dict[str, Any]] = {}  # of the class made for one namespace: `vars(args)` must not show it

    def __getattr__(self, name: str) -> Any:
        made_up = type(self).made_up
        if name not in made_up:
            raise AttributeError(name)
        GUESSED["args." + name] = made_up[name]
        return made_up[name]


def _defaults_only(parser: argparse.ArgumentParser, *unused: Any, **keywords: Any) -> argparse.Namespace:
    """The namespace that the parser gives for an empty command line; arguments that it requires are made up."""
    made_up: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for action in parser._actions:
        if action.dest in ("help", argparse.SUPPRESS) or action.default is argparse.SUPPRESS:
            continue
        value = action.default
        if value is None and action.dest in parser._defaults:
            value = parser._defaults[action.dest]
        positional = not action.option_strings and action.nargs not in ("?", "*")
        if value is None and (action.required or positional):
            choices = list(action.choices) if action.choices is not None else []
            made_up[action.dest] = choices[0] if choices else None
            continue
        if isinstance(value, str) and callable(action.type) and not isinstance(action.type, argparse.FileType):
            try:
                value = action.type(value)
            except (TypeError, ValueError, argparse.ArgumentTypeError):
                made_up[action.dest] = value
                continue
        values.setdefault(action.dest, value)
    space: argparse.Namespace = type("Namespace", (GuessingNamespace,), {"made_up": made_up})()
    for name, value in {**parser._defaults, **values}.items():
        setattr(space, name, value)
    return space


def without_weights(function: Any, *arguments: Any, **keywords: Any) -> Any:
    """Calls a function, with the keywords that ask a library for trained weights turned off.

    The project's own classes get what was written (their loading of weights is a `FakeState`), and so do
    torchvision's, which takes the number of classes from the weights.
    """
    module = str(getattr(function, "__module__", "") or "")
    own = module.startswith(PROJECT) and not keep_project_weights_off
    if not own and not module.startswith(("torchvision", "torch.", "numpy", "builtins")):
        keywords = {name: WEIGHT_KEYWORDS.get(name, value) for name, value in keywords.items()}
    return function(*arguments, **keywords)


def _fake_load(*arguments: object, **keywords: object) -> FakeState:
    return FakeState()


def _refuse(*arguments: object, **keywords: object) -> NoReturn:
    raise DownloadRefusedError("a download was asked for")


def _replace_everywhere(old: Any, new: Any) -> None:
    """Gives the new function to every loaded module that has imported the old one by name."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is old:
                module.__dict__[name] = new


_installed = False


def install() -> None:
    """Puts the stand-ins into torch and argparse, once."""
    global _installed
    if _installed:
        return
    _installed = True
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "TORCH_COMPILE_DISABLE"):
        os.environ[name] = "1"
    import torch.hub
    import torch.utils.model_zoo

    sys.argv = ["program"]
    torch.device("cpu")
    torch.zeros(1, device="cpu")
    for fake in {torch.load, torch.hub.load_state_dict_from_url, torch.jit.load}:
        _replace_everywhere(fake, _fake_load)
    for refused in (torch.hub.load, torch.hub.download_url_to_file):
        _replace_everywhere(refused, _refuse)
    _replace_everywhere(torch.compile, _compiled)
    for module, name in ((torch.jit, "script"), (torch.jit, "script_method"), (torch.jit, "ignore")):
        _keep_project_code(module, name)
    load_state_dict = torch.nn.Module.load_state_dict

    def load_unless_fake(self: Any, state_dict: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(state_dict, FakeState) or not state_dict:
            return torch.nn.modules.module._IncompatibleKeys([], [])
        return load_state_dict(self, state_dict, *arguments, **keywords)

    torch.nn.Module.load_state_dict = load_unless_fake  # type: ignore[method-assign]
    torch.cuda.set_device = lambda *unused: None
    torch.cuda.current_device = lambda: 0
    parser: Any = argparse.ArgumentParser
    parser.parse_args = _defaults_only
    parser.parse_known_args = lambda self, *unused, **keywords: (_defaults_only(self), [])
    parser.parse_intermixed_args = _defaults_only


def _compiled(model: Any = None, *arguments: object, **keywords: object) -> Any:
    return model if model is not None else (lambda function: function)


def _keep_project_code(module: Any, name: str) -> None:
    """Makes a compiling decorator of torch leave the project's functions and modules as they are."""
    real: Callable[..., Any] = getattr(module, name)

    def decorate(target: Any = None, *arguments: Any, **keywords: Any) -> Any:
        where = target if hasattr(target, "__module__") else type(target)
        if str(getattr(where, "__module__", "")).startswith(PROJECT):
            return target
        return real(target, *arguments, **keywords)

    setattr(module, name, decorate)


def stub_iterator(module: ModuleType) -> Iterator[str]:
    """The names in a module that are stubs."""
    return (name for name, value in vars(module).items() if isinstance(value, Stub))
