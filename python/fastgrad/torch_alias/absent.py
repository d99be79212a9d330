"""What is said of a name that PyTorch has and fastgrad does not."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module

from fastgrad._core import __version__
from fastgrad.torch_alias.names import DOCUMENTATION, home_of, is_shown, module_exists

# Where a name may be meant that was looked for elsewhere.
_PLACES = (
    *("torch", "torch.nn", "torch.nn.functional", "torch.Tensor", "torch.linalg", "torch.special"),
    *("torch.nn.init", "torch.nn.utils", "torch.optim", "torch.optim.lr_scheduler"),
    *("torch.utils.data", "torch.autograd", "torch.func"),
    *("torchvision.transforms", "torchvision.models", "torchvision.datasets", "torchvision.ops"),
)


def message(name: str) -> str:
    """The text of the error for an absent name, given with its path: ``torch.nn.Foo``."""
    near = nearest(name)
    hint = f" The nearest name that is there: {near}." if near else ""
    return f"{name} is not in fastgrad {__version__}.{hint} See {DOCUMENTATION}"


def nearest(name: str) -> str | None:
    """A present name that may be meant: the same name elsewhere, or a similar one beside it."""
    parent, _, last = name.rpartition(".")
    for place in _PLACES:
        if place != parent and place.partition(".")[0] == parent.partition(".")[0]:
            found = next((n for n in names_in(place) if n == last), None)
            if found:
                return f"{place}.{found}"
    close = get_close_matches(last, names_in(parent), n=1, cutoff=0.7)
    return f"{parent}.{close[0]}" if close else None


def names_in(place: str) -> list[str]:
    """The public names of a module or of ``torch.Tensor``."""
    return list(_names_in(place))


def _names_in(place: str) -> Iterator[str]:
    if place == "torch.Tensor":
        from fastgrad import Tensor

        yield from (name for name in dir(Tensor) if not name.startswith("_"))
    elif place and module_exists(place):
        for name in dir(import_module(home_of(place))):
            if not name.startswith("_") and is_shown(f"{place}.{name}"):
                yield name
