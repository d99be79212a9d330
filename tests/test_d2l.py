"""The helpers of Dive into Deep Learning, used as the book's chapters use them."""

import os
import random
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import fastgrad as torch
from alias_helpers import without_pytorch
from fastgrad import d2l, nn
from fastgrad.torch_alias import install, uninstall
from fastgrad.vision import datasets, io

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

DATA = Path(os.environ.get("FASTGRAD_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")
TEXT = "The Time Traveller (for so it will be convenient to speak of him)\nwas expounding.\n"


@pytest.fixture(autouse=True)
def _settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder with the book's small files, the same random numbers, and no open figures."""
    (tmp_path / "timemachine.txt").write_text(TEXT * 30)
    rows = torch.rand(1600, 6).tolist()
    lines = ["\t".join(f"{value:.4f}" for value in row) for row in rows]
    (tmp_path / "airfoil_self_noise.dat").write_text("\n".join(lines))
    monkeypatch.setenv("FASTGRAD_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    random.seed(0)
    yield
    d2l.plt.close("all")


def curves():
    """The curves of the current picture, as lists of their heights."""
    return [list(line.get_ydata()) for line in d2l.plt.gca().lines]


def test_the_book_s_import_gives_the_module(monkeypatch: pytest.MonkeyPatch):
    without_pytorch(monkeypatch)
    install()
    try:
        import d2l.torch
        from d2l import torch as book

        assert book.Timer is d2l.Timer
        assert sys.modules["d2l.torch"] is book
        with pytest.raises(ImportError, match=r"d2l\.mxnet is not in fastgrad"):
            from d2l import mxnet  # noqa: F401
    finally:
        uninstall()


def test_every_exported_name_is_there():
    assert [name for name in d2l.__all__ if not hasattr(d2l, name)] == []
    with pytest.raises(AttributeError, match="no_such"):
        _ = d2l.no_such


# The older book


def test_linear_regression_from_scratch_finds_the_line():
    w, b = torch.tensor([2, -3.4]), 4.2
    features, labels = d2l.synthetic_data(w, b, 500)
    assert features.shape == (500, 2)
    assert labels.shape == (500, 1)
    found = torch.normal(0, 0.01, size=(2, 1), requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    for _ in range(3):
        for X, y in d2l.load_array((features, labels), 10):
            d2l.squared_loss(d2l.linreg(X, found, bias), y).sum().backward()
            d2l.sgd([found, bias], 0.03, 10)
    assert torch.allclose(found.reshape(-1), w, atol=0.05)
    assert bias.item() == pytest.approx(b, abs=0.1)

    def net(X):
        return d2l.linreg(X, found, bias)

    half = d2l.evaluate_loss(net, d2l.load_array((features, labels), 10), d2l.squared_loss)
    assert half < 0.01


def test_a_batch_in_the_order_of_the_data_is_not_shuffled():
    X = torch.arange(6).reshape(6, 1)
    (first, *_) = d2l.load_array((X,), 4, is_train=False)
    assert first[0].reshape(-1).tolist() == [0, 1, 2, 3]


def test_accumulator_and_accuracy():
    sums = d2l.Accumulator(2)
    sums.add(1, torch.tensor(2.0))
    sums.add(3, 4)
    assert (sums[0], sums[1]) == (4.0, 6.0)
    sums.reset()
    assert sums.data == [0.0, 0.0]
    scores = torch.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5]])
    assert d2l.accuracy(scores, torch.tensor([0, 2])) == 1.0
    assert d2l.accuracy(torch.tensor([1, 1]), torch.tensor([0, 1])) == 1.0
    assert d2l.get_fashion_mnist_labels(torch.tensor([0, 9])) == ["t-shirt", "ankle boot"]


def digits(count: int):
    found = datasets.Digits()
    X = found.data.float().reshape(-1, 1, 8, 8)[:count] / 16
    return d2l.load_array((X, found.targets[:count]), 32)


def test_train_ch3_learns_with_either_kind_of_updater():
    batches = digits(1000)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    loss = nn.CrossEntropyLoss(reduction="none")
    d2l.train_ch3(net, batches, batches, loss, 6, torch.optim.SGD(net.parameters(), lr=0.5))
    assert d2l.evaluate_accuracy(net, batches) > 0.85
    train_loss, train_acc, test_acc = curves()
    assert len(train_loss) == len(train_acc) == len(test_acc) == 6
    assert train_loss[-1] < train_loss[0]

    W = torch.normal(0, 0.01, size=(64, 10), requires_grad=True)
    b = torch.zeros(10, requires_grad=True)

    def model(X):
        return X.reshape((-1, 64)) @ W + b

    def updater(batch_size):
        d2l.sgd([W, b], 0.5, batch_size)

    first, _ = d2l.train_epoch_ch3(model, batches, loss, updater)
    second, accuracy = d2l.train_epoch_ch3(model, batches, loss, updater)
    assert second < first
    assert accuracy > 0.7


