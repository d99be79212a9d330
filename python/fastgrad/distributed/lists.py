"""The operations on a tensor of each rank: lists of them, and parts of one."""

from __future__ import annotations

from functools import partial

from . import collectives
from .functions import Landing, described, member, root_of, run
from .reduce_op import ReduceOp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgrad.tensor import Tensor

    from .group import ProcessGroup
    from .work import Work


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
    root = root_of(found, "gather", 0 if dst is None and group_dst is None else dst, group_dst)
    landings = _list_ofroot_of(found, "gather", root, gather_list, tensor)
    outputs = None if landings is None else [o.data for o in landings]
    data = Landing("gather", tensor).data
    steps = partial(collectives.gather, outputs=outputs, data=data, root=root)
    call = f"gather to rank {found.ranks[root]} of {described(tensor)}"
    return run(found, call, steps, landings or [], async_op)


def _list_ofroot_of(
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
    root = root_of(found, "scatter", 0 if src is None and group_src is None else src, group_src)
    landings = _list_ofroot_of(found, "scatter", root, scatter_list, tensor)
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
