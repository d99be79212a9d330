"""One CUDA device: fastgrad's kernels against PyTorch's on the same device.

Calls return before the device has done them, so a turn is many calls between two waits. What is
bound by memory is held to a share of the bandwidth of a copy, which both libraries measure in the
same rounds (`device_limits.py`); results are compared before and after, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from . import kernels, sequences, training
from .device_limits import PRODUCTS, multiply
from .kernels import normal
from .row import Case, Function, Goal, Program, Row, cuda_of
from .training import Training

if TYPE_CHECKING:
    import numpy as np

    from .row import Array

FLOAT = 4  # bytes
MEMORY = Goal(1.0, share=0.85)  # of what is bound by memory
STEP = Goal(0.9)  # of a training step

Apply = Callable[..., Any]
Inputs = Callable[["np.random.Generator"], list["Array"]]


@dataclass(frozen=True)
class Sizes:
    """Where the rows run, and how large they are; tests have small ones, and the CPU."""

    device: str = "cuda"
    elements: int = 25_000_000
    table: tuple[int, int] = (8192, 4096)
    batches: tuple[tuple[int, int], ...] = ((4096, 1000), (8192, 32000))
    normed: tuple[tuple[int, int], ...] = ((8192, 1024), (4096, 4096))
    transposed: int = 8192
    embedding: tuple[int, int, int] = (50257, 768, 16384)  # rows, features, indices
    adam: tuple[int, int] = (100, 1_000_000)  # tensors, elements of each
    product: int = 4096
    attention: tuple[int, int, int, int] = (1, 8, 2048, 64)  # batch, heads, length, features
    chain: tuple[int, int] = (1000, 1000)  # operations, elements
    lenet: int = 256  # the batch, as below
    resnet: int = 64
    lstm: int = 32
    gpt: int = 16


def why_absent() -> str | None:
    """Why fastgrad has no CUDA device here, if it has none."""
    import fastgrad

    if fastgrad.cuda.is_available():
        return None
    if not fastgrad._core.build_info()["cuda"]:
        return "this fastgrad was built without CUDA (docs/cuda.md says how to build it)"
    try:
        fastgrad.cuda.init()
    except RuntimeError as error:
        return str(error)
    raise AssertionError("a build with CUDA says why it has no device")


def row(
    sizes: Sizes,
    name: str,
    apply: Apply,
    inputs: Inputs,
    goal: Goal = MEMORY,
    *,
    units: float = 0,
    flops: float = 0,
    backward: bool = False,
    tolerance: float = 1e-4,
) -> Row:
    """A function's row: so many numbers read and written, or operations in float32."""

    def work(rng: np.random.Generator) -> Function:
        return Function(apply, inputs(rng), backward, compiled=False, device=sizes.device)

    if flops:
        unit, amount, limit = "GFLOP/s", flops, "device float32"
    else:
        unit, amount, limit = "GB/s", units * FLOAT, "device copy"
    title = f"{name}{' +backward' * backward}"
    return Row("cuda", title, work, goal, unit, amount, limit, tolerance=tolerance)


# What is bound by memory


def elementwise(sizes: Sizes) -> Iterator[Row]:
    """Fresh results of large vectors; a copy first."""
    n = sizes.elements
    title = f"{n:.2g}".replace("e+0", "e")
    functions = {"copy": lambda lib, x: x.clone(), **kernels.ELEMENTWISE}
    for name in ("copy", "add", "mul", "relu", "gelu", "exp"):
        terms = 2 if name in ("add", "mul") else 1

        def inputs(rng: np.random.Generator, terms: int = terms) -> list[Array]:
            return [normal(rng, n) for _ in range(terms)]

        yield row(sizes, f"{name} {title}", functions[name], inputs, units=(terms + 1) * n)


def reductions(sizes: Sizes) -> Iterator[Row]:
    """Sums over everything, over the columns and over the rows of a matrix."""
    title = "x".join(map(str, sizes.table))
    for name, dims in (("all", {}), ("axis 0", {"dim": 0}), ("axis 1", {"dim": 1})):
        yield row(
            sizes,
            f"sum {name} {title}",
            lambda lib, x, dims=dims: lib.sum(x, **dims),
            lambda rng: [normal(rng, *sizes.table) + 0.5],
            units=prod(sizes.table),
        )