def test_train_ch6_and_ch13_print_what_they_reach(capsys: pytest.CaptureFixture[str]):
    batches = digits(200)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    d2l.train_ch6(net, batches, batches, 2, 0.1, d2l.try_gpu())
    assert "training on cpu" in capsys.readouterr().out
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    loss = nn.CrossEntropyLoss(reduction="none")
    d2l.train_ch13(net, batches, batches, loss, optimizer, 2, d2l.try_all_gpus())
    assert "examples/sec on ['cpu']" in capsys.readouterr().out
    assert d2l.evaluate_accuracy_gpu(net, batches) > 0.8


def test_optimizers_are_shown_at_work(capsys: pytest.CaptureFixture[str]):
    def step(x1, x2, s1, s2, f_grad):
        g1, g2 = f_grad(x1, x2)
        return x1 - 0.1 * g1, x2 - 0.1 * g2, 0, 0

    points = d2l.train_2d(step, steps=20, f_grad=lambda x1, x2: (2 * x1, 4 * x2))
    assert capsys.readouterr().out == "epoch 20, x1: -0.057646, x2: -0.000073\n"
    assert len(points) == 21
    d2l.show_trace_2d(lambda x1, x2: x1**2 + 2 * x2**2, points)
    batches, size = d2l.get_data_ch11(batch_size=100)
    assert size == 5

    def sgd(params, states, hyperparams):
        for p in params:
            p.data.sub_(hyperparams["lr"] * p.grad)
            p.grad.data.zero_()

    _, losses = d2l.train_ch11(sgd, None, {"lr": 0.05}, batches, size, 2)
    assert losses == curves()[0]
    d2l.train_concise_ch11(torch.optim.SGD, {"lr": 0.05}, batches, 2)
    assert "sec/epoch" in capsys.readouterr().out


# Text


def test_vocabularies_number_tokens_by_frequency_or_by_name():
    words = d2l.tokenize(["a b b", "c b"])
    vocab = d2l.Vocab(words, reserved_tokens=["<pad>"])
    assert vocab.idx_to_token == ["<unk>", "<pad>", "b", "a", "c"]
    assert vocab[["b", "nowhere"]] == [2, 0]
    assert vocab.to_tokens([2, 3]) == ["b", "a"]
    assert vocab.to_tokens(2) == "b"
    assert len(d2l.Vocab(words, min_freq=2)) == 2
    assert d2l.Vocab().idx_to_token == ["<unk>"]
    with pytest.raises(ValueError, match="'word' or 'char'"):
        d2l.tokenize(["a"], "line")


@pytest.mark.parametrize("use_random_iter", [True, False])
def test_sequences_are_followed_by_themselves_one_later(use_random_iter: bool):
    batches, vocab = d2l.load_data_time_machine(2, 5, use_random_iter, max_tokens=200)
    assert len(vocab) < 28
    pairs = list(batches)
    assert len(pairs) > 10
    for X, Y in pairs:
        assert X.shape == Y.shape == (2, 5)
        assert torch.equal(X[:, 1:], Y[:, :-1])


def test_a_recurrent_network_from_scratch_learns(capsys: pytest.CaptureFixture[str]):
    batches, vocab = d2l.load_data_time_machine(8, 10)

    def parameters(size, hidden, device):
        shapes = [(size, hidden), (hidden, hidden), (hidden, size)]
        weights = [torch.randn(shape, device=device) * 0.01 for shape in shapes]
        made = [*weights, torch.zeros(hidden), torch.zeros(size)]
        return [p.requires_grad_(True) for p in made]

    def state(batch_size, hidden, device):
        return (torch.zeros((batch_size, hidden), device=device),)

    def forward(inputs, state, params):
        W_xh, W_hh, W_hq, b_h, b_q = params
        (H,), outputs = state, []
        for X in inputs:
            H = torch.tanh(torch.mm(X, W_xh) + torch.mm(H, W_hh) + b_h)
            outputs.append(torch.mm(H, W_hq) + b_q)
        return torch.cat(outputs, dim=0), (H,)

    net = d2l.RNNModelScratch(len(vocab), 32, d2l.cpu(), parameters, state, forward)
    before = d2l.train_epoch_ch8(
        net, batches, nn.CrossEntropyLoss(), lambda batch_size: None, d2l.cpu(), False
    )
    d2l.train_ch8(net, batches, vocab, 1, 10, d2l.cpu())
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("traveller")
    assert len(lines[-1]) == len("traveller") + 50
    perplexity = float(lines[-3].split()[1].rstrip(","))
    assert perplexity < before[0] / 1.5


