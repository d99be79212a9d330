"""What must hold of the source tree itself: the stub, versions, layers, symbols, docstrings."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

import fastgrad
from fastgrad import _core

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "fastgrad"


# The stub of the extension


def stub() -> ast.Module:
    return ast.parse((files("fastgrad") / "_core.pyi").read_text())


def declared(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a stub's module or class declares, by name."""
    names: dict[str, ast.stmt] = {}
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            names[statement.target.id] = statement
    return names


def is_own(name: str) -> bool:
    """Whether a name is the extension's, not Python's or pybind11's."""
    return name == "__version__" or not name.startswith("_")


def test_the_stub_names_what_the_extension_has():
    in_stub = {name for name in declared(stub().body) if is_own(name)}
    in_module = {name for name in vars(_core) if is_own(name)}
    assert in_stub == in_module


@pytest.mark.parametrize("name", ["TensorBase", "Generator", "dtype"])
def test_the_stub_names_the_members_of_each_class(name: str):
    declaration = declared(stub().body)[name]
    assert isinstance(declaration, ast.ClassDef)
    private = {"_base", "_version", "_make_subclass"}
    members = {n for n in vars(getattr(_core, name)) if not n.startswith("_") or n in private}
    in_stub = {n for n in declared(declaration.body) if not n.startswith("__")}
    assert in_stub == members


def accepted_arguments(function: Callable[..., object]) -> int | None:
    """How many arguments a function of the extension takes; None where it does not say."""
    match = re.match(r"\w+\((.*?)\) ->", function.__doc__ or "")
    if match:  # pybind11 writes the signature into the docstring
        return len(match[1].split(",")) if match[1] else 0
    try:
        function(*[None] * 20)
    except TypeError as error:
        numbers = re.search(
            r"expected (\d+) positional|takes (exactly one|no) argument", str(error)
        )
        return (
            None
            if numbers is None
            else {"exactly one": 1, "no": 0}.get(numbers[2], int(numbers[1] or 0))
        )
    return None


def test_the_stub_gives_each_function_its_number_of_arguments():
    wrong, compared = [], 0
    for name, declaration in declared(stub().body).items():
        if not isinstance(declaration, ast.FunctionDef):
            continue
        arguments = declaration.args
        expected = accepted_arguments(getattr(_core, name))
        if expected is None or arguments.vararg is not None:
            continue
        compared += 1
        if len(arguments.posonlyargs) + len(arguments.args) != expected:
            wrong.append(name)
    assert wrong == []
    assert compared > 100


# Versions


def versions() -> Iterator[tuple[str, str]]:
    yield "the extension", _core.__version__
    yield "the package", fastgrad.__version__
    yield "the installed distribution", version("fastgrad")
    citation = (ROOT / "CITATION.cff").read_text()
    yield "CITATION.cff", re.findall(r"^version: (.+)$", citation, re.MULTILINE)[0]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    yield "CHANGELOG.md", re.findall(r"^## \[?(\d[\w.]*)", changelog, re.MULTILINE)[0]


def test_every_version_is_that_of_the_project():
    expected = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert dict(versions()) == {name: expected for name, _ in versions()}


# Layers


def includes(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "cpp" / folder).glob("*.*")):
        for header in re.findall(r'^#include "(.+)"', path.read_text(), re.MULTILINE):
            yield f"{folder}/{path.name}", header


@pytest.mark.parametrize(
    ("folder", "may_know"),
    [
        ("kernels", r"kernels\.h|kernels/\w+\.h"),
        ("core", r"core/\w+\.h|kernels\.h|accelerator\.h"),
        ("ops", r"core/\w+\.h|kernels\.h|accelerator\.h|ops/\w+\.h"),
        (
            "cuda",
            r"core/\w+\.h|kernels\.h|kernels/\w+\.h|accelerator\.h"
            r"|ops/\w+\.h|cuda/\w+\.(h|cuh)",
        ),
        ("emulation", r"core/half\.h|emulation/\w+\.h|cuda_\w+\.h|mma\.h"),
    ],
)
def test_cpp_layers_know_only_what_lies_below(folder: str, may_know: str):
    found = list(includes(folder))
    assert found
    assert [pair for pair in found if not re.fullmatch(may_know, pair[1])] == []


