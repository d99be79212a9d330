"""Encoders and decoders, and how they are trained and translate."""

from __future__ import annotations

from typing import Any

import fastgrad as torch
from fastgrad import Tensor, nn
from fastgrad.d2l.attention import MaskedSoftmaxCELoss
from fastgrad.d2l.classification import Accumulator
from fastgrad.d2l.framework import Classifier
from fastgrad.d2l.plotting import Animator
from fastgrad.d2l.regression import grad_clipping
from fastgrad.d2l.timing import Timer
from fastgrad.text import Vocab, truncate_pad


class Encoder(nn.Module):
    """Turns a sequence into a state; to be written by the subclass."""

    def forward(self, X: Any, *args: Any) -> Any:
        """The state."""
        raise NotImplementedError(f"{type(self).__name__}.forward")


class Decoder(nn.Module):
    """Turns a state into a sequence; to be written by the subclass."""

    def init_state(self, enc_outputs: Any, *args: Any) -> Any:
        """The first state, from what the encoder gives."""
        raise NotImplementedError(f"{type(self).__name__}.init_state")

    def forward(self, X: Any, state: Any) -> Any:
        """What comes next, and the new state."""
        raise NotImplementedError(f"{type(self).__name__}.forward")


class AttentionDecoder(Decoder):
    """A decoder that can show what it attends to."""

    @property
    def attention_weights(self) -> Any:
        """The weights of the last sequence; to be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__}.attention_weights")


class EncoderDecoder(Classifier):
    """An encoder, and a decoder that goes on from its state.

    The older book makes objects of this class, which give what the decoder gives: scores and
    state. The newer one derives classes from it; theirs give the scores alone.
    """

    def __init__(self, encoder: Any, decoder: Any) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, enc_X: Any, dec_X: Any, *args: Any) -> Any:  # type: ignore[override]
        """What the decoder gives; in derived classes the scores [N, T, V] alone."""
        state = self.decoder.init_state(self.encoder(enc_X, *args), *args)
        found = self.decoder(dec_X, state)
        return found if type(self) is EncoderDecoder else found[0]

    def predict_step(
        self, batch: Any, device: Any, num_steps: int, save_attention_weights: bool = False
    ) -> tuple[Tensor, list[Any]]:
        """Translate a batch of :class:`MTFraEng`, word by word.

        Returns:
            Token numbers [N, num_steps], and, if wanted, the attention weights of each step.
        """
        source, inputs, lengths, _ = (part.to(device) for part in batch)
        state = self.decoder.init_state(self.encoder(source, lengths), lengths)
        outputs, weights = [inputs[:, 0].unsqueeze(1)], []
        for _ in range(num_steps):
            Y, state = self.decoder(outputs[-1], state)
            outputs.append(Y.argmax(dim=2))
            if save_attention_weights:
                weights.append(self.decoder.attention_weights)
        return torch.cat(outputs[1:], 1), weights


def init_seq2seq(module: nn.Module) -> None:
    """Xavier's weights for linear layers and GRUs."""
    if type(module) in (nn.Linear, nn.GRU):  # lazy layers have no weights yet
        for name, parameter in module.named_parameters(recurse=False):
            if "weight" in name:
                nn.init.xavier_uniform_(parameter)


