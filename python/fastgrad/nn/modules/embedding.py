"""Tables whose rows are looked up by index."""

from __future__ import annotations

from ... import empty, no_grad
from .. import functional as F
from .. import init
from ..module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from ... import Tensor

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What both kinds share: the table, and how it starts."""

    weight: Parameter
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _make_table(
        self, weight: Tensor | None, freeze: bool, padding_idx: int | None, device: Any, dtype: Any
    ) -> None:
        shape = (self.num_embeddings, self.embedding_dim)
        self.padding_idx = _checked_padding(padding_idx, self.num_embeddings)
        if weight is None:
            self.weight = Parameter(empty(shape, device=device, dtype=dtype), not freeze)
            self.reset_parameters()
            return
        if tuple(weight.shape) != shape:
            raise AssertionError(
                "Shape of weight does not match num_embeddings and embedding_dim: got"
                f" {list(weight.shape)}, expected {list(shape)}"
            )
        self.weight = Parameter(weight, not freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew from the standard normal distribution; the padding row is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _details(self) -> list[str]:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        usual = {
            "padding_idx": None,
            "max_norm": None,
            "norm_type": 2,
            "scale_grad_by_freq": False,
            "sparse": False,
        }
        changed = {name: getattr(self, name) for name in usual}
        return parts + [
            f"{name}={value}" for name, value in changed.items() if value != usual[name]
        ]


def _checked_padding(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError(
            f"padding_idx must be within num_embeddings, but {padding_idx} is no row of {rows}"
        )
    return padding_idx % rows


def _matrix(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.ndim != 2:
        raise AssertionError(
            "Embeddings parameter is expected to be 2-dimensional, (rows, features), but got shape"
            f" {list(embeddings.shape)}"
        )
    rows, features = embeddings.shape
    return rows, features


class Embedding(_Table):
    """A table of vectors, one for each of a number of words (or other things).

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the length of each.
        padding_idx: a row that starts as zeros and is not trained.
        max_norm: rows that are used and longer are scaled to this length, in the table.
        norm_type: of the norm that measures the length.
        scale_grad_by_freq: divide the gradient of each row by how often it is used.
        sparse: accepted; gradients are always dense here, with the same numbers.
        device, dtype: of the table.

    Shapes: input (any) of int64 or int32, output (any, embedding_dim), `weight` (num_embeddings,
    embedding_dim), which starts normally distributed.

    Raises:
        AssertionError: `padding_idx` is no row.
        IndexError: an index is out of range, when it is called.

    Follows torch.nn.Embedding.

    >>> import fastgrad as torch
    >>> table = torch.nn.Embedding(10, 3)
    >>> table(torch.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    torch.Size([2, 4, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._make_table(_weight, _freeze, padding_idx, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A table of given numbers, of shape (rows, features).

        Args:
            freeze: whether the table is not trained.

        >>> import fastgrad as torch
        >>> table = torch.nn.Embedding.from_pretrained(torch.tensor([[1.0, 2.3], [4.0, 5.1]]))
        >>> table(torch.tensor([1]))
        tensor([[4.0000, 5.1000]])
        """
        rows, features = _matrix(embeddings)
        return cls(
            rows,
            features,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        """The rows that indices of any shape name."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        return ", ".join(self._details())


class EmbeddingBag(_Table):
    """Sums, averages or maxima of the rows of a table, one for each bag of indices.

    Args:
        num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq, sparse: as in
            :class:`Embedding`.
        mode: "mean", "sum" or "max".
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: a row that counts for nothing.
        device, dtype: of the table.

    Shapes: input (bags, n), or (n,) with offsets (bags,) where each bag begins; output (bags,
    embedding_dim).

    Follows torch.nn.EmbeddingBag.

    >>> import fastgrad as torch
    >>> table = torch.tensor([[1.0], [2.0], [4.0]])
    >>> bags = torch.nn.EmbeddingBag.from_pretrained(table, mode="sum")
    >>> bags(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 3]))
    tensor([[5.],
            [4.]])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self._make_table(_weight, False, padding_idx, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """A table of given numbers, of shape (rows, features).

        Args:
            freeze: whether the table is not trained.
        """
        rows, features = _matrix(embeddings)
        bag = cls(
            rows,
            features,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        bag.weight.requires_grad = not freeze
        return bag

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """The reduced rows of each bag; with weights for the indices in mode "sum"."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        padding, parts = f"padding_idx={self.padding_idx}", self._details()
        if padding in parts:
            parts.remove(padding)
        parts.append(f"mode={self.mode!r}")
        return ", ".join(parts if self.padding_idx is None else [*parts, padding])
