"""Containers of parameters, which may hold other values beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index as as_int

from ... import Tensor
from .._registry import type_name
from ..module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn, Self


__all__ = ["ParameterDict", "ParameterList"]


class _Values(Module):
    """Values by name; tensors become parameters, other values stay what they are."""

    def _put(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, name, value)

    def _described(self, name: str, value: Any, kind: str) -> str:
        if not isinstance(value, Tensor):
            return f"  ({name}): Object of type: {type(value).__name__}"
        sizes = "x".join(str(size) for size in value.shape)
        return f"  ({name}): Parameter containing: [{kind} of size {sizes}]"

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"{type(self).__name__} should not be called.")


class ParameterList(_Values):
    """A list whose tensors are registered as parameters.

    Args:
        values: the first values; a tensor becomes a :class:`Parameter`, other values are kept.

    Follows torch.nn.ParameterList.

    >>> import fastgrad as torch
    >>> factors = torch.nn.ParameterList([torch.ones(2) for _ in range(3)])
    >>> [name for name, _ in factors.named_parameters()]
    ['0', '1', '2']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(i)) for i in range(len(self)))

    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return getattr(self, self._name_at(idx))

    def __setitem__(self, idx: int, param: Any) -> None:
        self._put(self._name_at(idx), param)

    def _name_at(self, idx: int) -> str:
        position = as_int(idx)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range for {len(self)} values")
        return str(position % len(self))

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._put(str(self._size), value)
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end.

        Raises:
            TypeError: `values` cannot be iterated over, or is a single tensor.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                "ParameterList.extend should be called with an iterable, but got"
                f" {type(values).__name__}"
            )
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        lines = []
        for i, value in enumerate(self):
            kind = str(value.dtype) if isinstance(value, Tensor) else ""
            lines.append(self._described(str(i), value, kind))
        return "\n".join(lines)


class ParameterDict(_Values):
    """A dict whose tensors are registered as parameters.

    Args:
        parameters: a mapping, or pairs of names and values; a tensor becomes a
            :class:`Parameter`, other values are kept.

    Follows torch.nn.ParameterDict.

    >>> import fastgrad as torch
    >>> factors = torch.nn.ParameterDict({"left": torch.ones(2), "right": torch.zeros(1)})
    >>> sorted(factors.state_dict())
    ['left', 'right']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, _checked(key))

    def __setitem__(self, key: str, value: Any) -> None:
        if _checked(key) not in self._keys and hasattr(self, key):
            raise KeyError(f"attribute '{key}' already exists")
        self._keys[key] = None
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        del self._keys[_checked(key)]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Another dict of the same values."""
        return ParameterDict(dict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of `key`, which becomes `default` when there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove all values."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove the value of `key` and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last pair of name and value and return it."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401 - this is that method

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict with these names, all of the same value."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The pairs of names and values."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Mapping[str, Any] | ParameterDict | Iterable[Any]) -> None:
        """Add or replace values, given as a mapping or as pairs of name and value.

        Raises:
            TypeError: `parameters` is neither.
            ValueError: an element is not a pair.
        """
        if isinstance(parameters, Mapping | ParameterDict):
            pairs: Iterable[Any] = parameters.items()
        elif isinstance(parameters, Iterable):
            pairs = parameters
        else:
            raise TypeError(
                "ParameterDict.update should be called with an iterable of key/value pairs, but"
                f" got {type(parameters).__name__}"
            )
        for i, pair in enumerate(pairs):
            if not isinstance(pair, Iterable):
                raise TypeError(
                    f"ParameterDict update sequence element #{i} should be Iterable; is"
                    f" {type(pair).__name__}"
                )
            key, value = pair
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        twin = self.copy()
        twin.update(other)
        return twin

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        lines = []
        for name, value in self.items():
            kind = str(value.type()) if isinstance(value, Tensor) else ""
            lines.append(self._described(name, value, kind))
        return "\n".join(lines)


def _checked(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"names in a ParameterDict must be strings, but got {type_name(key)}")
    return key
