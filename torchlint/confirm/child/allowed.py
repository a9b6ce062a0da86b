"""Which calls a slice may make: tables of names, and the one question `Judge.allows` asks of an expression.

A slice runs statements of somebody's training script for the sake of the values they bind. What is called on the
way is restricted to calls that compute a value and do nothing else: builtins, constructors of torch, numpy and the
standard library, methods of plain values, classes, and functions of the project whose bodies make no other calls.
The list keeps side effects of *loading* away; what a constructor of the project does is held by the confinement of
the process, not by this list.

Worked example: in `net = Net(len(names), int(args.width))` every call is allowed; in `names = os.listdir("data")`
none is, so the statement is dropped, and a statement that reads `names` afterwards finds it unbound.
"""

from __future__ import annotations

import ast
from collections.abc import Callable


def words(text: str) -> frozenset[str]:
    """The words of a table written as text."""
    return frozenset(text.split())


BUILTINS = words(
    """
    abs all any bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float format
    frozenset getattr hasattr hash hex id int isinstance issubclass iter len list map max min next object oct
    ord pow property range repr reversed round set slice sorted staticmethod str sum super tuple type vars zip
    print globals locals dir open Exception ValueError RuntimeError KeyError NotImplementedError TypeError
    AssertionError ImportError OSError StopIteration AttributeError
    """
)

# Roots of dotted names, after aliases are resolved (`np` is `numpy`), below which calls compute values.
PURE_MODULES = words(
    """
    torch numpy math cmath argparse typing typing_extensions collections functools itertools dataclasses enum
    operator copy re string fractions decimal statistics numbers abc types random os.path pathlib inspect
    torchvision timm einops segmentation_models_pytorch transformers kornia efficientnet_pytorch easydict
    omegaconf addict yacs ml_collections attr attrs pydantic uuid datetime time json.loads json.dumps json.load
    yaml.safe_load yaml.full_load contextlib warnings logging.getLogger os.getcwd os.cpu_count os.environ.get
    os.getenv platform sys torch_geometric monai scipy importlib.import_module
    """
)

# Exceptions to the above: these read or write files, reach the network, start processes, or run training.
IMPURE = words(
    """
    torch.save torch.hub torch.distributed torch.multiprocessing torch.utils.data.DataLoader
    torch.utils.tensorboard torch.utils.cpp_extension torch.ops torch.onnx torch.compile torch.profiler
    torch.jit.save torch.jit.load torch.utils.model_zoo torch.cuda.set_device torch.classes torch.package
    torch.export torchvision.datasets torchvision.io torchvision.utils torchvision.ops.misc numpy.load
    numpy.save numpy.savez numpy.savetxt numpy.loadtxt numpy.genfromtxt numpy.fromfile numpy.memmap
    numpy.ctypeslib numpy.f2py numpy.testing numpy.DataSource pathlib.Path.cwd time.sleep sys.exit sys.path
    sys.stdout sys.stderr sys.stdin scipy.io scipy.misc logging.basicConfig timm.data monai.data monai.apps
    transformers.Trainer random.seed torch.manual_seed warnings.filterwarnings warnings.simplefilter
    warnings.warn torch.set_num_threads torch.set_default_dtype
    """
)

# Modules whose names are functions that act on the system, and the names in them that are none or are allowed.
ACTING_MODULES = words("os shutil subprocess socket urllib requests posix pty signal ctypes multiprocessing builtins")
HARMLESS_NAMES = words(
    "os.path os.environ os.getenv os.sep os.name os.linesep os.curdir os.getcwd os.cpu_count os.PathLike os.fspath"
)

# Exceptions to the exceptions: calls that look impure and are answered by stand-ins.
STOOD_IN = words(
    """
    torch.load torch.hub.load_state_dict_from_url torch.utils.model_zoo.load_url torch.ops.load_library
    torch.distributed.is_available torch.distributed.is_initialized torchvision.ops torch.compile
    torchvision.models.utils.load_state_dict_from_url
    """
)

