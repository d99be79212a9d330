"""From a list of samples to a batch."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import fastgrad
from fastgrad.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Puts samples together into a batch, with a new first dimension of size `len(batch)`.

    Tensors, NumPy arrays and numbers become one tensor (Python floats float64, ints int64), text
    stays a list, and the entries of dicts, tuples and lists are put together one by one; a tuple
    gives a list.

    Args:
        batch: samples of one structure, at least one.

    Raises:
        RuntimeError: the samples have different shapes or lengths.
        TypeError: a sample holds something that does not fit into a tensor.

    Follows torch.utils.data.default_collate.

    >>> import fastgrad as torch
    >>> from fastgrad.utils.data import default_collate
    >>> default_collate([(torch.ones(2), 3), (torch.zeros(2), 4)])
    [tensor([[1., 1.],
            [0., 0.]]), tensor([3, 4])]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return fastgrad.stack(list(batch))
    if _is_numpy(first):
        return _stack_arrays(batch)
    if isinstance(first, float):
        return fastgrad.tensor(batch, dtype=fastgrad.float64)
    if isinstance(first, int):
        return fastgrad.tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _like(first, {key: default_collate([s[key] for s in batch]) for key in first})
    if isinstance(first, Sequence):
        return _like(first, [default_collate(column) for column in _columns(batch)])
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first)}; turn the samples into tensors (for images: transform=ToTensor()) "
        "or pass a collate_fn"
    )


def default_convert(data: Any) -> Any:
    """Turns the NumPy arrays inside one sample into tensors and leaves the rest as it is.

    What a DataLoader with `batch_size=None` applies. Follows torch.utils.data.default_convert.

    >>> import numpy
    >>> from fastgrad.utils.data import default_convert
    >>> default_convert({"x": numpy.array([1, 2]), "name": "two"})
    {'x': tensor([1, 2]), 'name': 'two'}
    """
    if _is_numpy(data):
        return data if data.dtype.kind in "SU" else _as_tensor(data)
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence):
        return _like(data, [default_convert(value) for value in data])
    return data


def _is_numpy(value: object) -> bool:
    # Without NumPy loaded there is no NumPy value; looking spares its import.
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray | numpy.generic)


def _as_tensor(data: Any) -> Tensor:
    import numpy

    return fastgrad.as_tensor(numpy.asarray(data))  # a NumPy scalar as a 0-d array of its dtype


def _stack_arrays(batch: Sequence[Any]) -> Tensor:
    import numpy

    if batch[0].dtype.kind in "SUO":
        raise TypeError(
            f"default_collate: numpy values of dtype {batch[0].dtype} do not fit into a tensor; "
            "convert them to numbers or pass a collate_fn"
        )
    if len({array.shape for array in batch}) > 1:
        raise RuntimeError(
            "default_collate: each array of a batch must have the same shape, got "
            f"{', '.join(sorted({str(array.shape) for array in batch}))}; "
            "pad them or pass a collate_fn"
        )
    return fastgrad.from_numpy(numpy.stack(batch))


def _columns(batch: Sequence[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    if len({len(sample) for sample in batch}) > 1:
        raise RuntimeError(
            "each element in list of batch should be of equal size, got lengths "
            f"{sorted({len(sample) for sample in batch})}; pad them or pass a collate_fn"
        )
    return zip(*batch, strict=True)


def _like(example: Any, parts: Any) -> Any:
    """`parts` in a container of the type of `example`; a plain tuple becomes a list."""
    make: Callable[[Any], Any] = type(example)
    if isinstance(example, tuple):
        return make(*parts) if hasattr(example, "_fields") else parts
    try:
        return make(parts)
    except TypeError:  # a container that is not made from its entries, such as range
        return parts
