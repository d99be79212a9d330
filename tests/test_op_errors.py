"""What operations say about wrong arguments: the exception's type, and what its message names."""

import pytest

import fastgrad as fg
from rows import OPS
from strategies import Large

F = fg.nn.functional
pytestmark = pytest.mark.core
X = fg.zeros(2, 3)
LABELS = fg.tensor([0, 1])

ERRORS = {
    "add: shapes": (
        RuntimeError,
        r"2.*3.*dimension 1|\[2, 3\].*\[2, 2\]",
        lambda: X + fg.zeros(2, 2),
    ),
    "add: not a number": (TypeError, "str", lambda: fg.add(X, "a")),
    "sub: bools": (RuntimeError, "bool", lambda: X.bool() - X.bool()),
    "neg: bool": (RuntimeError, "bool", lambda: -X.bool()),
    "pow: negative exponent of integers": (RuntimeError, "negative", lambda: X.long() ** -1),
    "bitwise_and: floats": (RuntimeError, "float", lambda: X & X),
    "bitwise_not: floats": (RuntimeError, "float", lambda: ~X),
    "div: rounding_mode": (RuntimeError, "up", lambda: fg.div(X, X, rounding_mode="up")),
    "clamp: no limits": (RuntimeError, "min", lambda: X.clamp()),
    "where: one value": (TypeError, "both", lambda: fg.where(X > 0, X)),
    "where: condition": (RuntimeError, "bool", lambda: fg.where(X, X, X)),
    "sum: dim": (IndexError, r"\[-2, 1\].*2", lambda: X.sum(2)),
    "sum: the same dim twice": (RuntimeError, "dim", lambda: X.sum((0, -2))),
    "mean: integers": (RuntimeError, "int64", lambda: X.long().mean()),
    "amax: nothing to choose from": (
        (RuntimeError, IndexError),
        "dim",
        lambda: fg.zeros(0, 3).amax(0),
    ),
    "argmax: nothing to choose from": (
        (RuntimeError, IndexError),
        ".",
        lambda: fg.zeros(0).argmax(),
    ),
    "max: nothing to choose from": (RuntimeError, ".", lambda: fg.zeros(0).max()),
    "softmax: dim": (IndexError, "dim|Dim", lambda: fg.softmax(X, 2)),
    "softmax: integers": (RuntimeError, "int64|float", lambda: fg.softmax(X.long(), 1)),
    "cumsum: dim": (IndexError, "-3", lambda: X.cumsum(-3)),
    "view: size": (RuntimeError, r"\[4, 2\].*6", lambda: X.view(4, 2)),
    "view: layout": (RuntimeError, "reshape|contiguous", lambda: X.t().view(6)),
    "view: two unknown sizes": (RuntimeError, "-1|inferred", lambda: X.view(-1, -1)),
    "reshape: no unknown size for nothing": (
        RuntimeError,
        "ambiguous|-1",
        lambda: fg.zeros(0).reshape(-1, 0),
    ),
    "expand: size": (RuntimeError, "3.*4|4.*3", lambda: X.expand(2, 4)),
    "transpose: dim": (IndexError, "5", lambda: X.transpose(0, 5)),
    "permute: number of dims": (RuntimeError, ".", lambda: X.permute(0)),
    "permute: the same dim twice": (RuntimeError, ".", lambda: X.permute(0, 0)),
    "t: dimensions": (RuntimeError, "3D", lambda: fg.zeros(1, 2, 3).t()),
    "squeeze: dim": (IndexError, "4", lambda: X.squeeze(4)),
    "unsqueeze: dim": (IndexError, "4", lambda: X.unsqueeze(4)),
    "flatten: order": (RuntimeError, "start_dim", lambda: X.flatten(1, 0)),
    "select: index": (IndexError, "3", lambda: X.select(1, 3)),
    "narrow: length": (RuntimeError, ".", lambda: X.narrow(1, 2, 5)),
    "split: sizes": (RuntimeError, r"\[1, 1\]", lambda: X.split([1, 1], 1)),
    "chunk: number": (RuntimeError, "0", lambda: X.chunk(0)),
    "cat: nothing": ((RuntimeError, ValueError), "empty", lambda: fg.cat([])),
    "cat: shapes": (RuntimeError, "2.*3|3.*2", lambda: fg.cat([X, fg.zeros(2, 2)])),
    "cat: dimensions": (RuntimeError, "dim", lambda: fg.cat([X, fg.zeros(2)])),
    "cat: a tensor": (TypeError, ".", lambda: fg.cat(3)),
    "stack: shapes": (RuntimeError, r"\[2, 3\].*\[3\]", lambda: fg.stack([X, fg.zeros(3)])),
    "gather: index": (RuntimeError, "7.*3|3.*7", lambda: X.gather(1, fg.tensor([[7]]))),
    "gather: dtype": (RuntimeError, "int64", lambda: X.gather(1, fg.zeros(1, 1))),
    "index_select: index": (IndexError, "9", lambda: X.index_select(0, fg.tensor([9]))),
    "index_select: shape": (IndexError, ".", lambda: X.index_select(0, fg.zeros(1, 1).long())),
    "masked_fill: mask": (RuntimeError, "bool", lambda: X.masked_fill(X, 1.0)),
    "one_hot: label": (RuntimeError, "5.*3|3.*5", lambda: F.one_hot(fg.tensor([0, 5]), 3)),
    "one_hot: negative": (RuntimeError, "-1|negative", lambda: F.one_hot(fg.tensor([-1]))),
    "one_hot: floats": (RuntimeError, "float32", lambda: F.one_hot(X)),
    "bincount: negative": (RuntimeError, "negative", lambda: fg.bincount(fg.tensor([-1]))),
    "matmul: shapes": (RuntimeError, r"2x3 and 2x3", lambda: X @ X),
    "matmul: dtypes": (RuntimeError, "float64", lambda: X @ X.t().double()),
    "matmul: numbers": (RuntimeError, "0D", lambda: X @ fg.tensor(1.0)),
    "matmul: batches": (RuntimeError, "2.*3|3.*2", lambda: fg.zeros(2, 1, 1) @ fg.zeros(3, 1, 1)),
    "mm: dimensions": (RuntimeError, "mm.*1D", lambda: fg.mm(X, fg.zeros(3))),
    "dot: dimensions": (RuntimeError, "dot.*2D", lambda: fg.dot(X, X)),
    "linear: features": (RuntimeError, "3.*4 features|4.*3", lambda: F.linear(X, fg.zeros(5, 4))),
    "linear: bias": (
        RuntimeError,
        r"bias.*\[5\].*\[4\]",
        lambda: F.linear(X, fg.zeros(5, 3), fg.zeros(4)),
    ),
    "linear: dtypes": (RuntimeError, "float64", lambda: F.linear(X, fg.zeros(5, 3).double())),
    "cross_entropy: label": (
        IndexError,
        r"9.*row 1|row 1.*9",
        lambda: F.cross_entropy(X, fg.tensor([0, 9])),
    ),
    "cross_entropy: negative": (IndexError, r"-1", lambda: F.cross_entropy(X, fg.tensor([-1, 0]))),
    "cross_entropy: rows": (
        (ValueError, RuntimeError),
        r"2.*3",
        lambda: F.cross_entropy(X, fg.tensor([0, 1, 2])),
    ),
    "cross_entropy: one row": (ValueError, "size 1", lambda: F.cross_entropy(X[0], LABELS)),
    "cross_entropy: probabilities": (
        RuntimeError,
        r"\[2\]",
        lambda: F.cross_entropy(X, fg.zeros(2)),
    ),
    "cross_entropy: reduction": (
        ValueError,
        "average",
        lambda: F.cross_entropy(X, LABELS, reduction="average"),
    ),
    "cross_entropy: smoothing": (
        RuntimeError,
        "1.5",
        lambda: F.cross_entropy(X, LABELS, label_smoothing=1.5),
    ),
    "cross_entropy: weights": (RuntimeError, "3", lambda: F.cross_entropy(X, LABELS, fg.ones(2))),
    "cross_entropy: integers": (
        RuntimeError,
        "int64|float",
        lambda: F.cross_entropy(X.long(), LABELS),
    ),
    "nll_loss: label": (IndexError, "3", lambda: F.nll_loss(X, fg.tensor([3, 0]))),
    "bce: probabilities": (
        RuntimeError,
        "between 0 and 1",
        lambda: F.binary_cross_entropy(X + 2, X),
    ),
    "bce: shapes": (ValueError, r"\[2\].*\[2, 3\]", lambda: F.binary_cross_entropy(X, fg.zeros(2))),
    "dropout: p": (ValueError, "1.5", lambda: F.dropout(X, 1.5)),
    "to: keyword": (TypeError, "typed", lambda: X.to(typed=1)),
    "no tensor": (TypeError, ".", lambda: fg.exp("a")),
    "too few arguments": (TypeError, ".", lambda: fg.add(X)),
    "unknown keyword": (TypeError, "dims", lambda: fg.sum(X, dims=1)),
}


@pytest.mark.parametrize(("error", "message", "call"), ERRORS.values(), ids=ERRORS)
def test_message(error, message, call):
    with pytest.raises(error, match=message) as caught:
        call()
    assert str(caught.value)


def test_labels_are_checked_wherever_they_are():
    labels = fg.zeros(100_001, dtype=fg.int64)
    labels[99_999] = 3
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(IndexError, match=r"99,?999"):
            loss(fg.zeros(100_001, 3), labels)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_arguments_of_another_type(op):
    sample = op.make(Large(1, op.dtypes[0]))
    args, options = sample.mapped(lambda operand: "no tensor")
    with pytest.raises((TypeError, AttributeError, RuntimeError, ValueError, IndexError)):
        op.function(fg)(*args, **options)
