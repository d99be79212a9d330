"""What scripts call: the operations on tensors that all ranks of a group take part in.

Every rank of the group calls the same, in the same order. Tensors are on the CPU, of any dtype;
what is contiguous is sent from where it lies and received to where it will be.
"""

from __future__ import annotations

from functools import partial

from fastgrad import Tensor

from . import collectives
from .collectives import Exchange
from .group import ProcessGroup, resolve
from .reduce_op import ReduceOp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .work import Steps, Work


class Landing:
    """A tensor as messages need it: contiguous, and written back where it was not."""

    def __init__(self, call: str, tensor: Any) -> None:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{call}: expected a Tensor, got {type(tensor).__name__}")
        self.target = tensor.detach()
        self.data = self.target.contiguous()

    def close(self) -> None:
        """Bring what was received to its place."""
        if self.data.data_ptr() != self.target.data_ptr():
            self.target.copy_(self.data)


def described(tensor: Tensor) -> str:
    """A tensor's dtype and shape, as all ranks must have them."""
    return f"{str(tensor.dtype).rpartition('.')[2]} {list(tensor.shape)}"


def member(group: ProcessGroup | None, call: str) -> ProcessGroup:
    """The group that is meant, of which this process must be a part."""
    found = resolve(group)
    if found.rank() < 0:
        raise ValueError(
            f"{call}: rank {found.world.rank} is no part of the group of the ranks {found.ranks}"
        )
    return found


def run(
    group: ProcessGroup,
    call: str,
    steps: Callable[[Exchange], Steps],
    landings: Sequence[Landing],
    async_op: bool,
) -> Work | None:
    """Start an operation, and wait for it unless it is to go on by itself."""

    def whole(tag: int, words: str) -> Steps:
        yield from steps(Exchange(group, tag, words))
        for landing in landings:
            landing.close()

    work = group.run(call, whole)
    if async_op:
        return work
    work.wait()
    return None


def barrier(
    group: ProcessGroup | None = None, async_op: bool = False, device_ids: None = None
) -> Work | None:
    """Wait until all ranks of the group are here.

    Follows ``torch.distributed.barrier``.

    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.barrier()
    >>> dist.destroy_process_group()
    """
    return run(member(group, "barrier"), "barrier", collectives.barrier, (), async_op)


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Give all ranks the tensor that the rank `src` has.

    Args:
        tensor: what is sent on the rank `src`, and overwritten on the others.
        src: its rank among all; or `group_src`, its number in the group.
        async_op: return at once, with a handle to wait on.

    Raises:
        DistError: the ranks' tensors differ in shape or dtype, or they call different operations.
        DistBackendError: a rank has not come within the timeout.
        ValueError: `src` is not in the group.

    Follows ``torch.distributed.broadcast``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> x = torch.arange(3)
    >>> dist.broadcast(x, src=0)
    >>> dist.destroy_process_group()
    """
    found, landing = member(group, "broadcast"), Landing("broadcast", tensor)
    root = root_of(found, "broadcast", src, group_src)
    call = f"broadcast from rank {found.ranks[root]} of {described(tensor)}"
    steps = partial(collectives.broadcast, data=landing.data, root=root)
    return run(found, call, steps, [landing], async_op)


def root_of(group: ProcessGroup, call: str, rank: int | None, place: int | None) -> int:
    """The number in the group of the rank that an operation goes to or comes from."""
    if (rank is None) == (place is None):
        raise ValueError(f"{call}: expected either a rank or a number in the group, not both")
    return group.place(group.ranks[place] if rank is None and place is not None else rank, call)  # type: ignore[arg-type]


def all_reduce(
    tensor: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Replace the tensor on every rank by the sum over all ranks, or what `op` says.

    All ranks get the same bits, and the same again in another run on as many ranks.

    Args:
        tensor: of any dtype, and on all ranks of the same shape; changed in place.
        op: how the ranks' numbers become one.
        async_op: return at once, with a handle to wait on.

    Raises:
        DistError: the ranks' tensors differ in shape or dtype, or they call different operations.
        DistBackendError: a rank has not come within the timeout.
        TypeError: the dtype has no such reduction.

    Follows ``torch.distributed.all_reduce``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> x = torch.ones(2)
    >>> dist.all_reduce(x, dist.ReduceOp.AVG)
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    found, landing = member(group, "all_reduce"), Landing("all_reduce", tensor)
    op.check("all_reduce", tensor)
    flat = landing.data.reshape(-1)
    steps = partial(collectives.all_reduce, data=flat, op=op)
    return run(found, f"all_reduce({op.name}) of {described(tensor)}", steps, [landing], async_op)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Replace the tensor on the rank `dst` by the sum over all ranks, or what `op` says.

    The others' tensors stay as they are (in PyTorch they may change). Arguments and errors are
    those of :func:`all_reduce`.

    Follows ``torch.distributed.reduce``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.reduce(torch.ones(2), dst=0)
    >>> dist.destroy_process_group()
    """
    found, landing = member(group, "reduce"), Landing("reduce", tensor)
    op.check("reduce", tensor)
    root = root_of(found, "reduce", dst, group_dst)
    is_root = found.rank() == root
    flat = landing.data.reshape(-1)
    steps = partial(collectives.all_reduce, data=flat if is_root else flat.clone(), op=op)
    call = f"reduce({op.name}) to rank {found.ranks[root]} of {described(tensor)}"
    return run(found, call, steps, [landing] if is_root else [], async_op)
