"""Are the gradients right? Compares them with finite differences."""

from __future__ import annotations

from fastgrad import _core
from fastgrad.autograd.engine import grad
from fastgrad.autograd.grad_mode import enable_grad, no_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from fastgrad.tensor import Tensor

    Tensors: TypeAlias = tuple[Tensor, ...]

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Gradients are not what they should be.

    Follows ``torch.autograd.gradcheck.GradcheckError``.
    """


_ELSEWHERE = {
    "check_forward_ad": "there is no forward-mode differentiation",
    "check_fwd_over_rev": "there is no forward-mode differentiation",
    "check_batched_forward_grad": "there is no forward-mode differentiation",
    "check_batched_grad": "vmap computes gradients sample by sample, so that there is no batched "
    "gradient that could differ",
    "fast_mode": "every element is checked",
    "masked": "there are no sparse tensors",
}


def _refuse(name: str, **options: Any) -> None:
    """An error for an option that asks for what is not there, rather than ignoring it."""
    for option, value in options.items():
        if value:
            raise NotImplementedError(
                f"{name}: {option}={value} is not supported: {_ELSEWHERE[option]}; leave it out"
            )


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of a function are what small changes of its inputs say.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require grad are checked. Use float64.
        eps: by how much each element is moved to either side.
        atol, rtol: how far the two may differ, as in :func:`fastgrad.allclose`.
        raise_exception: raise when they differ; otherwise return False.
        nondet_tol: how far the gradients of two backward passes may differ.
        check_undefined_grad: differentiate each output alone, so that the backward of a Function
            with several outputs meets None for the others; with False it meets zeros.
        check_grad_dtypes: the gradients must have the dtypes of the inputs.

    Raises:
        GradcheckError: the gradients are wrong; the message shows both Jacobians.
        ValueError: no input requires grad, or the function returns no tensor.
        NotImplementedError: an option that asks for what fastgrad does not have.

    Follows ``torch.autograd.gradcheck``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x.exp() * x, x)
    True
    """
    _refuse(
        "gradcheck",
        check_forward_ad=check_forward_ad,
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
        fast_mode=fast_mode,
        masked=masked,
    )
    if not check_backward_ad:
        raise ValueError("gradcheck: check_backward_ad=False leaves nothing to check")
    check = _Check(func, _as_tuple(inputs), eps, atol, rtol)
    check.nondet_tol, check.leaves_undefined = nondet_tol, check_undefined_grad
    check.checks_dtypes = check_grad_dtypes
    try:
        check.run()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _differentiable(value: Any) -> bool:
    return isinstance(value, _core.TensorBase) and value.requires_grad


class _Check:
    """One check of a function at some inputs."""

    nondet_tol: float
    leaves_undefined: bool
    checks_dtypes: bool

    def __init__(
        self,
        func: Callable[..., Any],
        given: tuple[Any, ...],
        eps: float,
        atol: float,
        rtol: float,
    ) -> None:
        self.func, self.given = func, given
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.places = [i for i, x in enumerate(given) if _differentiable(x)]
        self.inputs: Tensors = tuple(given[i] for i in self.places)
        if not self.inputs:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of them "
                "have requires_grad=True"
            )
        for i, x in zip(self.places, self.inputs, strict=True):
            _check_input(i, x)

    def outputs(self) -> tuple[Any, ...]:
        results = _as_tuple(self.func(*self.given))
        found = [y for y in results if isinstance(y, _core.TensorBase)]
        if not found:
            raise ValueError("gradcheck: the function returned no tensor")
        return tuple(y for y in found if y.dtype.is_floating_point)

    def run(self) -> None:
        with enable_grad():
            outputs = self.outputs()
        numerical = [self.numerical(x) for x in self.inputs]
        for o, out in enumerate(outputs):
            first = self.analytical(outputs, o)
            for i, (a, columns) in enumerate(zip(first, numerical, strict=True)):
                n = columns[o]
                if not a.allclose(n.to(a.dtype), self.rtol, self.atol):
                    raise GradcheckError(_mismatch(o, self.places[i], n, a))
            self.check_repeated(first, self.analytical(outputs, o))
            if out.requires_grad:
                self.check_multiplied(outputs)

    def numerical(self, x: Tensor) -> list[Tensor]:
        """For each output: how its elements (columns) change with those of the input (rows)."""
        from itertools import product

        from fastgrad.ops.joining import stack

        data = x.data
        rows: list[list[Tensor]] = []
        for place in product(*map(range, x.shape)):
            before = data[place].item()
            try:
                upper = self._moved(data, place, before + self.eps)
                lower = self._moved(data, place, before - self.eps)
            finally:
                data[place] = before
            rows.append([(u - v) / (2 * self.eps) for u, v in zip(upper, lower, strict=True)])
        if not rows:
            return [
                _core.full_at(y.get_device(), (0, y.numel()), 0, y.dtype) for y in self.outputs()
            ]
        return [stack(list(column)) for column in zip(*rows, strict=True)]

    def _moved(self, data: Tensor, place: tuple[int, ...], value: float) -> list[Tensor]:
        data[place] = value
        with no_grad():
            return [_core.clone(y).reshape(-1) for y in self.outputs()]

    def analytical(self, outputs: Tensors, o: int) -> list[Tensor]:
        """For each input: the derivatives of one output, in the form of `numerical`."""
        from fastgrad.autograd.call import basis
        from fastgrad.ops.joining import stack

        out = outputs[o]
        columns: list[list[Tensor]] = [[] for _ in self.inputs]
        for vector in basis(out) if out.requires_grad else ():
            for column, g in zip(columns, self.gradients(outputs, o, vector), strict=True):
                column.append(g.reshape(-1))
        return [
            stack(column).T
            if column
            else _core.full_at(x.get_device(), (x.numel(), out.numel()), 0, x.dtype)
            for column, x in zip(columns, self.inputs, strict=True)
        ]

    def gradients(self, outputs: Tensors, o: int, vector: Tensor) -> list[Tensor]:
        chosen, weights = [outputs[o]], [vector]
        if not self.leaves_undefined:
            others = [y for i, y in enumerate(outputs) if i != o and y.requires_grad]
            chosen += others
            weights += [_core.full_at(y.get_device(), y.shape, 0, y.dtype) for y in others]
        found = grad(chosen, self.inputs, weights, retain_graph=True, allow_unused=True)
        for g, x in zip(found, self.inputs, strict=True):
            if self.checks_dtypes and g is not None and g.dtype is not x.dtype:
                raise GradcheckError(
                    f"Gradient has dtype mismatch: {g.dtype} for an input of {x.dtype}"
                )
        return [
            _core.full_at(x.get_device(), x.shape, 0, x.dtype) if g is None else g
            for g, x in zip(found, self.inputs, strict=True)
        ]

    def check_repeated(self, first: list[Tensor], second: list[Tensor]) -> None:
        for a, b in zip(first, second, strict=True):
            difference = (a - b).abs().max().item() if a.numel() else 0.0
            if difference > self.nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    f"gradient matches numerical gradient. They differ by up to {difference}; the "
                    f"tolerance for nondeterminism was {self.nondet_tol}."
                )

    def check_multiplied(self, outputs: Tensors) -> None:
        """Zero in, zero out: a backward that forgets to multiply by what arrives is found here."""
        chosen = [y for y in outputs if y.requires_grad]
        zeros = [_core.full_at(y.get_device(), y.shape, 0, y.dtype) for y in chosen]
        for g in grad(chosen, self.inputs, zeros, retain_graph=True, allow_unused=True):
            if g is not None and bool((g != 0).any()):
                raise GradcheckError("backward not multiplied by grad_output")