@pytest.mark.parametrize("use_random_iter", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNN", {}),
        ("GRU", {"num_layers": 2}),
        ("LSTM", {}),
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
    ],
)
def test_the_older_language_models_around_layers(kind, options, use_random_iter, capsys):
    batches, vocab = d2l.load_data_time_machine(8, 10, use_random_iter, max_tokens=2000)
    net = d2l.RNNModel(getattr(nn, kind)(len(vocab), 16, **options), len(vocab))
    before = d2l.train_epoch_ch8(
        net, batches, nn.CrossEntropyLoss(), torch.optim.SGD([net.linear.bias], 0.0), "cpu", True
    )
    d2l.train_ch8(net, batches, vocab, 1, 3, d2l.try_gpu(), use_random_iter)
    perplexity, *written = capsys.readouterr().out.splitlines()
    assert float(perplexity.split()[1].rstrip(",")) < before[0]
    assert [len(line) for line in written] == [len("time traveller") + 50, len("traveller") + 50]


def test_the_time_machine_itself_is_learned(capsys, monkeypatch: pytest.MonkeyPatch):
    if not (DATA / "text" / "timemachine.txt").is_file():
        pytest.skip("needs The Time Machine in $FASTGRAD_DATA/text")
    monkeypatch.setenv("FASTGRAD_DATA", str(DATA))
    batches, vocab = d2l.load_data_time_machine(32, 35)
    assert (len(vocab), len(batches.corpus)) == (28, 10000)
    net = d2l.RNNModel(nn.GRU(len(vocab), 32), len(vocab))
    d2l.train_ch8(net, batches, vocab, 4, 20, d2l.try_gpu())
    assert float(capsys.readouterr().out.splitlines()[-3].split()[1].rstrip(",")) < 13
    assert len(curves()[0]) == 2


# Translation

PAIRS = [
    ("Go.", "Va !"),
    ("Hi there.", "Salut."),
    ("Go.", "Bouge !"),
    ("Go.", "Va !"),
    ("He is calm.", "Il est calme."),
    ("She is calm.", "Elle est calme."),
    ("He is calm.", "Il est calme."),
    ("She is calm.", "Elle est calme."),
]


@pytest.fixture
def translations(tmp_path: Path):
    """The book's file of translations, with few of them."""
    with zipfile.ZipFile(tmp_path / "fra-eng.zip", "w") as archive:
        archive.writestr("fra-eng/fra.txt", "\n".join(map("\t".join, PAIRS)) + "\n")


def test_translation_data(translations: None):
    assert d2l.preprocess_nmt("Go.\u202fHi, You!") == "go . hi , you !"
    batches, source, target = d2l.load_data_nmt(batch_size=2, num_steps=4)
    X, X_len, Y, Y_len = next(iter(batches))
    assert X.shape == Y.shape == (2, 4)
    assert X_len.shape == Y_len.shape == (2,)
    assert source["go"] != source.unk
    assert target["bouge"] == target.unk
    assert d2l.truncate_pad([1, 2, 3], 2, 0) == [1, 2]
    assert d2l.bleu("il est calme .", "il est calme .", 2) == 1.0
    assert d2l.bleu("il a", "il est calme", 1) == pytest.approx(0.5**0.5 * 2.718281828**-0.5)


@pytest.mark.parametrize("num_steps", [3, 6])
def test_the_newer_translation_data(translations: None, num_steps: int):
    data = d2l.MTFraEng(2, num_steps=num_steps, num_train=6, num_val=2)
    assert [len(list(part)) for part in (data.train_dataloader(), data.val_dataloader())] == [3, 1]
    X, inputs, lengths, Y = data.arrays
    assert X.shape == inputs.shape == Y.shape == (8, num_steps)
    assert torch.equal(inputs[:, 1:], Y[:, :-1])
    assert data.tgt_vocab.to_tokens(inputs[:, 0].tolist()) == ["<bos>"] * 8
    assert data.src_vocab.to_tokens(X[0].tolist())[:3] == ["go", ".", "<eos>"]
    assert lengths.tolist() == [min(n, num_steps) for n in (3, 4, 3, 3, 5, 5, 5, 5)]
    X, inputs, lengths, Y = data.build(["Go."], ["Va !"])
    assert torch.equal(X[0], data.arrays[0][0])
    assert data.tgt_vocab.to_tokens(Y[0].tolist())[:3] == ["va", "!", "<eos>"]
    with pytest.raises(ValueError, match="shorter"):
        data.build(["Go."], [])


def recurrent_pair(source, target):
    encoder = d2l.Seq2SeqEncoder(len(source), 16, 16, 2, 0.1)
    return encoder, d2l.Seq2SeqDecoder(len(target), 16, 16, 2, 0.1)


def test_the_older_sequence_to_sequence_model_translates(translations: None, capsys):
    batches, source, target = d2l.load_data_nmt(batch_size=4, num_steps=6)
    net = d2l.EncoderDecoder(*recurrent_pair(source, target))
    scores, state = net(torch.zeros((4, 6), dtype=torch.long), torch.zeros((4, 5)).long(), None)
    assert scores.shape == (4, 5, len(target))
    assert [part.shape for part in state] == [(6, 4, 16), (2, 4, 16)]
    d2l.train_seq2seq(net, batches, 0.02, 40, target, d2l.try_gpu())
    assert re.match(r"loss 0\.\d{3}, \d+\.\d tokens/sec on cpu\n", capsys.readouterr().out)
    losses = curves()[0]
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 2
    found, weights = d2l.predict_seq2seq(net, "She is calm .", source, target, 6, d2l.cpu())
    assert d2l.bleu(found, "elle est calme .", k=2) == 1.0
    assert weights == []


