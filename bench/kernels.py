"""Operations of the courses' models, in the sizes that occur there, and what is wanted of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .row import Function, Goal, Row

if TYPE_CHECKING:
    import numpy as np

    from .row import Array

FLOAT = 4  # bytes
BLOCK = 1_000_003  # large inputs repeat a block of so many random numbers, which is quicker


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Standard normal numbers."""
    import numpy as np

    count = int(np.prod(shape))
    block = rng.standard_normal(min(count, BLOCK), dtype=np.float32)
    return np.resize(block, shape)


def row(
    name: str,
    apply: Callable[..., Any],
    inputs: Callable[[np.random.Generator], list[Array]],
    goal: Goal,
    *,
    flops: float = 0,
    units: float = 0,
    limit: str = "copy",
    backward: bool = False,
    tolerance: float = 1e-4,
) -> Row:
    """A row of this section: `flops` operations, or so many numbers read and written."""

    def work(rng: np.random.Generator) -> Function:
        return Function(apply, inputs(rng), backward)

    if flops:
        unit, amount, limit = "GFLOP/s", flops, "fma"
    else:
        unit, amount = "GB/s", units * FLOAT
    return Row("kernels", name, work, goal, unit, amount, limit, tolerance=tolerance)


# Matrix products


def product(title: str, m: int, k: int, n: int, goal: Goal, side: str = "") -> Row:
    """A product of m x k and k x n, or one of its gradient products."""

    def inputs(rng: np.random.Generator) -> list[Array]:
        return [normal(rng, m, k), normal(rng, k, n), normal(rng, m, n)]

    forms: dict[str, Callable[..., Any]] = {
        "": lambda lib, x, w, g: x @ w,
        "dW": lambda lib, x, w, g: x.T @ g,
        "dX": lambda lib, x, w, g: g @ w.T,
    }
    name = f"matmul {title}{side and ' ' + side}"
    return row(name, forms[side], inputs, goal, flops=2 * m * k * n)


def batched(rng: np.random.Generator) -> list[Array]:
    """Two batches of 32 x 8 matrices."""
    return [normal(rng, 32, 8, 64, 64), normal(rng, 32, 8, 64, 64)]


def matrix_products() -> Iterator[Row]:
    """Square, skinny, of a layer, batched."""
    for n in (64, 128, 256, 512, 1024, 2048):
        small = Goal(0.5, 400 if n == 256 else None)
        yield product(str(n), n, n, n, small if n < 512 else Goal(0.45, 450))
    for side, ratio in (("", 0.3), ("dW", 0.3), ("dX", 0.8)):
        yield product("256x784x10", 256, 784, 10, Goal(ratio), side)
    for side in ("", "dW", "dX"):
        yield product("256x784x256", 256, 784, 256, Goal(rate=420), side)
    yield row(
        "matmul 32x8x64x64",
        lambda lib, a, b: a @ b,
        batched,
        Goal(0.3),
        flops=2 * 32 * 8 * 64**3,
    )


# Elementwise

ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "exp": lambda lib, x: lib.exp(x),
    "tanh": lambda lib, x: lib.tanh(x),
    "sigmoid": lambda lib, x: lib.sigmoid(x),
    "gelu": lambda lib, x: lib.nn.functional.gelu(x),
    "add": lambda lib, x, y: x + y,
    "mul": lambda lib, x, y: x * y,
    "relu": lambda lib, x: lib.relu(x),
}
SIZES = {"1e4": 10_000, "1e6": 1_000_000, "2.5e7": 25_000_000}


def elementwise_goal(name: str, size: str) -> Goal:
    """Large ones are bound by memory, small ones by calls, the rest by arithmetic."""
    if size == "2.5e7":
        return Goal(rate=48)
    if name in ("add", "mul", "relu"):
        return Goal(0.55 if size == "1e4" else 1.0)
    return Goal(0.25 if name in ("exp", "tanh") else 0.5, 150 if size == "1e6" else None)


def elementwise() -> Iterator[Row]:
    """Each function on three sizes; results are fresh."""
    for name, apply in ELEMENTWISE.items():
        two = name in ("add", "mul")
        for size, n in SIZES.items():

            def inputs(rng: np.random.Generator, n: int = n, two: bool = two) -> list[Array]:
                return [normal(rng, n) for _ in range(1 + two)]

            goal = elementwise_goal(name, size)
            limit = "triad" if two else "copy"
            yield row(f"{name} {size}", apply, inputs, goal, units=(2 + two) * n, limit=limit)


# Reductions


