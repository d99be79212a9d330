"""The CTC loss against PyTorch, its own formula, and bad input."""

from functools import partial

import numpy as np
import pytest

import fastgrad as fg
from parity import outcome
from test_determinism import same_for_any_number_of_threads

CASES = {
    "padded": (7, [[1, 2, 2], [3, 3, 0], [4, 0, 0]], [7, 6, 5], [3, 2, 1]),
    "concatenated": (7, [1, 2, 2, 3, 3, 4], [7, 6, 5], [3, 2, 1]),
    "no target": (4, [[1, 2], [1, 1]], [4, 3], [0, 1]),
    "too long": (3, [[1, 1, 2], [1, 2, 3]], [3, 3], [3, 3]),
    "no input": (3, [[1, 1], [1, 2]], [0, 3], [1, 2]),
    "neither": (3, [[1, 1], [1, 2]], [0, 3], [0, 2]),
    "long": (60, [[1, 2, 3, 4] * 5, [4, 4, 2, 2] * 5], [60, 50], [20, 18]),
}


def run(lib, case, dtype, kinds=("int64", "int64"), lengths_as=None, **options):
    """Loss and gradient; targets and lengths are tensors of these dtypes, or lengths something."""
    steps, targets, inputs, lengths = CASES[case]
    shape = (steps, len(lengths), 5)
    numbers = np.random.default_rng(0).standard_normal(shape)
    logits = lib.tensor(numbers.tolist(), dtype=getattr(lib, dtype), requires_grad=True)
    given = [
        lengths_as(values) if lengths_as else lib.tensor(values, dtype=getattr(lib, kinds[1]))
        for values in (inputs, lengths)
    ]
    loss = lib.nn.CTCLoss(**options)(
        logits.log_softmax(2), lib.tensor(targets, dtype=getattr(lib, kinds[0])), *given
    )
    weights = lib.linspace(1, 2, max(loss.numel(), 1), dtype=loss.dtype).view(loss.shape)
    (gradient,) = lib.autograd.grad((loss * weights).sum(), logits)
    return [x.detach().numpy() for x in (loss, gradient)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_agrees_with_torch(torch, case, dtype, reduction, zero_infinity):
    options = {"reduction": reduction, "zero_infinity": zero_infinity}
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    for mine, expected in zip(
        run(fg, case, dtype, **options), run(torch, case, dtype, **options), strict=True
    ):
        np.testing.assert_allclose(mine, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", ["padded", "concatenated"])
@pytest.mark.parametrize("targets", ["int64", "int32", "uint8", "float32", "float64"])
@pytest.mark.parametrize("lengths", ["int64", "int32", "uint8", list, tuple])
def test_targets_and_lengths_of_every_kind(torch, case, targets, lengths):
    """Lengths may be tensors of integers, lists or tuples; targets may even be floats."""
    kinds = (targets, lengths if isinstance(lengths, str) else "int64")
    lengths_as = None if isinstance(lengths, str) else lengths
    for mine, expected in zip(
        *(run(lib, case, "float64", kinds, lengths_as) for lib in (fg, torch)), strict=True
    ):
        np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-10)


def test_columns_of_lengths_are_taken_as_they_come(torch):
    def column(lib, values):
        return lib.tensor(values).unsqueeze(1)

    for mine, expected in zip(
        *(run(lib, "padded", "float64", lengths_as=partial(column, lib)) for lib in (fg, torch)),
        strict=True,
    ):
        np.testing.assert_allclose(mine, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("blank", [1, 4])
def test_another_blank(torch, blank):
    found = []
    for lib in (fg, torch):
        x = lib.linspace(-1, 1, 60, dtype=lib.float64).sin().view(6, 2, 5).requires_grad_()
        targets = lib.tensor([[0, 2, 2], [3, 0, 9]])  # what lies behind a target is not read
        loss = lib.nn.CTCLoss(blank)(x.log_softmax(2), targets, (6, 5), (3, 2))
        loss.backward()
        found.append([loss.item(), x.grad.numpy()])
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-10)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-10)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("targets", [[1, 3], [[1, 3]], [[1, 3, 2]]])
@pytest.mark.parametrize("number", [False, True])
def test_one_sample_without_a_batch(torch, reduction, targets, number):
    found = []
    for lib in (fg, torch):
        x = lib.linspace(-1, 1, 20).view(5, 4).requires_grad_()
        lengths = [lib.tensor(n if number else [n]) for n in (5, 2)]
        loss = lib.nn.CTCLoss(reduction=reduction)(x.log_softmax(1), lib.tensor(targets), *lengths)
        loss.backward()
        found.append((tuple(loss.shape), loss.item(), x.grad.numpy()))
    assert found[0][:2] == (found[1][0], pytest.approx(found[1][1], rel=1e-5))
    np.testing.assert_allclose(found[0][2], found[1][2], atol=1e-5)


