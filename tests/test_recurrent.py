"""Recurrent layers beyond the rows of nn_rows: packed batches, states, second gradients, errors."""

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn
from fastgrad.nn.utils import rnn
from parity import outcome
from test_determinism import same_for_any_number_of_threads

LAYERS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "bias": False}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 3, "bias": False}),
    ("GRU", {}),
    ("GRU", {"bias": False}),
]
EVERY_LAYER = pytest.mark.parametrize(
    ("name", "options"), LAYERS, ids=[f"{name} {options}" for name, options in LAYERS]
)
LENGTHS = [2, 5, 1, 5, 3]


def both(torch, name, *sizes, **options):
    """A layer of each library, in float64 and with the same weights."""
    made = []
    for lib in (fg, torch):
        lib.manual_seed(1)
        made.append(getattr(lib.nn, name)(*sizes, dtype=lib.float64, **options))
    return made


def drawn(lib, seed, *shape):
    array = np.random.default_rng(seed).standard_normal(shape)
    return lib.tensor(array.tolist(), dtype=lib.float64, requires_grad=True)


def flat(value):
    if isinstance(value, (tuple, list)):
        return [x for part in value for x in flat(part)]
    return [value]


def packed(lib, padded, **options):
    return lib.nn.utils.rnn.pack_padded_sequence(padded, LENGTHS, enforce_sorted=False, **options)


def states(lib, layer, batch, seed=5):
    """Initial states, in the form that the layer takes them."""
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    h = drawn(lib, seed, count, batch, layer.proj_size or layer.hidden_size)
    if layer.mode != "LSTM":
        return h
    return h, drawn(lib, seed + 1, count, batch, layer.hidden_size)


def compare(ours, theirs, libs):
    """Run both, and compare results and gradients of everything."""
    found = []
    for (run, layer, leaves), lib in zip((ours, theirs), libs, strict=True):
        outputs = [x for x in flat(run()) if x is not None and x.is_floating_point()]
        weighted = [
            (x * lib.linspace(-1, 2, x.numel(), dtype=x.dtype).view(x.shape)).sum() for x in outputs
        ]
        leaves = [*flat(leaves), *layer.parameters()]
        gradients = lib.autograd.grad(sum(weighted), leaves)
        found.append([x.detach().numpy() for x in (*outputs, *gradients)])
    assert len(found[0]) == len(found[1])
    for mine, expected in zip(*found, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-10)


@EVERY_LAYER
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "states"])
def test_packed_batches_agree_with_torch(torch, name, options, bidirectional, given):
    runs = []
    for lib, layer in zip(
        (fg, torch), both(torch, name, 4, 5, 2, bidirectional=bidirectional, **options), strict=True
    ):
        padded = drawn(lib, 0, 5, 5, 4)
        hx = states(lib, layer, 5) if given else None
        leaves = [padded, *([] if hx is None else flat(hx))]

        def run(layer=layer, lib=lib, padded=padded, hx=hx):
            out, last = layer(packed(lib, padded), hx)
            return (*lib.nn.utils.rnn.pad_packed_sequence(out, True, 0.5), last)

        runs.append((run, layer, leaves))
    compare(*runs, (fg, torch))


@EVERY_LAYER
@pytest.mark.parametrize("batch_first", [False, True])
def test_states_are_those_of_torch(torch, name, options, batch_first):
    runs = []
    for lib, layer in zip(
        (fg, torch),
        both(torch, name, 4, 21, 2, batch_first=batch_first, bidirectional=True, **options),
        strict=True,
    ):
        x, hx = drawn(lib, 0, 6, 3, 4), states(lib, layer, 6 if batch_first else 3)
        runs.append((lambda layer=layer, x=x, hx=hx: layer(x, hx), layer, [x, *flat(hx)]))
    compare(*runs, (fg, torch))


@EVERY_LAYER
def test_only_the_last_state_is_used(torch, name, options):
    """The gradient of an output that nobody used is absent."""
    runs = []
    for lib, layer in zip((fg, torch), both(torch, name, 4, 5, **options), strict=True):
        x = drawn(lib, 0, 6, 3, 4)
        runs.append((lambda layer=layer, x=x: flat(layer(x)[1])[-1:], layer, [x]))
    compare(*runs, (fg, torch))