def softmaxes(sizes: Sizes) -> Iterator[Row]:
    """Softmax and its logarithm, forward and with backward; cross-entropy with backward."""
    functional: dict[str, Apply] = {
        "softmax": lambda lib, x: lib.nn.functional.softmax(x, dim=1),
        "log_softmax": lambda lib, x: lib.nn.functional.log_softmax(x, dim=1),
    }
    for name, apply in functional.items():
        for rows, n in sizes.batches:
            for backward in (False, True):
                yield row(
                    sizes,
                    f"{name} {rows}x{n}",
                    apply,
                    kernels.logits(rows, n),
                    units=(5 if backward else 2) * rows * n,
                    backward=backward,
                )
    rows, n = sizes.batches[-1]
    yield row(
        sizes,
        f"cross_entropy {rows}x{n}",
        lambda lib, x, y: lib.nn.functional.cross_entropy(x, y),
        kernels.logits_and_labels(rows, n),
        units=2 * rows * n,  # the logits are read once, their gradient is written once
        backward=True,
    )


def layer_norms(sizes: Sizes) -> Iterator[Row]:
    """Forward, and with backward."""
    for rows, n in sizes.normed:

        def apply(lib: Any, x: Any, weight: Any, bias: Any, n: int = n) -> Any:
            return lib.nn.functional.layer_norm(x, (n,), weight, bias)

        def inputs(rng: np.random.Generator, rows: int = rows, n: int = n) -> list[Array]:
            return [normal(rng, rows, n), normal(rng, n), normal(rng, n)]

        for backward in (False, True):
            units = (5 if backward else 2) * rows * n
            yield row(
                sizes, f"layer_norm {rows}x{n}", apply, inputs, units=units, backward=backward
            )


def movements(sizes: Sizes) -> Iterator[Row]:
    """A transposed copy, and rows by number."""
    side = sizes.transposed
    yield row(
        sizes,
        f"transposed copy {side}",
        kernels.transposed_copy,
        lambda rng: [normal(rng, side, side)],
        units=2 * side * side,
    )
    rows, features, count = sizes.embedding
    for backward in (False, True):
        yield row(
            sizes,
            f"embedding {rows}x{features}, {count} indices",
            lambda lib, table, ids: lib.nn.functional.embedding(ids, table),
            lambda rng: [normal(rng, rows, features), rng.integers(0, rows, count)],
            units=(3 * count + rows if backward else 2 * count) * features,
            backward=backward,
        )


class AdamSteps:
    """Steps of Adam over many tensors, which share the numbers that they start from."""

    def __init__(self, lib: Any, numbers: Array, tensors: int, device: str) -> None:
        self.lib = lib
        self.start = lib.from_numpy(numbers).to(device)
        self.grads = [self.start * (1 + i) for i in range(tensors)]
        self.params = [self.start.clone().requires_grad_() for _ in range(tensors)]
        for param, grad in zip(self.params, self.grads, strict=True):
            param.grad = grad
        self.begin()

    def begin(self) -> None:
        """Go back to the start."""
        with self.lib.no_grad():
            for param in self.params:
                param.copy_(self.start)
        self.optimizer = self.lib.optim.Adam(self.params, lr=0.01, eps=0.1, fused=True)

    def results(self) -> list[Array]:
        """What a few steps change of the first tensor and of the last."""
        self.begin()
        for _ in range(3):
            self.optimizer.step()
        changed = [(self.params[i].detach() - self.start).cpu().numpy() for i in (0, -1)]
        self.begin()
        return changed

    def change(self) -> None:
        """Other gradients; with so large an eps their size shows in the steps."""
        for grad in self.grads:
            grad.mul_(-0.75)