# Methods of strings, numbers, containers, tensors, parsers, paths and modules that compute a value (or change only
# the value they are called on: see MUTATORS), whatever the receiver.
METHODS = words(
    """
    capitalize casefold center count decode encode endswith expandtabs find format format_map index isalnum
    isalpha isdigit islower isspace isupper join ljust lower lstrip partition removeprefix removesuffix replace
    rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper
    zfill copy get items keys values most_common elements union intersection difference issubset issuperset
    as_posix joinpath relative_to with_name with_suffix absolute parent is_absolute parse_args parse_known_args
    parse parse_known_intermixed_args get_default abs add all any argmax argmin bool bmm byte chunk clamp clone
    contiguous cos cpu cuda detach diag dim div double element_size eq exp expand expand_as fill_ flatten flip
    float floor ge gt half int item le long lt log masked_fill matmul max mean min mm mul ndimension ne neg
    new_full new_ones new_zeros norm normal_ numel numpy ones_like permute pow prod repeat requires_grad_
    reshape round scatter scatter_ sigmoid sin size softmax sort split sqrt squeeze std stack sub sum t tanh to
    tolist topk transpose triu tril type type_as unfold uniform_ unsqueeze var view view_as zero_ astype reshape
    ravel dot T train eval named_parameters parameters children modules named_children named_modules state_dict
    load_state_dict is_available device_count current_device is_initialized getLogger group groups groupdict
    match search findall fullmatch sub_ isoformat strftime total_seconds total_params __init__ __new__ __len__
    from_dict to_dict to_container dict model_dump _asdict _replace fromkeys build bit_length is_integer
    """
)

# Methods that change the value they are called on, and nothing else.
MUTATORS = words(
    """
    append extend insert add update setdefault pop popitem remove discard clear sort reverse add_argument
    set_defaults add_argument_group add_mutually_exclusive_group add_subparsers add_parser add_module
    register_buffer register_parameter register_module merge_from_list merge_from_args merge_from_dict freeze defrost
    fill_
    zero_ normal_ uniform_ copy_ requires_grad_ apply
    """
)

# Methods of a built module (or of a library's object) that leave what torchlint looks at as it is.
HARMLESS_METHODS = words(
    """
    cuda cpu to train eval half float zero_grad share_memory info debug warning error print_help parse_args
    print seed manual_seed load_state_dict parameters state_dict summary close flush write item size numel get
    items keys values format print_usage backward step
    """
)

# Keywords that ask a library to fetch trained weights.
WEIGHT_KEYWORDS = {
    "pretrained": False,
    "weights": None,
    "weights_backbone": None,
    "encoder_weights": None,
    "pretrained_backbone": False,
    "use_pretrained": False,
}


