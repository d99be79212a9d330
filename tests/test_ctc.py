"""The CTC loss against PyTorch, its own formula, and bad input."""

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


def run(lib, case, dtype, **options):
    steps, targets, inputs, lengths = CASES[case]
    shape = (steps, len(lengths), 5)
    numbers = np.random.default_rng(0).standard_normal(shape)
    logits = lib.tensor(numbers.tolist(), dtype=getattr(lib, dtype), requires_grad=True)
    loss = lib.nn.functional.ctc_loss(
        logits.log_softmax(2),
        lib.tensor(targets),
        lib.tensor(inputs),
        lib.tensor(lengths),
        **options,
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


def test_one_sample_without_a_batch(torch):
    for reduction in ("none", "mean", "sum"):
        found = []
        for lib in (fg, torch):
            x = lib.linspace(-1, 1, 20).view(5, 4).log_softmax(1)
            loss = lib.nn.functional.ctc_loss(
                x, lib.tensor([1, 3]), lib.tensor(5), lib.tensor(2), reduction=reduction
            )
            found.append((tuple(loss.shape), loss.item()))
        assert found[0] == (found[1][0], pytest.approx(found[1][1], rel=1e-5))


def test_lengths_may_be_numbers():
    x = fg.randn(6, 2, 4).log_softmax(2)
    targets = fg.tensor([[1, 2], [3, 3]])
    a = fg.nn.functional.ctc_loss(x, targets, (6, 5), (2, 2))
    b = fg.nn.functional.ctc_loss(x, targets, fg.tensor([6, 5]), fg.tensor([2, 2]))
    assert fg.equal(a, b)


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
