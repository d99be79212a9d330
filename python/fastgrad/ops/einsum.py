"""Einstein's sum convention, by permutations and matrix products.

An equation is parsed once for each number of dimensions of its operands: :func:`_parsed` gives the
subscripts of every operand as a tuple. A subscript is a letter, or a number for a dimension that an
ellipsis stands for, counted from the last one. Then the operands are contracted from left to right,
and every subscript is summed as soon as nobody needs it any more.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

from fastgrad import _core
from fastgrad.ops.binary import mul
from fastgrad.ops.broadcast import expand
from fastgrad.ops.diagonal import diagonal
from fastgrad.ops.direct import autocast
from fastgrad.ops.matmul import matmul
from fastgrad.ops.reduction import sum
from fastgrad.ops.shape import reshape
from fastgrad.ops.transposition import permute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from fastgrad.tensor import Tensor

    Subscript: TypeAlias = str | int
    Subscripts: TypeAlias = tuple[Subscript, ...]

__all__ = ["einsum", "tensordot"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@autocast("half")
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Products of tensors summed along dimensions, as subscripts say.

    Args:
        equation: one letter for each dimension, commas between operands, and after ``->`` the
            dimensions of the result (without it: the letters that occur once, in order). A letter
            that occurs twice in an operand takes its diagonal; ``...`` stands for the dimensions
            that have no letter, which broadcast.
        operands: the tensors. Or, without an equation, each tensor followed by a list of numbers
            from 0 to 51 in place of letters, and perhaps such a list for the result at the end.

    Raises:
        RuntimeError: the equation is wrong, or the sizes do not fit; names the subscript.

    Follows ``torch.einsum``.

    >>> import fastgrad as torch
    >>> x, y = torch.tensor([[1, 2], [3, 4]]), torch.tensor([10, 1])
    >>> torch.einsum("ij,j->i", x, y), torch.einsum("ii", x)
    (tensor([12, 34]), tensor(5))
    """
    if not isinstance(equation, str):
        equation, operands = _from_lists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise ValueError(f"einsum(): no operands were given for the equation '{equation}'")
    inputs, output = _parsed(equation, tuple(x.ndim for x in operands))
    sizes: dict[Subscript, int] = {}
    terms = [
        _without_repeats(x, names, sizes, place)
        for place, (x, names) in enumerate(zip(operands, inputs, strict=True))
    ]
    result, names = terms[0]
    for place in range(1, len(terms)):
        needed = {name for _, others in terms[place + 1 :] for name in others}.union(output)
        result, names = _contracted(result, names, *terms[place], needed)
    result, names = _summed(result, names, set(output))
    return _ordered(result, names, output)