def test_the_newer_sequence_to_sequence_model_translates(translations: None):
    data = d2l.MTFraEng(4, num_steps=6, num_train=8, num_val=8)
    pad = data.tgt_vocab["<pad>"]
    pair = recurrent_pair(data.src_vocab, data.tgt_vocab)
    model = d2l.Seq2Seq(*pair, tgt_pad=pad, lr=0.02)
    model.board.display = False
    assert model(*data.arrays[:-1]).shape == (8, 6, len(data.tgt_vocab))
    d2l.Trainer(max_epochs=40, gradient_clip_val=1).fit(model, data)
    losses = model.board.data["train_loss"]
    assert losses[-1][1] < losses[0][1] / 2
    model.eval()
    found, weights = model.predict_step(data.build(["he is calm ."], [""]), d2l.cpu(), 5)
    assert data.tgt_vocab.to_tokens(found[0].tolist()) == ["il", "est", "calme", ".", "<eos>"]
    assert weights == []


def test_padding_does_not_count_in_the_newer_loss():
    model = d2l.Seq2Seq(d2l.Encoder(), d2l.Decoder(), tgt_pad=1, lr=0.1)
    scores, Y = torch.rand(2, 3, 4), torch.tensor([[0, 2, 1], [3, 1, 1]])
    expected = nn.functional.cross_entropy(scores.reshape(-1, 4), Y.reshape(-1), ignore_index=1)
    assert torch.allclose(model.loss(scores, Y), expected)


class Attending(d2l.AttentionDecoder):
    """A decoder of one's own, made of what the book gives."""

    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(size, 16)
        self.attention = d2l.AdditiveAttention(16, 16, 16, 0.0)
        self.dense = nn.LazyLinear(size)

    def init_state(self, enc_outputs, valid_lens, *args):
        return enc_outputs, valid_lens

    def forward(self, X, state):
        Y = self.attention(self.embedding(X), state[0], state[0], state[1])
        return self.dense(Y), state

    @property
    def attention_weights(self):
        return self.attention.attention_weights


def test_attention_over_a_transformer_s_encoder_is_kept(translations: None, capsys):
    batches, source, target = d2l.load_data_nmt(batch_size=4, num_steps=6)
    encoder = d2l.TransformerEncoder(len(source), 16, 16, 16, 16, [16], 16, 32, 4, 2, 0.0)
    net = d2l.EncoderDecoder(encoder, Attending(len(target)))
    d2l.train_seq2seq(net, batches, 0.01, 10, target, d2l.cpu())
    found, weights = d2l.predict_seq2seq(net, "go .", source, target, 6, d2l.cpu(), True)
    assert 0 <= len(weights) - len(found.split()) <= 1
    assert weights[0].shape == (1, 1, 6)
    assert weights[0][0, 0, 3:].tolist() == [0.0, 0.0, 0.0]


def test_what_a_subclass_must_write_is_named():
    for call in (
        lambda: d2l.Encoder()(1),
        lambda: d2l.Decoder().init_state(1),
        lambda: d2l.Decoder()(1, 2),
        lambda: d2l.AttentionDecoder().attention_weights,
    ):
        with pytest.raises(NotImplementedError, match=r"(En|De)coder\."):
            call()


# Attention


