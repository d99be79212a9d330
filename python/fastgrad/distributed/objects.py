"""Collective operations on Python objects, which travel as pickles: only between own processes."""

from __future__ import annotations

import pickle

import fastgrad

from .functions import broadcast, member
from .lists import all_gather

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from fastgrad.tensor import Tensor

    from .group import ProcessGroup

    T = TypeVar("T")


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: ProcessGroup | None = None,
    device: None = None,
    group_src: int | None = None,
) -> None:
    """Give all ranks the objects that the rank `src` (0 by default) has in its list.

    Follows ``torch.distributed.broadcast_object_list``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.broadcast_object_list(["settings", {"lr": 0.1}], src=0)
    >>> dist.destroy_process_group()
    """
    found = member(group, "broadcast_object_list")
    if group_src is not None:
        src = found.ranks[group_src]
    root = src or 0
    is_root = found.world.rank == root
    data = _pickled(list(object_list)) if is_root else fastgrad.empty(0, dtype=fastgrad.uint8)
    size = fastgrad.tensor([data.numel(), len(object_list)])
    broadcast(size, root, found)
    if size[1].item() != len(object_list):
        raise ValueError(
            f"broadcast_object_list: rank {root} has {size[1].item()} objects, and this rank "
            f"{len(object_list)}"
        )
    if not is_root:
        data = fastgrad.empty(int(size[0]), dtype=fastgrad.uint8)
    broadcast(data, root, found)
    object_list[:] = _unpickled(data)


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Fill the list with the objects of all ranks, in their order.

    Follows ``torch.distributed.all_gather_object``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> found = [None]
    >>> dist.all_gather_object(found, {"loss": 0.5})
    >>> found
    [{'loss': 0.5}]
    >>> dist.destroy_process_group()
    """
    found = member(group, "all_gather_object")
    if len(object_list) != found.size():
        raise ValueError(
            f"all_gather_object: expected a list of {found.size()}, got {len(object_list)}"
        )
    data = _pickled(obj)
    sizes = [fastgrad.tensor([0]) for _ in object_list]
    all_gather(sizes, fastgrad.tensor([data.numel()]), found)
    longest = max(int(size) for size in sizes)
    padded = fastgrad.zeros(longest, dtype=fastgrad.uint8)
    padded[: data.numel()] = data
    parts = [fastgrad.empty(longest, dtype=fastgrad.uint8) for _ in object_list]
    all_gather(parts, padded, found)
    object_list[:] = [_unpickled(p[: int(n)]) for p, n in zip(parts, sizes, strict=True)]


def on_first_rank(function: Callable[[], T], group: ProcessGroup | None = None) -> T:
    """Call a function on rank 0 alone, and give all ranks its result, or raise its error on all.

    This is how one file is written for all. It is fastgrad's own. An error is raised elsewhere
    with its message; what caused it stays on rank 0.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.on_first_rank(lambda: "written")
    'written'
    >>> dist.destroy_process_group()
    """
    outcome: list[Any] = [None, None]
    if member(group, "on_first_rank").rank() == 0:
        try:
            outcome[0] = function()
        except Exception as error:
            outcome[1] = error
    broadcast_object_list(outcome, group=group, group_src=0)
    if outcome[1] is not None:
        raise outcome[1]
    result: T = outcome[0]
    return result


def _pickled(value: Any) -> Tensor:
    return fastgrad.frombuffer(bytearray(pickle.dumps(value)), dtype=fastgrad.uint8)


def _unpickled(data: Tensor) -> Any:
    return pickle.loads(memoryview(data))