def reductions() -> Iterator[Row]:
    """Along each axis of a matrix and over all of it."""
    functions: dict[str, Callable[..., Any]] = {
        "sum": lambda lib, x, dim: lib.sum(x, **dim),
        "max": lambda lib, x, dim: lib.amax(x, **dim),
        "mean": lambda lib, x, dim: lib.mean(x, **dim),
    }
    axes: tuple[tuple[str, dict[str, int], float], ...] = (
        ("axis 0", {"dim": 0}, 130),
        ("axis 1", {"dim": 1}, 190),
        ("all", {}, 190),
    )
    for name, function in functions.items():
        for title, dim, rate in axes:

            def apply(lib: Any, x: Any, function: Any = function, dim: Any = dim) -> Any:
                return function(lib, x, dim)

            yield row(
                f"{name} {title}",
                apply,
                lambda rng: [normal(rng, 4096, 1024) + 0.5],
                Goal(rate=rate),
                units=4096 * 1024,
                limit="read",
            )


# Softmax and cross-entropy


def logits(rows: int, classes: int) -> Callable[[np.random.Generator], list[Array]]:
    """A batch of logits."""
    return lambda rng: [normal(rng, rows, classes)]


def logits_and_labels(rows: int, classes: int) -> Callable[[np.random.Generator], list[Array]]:
    """A batch of logits and their labels."""
    return lambda rng: [normal(rng, rows, classes), rng.integers(0, classes, rows)]


BATCHES = ((256, 10), (4096, 1000), (512, 32000))


def softmaxes() -> Iterator[Row]:
    """Forward; with backward where the batch is small."""
    functions: dict[str, Callable[..., Any]] = {
        "softmax": lambda lib, x: lib.nn.functional.softmax(x, dim=1),
        "log_softmax": lambda lib, x: lib.nn.functional.log_softmax(x, dim=1),
    }
    for name, apply in functions.items():
        for rows, n in BATCHES:
            small = n == 10
            yield row(
                f"{name} {rows}x{n}{' +backward' * small}",
                apply,
                logits(rows, n),
                Goal(0.35) if small else Goal(rate=70),
                units=(5 if small else 2) * rows * n,
                backward=small,
            )


def cross_entropies() -> Iterator[Row]:
    """Forward and backward: the logits are read once, their gradient is written once."""
    for (rows, n), ratio in zip(BATCHES, (0.3, 0.4, 0.15), strict=True):
        yield row(
            f"cross_entropy {rows}x{n} +backward",
            lambda lib, x, y: lib.nn.functional.cross_entropy(x, y),
            logits_and_labels(rows, n),
            Goal(ratio),
            units=2 * rows * n,
            backward=True,
        )


def layer_norms() -> Iterator[Row]:
    """Forward, and with backward."""

    def apply(lib: Any, x: Any, weight: Any, bias: Any) -> Any:
        return lib.nn.functional.layer_norm(x, (768,), weight, bias)

    def inputs(rng: np.random.Generator) -> list[Array]:
        return [normal(rng, 4096, 768), normal(rng, 768), normal(rng, 768)]

    for backward in (False, True):
        name = f"layer_norm 4096x768{' +backward' * backward}"
        units = (5 if backward else 2) * 4096 * 768
        yield row(name, apply, inputs, Goal(0.8), units=units, backward=backward)


# Attention

# batch, heads, length, features of a head; whether causal
ATTENTIONS = (((16, 4, 64, 32), True), ((4, 8, 512, 64), True), ((4, 8, 512, 64), False))


def attentions() -> Iterator[Row]:
    """Forward, and with backward; of a causal one half of the products counts."""
    for shape, causal in ATTENTIONS:

        def apply(lib: Any, q: Any, k: Any, v: Any, causal: bool = causal) -> Any:
            attention = lib.nn.functional.scaled_dot_product_attention
            return attention(q, k, v, is_causal=causal)

        def inputs(rng: np.random.Generator, shape: tuple[int, ...] = shape) -> list[Array]:
            return [normal(rng, *shape) for _ in range(3)]

        batch, heads, length, features = shape
        flops = 4 * batch * heads * length**2 * features // (1 + causal)
        for backward in (False, True):
            title = f"attention {'x'.join(map(str, shape))}{' causal' * causal}"
            yield row(
                f"{title}{' +backward' * backward}",
                apply,
                inputs,
                Goal(1.0),
                flops=3 * flops if backward else flops,
                backward=backward,
            )


# Convolutions and pools