def test_masked_softmax_leaves_out_what_is_not_valid():
    weights = d2l.masked_softmax(torch.rand(2, 2, 4), torch.tensor([2, 3]))
    assert weights[0, :, 2:].abs().max() == 0
    assert weights[1, :, 3:].abs().max() == 0
    assert torch.allclose(weights.sum(-1), torch.ones(2, 2))
    each = d2l.masked_softmax(torch.rand(1, 2, 4), torch.tensor([[1, 3]]))
    assert each[0, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert torch.allclose(d2l.masked_softmax(torch.zeros(1, 1, 4), None), torch.full((4,), 0.25))


def test_attentions_of_equal_keys_give_the_mean_of_the_valid_values():
    values = torch.arange(40.0).reshape(1, 10, 4).repeat(2, 1, 1)
    lengths = torch.tensor([2, 6])
    expected = torch.stack([values[i, :n].mean(0) for i, n in enumerate((2, 6))]).unsqueeze(1)
    dot = d2l.DotProductAttention(dropout=0.5).eval()
    assert torch.allclose(dot(torch.rand(2, 1, 2), torch.ones(2, 10, 2), values, lengths), expected)
    for additive in (
        d2l.AdditiveAttention(num_hiddens=8, dropout=0.1),
        d2l.AdditiveAttention(key_size=2, query_size=20, num_hiddens=8, dropout=0.1),
    ):
        found = additive.eval()(torch.rand(2, 1, 20), torch.ones(2, 10, 2), values, lengths)
        assert torch.allclose(found, expected)
        assert additive.attention_weights.shape == (2, 1, 10)


def test_heads_are_those_of_either_book():
    older = d2l.MultiHeadAttention(100, 100, 100, 100, 5, 0.5).eval()
    newer = d2l.MultiHeadAttention(num_hiddens=100, num_heads=5, dropout=0.5, bias=True).eval()
    X, Y = torch.ones(2, 4, 100), torch.ones(2, 6, 100)
    for attention in (older, newer):
        assert attention(X, Y, Y, torch.tensor([3, 2])).shape == (2, 4, 100)
    assert older.W_q.bias is None
    assert newer.W_q.bias is not None
    heads = d2l.transpose_qkv(X, 5)
    assert heads.shape == (10, 4, 20)
    assert torch.equal(d2l.transpose_output(heads, 5), X)


def test_positions_are_sines_and_cosines():
    P = d2l.PositionalEncoding(4, 0)(torch.zeros(1, 3, 4))[0]
    expected = torch.tensor([[0.0, 1, 0, 1], [0.841471, 0.540302, 0.0099998, 0.99995]])
    assert torch.allclose(P[:2], expected, atol=1e-5)
    assert d2l.AddNorm(4, 0.5)(torch.ones(2, 3, 4), torch.ones(2, 3, 4)).shape == (2, 3, 4)


def test_the_loss_of_sequences_counts_valid_parts():
    found = d2l.MaskedSoftmaxCELoss()(
        torch.ones(3, 4, 10), torch.ones((3, 4), dtype=torch.long), torch.tensor([4, 2, 0])
    )
    assert torch.allclose(found, torch.tensor([2.3026, 1.1513, 0.0]), atol=1e-4)


# Transformers


def test_transformers_are_those_of_either_book():
    tokens, lengths = torch.ones((2, 10), dtype=torch.long), torch.tensor([3, 2])
    for encoder in (
        d2l.TransformerEncoder(20, 24, 24, 24, 24, [10, 24], 24, 48, 8, 2, 0.5),
        d2l.TransformerEncoder(20, 24, 48, 8, 2, 0.5),
        d2l.TransformerEncoder(20, 24, 48, 8, num_blks=2, dropout=0.5, use_bias=True),
    ):
        assert encoder.eval()(tokens, lengths).shape == (2, 10, 24)
        assert [w.shape for w in encoder.attention_weights] == [(16, 10, 10)] * 2
        assert encoder.attention_weights[0][:8, :, 3:].abs().max() == 0
    X = torch.rand(2, 10, 24)
    for block in (
        d2l.EncoderBlock(24, 24, 24, 24, [10, 24], 24, 48, 8, 0.5),
        d2l.TransformerEncoderBlock(24, 48, 8, 0.5),
    ):
        found = block.eval()(X, lengths)
        assert found.shape == X.shape
        assert torch.allclose(found.mean(), torch.tensor(0.0), atol=1e-5)
    with pytest.raises(TypeError, match=r"TransformerEncoder takes \(vocab_size, num_hiddens"):
        d2l.TransformerEncoder(20, 24)


def test_blocks_of_either_book_start_from_the_same_weights():
    """Those of the seed, drawn once: attention's first, then the network's."""
    torch.manual_seed(1)
    older = d2l.EncoderBlock(8, 8, 8, 8, [8], 8, 12, 2, 0.0)
    torch.manual_seed(1)
    newer = d2l.TransformerEncoderBlock(8, 12, 2, 0.0)
    torch.manual_seed(1)
    layers = [torch.nn.Linear(8, 8, bias=False) for _ in range(4)]
    layers += [torch.nn.Linear(8, 12), torch.nn.Linear(12, 8)]
    expected = [p for layer in layers for p in layer.parameters()]
    for block in (older, newer):
        drawn = [p for name, p in block.named_parameters() if "addnorm" not in name]
        assert all(torch.equal(p, q) for p, q in zip(drawn, expected, strict=True))


def test_a_network_works_on_each_position_by_itself():
    X = torch.ones(2, 3, 4)
    for ffn in (d2l.PositionWiseFFN(4, 5, 8), d2l.PositionWiseFFN(5, 8)):
        found = ffn(X)
        assert found.shape == (2, 3, 8)
        assert torch.equal(found[0, 0], found[1, 2])


# The newer book's classes


def test_hyperparameters_are_kept():
    class Owner(d2l.HyperParameters):
        def __init__(self, a, b, c):
            self.save_hyperparameters(ignore=["c"])

    owner = Owner(a=1, b=2, c=3)
    assert (owner.a, owner.b, owner.hparams) == (1, 2, {"a": 1, "b": 2})
    assert not hasattr(owner, "c")

    @d2l.add_to_class(Owner)
    def total(self):
        return self.a + self.b

    assert owner.total() == 3


@pytest.mark.parametrize(
    "model", [lambda: d2l.LinearRegressionScratch(2, lr=0.03), lambda: d2l.LinearRegression(0.03)]
)
def test_the_trainer_fits_linear_regression(model):
    net = model()
    data = d2l.SyntheticRegressionData(w=torch.tensor([2, -3.4]), b=4.2)
    d2l.Trainer(max_epochs=3).fit(net, data)
    w, b = net.get_w_b() if isinstance(net, d2l.LinearRegression) else (net.w, net.b)
    assert torch.allclose(w.reshape(-1), torch.tensor([2, -3.4]), atol=0.3)
    assert b.item() == pytest.approx(4.2, abs=0.3)
    assert {label: len(line) for label, line in net.board.data.items()} == {
        "train_loss": 6,
        "val_loss": 3,
    }
    assert [line.get_label() for line in d2l.plt.gca().lines] == ["train_loss", "val_loss"]


def test_a_classifier_of_one_s_own_is_trained():
    class Digits(d2l.DataModule):
        def __init__(self, batch_size=64):
            super().__init__()
            self.save_hyperparameters()

        def get_dataloader(self, train):
            return digits(500)

    model = d2l.LeNet(lr=0.5)
    model.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    model.net.apply(d2l.init_cnn)  # lazy layers are passed over
    model.apply_init([next(iter(digits(8)))[0]], d2l.init_cnn)
    d2l.Trainer(max_epochs=2, gradient_clip_val=1).fit(model, Digits())
    assert model.board.data["val_acc"][-1][1] > 0.5


def test_lenet_s_layers_are_told(capsys: pytest.CaptureFixture[str]):
    d2l.LeNet().layer_summary((1, 1, 28, 28))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Conv2d output shape:\t torch.Size([1, 6, 28, 28])"
    assert lines[-1] == "Linear output shape:\t torch.Size([1, 10])"


def test_a_model_that_lacks_a_part_says_so():
    with pytest.raises(NotImplementedError, match=r"Module\.loss"):
        d2l.Module().loss(1, 2)
    with pytest.raises(AssertionError, match="network is defined"):
        d2l.Module()(torch.ones(1))
    with pytest.raises(NotImplementedError, match="get_dataloader"):
        d2l.DataModule().train_dataloader()


@pytest.mark.parametrize("layer", [d2l.RNNScratch, d2l.LSTMScratch])
def test_the_newer_language_models_are_trained(layer):
    data = d2l.TimeMachine(batch_size=64, num_steps=8, num_train=512, num_val=128)
    size = len(data.vocab)
    model = d2l.RNNLMScratch(layer(size, 16), size, lr=1)
    d2l.Trainer(max_epochs=2, gradient_clip_val=1).fit(model, data)
    perplexity = model.board.data["train_ppl"]
    assert perplexity[-1][1] < perplexity[0][1]
    assert len(model.predict("the ", 10, data.vocab)) == 14


@pytest.mark.parametrize("layer", [d2l.RNN, d2l.GRU, nn.LSTM])
def test_the_newer_language_models_around_layers(layer):
    data = d2l.TimeMachine(batch_size=64, num_steps=8, num_train=1024, num_val=64)
    size = len(data.vocab)
    model = d2l.RNNLM(layer(size, 16), vocab_size=size, lr=1)
    d2l.Trainer(max_epochs=2, gradient_clip_val=1).fit(model, data)
    perplexity = model.board.data["train_ppl"]
    assert perplexity[-1][1] < perplexity[0][1]
    assert len(model.predict("the ", 10, data.vocab)) == 14
    deep = d2l.GRU(size, 16, num_layers=2, dropout=0.5)
    outputs, state = deep(torch.rand(8, 4, size))
    assert (outputs.shape, state.shape) == ((8, 4, 16), (2, 4, 16))


# Convolutions


def test_residual_blocks_are_those_of_either_book():
    X = torch.rand(4, 3, 6, 6)
    assert d2l.Residual(3, 3)(X).shape == (4, 3, 6, 6)
    assert d2l.Residual(3, 6, use_1x1conv=True, strides=2)(X).shape == (4, 6, 3, 3)
    assert d2l.Residual(6, use_1x1conv=True, strides=2)(X).shape == (4, 6, 3, 3)
    assert d2l.Residual(6, True)(X).shape == (4, 6, 6, 6)
    assert d2l.ResNeXtBlock(32, 16, 1)(torch.rand(2, 32, 8, 8)).shape == (2, 32, 8, 8)
    assert d2l.resnet18(10, 1)(torch.rand(2, 1, 16, 16)).shape == (2, 10)


def test_cross_correlation_is_the_convolution_of_the_library():
    X, K = torch.rand(6, 8), torch.rand(2, 3)
    expected = nn.functional.conv2d(X[None, None], K[None, None])[0, 0]
    assert torch.allclose(d2l.corr2d(X, K), expected, atol=1e-6)


def test_boxes_go_there_and_back():
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.8]])
    back = d2l.box_center_to_corner(d2l.box_corner_to_center(boxes))
    assert torch.allclose(back, boxes)
    anchors = d2l.multibox_prior(torch.zeros(1, 3, 4, 4), sizes=[0.75, 0.5], ratios=[1, 2])
    assert anchors.shape == (1, 48, 4)
    assert d2l.assign_anchor_to_bbox(boxes, boxes, "cpu").tolist() == [0]


