"""Attention and Transformers beyond the rows of nn_rows: masks, options, second gradients."""

from math import inf

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn
from test_determinism import same_for_any_number_of_threads

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")
N, L, S, E, HEADS = 3, 4, 5, 6, 2


def drawn(lib, seed, *shape):
    array = np.random.default_rng(seed).standard_normal(shape)
    return lib.tensor(array.tolist(), dtype=lib.float64, requires_grad=True)


def bools(lib, seed, *shape):
    """A mask in which every row has a place that is not masked."""
    array = np.random.default_rng(seed).random(shape) < 0.5
    array[..., 0] = False
    return lib.tensor(array.tolist())


def floats(lib, seed, *shape):
    array = np.random.default_rng(seed).standard_normal(shape)
    array[array > 1] = -inf
    return lib.tensor(array.tolist(), dtype=lib.float64)


def agree(torch, run, tolerance=1e-10):
    """`run` gives a module's outputs and its leaves, for either library."""
    found = []
    for lib in (fg, torch):
        lib.manual_seed(2)
        outputs, leaves = run(lib)
        outputs = [x for x in outputs if x is not None]
        terms = [
            (x * lib.linspace(-1, 2, x.numel(), dtype=x.dtype).view(x.shape)).sum() for x in outputs
        ]
        gradients = lib.autograd.grad(sum(terms), leaves)
        found.append([x.detach().numpy() for x in (*outputs, *gradients)])
    assert len(found[0]) == len(found[1])
    for mine, expected in zip(*found, strict=True):
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol=tolerance, atol=tolerance)


MASKS = {
    "none": lambda lib: {},
    "padding": lambda lib: {"key_padding_mask": bools(lib, 0, N, S)},
    "padding of floats": lambda lib: {"key_padding_mask": floats(lib, 0, N, S)},
    "mask": lambda lib: {"attn_mask": bools(lib, 0, L, S)},
    "mask of floats": lambda lib: {"attn_mask": floats(lib, 0, L, S)},
    "mask of each head": lambda lib: {"attn_mask": bools(lib, 0, N * HEADS, L, S)},
    "both": lambda lib: {
        "attn_mask": bools(lib, 0, L, S),
        "key_padding_mask": bools(lib, 1, N, S),
    },
    "both of floats": lambda lib: {
        "attn_mask": floats(lib, 0, N * HEADS, L, S),
        "key_padding_mask": floats(lib, 1, N, S),
    },
    "causal": lambda lib: {
        "attn_mask": lib.ones(L, S).triu(1).bool(),
        "is_causal": True,
    },
}


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("weights", [None, True, False], ids=["no weights", "mean", "each head"])
@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_multihead_attention_agrees_with_torch(torch, masks, weights, extended, batch_first):
    def run(lib):
        module = lib.nn.MultiheadAttention(
            E,
            HEADS,
            add_bias_kv=extended,
            add_zero_attn=extended,
            batch_first=batch_first,
            dtype=lib.float64,
        )
        shape = (lambda n: (N, n, E)) if batch_first else (lambda n: (n, N, E))
        q, k = drawn(lib, 1, *shape(L)), drawn(lib, 2, *shape(S))
        v = k if extended else drawn(lib, 3, *shape(S))
        options = {} if weights is None else {"average_attn_weights": weights}
        out = module(q, k, v, need_weights=weights is not None, **MASKS[masks](lib), **options)
        return out, [q, k, *([] if extended else [v]), *module.parameters()]

    agree(torch, run)