def test_the_list_of_kernels_knows_the_element_types_only():
    headers = re.findall(r'^#include "(.+)"', (ROOT / "cpp/kernels.h").read_text(), re.MULTILINE)
    assert headers == ["core/dtype.h"]


# From the bottom up. Up to `printing` they make the tensor, and may meet each other when they run;
# when they are loaded, a room knows itself and those before it.
ROOMS = (
    *("size", "device", "layout", "random", "autograd", "ops", "tensor"),
    *("tensor_types", "limits", "printing"),
    *(
        "linalg",
        "special",
        "distributed",
        "nn",
        "measure",
        "func",
        "distributions",
        "optim",
        "utils",
        "io",
        "hub",
        "switches",
        "compiler",
        "multiprocessing",
        "onnx",
        "backends",
        "amp",
        "cuda",
        "accelerator",
        "viz",
        "hints",
        "machine",
        "vision",
        "text",
        "train",
        "torch_alias",
        "d2l",
        "sklearn",
        "cli",
    ),
)
CORE = ROOMS.index("printing")


def type_checking_only(tree: ast.Module) -> set[ast.AST]:
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {inner for block in blocks for statement in block.body for inner in ast.walk(statement)}


def imported_rooms(path: Path) -> Iterator[tuple[str, bool]]:
    """The rooms ("" for the whole package) that a file imports, and whether only when it runs."""
    tree = ast.parse(path.read_text())
    ignored = type_checking_only(tree)
    for node in ast.walk(tree):
        if node in ignored or not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "fastgrad":
                room = rest.split(".")[0]
                yield (room if room in (*ROOMS, "_core") else ""), node.col_offset > 0


def allowed(room: str, imported: str, when_it_runs: bool) -> bool:
    if imported == "_core":
        return True
    own = ROOMS.index(room)
    if imported == "":
        return own > CORE
    if when_it_runs and own <= CORE:
        return ROOMS.index(imported) <= CORE
    return ROOMS.index(imported) <= own


@pytest.mark.parametrize("room", ROOMS)
def test_python_rooms_know_only_those_below(room: str):
    folder = PACKAGE / room
    paths = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    wrong = [
        (str(path.relative_to(PACKAGE)), imported)
        for path in paths
        for imported, when_it_runs in imported_rooms(path)
        if not allowed(room, imported, when_it_runs)
    ]
    assert wrong == []


def test_import_loads_nothing_heavy():
    heavy = [
        "numpy",
        "matplotlib",
        "tqdm",
        "sklearn",
        "safetensors",
        "PIL",
        "urllib.request",
        "gzip",
        "json",
        "inspect",
        "logging",
        "dataclasses",
        "concurrent.futures",
        "multiprocessing",
        "argparse",
        "fastgrad.func",
        "fastgrad.distributions",
        "fastgrad.measure",
        "fastgrad.nn.utils",
        "fastgrad.nn.modules.linear",
        "fastgrad.autograd.functional",
        "fastgrad.vision",
        "fastgrad.text",
        "fastgrad.train",
        "fastgrad.sklearn",
        "fastgrad.io",
        "fastgrad.cli",
        "fastgrad.cuda",
        "fastgrad.hints",
        "fastgrad.torch_alias",
        "fastgrad.d2l",
        "fastgrad.distributed",
        "fastgrad.utils.tensorboard",
    ]
    program = f"import sys, fastgrad; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


# Object files


def kernel_objects() -> list[Path]:
    """The object files of the kernels, for each instruction set, of a build of these sources."""
    builds = [*(ROOT / "build").glob("*"), Path(_core.__file__).resolve().parent]
    for build in builds:
        objects = list(build.glob("CMakeFiles/kernels_*.dir/**/*.o"))
        if objects and all(map(is_current, objects)):
            return objects
    return []


def is_current(built: Path) -> bool:
    headers = [*(ROOT / "cpp" / "kernels").glob("*.h"), *(ROOT / "cpp").glob("*.h")]
    source = ROOT / "cpp" / "kernels" / built.stem
    inputs = [path.stat().st_mtime for path in (source, *headers) if path.exists()]
    return source.exists() and built.stat().st_mtime > max(inputs)