# Sets of images


def voc_folder(folder: Path, sizes):
    """A folder in the form of Pascal VOC: the upper half of each photo is an aeroplane."""
    for name in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    for i, (height, width) in enumerate(sizes):
        mask = torch.zeros(3, height, width, dtype=torch.uint8)
        mask[0, : height // 2] = 128
        io.write_png(mask, folder / "SegmentationClass" / f"{i}.png")
        io.write_jpeg(torch.full_like(mask, 100), folder / "JPEGImages" / f"{i}.jpg")
    names = "\n".join(map(str, range(len(sizes))))
    for part in ("train", "val"):
        (folder / "ImageSets" / "Segmentation" / f"{part}.txt").write_text(names)


def test_pixels_have_the_classes_of_their_colours(tmp_path: Path):
    assert len(d2l.VOC_CLASSES) == len(d2l.VOC_COLORMAP) == 21
    assert d2l.VOC_COLORMAP[:3] == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert d2l.VOC_COLORMAP[20] == [0, 64, 128]
    voc_folder(tmp_path / "voc", [(6, 8)])
    (photo,), (mask,) = d2l.read_voc_images(str(tmp_path / "voc"))
    assert photo.shape == mask.shape == (3, 6, 8)
    classes = d2l.voc_colormap2label()
    found = d2l.voc_label_indices(mask, classes)
    assert found.tolist() == [[1] * 8] * 3 + [[0] * 8] * 3
    assert classes[(224 * 256 + 224) * 256 + 192] == 0  # the seam between things
    both = torch.arange(48).reshape(1, 6, 8)
    one, other = d2l.voc_rand_crop(both, both, 2, 3)
    assert one.shape == (1, 2, 3)
    assert torch.equal(one, other)


def test_photos_with_classes_are_loaded(tmp_path: Path, capsys):
    voc_folder(tmp_path / "VOCdevkit" / "VOC2012", [(6, 8), (2, 8), (6, 9)])
    with tarfile.open(tmp_path / "VOCtrainval_11-May-2012.tar", "w") as archive:
        archive.add(tmp_path / "VOCdevkit", "VOCdevkit")
    train, _ = d2l.load_data_voc(2, (4, 5))
    assert capsys.readouterr().out == "read 2 examples\nread 2 examples\n"
    ((X, y),) = train
    assert (X.shape, y.shape) == ((2, 3, 4, 5), (2, 4, 5))
    assert y.dtype is torch.int64
    assert X[0, 0].std() < 0.01
    assert X[0, 0, 0, 0].item() == pytest.approx((100 / 255 - 0.485) / 0.229, abs=0.03)


def test_bananas_are_loaded(tmp_path: Path, capsys):
    folder = tmp_path / "banana-detection"
    for part in ("bananas_train", "bananas_val"):
        (folder / part / "images").mkdir(parents=True)
        image = torch.full((3, 256, 256), 7, dtype=torch.uint8)
        io.write_png(image, folder / part / "images" / "0.png")
        label = "img_name,label,xmin,ymin,xmax,ymax\n0.png,0,64,32,128,256\n"
        (folder / part / "label.csv").write_text(label)
    with zipfile.ZipFile(tmp_path / "banana-detection.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path))
    _, val = d2l.load_data_bananas(4)
    assert capsys.readouterr().out == "read 1 training examples\nread 1 validation examples\n"
    ((X, Y),) = val
    assert (X.shape, X.dtype, X.max().item()) == ((1, 3, 256, 256), torch.float32, 7)
    assert Y.tolist() == [[[0, 0.25, 0.125, 0.5, 1]]]


def test_images_of_a_competition_are_sorted_by_class(tmp_path: Path):
    labels = ["id,label", *(f"{i},{'cat' if i < 4 else 'dog'}" for i in range(10))]
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        for i in range(10):
            (tmp_path / part / f"{i}.png").touch()
    names = d2l.read_csv_labels(str(tmp_path / "labels.csv"))
    assert names["3"] == "cat"
    assert d2l.reorg_train_valid(str(tmp_path), names, 0.5) == 2
    d2l.reorg_test(str(tmp_path))
    parts = tmp_path / "train_valid_test"
    counts = {
        str(folder.relative_to(parts)): len(list(folder.iterdir())) for folder in parts.glob("*/*")
    }
    assert counts == {
        "train_valid/cat": 4,
        "train_valid/dog": 6,
        "train/cat": 2,
        "train/dog": 4,
        "valid/cat": 2,
        "valid/dog": 2,
        "test/unknown": 10,
    }


def test_two_networks_play_against_each_other():
    net_D, net_G = nn.Linear(1, 1), nn.Linear(1, 1)
    loss = nn.BCEWithLogitsLoss(reduction="sum")
    trainers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (net_D, net_G)]
    X, Z = torch.full((4, 1), 3.0), torch.rand(4, 1)
    made = [p.clone() for p in net_G.parameters()]
    first = d2l.update_D(X, Z, net_D, net_G, loss, trainers[0])
    assert all(map(torch.equal, made, net_G.parameters()))
    for _ in range(5):
        last = d2l.update_D(X, Z, net_D, net_G, loss, trainers[0])
    assert last < first
    told = [p.clone() for p in net_D.parameters()]
    first = d2l.update_G(Z, net_D, net_G, loss, trainers[1])
    assert d2l.update_G(Z, net_D, net_G, loss, trainers[1]) < first
    assert all(map(torch.equal, told, net_D.parameters()))


# Pictures and files


def test_plot_takes_what_the_book_gives():
    x = torch.arange(0, 3, 0.5)
    d2l.plot(x, [x**2, 2 * x], "x", "y", legend=["a", "b"], xlim=[0, 2])
    axes = d2l.plt.gca()
    assert [len(line) for line in curves()] == [6, 6]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()) == ("x", "y", (0, 2))
    d2l.plot([1, 2, 4])
    assert curves() == [[1, 2, 4]]
    d2l.plot([[1, 2], [3, 4]], [[5, 6], [7, 8]])
    assert curves() == [[5, 6], [7, 8]]


