"""State dicts: the part of Module that saves and loads.

On loading everything is compared first, then everything is copied.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from .. import Tensor, no_grad
from ..autograd.hooks import RemovableHandle
from ._hooks import Hooks, add_hook
from ._mismatch import Mismatch, report
from ._registry import Registry, type_name
from ._walk import Walk
from .parameter import Parameter, UninitializedBuffer, UninitializedParameter

_EXTRA = "_extra_state"
_UNINITIALIZED = (UninitializedParameter, UninitializedBuffer)


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


class Saved(Walk):
    """The part of Module that gives its state and takes one."""

    _non_persistent_buffers_set: set[str]
    _state_hooks: dict[str, Hooks] | None = None  # by the time at which they run
    _version: int = 1  # of what the class saves; a state dict keeps it in `_metadata`

    def state_dict(
        self,
        *args: Any,
        destination: OrderedDict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> OrderedDict[str, Any]:
        """The parameters and persistent buffers by dotted name; they share the module's memory.

        The dict's attribute `_metadata` has the `_version` of each module, by its path.

        Args:
            args: PyTorch's older way to give the other arguments, in their order.
            destination: a dict to add them to, by default a new one.
            prefix: put before every name.
            keep_vars: give the tensors themselves instead of detached ones.

        >>> import fastgrad as torch
        >>> {name: tuple(x.shape) for name, x in torch.nn.Linear(2, 3).state_dict().items()}
        {'weight': (3, 2), 'bias': (3,)}
        """
        older = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
        if older:
            options = {"destination": destination, "prefix": prefix, "keep_vars": keep_vars}
            return self.state_dict(**(options | older))
        state = _new_state_dict() if destination is None else destination
        about = {"version": self._version}
        if hasattr(state, "_metadata"):
            state._metadata[prefix[:-1]] = about
        for hook in self._hooks_at("before saving"):
            hook(self, prefix, keep_vars)
        for registry, name in saved_members(self):
            tensor = registry[name]
            plain = keep_vars or isinstance(tensor, _UNINITIALIZED)
            state[prefix + name] = tensor if plain else tensor.detach()
        if _has_extra(self):
            state[prefix + _EXTRA] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                inner = f"{prefix}{name}."
                module.state_dict(destination=state, prefix=inner, keep_vars=keep_vars)
        for hook in self._hooks_at("after saving"):
            hook(self, state, prefix, about)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors of a state dict into this module, converting dtypes.

        Everything is checked before anything is written, so a failed load changes nothing.

        Args:
            state_dict: tensors by dotted name, as `state_dict` gives them.
            strict: raise when the names of the two sides differ.
            assign: take the given tensors themselves, with their dtype, instead of copying.

        Returns:
            The names that only one side has: (missing_keys, unexpected_keys).

        Raises:
            TypeError: `state_dict` is not a mapping.
            RuntimeError: missing, unexpected or wrongly shaped tensors; the message ends with a
                table of them all, with the nearest name on the other side.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type_name(state_dict)}.")
        return _Load(self, state_dict, strict, assign).run()

    def get_extra_state(self) -> Any:
        """What else belongs to the state dict, under "_extra_state", of a class that defines this.

        Raises:
            RuntimeError: the class does not define it.
        """
        raise RuntimeError(
            f"{type(self).__name__} has no extra state: define get_extra_state and set_extra_state"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave; called by `load_state_dict`.

        Raises:
            RuntimeError: the class does not define it.
        """
        raise RuntimeError(
            f"{type(self).__name__} takes no extra state: define get_extra_state and"
            " set_extra_state"
        )

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` collects the tensors."""
        return self._add_state_hook("before saving", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after `state_dict` did; it may
        change the dict.

        >>> import fastgrad as torch
        >>> layer = torch.nn.Linear(1, 1)
        >>> handle = layer.register_state_dict_post_hook(lambda m, state, *rest: state.clear())
        >>> len(layer.state_dict())
        0
        """
        return self._add_state_hook("after saving", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before `load_state_dict`; it may change a copy of the dict.
        """
        return self._add_state_hook("before loading", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after `load_state_dict`; names that it takes out
        of the two lists are not complained about.
        """
        return self._add_state_hook("after loading", hook)

    def _add_state_hook(self, time: str, hook: Callable[..., Any]) -> RemovableHandle:
        tables = vars(self).setdefault("_state_hooks", {})
        return add_hook(tables.setdefault(time, OrderedDict()), hook)

    def _hooks_at(self, time: str) -> tuple[Callable[..., Any], ...]:
        return tuple((self._state_hooks or {}).get(time, {}).values())

    def _complete_state(
        self, state: OrderedDict[str, Any], prefix: str, version: int | None
    ) -> None:
        """Add to a state dict what older versions of this module did not save."""


def _new_state_dict() -> OrderedDict[str, Any]:
    state: Any = OrderedDict()
    state._metadata = OrderedDict()
    return state  # type: ignore[no-any-return]


def _has_extra(module: Saved) -> bool:
    return type(module).get_extra_state is not Saved.get_extra_state


def saved_members(module: Saved) -> Iterator[tuple[Registry, str]]:
    """The places of the module's own tensors that belong to a state dict."""
    for name, parameter in module._parameters.items():
        if parameter is not None:
            yield module._parameters, name
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers_set:
            yield module._buffers, name


class _Load:
    """One load of a state dict into a module."""

    def __init__(self, module: Saved, state: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.module = module
        self.metadata: Mapping[str, dict[str, Any]] = getattr(state, "_metadata", {})
        self.state = OrderedDict(state)
        self.strict = strict
        self.assign = assign
        found = module.named_modules(remove_duplicate=False)
        self.parts = [(f"{path}." if path else "", cast(Saved, part)) for path, part in found]

    def run(self) -> IncompatibleKeys:
        others: list[str] = []
        keys = IncompatibleKeys([], [])
        self.prepare(keys, others)
        places = self.places()
        extras = {prefix + _EXTRA: part for prefix, part in self.parts if _has_extra(part)}
        known = {**places, **extras}
        keys.missing_keys.extend(key for key in known if key not in self.state)
        keys.unexpected_keys.extend(key for key in self.state if key not in known)
        expected = {key: registry[name] for key, (registry, name) in places.items()}
        mismatch = Mismatch(expected, self.state)
        mismatch.others = others
        mismatch.wrong = dict(_wrong_values(places, self.state))
        forgiving = any(part._hooks_at("after loading") for _, part in self.parts)
        self.refuse(mismatch, IncompatibleKeys([], []) if forgiving else keys)
        self.store(places, extras)
        for _, part in reversed(self.parts):
            for hook in part._hooks_at("after loading"):
                hook(part, keys)
        self.refuse(mismatch, keys)
        return keys

    def prepare(self, keys: IncompatibleKeys, others: list[str]) -> None:
        for prefix, part in self.parts:
            about = dict(self.metadata.get(prefix[:-1], {}))
            part._complete_state(self.state, prefix, about.get("version"))
            if self.assign:
                about["assign_to_params_buffers"] = True
            for hook in part._hooks_at("before loading"):
                hook(part, self.state, prefix, about, self.strict, *keys, others)

    def places(self) -> dict[str, tuple[Registry, str]]:
        """For each key of the module's state dict: where the tensor is, a registry and a name."""
        return {
            prefix + name: (registry, name)
            for prefix, part in self.parts
            for registry, name in saved_members(part)
        }

    def refuse(self, mismatch: Mismatch, keys: IncompatibleKeys) -> None:
        if self.strict:
            mismatch.missing, mismatch.unexpected = keys
        if next(mismatch.lines(), None) is not None:
            header = f"Error(s) in loading state_dict for {type(self.module).__name__}:"
            raise RuntimeError(report(header, mismatch))

    def store(self, places: dict[str, tuple[Registry, str]], extras: dict[str, Saved]) -> None:
        put = _assign if self.assign else _copy
        for key, (registry, name) in places.items():
            if key in self.state:
                put(registry, name, self.state[key])
        for key, part in extras.items():
            if key in self.state:
                part.set_extra_state(self.state[key])


def _copy(registry: Registry, name: str, value: Tensor) -> None:
    current = registry[name]
    if isinstance(current, _UNINITIALIZED):
        current.materialize(value.shape)
    with no_grad():
        current.copy_(value)


def _assign(registry: Registry, name: str, value: Tensor) -> None:
    current = registry[name]
    if not isinstance(current, Parameter):
        registry[name] = value
    elif isinstance(value, Parameter):
        registry[name] = value.requires_grad_(current.requires_grad)
    else:
        registry[name] = Parameter(value, requires_grad=current.requires_grad)


def _wrong_values(
    places: dict[str, tuple[Registry, str]], state: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    for key, (registry, name) in places.items():
        current = registry[name]
        value = state.get(key, current)
        if not isinstance(value, Tensor):
            text = f"expected a tensor for {key}, but the checkpoint holds {type_name(value)}."
            yield key, text
        elif not isinstance(current, _UNINITIALIZED) and value.shape != current.shape:
            yield (
                key,
                (
                    f"size mismatch for {key}: copying a param with shape {value.shape} from"
                    f" checkpoint, the shape in current model is {current.shape}."
                ),
            )
