"""What scripts call: the operations on tensors that all ranks of a group take part in.

Every rank of the group calls the same, in the same order. Tensors are on the CPU, of any dtype; what
is contiguous is sent from where it lies and received to where it will be.
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
            f"{call}: rank {found.world.rank} is no part of the group, whose ranks are {found.ranks}"
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
    root = _root(found, "broadcast", src, group_src)
    call = f"broadcast from rank {found.ranks[root]} of {described(tensor)}"
    steps = partial(collectives.broadcast, data=landing.data, root=root)
    return run(found, call, steps, [landing], async_op)


def _root(group: ProcessGroup, call: str, rank: int | None, place: int | None) -> int:
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

    The others' tensors stay as they are (in PyTorch they may change). Arguments and errors are those
    of :func:`all_reduce`.

    Follows ``torch.distributed.reduce``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> dist.reduce(torch.ones(2), dst=0)
    >>> dist.destroy_process_group()
    """
    found, landing = member(group, "reduce"), Landing("reduce", tensor)
    op.check("reduce", tensor)
    root = _root(found, "reduce", dst, group_dst)
    is_root = found.rank() == root
    flat = landing.data.reshape(-1)
    steps = partial(collectives.all_reduce, data=flat if is_root else flat.clone(), op=op)
    call = f"reduce({op.name}) to rank {found.ranks[root]} of {described(tensor)}"
    return run(found, call, steps, [landing] if is_root else [], async_op)


