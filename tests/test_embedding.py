"""Embedding, distances, padding, interpolation, attention: what their rows cannot say."""

import numpy as np
import pytest

import fastgrad as fg
from parity import assert_same

F = fg.nn.functional
pytestmark = pytest.mark.core
X = fg.zeros(2, 3)
IMAGE = fg.zeros(1, 2, 3, 4)


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
@pytest.mark.parametrize("by_frequency", [False, True])
def test_gradient_of_a_table(torch, padding_idx, by_frequency):
    index, values = np.array([[0, 2], [2, 2]]), np.arange(12.0).reshape(4, 3)
    gradients = []
    for t in (fg, torch):
        table = t.tensor(values, requires_grad=True)
        rows = t.nn.functional.embedding(
            t.tensor(index), table, padding_idx, scale_grad_by_freq=by_frequency
        )
        (rows * rows).sum().backward()
        gradients.append(table.grad)
    assert_same(*gradients, exact=False)


@pytest.mark.parametrize("norm_type", [2.0, 1.0])
def test_rows_that_are_too_long_are_shortened_in_the_table(torch, norm_type):
    values = np.arange(12.0).reshape(4, 3)
    tables = [t.tensor(values, requires_grad=True) for t in (fg, torch)]
    for t, table in zip((fg, torch), tables, strict=True):
        index = t.tensor([1, 3, 1, 0])
        t.nn.functional.embedding(index, table, max_norm=2.0, norm_type=norm_type).sum().backward()
    assert_same(*tables, exact=False)
    assert_same(*(table.grad for table in tables))


def test_embedding_with_the_table_first():
    table, index = fg.arange(6.0).view(3, 2), fg.tensor([2, 0])
    assert fg.embedding(table, index).tolist() == F.embedding(index, table).tolist()


ERRORS = {
    "embedding: index": (
        IndexError,
        r"index 4 \(at position 1.*4 rows",
        lambda: F.embedding(fg.tensor([0, 4]), fg.zeros(4, 2)),
    ),
    "embedding: negative": (
        IndexError,
        r"index -1",
        lambda: F.embedding(fg.tensor([-1]), fg.zeros(4, 2)),
    ),
    "embedding: floats": (RuntimeError, "float32", lambda: F.embedding(X, fg.zeros(4, 2))),
    "embedding: table": (RuntimeError, r"2-D.*\[4\]", lambda: F.embedding(X.long(), fg.zeros(4))),
    "embedding: padding": (
        AssertionError,
        "9",
        lambda: F.embedding(X.long(), fg.zeros(4, 2), padding_idx=9),
    ),
    "bilinear": (RuntimeError, r"\[4, 2, 3\]", lambda: F.bilinear(X, X, fg.zeros(4, 2, 3))),
    "cosine_similarity: integers": (
        RuntimeError,
        "int64",
        lambda: F.cosine_similarity(X.long(), X.long()),
    ),
    "pdist: dimensions": (RuntimeError, "1D", lambda: F.pdist(X[0])),
    "pdist: p": (RuntimeError, "-1", lambda: F.pdist(X, -1)),
    "pad: odd": (RuntimeError, "divisible by 2", lambda: F.pad(X, (1,))),
    "pad: number": (TypeError, "int", lambda: F.pad(X, 1)),
    "pad: too many": (RuntimeError, r"dimension 2", lambda: F.pad(X, (1,) * 6)),
    "pad: cut": (RuntimeError, r"\(-3, -1\)", lambda: F.pad(X, (-3, -1))),
    "pad: mode": (NotImplementedError, "mirror", lambda: F.pad(X, (1, 1), "mirror")),
    "pad: value": (RuntimeError, "reflect", lambda: F.pad(X, (1, 1), "reflect", 1.0)),
    "pad: reflect": (RuntimeError, r"\(3, 0\).*at most 2", lambda: F.pad(X, (3, 0), "reflect")),
    "pad: circular": (RuntimeError, r"at most 3", lambda: F.pad(X, (4, 0), "circular")),
    "pad: dimensions": (
        NotImplementedError,
        "4D",
        lambda: F.pad(IMAGE, (1, 1), "replicate"),
    ),
    "pixel_shuffle": (RuntimeError, "2.*4", lambda: F.pixel_shuffle(IMAGE, 2)),
    "pixel_unshuffle": (RuntimeError, "3.*divisible by 2", lambda: F.pixel_unshuffle(IMAGE, 2)),
    "channel_shuffle": (RuntimeError, "3 groups", lambda: F.channel_shuffle(IMAGE, 3)),
    "interpolate: both": (ValueError, "only one", lambda: F.interpolate(IMAGE, 3, 2)),
    "interpolate: none": (ValueError, "either", lambda: F.interpolate(IMAGE)),
    "interpolate: sizes": (ValueError, r"\[3, 4\].*\(3,\)", lambda: F.interpolate(IMAGE, (3,))),
    "interpolate: mode": (NotImplementedError, "got z", lambda: F.interpolate(IMAGE, 3, mode="z")),
    "interpolate: dimensions": (
        NotImplementedError,
        "linear mode needs 3D",
        lambda: F.interpolate(IMAGE, 3, mode="linear"),
    ),
    "interpolate: corners": (
        ValueError,
        "align_corners",
        lambda: F.interpolate(IMAGE, 3, align_corners=True),
    ),
    "interpolate: nothing": (RuntimeError, "greater than 0", lambda: F.interpolate(IMAGE, 0)),
    "interpolate: antialias": (
        NotImplementedError,
        "antialias",
        lambda: F.interpolate(IMAGE, 3, mode="bilinear", antialias=True),
    ),
    "embedding: list": (TypeError, "a tensor, got list", lambda: F.embedding([1, 0], X)),
    "attention: dimensions": (RuntimeError, "query.dim: 1", lambda: attend(X[0], X, X)),
    "attention: shapes": (RuntimeError, r"\[2, 3\].*\[4, 3\]", lambda: attend(X, X, fg.ones(4, 3))),
    "attention: dtypes": (RuntimeError, "float64", lambda: attend(X, X, X.double())),
    "attention: mask": (RuntimeError, "int64", lambda: attend(X, X, X, fg.ones(2, 2).long())),
    "attention: two masks": (
        RuntimeError,
        "is_causal",
        lambda: attend(X, X, X, fg.ones(2, 2), is_causal=True),
    ),
    "attention: dropout": (RuntimeError, "1.5", lambda: attend(X, X, X, dropout_p=1.5)),
    "attention: heads": (
        RuntimeError,
        "divide",
        lambda: attend(fg.ones(4, 2, 3), fg.ones(3, 2, 3), fg.ones(3, 2, 3), enable_gqa=True),
    ),
    "huber_loss: delta": (RuntimeError, "delta.*0", lambda: F.huber_loss(X, X, delta=0)),
    "huber_loss: weight": (ValueError, r"\[3\]", lambda: F.huber_loss(X, X, weight=X[0])),
    "smooth_l1_loss: beta": (RuntimeError, "-1", lambda: F.smooth_l1_loss(X, X, beta=-1)),
    "kl_div: integers": (RuntimeError, "int64", lambda: F.kl_div(X, X.long())),
    "cosine_embedding_loss": (
        RuntimeError,
        r"\[2, 3\]",
        lambda: F.cosine_embedding_loss(X, X, fg.ones(2, 1)),
    ),
    "margin_ranking_loss": (
        RuntimeError,
        r"target: \[2\]",
        lambda: F.margin_ranking_loss(X, X, fg.ones(2)),
    ),
    "triplet_margin_loss": (ValueError, "margin.*0", lambda: F.triplet_margin_loss(X, X, X, 0)),
    "multi_margin_loss: label": (
        IndexError,
        "row 1.*5",
        lambda: F.multi_margin_loss(X, fg.tensor([0, 5])),
    ),
    "multi_margin_loss: p": (
        ValueError,
        "3",
        lambda: F.multi_margin_loss(X, fg.tensor([0, 1]), p=3),
    ),
    "multilabel_margin_loss": (
        RuntimeError,
        "0 to 2",
        lambda: F.multilabel_margin_loss(X, fg.full((2, 3), 3)),
    ),
    "gaussian_nll_loss: negative": (
        ValueError,
        "negative",
        lambda: F.gaussian_nll_loss(X, X, -1.0),
    ),
    "gaussian_nll_loss: shape": (
        ValueError,
        r"\[4\].*\[2, 3\]",
        lambda: F.gaussian_nll_loss(X, X, fg.ones(4)),
    ),
}