def test_static_keys_and_values(torch):
    def run(lib):
        q, k = drawn(lib, 1, L, N, E), drawn(lib, 2, S, N, E)
        fixed = [drawn(lib, seed, N * HEADS, 7, E // HEADS) for seed in (3, 4)]
        weight, last = drawn(lib, 5, 3 * E, E), drawn(lib, 6, E, E)
        out = lib.nn.functional.multi_head_attention_forward(
            *(q, k, k, E, HEADS, weight, None, None, None, False, 0.0, last, None),
            static_k=fixed[0],
            static_v=fixed[1],
        )
        return out, [q, last, *fixed]

    agree(torch, run)


def test_dropout_draws_as_torch_does(torch):
    """Both ways drop the same weights."""
    for need_weights in (True, False):

        def run(lib, need_weights=need_weights):
            module = lib.nn.MultiheadAttention(E, HEADS, dropout=0.4, dtype=lib.float64)
            x = drawn(lib, 1, L, N, E)
            return module(x, x, x, need_weights=need_weights), [x]

        agree(torch, run)


@pytest.mark.parametrize("need_weights", [True, False])
def test_queries_that_may_look_nowhere_get_no_nan(need_weights):
    module = nn.MultiheadAttention(E, HEADS)
    x = fg.randn(L, N, E, requires_grad=True)
    padding = fg.zeros(N, L, dtype=fg.bool)
    padding[1] = True
    out, _ = module(x, x, x, key_padding_mask=padding, need_weights=need_weights)
    out.sum().backward()
    assert bool(fg.isfinite(out).all())
    assert bool(fg.isfinite(x.grad).all())
    assert fg.allclose(out[:, 1], module.out_proj.bias.expand(L, E))


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("future", ["seen", "hidden by a mask", "hidden by the hint"])
def test_a_sample_of_nothing_but_padding_is_finite(norm_first, training, future):
    layer = nn.TransformerEncoderLayer(E, HEADS, 8, 0.0, batch_first=True, norm_first=norm_first)
    encoder = nn.TransformerEncoder(layer, 2).train(training)
    x = fg.randn(N, L, E, requires_grad=True)
    padding = fg.zeros(N, L, dtype=fg.bool)
    padding[0], padding[1, 0] = True, True  # under a causal mask the first query sees nothing, too
    mask = None if future == "seen" else nn.Transformer.generate_square_subsequent_mask(L)
    hint = True if future == "hidden by the hint" else None
    out = encoder(x, mask, src_key_padding_mask=padding, is_causal=hint)
    out.square().sum().backward()
    assert out.isfinite().all()
    for leaf in (x, *encoder.parameters()):
        assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("need_weights", [True, False])
def test_masks_of_float64_are_taken(need_weights):
    module = nn.MultiheadAttention(E, HEADS)
    x = fg.randn(L, N, E)
    mask = nn.Transformer.generate_square_subsequent_mask(L)
    outs = [
        module(x, x, x, attn_mask=m, need_weights=need_weights)[0] for m in (mask, mask.double())
    ]
    assert fg.equal(*outs)


def test_attention_gradients_of_second_order():
    module = nn.MultiheadAttention(2, 1, dtype=fg.float64)
    x, memory = fg.randn(2, 1, 2, dtype=fg.float64), fg.randn(3, 1, 2, dtype=fg.float64)
    inputs = (x.requires_grad_(), memory.requires_grad_(), *module.parameters())
    assert fg.autograd.gradgradcheck(lambda x, m, *_: module(x, m, m), inputs)


# Transformers


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_transformer_with_masks_agrees_with_torch(torch, batch_first, norm_first, training):
    def run(lib):
        model = lib.nn.Transformer(
            *(E, HEADS, 2, 2, 8, 0.3),
            activation=lib.tanh,
            batch_first=batch_first,
            norm_first=norm_first,
            dtype=lib.float64,
        ).train(training)
        src = drawn(lib, 1, *((N, S, E) if batch_first else (S, N, E)))
        tgt = drawn(lib, 2, *((N, L, E) if batch_first else (L, N, E)))
        causal = lib.nn.Transformer.generate_square_subsequent_mask(L, dtype=lib.float64)
        out = model(
            src,
            tgt,
            src_mask=floats(lib, 3, S, S).clamp(min=-9),
            tgt_mask=causal,
            memory_mask=floats(lib, 4, L, S).clamp(min=-9),
            src_key_padding_mask=floats(lib, 5, N, S).clamp(min=-9),
            memory_key_padding_mask=floats(lib, 5, N, S).clamp(min=-9),
        )
        return [out], [src, tgt, *model.parameters()]

    agree(torch, run)


@pytest.mark.parametrize("kind", ["relu", "gelu", "callable"])
def test_an_encoder_under_a_causal_mask_sees_no_future(torch, kind):
    def run(lib):
        activation = lib.nn.functional.silu if kind == "callable" else kind
        layer = lib.nn.TransformerEncoderLayer(
            E, HEADS, 8, activation=activation, batch_first=True, dtype=lib.float64
        )
        model = lib.nn.TransformerEncoder(layer, 2).eval()
        mask = lib.nn.Transformer.generate_square_subsequent_mask(L, dtype=lib.float64)
        x = drawn(lib, 1, N, L, E)
        return [model(x, mask), model(x, mask, is_causal=True)], [x]

    agree(torch, run)
    (out, again), (x,) = run(fg)
    assert fg.allclose(out, again)
    (gradient,) = fg.autograd.grad(out[:, 0].sum(), x)
    assert bool((gradient[:, 1:] == 0).all())


def test_masks_of_future_positions_are_those_of_torch(torch):
    for options in ({}, {"dtype": "float64"}):
        made = [
            lib.nn.Transformer.generate_square_subsequent_mask(
                3, **{name: getattr(lib, value) for name, value in options.items()}
            ).numpy()
            for lib in (fg, torch)
        ]
        np.testing.assert_array_equal(*made)
        assert made[0].dtype == made[1].dtype


def test_custom_parts_of_a_transformer():
    class Half(nn.Module):
        def forward(self, x, *args, **kwargs):
            return x / 2

    model = nn.Transformer(4, 2, custom_encoder=Half(), custom_decoder=Half())
    x = fg.ones(3, 2, 4)
    assert fg.equal(model(x, x), x / 2)


def test_layers_of_a_stack_do_not_share_weights():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    assert len({p.data_ptr() for p in model.parameters()}) == 24


def test_the_same_bits_for_any_number_of_threads():
    model = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True, dropout=0.0)
    x = fg.randn(9, 37, 48, requires_grad=True)

    def compute():
        out = model(x, is_causal=True, src_mask=fg.ones(37, 37).triu(1).bool())
        return [out, *fg.autograd.grad((out * out).sum(), [x, *model.parameters()])]

    same_for_any_number_of_threads(compute)


# scaled_dot_product_attention


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, "bool", "float"])
@pytest.mark.parametrize("groups", [1, 2])
def test_scaled_dot_product_attention_agrees_with_torch(torch, causal, mask, groups):
    if causal and mask:
        return

    def run(lib):
        q = drawn(lib, 1, N, 4, L, 3)
        k, v = drawn(lib, 2, N, 4 // groups, S, 3), drawn(lib, 3, N, 4 // groups, S, 2)
        given = {"bool": bools, "float": floats}[mask](lib, 4, N, 1, L, S) if mask else None
        if mask == "bool":
            given = ~given
        out = lib.nn.functional.scaled_dot_product_attention(
            q, k, v, given, is_causal=causal, scale=0.7, enable_gqa=groups > 1
        )
        return [out], [q, k, v]

    agree(torch, run)


# Errors

X = (4, 3, 6)
CALLS = {
    "embedding": lambda lib, m: m(lib.zeros(4, 3, 5), lib.zeros(X), lib.zeros(X)),
    "dims": lambda lib, m: m(lib.zeros(X), lib.zeros(4, 6), lib.zeros(X)),
    "query": lambda lib, m: m(lib.zeros(6), lib.zeros(X), lib.zeros(X)),
    "key and value": lambda lib, m: m(lib.zeros(X), lib.zeros(X), lib.zeros(5, 3, 6)),
    "mask": lambda lib, m: m(*[lib.zeros(X)] * 3, attn_mask=lib.zeros(4, 5)),
    "mask of heads": lambda lib, m: m(*[lib.zeros(X)] * 3, attn_mask=lib.zeros(5, 4, 4)),
    "mask's dims": lambda lib, m: m(*[lib.zeros(X)] * 3, attn_mask=lib.zeros(4)),
    "mask's dtype": lambda lib, m: m(
        *[lib.zeros(X)] * 3, attn_mask=lib.zeros(4, 4, dtype=lib.int64)
    ),
    "padding": lambda lib, m: m(*[lib.zeros(X)] * 3, key_padding_mask=lib.zeros(3, 5)),
    "padding's batch": lambda lib, m: m(*[lib.zeros(X)] * 3, key_padding_mask=lib.zeros(2, 4)),
    "padding's dims": lambda lib, m: m(*[lib.zeros(X)] * 3, key_padding_mask=lib.zeros(4)),
    "causal": lambda lib, m: m(*[lib.zeros(X)] * 3, is_causal=True),
    "batch": lambda lib, m: m(lib.zeros(X), lib.zeros(4, 2, 6), lib.zeros(4, 2, 6)),
    "kdim": lambda lib, m: lib.nn.MultiheadAttention(6, 2, kdim=3)(*[lib.zeros(X)] * 3),
}


@pytest.mark.parametrize("case", CALLS)
def test_bad_input_is_refused_as_by_torch(torch, case):
    kinds = []
    for lib in (fg, torch):
        with pytest.raises((AssertionError, RuntimeError)) as caught:
            CALLS[case](lib, lib.nn.MultiheadAttention(6, 2))
        kinds.append(type(caught.value))
    assert kinds[0] is kinds[1]


@pytest.mark.parametrize("options", [{}, {"dropout_p": 0.5}])
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3, 4), (2, 5, 4), (3, 3)), r"attn_mask to .*\(\.\.\., 3, 5\).*got \[3, 3\]"),
        (((2, 3, 4), (2, 5, 4), (5, 3, 5)), r"attn_mask to broadcast.*got \[5, 3, 5\]"),
        (((2, 3, 4), (3, 5, 4), None), r"before the last 2 to be equal or 1, got \[2, 3, 4\]"),
        (((1, 4, 3, 4), (1, 2, 5, 4), None), "enable_gqa=True repeats the heads of key"),
    ],
    ids=["mask", "mask's batch", "batch", "heads"],
)
def test_attention_says_which_shapes_do_not_broadcast(shapes, message, options):
    query, key, mask = shapes
    allowed = None if mask is None else fg.ones(mask, dtype=fg.bool)
    with pytest.raises(RuntimeError, match=message) as caught:
        nn.functional.scaled_dot_product_attention(
            fg.zeros(query), fg.zeros(key), fg.zeros(key), allowed, **options
        )
    assert str(caught.value).startswith("scaled_dot_product_attention: expected")


def test_bad_options_are_refused_as_by_torch(torch):
    for n in (nn, torch.nn):
        with pytest.raises(ValueError, match="must be greater than 0"):
            n.MultiheadAttention(0, 2)
        with pytest.raises(AssertionError, match="divisible"):
            n.MultiheadAttention(5, 2)
        with pytest.raises(RuntimeError, match="relu/gelu"):
            n.TransformerEncoderLayer(4, 2, activation="swish")
    for lib in (fg, torch):
        model = lib.nn.Transformer(4, 2, 1, 1, 4)
        with pytest.raises(RuntimeError, match="batch number"):
            model(lib.zeros(3, 2, 4), lib.zeros(3, 1, 4))
        with pytest.raises(RuntimeError, match="feature number"):
            model(lib.zeros(3, 2, 4), lib.zeros(3, 2, 5))


def test_errors_name_the_layer():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    with pytest.raises(AssertionError, match=r"in layers\.0\.self_attn MultiheadAttention"):
        model(fg.zeros(3, 2, 5))
