"""Every row of the op table on a CUDA device: the values and gradients of the CPU."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastgrad as fg
from cuda_common import assert_same, needs_cuda, on_cuda
from rows import OPS
from strategies import HALVES, Large, Smooth, samples
from test_gradients import DIFFERENTIABLE, Function

pytestmark = [needs_cuda, pytest.mark.cuda]


@pytest.mark.parametrize("op", OPS, ids=str)
@settings(max_examples=3)
@given(data=st.data())
def test_values_are_those_of_the_cpu(op, data):
    sample = data.draw(samples(op.make, data.draw(st.sampled_from(op.dtypes))))
    for found, expected in zip(on_cuda(op, fg, sample), op(fg, sample), strict=True):
        assert_same(found, expected, op.scale)


@pytest.mark.parametrize("op", [op for op in OPS if "float32" in op.dtypes and op.halves], ids=str)
@settings(max_examples=1)
@given(data=st.data())
def test_values_of_16_bit_floats_are_those_of_the_cpu(op, data):
    sample = data.draw(samples(op.make, data.draw(st.sampled_from(HALVES))))
    for found, expected in zip(on_cuda(op, fg, sample), op(fg, sample), strict=True):
        assert_same(found, expected, op.scale)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_large_values_are_those_of_the_cpu(op):
    """Several blocks and their remainders; the error of a long sum is measured by its largest."""
    sample = op.make(Large(3, op.dtypes[0]))
    for found, expected in zip(on_cuda(op, fg, sample), op(fg, sample), strict=True):
        size = float(expected.double().abs().nan_to_num(0, 0, 0).max()) if expected.numel() else 1.0
        assert_same(found, expected, op.scale * max(1.0, size) * 20)


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=str)
@settings(max_examples=2)
@given(data=st.data())
def test_gradients_are_those_of_the_cpu(op, data):
    sample = data.draw(samples(op.make, "float64", Smooth))
    assume(op.is_smooth(sample))
    seed = data.draw(st.integers(0, 1000))
    assert_gradients_agree(op, sample, seed)


def gradients(op, sample, seed):
    function = Function(op, sample, seed)
    leaves = function.leaves(function.points)
    if not function.value(leaves).requires_grad:  # a matrix to the power of 0
        return []
    first = function.gradients(leaves, create_graph=True)
    rng = np.random.default_rng(seed)
    total = sum((g * fg.tensor(rng.uniform(-1, 1, tuple(g.shape)))).sum() for g in first)
    if not total.requires_grad:
        return first
    return [*first, *fg.autograd.grad(total, leaves, materialize_grads=True)]


def assert_gradients_agree(op, sample, seed):
    """The gradients, and theirs."""
    ours, expected = on_cuda(gradients, op, sample, seed), gradients(op, sample, seed)
    for found, wanted in zip(ours, expected, strict=True):
        assert_same(found, wanted, 100 * op.scale)


def test_what_has_no_kernel_says_so():
    log_probs = on_cuda(fg.zeros, 4, 1, 3)
    targets, lengths = on_cuda(fg.tensor, [[1]]), on_cuda(fg.tensor, [4])
    with pytest.raises(NotImplementedError, match=r"^ctc_loss has no CUDA kernel; "):
        fg.nn.functional.ctc_loss(log_probs, targets, lengths, on_cuda(fg.tensor, [1]))
