"""What the rows do not say of writing by index: in-place forms, errors, order, ties."""

import pytest

import fastgrad as fg
from parity import assert_same

pytestmark = pytest.mark.core
INDEX = [[0, 2, 1, 0], [2, 2, 0, 1]]
ROWS = [2, 0]


def source(lib, *shape, **options):
    return lib.arange(float(lib.zeros(shape).numel()), dtype=lib.float64).reshape(shape) + 0.5


# Each takes the library, the tensor to change (3 x 4) and a method's name.
IN_PLACE = {
    "scatter": lambda lib, x, f: f(x)(0, lib.tensor(INDEX), source(lib, 2, 4)),
    "scatter value": lambda lib, x, f: f(x)(0, lib.tensor(INDEX), 7),
    "scatter reduce": lambda lib, x, f: f(x)(0, lib.tensor(INDEX), 3, reduce="multiply"),
    "scatter_add": lambda lib, x, f: f(x)(0, lib.tensor(INDEX), source(lib, 2, 4)),
    "scatter_reduce": lambda lib, x, f: f(x)(
        0, lib.tensor(INDEX), source(lib, 2, 4), "mean", include_self=False
    ),
    "index_add": lambda lib, x, f: f(x)(0, lib.tensor(ROWS), source(lib, 2, 4), alpha=2),
    "index_copy": lambda lib, x, f: f(x)(0, lib.tensor(ROWS), source(lib, 2, 4)),
    "index_fill": lambda lib, x, f: f(x)(1, lib.tensor([-1, 0]), 7),
    "index_reduce": lambda lib, x, f: f(x)(0, lib.tensor(ROWS), source(lib, 2, 4), "amax"),
    "index_put": lambda lib, x, f: f(x)((lib.tensor([1, 1]),), source(lib, 4), accumulate=True),
    "put": lambda lib, x, f: f(x)(lib.tensor([1, -1]), source(lib, 2)),
    "masked_fill": lambda lib, x, f: f(x)(x.detach() > 3, 7),
    "masked_scatter": lambda lib, x, f: f(x)(x.detach() > 3, source(lib, 12)),
    "tril": lambda lib, x, f: f(x)(1),
    "triu": lambda lib, x, f: f(x)(diagonal=-1),
}
every_form = pytest.mark.parametrize("form", IN_PLACE)


def called(form, lib, x, suffix):
    return IN_PLACE[form](lib, x, lambda x: getattr(x, form.split()[0] + suffix))


@every_form
def test_in_place_is_the_same_in_the_tensor_itself(form):
    x = source(fg, 3, 4)
    expected = called(form, fg, x, "")
    assert x.equal(source(fg, 3, 4))
    version = x._version
    assert called(form, fg, x, "_") is x
    assert x.equal(expected)
    assert x._version > version


@every_form
@pytest.mark.filterwarnings("ignore:index_reduce")
def test_in_place_on_a_view_without_and_with_a_graph(form, torch):
    for recorded in (False, form != "scatter reduce"):  # of which PyTorch has no gradient
        results = []
        for lib in (fg, torch):
            base = source(lib, 4, 3)
            leaf = base.clone().requires_grad_(recorded)
            y = leaf * 1
            called(form, lib, y.t(), "_")
            if recorded:
                y.backward(source(lib, 4, 3))
            results.append((y.detach(), leaf.grad if recorded else base))
        for ours, theirs in zip(*results, strict=True):
            assert_same(ours, theirs)


def test_gradients_of_tensors_given_by_keyword():
    x, src = fg.zeros(3), fg.ones(2, requires_grad=True)
    x.index_add_(0, index=fg.tensor([0, 0]), source=src, alpha=3)
    x.sum().backward()
    assert src.grad.tolist() == [3, 3]


