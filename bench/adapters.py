"""How each backend runs a workload: in its worker, and without knowing which row it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .row import Case, Function, NotOffered, Program, cuda_of

if TYPE_CHECKING:
    import numpy as np

    from .row import Adapter, Array


PERIOD = 25_000_003  # numbers after which an upstream gradient repeats


def chained(work: Function) -> Callable[..., Any]:
    """The function that a case calls: the row's own, or a chain of it and a sum."""
    if work.repeat == 1:
        return work.apply

    def chain(lib: Any, first: Any, *others: Any) -> Any:
        for _ in range(work.repeat):
            first = work.apply(lib, first, *others)
        return first.sum()

    return chain


def upstream_gradient(shape: tuple[int, ...]) -> Array:
    """What backward starts from: numbers that differ, so that nothing cancels."""
    import numpy as np

    count = min(int(np.prod(shape)), PERIOD)
    return np.resize(np.cos(np.arange(count, dtype=np.float32)), shape)


def change(inputs: Sequence[Array]) -> None:
    """Change every float of the inputs, in place."""
    for array in inputs:
        if array.dtype.kind == "f":
            array *= 0.75


def change_tensors(lib: Any, tensors: Sequence[Any]) -> None:
    """The same to tensors, which do not share the inputs' memory on a device."""
    with lib.no_grad():
        for tensor in tensors:
            if tensor.is_floating_point():
                tensor.mul_(0.75)


def array_of(tensor: Any) -> Array:
    """A tensor's numbers."""
    array: Array = tensor.detach().cpu().numpy()
    return array


class TorchLike:
    """PyTorch's API: fastgrad and PyTorch itself."""

    def __init__(self, module: str) -> None:
        self.lib = import_module(module)

    def optimize(self, function: Any) -> Any:
        """What makes a function or module ready: nothing, or a compiler."""
        return function

    def function(self, work: Function) -> Case:
        """The function, with `backward` if wanted, on tensors that share the inputs' memory.

        On a device they are copies.
        """
        lib, apply = self.lib, self.optimize(chained(work))
        cuda = cuda_of(lib, work.device)
        tensors = [lib.from_numpy(array).to(work.device) for array in work.inputs]
        if work.recorded:
            tensors[0].requires_grad_()

        def renew() -> None:
            change(work.inputs) if cuda is None else change_tensors(lib, tensors)

        if not work.backward:
            call = partial(apply, lib, *tensors)
            return Case(call, lambda: [array_of(call())], renew, cuda=cuda)
        leaves = [t.requires_grad_() for t in tensors if t.dtype == lib.float32]
        upstream = None

        def both() -> list[Any]:
            for leaf in leaves:
                leaf.grad = None
            out = apply(lib, *tensors)
            out.backward(upstream)
            return [out, *(leaf.grad for leaf in leaves)]

        shape = tuple(apply(lib, *tensors).shape)
        if shape:
            upstream = lib.from_numpy(upstream_gradient(shape)).to(work.device)
        return Case(both, lambda: list(map(array_of, both())), renew, cuda=cuda)

    def program(self, work: Program, rng: np.random.Generator) -> Case:
        """The program, with this library in PyTorch's place."""
        return work.make(self.lib, rng, self.optimize)


class Compiled(TorchLike):
    """PyTorch with `torch.compile`."""

    def optimize(self, function: Any) -> Any:
        """A compiled one."""
        return self.lib.compile(function)

    def function(self, work: Function) -> Case:
        """The compiled function."""
        if not work.compiled:
            raise NotOffered
        return super().function(work)

    def program(self, work: Program, rng: np.random.Generator) -> Case:
        """The program with compiled modules."""
        if not work.compiled:
            raise NotOffered
        return super().program(work, rng)


class NumPy:
    """NumPy: forward, and programs written by hand."""

    def function(self, work: Function) -> Case:
        """The function on arrays, through names that are PyTorch's."""
        if work.backward or work.recorded:
            raise NotOffered
        from .numpy_names import lib

        apply = chained(work)

        call = partial(apply, lib, *work.inputs)
        return Case(call, lambda: [call()], lambda: change(work.inputs))

    def program(self, work: Program, rng: np.random.Generator) -> Case:
        """The program's own form."""
        if "numpy" not in work.forms:
            raise NotOffered
        return work.forms["numpy"](rng)


class Jax:
    """JAX: everything under `jit`, gradients by `vjp`."""

    def function(self, work: Function) -> Case:
        """The compiled function; each call waits for its results."""
        if work.recorded:
            raise NotOffered
        import jax
        import numpy as np

        from .jax_names import lib

        apply = chained(work)
        arrays = [jax.numpy.array(array) for array in work.inputs]
        leaves = [i for i, array in enumerate(arrays) if array.dtype == jax.numpy.float32]

        def forward(*inputs: Any) -> list[Any]:
            return [apply(lib, *inputs)]

        def both(upstream: Any, *inputs: Any) -> list[Any]:
            def of_leaves(*values: Any) -> Any:
                filled = list(inputs)
                for place, value in zip(leaves, values, strict=True):
                    filled[place] = value
                return apply(lib, *filled)

            out, pull = jax.vjp(of_leaves, *(inputs[i] for i in leaves))
            return [out, *pull(upstream)]

        if work.backward:
            shape = jax.eval_shape(forward, *arrays)[0].shape
            upstream = upstream_gradient(shape) if shape else np.float32(1)
            arrays.insert(0, jax.numpy.asarray(upstream))
        compiled = jax.jit(both if work.backward else forward)

        def call() -> Any:
            return jax.tree.map(lambda array: array.block_until_ready(), compiled(*arrays))

        def renew() -> None:
            change(work.inputs)
            arrays[-len(work.inputs) :] = [jax.numpy.array(array) for array in work.inputs]

        return Case(call, lambda: [np.asarray(array) for array in call()], renew)

    def program(self, work: Program, rng: np.random.Generator) -> Case:
        """The program's own form."""
        if "jax" not in work.forms:
            raise NotOffered
        return work.forms["jax"](rng)


def adapter(kind: str, module: str) -> Adapter:
    """The adapter of a backend."""
    match kind:
        case "eager":
            return TorchLike(module)
        case "compiled":
            return Compiled(module)
        case "numpy":
            return NumPy()
        case _:
            return Jax()
