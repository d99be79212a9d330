"""Averages gradients over the ranks, in buckets that set off while backward still works."""

from __future__ import annotations

from fastgrad import no_grad, tensor, uint8
from fastgrad.autograd.engine import queue_callback
from fastgrad.distributed.functions import all_reduce
from fastgrad.distributed.reduce_op import ReduceOp
from fastgrad.distributed.work import progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastgrad import Tensor
    from fastgrad.distributed import ProcessGroup
    from fastgrad.distributed.work import Work

MEGABYTE = 1 << 20
NAMES_SHOWN = 5


class Bucket:
    """Gradients that travel together: of parameters that are neighbours, and of one dtype."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = parameters
        numbers = sum(parameter.numel() for parameter in parameters)
        self.data = parameters[0].detach().new_zeros(numbers)
        ends = [0]
        for parameter in parameters:
            ends.append(ends[-1] + parameter.numel())
        self.parts = [
            self.data[start:end].view(parameter.shape)
            for start, end, parameter in zip(ends, ends[1:], parameters, strict=False)
        ]
        self.work: Work | None = None

    def start(self, group: ProcessGroup) -> None:
        """Set off with the gradients; where there is none, zeros count."""
        for parameter, part in zip(self.parameters, self.parts, strict=True):
            if parameter.grad is not None:
                part.copy_(parameter.grad)
            else:
                part.zero_()
        self.data.div_(group.size())
        self.work = all_reduce(self.data, group=group, async_op=True)

    def finish(self, used: set[int] | None, keeps_views: bool) -> None:
        """Wait, and give the parameters their averages; with `used`, only to these."""
        if self.work is None:
            raise RuntimeError("a bucket of gradients was never sent")
        self.work.wait()
        self.work = None
        for parameter, part in zip(self.parameters, self.parts, strict=True):
            if used is not None and id(parameter) not in used:
                continue
            if keeps_views:
                parameter.grad = part
            elif parameter.grad is None:
                parameter.grad = part.clone()
            else:
                parameter.grad.copy_(part)


def in_buckets(parameters: Sequence[Tensor], cap: float) -> Iterator[list[Tensor]]:
    """The parameters from the last, whose gradients come first, in parts of at most so many MB.

    The first part is small, as in PyTorch, so that something is on its way soon.
    """
    bucket: list[Tensor] = []
    size, limit = 0, min(1.0, cap) * MEGABYTE
    for parameter in reversed(parameters):
        is_other = bool(bucket) and bucket[0].dtype is not parameter.dtype
        if bucket and (is_other or size >= limit):
            yield bucket
            bucket, size, limit = [], 0, cap * MEGABYTE
        bucket.append(parameter)
        size += parameter.numel() * parameter.element_size()
    yield bucket


class Reducer:
    """The buckets of a model, and which of them are on their way.

    All ranks start the buckets in one order, whatever the order of their gradients.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        group: ProcessGroup,
        cap: float,
        allows_unused: bool,
        keeps_views: bool,
    ) -> None:
        self.group = group
        self.allows_unused = allows_unused
        self.keeps_views = keeps_views
        self.is_on = True
        self.names = {id(parameter): name for name, parameter in parameters.items()}
        self.buckets = [Bucket(part) for part in in_buckets([*parameters.values()], cap)]
        self._forget()
        for parameter in parameters.values():
            parameter.register_post_accumulate_grad_hook(self._arrived)

    def _forget(self) -> None:
        self._ready: set[int] = set()
        self._started = 0
        self._is_expected = False

    def expect(self) -> None:
        """See to it that the backward() that runs now ends with all gradients averaged."""
        if self.is_on and not self._is_expected:
            self._forget()
            self._is_expected = True
            queue_callback(self._finish)

    def _arrived(self, parameter: Tensor) -> None:
        """A gradient is complete: send the buckets that are."""
        if not self.is_on:
            return
        self.expect()
        self._ready.add(id(parameter))
        with no_grad():
            while self._started < len(self.buckets) and self._is_complete():
                self._start_next()
        progress()

    def _is_complete(self) -> bool:
        bucket = self.buckets[self._started]
        return all(id(parameter) in self._ready for parameter in bucket.parameters)

    def _start_next(self) -> None:
        self.buckets[self._started].start(self.group)
        self._started += 1

    def _finish(self) -> None:
        """At the end of backward: the rest of the buckets, then the averages."""
        missing = [name for key, name in self.names.items() if key not in self._ready]
        if missing and not self.allows_unused:
            self._is_expected = False
            raise RuntimeError(self._unused(missing))
        with no_grad():
            while self._started < len(self.buckets):
                self._start_next()
            used = self._used_anywhere() if self.allows_unused else None
            for bucket in self.buckets:
                bucket.finish(used, self.keeps_views)
        self._is_expected = False

    def _unused(self, missing: list[str]) -> str:
        shown = ", ".join(missing[:NAMES_SHOWN])
        more = f" and {len(missing) - NAMES_SHOWN} more" if len(missing) > NAMES_SHOWN else ""
        return (
            f"DistributedDataParallel: on rank {self.group.world.rank} backward() did not reach "
            f"{len(missing)} of {len(self.names)} parameters: {shown}{more}. Every parameter must "
            "take part in the loss on every rank; find_unused_parameters=True lets those count as "
            "zeros that do not"
        )

    def _used_anywhere(self) -> set[int]:
        """The parameters that some rank's loss depends on: the others keep their .grad."""
        marks = tensor([key in self._ready for key in self.names], dtype=uint8)
        all_reduce(marks, ReduceOp.MAX, self.group)
        return {key for key, mark in zip(self.names, marks.tolist(), strict=True) if mark}