def _check_input(i: int, x: Tensor) -> None:
    from fastgrad.autograd.anomaly import warn_once

    if x.dtype is not _core.float64:
        warn_once(
            f"gradcheck: input {i} is {x.dtype}; differences of single precision are too rough to "
            "check gradients with. Use float64."
        )
    if any(step == 0 and n > 1 for n, step in zip(x.shape, x.stride(), strict=True)):
        raise RuntimeError(
            f"gradcheck: input {i} has a dimension with stride 0, whose elements cannot be moved "
            "one by one; use .contiguous()"
        )


def _mismatch(o: int, i: int, numerical: Tensor, analytical: Tensor) -> str:
    return (
        f"Jacobian mismatch for output {o} with respect to input {i},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
        "(rows: elements of the input, columns: elements of the output)"
    )


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the gradients of a function's gradients are what small changes say.

    Args:
        func, inputs and the others: as for :func:`gradcheck`.
        grad_outputs: for each output, the gradient to start from; random numbers by default.
        gen_non_contig_grad_outputs: make these random numbers lie apart in memory.

    Raises:
        GradcheckError, ValueError, NotImplementedError: as :func:`gradcheck`.

    Follows ``torch.autograd.gradgradcheck``.

    >>> import fastgrad as torch
    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x.exp() * x, x)
    True
    """
    _refuse("gradgradcheck", check_fwd_over_rev=check_fwd_over_rev)
    if not check_rev_over_rev:
        raise ValueError("gradgradcheck: check_rev_over_rev=False leaves nothing to check")
    given = _as_tuple(inputs)
    if grad_outputs is None:
        outputs = [y for y in _as_tuple(func(*given)) if _differentiable(y)]
        vectors = tuple(_random_like(y, gen_non_contig_grad_outputs) for y in outputs)
    else:
        vectors = _as_tuple(grad_outputs)

    def gradient(*args: Any) -> Tensors:
        xs = args[: len(given)]
        outputs = [y for y in _as_tuple(func(*xs)) if _differentiable(y)]
        wanted = [x for x in xs if _differentiable(x)]
        weights = args[len(given) :]
        with enable_grad():
            found = grad(outputs, wanted, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        _recorded_always(gradient),
        given + vectors,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _recorded_always(function: Callable[..., Tensors]) -> Callable[..., Tensors]:
    """The function with a graph, which it needs for its value too."""

    def recorded(*args: Any) -> Tensors:
        with enable_grad():
            return function(*args)

    return recorded


def _random_like(output: Tensor, apart: bool) -> Tensor:
    """Random numbers to weight an output with, which require grad."""
    from fastgrad.ops.random import randn_like

    made = randn_like(_core.detach(output).double())
    if apart:
        wide = _core.empty_at(made.get_device(), (*output.shape, 2), made.dtype)
        wide[..., 0] = made
        made = wide[..., 0]
    return _core.detach(made).requires_grad_()