def _from_lists(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The equation for operands that are each followed by a list of numbers."""
    pairs = len(arguments) // 2
    operands = arguments[: 2 * pairs : 2]
    terms = [_letters(numbers) for numbers in arguments[1 : 2 * pairs : 2]]
    equation = ",".join(terms)
    if len(arguments) % 2:
        equation += "->" + _letters(arguments[-1])
    return equation, operands


def _letters(numbers: Sequence[Any]) -> str:
    if not isinstance(numbers, (list, tuple)):
        raise TypeError(
            f"einsum(): expected a list of subscripts after each operand, got "
            f"{type(numbers).__name__}; or give an equation first"
        )
    if any(n is not Ellipsis and not 0 <= n < 52 for n in numbers):
        raise ValueError(
            f"einsum(): subscripts in a list must be within the range [0, 52) or Ellipsis, got "
            f"{list(numbers)}"
        )
    return "".join("..." if n is Ellipsis else _LETTERS[n] for n in numbers)


@lru_cache(256)
def _parsed(equation: str, dims: tuple[int, ...]) -> tuple[list[Subscripts], Subscripts]:
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(dims):
        raise RuntimeError(
            f"einsum(): {'more' if len(terms) < len(dims) else 'fewer'} operands were provided "
            f"than specified in the equation: '{equation}' has {len(terms)}, got {len(dims)}"
        )
    inputs = [
        _subscripts(term, n, f"operand {place}", equation)
        for place, (term, n) in enumerate(zip(terms, dims, strict=True))
    ]
    widest = max(len([n for n in names if isinstance(n, int)]) for names in inputs)
    hidden = tuple(range(widest, 0, -1))
    if not arrow:
        once = [c for c in sorted(set(left) - set(",.")) if left.count(c) == 1]
        return inputs, (*hidden, *once)
    shown = len(right.replace("...", "")) + ("..." in right) * widest
    output = _subscripts(right, shown, "the output", equation)
    _check_output(inputs, output, equation)
    return inputs, output


def _subscripts(term: str, dims: int, of: str, equation: str) -> Subscripts:
    """The subscripts of one operand with `dims` dimensions."""
    before, ellipsis, after = term.partition("...")
    for c in before + after:
        if c not in _LETTERS:
            reason = (
                f"found '.' for {of} that is not part of any ellipsis, or is of a second one"
                if c == "."
                else f"invalid subscript '{c}' for {of}, subscripts must be in [a-zA-Z]"
            )
            raise RuntimeError(f"einsum(): {reason}; the equation is '{equation}'")
    hidden = dims - len(before) - len(after)
    if hidden < 0 or (hidden and not ellipsis):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) "
            f"{'is more than' if hidden < 0 else 'does not match'} the number of dimensions "
            f"({dims}) for {of}{'' if ellipsis else ' and no ellipsis was given'}; the equation is "
            f"'{equation}'"
        )
    return (*before, *range(hidden, 0, -1), *after)


def _check_output(inputs: list[Subscripts], output: Subscripts, equation: str) -> None:
    for name in output:
        if output.count(name) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {name} appears more than once in the output of "
                f"'{equation}'"
            )
        if not any(name in names for names in inputs):
            raise RuntimeError(
                f"einsum(): output subscript {name} does not appear in the equation for any input "
                f"operand: '{equation}'"
            )


def _without_repeats(
    x: Tensor, names: Subscripts, sizes: dict[Subscript, int], place: int
) -> tuple[Tensor, Subscripts]:
    """The diagonals along subscripts that an operand repeats, its sizes checked and noted."""
    while len(set(names)) < len(names):
        name = next(n for n in names if names.count(n) > 1)
        first = names.index(name)
        second = names.index(name, first + 1)
        if x.shape[first] != x.shape[second]:
            raise RuntimeError(
                f"einsum(): subscript {name} is repeated for operand {place} but the sizes don't "
                f"match, {x.shape[second]} != {x.shape[first]}"
            )
        x = diagonal(x, 0, first, second)
        names = (*(n for d, n in enumerate(names) if d not in (first, second)), name)
    for name, size in zip(names, x.shape, strict=True):
        seen = sizes.setdefault(name, size)
        if size != seen and 1 not in (size, seen):
            shown = "of the ellipsis" if isinstance(name, int) else name
            raise RuntimeError(
                f"einsum(): subscript {shown} has size {size} for operand {place} which does not "
                f"broadcast with previously seen size {seen}; operand {place} has the shape "
                f"{list(x.shape)}"
            )
        sizes[name] = seen if size == 1 else size
    return x, names


def _summed(x: Tensor, names: Subscripts, needed: set[Subscript]) -> tuple[Tensor, Subscripts]:
    """`x` summed along the subscripts that are not needed."""
    gone = [d for d, name in enumerate(names) if name not in needed]
    if not gone:
        return x, names
    return sum(x, gone), tuple(name for name in names if name in needed)


def _ordered(x: Tensor, names: Subscripts, order: Subscripts) -> Tensor:
    """`x` with its dimensions in another order."""
    return x if names == order else permute(x, [names.index(name) for name in order])


def _contracted(
    a: Tensor, a_names: Subscripts, b: Tensor, b_names: Subscripts, needed: set[Subscript]
) -> tuple[Tensor, Subscripts]:
    """The product of two tensors, summed along what both have and nobody needs."""
    a, a_names = _summed(a, a_names, needed.union(b_names))
    b, b_names = _summed(b, b_names, needed.union(a_names))
    shared = tuple(name for name in a_names if name in b_names)
    batch = tuple(name for name in shared if name in needed)
    gone = tuple(name for name in shared if name not in needed)
    left = tuple(name for name in a_names if name not in shared)
    right = tuple(name for name in b_names if name not in shared)
    if not gone:
        out = _product_of_all(_ordered(a, a_names, (*batch, *left)), b, b_names, batch, right)
        return out, (*batch, *left, *right)
    a, b = _same_sizes(a, a_names, b, b_names, gone)
    rows, a_sizes = _as_matrices(a, a_names, batch, left, gone)
    columns, b_sizes = _as_matrices(b, b_names, batch, gone, right)
    out = matmul(rows, columns)
    if len(left) != 1 or len(right) != 1:
        sizes = (*a_sizes[: len(left)], *b_sizes[len(gone) :])
        out = reshape(out, (*out.shape[: len(batch)], *sizes))
    return out, (*batch, *left, *right)


def _product_of_all(
    a: Tensor, b: Tensor, b_names: Subscripts, batch: Subscripts, right: Subscripts
) -> Tensor:
    """Every element of `a` (batch, left) times those of `b` in the same place of the batch."""
    b = _ordered(b, b_names, (*batch, *right))
    left, at = a.ndim - len(batch), len(batch)
    if right:
        a = reshape(a, (*a.shape, *(1,) * len(right)))
        b = reshape(b, (*b.shape[:at], *(1,) * left, *b.shape[at:]))
    elif left:
        b = reshape(b, (*b.shape, *(1,) * left))
    return mul(a, b)


def _same_sizes(
    a: Tensor, a_names: Subscripts, b: Tensor, b_names: Subscripts, shared: Subscripts
) -> tuple[Tensor, Tensor]:
    """Both with sizes of 1 repeated where the other one has more."""
    for name in shared:
        m, n = a.shape[a_names.index(name)], b.shape[b_names.index(name)]
        if m != n:
            a = expand(a, [n if other == name else -1 for other in a_names]) if m == 1 else a
            b = expand(b, [m if other == name else -1 for other in b_names]) if n == 1 else b
    return a, b


def _as_matrices(
    x: Tensor, names: Subscripts, batch: Subscripts, rows: Subscripts, columns: Subscripts
) -> tuple[Tensor, tuple[int, ...]]:
    """A stack of matrices; and the sizes that make up their rows and columns."""
    x = _ordered(x, names, (*batch, *rows, *columns))
    lead, sizes = x.shape[: len(batch)], x.shape[len(batch) :]
    if len(rows) != 1 or len(columns) != 1:
        x = reshape(x, (*lead, prod(sizes[: len(rows)]), prod(sizes[len(rows) :])))
    return x, sizes


@autocast("widest")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products along several dimensions of two tensors.

    Args:
        a: any tensor.
        b: any tensor.
        dims: how many of the last dimensions of `a` meet the first of `b`; or two lists, of
            dimensions of `a` and of those of `b` that they meet.

    Raises:
        RuntimeError: the sizes along these dimensions differ, or there are not so many.

    Follows ``torch.tensordot``.

    >>> import fastgrad as torch
    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    torch.Size([2, 5])
    """
    a_dims, b_dims = _meeting_dims(a, b, dims)
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"tensordot: both inputs should have same dtype, got {a.dtype} and {b.dtype}"
        )
    if len(a_dims) != len(b_dims):
        raise RuntimeError(
            f"tensordot: both dimension lists should have same length, got {a_dims} and {b_dims}"
        )
    for i, j in zip(a_dims, b_dims, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(
                f"tensordot: contracted dimensions need to match, but first has size {a.shape[i]} "
                f"in dim {i} and second has size {b.shape[j]} in dim {j}; the shapes are "
                f"{list(a.shape)} and {list(b.shape)}"
            )
    names = tuple(range(a.ndim))
    others = [a.ndim + d for d in range(b.ndim)]
    for i, j in zip(a_dims, b_dims, strict=True):
        others[j] = i
    needed: set[Subscript] = {*names, *others}
    needed.difference_update(a_dims)
    return _contracted(a, names, b, tuple(others), needed)[0]


def _meeting_dims(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, _core.TensorBase):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.ndim, b.ndim):
            raise RuntimeError(
                f"tensordot expects dims >= 0 and at most {min(a.ndim, b.ndim)}, the dimensions of "
                f"the smaller tensor, but got dims={dims}"
            )
        return list(range(a.ndim - dims, a.ndim)), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    return [_wrapped(d, a.ndim) for d in first], [_wrapped(d, b.ndim) for d in second]


def _wrapped(dim: int, n: int) -> int:
    if not -n <= dim < n:
        raise IndexError(
            f"tensordot: dimension out of range (expected to be in range of [{-n}, {n - 1}], "
            f"but got {dim})"
        )
    return dim % n