@EVERY_LAYER
def test_without_a_batch(torch, name, options):
    runs = []
    for lib, layer in zip(
        (fg, torch), both(torch, name, 4, 5, batch_first=True, **options), strict=True
    ):
        x = drawn(lib, 0, 6, 4)
        hx = [h.squeeze(1) for h in flat(states(lib, layer, 1))]
        given = tuple(hx) if name == "LSTM" else hx[0]
        runs.append((lambda layer=layer, x=x, hx=given: layer(x, hx), layer, [x, *hx]))
    compare(*runs, (fg, torch))


@EVERY_LAYER
@pytest.mark.parametrize("bidirectional", [False, True])
def test_second_gradients(name, options, bidirectional):
    """Of a packed batch, whose steps differ in size."""
    options = options | ({"proj_size": 1} if "proj_size" in options else {})
    if options.get("nonlinearity") == "relu":
        options = options | {"bias": True}
    layer = getattr(nn, name)(2, 2, bidirectional=bidirectional, dtype=fg.float64, **options)
    padded = drawn(fg, 3, 3, 2, 2)

    def run(padded, *rest):
        out, last = layer(rnn.pack_padded_sequence(padded, [3, 2]))
        return (out.data, *flat(last))

    assert fg.autograd.gradcheck(run, (padded, *layer.parameters()))
    assert fg.autograd.gradgradcheck(run, (padded, *layer.parameters()))