# title: images, weights, padding, with a bias, goals (ratios) forward and with backward
Convolution = tuple[str, tuple[int, ...], tuple[int, ...], int, bool, float, float]
CONVOLUTIONS: tuple[Convolution, ...] = (
    ("LeNet 1", (256, 1, 28, 28), (6, 1, 5, 5), 2, True, 0.6, 0.6),
    ("LeNet 2", (256, 6, 14, 14), (16, 6, 5, 5), 0, True, 1.0, 0.6),
    ("64->64 3x3 @56", (32, 64, 56, 56), (64, 64, 3, 3), 1, False, 1.1, 0.9),
    ("256->256 3x3 @14", (16, 256, 14, 14), (256, 256, 3, 3), 1, False, 1.1, 1.1),
    ("64->256 1x1 @56", (32, 64, 56, 56), (256, 64, 1, 1), 0, False, 0.3, 0.3),
)


def convolution(spec: Convolution, backward: bool) -> Row:
    """A convolution, with the gradients of all its inputs where backward."""
    title, image, weight, padding, bias, forward_goal, backward_goal = spec

    def apply(lib: Any, *tensors: Any) -> Any:
        return lib.nn.functional.conv2d(*tensors, padding=padding)

    def inputs(rng: np.random.Generator) -> list[Array]:
        tensors = [normal(rng, *image), normal(rng, *weight)]
        return [*tensors, normal(rng, weight[0])] if bias else tensors

    side = image[2] + 2 * padding - weight[2] + 1
    flops = 2 * image[0] * weight[0] * side**2 * weight[1] * weight[2] ** 2
    goal = Goal(backward_goal if backward else forward_goal)
    name = f"conv {title}{' +backward' * backward}"
    times = 3 if backward else 1
    return row(name, apply, inputs, goal, flops=times * flops, backward=backward, tolerance=1e-3)


def convolutions() -> Iterator[Row]:
    """Each one forward, then with backward."""
    for spec in CONVOLUTIONS:
        for backward in (False, True):
            yield convolution(spec, backward)


def pools() -> Iterator[Row]:
    """Of LeNet's and ResNet's sizes."""
    pools: tuple[tuple[str, tuple[int, ...], int, Callable[..., Any], float], ...] = (
        (
            "max_pool 2x2 256x6x28x28",
            (256, 6, 28, 28),
            14,
            lambda lib, x: lib.nn.functional.max_pool2d(x, 2),
            0.1,
        ),
        (
            "avg_pool 2x2 256x6x28x28",
            (256, 6, 28, 28),
            14,
            lambda lib, x: lib.nn.functional.avg_pool2d(x, 2),
            0.4,
        ),
        (
            "max_pool 3x3s2 32x64x112x112",
            (32, 64, 112, 112),
            56,
            lambda lib, x: lib.nn.functional.max_pool2d(x, 3, stride=2, padding=1),
            0.1,
        ),
    )
    for name, image, side, apply, ratio in pools:
        for backward in (False, True):
            planes = image[0] * image[1]
            units = planes * (image[2] ** 2 + side**2) * (1 + backward)

            def inputs(rng: np.random.Generator, image: tuple[int, ...] = image) -> list[Array]:
                return [normal(rng, *image)]

            goal = Goal(0.4, 10) if backward else Goal(ratio, 25)
            title = f"{name}{' +backward' * backward}"
            yield row(title, apply, inputs, goal, units=units, backward=backward)


# Moving numbers


def movements() -> Iterator[Row]:
    """Rows by number, and a transposed copy."""

    def table(rng: np.random.Generator) -> list[Array]:
        return [normal(rng, 50000, 256), rng.integers(0, 50000, 4096)]

    yield row(
        "embedding 50000x256 +backward",
        lambda lib, table, ids: lib.nn.functional.embedding(ids, table),
        table,
        Goal(0.15),
        units=(3 * 4096 + 50000) * 256,
        backward=True,
    )
    for n in (1024, 4096):
        yield row(
            f"transposed copy {n}",
            transposed_copy,
            lambda rng, n=n: [normal(rng, n, n)],  # type: ignore[misc]
            Goal(rate=45),
            units=2 * n * n,
        )


def transposed_copy(lib: Any, x: Any) -> Any:
    """The transpose in memory order, which arrays and tensors spell differently."""
    return x.T.contiguous() if hasattr(x, "contiguous") else lib.transposed_copy(x)


def rows() -> Iterator[Row]:
    """All rows of the section."""
    for part in (
        matrix_products,
        elementwise,
        reductions,
        softmaxes,
        cross_entropies,
        layer_norms,
        attentions,
        convolutions,
        pools,
        movements,
    ):
        yield from part()
