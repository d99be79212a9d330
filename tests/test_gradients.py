"""Gradients of every differentiable row of the op table, in float64.

A gradient g and a random direction d: g . d must be the central difference of the function along d.
The same for the gradient itself, whose own gradient comes from ``create_graph=True``.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastgrad as fg
from rows import OPS
from strategies import Smooth, samples

pytestmark = pytest.mark.core
DIFFERENTIABLE = [op for op in OPS if op.differentiable]
every_op = pytest.mark.parametrize("op", DIFFERENTIABLE, ids=str)
STEP = 1e-5


class Function:
    """An operation and a sample as a function of the operands that want a gradient, to a number."""

    def __init__(self, op, sample, seed):
        self.op, self.sample = op, sample
        self.points = [o.values for o in sample.operands() if o.wants_gradient]
        self.rng = np.random.default_rng(seed)
        self.weights = [
            fg.tensor(self.noise(y.shape)) for y in self.outputs(self.leaves(self.points))
        ]

    def noise(self, shape):
        return np.asarray(self.rng.uniform(-1, 1, tuple(shape)))

    def directions(self):
        return [self.noise(point.shape) for point in self.points]

    def leaves(self, points):
        """Leaves with these numbers, laid out in memory as the sample says."""
        operands = [o for o in self.sample.operands() if o.wants_gradient]
        placed = [type(o)(p, o.layout).tensor(fg) for o, p in zip(operands, points, strict=True)]
        return [x.detach().requires_grad_() for x in placed]

    def outputs(self, leaves):
        rest = iter(leaves)
        results = self.op(
            fg, self.sample, lambda o: next(rest) if o.wants_gradient else o.tensor(fg)
        )
        return [y for y in results if y.dtype.is_floating_point]

    def value(self, leaves):
        """The outputs added up with fixed random weights."""
        products = [y * w for y, w in zip(self.outputs(leaves), self.weights, strict=True)]
        return sum((p.sum() for p in products), fg.zeros((), dtype=fg.float64))

    def gradients(self, leaves, create_graph=False):
        value = self.value(leaves)
        return fg.autograd.grad(value, leaves, create_graph=create_graph, materialize_grads=True)

    def slope(self, points, directions):
        """The derivative along the directions, by the gradient."""
        return along(self.gradients(self.leaves(points)), directions).item()

    def moved(self, points, directions, step):
        return [np.asarray(p + step * d) for p, d in zip(points, directions, strict=True)]

    def difference(self, function, directions):
        """The central difference of a function of the points."""
        ahead, behind = (function(self.moved(self.points, directions, s)) for s in (STEP, -STEP))
        return (ahead - behind) / (2 * STEP)


def along(gradients, directions):
    return sum(
        ((g * fg.tensor(d)).sum() for g, d in zip(gradients, directions, strict=True)),
        fg.zeros((), dtype=fg.float64),
    )


def drawn_function(op, data):
    sample = data.draw(samples(op.make, "float64", Smooth))
    assume(op.is_smooth(sample))
    function = Function(op, sample, data.draw(st.integers(0, 99)))
    assume(function.points)
    value = function.value(function.leaves(function.points))
    assume(value.requires_grad and value.isfinite().item())
    return function


@every_op
@settings(max_examples=15)
@given(data=st.data())
def test_gradient_is_the_central_difference(op, data):
    function = drawn_function(op, data)
    directions = function.directions()
    expected = function.difference(
        lambda points: function.value(function.leaves(points)).item(), directions
    )
    assert function.slope(function.points, directions) == pytest.approx(
        expected, rel=2e-6, abs=2e-8
    )


@every_op
@settings(max_examples=8)
@given(data=st.data())
def test_gradient_of_the_gradient_is_its_central_difference(op, data):
    function = drawn_function(op, data)
    first, second = function.directions(), function.directions()
    leaves = function.leaves(function.points)
    slope = along(function.gradients(leaves, create_graph=True), first)
    if slope.requires_grad:
        found = along(fg.autograd.grad(slope, leaves, materialize_grads=True), second).item()
    else:
        found = 0.0
    expected = function.difference(lambda points: function.slope(points, first), second)
    assert found == pytest.approx(expected, rel=2e-6, abs=2e-7)


@every_op
@settings(max_examples=8)
@given(data=st.data())
def test_gradient_has_the_shape_and_dtype_of_its_input(op, data):
    sample = data.draw(samples(op.make, "float32"))
    leaves = []

    def leaf(operand):
        x = operand.tensor(fg).detach()
        if operand.wants_gradient:
            leaves.append(x.requires_grad_())
        return x

    outputs = [y for y in op(fg, sample, leaf) if y.requires_grad]
    assume(outputs and leaves)
    fg.autograd.backward(outputs, [fg.ones_like(y) for y in outputs])
    for x in leaves:
        assert x.grad.shape == x.shape
        assert x.grad.dtype == x.dtype
