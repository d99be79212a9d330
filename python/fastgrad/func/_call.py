"""Calling modules with other parameters than their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .. import Tensor, stack
from ..nn import Module
from ..nn._registry import Registry


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with these tensors in place of its parameters and buffers.

    Args:
        parameter_and_buffer_dicts: tensors by dotted name; several dicts are taken as one.
        args: the positional arguments: a tuple, or the only one.
        tie_weights: where the module has one tensor under several names, a new tensor for one name
            is meant for all.
        strict: raise when names are missing or unknown.

    Raises:
        ValueError: a name is in two dicts, or tied names get different tensors.
        RuntimeError: `strict` found a name.

    Follows ``torch.func.functional_call``.

    >>> import fastgrad as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> new = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
    >>> torch.func.functional_call(layer, new, torch.tensor([2.0, 3.0]))
    tensor([5.])
    """
    given = _merged(parameter_and_buffer_dicts)
    places = _places(module)
    if strict:
        _check_names(given, places)
    if tie_weights:
        given = _tied(given, places)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced({places[name]: x for name, x in given.items() if name in places}):
        return module(*arguments, **(kwargs or {}))


def _merged(dicts: Any) -> dict[str, Tensor]:
    if isinstance(dicts, Mapping):
        return dict(dicts)
    if not isinstance(dicts, Sequence) or not all(isinstance(d, Mapping) for d in dicts):
        raise ValueError(
            "functional_call: expected parameter_and_buffer_dicts to be a dict or a list/tuple of "
            f"dicts, got {type(dicts)}"
        )
    merged: dict[str, Tensor] = {}
    for part in dicts:
        for name, tensor in part.items():
            if name in merged:
                raise ValueError(
                    f"{name} appeared in multiple dictionaries; behavior of functional call is "
                    "ambiguous"
                )
            merged[name] = tensor
    return merged


class _Place:
    """Where a module keeps a member."""

    def __init__(self, registry: Registry, name: str) -> None:
        self.registry, self.name = registry, name


def _places(module: Module) -> dict[str, _Place]:
    return {
        f"{path}.{name}" if path else name: _Place(registry, name)
        for path, part in module.named_modules(remove_duplicate=False)
        for registry in (part._parameters, part._buffers)
        for name, member in registry.items()
        if member is not None
    }


def _check_names(given: dict[str, Tensor], places: dict[str, _Place]) -> None:
    missing = [name for name in places if name not in given]
    unexpected = [name for name in given if name not in places]
    if missing or unexpected:
        raise RuntimeError(
            f"functional_call: Missing key(s): {missing}. Unexpected key(s): {unexpected}."
        )


def _tied(given: dict[str, Tensor], places: dict[str, _Place]) -> dict[str, Tensor]:
    """The tensors also under the other names that their places' tensors have."""
    groups: dict[int, list[str]] = {}
    for name, place in places.items():
        groups.setdefault(id(place.registry[place.name]), []).append(name)
    whole = dict(given)
    for names in groups.values():
        new = [name for name in names if name in given]
        if any(given[name] is not given[new[0]] for name in new[1:]):
            raise ValueError(
                f"functional_call got multiple values for keys {new}, which are tied. Consider "
                "using tie_weights=False"
            )
        whole.update((name, given[new[0]]) for name in names if new)
    return whole


@contextmanager
def _replaced(tensors: dict[_Place, Tensor]) -> Iterator[None]:
    """The tensors in these places for a while."""
    before = [(place, place.registry[place.name]) for place in tensors]
    try:
        for place, tensor in tensors.items():
            place.registry.put(place.name, tensor)
        yield
    finally:
        for place, tensor in before:
            place.registry.put(place.name, tensor)


def stack_module_state(
    models: Sequence[Module],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several models of one kind, stacked by name.

    Made for ``vmap(lambda p, b, x: functional_call(model, (p, b), x))``.

    Raises:
        RuntimeError: there is no model, or they differ in class or in training mode.

    Follows ``torch.func.stack_module_state``.

    >>> import fastgrad as torch
    >>> models = [torch.nn.Linear(2, 1) for _ in range(3)]
    >>> params, buffers = torch.func.stack_module_state(models)
    >>> params["weight"].shape
    torch.Size([3, 1, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = {
        name: stack([m.get_parameter(name).detach() for m in models]).requires_grad_(
            first.requires_grad
        )
        for name, first in models[0].named_parameters()
    }
    buffers = {
        name: stack([m.get_buffer(name).detach() for m in models])
        for name, _ in models[0].named_buffers()
    }
    return params, buffers
