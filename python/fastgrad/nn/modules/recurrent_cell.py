"""Single steps of recurrent layers."""

from __future__ import annotations

import math

from ... import Tensor, empty, full, int64, zeros
from ...ops.recurrent import MODES, Result, Weights, recurrent
from .. import init
from ..module import Module
from ..parameter import Parameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What `RNNCell`, `LSTMCell` and `GRUCell` have in common.

    Follows torch.nn.RNNCellBase.
    """

    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(gates, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(gates, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(empty(gates, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform in ±1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, mode: str, input: Tensor, states: Sequence[Tensor] | None) -> Result:
        """One step; of a single sample in a batch of one."""
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for i, state in enumerate(states or ()):
            if state.dim() not in (1, 2):
                label = f"hx[{i}]" if mode == "LSTM" else "hidden"
                raise ValueError(
                    f"{name}: Expected {label} to be 1D or 2D, got {state.dim()}D instead"
                )
        is_single = input.dim() == 1
        x = input.unsqueeze(0) if is_single else input
        if states is None:
            start = zeros(x.shape[0], self.hidden_size, dtype=x.dtype, device=x.device)
            given = [start, start] if mode == "LSTM" else [start]
        else:
            given = [state.unsqueeze(0) if is_single else state for state in states]
        self._check(x, given)
        h, c = (*given, None)[:2]
        assert h is not None
        weights = Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        sizes = full((1,), x.shape[0], dtype=int64, device="cpu")
        found = recurrent(MODES[mode], x, h, c, weights, sizes)
        if not is_single:
            return found
        return Result(*(None if y is None else y.squeeze(0) for y in found))  # type: ignore[arg-type]

    def _check(self, input: Tensor, states: Sequence[Tensor]) -> None:
        if input.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.shape[1]} expected "
                f"{self.input_size}"
            )
        for i, state in enumerate(states):
            if state.dim() != 2 or state.shape[0] != input.shape[0]:
                raise RuntimeError(
                    f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size "
                    f"{state.shape[0]}"
                )
            if state.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{i} has inconsistent hidden_size: got {state.shape[1]}, expected "
                    f"{self.hidden_size}"
                )

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        if nonlinearity != "tanh":
            parts.append(f"nonlinearity={nonlinearity}")
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """One step of `RNN`: h = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        input_size: the size of the input's last dimension.
        hidden_size: the size of the hidden state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device, dtype: of the parameters.

    Shapes: input (N, input_size) or (input_size), state and output the same with `hidden_size`.

    Follows torch.nn.RNNCell.

    >>> import fastgrad as torch
    >>> torch.nn.RNNCell(4, 8)(torch.randn(3, 4)).shape
    torch.Size([3, 8])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state, from zeros if none is given."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}; use 'tanh' or 'relu'")
        mode = f"RNN_{self.nonlinearity.upper()}"
        return self._step(mode, input, None if hx is None else [hx]).output


class LSTMCell(RNNCellBase):
    """One step of `LSTM`.

    Args:
        input_size: the size of the input's last dimension.
        hidden_size: the size of the two states.
        bias: whether there are biases.
        device, dtype: of the parameters.

    Shapes: input (N, input_size) or (input_size), states the same with `hidden_size`.

    Follows torch.nn.LSTMCell.

    >>> import fastgrad as torch
    >>> h, c = torch.nn.LSTMCell(4, 8)(torch.randn(3, 4))
    >>> h.shape, c.shape
    (torch.Size([3, 8]), torch.Size([3, 8]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The next hidden state and the next state of the cell, from zeros if none are given."""
        found = self._step("LSTM", input, hx)
        assert found.c is not None
        return found.output, found.c


class GRUCell(RNNCellBase):
    """One step of `GRU`.

    Args:
        input_size: the size of the input's last dimension.
        hidden_size: the size of the hidden state.
        bias: whether there are biases.
        device, dtype: of the parameters.

    Shapes: input (N, input_size) or (input_size), state and output the same with `hidden_size`.

    Follows torch.nn.GRUCell.

    >>> import fastgrad as torch
    >>> torch.nn.GRUCell(4, 8)(torch.randn(3, 4)).shape
    torch.Size([3, 8])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next state, from zeros if none is given."""
        return self._step("GRU", input, None if hx is None else [hx]).output
