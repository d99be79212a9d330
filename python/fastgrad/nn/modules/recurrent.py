"""Recurrent layers: of whole sequences, which may be packed."""

from __future__ import annotations

import math
import warnings

from ... import Tensor, empty, full, int64, zeros
from ...ops.recurrent import MODES, Weights, layers
from .. import init
from ..module import Module
from ..parameter import Parameter
from ..utils.rnn import PackedSequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` have in common: parameters, checks and the way through a batch.

    Follows torch.nn.RNNBase.
    """

    weight_ih_l0: Parameter

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_options(mode, input_size, hidden_size, num_layers, bias, batch_first, dropout)
        if proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            features = self._state_size * self._directions if layer else input_size
            for suffix in ("", "_reverse")[: self._directions]:
                self._add_weights(f"l{layer}{suffix}", features, device, dtype)
        self.reset_parameters()

    def _add_weights(self, ending: str, features: int, device: Any, dtype: Any) -> None:
        gates = {"LSTM": 4, "GRU": 3}.get(self.mode, 1) * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, features),
            "weight_hh": (gates, self._state_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            weight = Parameter(empty(shape, device=device, dtype=dtype))
            self.register_parameter(f"{name}_{ending}", weight)
        self._all_weights.append([f"{name}_{ending}" for name in shapes])

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _state_size(self) -> int:
        return self.proj_size or self.hidden_size

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform in ±1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        # PyTorch's name for them is not public, but course code walks through it.
        return [name for names in self._all_weights for name in names]

    def flatten_parameters(self) -> None:
        """Does nothing: the kernels read the parameters where they are."""

    def _weights(self) -> list[Weights]:
        made = []
        for names in self._all_weights:
            found = {n.rpartition("_l")[0].removeprefix("weight_"): getattr(self, n) for n in names}
            made.append(Weights(**found))
        return made

    def _run(
        self, input: Tensor | PackedSequence, states: Sequence[Tensor] | None
    ) -> tuple[Any, list[Tensor]]:
        """The output and the last states, of a batch in one of its three forms."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, states)
        if input.dim() not in (2, 3):
            name = type(self).__name__
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        self._check_dimensions(input.dim(), states)
        if input.dim() == 2:
            out, last = self._run_batch(
                input.unsqueeze(1), states and [state.unsqueeze(1) for state in states]
            )
            return out.squeeze(1), [state.squeeze(1) for state in last]
        if self.batch_first:
            out, last = self._run_batch(input.transpose(0, 1), states)
            return out.transpose(0, 1), last
        return self._run_batch(input, states)

    def _run_with(self, input: Tensor | PackedSequence, hx: Tensor | None) -> tuple[Any, Tensor]:
        """The same of layers that have one state each."""
        if hx is not None and not isinstance(hx, Tensor):
            raise RuntimeError(
                f"{type(self).__name__}: expected hx to be a tensor, got {type(hx).__name__}; only "
                "LSTM has a pair of states"
            )
        output, (h,) = self._run(input, None if hx is None else [hx])
        return output, h

    def _run_batch(
        self, input: Tensor, states: Sequence[Tensor] | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Of a tensor (steps, batch, features)."""
        steps, batch, features = input.shape
        self._check_features(input)
        if steps == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        rows = input.reshape(steps * batch, features)
        sizes = full((steps,), batch, dtype=int64, device="cpu")
        out, last = self._run_rows(rows, states, sizes, batch)
        return out.view(steps, batch, out.shape[1]), last

    def _run_packed(
        self, input: PackedSequence, states: Sequence[Tensor] | None
    ) -> tuple[PackedSequence, list[Tensor]]:
        rows, sizes, places, places_back = input
        if rows.dim() != 2:
            raise RuntimeError(f"input must have 2 dimensions, got {rows.dim()}")
        self._check_features(rows)
        if states is not None and places is not None:
            states = [state.index_select(1, places) for state in states]
        out, last = self._run_rows(rows, states, sizes, int(sizes[0]))
        if places_back is not None:
            last = [state.index_select(1, places_back) for state in last]
        return PackedSequence(out, sizes, places, places_back), last

    def _run_rows(
        self, rows: Tensor, states: Sequence[Tensor] | None, sizes: Tensor, batch: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Of sequences as `ops.recurrent` takes them."""
        features = (self._state_size, self.hidden_size)[: 2 if self.mode == "LSTM" else 1]
        count = self.num_layers * self._directions
        if states is None:
            # All layers may begin with the same zeros.
            per_layer = [
                [zeros(batch, n, dtype=rows.dtype, device=rows.device)] * count for n in features
            ]
        else:
            self._check_states(states, [(count, batch, n) for n in features], rows)
            per_layer = [list(state.unbind(0)) for state in states]
        h, c = (*per_layer, None)[:2]
        assert h is not None
        dropout = self.dropout if self.training else 0.0
        found = layers(
            MODES[self.mode], rows, h, c, self._weights(), sizes, self._directions, dropout
        )
        return found.output, [found.h] if found.c is None else [found.h, found.c]

    def _check_features(self, input: Tensor) -> None:
        dtype = self.weight_ih_l0.dtype
        if input.dtype is not dtype:
            advice = f"or convert model: model.to({input.dtype})"
            if not input.dtype.is_floating_point:
                advice = "or look tokens up in an Embedding first"
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert "
                f"input: input.to({dtype}), {advice}"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.shape[-1]}"
            )

    def _check_dimensions(self, dims: int, states: Sequence[Tensor] | None) -> None:
        if states is None or all(state.dim() == dims for state in states):
            return
        kind = "unbatched 2-D" if dims == 2 else "batched 3-D"
        given = ", ".join(f"{state.dim()}-D" for state in states)
        if len(states) == 1:
            raise RuntimeError(
                f"For {kind} input, hx should also be {dims}-D but got {given} tensor"
            )
        raise RuntimeError(
            f"For {kind} input, hx and cx should also be {dims}-D but got ({given}) tensors"
        )

    def _check_states(
        self, states: Sequence[Tensor], shapes: list[tuple[int, int, int]], input: Tensor
    ) -> None:
        for i, (state, shape) in enumerate(zip(states, shapes, strict=True)):
            name = f"hidden[{i}]" if len(shapes) > 1 else "hidden"
            if tuple(state.shape) != shape:
                raise RuntimeError(f"Expected {name} size {shape}, got {list(state.shape)}")
            if state.dtype is not input.dtype:
                raise RuntimeError(
                    f"expected {name} to have the input's dtype {input.dtype}, got {state.dtype}"
                )

    def extra_repr(self) -> str:
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        others = [f"{n}={getattr(self, n)}" for n, v in usual.items() if getattr(self, n) != v]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *others])


def _check_options(
    mode: str,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    batch_first: bool,
    dropout: float,
) -> None:
    if mode not in MODES:
        raise ValueError(f"Unrecognized RNN mode: {mode}; use one of {', '.join(MODES)}")
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element"
            " being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and num_layers=1",
            stacklevel=4,
        )
    for name, flag in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")


class RNN(RNNBase):
    """Elman's recurrent layers: h = tanh(W_ih x + b_ih + W_hh h + b_hh), step after step.

    Args:
        input_size: the size of the input's last dimension.
        hidden_size: the size of the hidden state.
        num_layers: how many layers, of which each reads the output of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: whether batched tensors are (N, L, features); the states never are.
        dropout: the probability with which what is between layers is dropped.
        bidirectional: whether each layer also goes from the end to the beginning.
        device, dtype: of the parameters.

    Shapes: input (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) without
    a batch, or a `PackedSequence`; output the same with D * hidden_size features, where D is 2 if
    bidirectional, else 1; states (D * num_layers, N, hidden_size), without N where there is no
    batch. They start with zeros unless `hx` is given. Layer k has the parameters `weight_ih_l[k]`,
    `weight_hh_l[k]`, `bias_ih_l[k]` and `bias_hh_l[k]`, and the same with `_reverse`.

    Raises:
        RuntimeError: the input's or a state's shape does not fit.
        ValueError: an option is out of range, or the input has another dtype than the weights.

    Source: J. Elman, "Finding structure in time", Cognitive Science 14, 1990.
    Follows torch.nn.RNN.

    >>> import fastgrad as torch
    >>> output, h = torch.nn.RNN(4, 8, num_layers=2)(torch.randn(5, 3, 4))
    >>> output.shape, h.shape
    (torch.Size([5, 3, 8]), torch.Size([2, 3, 8]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        _refuse(options)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """The output of the last layer at each step, and the last state of each layer."""
        return self._run_with(input, hx)


class LSTM(RNNBase):
    """Layers of long short-term memory.

    With the gates i, f, o = sigmoid(W x + b + U h + d) and g = tanh(the same), each with weights of
    its own: c = f c + i g and h = o tanh(c); with `proj_size`, h is then multiplied by `weight_hr`.

    Args:
        input_size: the size of the input's last dimension.
        hidden_size: the size of the cell's state, and of the hidden state without a projection.
        num_layers: how many layers, of which each reads the output of the one before.
        bias: whether there are biases.
        batch_first: whether batched tensors are (N, L, features); the states never are.
        dropout: the probability with which what is between layers is dropped.
        bidirectional: whether each layer also goes from the end to the beginning.
        proj_size: the size of the projected hidden state; 0: no projection.
        device, dtype: of the parameters.

    Shapes: as for `RNN`, with `proj_size`, if set, as the size of output and hidden state. The
    weights hold the gates i, f, g, o one after the other.

    Raises:
        RuntimeError: the input's or a state's shape does not fit.
        ValueError: an option is out of range, or the input has another dtype than the weights.

    Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.
    Follows torch.nn.LSTM.

    >>> import fastgrad as torch
    >>> output, (h, c) = torch.nn.LSTM(4, 8, batch_first=True)(torch.randn(3, 5, 4))
    >>> output.shape, h.shape, c.shape
    (torch.Size([3, 5, 8]), torch.Size([1, 3, 8]), torch.Size([1, 3, 8]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def forward(
        self, input: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """The output of the last layer at each step, and the last states of each layer."""
        if hx is not None and (isinstance(hx, Tensor) or len(hx) != 2):
            raise RuntimeError(
                "LSTM: expected hx to be a pair of the hidden and the cell's state, got "
                f"{type(hx).__name__}"
            )
        output, (h, c) = self._run(input, hx)
        return output, (h, c)


class GRU(RNNBase):
    """Layers of gated recurrent units.

    With the gates r, z = sigmoid(W x + b + U h + d), each with weights of its own, and
    n = tanh(W x + b + r (U h + d)): h = (1 - z) n + z h.

    Args:
        input_size: the size of the input's last dimension.
        hidden_size: the size of the hidden state.
        num_layers: how many layers, of which each reads the output of the one before.
        bias: whether there are biases.
        batch_first: whether batched tensors are (N, L, features); the states never are.
        dropout: the probability with which what is between layers is dropped.
        bidirectional: whether each layer also goes from the end to the beginning.
        device, dtype: of the parameters.

    Shapes: as for `RNN`. The weights hold the gates r, z, n one after the other.

    Raises:
        RuntimeError: the input's or a state's shape does not fit.
        ValueError: an option is out of range, or the input has another dtype than the weights.

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
    Follows torch.nn.GRU.

    >>> import fastgrad as torch
    >>> output, h = torch.nn.GRU(4, 8, bidirectional=True)(torch.randn(5, 3, 4))
    >>> output.shape, h.shape
    (torch.Size([5, 3, 16]), torch.Size([2, 3, 8]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        _refuse(options)
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """The output of the last layer at each step, and the last state of each layer."""
        return self._run_with(input, hx)


def _refuse(options: dict[str, Any]) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    if options:
        raise TypeError(f"got an unexpected keyword argument '{next(iter(options))}'")