def test_a_leaf_refuses():
    x = fg.zeros(3, requires_grad=True)
    for write in (
        lambda: x.scatter_(0, fg.tensor([0]), 1.0),
        lambda: x.index_fill_(0, fg.tensor([0]), 1.0),
        lambda: x.masked_fill_(x > 1, 1.0),
        lambda: x.__setitem__([0], 1.0),
    ):
        with pytest.raises(RuntimeError, match="leaf"):
            write()
    assert x.tolist() == [0, 0, 0]


BAD = fg.tensor([0, 1, 9])
ONES = fg.ones(3)
ERRORS = {
    "scatter_": (RuntimeError, "9.*dimension 0.*size 3", lambda x: x.scatter_(0, BAD, ONES)),
    "scatter_add_": (RuntimeError, "9.*size 3", lambda x: x.scatter_add_(0, BAD, ONES)),
    "scatter_add_ dtype": (
        RuntimeError,
        "float32 and int64",
        lambda x: x.scatter_add_(0, BAD - 1, ONES.long()),
    ),
    "scatter_add_ source": (
        RuntimeError,
        r"\[3\].*\[2\]",
        lambda x: x.scatter_add_(0, fg.tensor([0, 1, 2]), ONES[:2]),
    ),
    "scatter_reduce_": (
        RuntimeError,
        "9.*size 3",
        lambda x: x.scatter_reduce_(0, BAD, ONES, "mean", include_self=False),
    ),
    "scatter_reduce_ source": (
        RuntimeError,
        r"\[3\].*\[2\]",
        lambda x: x.scatter_reduce_(0, fg.tensor([0, 1, 2]), ONES[:2], "prod", include_self=False),
    ),
    "scatter_reduce_ name": (
        RuntimeError,
        "sum, mean, prod, amax, amin; got add",
        lambda x: x.scatter_reduce_(0, BAD, ONES, "add"),
    ),
    "scatter_ reduce": (
        RuntimeError,
        "add or multiply, got sum",
        lambda x: x.scatter_(0, BAD, 1.0, reduce="sum"),
    ),
    "scatter_ nothing": (TypeError, "src.*value", lambda x: x.scatter_(0, BAD)),
    "scatter_ list": (TypeError, "list", lambda x: x.scatter_(0, [0], 1.0)),
    "index_add_": (RuntimeError, "9.*size 3", lambda x: x.index_add_(0, BAD, ONES)),
    "index_add_ shape": (RuntimeError, r"\[3\].*\[2\]", lambda x: x.index_add_(0, BAD, ONES[:2])),
    "index_copy_": (IndexError, "9.*dimension 0.*size 3", lambda x: x.index_copy_(0, BAD, ONES)),
    "index_copy_ dtype": (RuntimeError, "int32", lambda x: x.index_copy_(0, BAD.int(), ONES)),
    "index_fill_": (IndexError, "-9.*dimension 0.*size 3", lambda x: x.index_fill_(0, -BAD, 1)),
    "index_fill_ value": (RuntimeError, "0-dim", lambda x: x.index_fill_(0, BAD, ONES)),
    "index_put_": (IndexError, "9.*dimension 0.*size 3", lambda x: x.index_put_((BAD,), ONES)),
    "index_put_ values": (TypeError, "float", lambda x: x.index_put_((BAD,), 1.0)),
    "index_put_ indices": (TypeError, "tuple", lambda x: x.index_put_(BAD, ONES)),
    "index_put_ dtype": (RuntimeError, "int64", lambda x: x.index_put_((BAD,), ONES.long())),
    "put_": (IndexError, "9.*size 3", lambda x: x.put_(BAD, ONES)),
    "put_ source": (IndexError, "2.*3|3.*2", lambda x: x.put_(BAD, ONES[:2])),
    "masked_fill_ mask": (RuntimeError, "bool.*uint8", lambda x: x.masked_fill_(BAD.byte(), 1)),
    "masked_fill_ no mask": (TypeError, "bool", lambda x: x.masked_fill_(True, 1)),
    "masked_fill_ shape": (
        RuntimeError,
        r"\[3\].*\[2, 3\]",
        lambda x: x.masked_fill_(fg.ones(2, 3, dtype=fg.bool), 1),
    ),
    "masked_scatter_": (
        RuntimeError,
        "3 elements.*only 2",
        lambda x: x.masked_scatter_(x >= 0, ONES[:2]),
    ),
    "setitem a list": (TypeError, "list", lambda x: x.__setitem__(0, [1.0])),
    "setitem dtype": (RuntimeError, "float32.*int64", lambda x: x.__setitem__([0], BAD[:1])),
    "setitem shape": (
        RuntimeError,
        r"shape \[3\].*shape \[2\]",
        lambda x: x.__setitem__([0, 1], ONES),
    ),
    "setitem repeated": (RuntimeError, "clone", lambda x: x[:1].expand(3).__setitem__([0], 1.0)),
}


