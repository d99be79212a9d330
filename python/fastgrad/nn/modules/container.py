"""Containers: modules that hold other modules."""

from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from operator import index as as_int
from typing import Any, Self, overload

from .._registry import type_name
from ..module import Module, bracketed, indented

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Numbered(Module):
    """Modules in a row, named "0", "1", ... unless the user gave other names."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __setitem__(self, idx: int, module: Module) -> None:
        self._modules[self._name_at(idx)] = module

    def __delitem__(self, idx: int | slice) -> None:
        names = list(self._modules)[idx] if isinstance(idx, slice) else [self._name_at(idx)]
        self._renumber([child for name, child in self._modules.items() if name not in names])

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end.

        Raises:
            TypeError: `modules` cannot be iterated over, or holds something that is no module.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{self._get_name()}.extend should be called with an iterable of modules,"
                f" but got {type_name(modules)}"
            )
        for module in list(modules):  # a list: it may be this very container
            self.append(module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        children = list(self)
        children.insert(index, module)
        self._renumber(children)

    def _renumber(self, children: list[Module]) -> None:
        self._modules.replace({str(i): child for i, child in enumerate(children)})

    def _name_at(self, idx: int) -> str:
        position, size = as_int(idx), len(self)
        if not -size <= position < size:
            raise IndexError(f"index {position} is out of range for {size} modules")
        return list(self._modules)[position]


class Sequential(_Numbered):
    """Calls its modules one after the other, each on the output of the one before.

    Args:
        args: the modules, or one OrderedDict of modules by name.

    Raises:
        TypeError: something that is not a module.

    Follows torch.nn.Sequential.

    >>> import fastgrad as torch
    >>> torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    Sequential(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1): Linear(in_features=784, out_features=10, bias=True)
    )
    """

    @overload
    def __init__(self, *args: Module) -> None: ...
    @overload
    def __init__(self, arg: OrderedDict[str, Module], /) -> None: ...

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def forward(self, input: Any) -> Any:
        """Pass an input through all modules."""
        for module in self._modules.values():
            input = module(input)
        return input

    @overload
    def __getitem__(self, idx: slice) -> Self: ...
    @overload
    def __getitem__(self, idx: int) -> Module: ...

    def __getitem__(self, idx: int | slice) -> "Module | Sequential":
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        module: Module = self._modules[self._name_at(idx)]
        return module

    def pop(self, key: int | slice) -> Module:
        """Remove the module (or modules) at `key` and return it."""
        removed = self[key]
        del self[key]
        return removed

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before position `index`.

        Raises:
            IndexError: `index` is further from 0 than the length.
        """
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index} for {len(self)} modules")
        self._insert(index, module)
        return self

    def __add__(self, other: "Sequential") -> "Sequential":
        return Sequential().extend(self).extend(_sequential(other))

    def __iadd__(self, other: "Sequential") -> Self:
        return self.extend(_sequential(other))

    def __mul__(self, other: int) -> "Sequential":
        return Sequential().extend(list(self) * _factor(other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (_factor(other) - 1))


class ModuleList(_Numbered):
    """A list whose modules are registered, so that their parameters are found.

    Args:
        modules: the first modules.

    Follows torch.nn.ModuleList.

    >>> import fastgrad as torch
    >>> layers = torch.nn.ModuleList([torch.nn.Linear(4, 4) for _ in range(3)])
    >>> layers
    ModuleList(
      (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self, idx: slice) -> Self: ...
    @overload
    def __getitem__(self, idx: int) -> Module: ...

    def __getitem__(self, idx: int | slice) -> "Module | ModuleList":
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        module: Module = self._modules[self._name_at(idx)]
        return module

    def pop(self, key: int | slice) -> Module:
        """Remove the module (or modules) at `key` and return it."""
        removed = self[key]
        del self[key]
        return removed

    def insert(self, index: int, module: Module) -> None:
        """Put a module before position `index`."""
        self._insert(index, module)

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList(self).extend(other)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """As other modules, but equal neighbours are printed once."""
        runs: list[tuple[str, list[str]]] = []
        for name, child in self._modules.items():
            if runs and runs[-1][0] == repr(child):
                runs[-1][1].append(name)
            else:
                runs.append((repr(child), [name]))
        return bracketed(self._get_name(), [_run_line(text, names) for text, names in runs])


class ModuleDict(Module):
    """A dict whose modules are registered, so that their parameters are found.

    Args:
        modules: a mapping from names to modules, or pairs of both.

    Follows torch.nn.ModuleDict.

    >>> import fastgrad as torch
    >>> choices = torch.nn.ModuleDict({"relu": torch.nn.ReLU(), "tanh": torch.nn.Tanh()})
    >>> choices["relu"](torch.tensor([-1.0]))
    tensor([0.])
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        module: Module = self._modules[key]
        return module

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Remove the module `key` and return it."""
        module: Module = self._modules.pop(key)
        return module

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """The pairs of names and modules."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules, given as a mapping or as pairs of name and module."""
        if isinstance(modules, Mapping | ModuleDict):
            modules = modules.items()
        elif not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with a mapping or an iterable of"
                f" key/value pairs, but got {type_name(modules)}"
            )
        for key, module in modules:
            self[key] = module


def _sequential(other: object) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"add operator supports only objects of Sequential class, but got {type_name(other)}"
        )
    return other


def _factor(other: object) -> int:
    if not isinstance(other, int):
        raise TypeError(f"a Sequential can be multiplied by an int, but got {type_name(other)}")
    if other <= 0:
        raise ValueError(f"a Sequential can be multiplied by 1 or more, but got {other}")
    return other


def _run_line(text: str, names: list[str]) -> str:
    """The line of equal neighbours in a ModuleList's repr."""
    if len(names) == 1:
        return f"({names[0]}): {indented(text)}"
    return indented(f"({names[0]}-{names[-1]}): {len(names)} x {text}")
