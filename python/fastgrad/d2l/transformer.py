"""The blocks of a transformer, and its encoder."""

from __future__ import annotations

import math
from typing import Any

from fastgrad import Tensor, nn
from fastgrad.d2l.attention import MultiHeadAttention, PositionalEncoding
from fastgrad.d2l.seq2seq import Encoder
from fastgrad.d2l.signatures import either
from fastgrad.nn import functional as F


class PositionWiseFFN(nn.Module):
    """Two linear layers that work on each position by itself.

    It is made from ``(ffn_num_hiddens, ffn_num_outputs)``; the older book gives
    ``ffn_num_input`` before them.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        newer = "ffn_num_hiddens ffn_num_outputs"
        sizes = either("PositionWiseFFN", newer, f"ffn_num_input {newer}", given, named)
        hidden, outputs = sizes["ffn_num_hiddens"], sizes["ffn_num_outputs"]
        inputs = sizes.get("ffn_num_input")
        self.dense1 = nn.LazyLinear(hidden) if inputs is None else nn.Linear(inputs, hidden)
        self.dense2 = nn.Linear(hidden, outputs)

    def forward(self, X: Tensor) -> Any:
        """[N, steps, inputs] to [N, steps, ffn_num_outputs]."""
        return self.dense2(F.relu(self.dense1(X)))


class AddNorm(nn.Module):
    """A residual connection, and layer normalisation after it."""

    def __init__(self, norm_shape: Any, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.ln = nn.LayerNorm(norm_shape)

    def forward(self, X: Tensor, Y: Tensor) -> Any:
        """Two tensors of a shape to one."""
        return self.ln(self.dropout(Y) + X)


class _Block(nn.Module):
    """Attention of a sequence to itself, and a network at each position."""

    def __init__(self, attention: Any, ffn: Any, norm_shape: Any, dropout: float) -> None:
        super().__init__()
        self.attention = attention
        self.addnorm1 = AddNorm(norm_shape, dropout)
        self.ffn = ffn
        self.addnorm2 = AddNorm(norm_shape, dropout)

    def forward(self, X: Tensor, valid_lens: Tensor | None) -> Any:
        """[N, steps, num_hiddens] to the same."""
        Y = self.addnorm1(X, self.attention(X, X, X, valid_lens))
        return self.addnorm2(Y, self.ffn(Y))


class TransformerEncoderBlock(_Block):
    """The block as the newer book makes it."""

    def __init__(
        self,
        num_hiddens: int,
        ffn_num_hiddens: int,
        num_heads: int,
        dropout: float,
        use_bias: bool = False,
    ) -> None:
        sizes = (num_hiddens, num_hiddens, num_hiddens, num_hiddens)
        super().__init__(
            MultiHeadAttention(*sizes, num_heads, dropout, use_bias),
            PositionWiseFFN(num_hiddens, ffn_num_hiddens, num_hiddens),
            num_hiddens,
            dropout,
        )


class EncoderBlock(_Block):
    """The block as the older book makes it: with the sizes of all its parts."""

    def __init__(
        self,
        key_size: int,
        query_size: int,
        value_size: int,
        num_hiddens: int,
        norm_shape: Any,
        ffn_num_input: int,
        ffn_num_hiddens: int,
        num_heads: int,
        dropout: float,
        use_bias: bool = False,
    ) -> None:
        sizes = (key_size, query_size, value_size, num_hiddens)
        super().__init__(
            MultiHeadAttention(*sizes, num_heads, dropout, use_bias),
            PositionWiseFFN(ffn_num_input, ffn_num_hiddens, num_hiddens),
            norm_shape,
            dropout,
        )


class TransformerEncoder(Encoder):
    """Token numbers to vectors, through several blocks.

    It is made from ``(vocab_size, num_hiddens, ffn_num_hiddens, num_heads, num_blks, dropout,
    use_bias=False)``, or, as in the older book, from ``(vocab_size, key_size, query_size,
    value_size, num_hiddens, norm_shape, ffn_num_input, ffn_num_hiddens, num_heads, num_layers,
    dropout, use_bias=False)``. ``attention_weights`` has those of each block.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        newer = "vocab_size num_hiddens ffn_num_hiddens num_heads num_blks dropout use_bias?"
        block = "key_size query_size value_size num_hiddens norm_shape ffn_num_input "
        older = f"vocab_size {block} ffn_num_hiddens num_heads num_layers dropout use_bias?"
        sizes = either("TransformerEncoder", newer, older, given, named)
        kind = EncoderBlock if "key_size" in sizes else TransformerEncoderBlock
        number = sizes.pop("num_layers" if kind is EncoderBlock else "num_blks")
        vocab_size = sizes.pop("vocab_size")
        self.num_hiddens = sizes["num_hiddens"]
        self.embedding = nn.Embedding(vocab_size, self.num_hiddens)
        self.pos_encoding = PositionalEncoding(self.num_hiddens, sizes["dropout"])
        self.blks = nn.Sequential()
        for i in range(number):
            self.blks.add_module(f"block{i}", kind(**sizes))
        self.attention_weights: list[Tensor] = []

    def forward(self, X: Tensor, valid_lens: Tensor | None, *args: Any) -> Tensor:
        """[N, steps] to [N, steps, num_hiddens]."""
        # Positions are between -1 and 1; the embedding is scaled up beside them.
        found: Tensor = self.pos_encoding(self.embedding(X) * math.sqrt(self.num_hiddens))
        self.attention_weights = []
        block: Any
        for block in self.blks:
            found = block(found, valid_lens)
            self.attention_weights.append(block.attention.attention.attention_weights)
        return found
