"""Messages from one rank to another."""

from __future__ import annotations

from .functions import Landing, described, member

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fastgrad.tensor import Tensor

    from .group import ProcessGroup
    from .work import AnySteps, Steps, Work


def send(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> None:
    """Send a tensor to the rank `dst`, and wait until its memory may change again.

    Args:
        tensor: of any dtype.
        dst: the other's rank among all; or `group_dst`, its number in the group.
        tag: distinguishes messages between the same two ranks.

    Raises:
        ValueError: `dst` is this rank, or not in the group.
        DistBackendError: a large tensor was not received within the timeout.

    Follows ``torch.distributed.send``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.send(torch.ones(2), dst=0)
    Traceback (most recent call last):
    ValueError: send: rank 0 cannot send to itself
    >>> dist.destroy_process_group()
    """
    isend(tensor, dst, group, tag, group_dst, _call="send").wait()


def isend(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
    *,
    _call: str = "isend",
) -> Work:
    """Begin to send a tensor, which must not change before ``wait()`` has returned.

    Arguments and errors are those of :func:`send`. Follows ``torch.distributed.isend``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.isend(torch.ones(2), dst=0)
    Traceback (most recent call last):
    ValueError: isend: rank 0 cannot send to itself
    >>> dist.destroy_process_group()
    """
    found, landing = member(group, _call), Landing(_call, tensor)
    to = _other(found, _call, dst, group_dst)
    if to is None:
        raise ValueError(f"{_call}: expected dst, the rank to send to")
    words = f"a message of {described(tensor)}"
    world, number = found.world, found.tag(tag)

    def steps() -> Steps:
        yield [to], world.send_direct(to, number, words, landing.data)

    return found.start(f"{_call} to rank {to} of {words}, tag {tag}", steps())


def recv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> int:
    """Receive a tensor into this one from the rank `src`, or from any; return whose it was.

    Raises:
        ValueError: `src` is this rank, or not in the group.
        DistError: what was sent has another shape or dtype.
        DistBackendError: nothing came within the timeout.

    Follows ``torch.distributed.recv``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.recv(torch.ones(2), src=0)
    Traceback (most recent call last):
    ValueError: recv: rank 0 cannot send to itself
    >>> dist.destroy_process_group()
    """
    work = irecv(tensor, src, group, tag, group_src, _call="recv")
    work.wait()
    return work.source_rank()


def irecv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
    *,
    _call: str = "irecv",
) -> Work:
    """Begin to receive into a tensor, whose elements are there when ``wait()`` has returned.

    Arguments and errors are those of :func:`recv`. Follows ``torch.distributed.irecv``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.irecv(torch.ones(2), src=0)
    Traceback (most recent call last):
    ValueError: irecv: rank 0 cannot send to itself
    >>> dist.destroy_process_group()
    """
    found, landing = member(group, _call), Landing(_call, tensor)
    source = _other(found, _call, src, group_src)
    words = f"a message of {described(tensor)}"
    world, number = found.world, found.tag(tag)

    def steps() -> AnySteps:
        sender = yield from world.receive_direct(source, number, words, landing.data)
        landing.close()
        return sender

    whom = "any rank" if source is None else f"rank {source}"
    return found.start(f"{_call} from {whom} of {words}, tag {tag}", steps())


def _other(group: ProcessGroup, call: str, rank: int | None, place: int | None) -> int | None:
    """The rank among all of the other side; None for any."""
    if place is not None:
        rank = group.ranks[place]
    if rank is None:
        return None
    group.place(rank, call)
    if rank == group.world.rank:
        raise ValueError(f"{call}: rank {rank} cannot send to itself")
    return rank
