"""Recurrent layers over whole sequences, above their gradient.

A sequence is a matrix with a row for each element, step after step: step t has ``sizes[t]`` rows,
which never grow from step to step, so that padded and packed sequences are the same thing.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

from fastgrad import _core
from fastgrad.autograd.graph import record_several
from fastgrad.ops import formula
from fastgrad.ops.direct import autocast
from fastgrad.ops.dropout import dropout as dropped
from fastgrad.ops.joining import cat, stack
from fastgrad.ops.matmul import linear, matmul
from fastgrad.ops.unary import relu, sigmoid, tanh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad.autograd.graph import Grads, Needs, Saved
    from fastgrad.tensor import Tensor

# As the kernels number them.
MODES = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
_RELU, _LSTM, _GRU = MODES["RNN_RELU"], MODES["LSTM"], MODES["GRU"]


class Weights(NamedTuple):
    """What a layer learns for one direction."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    hr: Tensor | None = None  # an LSTM's projection


class Result(NamedTuple):
    """What a layer gives: its output, and the last states."""

    output: Tensor
    h: Tensor
    c: Tensor | None


@autocast("half")
def recurrent(
    mode: int,
    input: Tensor,
    h: Tensor,
    c: Tensor | None,
    weights: Weights,
    sizes: Tensor,
    backwards: bool = False,
) -> Result:
    """One layer in one direction.

    Args:
        mode: one of `MODES`.
        input: of shape (rows, features).
        h, c: the states to start from, (batch, units); `c` of an LSTM alone.
        weights: of the layer.
        sizes: how many rows each step has, int64; the first has `batch`.
        backwards: whether to go from the last step to the first.
    """
    out, last_h, last_c, *kept = _core.recurrent(mode, input, h, c, *weights, sizes, backwards)
    if out.requires_grad:
        outputs = (out, last_h) if c is None else (out, last_h, last_c)
        saved = (mode, sizes, backwards, _core.detach(out), *kept, input, h, c, *weights)
        record_several(outputs, recurrent_vjp, _core.edges(input, h, c, *weights), saved)
    return Result(out, last_h, None if c is None else last_c)


def recurrent_vjp(grads: Any, saved: Saved, needs: Needs) -> Grads:
    mode, sizes, backwards, out, gates, cells, inner, *inputs = saved
    if _core.is_grad_enabled():
        return formula.gradients(
            lambda *own: _steps(mode, sizes.tolist(), backwards, *own), inputs, grads, needs
        )
    x, h, c, ih, hh, _, _, hr = inputs
    g, dh, dc = (*grads, None)[:3]
    of_input, of_hidden, dh, dc, before, projected = _core.recurrent_backward(
        mode, g, dh, dc, h, c, hh, hr, out, gates, cells, sizes, backwards
    )
    bias = None if needs[5] is None and needs[6] is None else of_input.sum(0)
    hidden_bias = bias
    if bias is not None and needs[6] is not None:
        hidden_bias = of_hidden.sum(0) if mode == _GRU else bias.clone()
    return (
        None if needs[0] is None else matmul(of_input, ih),
        dh,
        None if c is None else dc,
        None if needs[3] is None else matmul(of_input.t(), x),
        None if needs[4] is None else matmul(of_hidden.t(), before),
        bias,
        hidden_bias,
        None if needs[7] is None else matmul(projected.t(), inner),
    )


def _steps(
    mode: int,
    sizes: list[int],
    backwards: bool,
    input: Tensor,
    h: Tensor,
    c: Tensor | None,
    *weights: Tensor | None,
) -> tuple[Tensor, ...]:
    """The same in plain operations, step by step."""
    ih, hh, bias_ih, bias_hh, hr = weights
    assert ih is not None
    assert hh is not None
    part = linear(input, ih, bias_ih)
    steps = list(zip(accumulate(sizes, initial=0), sizes, strict=False))
    outputs = []
    for begin, n in reversed(steps) if backwards else steps:
        a, b = part[begin : begin + n], linear(h[:n], hh, bias_hh)
        new, cell = _cell(mode, a, b, h[:n], None if c is None else c[:n])
        new = new if hr is None else linear(new, hr)
        outputs.append(new)
        h = cat((new, h[n:]))
        c = None if c is None or cell is None else cat((cell, c[n:]))
    out = cat(outputs[::-1] if backwards else outputs)
    return (out, h) if c is None else (out, h, c)


def _cell(
    mode: int, a: Tensor, b: Tensor, h: Tensor, c: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The new states, from the input's and the hidden state's part of the gates."""
    if mode == _LSTM:
        assert c is not None
        i, f, g, o = (a + b).chunk(4, 1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c
    if mode == _GRU:
        (a_r, a_z, a_n), (b_r, b_z, b_n) = a.chunk(3, 1), b.chunk(3, 1)
        r, z = sigmoid(a_r + b_r), sigmoid(a_z + b_z)
        n = tanh(a_n + r * b_n)
        return n + z * (h - n), None
    return (relu if mode == _RELU else tanh)(a + b), None


def layers(
    mode: int,
    input: Tensor,
    h: Sequence[Tensor],
    c: Sequence[Tensor] | None,
    weights: Sequence[Weights],
    sizes: Tensor,
    directions: int = 1,
    dropout: float = 0.0,
) -> Result:
    """Layers on top of each other, in one direction or both; `dropout` of what is between them.

    There is one state, and one `Weights`, for each layer and in it each direction.
    """
    last: list[Result] = []
    for first in range(0, len(weights), directions):
        if first and dropout > 0:
            input = dropped(input, dropout)
        found = [
            recurrent(
                mode,
                input,
                h[i],
                None if c is None else c[i],
                weights[i],
                sizes,
                backwards=i > first,
            )
            for i in range(first, first + directions)
        ]
        input = found[0].output if directions == 1 else cat([r.output for r in found], 1)
        last += found
    cells = [r.c for r in last if r.c is not None]
    # Of one state, too, a tensor of its own: a view could not be detached in place.
    return Result(input, stack([r.h for r in last]), stack(cells) if cells else None)
