"""One layer of a Transformer's encoder, and one of its decoder."""

from __future__ import annotations

from .. import functional as F
from ..module import Module
from .dropout import Dropout
from .linear import Linear
from .multihead_attention import MultiheadAttention
from .norm import LayerNorm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ... import Tensor

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]


def _activation(wanted: str | Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    if not isinstance(wanted, str):
        return wanted
    if wanted not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {wanted}")
    return F.relu if wanted == "relu" else F.gelu


def _attend(
    attention: MultiheadAttention,
    x: Tensor,
    memory: Tensor,
    mask: Tensor | None,
    padding: Tensor | None,
    is_causal: bool,
) -> Tensor:
    """What a sequence finds in a memory, which may be the sequence itself."""
    out, _ = attention(
        x,
        memory,
        memory,
        attn_mask=mask,
        key_padding_mask=padding,
        need_weights=False,
        is_causal=is_causal,
    )
    return out  # type: ignore[no-any-return]


class TransformerEncoderLayer(Module):
    """Attention of a sequence to itself, then two linear layers, each with a way around it.

    Args:
        d_model: E, the size of the last dimension.
        nhead: how many heads the attention has.
        dim_feedforward: the size between the two linear layers.
        dropout: the probability of dropping, in training.
        activation: "relu", "gelu" or a function of one tensor.
        layer_norm_eps: the normalizations' eps.
        batch_first: whether batched tensors are (N, L, E) instead of (L, N, E).
        norm_first: normalize before the two parts instead of after them.
        bias: whether the linear layers and the normalizations have biases.
        device, dtype: of the parameters.

    Shapes: input and output (L, N, E), or (L, E) without a batch.

    Raises:
        RuntimeError: the activation's name is unknown.

    Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    Follows torch.nn.TransformerEncoderLayer.

    >>> import fastgrad as torch
    >>> torch.nn.TransformerEncoderLayer(8, 2, 16)(torch.randn(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, batch_first=batch_first, **made
        )
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Apply the layer to a sequence; the masks are those of `MultiheadAttention`."""
        masks = (src_mask, src_key_padding_mask, is_causal)
        if self.norm_first:
            x = src + self._sa_block(self.norm1(src), *masks)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(src + self._sa_block(src, *masks))
        return self.norm2(x + self._ff_block(x))  # type: ignore[no-any-return]

    def _sa_block(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        out = _attend(self.self_attn, x, x, mask, padding, is_causal)
        return self.dropout1(out)  # type: ignore[no-any-return]

    def _ff_block(self, x: Tensor) -> Tensor:
        out = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return self.dropout2(out)  # type: ignore[no-any-return]


class TransformerDecoderLayer(Module):
    """Attention of a sequence to itself, then to another (the memory), then two linear layers.

    Args:
        d_model: E, the size of the last dimension.
        nhead: how many heads each attention has.
        dim_feedforward: the size between the two linear layers.
        dropout: the probability of dropping, in training.
        activation: "relu", "gelu" or a function of one tensor.
        layer_norm_eps: the normalizations' eps.
        batch_first: whether batched tensors are (N, L, E) instead of (L, N, E).
        norm_first: normalize before the three parts instead of after them.
        bias: whether the linear layers and the normalizations have biases.
        device, dtype: of the parameters.

    Shapes: target and output (L, N, E), memory (S, N, E), or all without N.

    Raises:
        RuntimeError: the activation's name is unknown.

    Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    Follows torch.nn.TransformerDecoderLayer.

    >>> import fastgrad as torch
    >>> layer = torch.nn.TransformerDecoderLayer(8, 2, 16)
    >>> layer(torch.randn(5, 3, 8), torch.randn(7, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        attention: dict[str, Any] = {"dropout": dropout, "batch_first": batch_first, **made}
        self.self_attn = MultiheadAttention(d_model, nhead, **attention)
        self.multihead_attn = MultiheadAttention(d_model, nhead, **attention)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.norm3 = LayerNorm(d_model, eps=layer_norm_eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = _activation(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Apply the layer to a sequence and a memory; masks are those of `MultiheadAttention`."""
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        others = (memory_mask, memory_key_padding_mask, memory_is_causal)
        if self.norm_first:
            x = tgt + self._sa_block(self.norm1(tgt), *own)
            x = x + self._mha_block(self.norm2(x), memory, *others)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(tgt + self._sa_block(tgt, *own))
        x = self.norm2(x + self._mha_block(x, memory, *others))
        return self.norm3(x + self._ff_block(x))  # type: ignore[no-any-return]

    def _sa_block(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        out = _attend(self.self_attn, x, x, mask, padding, is_causal)
        return self.dropout1(out)  # type: ignore[no-any-return]

    def _mha_block(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        out = _attend(self.multihead_attn, x, memory, mask, padding, is_causal)
        return self.dropout2(out)  # type: ignore[no-any-return]

    def _ff_block(self, x: Tensor) -> Tensor:
        out = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return self.dropout3(out)  # type: ignore[no-any-return]
