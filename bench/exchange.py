"""The ranks of ``bench.distributed``: they time exchanges and steps; rank 0 prints JSON.

mpiexec -n 2 python -m fastgrad.bench.exchange ROUNDS SECONDS ROW...
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import fastgrad as fg
from fastgrad import distributed as dist

from .distributed import AFTER, BYTES, MODELS, ONE


def exchanges(size: int) -> Callable[[], None]:
    """An all-reduce of so many bytes."""
    data = fg.ones(size // 4)

    def exchange() -> None:
        dist.all_reduce(data)

    return exchange


def steps(name: str, variant: str) -> Callable[[], None]:
    """A training step of a model: of the whole batch in one rank, or of its part in each."""
    make, shape, batch = MODELS[name]
    fg.manual_seed(0)
    rank, size = dist.get_rank(), dist.get_world_size()
    x, y = fg.rand(batch, *shape), fg.randint(10, (batch,))
    net = make(fg.nn)
    optimizer = fg.optim.SGD(net.parameters(), lr=0.01)
    if variant != ONE:
        part = slice(batch * rank // size, batch * (rank + 1) // size)
        x, y = x[part], y[part]
    model = net if variant == ONE else fg.nn.parallel.DistributedDataParallel(net)
    quiet = model.no_sync if variant == AFTER else nullcontext

    def step() -> None:
        optimizer.zero_grad()
        with quiet():
            fg.nn.functional.cross_entropy(model(x), y).backward()
        if variant == AFTER:
            average(net)
        optimizer.step()

    return step


def average(net: Any) -> None:
    """Average all gradients in one exchange, once backward is done."""
    grads = [parameter.grad for parameter in net.parameters()]
    flat = fg.cat([grad.reshape(-1) for grad in grads])
    dist.all_reduce(flat, dist.ReduceOp.AVG)
    at = 0
    for grad in grads:
        grad.copy_(flat[at : at + grad.numel()].view(grad.shape))
        at += grad.numel()


def workload(row: str) -> tuple[Callable[[], None], bool]:
    """What a row calls, and whether only the first rank does."""
    if row in BYTES:
        return exchanges(BYTES[row]), False
    name, _, variant = row.partition(", ")
    return steps(name, variant), variant == ONE


def timed(call: Callable[[], None], calls: int, is_alone: bool) -> float:
    """Seconds of one call; the others wait meanwhile, if the first rank calls alone."""
    dist.barrier()
    start = time.perf_counter()
    if not is_alone or dist.get_rank() == 0:
        for _ in range(calls):
            call()
    elapsed = (time.perf_counter() - start) / calls
    dist.barrier()
    return elapsed


def main(rounds: int, seconds: float, rows: list[str]) -> None:
    """Measure the rows in turn, round by round."""
    dist.init_process_group()
    ready, times = {}, {row: [] for row in rows}  # type: dict[str, Any], dict[str, list[float]]
    for row in rows:
        call, is_alone = workload(row)
        timed(call, 2, is_alone)
        once = timed(call, 3, is_alone)
        calls = dist.on_first_rank(lambda once=once: max(1, round(seconds / once)))  # type: ignore[misc]
        ready[row] = call, calls, is_alone
    for _ in range(rounds):
        for row, work in ready.items():
            times[row].append(timed(*work))
    if dist.get_rank() == 0:
        print(json.dumps(times))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