def dotted(node: ast.expr) -> str:
    """`torch.nn.Linear` for the expression that reads so; "" for any that is no chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _below(name: str, table: frozenset[str]) -> bool:
    """Whether the dotted name or a prefix of it is in the table."""
    while name:
        if name in table:
            return True
        name = name.rpartition(".")[0]
    return False


def _method(name: str) -> bool:
    """Whether a method of that name computes a value, as far as names tell."""
    return name in METHODS or name in MUTATORS or name[:1].isupper() or name.startswith(("get_", "num_", "from_"))


def _parameters(node: ast.Lambda) -> frozenset[str]:
    return frozenset(one.arg for one in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])


class Judge:
    """Says of an expression in one file whether evaluating it makes only allowed calls.

    `aliases` maps a name bound by an import to what it stands for (`np` -> `numpy`, `Linear` -> `torch.nn.Linear`);
    `functions` maps the file's top-level functions to their nodes, `classes` are its classes;
    `imported` answers for a name imported from another file of the project: whether its call is allowed;
    `modules` are the names of the project's modules; `find` gives the function of another file that a name means.
    """

    def __init__(
        self,
        aliases: dict[str, str],
        functions: dict[str, ast.FunctionDef],
        classes: frozenset[str],
        imported: Callable[[str], bool] | None = None,
        modules: frozenset[str] = frozenset(),
        find: Callable[[str], ast.FunctionDef | None] | None = None,
    ) -> None:
        self.aliases = aliases
        self.functions = functions
        self.classes = classes
        self.imported = imported
        self.modules = modules
        self.find = find
        self._pure: dict[str, bool] = {}

    def allows(self, node: ast.AST, local: frozenset[str] = frozenset()) -> bool:
        """Whether every call in the expression is allowed; bodies of lambdas are not looked into, they are not run.

        `local` are names that hold local functions or parameters.
        """
        todo: list[ast.AST] = [node]
        while todo:
            one = todo.pop()
            if isinstance(one, (ast.Yield, ast.YieldFrom, ast.Await)):
                return False
            if isinstance(one, ast.Lambda):
                continue
            if isinstance(one, (ast.Attribute, ast.Name)) and self._hands_over(one):
                return False
            if isinstance(one, ast.Call) and not self._call(one, local):
                return False
            todo.extend(ast.iter_child_nodes(one))
        return True

    def function(self, name: str) -> ast.FunctionDef | None:
        """The function of the project that a dotted name means, where that is known."""
        if name in self.functions:
            return self.functions[name]
        return self.find(name) if self.find is not None and name else None

    def _hands_over(self, node: ast.expr) -> bool:
        """Whether the expression names a function that acts on the system, called here or anywhere later."""
        root, _, rest = dotted(node).partition(".")
        full = self.aliases.get(root, "")
        if not full or full.startswith("?"):
            return False
        name = full + ("." + rest if rest else "")
        return (
            name.partition(".")[0] in ACTING_MODULES and bool(rest or "." in full) and not _below(name, HARMLESS_NAMES)
        )

    def holds_value(self, name: str) -> bool:
        """Whether the name stands for an object that may be changed: no module, no class, no function of the file."""
        if name in self.functions or name in self.classes:
            return False
        if name in self.aliases:
            return self.aliases[name].startswith("?") and name not in self.modules and not name[:1].isupper()
        return True

    def _call(self, call: ast.Call, local: frozenset[str]) -> bool:
        function = call.func
        for argument in call.args:
            if isinstance(argument, ast.Name) and self.aliases.get(argument.id, "") in ACTING_MODULES:
                return False
        name = dotted(function)
        if not name:
            if isinstance(function, ast.Attribute):
                return _method(function.attr)
            if isinstance(function, ast.Lambda) and not self.allows(function.body, local | _parameters(function)):
                return False
            # `getattr(models, name)()`, `table["unet"](3)`, `(lambda: 3)()`, `nn.Linear(2, 2)(x)`
            return isinstance(function, (ast.Call, ast.Subscript, ast.Lambda, ast.IfExp))
        root, _, rest = name.partition(".")
        if root in self.aliases:
            full = self.aliases[root] + ("." + rest if rest else "")
            if full.startswith("?"):  # from the project
                last = full.rpartition(".")[2]
                if self.imported is not None and self.imported(name):
                    return True
                return last[:1].isupper() or (_method(last) and root not in self.modules)
            return self.library(full)
        if not rest:
            if root in self.functions:
                return self.pure(root)
            if root in BUILTINS:  # `map(lambda ...)`, `sorted(key=lambda ...)` call what they are given
                lambdas = [
                    one for one in (*call.args, *(k.value for k in call.keywords)) if isinstance(one, ast.Lambda)
                ]
                return all(self.allows(one.body, local | _parameters(one)) for one in lambdas)
            return root in self.classes or root in local or root[:1].isupper()
        last = rest.rpartition(".")[2]
        return _method(last) or root in ("self", "cls")

    def library(self, full: str) -> bool:
        """Whether a call of a library's function, by its full dotted name, computes a value only."""
        if _below(full, STOOD_IN):
            return True
        if _below(full, IMPURE):
            return False
        if _below(full, PURE_MODULES):
            return True
        return full.rpartition(".")[2][:1].isupper()  # a class: its constructor

    def pure(self, name: str) -> bool:
        """Whether the file's own function makes only allowed calls (a recursive call is taken to be allowed)."""
        if name not in self._pure:
            self._pure[name] = True
            self._pure[name] = self.pure_body(self.functions[name])
        return self._pure[name]

    def pure_body(self, node: ast.FunctionDef) -> bool:
        """Whether the body makes only allowed calls; parameters may be called."""
        arguments = node.args
        local = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
        local |= {inner.name for inner in ast.walk(node) if isinstance(inner, ast.FunctionDef)}
        for inner in ast.walk(node):
            if isinstance(inner, (ast.Global, ast.While)):
                return False
        return all(self.allows(statement, frozenset(local)) for statement in node.body)