def test_second_gradients_of_inputs_made_of_each_other():
    """The initial state depends on the input here: each gets its own part of the gradient."""
    layer = nn.GRU(2, 2, dtype=fg.float64)
    x = drawn(fg, 0, 3, 1, 2)
    assert fg.autograd.gradgradcheck(lambda x: layer(x, x[:1] * x[1:2])[0], (x,))


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_cell_is_one_step(name):
    layer, cell = getattr(nn, name)(3, 4), getattr(nn, f"{name}Cell")(3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, state = fg.randn(5, 2, 3), None
    for i, step in enumerate(x):
        state = cell(step, state)
        out, last = layer(x[: i + 1])
        for found, expected in zip(flat(state), flat(last), strict=True):
            assert fg.allclose(found, expected[0], atol=1e-6)
        assert fg.allclose(flat(state)[0], out[-1], atol=1e-6)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("sizes", [(3, 130, 65), (40, 70, 33)])
def test_the_same_bits_for_any_number_of_threads(name, sizes):
    batch, features, units = sizes
    layer = getattr(nn, name)(features, units, bidirectional=True)
    x = fg.randn(7, batch, features, requires_grad=True)

    def compute():
        out, last = layer(x)
        loss = sum((y * y).sum() for y in flat([out, last]))
        return [out, *flat(last), *fg.autograd.grad(loss, [x, *layer.parameters()])]

    same_for_any_number_of_threads(compute)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_16_bit_floats(name):
    layer = getattr(nn, name)(3, 4).to(fg.bfloat16)
    x = fg.randn(5, 2, 3).to(fg.bfloat16)
    out, _ = layer(x)
    expected, _ = layer.float()(x.float())
    assert out.dtype is fg.bfloat16
    assert fg.allclose(out.float(), expected, atol=0.05)


def test_large_gates_do_not_overflow():
    for name in ("LSTM", "GRU"):
        layer = getattr(nn, name)(1, 3)
        x = fg.full((4, 1, 1), 1e30, requires_grad=True)
        out, _ = layer(x)
        out.sum().backward()
        assert bool(fg.isfinite(out).all())
        assert bool(fg.isfinite(x.grad).all())


def test_an_empty_batch():
    out, (h, c) = nn.LSTM(3, 4)(fg.zeros(5, 0, 3, requires_grad=True))
    assert (out.shape, h.shape, c.shape) == ((5, 0, 4), (1, 0, 4), (1, 0, 4))
    out.sum().backward()


def test_vmap_over_a_layer():
    layer = nn.GRU(3, 4)
    x = fg.randn(3, 5, 2, 3)
    with pytest.warns(UserWarning, match="no batching rule for recurrent"):
        mapped = fg.func.vmap(lambda x: layer(x)[0])(x)
    assert fg.allclose(mapped, fg.stack([layer(one)[0] for one in x]), atol=1e-6)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_last_states_are_detached_in_place(name, num_layers):
    layer = getattr(nn, name)(3, 4, num_layers)
    _, last = layer(fg.rand(5, 2, 3))
    for state in last if name == "LSTM" else [last]:
        assert state.requires_grad
        assert not state.detach_().requires_grad


def test_parameters_are_named_one_after_the_other_as_in_torch(torch):
    sizes = {"input_size": 3, "hidden_size": 4, "num_layers": 2, "bidirectional": True}
    ours, theirs = nn.LSTM(**sizes, proj_size=2), torch.nn.LSTM(**sizes, proj_size=2)
    assert ours._flat_weights_names == theirs._flat_weights_names


def test_dropout_with_one_layer_warns():
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.LSTM(3, 4, dropout=0.5)


# Errors

MAKE = [
    lambda n: n.RNN(3, 4, nonlinearity="sigmoid"),
    lambda n: n.RNN(3, 4, proj_size=2),
    lambda n: n.GRU(3, 4, proj_size=2),
    lambda n: n.LSTM(3, 4, proj_size=4),
    lambda n: n.LSTM(3, 4, proj_size=-1),
    lambda n: n.LSTM(0, 4),
    lambda n: n.LSTM(3, 0),
    lambda n: n.LSTM(3.0, 4),
    lambda n: n.LSTM(3, 4, 0),
    lambda n: n.LSTM(3, 4, bias=1),
    lambda n: n.LSTM(3, 4, batch_first=1),
    lambda n: n.LSTM(3, 4, dropout=2.0),
    lambda n: n.LSTM(3, 4, dropout=True),
]


@pytest.mark.parametrize("case", range(len(MAKE)))
def test_options_are_refused_as_by_torch(torch, case):
    expected = outcome(MAKE[case], torch.nn)
    assert isinstance(expected, type)
    assert outcome(MAKE[case], nn) is expected


CALLS = [
    lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(5, 2, 4)),
    lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(3)),
    lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(0, 2, 3)),
    lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(5, 2, 3, dtype=lib.float64)),
    lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(5, 2, 3), (lib.zeros(1, 3, 4), lib.zeros(1, 2, 4))),
    lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(5, 2, 3), (lib.zeros(1, 2, 4), lib.zeros(1, 2, 5))),
    lambda lib: lib.nn.LSTM(3, 4)(lib.zeros(5, 2, 3), (lib.zeros(2, 4), lib.zeros(2, 4))),
    lambda lib: lib.nn.GRU(3, 4)(lib.zeros(5, 3), lib.zeros(1, 1, 4)),
    lambda lib: lib.nn.GRU(3, 4)(lib.zeros(5, 2, 3), lib.zeros(2, 2, 4)),
    lambda lib: lib.nn.RNN(3, 4)(lib.zeros(5, 2, 3), lib.zeros(1, 2, 3)),
    lambda lib: lib.nn.GRUCell(3, 4)(lib.zeros(2, 4)),
    lambda lib: lib.nn.GRUCell(3, 4)(lib.zeros(2, 3), lib.zeros(3, 4)),
    lambda lib: lib.nn.GRUCell(3, 4)(lib.zeros(2, 3), lib.zeros(2, 3)),
    lambda lib: lib.nn.LSTMCell(3, 4)(lib.zeros(2, 2, 3)),
]


@pytest.mark.parametrize("case", range(len(CALLS)))
def test_inputs_are_refused_as_by_torch(torch, case):
    expected = outcome(CALLS[case], torch)
    assert isinstance(expected, type)
    assert outcome(CALLS[case], fg) is expected


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_a_pair_of_states_is_refused_where_there_is_one(kind):
    h = fg.zeros(1, 2, 4)
    with pytest.raises(RuntimeError, match=f"{kind}: expected hx to be a tensor, got tuple; only"):
        getattr(nn, kind)(3, 4)(fg.zeros(5, 2, 3), (h, h))


def test_numbers_of_tokens_are_sent_to_an_embedding():
    with pytest.raises(
        ValueError, match=r"input\.to\(torch\.float32\), or look tokens up in an Emb"
    ):
        nn.GRU(3, 4)(fg.zeros(5, 2, 3, dtype=fg.int64))


def test_errors_name_the_layer():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.decoder = nn.ModuleList([nn.GRU(3, 4)])

        def forward(self, x):
            return self.decoder[0](x)

    with pytest.raises(RuntimeError, match=r"in decoder\.0 GRU\(3, 4\): .*Expected 3, got 5"):
        Net()(fg.zeros(2, 2, 5))