@pytest.mark.parametrize(("error", "message", "write"), ERRORS.values(), ids=ERRORS)
def test_errors_change_nothing(error, message, write):
    x = fg.zeros(3)
    with pytest.raises(error, match=message):
        write(x)
    assert x.tolist() == [0, 0, 0]


def test_numbers_that_integers_cannot_hold_are_refused():
    x = fg.zeros(3, dtype=fg.int64)
    for value in (float("inf"), float("nan"), -1e300):
        for write in (
            lambda v=value: x.__setitem__(0, v),
            lambda v=value: x.masked_fill_(x == 0, v),
            lambda v=value: x.index_fill_(0, fg.tensor([0]), v),
        ):
            with pytest.raises(RuntimeError, match="overflow"):
                write()
    assert x.tolist() == [0, 0, 0]


def test_what_may_be_assigned():
    np = pytest.importorskip("numpy")
    x = fg.zeros(2, 3)
    x[0] = np.arange(3)
    x[1, 1:] = np.array([[7.0, 8.0]], np.float32)
    x[1, 0] = np.float64(2.5)
    assert x.tolist() == [[0, 1, 2], [2.5, 7, 8]]
    x[x > 5] = True
    x[0, fg.tensor([0, 2])] = np.array([4, 5])
    assert x.tolist() == [[4, 1, 5], [2.5, 1, 1]]
    x[fg.tensor([[True, False, True], [False, False, True]])] = fg.tensor([9.0, 8.0, 7.0])
    assert x.tolist() == [[9, 1, 8], [2.5, 1, 7]]
    scalar = fg.tensor(5)
    scalar[True] = 6
    assert scalar.item() == 6
    scalar[scalar > 9] = 1
    scalar[None] = 8
    assert scalar.item() == 8


def test_indices_are_used_in_their_order():
    """The last of several writes wins, also where the work is split."""
    n = 70_001
    index = fg.arange(n) % 3
    for width in (1, 2, 40):
        src = fg.arange(n * width, dtype=fg.float32).reshape(n, width)
        last = src[-3:][fg.argsort(index[-3:])]
        assert fg.zeros(3, width).index_copy(0, index, src).equal(last)
        rows = index[:, None].expand(n, width)
        assert fg.zeros(3, width).scatter(0, rows, src).equal(last)
        assert fg.zeros(3, width).scatter(0, rows.contiguous(), src).equal(last)
        x = fg.zeros(3, width)
        x[index] = src
        assert x.equal(last)


def test_a_source_that_is_the_tensor_itself():
    x = fg.arange(4.0)
    x.index_add_(0, fg.tensor([1, 2, 3]), x[:3])
    assert x.tolist() == [0, 1, 3, 5]
    order = fg.tensor([2, 0, 1])
    assert order.scatter_(0, order, order).tolist() == [0, 1, 2]
    y = fg.arange(4.0)
    y[fg.tensor([1, 2, 3])] = y[:3]
    assert y.tolist() == [0, 0, 1, 2]


