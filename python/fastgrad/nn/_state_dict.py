"""Loading a state dict into a module: everything is compared first, then everything is copied."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import Tensor, no_grad
from ._registry import Registry, type_name
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the names that only one of the two sides has."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not (self.missing_keys or self.unexpected_keys):
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys},"
            f" unexpected_keys={self.unexpected_keys})"
        )


def saved_members(module: "Module") -> Iterator[tuple[Registry, str]]:
    """The places of the module's own tensors that belong to a state dict."""
    for name, parameter in module._parameters.items():
        if parameter is not None:
            yield module._parameters, name
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield module._buffers, name


def load(
    module: "Module", state_dict: Mapping[str, Any], strict: bool, assign: bool
) -> IncompatibleKeys:
    """Copy (or with `assign` put) the tensors of `state_dict` into `module`; see Module."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type_name(state_dict)}.")
    places = _places(module)
    keys = IncompatibleKeys(
        missing_keys=[key for key in places if key not in state_dict],
        unexpected_keys=[key for key in state_dict if key not in places],
    )
    problems = [*_key_problems(keys, places)] if strict else []
    problems += _value_problems(places, state_dict)
    if problems:
        header = f"Error(s) in loading state_dict for {type(module).__name__}:"
        raise RuntimeError("\n\t".join([header, *problems]))
    store = _assign if assign else _copy
    for key, (registry, name) in places.items():
        if key in state_dict:
            store(registry, name, state_dict[key])
    return keys


def _places(module: "Module") -> dict[str, tuple[Registry, str]]:
    """For each key of the module's state dict: the registry and the name the tensor has there."""
    return {
        f"{path}.{name}" if path else name: (registry, name)
        for path, part in module.named_modules(remove_duplicate=False)
        for registry, name in saved_members(part)
    }


def _copy(registry: Registry, name: str, value: Tensor) -> None:
    with no_grad():
        registry[name].copy_(value)


def _assign(registry: Registry, name: str, value: Tensor) -> None:
    current = registry[name]
    if not isinstance(current, Parameter):
        registry[name] = value
    elif isinstance(value, Parameter):
        registry[name] = value.requires_grad_(current.requires_grad)
    else:
        registry[name] = Parameter(value, requires_grad=current.requires_grad)


def _key_problems(keys: IncompatibleKeys, places: Iterable[str]) -> Iterator[str]:
    if keys.missing_keys:
        yield f"Missing key(s) in state_dict: {_quoted(keys.missing_keys)}."
    if keys.unexpected_keys:
        hints = [_with_nearest(key, places) for key in keys.unexpected_keys]
        yield f"Unexpected key(s) in state_dict: {', '.join(hints)}."


def _with_nearest(key: str, places: Iterable[str]) -> str:
    """The key in quotes, with the most similar name of the model if there is one."""
    from difflib import get_close_matches

    nearest = get_close_matches(key, list(places), n=1, cutoff=0.7)
    return f'"{key}" (nearest name in the model: "{nearest[0]}")' if nearest else f'"{key}"'


def _value_problems(
    places: dict[str, tuple[Registry, str]], state_dict: Mapping[str, Any]
) -> Iterator[str]:
    for key, (registry, name) in places.items():
        value = state_dict.get(key, registry[name])
        if not isinstance(value, Tensor):
            yield f"expected a tensor for {key}, but the checkpoint holds {type_name(value)}."
        elif value.shape != registry[name].shape:
            yield (
                f"size mismatch for {key}: copying a param with shape {value.shape} from"
                f" checkpoint, the shape in current model is {registry[name].shape}."
            )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
