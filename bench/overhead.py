"""The cost of a call on tiny tensors: plain, recorded, and forward and backward in a chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .row import Case, Function, Goal, Program, Row

if TYPE_CHECKING:
    import numpy as np

    from .row import Array

Apply = Callable[..., Any]
OPS: dict[str, Apply] = {
    "add": lambda lib, x, y: x + y,
    "mul": lambda lib, x, y: x * y,
    "matmul 4x4": lambda lib, x, y: x @ y,
    "relu": lambda lib, x: lib.relu(x),
    "exp": lambda lib, x: lib.exp(x),
    "sum": lambda lib, x: lib.sum(x),
    "reshape": lambda lib, x: x.reshape(2, 8),
    "x[0]": lambda lib, x: x[0],
}
BINARY = ("add", "mul", "matmul 4x4")
LENGTH = 10
# In a chain, what keeps the numbers finite, or the shapes going: two operations each.
PAIRS: dict[str, Apply] = {
    "exp": lambda lib, x: lib.exp(-x),
    "reshape": lambda lib, x: x.reshape(2, 8).reshape(4, 4),
}


def small(rng: np.random.Generator, name: str, shape: tuple[int, ...] = (4, 4)) -> list[Array]:
    """One or two small arrays of positive numbers."""
    import numpy as np

    count = 2 if name in BINARY else 1
    return [rng.uniform(0.2, 0.5, shape).astype(np.float32) for _ in range(count)]


def call(name: str, apply: Apply, recorded: bool) -> Row:
    """One call of an operation."""

    def work(rng: np.random.Generator) -> Function:
        return Function(apply, small(rng, name), recorded=recorded, compiled=False)

    title = f"{name}{', recorded' * recorded}"
    return Row("overhead", title, work, Goal(0.35 if recorded else 0.25))


def chain(name: str, apply: Apply) -> Row:
    """Operations one after the other, a sum, and backward; the time is that of one."""
    step = PAIRS.get(name, apply)
    shape = (1,) * LENGTH + (4, 4) if name == "x[0]" else (4, 4)  # every x[0] takes a dimension

    def work(rng: np.random.Generator) -> Function:
        return Function(step, small(rng, name, shape), backward=True, repeat=LENGTH, compiled=False)

    calls = LENGTH * (2 if name in PAIRS else 1)
    title = f"{name}{', neg' * (name == 'exp')}, chain +backward"
    return Row("overhead", title, work, Goal(0.3), calls=calls)


def mlp(rng: np.random.Generator) -> Program:
    """Inference of a 4-16-16-2 network on one sample."""
    import numpy as np

    sizes = ((16, 4), (16,), (16, 16), (16,), (2, 16), (2,))
    weights = [rng.uniform(-0.5, 0.5, size).astype(np.float32) for size in sizes]
    sample = rng.standard_normal((1, 4), dtype=np.float32)

    def make(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
        nn, x = lib.nn, lib.from_numpy(sample)
        net = nn.Sequential(
            nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)
        )

        def call() -> Any:
            with lib.no_grad():
                return net(x)

        with lib.no_grad():
            for parameter, weight in zip(net.parameters(), weights, strict=True):
                parameter.copy_(lib.from_numpy(weight))
        return Case(call, lambda: [call().numpy()], lambda: sample.__imul__(0.75))

    def by_hand(rng: np.random.Generator) -> Case:
        w1, b1, w2, b2, w3, b3 = weights

        def call() -> Any:
            hidden = np.maximum(sample @ w1.T + b1, 0)
            return np.maximum(hidden @ w2.T + b2, 0) @ w3.T + b3

        return Case(call, lambda: [call()], lambda: sample.__imul__(0.75))

    return Program(make, {"numpy": by_hand}, compiled=False)


def rows() -> Iterator[Row]:
    """All rows of the section."""
    for recorded in (False, True):
        for name, apply in OPS.items():
            yield call(name, apply, recorded)
    for name, apply in OPS.items():
        yield chain(name, apply)
    yield Row("overhead", "MLP 4-16-16-2 b1", mlp, Goal(0.3))