class Seq2SeqEncoder(Encoder):
    """GRUs over the embeddings of a sentence."""

    def __init__(
        self,
        vocab_size: int,
        embed_size: int,
        num_hiddens: int,
        num_layers: int,
        dropout: float = 0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size, num_hiddens, num_layers, dropout=dropout)
        self.apply(init_seq2seq)

    def forward(self, X: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
        """Token numbers [N, T] to hidden states [T, N, H], and the last ones [layers, N, H]."""
        outputs, state = self.rnn(self.embedding(X.T.long()))
        return outputs, state


class Seq2SeqDecoder(Decoder):
    """GRUs over the embeddings of the translation, each beside the encoder's last state."""

    def __init__(
        self,
        vocab_size: int,
        embed_size: int,
        num_hiddens: int,
        num_layers: int,
        dropout: float = 0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size)
        self.rnn = nn.GRU(embed_size + num_hiddens, num_hiddens, num_layers, dropout=dropout)
        self.dense = nn.Linear(num_hiddens, vocab_size)
        self.apply(init_seq2seq)

    def init_state(self, enc_outputs: Any, *args: Any) -> Any:
        """What the encoder gives: its hidden states, and the last ones."""
        return enc_outputs

    def forward(self, X: Tensor, state: Any) -> tuple[Any, Any]:
        """Token numbers [N, T] to scores [N, T, vocab_size], and the new state."""
        enc_outputs, hidden = state
        embedded = self.embedding(X.T.long())
        context = enc_outputs[-1].repeat(embedded.shape[0], 1, 1)
        outputs, hidden = self.rnn(torch.cat((embedded, context), -1), hidden)
        return self.dense(outputs).swapaxes(0, 1), [enc_outputs, hidden]


class Seq2Seq(EncoderDecoder):
    """An encoder and a decoder for the trainer: loss without the padding, and Adam."""

    def __init__(self, encoder: Any, decoder: Any, tgt_pad: int, lr: float) -> None:
        super().__init__(encoder, decoder)
        self.tgt_pad: int
        self.save_hyperparameters(ignore=["encoder", "decoder"])

    def validation_step(self, batch: Any) -> None:
        """The loss of a batch of the held-out data is drawn."""
        self.plot("loss", self.loss(self(*batch[:-1]), batch[-1]), train=False)

    def loss(self, y_hat: Tensor, y: Tensor, averaged: bool = True) -> Tensor:
        """Cross-entropy of the scores [N, T, V]: the mean of what is no padding, or of each."""
        losses = super().loss(y_hat, y, averaged=False)
        counted = (y.reshape(-1) != self.tgt_pad).type(torch.float32)
        found: Tensor = losses * counted
        return found.sum() / counted.sum() if averaged else found

    def configure_optimizers(self) -> Any:
        """Adam with the learning rate ``lr``."""
        return torch.optim.Adam(self.parameters(), lr=self.lr)


def train_seq2seq(
    net: Any, data_iter: Any, lr: float, num_epochs: int, tgt_vocab: Vocab, device: Any
) -> None:
    """Train a model on the batches of :func:`load_data_nmt`, from Xavier's weights; print how.

    The decoder is given the right word before each one that it is to find.
    """
    net.apply(init_seq2seq)
    net.to(device)
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    loss = MaskedSoftmaxCELoss()
    animator = Animator(xlabel="epoch", ylabel="loss", xlim=[10, num_epochs])
    for epoch in range(num_epochs):
        timer, metric = Timer(), Accumulator(2)
        for batch in data_iter:
            X, X_lengths, Y, Y_lengths = (part.to(device) for part in batch)
            beginning = torch.full((Y.shape[0], 1), tgt_vocab["<bos>"], device=device)
            optimizer.zero_grad()
            Y_hat, _ = net(X, torch.cat([beginning, Y[:, :-1]], 1), X_lengths)
            total = loss(Y_hat, Y, Y_lengths).sum()
            total.backward()
            grad_clipping(net, 1)
            optimizer.step()
            metric.add(total.detach(), Y_lengths.sum())
        if (epoch + 1) % 10 == 0:
            animator.add(epoch + 1, (metric[0] / metric[1],))
    speed = metric[1] / timer.stop()
    print(f"loss {metric[0] / metric[1]:.3f}, {speed:.1f} tokens/sec on {device}")


def predict_seq2seq(
    net: Any,
    src_sentence: str,
    src_vocab: Vocab,
    tgt_vocab: Vocab,
    num_steps: int,
    device: Any,
    save_attention_weights: bool = False,
) -> tuple[str, list[Any]]:
    """Translate a sentence word by word, to its end or to `num_steps` words.

    Returns:
        The translation, and, if wanted, the attention weights of each step.
    """
    net.eval()
    tokens = [*src_vocab[src_sentence.lower().split(" ")], src_vocab["<eos>"]]
    lengths = torch.tensor([len(tokens)], device=device)
    padded = truncate_pad(tokens, num_steps, src_vocab["<pad>"])
    encoded = net.encoder(torch.tensor([padded], device=device), lengths)
    state = net.decoder.init_state(encoded, lengths)
    X = torch.tensor([[tgt_vocab["<bos>"]]], device=device)
    words: list[int] = []
    weights = []
    for _ in range(num_steps):
        Y, state = net.decoder(X, state)
        X = Y.argmax(dim=2)
        if save_attention_weights:
            weights.append(net.decoder.attention_weights)
        if X.item() == tgt_vocab["<eos>"]:
            break
        words.append(int(X.item()))
    return " ".join(tgt_vocab.to_tokens(words)), weights
