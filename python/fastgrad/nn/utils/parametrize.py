"""Parameters that are functions of others. Follows torch.nn.utils.parametrize."""

from __future__ import annotations

from contextlib import contextmanager

from ... import Tensor, no_grad
from ..module import Module
from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TypeVar

    M = TypeVar("M", bound=Module)

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]

_depth = 0  # of the `cached` blocks that run
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once within the block.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The functions behind a parametrized tensor, and the tensors that they start from.

    These are `original`, or `original0`, `original1` ... where the last function's `right_inverse`
    gives several.

    Args:
        modules: the functions, the first one applied first.
        original: the tensor as it was.
        unsafe: whether they may change its shape and dtype.

    Raises:
        TypeError: a `right_inverse` gives neither a tensor nor several.
        ValueError: a shape or dtype changes.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        value = self._inverted(original)
        self.is_tensor = isinstance(value, Tensor)
        values = [value] if isinstance(value, Tensor) else list(value)
        self.ntensors = len(values)
        for name, tensor in zip(self._names(), values, strict=True):
            if isinstance(original, Parameter):
                self.register_parameter(name, Parameter(tensor.detach(), original.requires_grad))
            else:
                self.register_buffer(name, tensor)
        if not unsafe:
            self._check(original)

    def _names(self) -> list[str]:
        return ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]

    def _inverted(self, value: Any) -> Any:
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
        if not isinstance(value, Tensor | list | tuple):
            raise TypeError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...)."
                f" Got {type(value).__name__}"
            )
        return value

    def _check(self, original: Tensor) -> None:
        result = self()
        if not isinstance(result, Tensor):
            raise ValueError(
                f"A parametrization must return a tensor. Got {type(result).__name__}."
            )
        for what, before, after in (
            ("dtype", original.dtype, result.dtype),
            ("shape", original.shape, result.shape),
        ):
            if before != after:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless"
                    f" `unsafe` flag is enabled.\nbefore: {before}\nafter: {after}"
                )

    def right_inverse(self, value: Tensor) -> None:
        """Set the tensors so that the functions give `value`."""
        inverted = self._inverted(value)
        values = [inverted] if self.is_tensor else list(inverted)
        with no_grad():
            for name, tensor in zip(self._names(), values, strict=True):
                getattr(self, name).copy_(tensor)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        values = [getattr(self, name) for name in self._names()]
        functions = iter(self)
        result: Tensor = next(functions)(*values)
        for function in functions:
            result = function(result)
        return result


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Let a parameter or buffer be ``parametrization(original)`` from now on.

    Args:
        module: whose tensor it is; it becomes one of a class of its own.
        tensor_name: the attribute.
        parametrization: a module that takes the original and gives the tensor. Where it has
            `right_inverse`, that makes the original, or several, of the tensor as it is now.
        unsafe: whether it may change shape and dtype.

    Raises:
        ValueError: there is no such tensor, or the shape or dtype would change.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils import parametrize
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).mT
    >>> layer = parametrize.register_parametrization(torch.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.mT).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        return _extended(module, tensor_name, parametrization, unsafe)
    member = module._parameters.get(tensor_name)
    member = module._buffers.get(tensor_name) if member is None else member
    if member is None:
        raise ValueError(
            f"Module '{module!r}' does not have a parameter, a buffer, or a parametrized element"
            f" with name '{tensor_name}'"
        )
    functions = ParametrizationList([parametrization], member, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        _give_class(module)
    setattr(type(module), tensor_name, _property(tensor_name))
    _table(module)[tensor_name] = functions
    return module


def _extended(module: M, name: str, parametrization: Module, unsafe: bool) -> M:
    functions: Any = _table(module)[name]
    value = functions()
    functions.append(parametrization)
    if unsafe:
        functions.unsafe = True
    else:
        functions._check(value)
    if hasattr(parametrization, "right_inverse"):
        functions.right_inverse(value)
    return module


def _table(module: Module) -> ModuleDict:
    table: ModuleDict = vars(module)["parametrizations"]
    return table


def _give_class(module: Module) -> None:
    """Make the module one of a class that nobody else has, for its properties."""
    base = type(module)

    def refuse(self: Module) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict()"
        )

    name = f"Parametrized{base.__name__}"
    module.__class__ = type(name, (base,), {"__reduce__": refuse, "__deepcopy__": _deepcopy})
    module.parametrizations = ModuleDict()


def _deepcopy(self: Module, memo: dict[int, Any]) -> Module:
    from copy import deepcopy

    twin = object.__new__(type(self))
    memo[id(self)] = twin
    vars(twin).update({name: deepcopy(value, memo) for name, value in vars(self).items()})
    return twin


def _property(name: str) -> property:
    def get(self: Module) -> Tensor:
        key = (id(self), name)
        if _depth and key in _cache:
            return _cache[key]
        value: Tensor = _table(self)[name]()
        if _depth:
            _cache[key] = value
        return value

    def put(self: Module, value: Tensor) -> None:
        functions: Any = _table(self)[name]
        functions.right_inverse(value)

    return property(get, put)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors, or whether one of them is.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils import parametrize
    >>> parametrize.is_parametrized(torch.nn.Linear(1, 1), "weight")
    False
    """
    table = vars(module).get("parametrizations")
    if not isinstance(table, ModuleDict):
        return False
    return len(table) > 0 if tensor_name is None else tensor_name in table


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make an ordinary tensor of a parametrized one.

    Args:
        leave_parametrized: whether it keeps the value it has, or gets back the original.

    Raises:
        ValueError: it is not parametrized, or it has several originals.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=1, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module!r} does not have a parametrization on {tensor_name}")
    table = _table(module)
    functions: Any = table[tensor_name]
    if not leave_parametrized and not functions.is_tensor:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is"
            " parametrized in terms of a sequence of tensors."
        )
    value = functions().detach() if leave_parametrized else functions.original
    trained = any(isinstance(x, Parameter) for x in functions.parameters(recurse=False))
    delattr(type(module), tensor_name)
    del table[tensor_name]
    if not len(table):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    if trained:
        module.register_parameter(tensor_name, Parameter(value.detach()))
    else:
        module.register_buffer(tensor_name, value)
    return module


def type_before_parametrizations(module: Module) -> type[Module]:
    """The class that a module had before its tensors were parametrized.

    >>> import fastgrad as torch
    >>> from fastgrad.nn.utils import parametrizations, parametrize
    >>> layer = parametrizations.weight_norm(torch.nn.Linear(2, 1))
    >>> parametrize.type_before_parametrizations(layer) is torch.nn.Linear
    True
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
