"""Softmax, losses of labels, norms and recurrent layers on CUDA: sizes that take another kernel or
several blocks each, alignments, special numbers and faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastgrad as torch
from cuda_common import compare, needs_cuda, random
from fastgrad.nn import functional

pytestmark = needs_cuda


# Rows of a part of a warp, a warp, a block; whole and with a rest; in registers, in shared memory.
LENGTHS = [1, 7, 32, 33, 128, 500, 1023, 1024, 1025, 5000, 20001, 70000]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_rows_of_any_length(name: str, n: int) -> None:
    rows = 3 if n > 1000 else 13
    x = random(rows, n, scale=3).requires_grad_()
    # A gradient holds the sum of a whole row.
    compare(lambda x: getattr(torch, name)(x, -1), x, rtol=1e-4, atol=1e-7 * n + 1e-5)


@pytest.mark.parametrize("n", [16384, 100001])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_one_row_that_blocks_share(name: str, n: int) -> None:
    x = random(n, scale=3).requires_grad_()
    compare(lambda x: getattr(torch, name)(x, 0), x, rtol=1e-4, atol=1e-7 * n)


@pytest.mark.parametrize("n", [5, 300, 9000])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_doubles(name: str, n: int) -> None:
    x = random(3, n, dtype=torch.float64).requires_grad_()
    compare(lambda x: getattr(torch, name)(x, 1), x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 300, 9), (1, 4, 200), (2, 3, 4, 5), (66000, 2)])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_columns(name: str, shape: tuple[int, ...], dim: int) -> None:
    compare(lambda x: getattr(torch, name)(x, dim), random(*shape).requires_grad_())


@pytest.mark.parametrize("offset", [1, 2, 3])
@pytest.mark.parametrize("n", [40, 400, 3000])
def test_softmax_of_memory_that_is_not_aligned(n: int, offset: int) -> None:
    x = random(4 * n + offset)
    compare(lambda x: torch.softmax(x[offset:].view(4, n), 1), x)


@pytest.mark.parametrize("n", [5, 200, 3000])
@pytest.mark.parametrize("dim", [0, 1])
def test_softmax_of_special_numbers(n: int, dim: int) -> None:
    x = random(7, n)
    x[0, 2], x[1, 1], x[2, 3] = float("nan"), float("inf"), -float("inf")
    x[3] = -float("inf")
    x[4, :4] = -float("inf")
    x[5] = 1e30
    x = x if dim == 1 else x.t()
    compare(lambda x: (torch.softmax(x, dim), torch.log_softmax(x, dim)), x)


def test_softmax_of_nothing_and_of_one_number() -> None:
    compare(lambda x: torch.softmax(x, 1), torch.zeros(0, 5))
    compare(lambda x: torch.softmax(x, 1), torch.zeros(5, 0))
    compare(lambda x: torch.log_softmax(x, 0), torch.tensor(3.0))


# ---------------------------------------------------------------------------------------- losses


def labels(rows: int, classes: int, ignored: bool = True) -> Any:
    numbers = np.random.default_rng(1).integers(0, classes, rows)
    if ignored:
        numbers[::3] = -100
    return torch.tensor(numbers)


@pytest.mark.parametrize("shape", [(5, 3), (70, 100), (9, 1000), (3, 1025), (2, 20001), (9000, 4)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(shape: tuple[int, int], reduction: str) -> None:
    x = random(*shape).requires_grad_()
    compare(
        lambda x, t: functional.cross_entropy(x, t, reduction=reduction),
        x,
        labels(*shape),
        rtol=1e-4,
    )


@pytest.mark.parametrize("shape", [(20, 7), (4, 2000)])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_with_options(
    shape: tuple[int, int], smoothing: float, weighted: bool
) -> None:
    weight = torch.arange(1, shape[1] + 1).float() if weighted else None
    x = random(*shape, dtype=torch.float64).requires_grad_()
    compare(
        lambda x, t, w: functional.cross_entropy(x, t, w, label_smoothing=smoothing),
        x,
        labels(*shape),
        None if weight is None else weight.double(),
        rtol=1e-10,
    )


def test_cross_entropy_of_special_numbers() -> None:
    x = random(5, 2000)
    x[0, 7], x[1, 7], x[2, 7] = float("nan"), float("inf"), -float("inf")
    x[3] = -float("inf")
    target = torch.tensor([0, 1, 7, 3, 4])
    compare(lambda x, t: functional.cross_entropy(x, t, reduction="none"), x, target)
    ignored = torch.full((5,), -100)
    compare(lambda x, t: functional.cross_entropy(x, t), x.requires_grad_(), ignored)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_loss(reduction: str, weighted: bool) -> None:
    x = random(6, 5000).t().requires_grad_()
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.5, 0.0]) if weighted else None
    compare(
        lambda x, t, w: functional.nll_loss(x, t, w, reduction=reduction),
        x,
        labels(5000, 6),
        weight,
        rtol=1e-4,
    )


@pytest.mark.parametrize("bad", [-1, 4, 10**12])
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_labels_out_of_range_are_reported(name: str, bad: int) -> None:
    x, target = random(3, 4).cuda(), torch.tensor([0, bad, 1]).cuda()
    with pytest.raises(IndexError, match=f"Target {bad} is out of bounds"):
        getattr(functional, name)(x, target).cpu()
    getattr(functional, name)(x, target.new_zeros(3)).cpu()  # once


# ----------------------------------------------------------------------------------------- norms


@pytest.mark.parametrize("n", [1, 10, 33, 128, 770, 1030, 5000, 40000])
@pytest.mark.parametrize("affine", [False, True])
def test_layer_norm_and_rms_norm(n: int, affine: bool) -> None:
    rows = 3 if n > 1000 else 300
    x = random(rows, n).requires_grad_()
    w, b = random(n, seed=2).requires_grad_(), random(n, seed=3).requires_grad_()
    if affine:
        compare(lambda x, w, b: functional.layer_norm(x, (n,), w, b), x, w, b, rtol=1e-3, atol=1e-4)
        compare(lambda x, w: functional.rms_norm(x, (n,), w), x, w, rtol=1e-3, atol=1e-4)
    elif n > 1:
        compare(lambda x: functional.layer_norm(x, (n,)), x, rtol=1e-3, atol=1e-4)


def test_layer_norm_far_from_zero() -> None:
    x = random(5, 3000) + 10000
    compare(lambda x: functional.layer_norm(x, (3000,)), x, rtol=1e-3, atol=1e-3)


SHAPES = [(4, 6), (40, 3, 5), (3, 4, 17), (2, 6, 7, 9), (5, 2, 20000), (300, 1, 1), (2, 40, 4, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape: tuple[int, ...], training: bool) -> None:
    channels = shape[1]
    x = random(*shape).requires_grad_()
    w, b = random(channels, seed=2).requires_grad_(), random(channels, seed=3).requires_grad_()
    means, variances = random(channels, seed=4), random(channels, seed=5).square() + 0.5

    def normalized(x: Any, w: Any, b: Any, means: Any, variances: Any) -> tuple[Any, ...]:
        means, variances = means.clone(), variances.clone()
        out = functional.batch_norm(x, means, variances, w, b, training, momentum=0.3)
        return out, means, variances

    compare(normalized, x, w, b, means, variances, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_without_parameters_and_far_from_zero(shape: tuple[int, ...]) -> None:
    x = random(*shape, dtype=torch.float64) * 3 + 1000
    compare(lambda x: functional.batch_norm(x, None, None, training=True), x, rtol=1e-8)
    compare(
        lambda x: functional.batch_norm(x, None, None, training=True),
        x.float(),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 6, 5), 2), ((2, 4), 2), ((2, 8, 9, 7), 8), ((1, 4, 30000), 1)]
)
@pytest.mark.parametrize("affine", [False, True])
def test_group_norm(shape: tuple[int, ...], groups: int, affine: bool) -> None:
    x = random(*shape).requires_grad_()
    w, b = random(shape[1], seed=2).requires_grad_(), random(shape[1], seed=3).requires_grad_()
    if affine:
        compare(
            lambda x, w, b: functional.group_norm(x, groups, w, b), x, w, b, rtol=1e-3, atol=1e-3
        )
    else:
        compare(lambda x: functional.group_norm(x, groups), x, rtol=1e-3, atol=1e-3)


# ------------------------------------------------------------------------------------- recurrent


@pytest.mark.parametrize("mode", ["RNN", "RNN_RELU", "GRU", "LSTM", "LSTM_PROJECTED"])
@pytest.mark.parametrize("packed", [False, True])
def test_recurrent_layers(mode: str, packed: bool) -> None:
    name = mode.split("_")[0]
    more = {"RNN_RELU": {"nonlinearity": "relu"}, "LSTM_PROJECTED": {"proj_size": 3}}.get(mode, {})
    torch.manual_seed(0)
    layer = getattr(torch.nn, name)(4, 5, 2, bidirectional=True, **more)
    weights = [p.detach().requires_grad_() for p in layer.parameters()]
    x = random(6, 3, 4).requires_grad_()

    def run(x: Any, *weights: Any) -> tuple[Any, ...]:
        own = getattr(torch.nn, name)(4, 5, 2, bidirectional=True, **more).to(x.device)
        given = x
        if packed:
            given = torch.nn.utils.rnn.pack_padded_sequence(x, [4, 6, 2], enforce_sorted=False)
        names = [n for n, _ in own.named_parameters()]
        given_weights = dict(zip(names, weights, strict=True))
        out, last = torch.func.functional_call(own, given_weights, (given,))
        if packed:
            out = torch.nn.utils.rnn.pad_packed_sequence(out)[0]
        return (out, *(last if isinstance(last, tuple) else (last,)))

    compare(run, x, *weights, rtol=1e-4)


def test_batch_sizes_of_the_device_are_refused() -> None:
    packed = torch.nn.utils.rnn.pack_sequence([random(3, 4).cuda(), random(2, 4).cuda()])
    moved = packed._replace(batch_sizes=packed.batch_sizes.cuda())
    layer = torch.nn.GRU(4, 5).cuda()
    with pytest.raises(RuntimeError, match="expected a tensor on the CPU"):
        layer(moved)
