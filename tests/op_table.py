"""The op table: one row for each operation. From a row follow its tests in every respect.

`tests/test_ops.py` tests values, dtypes, layouts, zero sizes, instruction sets and errors of every
row, `tests/test_gradients.py` derivatives, `tests/test_determinism.py` numbers of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from warnings import catch_warnings

import numpy as np

import arguments as make
import references as ref
from strategies import (
    ALL,
    FLOATS,
    INTEGERS,
    NOT_NEGATIVE,
    NUMBERS,
    POSITIVE,
    PROBABILITY,
    REAL,
    UNIT,
    Domain,
    Sample,
)


@dataclass(frozen=True, repr=False)
class Op:
    """One operation and all that its tests need to know."""

    name: str  # its path in the library; the tests call it by this name
    reference: Callable[..., Any]  # the same on arrays; floats come as float64
    make: Callable[..., Sample]  # from a Maker to arguments
    dtypes: tuple[str, ...] = FLOATS
    differentiable: bool = True
    smooth: Callable[..., Any] = lambda *args, **options: True  # no kink near these arguments
    scale: float = 1.0  # how many times the usual rounding error is expected
    call: Callable[..., Any] | None = None  # for what has no name: called with the library first
    torch: bool = True  # PyTorch takes the same arguments
    label: str = ""

    def __repr__(self):
        return self.label or self.name

    def function(self, lib):
        """The operation in a library: fastgrad or torch."""
        if self.call is not None:
            return lambda *args, **options: self.call(lib, *args, **options)
        found = lib
        for part in self.name.split("."):
            found = getattr(found, part)
        return found

    def __call__(self, lib, sample, convert=None):
        """The results of the operation for a sample, as a list of tensors."""
        args, options = sample.mapped(convert or (lambda operand: operand.tensor(lib)))
        return results(self.function(lib)(*args, **options))

    def expected(self, sample):
        """The results by NumPy."""
        args, options = sample.mapped(lambda operand: widened(operand.values))
        with np.errstate(all="ignore"), catch_warnings(action="ignore"):
            return [np.asarray(value) for value in results(self.reference(*args, **options))]

    def is_smooth(self, sample):
        args, options = sample.mapped(lambda operand: operand.values)
        with np.errstate(all="ignore"):
            return bool(np.all(self.smooth(*args, **options)))


def results(value):
    return list(value) if isinstance(value, (tuple, list)) else [value]


def widened(array):
    return array.astype(np.float64) if array.dtype.kind == "f" else array


# Rows


def _far_from(x, points=0.0):
    return np.abs(x - points) > 1e-3


def _fraction(x):
    return _far_from(x, np.round(x)) & _far_from(x, np.round(x - 0.5) + 0.5)


def _far_apart(a, b, **options):
    return _far_from(a, b)


def _far_quotient(a, b, **options):
    return _far_from(a / b, np.round(a / b))


def _kinks_of_clamp(x, min=-9, max=9):
    return _far_from(x, min) & _far_from(x, max) & _far_from(min, max)


SMOOTH_UNARY = [
    Op("exp", np.exp, make.unary(), ALL),
    Op("exp2", np.exp2, make.unary(), ALL),
    Op("expm1", np.expm1, make.unary(), ALL),
    Op("log", np.log, make.unary(POSITIVE), ALL),
    Op("log2", np.log2, make.unary(POSITIVE), ALL),
    Op("log10", np.log10, make.unary(POSITIVE), ALL),
    Op("log1p", np.log1p, make.unary(POSITIVE), ALL),
    Op("sqrt", np.sqrt, make.unary(POSITIVE), ALL),
    Op("rsqrt", lambda x: 1 / np.sqrt(x), make.unary(POSITIVE), ALL),
    Op("reciprocal", lambda x: np.divide(1, x), make.unary(POSITIVE), ALL),
    Op("sin", np.sin, make.unary(), ALL),
    Op("cos", np.cos, make.unary(), ALL),
    Op("tan", np.tan, make.unary(UNIT), ALL),
    Op("asin", np.arcsin, make.unary(UNIT), ALL),
    Op("acos", np.arccos, make.unary(UNIT), ALL),
    Op("atan", np.arctan, make.unary(), ALL),
    Op("sinh", np.sinh, make.unary(), ALL),
    Op("cosh", np.cosh, make.unary(), ALL),
    Op("tanh", np.tanh, make.unary(), ALL),
    Op("erf", ref.erf, make.unary(), ALL),
    Op("sigmoid", ref.sigmoid, make.unary(), ALL),
    Op("square", lambda x: x * x, make.unary(), NUMBERS),
    Op("neg", np.negative, make.unary(), NUMBERS),
    Op("nn.functional.logsigmoid", ref.logsigmoid, make.unary()),
]

KINKED_UNARY = [
    Op("abs", np.abs, make.unary(), NUMBERS, smooth=_far_from),
    Op("relu", ref.relu, make.unary(), NUMBERS, smooth=_far_from),
    Op("sign", np.sign, make.unary(), NUMBERS, smooth=_far_from),
    Op("floor", np.floor, make.unary(), NUMBERS, smooth=_fraction),
    Op("ceil", np.ceil, make.unary(), NUMBERS, smooth=_fraction),
    Op("trunc", np.trunc, make.unary(), NUMBERS, smooth=_fraction),
    Op("round", np.round, make.unary(), NUMBERS, smooth=_fraction),
    Op(
        "round",
        ref.round_,
        make.nothing_but(decimals=1),
        smooth=lambda x, decimals: _fraction(10 * x),
        label="round decimals",
    ),
]

PREDICATES = [
    Op("isnan", np.isnan, make.unary(), ALL, False),
    Op("isinf", np.isinf, make.unary(), ALL, False),
    Op("isfinite", np.isfinite, make.unary(), ALL, False),
    Op("logical_not", np.logical_not, make.unary(), ALL, False),
    Op("bitwise_not", np.invert, make.unary(), (*INTEGERS, "bool"), False),
]

BINARY = [
    Op("add", ref.add, make.binary(alpha=(None, 2, 3)), NUMBERS),
    Op("add", np.add, make.binary(), ALL, label="add plain"),
    Op("sub", ref.sub, make.binary(alpha=(None, 2)), NUMBERS),
    Op("rsub", ref.rsub, make.binary(alpha=(None, 2)), NUMBERS),
    Op("mul", np.multiply, make.binary(), ALL),
    Op("div", ref.div, make.binary(REAL, POSITIVE), ALL),
    Op(
        "div",
        ref.div,
        make.binary(REAL, POSITIVE, rounding_mode=("floor", "trunc")),
        NUMBERS,
        smooth=_far_quotient,
        label="div rounded",
    ),
    Op("floor_divide", np.floor_divide, make.binary(REAL, POSITIVE), NUMBERS, smooth=_far_quotient),
    Op("remainder", np.remainder, make.binary(REAL, POSITIVE), NUMBERS, smooth=_far_quotient),
    Op("fmod", np.fmod, make.binary(REAL, POSITIVE), NUMBERS, smooth=_far_quotient),
    Op("pow", np.power, make.binary(POSITIVE, REAL), scale=4),
    Op(
        "pow",
        np.power,
        make.binary(Domain(integers=(-9, 9)), NOT_NEGATIVE),
        INTEGERS,
        label="pow whole",
    ),
    Op("atan2", np.arctan2, make.binary(Domain(marks=(1.0,)), POSITIVE)),
    Op("maximum", np.maximum, make.binary(), ALL, smooth=_far_apart),
    Op("minimum", np.minimum, make.binary(), ALL, smooth=_far_apart),
    Op("clamp", ref.clamp, make.clamped, (*FLOATS, "int64", "int32"), smooth=_kinks_of_clamp),
    Op("where", np.where, make.chosen_where, ALL),
]


def _power_by(exponent):
    domain = POSITIVE if exponent < 0 or exponent % 1 else REAL
    return Op(
        "pow",
        lambda x, e: np.power(x, float(e)),
        lambda m: Sample((m.operand(m.shape(), domain), exponent)),
        scale=4,
        label=f"pow {exponent}",
    )


POWERS = [_power_by(exponent) for exponent in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 2.0)]

COMPARISONS = [
    Op(name, function, make.binary(), ALL, False)
    for name, function in {
        "eq": np.equal,
        "ne": np.not_equal,
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
        "logical_and": np.logical_and,
        "logical_or": np.logical_or,
        "logical_xor": np.logical_xor,
        "isclose": np.isclose,
    }.items()
] + [
    Op(name, function, make.binary(), (*INTEGERS, "bool"), False)
    for name, function in {
        "bitwise_and": np.bitwise_and,
        "bitwise_or": np.bitwise_or,
        "bitwise_xor": np.bitwise_xor,
    }.items()
]

REDUCTIONS = [
    Op("sum", ref.reduction(np.sum), make.reduced(), ALL, scale=10),
    Op("mean", ref.reduction(np.mean), make.reduced(), scale=10),
    Op("prod", ref.reduction(np.prod), make.small_products, ALL, scale=10),
    Op("amax", ref.reduction(np.max), make.reduced(empty=False), ALL),
    Op("amin", ref.reduction(np.min), make.reduced(empty=False), ALL),
    Op("max", lambda x: x.max(), make.not_empty, ALL),
    Op("min", lambda x: x.min(), make.not_empty, ALL),
    Op(
        "max",
        ref.extreme(np.max, np.argmax),
        make.along(False, keepdim=(False, True)),
        ALL,
        label="max dim",
    ),
    Op(
        "min",
        ref.extreme(np.min, np.argmin),
        make.along(False, keepdim=(False, True)),
        ALL,
        label="min dim",
    ),
    Op("argmax", ref.position(np.argmax), make.reduced(REAL, False, True), NUMBERS, False),
    Op("argmin", ref.position(np.argmin), make.reduced(REAL, False, True), NUMBERS, False),
    Op("var", ref.var, make.reduced(correction=(0, 1, 2)), scale=10),
    Op(
        "std",
        ref.std,
        make.reduced(empty=False, correction=(0, 1)),
        scale=20,
        smooth=lambda x, **o: x.size > 3 and ref.var(x, **o) > 0.05,
    ),
    Op("any", ref.reduction(np.any), make.reduced(), ALL, False),
    Op("all", ref.reduction(np.all), make.reduced(), ALL, False),
    Op("cumsum", ref.cumsum, make.along(), ALL, scale=10),
    Op("Tensor.sum_to_size", ref.sum_to_size, make.summed_to, FLOATS, scale=10),
    Op("softmax", ref.softmax, make.along(), scale=4),
    Op("log_softmax", ref.log_softmax, make.along(), scale=4),
]

SHAPES = [
    Op("reshape", np.reshape, make.reshaped, ALL),
    Op("Tensor.view", np.reshape, make.viewed, ALL),
    Op("flatten", ref.flatten, make.flattened, ALL),
    Op("ravel", np.ravel, make.unary(), ALL),
    Op("unflatten", ref.unflatten, make.unflattened, ALL),
    Op("transpose", np.swapaxes, make.exchanged, ALL),
    Op("permute", np.transpose, make.permuted, ALL),
    Op("t", np.transpose, make.of_rank(0, 2), ALL),
    Op("T", np.transpose, make.of_rank(2, 2), ALL, call=lambda lib, x: x.T),
    Op("mT", lambda x: np.swapaxes(x, -1, -2), make.of_rank(2, 4), ALL, call=lambda lib, x: x.mT),
    Op("squeeze", ref.squeeze, make.squeezed, ALL),
    Op("unsqueeze", np.expand_dims, make.unsqueezed, ALL),
    Op("Tensor.expand", np.broadcast_to, make.expanded, ALL),
    Op("broadcast_tensors", np.broadcast_arrays, make.binary(), ALL),
    Op("select", lambda x, d, i: np.take(x, i, d), make.one_position, ALL),
    Op("narrow", ref.narrow, make.narrowed, ALL),
    Op("split", ref.split, make.in_pieces, ALL),
    Op("chunk", ref.chunk, make.in_chunks, ALL),
    Op("unbind", ref.unbind, make.along_existing, ALL),
    Op("flip", np.flip, make.flipped, ALL),
    Op("cat", np.concatenate, make.joined, ALL),
    Op("stack", np.stack, make.stacked, ALL),
    Op("clone", np.copy, make.unary(), ALL),
    Op("Tensor.contiguous", np.copy, make.unary(), ALL),
]

INDEXING = [
    Op("index_select", lambda x, d, i: np.take(x, i, d), make.selected, ALL),
    Op("gather", ref.gather, make.gathered, ALL),
    Op("index_put", ref.index_put, make.put, ALL),
    Op("index_put", ref.index_put, make.put_adding, NUMBERS, scale=10, label="index_put adding"),
    Op(
        "masked_fill",
        lambda x, mask, value: np.where(mask, x.dtype.type(value), x),
        make.masked,
        ALL,
    ),
    Op("nonzero", lambda x: np.argwhere(x), make.unary(), ALL, False),
    Op("where", lambda x: np.nonzero(x), make.of_rank(1, 3), ALL, False, label="where alone"),
    Op("argsort", ref.argsort, make.sorted_along, NUMBERS, False, torch=False),
    Op("bincount", ref.bincount, make.counted, INTEGERS, False),
    Op("nn.functional.one_hot", ref.one_hot, make.labels, ("int64",), False),
]

PRODUCTS = [
    *(
        Op("matmul", np.matmul, make.product(a, b), NUMBERS, scale=10, label=f"matmul {a}D {b}D")
        for a in (1, 2, 3, 4)
        for b in (1, 2, 3, 4)
    ),
    Op("mm", np.matmul, make.product(2, 2), NUMBERS, scale=10),
    Op("bmm", np.matmul, make.batched, NUMBERS, scale=10),
    Op("mv", np.matmul, make.product(2, 1), NUMBERS, scale=10),
    Op("dot", np.dot, make.product(1, 1), NUMBERS, scale=10),
    Op("outer", np.outer, make.vectors, NUMBERS),
    Op("nn.functional.linear", ref.linear, make.layer, FLOATS, scale=10),
]

LOSSES = [
    Op("nn.functional.cross_entropy", ref.cross_entropy, make.classes, scale=10),
    Op(
        "nn.functional.cross_entropy",
        ref.cross_entropy,
        make.smoothed_classes,
        scale=10,
        label="cross_entropy smoothed",
    ),
    Op(
        "nn.functional.cross_entropy",
        ref.cross_entropy,
        make.class_probabilities,
        scale=10,
        label="cross_entropy of probabilities",
    ),
    Op("nn.functional.nll_loss", ref.nll_loss, make.classes, scale=10),
    Op(
        "nn.functional.binary_cross_entropy",
        ref.binary_cross_entropy,
        make.compared(PROBABILITY, PROBABILITY),
        scale=20,
    ),
    Op(
        "nn.functional.binary_cross_entropy_with_logits",
        ref.binary_cross_entropy_with_logits,
        make.compared(REAL, PROBABILITY, "pos_weight"),
        scale=20,
    ),
    Op("nn.functional.mse_loss", ref.mse_loss, make.compared(broadcast=False), scale=10),
    Op(
        "nn.functional.l1_loss",
        ref.l1_loss,
        make.compared(broadcast=False),
        scale=10,
        smooth=lambda x, target, **options: _far_from(x, target),
    ),
]

OPS = [
    *SMOOTH_UNARY,
    *KINKED_UNARY,
    *PREDICATES,
    *BINARY,
    *POWERS,
    *COMPARISONS,
    *REDUCTIONS,
    *SHAPES,
    *INDEXING,
    *PRODUCTS,
    *LOSSES,
]
