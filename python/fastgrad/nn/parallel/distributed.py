"""DistributedDataParallel: each process a part of the batch, and one set of weights."""

from __future__ import annotations

from contextlib import contextmanager

from fastgrad import is_grad_enabled, no_grad
from fastgrad.distributed.functions import broadcast, described, member
from fastgrad.distributed.objects import all_gather_object
from fastgrad.nn.module import Module
from fastgrad.nn.parallel.reducer import Reducer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from fastgrad import Tensor
    from fastgrad.distributed import ProcessGroup

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """A module whose gradients are averaged over all processes of a group.

    Each process calls it with its part of the batch and runs backward() and the optimizer as ever.
    At the start all have the parameters and buffers of the first rank, and equal averages keep
    them equal. Gradients travel in buckets, which set off while backward still works on others.
    With a mean loss and equal parts, N processes with a batch of B/N make the steps of one process
    with B, to the rounding of float32, and the same bits again in another run on N processes.

    Args:
        module: the module, which becomes the attribute ``module``; some parameter requires grad.
        device_ids, output_device, dim, check_reduction, static_graph: of no consequence on CPUs.
        broadcast_buffers: whether the first rank's buffers (running statistics) are everybody's
            before each forward in training.
        init_sync: whether all ranks take the first one's parameters and buffers at the start.
        process_group: the processes; all by default.
        bucket_cap_mb: how many megabytes of gradients travel together; 25 by default.
        find_unused_parameters: whether parameters may be left out of the loss, on some ranks or
            on all; they count as zeros where they are, and keep their ``.grad`` if on all.
        gradient_as_bucket_view: whether ``.grad`` lies in the bucket, which saves a copy.

    Raises:
        RuntimeError: nothing requires grad; in backward(), a parameter is not part of the loss.
        DistError: the ranks' parameters differ in name, shape or dtype.

    Follows ``torch.nn.parallel.DistributedDataParallel``, except that a parameter that is not part
    of the loss is an error of backward() itself, and not of the next forward.

    >>> import fastgrad as torch
    >>> torch.distributed.init_process_group()
    >>> net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 2))
    >>> net(torch.ones(4, 3)).sum().backward()
    >>> list(net.state_dict())
    ['module.weight', 'module.bias']
    >>> torch.distributed.destroy_process_group()
    """

    def __init__(
        self,
        module: Module,
        device_ids: list[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
        broadcast_buffers: bool = True,
        init_sync: bool = True,
        process_group: ProcessGroup | None = None,
        bucket_cap_mb: float | None = None,
        find_unused_parameters: bool = False,
        check_reduction: bool = False,
        gradient_as_bucket_view: bool = False,
        static_graph: bool = False,
    ) -> None:
        super().__init__()
        parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        if not parameters:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameters "
                "that require a gradient."
            )
        cap = 25.0 if bucket_cap_mb is None else bucket_cap_mb
        if cap <= 0:
            raise ValueError(f"bucket_cap_mb must be positive, got {bucket_cap_mb}")
        self.module = module
        self.process_group = member(process_group, "DistributedDataParallel")
        self.broadcast_buffers = broadcast_buffers
        if init_sync:
            self._agree()
            self._copy_from_first([*module.parameters(), *module.buffers()])
        self._reducer = Reducer(
            parameters, self.process_group, cap, find_unused_parameters, gradient_as_bucket_view
        )

    def _agree(self) -> None:
        """An error, on all ranks, where one has another model."""
        own = [f"{name}: {described(value)}" for name, value in self.module.state_dict().items()]
        everyone: list[list[str]] = [[]] * self.process_group.size()
        all_gather_object(everyone, own, self.process_group)
        for rank, theirs in zip(self.process_group.ranks, everyone, strict=True):
            if theirs != everyone[0]:
                raise self._disagreement(rank, theirs, everyone[0])

    def _disagreement(self, rank: int, theirs: list[str], first: list[str]) -> Exception:
        from fastgrad.distributed import DistError

        here = next((entry for entry in theirs if entry not in first), "fewer parameters")
        there = next((entry for entry in first if entry not in theirs), "fewer parameters")
        return DistError(
            f"DistributedDataParallel: the ranks have different models: {here} on rank {rank}, and "
            f"{there} on rank {self.process_group.ranks[0]}"
        )

    def _copy_from_first(self, tensors: list[Tensor]) -> None:
        with no_grad():
            for tensor in tensors:
                broadcast(tensor, group=self.process_group, group_src=0)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Let gradients add up in this process alone, until a backward() outside averages the sum.

        >>> import fastgrad as torch
        >>> torch.distributed.init_process_group()
        >>> net = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 1, bias=False))
        >>> with net.no_sync():
        ...     net(torch.ones(1, 3)).sum().backward()
        >>> net(torch.ones(1, 3)).sum().backward()
        >>> net.module.weight.grad
        tensor([[2., 2., 2.]])
        >>> torch.distributed.destroy_process_group()
        """
        before = self._reducer.is_on
        self._reducer.is_on = False
        try:
            yield
        finally:
            self._reducer.is_on = before

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module gives for this process's part of the batch."""
        syncs = self._reducer.is_on and self.training and is_grad_enabled()
        if syncs and self.broadcast_buffers:
            self._copy_from_first(list(self.module.buffers()))
        outputs = self.module(*inputs, **kwargs)
        if syncs:
            # Also where no parameter has a part in the loss, the other ranks wait for this one.
            for tensor in _tensors(outputs):
                if tensor.requires_grad:
                    tensor.register_hook(lambda grad: self._reducer.expect())
        return outputs


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples and dictionaries."""
    from fastgrad import Tensor

    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _tensors(inner)
