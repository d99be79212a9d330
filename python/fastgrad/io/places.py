"""Where the tensors of a file go: `map_location`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import fastgrad as fg
from fastgrad import _core
from fastgrad.device import index_of, place_of
from fastgrad.ops.conversion import on_device

# What a storage becomes, which the file says was at the place of that name.
Placing = Callable[[fg.Tensor, str], fg.Tensor]


def as_saved(storage: fg.Tensor, place: str) -> fg.Tensor:
    """Where it was when it was saved; the CPU where CUDA is not available."""
    if not place.startswith("cuda") or not _core.accelerator.device_count():
        return storage
    return on_device(storage, index_of(place))


def placing(location: Any) -> Placing:
    """The function that a `map_location` stands for.

    Raises:
        RuntimeError: A device that is not there.
        TypeError: It is no device, no dictionary and no function.
    """
    if location is None:
        return as_saved
    if isinstance(location, (str, fg.device)):
        index = index_of(location)
        return lambda storage, place: on_device(storage, index)
    if isinstance(location, Mapping):
        places = {str(old): str(place_of(index_of(new))) for old, new in location.items()}
        return lambda storage, place: as_saved(storage, places.get(place, place))
    if not callable(location):
        raise TypeError(
            f"load: map_location must be a device, a dictionary or a function; got {location!r}"
        )

    def asked(storage: fg.Tensor, place: str) -> fg.Tensor:
        found = location(storage, place)
        return as_saved(storage, place) if found is None else found

    return asked
