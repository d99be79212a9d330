"""vmap: a function of one sample, applied to many.

The function is called once, with :class:`Batched` tensors that stand for all samples. Where it
needs an operation that has no batching rule, it is called for one sample after the other instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from warnings import warn

from .. import equal, get_rng_state, set_rng_state
from . import _rules_indexing, _rules_layers, _rules_shape  # noqa: F401 - they fill the table
from ._batched import NoRule, mapping
from ._levels import Captured
from ._samples import Samples, joined


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
        chunk_size: how many samples may be computed together at most.

    All samples are computed together, by batching rules. An operation without a rule makes vmap
    call `func` for one sample after the other, with a warning; so does "different" randomness.

    Raises:
        ValueError: `in_dims` or `out_dims` do not fit, the numbers of samples differ, or a result
            is no tensor.
        RuntimeError: `func` draws random numbers, changes a captured tensor in place, writes what
            differs between samples into a tensor that they share, or looks at the numbers of one
            sample (``if x > 0``, ``.item()``, ``nonzero``).

    Follows ``torch.func.vmap``.

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
        samples = Samples(name, in_dims, out_dims, args)
        captured = Captured(func)
        parts = [_evaluated(part, func, kwargs, randomness) for part in samples.chunks(chunk_size)]
        captured.check(f"vmap({name})")
        return parts[0] if len(parts) == 1 else joined(parts, out_dims)

    return without_randomness(f"vmap({name})", mapped) if randomness == "error" else mapped


def _evaluated(samples: Samples, func: Callable[..., Any], kwargs: Any, randomness: str) -> Any:
    """The results of all samples: together if possible."""
    if samples.count == 0 or randomness == "different":
        return _one_by_one(samples, func, kwargs, randomness)
    state, versions = get_rng_state(), samples.versions()
    with mapping(samples.count) as inside:
        try:
            return samples.taken_out(func(*samples.batched(inside), **kwargs), inside)
        except NoRule as missing:
            if missing.mapping is not inside:
                raise
            operation = missing.name
    _warn_of_loop(operation)
    if versions != samples.versions():
        raise RuntimeError(
            f"vmap({samples.name}): {operation} has no batching rule, and the samples cannot be "
            "taken one by one because the function has changed its input in place; use the "
            "out-of-place form"
        )
    set_rng_state(state)
    return _one_by_one(samples, func, kwargs, randomness)


def _one_by_one(samples: Samples, func: Callable[..., Any], kwargs: Any, randomness: str) -> Any:
    before = get_rng_state() if randomness == "same" else None
    results = []
    for sample in samples.rows():
        if before is not None:
            set_rng_state(before)
        results.append(func(*sample, **kwargs))
    return samples.stacked(results)


_warned: set[str] = set()


def _warn_of_loop(operation: str) -> None:
    """Say once for each operation why vmap is slow."""
    if operation in _warned:
        return
    _warned.add(operation)
    warn(
        f"There is a performance drop because there is no batching rule for {operation}: vmap "
        "calls the function for one sample after the other",
        stacklevel=4,
    )


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