def test_images_heat_maps_and_boxes_are_drawn():
    axes = d2l.show_images(torch.rand(4, 5, 5), 2, 2, titles=["a", "b", "c", "d"])
    assert [ax.get_title() for ax in axes] == ["a", "b", "c", "d"]
    d2l.show_heatmaps(torch.eye(4).reshape(1, 1, 4, 4), "keys", "queries", titles=["head"])
    assert d2l.plt.gcf().axes[0].get_xlabel() == "keys"
    d2l.show_bboxes(axes[0], [[1, 1, 3, 4]], ["cat"], "w")
    (box,) = axes[0].patches
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((1, 1), 2, 3)
    d2l.show_list_len_pair_hist(["s", "t"], "tokens", "count", [[1], [1, 2]], [[1], [2]])


def test_times_are_kept():
    timer = d2l.Timer()
    timer.times = [1.0, 2.0, 3.0]
    assert (timer.sum(), timer.avg(), timer.cumsum()) == (6.0, 2.0, [1.0, 3.0, 6.0])
    assert timer.stop() >= 0


def test_a_benchmark_prints_its_seconds(capsys: pytest.CaptureFixture[str]):
    with d2l.Benchmark("nothing"):
        pass
    assert capsys.readouterr().out.startswith("nothing: 0.")


