"""vmap: a function of one sample, applied to many.

The function is evaluated at one sample after the other and the results are stacked. That is right
for every function without side effects, whatever it calls and however it branches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .. import Tensor, equal, get_rng_state, set_rng_state, stack, zeros
from ._levels import Captured
from ._tree import flatten, rebuilt, spread


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that applies `func` to each slice of its arguments and stacks the results.

    Args:
        func: a function of one sample; it returns tensors, nested in any way.
        in_dims: which dimension of each argument counts the samples, None for an argument that all
            samples share: one for all, or a tuple nested as the arguments are.
        out_dims: where that dimension goes in the results; None for a result that is the same for
            all samples.
        randomness: what happens when `func` draws random numbers: "error", "same" numbers for all
            samples, or "different" ones.
        chunk_size: how many samples may be computed together at most; it is one at a time here.

    Raises:
        ValueError: `in_dims` or `out_dims` do not fit, the numbers of samples differ, or a result
            is no tensor.
        RuntimeError: `func` draws random numbers, or changes a captured tensor in place.

    Follows ``torch.func.vmap``. PyTorch refuses ``.item()`` and branches on values inside `func`;
    here they work.

    >>> import fastgrad as torch
    >>> torch.func.vmap(torch.dot)(torch.ones(2, 3), torch.arange(6.0).view(2, 3))
    tensor([ 3., 12.])
    """
    if randomness not in ("error", "same", "different"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        samples, count = _samples(name, in_dims, args)
        captured = Captured(func)
        before = get_rng_state() if randomness == "same" else None
        results = []
        for sample in samples:
            if before is not None:
                set_rng_state(before)
            results.append(func(*sample, **kwargs))
        captured.check(f"vmap({name})")
        return _together(name, out_dims, results, count)

    return without_randomness(f"vmap({name})", mapped) if randomness == "error" else mapped


def without_randomness(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with an error when it draws random numbers."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        before = get_rng_state()
        result = function(*args, **kwargs)
        if equal(before, get_rng_state()):
            return result
        set_rng_state(before)
        raise RuntimeError(
            f"{name}: called random operation while in randomness error mode. Please use the "
            "'same' or 'different' randomness flags or perform the randomness operation outside"
        )

    return checked


def _samples(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], int]:
    """The arguments of each call, and the number of samples; without any, of a call with zeros."""
    label = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{label}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(f"{label}: got no inputs; vmap needs a tensor to map over")
    leaves, structure = flatten(args)
    dims = spread(in_dims, args)
    if dims is None:
        raise ValueError(
            f"{label}: in_dims is not compatible with the structure of `inputs`, which is "
            f"{structure.text}"
        )
    count = _count(label, leaves, dims)
    columns = [_slices(leaf, dim, count) for leaf, dim in zip(leaves, dims, strict=True)]
    rows = zip(*columns, strict=True)
    return [rebuilt(structure, row) for row in rows], count


def _count(label: str, leaves: list[Any], dims: list[Any]) -> int:
    """How many samples there are, the same along all mapped dimensions."""
    sizes = []
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(f"{label}: in_dim must be an integer or None, got {dim!r}")
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"{label}: Got in_dim={dim} for an input of type {type(leaf)}. vmap cannot map "
                "over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -leaf.dim() <= dim < leaf.dim():
            raise ValueError(
                f"{label}: Got in_dim={dim} for an input of dimensionality {leaf.dim()}, so "
                f"expected in_dim to satisfy -{leaf.dim()} <= in_dim < {leaf.dim()}."
            )
        sizes.append(leaf.size(dim))
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0]


def _slices(leaf: Any, dim: int | None, count: int) -> list[Any]:
    if dim is None:
        return [leaf] * max(count, 1)
    if count:
        return list(leaf.unbind(dim))
    shape = [n for i, n in enumerate(leaf.shape) if i != dim % leaf.dim()]
    return [zeros(shape, dtype=leaf.dtype)]


def _together(name: str, out_dims: Any, results: list[Any], count: int) -> Any:
    """The results of all samples, stacked."""
    _, structure = flatten(results[0])
    dims = spread(out_dims, results[0])
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`, which is {structure.text}"
        )
    columns = zip(*(flatten(result)[0] for result in results), strict=True)
    return rebuilt(
        structure,
        [_stacked(name, list(c), dim, count) for c, dim in zip(columns, dims, strict=True)],
    )


def _stacked(name: str, parts: list[Any], dim: Any, count: int) -> Any:
    if dim is None:
        return _common(name, parts)
    if not isinstance(parts[0], Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(parts[0])}. Did "
            "you mean to set out_dims= to None for output?"
        )
    if not isinstance(dim, int):
        raise ValueError(
            f"vmap({name}, ..., out_dims={dim!r}): `out_dims` must be an int, None or a python "
            "collection of ints representing where in the outputs the vmapped dimension should "
            "appear."
        )
    together = stack(parts, dim)
    return together if count else together.narrow(dim, 0, 0)


def _common(name: str, parts: list[Any]) -> Any:
    """A result that is the same for all samples."""
    first = parts[0]
    for part in parts[1:]:
        same = equal(first, part) if isinstance(first, Tensor) else first == part
        if not same:
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a result that differs between samples "
                "when out_dim is None"
            )
    return first