def adam(sizes: Sizes) -> Iterator[Row]:
    """A step of all tensors: four of each are read, three are written."""
    tensors, n = sizes.adam

    def work(rng: np.random.Generator) -> Program:
        numbers = normal(rng, n)

        def make(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
            cuda = cuda_of(lib, sizes.device)
            steps = AdamSteps(lib, numbers, tensors, sizes.device)
            return Case(lambda: steps.optimizer.step(), steps.results, steps.change, cuda=cuda)

        return Program(make, compiled=False)

    moved = 7 * FLOAT * tensors * n
    yield Row(
        "cuda",
        f"Adam {tensors}x{n}",
        work,
        MEMORY,
        "GB/s",
        moved,
        "device copy",
        tolerance=1e-3,
    )


# Products


def product(sizes: Sizes, kind: str, tolerance: float) -> Row:
    """A square product, in one of the precisions of `device_limits.py`."""
    n, (precision, dtype) = sizes.product, PRODUCTS[kind]

    def work(rng: np.random.Generator) -> Program:
        factors = [normal(rng, n, n), normal(rng, n, n)]

        def make(lib: Any, rng: np.random.Generator, optimize: Callable[[Any], Any]) -> Case:
            cuda = cuda_of(lib, sizes.device)
            a, b = (lib.from_numpy(x).to(sizes.device, getattr(lib, dtype)) for x in factors)
            return Case(
                lambda: multiply(lib, precision, a, b),
                lambda: [multiply(lib, precision, a, b).float().cpu().numpy()],
                lambda: a.mul_(0.75),
                cuda=cuda,
            )

        return Program(make, compiled=False)

    name = f"matmul {n} {kind.removeprefix('device ')}"
    return Row("cuda", name, work, Goal(1.03), "GFLOP/s", 2.0 * n**3, kind, tolerance=tolerance)


def products(sizes: Sizes) -> Iterator[Row]:
    """In each precision; what these allow their results to differ by."""
    for kind, tolerance in zip(PRODUCTS, (1e-4, 5e-3, 1e-2), strict=True):
        yield product(sizes, kind, tolerance)


def attentions(sizes: Sizes) -> Iterator[Row]:
    """Causal, forward and with backward; one half of the products counts."""
    batch, heads, length, features = sizes.attention

    def apply(lib: Any, q: Any, k: Any, v: Any) -> Any:
        return lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    for backward in (False, True):
        yield row(
            sizes,
            f"attention {'x'.join(map(str, sizes.attention))} causal",
            apply,
            lambda rng: [normal(rng, *sizes.attention) for _ in range(3)],
            Goal(1.0),
            flops=(3 if backward else 1) * 2 * batch * heads * length**2 * features,
            backward=backward,
            tolerance=1e-3,
        )


# The cost of starting kernels, and training steps


def chain(sizes: Sizes) -> Iterator[Row]:
    """Small additions one after the other; the time is that of one."""
    count, n = sizes.chain

    def work(rng: np.random.Generator) -> Function:
        inputs = [abs(normal(rng, n)) for _ in range(2)]
        return Function(
            lambda lib, x, y: x + y, inputs, repeat=count, compiled=False, device=sizes.device
        )

    yield Row("cuda", f"add {n}, chain of {count}", work, STEP, calls=count, tolerance=1e-3)


class Captured(Training):
    """Steps that were captured once, and are replayed on each batch."""

    def __init__(self, lib: Any, *arguments: Any) -> None:
        super().__init__(lib, *arguments)
        self.inputs, self.labels = self.x[: self.batch].clone(), self.y[: self.batch].clone()
        beside = lib.cuda.Stream()
        beside.wait_stream(lib.cuda.current_stream())
        with lib.cuda.stream(beside):  # what libraries do the first time cannot be captured
            self.train(self.inputs, self.labels)
        lib.cuda.current_stream().wait_stream(beside)
        self.optimizer.zero_grad()
        self.graph = lib.cuda.CUDAGraph()
        with lib.cuda.graph(self.graph):
            self.loss = self.train(self.inputs, self.labels).detach()
        self.captured = self.optimizer  # whose memory the graph uses; `begin` makes another

    def step(self, at: int) -> Any:
        """Copy the batch that begins at a sample to its place, and replay."""
        self.inputs.copy_(self.x[at : at + self.batch])
        self.labels.copy_(self.y[at : at + self.batch])
        self.graph.replay()
        return self.loss


def steps(sizes: Sizes) -> Iterator[Row]:
    """The networks of the training section."""

    def step(name: str, make: Callable[[Any], Any], shape: tuple[int, ...], **options: Any) -> Row:
        batch = options.pop("batch")
        options = {"section": "cuda", "device": sizes.device, "samples": 4 * batch, **options}
        return training.row(name, make, shape, batch, STEP, **options)

    image = (1, 28, 28)
    yield step("LeNet", training.lenet, image, batch=sizes.lenet)
    if sizes.device != "cpu":
        yield step("LeNet captured", training.lenet, image, batch=sizes.lenet, trainer=Captured)
    yield step(
        "ResNet-18",
        training.resnet18,
        (3, 32, 32),
        batch=sizes.resnet,
        samples=sizes.resnet,
        lr=0.01,
        tolerance=0.2,
    )
    yield step(
        f"LSTM {sequences.HIDDEN}",
        sequences.language_model("LSTM"),
        (sequences.STEPS,),
        batch=sizes.lstm,
        data=sequences.one_hot,
    )
    yield step(
        f"GPT {sequences.LAYERS}x{sequences.WIDTH}",
        sequences.gpt,
        (sequences.LENGTH,),
        batch=sizes.gpt,
        data=sequences.tokens,
        optimizer="AdamW",
        lr=1e-3,
        tolerance=0.05,
    )


def rows(sizes: Sizes | None = None) -> Iterator[Row]:
    """All rows of the section."""
    for part in (
        elementwise,
        reductions,
        softmaxes,
        layer_norms,
        movements,
        adam,
        products,
        attentions,
        chain,
        steps,
    ):
        yield from part(sizes or Sizes())