def test_files_are_found_or_told_where_to_go(tmp_path: Path, capsys):
    assert d2l.download("time_machine") == str(tmp_path / "timemachine.txt")
    source = tmp_path / "served" / "words.txt"
    source.parent.mkdir()
    source.write_text("words")
    copied = d2l.download(source.as_uri(), str(tmp_path / "cache"))
    assert Path(copied).read_text() == "words"
    missing = (tmp_path / "nowhere.txt").as_uri()
    with pytest.raises(RuntimeError, match=r"copy nowhere\.txt into"):
        d2l.download(missing, str(tmp_path / "cache"))
    with pytest.raises(ValueError, match=r"a \.zip, \.tar or \.gz file"):
        d2l.extract("words.txt")


def test_fashion_mnist_is_loaded_from_the_book_s_folder(tmp_path: Path, monkeypatch):
    """With the files of MNIST in their place: only their form matters."""
    if not (DATA / "mnist").is_dir():
        pytest.skip("needs MNIST in $FASTGRAD_DATA/mnist")
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (DATA / "mnist").glob("*.gz"):
        (raw / file.name).symlink_to(file.resolve())
    (tmp_path / "lesson").mkdir()
    monkeypatch.chdir(tmp_path / "lesson")
    train, test = d2l.load_data_fashion_mnist(32, resize=16)
    X, y = next(iter(test))
    assert X.shape == (32, 1, 16, 16)
    assert y.shape == (32,)
    assert len(train) == 60000 // 32
    data = d2l.FashionMNIST(batch_size=16)
    X, y = next(iter(data.val_dataloader()))
    assert X.shape == (16, 1, 28, 28)
    data.visualize((X, y), ncols=4)
    assert len(d2l.plt.gcf().axes) == 4
    d2l.predict_ch3(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), data.val_dataloader(), n=3)
    assert len(d2l.plt.gcf().axes) == 3
