"""Prints the page that compares fastgrad with PyTorch, name by name. Needs PyTorch.

python docs/coming_from_pytorch.py > docs/coming-from-pytorch.md
"""

import inspect
import pkgutil
import textwrap
from importlib import import_module

import torch

from fastgrad.torch_alias.differences import DIFFERENCES
from fastgrad.torch_alias.judge import ABSENT, DIFFERS, SAME, judge
from fastgrad.torch_alias.names import FOLLOWED

MODULES = (
    *("torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils"),
    *("torch.nn.utils.rnn", "torch.optim", "torch.optim.lr_scheduler", "torch.utils.data"),
    *("torch.autograd", "torch.autograd.functional", "torch.func"),
    *("torch.linalg", "torch.special", "torch.random", "torch.hub", "torch.amp"),
    "torch.distributions",
)
CLASSES = ("torch.Tensor", "torch.nn.Module")
# Where PyTorch's modules have helpers from that are no part of their API.
HELPERS = ("torch._C", "torch._jit_internal", "torch.overrides")
WIDTH = 120

HEAD = f"""# Coming from PyTorch

The names with a docstring in PyTorch {FOLLOWED["torch"]}, and whether they are here. A test
makes this page anew from both libraries. How to run a script, and to see beforehand
what it would miss: [Courses](courses.md).

"Same" means that the name is here and nothing is known to differ but what the page on
[random numbers](random.md) says; that the results agree is tested for the operations one by one.
"""


def documented(path: str) -> list[str]:
    """The names of a module or class that PyTorch documents."""
    owner = torch_object(path)
    names = sorted(set(getattr(owner, "__all__", None) or dir(owner)))
    is_part = is_member if path in CLASSES else is_function_or_class
    return [n for n in names if not n.startswith("_") and is_part(getattr(owner, n, None))]


def torch_object(path: str) -> object:
    folder, _, name = path.rpartition(".")
    return getattr(import_module(folder), name) if path in CLASSES else import_module(path)


def is_member(value: object) -> bool:
    """Whether something is a documented method or attribute."""
    is_described = inspect.isroutine(value) or inspect.isdatadescriptor(value)
    return is_described and bool(inspect.getdoc(value))


def is_function_or_class(value: object) -> bool:
    """Whether something is a dtype, or a documented function or class of PyTorch's own."""
    home = getattr(value, "__module__", None) or "torch"
    is_own = home.startswith("torch") and home not in HELPERS
    return isinstance(value, torch.dtype) or (
        callable(value) and is_own and bool(inspect.getdoc(value))
    )


def verdicts(path: str) -> dict[str, list[str]]:
    """The names of a module or class, by what is to be said of them."""
    found: dict[str, list[str]] = {SAME: [], DIFFERS: [], ABSENT: []}
    for name in documented(path):
        found[judge(f"{path}.{name}")[-1].status].append(name)
    return found


def absent_modules() -> list[str]:
    """The modules directly below ``torch`` without a counterpart."""
    names = [found.name for found in pkgutil.iter_modules(torch.__path__)]
    public = [f"torch.{name}" for name in names if not name.startswith("_")]
    return [name for name in public if judge(name)[-1].status == ABSENT]


def wrapped(names: list[str]) -> str:
    text = " ".join(f"`{name}`" for name in names)
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def page() -> str:
    everything = {path: verdicts(path) for path in (*MODULES, *CLASSES)}
    parts = [HEAD, "## How many\n"]
    parts += ["| in | same | differ | absent |\n|---|---:|---:|---:|"]
    for path, found in everything.items():
        counts = " | ".join(str(len(names)) for names in found.values())
        parts.append(f"| `{path}` | {counts} |")
    parts += ["\n## What differs\n", "| name, and what is here below it | how |\n|---|---|"]
    parts += [f"| `{name}` | {how} |" for name, how in DIFFERENCES.items()]
    parts += ["\n## What is absent\n", "Whole modules:\n", wrapped(absent_modules())]
    for path, found in everything.items():
        if found[ABSENT]:
            parts += [f"\n### {path}\n", wrapped(found[ABSENT])]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page())