def test_a_packed_sequence_made_by_hand_does_not_crash():
    for sizes in ([1, 2], [3, 1], [2], [2, 2, -1], []):
        batch = rnn.PackedSequence(fg.zeros(3, 3), fg.tensor(sizes, dtype=fg.int64))
        with pytest.raises((RuntimeError, IndexError)):
            nn.LSTM(3, 4)(batch)


# Packing and padding


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3)], ids=str)
def test_packing_is_that_of_torch(torch, batch_first, shape):
    found = []
    for lib in (fg, torch):
        tools = lib.nn.utils.rnn
        padded = drawn(lib, 0, 5, 5, *shape)
        batch = packed(lib, padded, batch_first=batch_first)
        again, lengths = tools.pad_packed_sequence(batch, batch_first, -1.0, 7)
        (gradient,) = lib.autograd.grad((again * again).sum(), padded)
        parts = [*batch, again, lengths, gradient, *tools.unpack_sequence(batch)]
        found.append([x.detach().numpy() for x in parts])
    for mine, expected in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, expected)
        assert mine.dtype == expected.dtype


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_of_sequences_is_that_of_torch(torch, batch_first, side):
    found = []
    for lib in (fg, torch):
        sequences = [drawn(lib, n, n, 2) for n in (3, 1, 2)]
        padded = lib.nn.utils.rnn.pad_sequence(sequences, batch_first, 2.0, side)
        gradients = lib.autograd.grad((padded * padded).sum(), sequences)
        found.append([x.detach().numpy() for x in (padded, *gradients)])
    for mine, expected in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_a_packed_sequence_prints_and_converts_as_in_torch(torch):
    text = []
    for lib in (fg, torch):
        batch = lib.nn.utils.rnn.pack_sequence(
            [lib.tensor([1, 2, 3]), lib.tensor([4, 5])], enforce_sorted=True
        )
        text.append((repr(batch), repr(batch.double()), repr(batch.to(lib.int32))))
        assert batch.to(lib.int64) is batch
    assert text[0] == text[1]


PACK = [
    lambda lib, t: t.pack_padded_sequence(lib.zeros(4, 2), [2, 3]),
    lambda lib, t: t.pack_padded_sequence(lib.zeros(4, 2), [2, 0]),
    lambda lib, t: t.pack_padded_sequence(lib.zeros(4, 2), [3]),
    lambda lib, t: t.pack_padded_sequence(lib.zeros(4, 2), [3, 2, 1], enforce_sorted=False),
    lambda lib, t: t.pack_padded_sequence(lib.zeros(0, 2), [0, 0]),
    lambda lib, t: t.pack_sequence([lib.zeros(2), lib.zeros(3)]),
    lambda lib, t: t.pad_packed_sequence(t.pack_sequence([lib.zeros(3)]), total_length=2),
    lambda lib, t: t.pad_sequence([]),
    lambda lib, t: t.pad_sequence([lib.zeros(2, 3), lib.zeros(2, 4)]),
    lambda lib, t: t.pad_sequence([lib.zeros(2)], padding_side="middle"),
    lambda lib, t: t.pad_sequence(3),
    lambda lib, t: t.unpad_sequence(lib.zeros(2, 3), lib.tensor([1]), True),
]


@pytest.mark.parametrize("case", range(len(PACK)))
def test_packing_refuses_what_torch_refuses(torch, case):
    expected = outcome(PACK[case], torch, torch.nn.utils.rnn)
    assert isinstance(expected, type)
    assert outcome(PACK[case], fg, rnn) is expected


def test_lengths_beyond_the_tensor_are_refused():
    """PyTorch reads behind it."""
    with pytest.raises(RuntimeError, match="at most 4, the number of steps"):
        rnn.pack_padded_sequence(fg.zeros(4, 2), [5, 2])


@pytest.mark.parametrize("lengths", [None, 3])
def test_lengths_that_are_no_list_are_named(lengths):
    found = type(lengths).__name__
    with pytest.raises(TypeError, match=f"lengths as a tensor or a list of one.*got {found}"):
        rnn.pack_padded_sequence(fg.zeros(4, 2), lengths)


def test_what_is_not_packed_cannot_be_padded():
    with pytest.raises(TypeError, match="expected a PackedSequence, got Tensor"):
        rnn.pad_packed_sequence(fg.zeros(4, 2))