def test_ties_and_nan_of_reductions(torch):
    nan = float("nan")
    for reduce in ("amax", "amin", "mean", "prod", "sum"):
        for include_self in (True, False):
            results = []
            for lib in (fg, torch):
                tied = 2.0 if include_self else 7.0  # PyTorch shares with what takes no part
                x = lib.tensor([tied, 2.0, 1.0, nan, 0.0], requires_grad=True)
                src = lib.tensor([2.0, 2.0, 3.0, nan, 0.0, 0.0, 4.0], requires_grad=True)
                index = lib.tensor([0, 0, 1, 2, 4, 4, 3])
                y = x.scatter_reduce(0, index, src, reduce, include_self=include_self)
                y[:2].sum().backward()
                results.append((y, src.grad[:3], *((x.grad[:2],) if include_self else ())))
            for ours, theirs in zip(*results, strict=True):
                assert_same(ours, theirs)


def test_gradient_of_a_product_with_zeros():
    x = fg.tensor([2.0, 3.0, 4.0], requires_grad=True)
    src = fg.tensor([0.0, 5.0, 0.0, 0.0, 7.0], requires_grad=True)
    y = x.scatter_reduce(0, fg.tensor([0, 0, 1, 1, 2]), src, "prod")
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 7]
    assert src.grad.tolist() == [10, 0, 0, 0, 4]


def test_what_is_saved_does_not_change_with_a_list_or_a_mask():
    x = fg.arange(4.0, requires_grad=True)
    index, mask = [0, 2], fg.tensor([True, False, False, True])
    y = (x * 1)[index].sum() + (x * 2)[mask].sum()
    index[0] = 3
    mask.zero_()
    y.backward()
    assert x.grad.tolist() == [3, 0, 1, 2]


def test_lists_are_taken_as_pytorch_takes_them():
    x = fg.arange(6.0).view(2, 3)
    assert x[[[0, 1], [2, 0]]].tolist() == [2, 3]
    assert x[[slice(None), 1]].tolist() == [1, 4]
    assert x[([0, 1], [2, 0])].tolist() == [2, 3]
    assert x[[True, False]].tolist() == [[0, 1, 2]]
    assert x[range(2)].equal(x)


def test_diagonals_are_views():
    x = fg.zeros(3, 4, requires_grad=True)
    y = x * 1
    y.diagonal(1).fill_(2.0)
    y.diagonal(-1)[0] = 5
    assert y.tolist() == [[0, 2, 0, 0], [5, 0, 2, 0], [0, 0, 0, 2]]
    y.sum().backward()
    assert x.grad.tolist() == [[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 0]]
    assert fg.diag(y)._base is None


def test_diagonals_that_do_not_exist():
    x = fg.ones(2, 3)
    for far in (9, -9, 2**62, -(2**63)):
        assert x.diagonal(far).shape == (0,)
    assert x.tril(2**62).equal(x)
    assert x.triu(-(2**63)).equal(x)
    assert not x.triu(2**63 - 1).any()
    with pytest.raises(RuntimeError, match="identical"):
        x.diagonal(0, 1, -1)
    with pytest.raises(RuntimeError, match="3D"):
        fg.diag(fg.zeros(1, 1, 1))
    with pytest.raises(RuntimeError, match="size"):
        fg.ones(2).diag_embed(2**40)


def test_narrow_from_a_tensor():
    x = fg.arange(5.0, requires_grad=True)
    y = x.narrow(0, fg.tensor(-3), 2)
    assert y.tolist() == [2, 3]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 1, 1, 0]
    for start in (fg.tensor([1]), fg.tensor(1.0), fg.tensor(True)):
        with pytest.raises(RuntimeError, match="0-dim"):
            x.narrow(0, start, 1)


def test_take_along_dim_from_the_end():
    x = fg.tensor([[10, 20, 30]])
    assert x.take_along_dim(fg.tensor([[-1, 0]]), 1).tolist() == [[30, 10]]
    with pytest.raises(RuntimeError, match=r"-4.*size 3"):
        x.take_along_dim(fg.tensor([[-4]]), 1)