def all_gather(
    tensor_list: list[Tensor],
    tensor: Tensor,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Fill the list with the tensors of all ranks, in their order.

    Args:
        tensor_list: as many tensors as there are ranks, of the shape and dtype of `tensor`.
        tensor: this rank's, of the same shape and dtype on all.

    Raises:
        ValueError: the list has another length, or a tensor another shape or dtype.
        DistError, DistBackendError: as :func:`all_reduce`.

    Follows ``torch.distributed.all_gather``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> found = [torch.zeros(2)]
    >>> dist.all_gather(found, torch.ones(2))
    >>> found
    [tensor([1., 1.])]
    >>> dist.destroy_process_group()
    """
    found = member(group, "all_gather")
    outputs = _landings("all_gather", tensor_list, [tensor] * found.size())
    sent = Landing("all_gather", tensor).data
    steps = partial(
        collectives.all_to_all, outputs=[o.data for o in outputs], inputs=[sent] * found.size()
    )
    return run(found, f"all_gather of {described(tensor)}", steps, outputs, async_op)


def _landings(call: str, given: Sequence[Tensor], like: Sequence[Tensor]) -> list[Landing]:
    """A list of tensors, which must be as the others are."""
    if len(given) != len(like):
        raise ValueError(f"{call}: expected a list of {len(like)} tensors, got {len(given)}")
    landings = [Landing(call, tensor) for tensor in given]
    for tensor, other in zip(given, like, strict=True):
        if described(tensor) != described(other):
            raise ValueError(
                f"{call}: expected {described(other)} in the list, got {described(tensor)}"
            )
    return landings


def all_gather_into_tensor(
    output_tensor: Tensor,
    input_tensor: Tensor,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Write the tensors of all ranks one after the other into one.

    Raises:
        ValueError: `output_tensor` has another number of elements or dtype than they have together.
        DistError, DistBackendError: as :func:`all_reduce`.

    Follows ``torch.distributed.all_gather_into_tensor``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> found = torch.zeros(2)
    >>> dist.all_gather_into_tensor(found, torch.ones(2))
    >>> found
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    call = "all_gather_into_tensor"
    found, landing = member(group, call), Landing(call, output_tensor)
    outputs = _equal_parts(call, landing, input_tensor, found.size())
    inputs = [Landing(call, input_tensor).data] * found.size()
    steps = partial(collectives.all_to_all, outputs=outputs, inputs=inputs)
    return run(found, f"{call} of {described(input_tensor)}", steps, [landing], async_op)


def _equal_parts(call: str, whole: Landing, part: Tensor, count: int) -> list[Tensor]:
    """A tensor as parts for all ranks, each like the given one."""
    data = whole.data
    if data.numel() != part.numel() * count or data.dtype is not part.dtype:
        raise ValueError(
            f"{call}: expected {count} times {described(part)} in one tensor, got {described(data)}"
        )
    return list(data.reshape(count, *part.shape))


def gather(
    tensor: Tensor,
    gather_list: list[Tensor] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Fill the list of the rank `dst` (0 by default) with the tensors of all ranks.

    Raises:
        ValueError: the list is missing on `dst`, given elsewhere, or does not fit.
        DistError, DistBackendError: as :func:`all_reduce`.

    Follows ``torch.distributed.gather``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> found = [torch.zeros(2)]
    >>> dist.gather(torch.ones(2), found, dst=0)
    >>> found
    [tensor([1., 1.])]
    >>> dist.destroy_process_group()
    """
    found = member(group, "gather")
    root = _root(found, "gather", 0 if dst is None and group_dst is None else dst, group_dst)
    landings = _list_of_root(found, "gather", root, gather_list, tensor)
    outputs = None if landings is None else [o.data for o in landings]
    data = Landing("gather", tensor).data
    steps = partial(collectives.gather, outputs=outputs, data=data, root=root)
    call = f"gather to rank {found.ranks[root]} of {described(tensor)}"
    return run(found, call, steps, landings or [], async_op)


def _list_of_root(
    group: ProcessGroup, call: str, root: int, given: list[Tensor] | None, like: Tensor
) -> list[Landing] | None:
    """The list that only the root gives."""
    if group.rank() != root:
        if given:
            raise ValueError(f"{call}: only rank {group.ranks[root]} gives a list; leave it out")
        return None
    if given is None:
        raise ValueError(f"{call}: rank {group.ranks[root]} must give a list of tensors")
    return _landings(call, given, [like] * group.size())


def scatter(
    tensor: Tensor,
    scatter_list: list[Tensor] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Give each rank its tensor of the list that the rank `src` (0 by default) has.

    Raises:
        ValueError: the list is missing on `src`, given elsewhere, or does not fit.
        DistError, DistBackendError: as :func:`all_reduce`.

    Follows ``torch.distributed.scatter``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> x = torch.zeros(2)
    >>> dist.scatter(x, [torch.ones(2)], src=0)
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    found, landing = member(group, "scatter"), Landing("scatter", tensor)
    root = _root(found, "scatter", 0 if src is None and group_src is None else src, group_src)
    landings = _list_of_root(found, "scatter", root, scatter_list, tensor)
    inputs = None if landings is None else [i.data for i in landings]
    steps = partial(collectives.scatter, output=landing.data, inputs=inputs, root=root)
    call = f"scatter from rank {found.ranks[root]} of {described(tensor)}"
    return run(found, call, steps, [landing], async_op)


def reduce_scatter(
    output: Tensor,
    input_list: list[Tensor],
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Reduce the lists of all ranks, element by element, and give each rank its tensor of it.

    Raises:
        ValueError: the list does not fit.
        DistError, DistBackendError, TypeError: as :func:`all_reduce`.

    Follows ``torch.distributed.reduce_scatter``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> x = torch.zeros(2)
    >>> dist.reduce_scatter(x, [torch.ones(2)])
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    call = "reduce_scatter"
    found, landing = member(group, call), Landing(call, output)
    op.check(call, output)
    inputs = [i.data for i in _landings(call, input_list, [output] * found.size())]
    steps = partial(collectives.reduce_scatter, output=landing.data, inputs=inputs, op=op)
    return run(found, f"{call}({op.name}) of {described(output)}", steps, [landing], async_op)


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: ReduceOp = ReduceOp.SUM,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Reduce the tensors of all ranks, and give each rank its part of the result.

    Raises:
        ValueError: `input` has not as many elements as all ranks' outputs together.
        DistError, DistBackendError, TypeError: as :func:`all_reduce`.

    Follows ``torch.distributed.reduce_scatter_tensor``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> x = torch.zeros(2)
    >>> dist.reduce_scatter_tensor(x, torch.ones(2))
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    call = "reduce_scatter_tensor"
    found, landing = member(group, call), Landing(call, output)
    op.check(call, output)
    inputs = _equal_parts(call, Landing(call, input), output, found.size())
    steps = partial(collectives.reduce_scatter, output=landing.data, inputs=inputs, op=op)
    return run(found, f"{call}({op.name}) of {described(output)}", steps, [landing], async_op)


def all_to_all(
    output_tensor_list: list[Tensor],
    input_tensor_list: list[Tensor],
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Send each rank its tensor of a list, and fill a list with what they send here.

    The shapes may differ from one pair of ranks to the other; of a pair they must be equal.

    Raises:
        ValueError: a list has not as many tensors as there are ranks.
        DistError, DistBackendError: as :func:`all_reduce`.

    Follows ``torch.distributed.all_to_all``.

    >>> import fastgrad as torch
    >>> from fastgrad import distributed as dist
    >>> dist.init_process_group()
    >>> found = [torch.zeros(2)]
    >>> dist.all_to_all(found, [torch.ones(2)])
    >>> found
    [tensor([1., 1.])]
    >>> dist.destroy_process_group()
    """
    found, call = member(group, "all_to_all"), "all_to_all"
    if len(input_tensor_list) != found.size():
        raise ValueError(
            f"{call}: expected a list of {found.size()} tensors, got {len(input_tensor_list)}"
        )
    like = list(output_tensor_list)
    like[found.rank() : found.rank() + 1] = [input_tensor_list[found.rank()]]
    outputs = _landings(call, output_tensor_list, like[: found.size()])
    inputs = [Landing(call, tensor).data for tensor in input_tensor_list]
    steps = partial(collectives.all_to_all, outputs=[o.data for o in outputs], inputs=inputs)
    dtype = described(input_tensor_list[0]).split()[0]
    return run(found, f"{call} of {dtype}", steps, outputs, async_op)