def attend(*args, **options):
    return F.scaled_dot_product_attention(*args, **options)


@pytest.mark.parametrize(("error", "message", "call"), ERRORS.values(), ids=ERRORS)
def test_message(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_kl_div_warns_of_the_mean():
    with pytest.warns(UserWarning, match="batchmean"):
        assert F.kl_div(fg.zeros(2, 2), fg.ones(2, 2)).item() == 0.0


def test_learned_class_weights():
    weight = fg.tensor([1.0, 3.0], requires_grad=True)
    logits, target = fg.zeros(2, 2), fg.tensor([0, 1])
    F.cross_entropy(logits, target, weight, reduction="sum").backward()
    np.testing.assert_allclose(weight.grad.numpy(), [np.log(2), np.log(2)], rtol=1e-6)


def test_dropout_of_attention_is_that_of_torch(torch):
    results = []
    for t in (fg, torch):
        t.manual_seed(3)
        q = t.ones(1, 2, 4, 8, requires_grad=True)
        results.append(
            t.nn.functional.scaled_dot_product_attention(q, q, q, dropout_p=0.5).detach()
        )
    assert_same(*results, exact=False)


def test_a_query_without_keys_gets_zeros_and_no_gradient_is_nan():
    q = fg.ones(1, 2, 4, requires_grad=True)
    mask = fg.tensor([[True, True], [False, False]])
    y = attend(q, q, q, mask)
    y.sum().backward()
    assert y[0, 1].tolist() == [0.0] * 4
    assert q.grad.isfinite().all()


@pytest.mark.parametrize("pad", [(-1, 1), (2, -1), (-1, -1)])
@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_padding_that_cuts_on_one_side(torch, mode, pad):
    ours, theirs = (t.nn.functional.pad(t.arange(5.0).view(1, 5), pad, mode) for t in (fg, torch))
    assert_same(ours, theirs)


def test_bytes_are_interpolated_as_bytes():
    x = fg.tensor([[[[0, 255]]]], dtype=fg.uint8)
    assert F.interpolate(x, size=(1, 3), mode="bilinear").tolist() == [[[[0, 128, 255]]]]
