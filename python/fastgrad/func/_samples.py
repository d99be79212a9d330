"""The arguments of a mapped function as samples, and what it gives for them put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import Tensor, cat, equal, stack, zeros
from ._batched import Batched, Mapping, lifted, mapped
from ._tree import Structure, flatten, rebuilt, spread


class Samples:
    """The arguments of a call of ``vmap(func, in_dims, out_dims)``."""

    def __init__(self, name: str, in_dims: Any, out_dims: Any, args: tuple[Any, ...]) -> None:
        self.name, self.out_dims = name, out_dims
        label = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
        if not isinstance(in_dims, (int, tuple)):
            raise ValueError(
                f"{label}: expected `in_dims` to be int or a (potentially nested) tuple matching "
                f"the structure of inputs, got: {type(in_dims)}."
            )
        if not args:
            raise ValueError(f"{label}: got no inputs; vmap needs a tensor to map over")
        self.leaves, self.structure = flatten(args)
        dims = spread(in_dims, args)
        if dims is None:
            raise ValueError(
                f"{label}: in_dims is not compatible with the structure of `inputs`, which is "
                f"{self.structure.text}"
            )
        self.dims = dims
        self.count = _count(label, self.leaves, dims)

    def chunks(self, size: int | None) -> Iterator[Samples]:
        """The same samples, at most so many at a time."""
        if size is None or size >= self.count:
            yield self
            return
        for start in range(0, self.count, size):
            part = object.__new__(Samples)
            part.__dict__.update(self.__dict__)
            part.count = min(size, self.count - start)
            part.leaves = [
                x if dim is None else x.narrow(dim, start, part.count)
                for x, dim in zip(self.leaves, self.dims, strict=True)
            ]
            yield part

    def versions(self) -> list[int]:
        """How often each argument has been changed in place."""
        return [x._version for x in self.leaves if isinstance(x, Tensor)]

    def batched(self, inside: Mapping) -> Any:
        """The arguments as tensors that stand for all samples."""
        values = [_entered(x, dim, inside) for x, dim in zip(self.leaves, self.dims, strict=True)]
        return rebuilt(self.structure, values)

    def rows(self) -> list[Any]:
        """The arguments for each sample; where there is none, zeros for one."""
        columns = [
            _slices(x, dim, self.count) for x, dim in zip(self.leaves, self.dims, strict=True)
        ]
        return [rebuilt(self.structure, row) for row in zip(*columns, strict=True)]

    def taken_out(self, result: Any, inside: Mapping) -> Any:
        """What the function made of batched tensors, as tensors of all samples."""
        leaves, structure, dims = self._outputs(result)
        return rebuilt(
            structure,
            [self._taken_out(x, d, inside) for x, d in zip(leaves, dims, strict=True)],
        )

    def stacked(self, results: list[Any]) -> Any:
        """The results of the samples, put together."""
        _, structure, dims = self._outputs(results[0])
        columns = zip(*(flatten(result)[0] for result in results), strict=True)
        return rebuilt(
            structure, [self._stacked(list(c), d) for c, d in zip(columns, dims, strict=True)]
        )

    def _outputs(self, result: Any) -> tuple[list[Any], Structure, list[Any]]:
        leaves, structure = flatten(result)
        dims = spread(self.out_dims, result)
        if dims is None:
            raise ValueError(
                f"vmap({self.name}, ..., out_dims={self.out_dims})(<inputs>): out_dims is not "
                f"compatible with the structure of `outputs`, which is {structure.text}"
            )
        for x, dim in zip(leaves, dims, strict=True):
            self._check_output(x, dim)
        return leaves, structure, dims

    def _check_output(self, x: Any, dim: Any) -> None:
        if dim is None:
            return
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap({self.name}, ...): `{self.name}` must only return Tensors, got type "
                f"{type(x)}. Did you mean to set out_dims= to None for output?"
            )
        if not isinstance(dim, int):
            raise ValueError(
                f"vmap({self.name}, ..., out_dims={dim!r}): `out_dims` must be an int, None or a "
                "python collection of ints representing where in the outputs the vmapped dimension "
                "should appear."
            )

    def _taken_out(self, x: Any, dim: Any, inside: Mapping) -> Any:
        own = x.__class__ is Batched and x.mapping is inside
        values = x.values if own else x
        if dim is None:
            if own and x.is_mapped:
                raise self._differs()
            return values
        if not (own and x.is_mapped):
            values = values.expand(self.count, *values.shape)
        return values if dim == 0 else values.movedim(0, dim)

    def _stacked(self, parts: list[Any], dim: Any) -> Any:
        if dim is not None:
            together = stack(parts, dim)
            return together if self.count else together.narrow(dim, 0, 0)
        first = parts[0]
        for part in parts[1:]:
            if not (equal(first, part) if isinstance(first, Tensor) else first == part):
                raise self._differs()
        return first

    def _differs(self) -> ValueError:
        return ValueError(
            f"vmap({self.name}, ...): `{self.name}` can not return a result that differs between "
            "samples when out_dim is None"
        )


def _entered(x: Any, dim: int | None, inside: Mapping) -> Any:
    """An argument as the function sees it."""
    if dim is not None:
        return mapped(x.movedim(dim, 0), inside)
    # A shared tensor with a graph outside: every operation on it must be recorded there.
    return lifted(x, inside) if isinstance(x, Tensor) and x.requires_grad else x


def joined(parts: list[Any], out_dims: Any) -> Any:
    """The results of all chunks."""
    _, structure = flatten(parts[0])
    dims = spread(out_dims, parts[0]) or []
    columns = zip(*(flatten(part)[0] for part in parts), strict=True)
    return rebuilt(
        structure,
        [c[0] if d is None else cat(c, d) for c, d in zip(columns, dims, strict=True)],
    )


def _slices(leaf: Any, dim: int | None, count: int) -> list[Any]:
    if dim is None:
        return [leaf] * max(count, 1)
    if count:
        return list(leaf.unbind(dim))
    shape = [n for i, n in enumerate(leaf.shape) if i != dim % leaf.dim()]
    return [zeros(shape, dtype=leaf.dtype)]


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
