"""One call of a user's function, and the derivatives that ``autograd.functional`` asks of it."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.engine import grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from fastgrad.tensor import Tensor

    Tensors: TypeAlias = tuple[Tensor, ...]
    Found: TypeAlias = tuple[Tensor | None, ...]


class Call:
    """One call of a user's function at inputs of our own, and the derivatives asked of it."""

    def __init__(self, name: str, create_graph: bool, strict: bool) -> None:
        self.name, self.create_graph, self.strict = name, create_graph, strict

    def enter(self, inputs: Any) -> None:
        """Take the inputs: new tensors, so that the same ones captured by the function differ."""
        self.is_tuple, given = tensors(inputs, "inputs", self.name)
        self.inputs = tuple(self._fresh(x) for x in given)

    def _fresh(self, x: Tensor) -> Tensor:
        if self.create_graph and x.requires_grad:
            return x.view_as(x)
        return _core.detach(x).requires_grad_()

    def run(self, func: Callable[..., Any]) -> None:
        """Call the function."""
        result = func(*self.inputs)
        what = "outputs of the user-provided function"
        self.several, self.outputs = tensors(result, what, self.name)
        if self.strict:
            for i, out in enumerate(self.outputs):
                if not out.requires_grad:
                    raise RuntimeError(
                        f"{self.name}: output {i} of the function does not require gradients: it "
                        "is not computed from the inputs in a differentiable way, which "
                        "strict=True does not allow"
                    )

    def run_scalar(self, func: Callable[..., Any]) -> None:
        """Call a function that must return one number."""
        self.run(func)
        if self.several:
            raise RuntimeError(
                f"The function given to {self.name} should return a single Tensor, not a tuple"
            )
        if self.outputs[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {self.name} should contain a single "
                f"element, but its shape is {list(self.outputs[0].shape)}"
            )

    def vector(self, v: Any, like: Tensors, is_tuple: bool, alone: str) -> Tensors:
        """The given vector, which has the shapes of `like`; without one, 1 for a single number."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(
                    f"{self.name}: the vector v can only be None if {alone} is a single Tensor "
                    "with a single element"
                )
            return (_core.full_at(like[0].get_device(), like[0].shape, 1, like[0].dtype),)
        _, vectors = tensors(v, "v", self.name)
        if len(vectors) != len(like):
            raise RuntimeError(
                f"{self.name}: v is a tuple of invalid length: should be {len(like)} but got "
                f"{len(vectors)}"
            )
        for i, (vector, x) in enumerate(zip(vectors, like, strict=True)):
            if vector.shape != x.shape:
                entry = f"entry {i} of v" if is_tuple else "v"
                raise RuntimeError(
                    f"{self.name}: {entry} has invalid size: should be {list(x.shape)} but got "
                    f"{list(vector.shape)}"
                )
        return vectors if self.create_graph else tuple(map(_core.detach, vectors))

    def filled(self, grads: Found, like: Tensors, of: str, by: str = "input") -> Tensors:
        """Zeros where there is no gradient; an error in strict mode."""
        if self.strict:
            for i, g in enumerate(grads):
                if g is None or (self.create_graph and not g.requires_grad):
                    when = "" if g is None else " when create_graph=True"
                    raise RuntimeError(
                        f"{self.name}: {of} is independent of {by} {i}, which strict=True does not "
                        f"allow{when}"
                    )
        return tuple(
            _core.full_at(x.get_device(), x.shape, 0, x.dtype) if g is None else g
            for g, x in zip(grads, like, strict=True)
        )

    def given_back(self, results: Tensors, as_tuple: bool) -> Any:
        """What the user gets: without a graph that was not asked for, a tuple for a tuple."""
        if not self.create_graph:
            results = tuple(map(_core.detach, results))
        return results if as_tuple else results[0]


def tensors(value: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether the value is a tuple, and its tensors."""
    several = isinstance(value, tuple)
    values = value if several else (value,)
    for i, x in enumerate(values):
        if not isinstance(x, _core.TensorBase):
            place = f"the value at index {i}" if several else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but "
                f"{place} has type {type(x)}."
            )
    return several, values


def gradients(
    outputs: Tensors, inputs: Tensors, weights: Sequence[Tensor | None] | None, create_graph: bool
) -> Found:
    """Gradients of the outputs that have any; None for inputs that play no part."""
    weights = (None,) * len(outputs) if weights is None else weights
    pairs = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    return grad(
        [y for y, _ in pairs],
        inputs,
        [w for _, w in pairs],
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
    )


def basis(like: Tensor) -> list[Tensor]:
    """For each element of a tensor: 1 at its place, 0 elsewhere."""
    n = like.numel()
    return [
        _core.view(row, like.shape) for row in _core.eye_at(like.get_device(), n, n, like.dtype)
    ]


def stacked(rows: list[Tensor], outer: Sequence[int], inner: Sequence[int]) -> Tensor:
    """Rows of shape `inner`, one for each element of shape `outer`, as one tensor."""
    from fastgrad.ops.joining import stack

    return stack(rows).reshape((*outer, *inner))


def zeros(like: Tensors) -> Tensors:
    """Zeros to differentiate with respect to."""
    return tuple(_core.full_at(x.get_device(), x.shape, 0, x.dtype).requires_grad_() for x in like)
