"""Transformers: stacks of their layers, and both stacks together."""

from __future__ import annotations

from copy import deepcopy
from math import inf

from ... import Tensor, full, triu
from .. import functional as F
from .. import init
from ..module import Module
from .container import ModuleList
from .norm import LayerNorm
from .transformer_layers import TransformerDecoderLayer, TransformerEncoderLayer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


def _is_causal(mask: Tensor | None, said: bool | None, length: int) -> bool:
    """What the caller says, else whether the mask is the causal one."""
    if said is not None or mask is None or tuple(mask.shape) != (length, length):
        return bool(said)
    if not mask.dtype.is_floating_point:
        return False
    causal = Transformer.generate_square_subsequent_mask(length, dtype=mask.dtype)
    return bool((mask == causal).all())


def _length(x: Tensor, layer: Any) -> int:
    return x.shape[1 if x.dim() == 3 and layer.self_attn.batch_first else 0]


class TransformerEncoder(Module):
    """Encoder layers on top of each other.

    Args:
        encoder_layer: the layer, which is copied with its weights.
        num_layers: how many copies.
        norm: a normalization of the output.
        enable_nested_tensor, mask_check: accepted; there are no nested tensors.

    Shapes: those of the layer.

    Follows torch.nn.TransformerEncoder.

    >>> import fastgrad as torch
    >>> layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> torch.nn.TransformerEncoder(layer, 2)(torch.randn(3, 5, 8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Apply the layers in turn; without `is_causal` a causal mask is recognized."""
        if len(self.layers):
            is_causal = _is_causal(mask, is_causal, _length(src, self.layers[0]))
        x = src
        for layer in self.layers:
            x = layer(
                x,
                src_mask=mask,
                is_causal=is_causal,
                src_key_padding_mask=src_key_padding_mask,
            )
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Decoder layers on top of each other, which all look at the same memory.

    Args:
        decoder_layer: the layer, which is copied with its weights.
        num_layers: how many copies.
        norm: a normalization of the output.

    Shapes: those of the layer.

    Follows torch.nn.TransformerDecoder.

    >>> import fastgrad as torch
    >>> layer = torch.nn.TransformerDecoderLayer(8, 2, 16)
    >>> torch.nn.TransformerDecoder(layer, 2)(torch.randn(5, 3, 8), torch.randn(7, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Apply the layers in turn; without `tgt_is_causal` a causal mask is recognized."""
        if len(self.layers):
            tgt_is_causal = _is_causal(tgt_mask, tgt_is_causal, _length(tgt, self.layers[0]))
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder, and a decoder that looks at its output.

    Args:
        d_model: E, the size of the last dimension.
        nhead: how many heads each attention has.
        num_encoder_layers, num_decoder_layers: how many layers the two stacks have.
        dim_feedforward: the size between the two linear layers of a layer.
        dropout: the probability of dropping, in training.
        activation: "relu", "gelu" or a function of one tensor.
        custom_encoder, custom_decoder: modules to use in place of the stacks.
        layer_norm_eps: the normalizations' eps.
        batch_first: whether batched tensors are (N, L, E) instead of (L, N, E).
        norm_first: normalize before a layer's parts instead of after them.
        bias: whether the linear layers and the normalizations have biases.
        device, dtype: of the parameters.

    Shapes: source (S, N, E), target and output (T, N, E), or all without N.

    Raises:
        RuntimeError: source and target differ in the batch or in E.

    Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017.
    Follows torch.nn.Transformer.

    >>> import fastgrad as torch
    >>> model = torch.nn.Transformer(8, 2, 1, 1, 16)
    >>> model(torch.randn(7, 3, 8), torch.randn(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, eps=layer_norm_eps, **made)

        self.encoder = custom_encoder
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*options, batch_first, norm_first, **made)
            self.encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm())
        self.decoder = custom_decoder
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*options, batch_first, norm_first, **made)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm())
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for weight in self.parameters():
            if weight.dim() > 1:
                init.xavier_uniform_(weight)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The decoder's output for a target, given a source; masks as in the two stacks."""
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.shape[batch_dim] != tgt.shape[batch_dim]:
            raise RuntimeError(
                "the batch number of src and tgt must be equal, got shapes "
                f"{list(src.shape)} and {list(tgt.shape)}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                "the feature number of src and tgt must be equal to d_model: expected "
                f"{self.d_model}, got {src.shape[-1]} and {tgt.shape[-1]}"
            )
        memory = self.encoder(
            src,
            mask=src_mask,
            src_key_padding_mask=src_key_padding_mask,
            is_causal=src_is_causal,
        )
        return self.decoder(  # type: ignore[no-any-return]
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask (sz, sz): -inf above the diagonal, else 0."""
        return triu(full((sz, sz), -inf, dtype=dtype, device=device), 1)