def test_a_blank_in_a_target_has_the_gradient_of_its_loss():
    """PyTorch's is another, where a target names the blank although it should not."""
    logits = fg.randn(5, 2, 4, dtype=fg.float64, requires_grad=True)
    targets, lengths = fg.tensor([[1, 0], [2, 3]]), fg.tensor([2, 2])

    def loss(logits):
        return fg.nn.functional.ctc_loss(logits.log_softmax(2), targets, fg.tensor([5, 5]), lengths)

    assert fg.autograd.gradcheck(loss, (logits,))


def test_first_and_second_gradients():
    logits = fg.randn(5, 3, 4, dtype=fg.float64, requires_grad=True)
    targets, lengths = fg.tensor([1, 1, 2, 3]), fg.tensor([2, 2, 0])

    def loss(logits):
        return fg.nn.functional.ctc_loss(
            logits.log_softmax(2), targets, fg.tensor([5, 4, 5]), lengths, reduction="none"
        )

    assert fg.autograd.gradcheck(loss, (logits,))
    assert fg.autograd.gradgradcheck(loss, (logits,))


def test_the_same_bits_for_any_number_of_threads():
    x = fg.randn(40, 17, 30, requires_grad=True)
    targets = fg.randint(1, 30, (17, 12))
    inputs, lengths = fg.randint(30, 41, (17,)), fg.randint(1, 13, (17,))

    def compute():
        loss = fg.nn.functional.ctc_loss(x.log_softmax(2), targets, inputs, lengths)
        return [loss, *fg.autograd.grad(loss, x)]

    same_for_any_number_of_threads(compute)


X = (6, 2, 4)
BAD = [
    ((6,), [[1], [2]], [6, 6], [1, 1], 0),
    (X, [[1], [2]], [7, 6], [1, 1], 0),
    (X, [[1], [2]], [6], [1, 1], 0),
    (X, [[1], [2]], [6, 6], [1], 0),
    (X, [[1], [2]], [6, 6], [2, 1], 0),
    (X, [[1], [2]], [6, 6], [-1, 1], 0),
    (X, [[1], [2]], [6, 6], [1, 1], 4),
    (X, [[1], [2]], [6, 6], [1, 1], -1),
    (X, [1, 2, 3], [6, 6], [1, 1], 0),
    (X, [[1], [2]], [6.0, 6.0], [1, 1], 0),
    (X, [[1], [2]], [-1, 6], [1, 1], 0),
    (X, [1], [6, 6], [1, 1], 0),
    (X, [[1, 2]], [6, 6], [1, 1], 0),
    (X, [[[1], [2]]], [6, 6], [1, 1], 0),
    ((6, 4), [1, 2], [6], [1], 0),
    ((6, 4), [1], [7], [1], 0),
    ((0, 2, 4), [[1], [2]], [0, 0], [1, 1], 0),
    ((0, 4), [1], [0], [1], 0),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input_is_refused_as_by_torch(torch, case):
    shape, targets, inputs, lengths, blank = BAD[case]

    def call(lib):
        x = lib.zeros(shape).log_softmax(-1)
        given = [lib.tensor(values) for values in (targets, inputs, lengths)]
        return lib.nn.functional.ctc_loss(x, *given, blank)

    expected = outcome(call, torch)
    assert isinstance(expected, type)
    assert outcome(call, fg) is expected


def test_labels_out_of_range_are_refused():
    """PyTorch reads behind the tensor."""
    x = fg.zeros(6, 2, 4).log_softmax(-1)
    for label in (4, -1):
        with pytest.raises(RuntimeError, match=f"target {label} of sample 1 is out of range"):
            fg.nn.functional.ctc_loss(x, fg.tensor([[1], [label]]), (6, 6), (1, 1))
