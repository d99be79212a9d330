"""Recurrent language models: from scratch, and around the library's layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.classification import Accumulator
from fastgrad.d2l.framework import Classifier, Module
from fastgrad.d2l.plotting import Animator
from fastgrad.d2l.regression import grad_clipping, sgd
from fastgrad.d2l.text import Vocab
from fastgrad.d2l.timing import Timer
from fastgrad.nn import functional as F


def check_len(a: Any, n: int) -> None:
    """AssertionError unless something has `n` parts."""
    assert len(a) == n, f"list's length {len(a)} != expected length {n}"


def check_shape(a: Tensor, shape: tuple[int, ...]) -> None:
    """AssertionError unless a tensor has this shape."""
    assert a.shape == shape, f"tensor's shape {a.shape} != expected shape {shape}"


_LAYERS: Any = nn  # whose recurrent layers take more kinds of state than their types say

# The older book's functions


class RNNModelScratch:
    """A language model from scratch, made of functions for parameters, state and steps."""

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        device: Any,
        get_params: Callable[..., Any],
        init_state: Callable[..., Any],
        forward_fn: Callable[..., Any],
    ) -> None:
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.params = get_params(vocab_size, num_hiddens, device)
        self.init_state, self.forward_fn = init_state, forward_fn

    def __call__(self, X: Tensor, state: Any) -> Any:
        inputs = F.one_hot(X.T, self.vocab_size).type(torch.float32)
        return self.forward_fn(inputs, state, self.params)

    def begin_state(self, batch_size: int, device: Any) -> Any:
        """The first state."""
        return self.init_state(batch_size, self.num_hiddens, device)


class RNNModel(nn.Module):
    """A language model around a recurrent layer of the library."""

    def __init__(self, rnn_layer: Any, vocab_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rnn = rnn_layer
        self.vocab_size = vocab_size
        self.num_hiddens = self.rnn.hidden_size
        self.num_directions = 2 if self.rnn.bidirectional else 1
        self.linear = nn.Linear(self.num_hiddens * self.num_directions, vocab_size)

    def forward(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """Token numbers [N, T] to scores [T * N, vocab_size], and the new state."""
        X = F.one_hot(inputs.T.long(), self.vocab_size).to(torch.float32)
        Y, state = self.rnn(X, state)
        return self.linear(Y.reshape((-1, Y.shape[-1]))), state

    def begin_state(self, device: Any, batch_size: int = 1) -> Any:
        """The first state: zeros, two tensors of them for an LSTM."""
        shape = (self.num_directions * self.rnn.num_layers, batch_size, self.num_hiddens)
        if type(self.rnn).__name__ == "LSTM":
            return torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        return torch.zeros(shape, device=device)


def predict_ch8(prefix: str, num_preds: int, net: Any, vocab: Vocab, device: Any) -> str:
    """The text that a model writes after a beginning."""
    state = net.begin_state(batch_size=1, device=device)
    outputs = [vocab[prefix[0]]]

    def last() -> Tensor:
        return torch.tensor([outputs[-1]], device=device).reshape((1, 1))

    for character in prefix[1:]:
        _, state = net(last(), state)
        outputs.append(vocab[character])
    for _ in range(num_preds):
        y, state = net(last(), state)
        outputs.append(int(y.argmax(dim=1).reshape(1)))
    return "".join(vocab.idx_to_token[i] for i in outputs)


def train_epoch_ch8(
    net: Any,
    train_iter: Any,
    loss: Callable[..., Tensor],
    updater: Any,
    device: Any,
    use_random_iter: bool,
) -> tuple[float, float]:
    """Train a language model once through the text; returns perplexity and tokens a second."""
    state: Any = None
    timer, metric = Timer(), Accumulator(2)
    for X, Y in train_iter:
        if state is None or use_random_iter:
            state = net.begin_state(batch_size=X.shape[0], device=device)
        else:
            for part in state if isinstance(state, tuple) else (state,):
                part.detach_()
        y = Y.T.reshape(-1)
        y_hat, state = net(X.to(device), state)
        found = loss(y_hat, y.to(device).long()).mean()
        if isinstance(updater, torch.optim.Optimizer):
            updater.zero_grad()
        found.backward()
        grad_clipping(net, 1)
        if isinstance(updater, torch.optim.Optimizer):
            updater.step()
        else:
            updater(batch_size=1)
        metric.add(found.detach() * y.numel(), y.numel())
    return math.exp(metric[0] / metric[1]), metric[1] / timer.stop()


def train_ch8(
    net: Any,
    train_iter: Any,
    vocab: Vocab,
    lr: float,
    num_epochs: int,
    device: Any,
    use_random_iter: bool = False,
) -> None:
    """Train a language model, draw its perplexity, and print what it writes."""
    loss = nn.CrossEntropyLoss()
    animator = Animator(
        xlabel="epoch", ylabel="perplexity", legend=["train"], xlim=[10, num_epochs]
    )
    updater: Any
    if isinstance(net, nn.Module):
        updater = torch.optim.SGD(net.parameters(), lr)
    else:

        def updater(batch_size: int) -> None:
            sgd(net.params, lr, batch_size)

    def written(prefix: str) -> str:
        return predict_ch8(prefix, 50, net, vocab, device)

    for epoch in range(num_epochs):
        ppl, speed = train_epoch_ch8(net, train_iter, loss, updater, device, use_random_iter)
        if (epoch + 1) % 10 == 0:
            print(written("time traveller"))
            animator.add(epoch + 1, [ppl])
    print(f"perplexity {ppl:.1f}, {speed:.1f} tokens/sec on {device}")
    print(written("time traveller"))
    print(written("traveller"))


# The newer book's classes


class RNNScratch(Module):
    """A recurrent layer from scratch."""

    def __init__(self, num_inputs: int, num_hiddens: int, sigma: float = 0.01) -> None:
        super().__init__()
        self.num_hiddens: int
        self.sigma: float
        self.save_hyperparameters()
        self.W_xh = nn.Parameter(torch.randn(num_inputs, num_hiddens) * sigma)
        self.W_hh = nn.Parameter(torch.randn(num_hiddens, num_hiddens) * sigma)
        self.b_h = nn.Parameter(torch.zeros(num_hiddens))

    def forward(self, inputs: Any, state: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """Inputs [T, N, num_inputs] to the hidden states of all steps, and the last one."""
        if state is None:
            state = torch.zeros((inputs.shape[1], self.num_hiddens), device=inputs.device)
        else:
            (state,) = state if isinstance(state, tuple | list) else (state,)
        outputs = []
        for X in inputs:
            state = torch.tanh(
                torch.matmul(X, self.W_xh) + torch.matmul(state, self.W_hh) + self.b_h
            )
            outputs.append(state)
        return outputs, state


class RNNLMScratch(Classifier):
    """A language model around a recurrent layer, with an output layer from scratch."""

    def __init__(self, rnn: Any, vocab_size: int, lr: float = 0.01) -> None:
        super().__init__()
        self.rnn: Any
        self.vocab_size: int
        self.save_hyperparameters(ignore=["rnn"])
        self.rnn = rnn
        self.init_params()

    def init_params(self) -> None:
        """Make the parameters of the output layer."""
        size = (self.rnn.num_hiddens, self.vocab_size)
        self.W_hq = nn.Parameter(torch.randn(*size) * self.rnn.sigma)
        self.b_q = nn.Parameter(torch.zeros(self.vocab_size))

    def training_step(self, batch: Any) -> Tensor:
        """The loss of a batch; its perplexity is drawn."""
        found: Tensor = self.loss(self(*batch[:-1]), batch[-1])
        self.plot("ppl", torch.exp(found), train=True)
        return found

    def validation_step(self, batch: Any) -> None:
        """The perplexity of a batch of the held-out data is drawn."""
        found = self.loss(self(*batch[:-1]), batch[-1])
        self.plot("ppl", torch.exp(found), train=False)

    def one_hot(self, X: Tensor) -> Tensor:
        """Token numbers [N, T] as vectors [T, N, vocab_size]."""
        return F.one_hot(X.T, self.vocab_size).type(torch.float32)

    def output_layer(self, rnn_outputs: Any) -> Tensor:
        """Hidden states to scores [N, T, vocab_size]."""
        return torch.stack([torch.matmul(H, self.W_hq) + self.b_q for H in rnn_outputs], 1)

    def forward(self, X: Tensor, state: Any = None) -> Tensor:
        """Token numbers [N, T] to scores [N, T, vocab_size]."""
        outputs, _ = self.rnn(self.one_hot(X), state)
        return self.output_layer(outputs)

    def predict(self, prefix: str, num_preds: int, vocab: Vocab, device: Any = None) -> str:
        """The text that the model writes after a beginning."""
        state, outputs = None, [vocab[prefix[0]]]
        for i in range(len(prefix) + num_preds - 1):
            X = torch.tensor([[outputs[-1]]], device=device)
            rnn_outputs, state = self.rnn(self.one_hot(X), state)
            if i < len(prefix) - 1:
                outputs.append(vocab[prefix[i + 1]])
            else:
                Y = self.output_layer(rnn_outputs)
                outputs.append(int(Y.argmax(dim=2).reshape(1)))
        return "".join(vocab.idx_to_token[i] for i in outputs)


class LSTMScratch(Module):
    """A layer of long short-term memory from scratch."""

    def __init__(self, num_inputs: int, num_hiddens: int, sigma: float = 0.01) -> None:
        super().__init__()
        self.num_hiddens: int
        self.sigma: float
        self.save_hyperparameters()

        def gate() -> tuple[nn.Parameter, nn.Parameter, nn.Parameter]:
            return (
                nn.Parameter(torch.randn(num_inputs, num_hiddens) * sigma),
                nn.Parameter(torch.randn(num_hiddens, num_hiddens) * sigma),
                nn.Parameter(torch.zeros(num_hiddens)),
            )

        self.W_xi, self.W_hi, self.b_i = gate()
        self.W_xf, self.W_hf, self.b_f = gate()
        self.W_xo, self.W_ho, self.b_o = gate()
        self.W_xc, self.W_hc, self.b_c = gate()

    def forward(self, inputs: Any, H_C: Any = None) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """Inputs [T, N, num_inputs] to the hidden states of all steps, and the last state."""
        zeros = torch.zeros((inputs.shape[1], self.num_hiddens), device=inputs.device)
        H, C = (zeros, zeros.clone()) if H_C is None else H_C
        outputs = []
        for X in inputs:
            entering = torch.sigmoid(X @ self.W_xi + H @ self.W_hi + self.b_i)
            kept = torch.sigmoid(X @ self.W_xf + H @ self.W_hf + self.b_f)
            shown = torch.sigmoid(X @ self.W_xo + H @ self.W_ho + self.b_o)
            C = kept * C + entering * torch.tanh(X @ self.W_xc + H @ self.W_hc + self.b_c)
            H = shown * torch.tanh(C)
            outputs.append(H)
        return outputs, (H, C)


class RNN(Module):
    """The library's recurrent layer."""

    def __init__(self, num_inputs: int, num_hiddens: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.rnn = _LAYERS.RNN(num_inputs, num_hiddens)

    def forward(self, inputs: Any, H: Any = None) -> Any:
        """Inputs [T, N, num_inputs] to the hidden states [T, N, num_hiddens], and the last."""
        return self.rnn(inputs, H)


class GRU(RNN):
    """The library's gated recurrent units."""

    def __init__(
        self, num_inputs: int, num_hiddens: int, num_layers: int = 1, dropout: float = 0
    ) -> None:
        Module.__init__(self)
        self.save_hyperparameters()
        self.rnn = _LAYERS.GRU(num_inputs, num_hiddens, num_layers, dropout=dropout)


class RNNLM(RNNLMScratch):
    """A language model around a recurrent layer, with the library's output layer."""

    def init_params(self) -> None:
        """Make the output layer."""
        self.linear = nn.LazyLinear(self.vocab_size)

    def output_layer(self, hiddens: Any) -> Any:
        """Hidden states [T, N, H] to scores [N, T, vocab_size]."""
        return self.linear(hiddens).swapaxes(0, 1)
