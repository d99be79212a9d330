"""embedding_bag against PyTorch's, with offsets and weights, and what it refuses."""

import numpy as np
import pytest

import fastgrad as fg

OFFSETS = [[0, 2, 2, 5], [0], [0, 7]]
OPTIONS = [{}, {"padding_idx": 2}, {"include_last_offset": True}]


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("offsets", OFFSETS, ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 2}, {"include_last_offset": True}], ids=str
)
def test_bags_are_those_of_torch(torch, mode, offsets, options):
    if "include_last_offset" in options:
        offsets = [*offsets[:2], 7] if len(offsets) > 2 else [0, 7]
    results = []
    for lib in (fg, torch):
        table = lib.linspace(-2, 3, 12).reshape(4, 3).requires_grad_()
        rows = lib.tensor([1, 2, 0, 3, 3, 2, 1])
        bag = lib.nn.functional.embedding_bag
        out = bag(rows, table, lib.tensor(offsets, dtype=lib.int64), mode=mode, **options)
        (out * out).sum().backward()
        results.append((out.detach().numpy(), table.grad.numpy()))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_weighted_bags(torch):
    results = []
    for lib in (fg, torch):
        table = lib.linspace(-2, 3, 12).reshape(4, 3).requires_grad_()
        weights = lib.linspace(0, 1, 4).reshape(2, 2).requires_grad_()
        rows = lib.tensor([[1, 2], [3, 3]])
        bag = lib.nn.functional.embedding_bag
        out = bag(rows, table, mode="sum", per_sample_weights=weights)
        (out * out).sum().backward()
        results.append([x.numpy() for x in (out.detach(), table.grad, weights.grad)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


ROWS = [1, 2, 0]
REFUSED = [
    (ROWS, {}, ValueError, "offsets"),
    (ROWS, {"offsets": [1, 2]}, RuntimeError, r"has to be 0.*got \[1, 2\]$"),
    (ROWS, {"offsets": [0, 2, 1]}, RuntimeError, "rise"),
    (ROWS, {"offsets": [0, 9]}, RuntimeError, "at most 3"),
    (ROWS, {"offsets": [[0]]}, ValueError, "1D"),
    (ROWS, {"offsets": [0], "mode": "middle"}, ValueError, "sum, mean or max"),
    ([ROWS], {"offsets": [0]}, ValueError, "2D"),
    ([[ROWS]], {}, ValueError, "1D or 2D"),
    ([[7]], {}, IndexError, "index 7"),
]


@pytest.mark.parametrize(("rows", "options", "error", "words"), REFUSED)
def test_what_does_not_fit_is_refused(rows, options, error, words):
    if "offsets" in options:
        options = options | {"offsets": fg.tensor(options["offsets"])}
    with pytest.raises(error, match=words):
        fg.nn.functional.embedding_bag(fg.tensor(rows), fg.ones(4, 3), **options)


def test_weights_want_mode_sum_and_the_shape_of_the_indices():
    rows, table = fg.tensor([[1, 2]]), fg.ones(4, 3)
    with pytest.raises(NotImplementedError, match="mode='sum'"):
        fg.nn.functional.embedding_bag(rows, table, per_sample_weights=fg.ones(1, 2))
    with pytest.raises(ValueError, match="same shape"):
        fg.nn.functional.embedding_bag(rows, table, mode="sum", per_sample_weights=fg.ones(2))


def test_no_bags_at_all():
    """PyTorch's gradient of this crashes the interpreter."""
    table = fg.ones(4, 3, requires_grad=True)
    out = fg.nn.functional.embedding_bag(fg.tensor([1, 2]), table, fg.tensor([]).long())
    assert out.shape == (0, 3)
    out.sum().backward()
    assert table.grad.abs().sum().item() == 0.0