def test_objects_of_an_instruction_set_share_no_symbols():
    """A weak symbol, say of an inline function, would let the linker pick AVX code for everyone."""
    objects = kernel_objects()
    if shutil.which("nm") is None or not objects:
        pytest.skip("needs nm, and a build under build/ of the sources as they are")
    listing = subprocess.run(
        ["nm", "-C", "--defined-only", *objects], capture_output=True, text=True, check=True
    )
    assert " T " in listing.stdout
    assert [line for line in listing.stdout.splitlines() if re.match(r"\S* [WwVvu] ", line)] == []


# Files


def test_no_file_names_a_place_on_some_machine():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a clone, to tell the project's files from others")
    command = [git, "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if not name.endswith((".gz", ".png"))]
    places = re.compile(rb"/(?:home|Users|root|work)/\w")
    assert [p for p in paths if p.is_file() and places.search(p.read_bytes())] == []


# Documentation

PUBLIC_MODULES = (
    "fastgrad",
    "fastgrad.autograd",
    "fastgrad.autograd.functional",
    "fastgrad.distributions",
    "fastgrad.distributions.constraints",
    "fastgrad.func",
    "fastgrad.linalg",
    "fastgrad.nn",
    "fastgrad.nn.functional",
    "fastgrad.nn.init",
    "fastgrad.nn.utils",
    "fastgrad.nn.utils.parametrizations",
    "fastgrad.nn.utils.parametrize",
    "fastgrad.measure",
    "fastgrad.optim",
    "fastgrad.special",
    "fastgrad.viz",
    "fastgrad.utils.data",
    "fastgrad.utils.dlpack",
    "fastgrad.vision.datasets",
    "fastgrad.vision.io",
    "fastgrad.vision.metrics",
    "fastgrad.vision.ops",
    "fastgrad.vision.transforms",
    "fastgrad.vision.utils",
    "fastgrad.text",
    "fastgrad.text.models",
    "fastgrad.io",
    "fastgrad.train",
    "fastgrad.accelerator",
    "fastgrad.amp",
    "fastgrad.backends.cuda",
    "fastgrad.backends.cudnn",
    "fastgrad.backends.mps",
    "fastgrad.compiler",
    "fastgrad.cuda",
    "fastgrad.cuda.amp",
    "fastgrad.distributed",
    "fastgrad.hub",
    "fastgrad.multiprocessing",
    "fastgrad.nn.parallel",
    "fastgrad.onnx",
    "fastgrad.switches",
    "fastgrad.torch_alias",
    "fastgrad.utils.tensorboard",
    "fastgrad.sklearn",
)


def public_objects(module: ModuleType) -> Iterator[tuple[str, object]]:
    """What a module offers that can have a docstring, with the members of its classes."""
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value) or isinstance(value, ModuleType):
            yield name, value
        if inspect.isclass(value):
            for member, inner in vars(value).items():
                if not member.startswith("_") and (callable(inner) or isinstance(inner, property)):
                    yield f"{name}.{member}", inner


def is_documented(value: object) -> bool:
    """Methods inherit docstrings; a class needs its own."""
    return bool(vars(value).get("__doc__") if inspect.isclass(value) else inspect.getdoc(value))


@pytest.mark.parametrize("name", [*PUBLIC_MODULES, "fastgrad.d2l"])
def test_every_public_name_is_documented(name: str):
    module = import_module(name)
    assert module.__doc__
    assert [n for n, value in public_objects(module) if not is_documented(value)] == []


def is_function(value: object) -> bool:
    return inspect.isfunction(inspect.unwrap(value) if callable(value) else value)


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_every_public_function_shows_an_example(name: str):
    functions = [(n, f) for n, f in public_objects(import_module(name)) if is_function(f)]
    assert [n for n, f in functions if "." not in n and ">>>" not in (f.__doc__ or "")] == []


def test_the_package_exports_every_public_name():
    plumbing = {"annotations", "TYPE_CHECKING"}
    names = {
        name
        for name, value in vars(fastgrad).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    modules = {"autograd", "linalg", "nn", "optim", "random", "special", "utils"}
    assert set(fastgrad.__all__) == (names - plumbing) | modules | {"__version__"}
