"""In-place operations and views: memory, versions, and their part in the graph."""

import pytest

import fastgrad as fg
from inplace_programs import PROGRAMS
from parity import assert_same

pytestmark = pytest.mark.core


def same_as_torch(torch, program):
    """What `program(t, x)` returns after changing things in place, and its gradient, agree."""
    results = []
    for t in (fg, torch):
        x = t.linspace(0.5, 2.5, 12, dtype=t.float64).view(3, 4).clone().requires_grad_()
        y = program(t, x)
        (y * t.linspace(-1, 1, y.numel(), dtype=t.float64).view(y.shape)).sum().backward()
        results.append((y, x.grad))
    for ours, theirs in zip(*results, strict=True):
        assert_same(ours, theirs, exact=False)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_programs_with_changes_in_place(torch, program):
    same_as_torch(torch, program)


def test_second_derivative_through_changes_in_place(torch):
    def second(t):
        x = t.linspace(0.5, 2, 4, dtype=t.float64).requires_grad_()
        y = x**2
        y[1:] *= x[1:]
        y += x**3
        (first,) = t.autograd.grad(y.sum(), x, create_graph=True)
        return t.autograd.grad((first**2).sum(), x)[0]

    assert_same(second(fg), second(torch), exact=False)


# Leaves


LEAF_CHANGES = [
    lambda x: x.add_(1),
    lambda x: x.__iadd__(1),
    lambda x: x.zero_(),
    lambda x: x.fill_(2),
    lambda x: x.copy_(fg.ones(2, 2)),
    lambda x: x.relu_(),
    lambda x: x.clamp_(0, 1),
    lambda x: x.uniform_(),
    lambda x: x.normal_(),
    lambda x: x.masked_fill_(fg.ones(2, 2).bool(), 0),
    lambda x: x.__setitem__(0, 1.0),
    lambda x: x.__setitem__((0, 0), fg.tensor(1.0)),
    lambda x: x.__setitem__(fg.tensor([0]), 1.0),
    lambda x: x[0].zero_(),
    lambda x: x[0].__iadd__(1),
    lambda x: x.t().mul_(2),
    lambda x: x.view(-1)[1:].exp_(),
]


@pytest.mark.parametrize("change", LEAF_CHANGES)
def test_a_leaf_that_requires_grad_is_not_changed(change):
    x = fg.ones(2, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        change(x)
    assert x.tolist() == [[1, 1], [1, 1]]
    with fg.no_grad():
        change(x)
    assert x.is_leaf
    assert x.requires_grad


def test_a_detached_alias_of_a_leaf_may_be_changed():
    x = fg.ones(2, requires_grad=True)
    x.detach().mul_(3)
    x.data.add_(1)
    assert x.tolist() == [4, 4]


# Saved tensors


@pytest.mark.parametrize(
    ("record", "change", "name"),
    [
        (lambda y: y * y, lambda y: y.add_(1), "Mul"),
        (lambda y: y.exp(), None, "Exp"),
        (lambda y: y.sigmoid(), None, "Sigmoid"),
        (lambda y: y.log(), lambda y: y[0].zero_(), "Log"),
        (lambda y: y**3, lambda y: y.t().fill_(2), "Pow"),
        (lambda y: y @ y, lambda y: y.__setitem__((0, 0), 1.0), "M"),
        (lambda y: fg.softmax(y, 1), None, "Softmax"),
        (lambda y: y / y, lambda y: y.detach().zero_(), "Div"),
        (lambda y: y * 1 * y, lambda y: y.view(-1).mul_(2), "Mul"),
        (lambda y: y.prod(), lambda y: y.copy_(fg.ones(2, 2)), "Prod"),
    ],
)
def test_a_saved_tensor_that_was_changed(record, change, name):
    x = fg.full((2, 2), 2.0, requires_grad=True)
    y = x * 1
    z = record(y)
    total = z.sum()
    (change or (lambda y: z.mul_(2)))(y)
    with pytest.raises(
        RuntimeError, match=rf"modified by an inplace operation.*{name}\w*Backward0"
    ):
        total.backward()


def test_a_saved_index_that_was_changed():
    x = fg.ones(4, requires_grad=True)
    index = fg.tensor([0, 1])
    y = x[index]
    index.fill_(3)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        y.sum().backward()


def test_a_saved_list_may_be_changed():
    x = fg.ones(4, requires_grad=True)
    index = [0, 1]
    y = x[index]
    index[0] = 3
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0]


def test_a_change_that_matters_to_no_gradient():
    x = fg.ones(2, requires_grad=True)
    y = x * 3
    z = y + 1
    y.zero_()
    z.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_versions():
    x = fg.ones(2, 2)
    views = [x, x[0], x.t(), x.view(4), x.detach()]
    start = x._version
    for i, change in enumerate(
        (lambda: x.add_(1), lambda: x[1].zero_(), lambda: x.__setitem__(0, 1.0)), 1
    ):
        change()
        assert [v._version for v in views] == [start + i] * len(views)
    assert x.clone()._version == 0
    x + 1
    assert x._version == start + 3


# Memory and shapes


def test_in_place_forms_return_the_tensor_itself():
    x = fg.ones(2)
    for result in (
        x.add_(1),
        x.mul_(2),
        x.zero_(),
        x.fill_(3),
        x.exp_(),
        x.copy_(fg.ones(2)),
        x.uniform_(),
        x.relu_(),
    ):
        assert result is x


def test_in_place_never_changes_the_shape():
    x = fg.ones(3)
    for change in (
        lambda: x.add_(fg.ones(2, 3)),
        lambda: x.__imul__(fg.ones(2, 1)),
        lambda: x.copy_(fg.ones(2, 3)),
        lambda: x.add_(fg.ones(4)),
        lambda: x.pow_(fg.ones(2, 3)),
    ):
        with pytest.raises(RuntimeError, match=r"shape|size"):
            change()
    assert x.tolist() == [1, 1, 1]


def test_writing_into_repeated_memory():
    x = fg.zeros(1).expand(3)
    for change in (
        lambda: x.add_(1),
        lambda: x.copy_(fg.ones(3)),
        lambda: x.__setitem__(slice(None), fg.ones(3)),
    ):
        with pytest.raises(RuntimeError, match=r"memory|overlap|clone"):
            change()


def test_operands_that_overlap(torch):
    for t in (fg, torch):
        x = t.arange(9.0).view(3, 3)
        x += x.t().clone()
        assert x.tolist() == [[0, 4, 8], [4, 8, 12], [8, 12, 16]]
    y = fg.arange(9.0).view(3, 3)
    y.copy_(y.t())
    assert y.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    z = fg.arange(9.0).view(3, 3)
    z += z.t()
    assert z.tolist() == [[0, 4, 8], [4, 8, 12], [8, 12, 16]]


def test_views_share_memory():
    x = fg.arange(24).view(2, 3, 4)
    views = (
        x.view(6, 4),
        x.reshape(24),
        x.transpose(0, 1),
        x.permute(2, 0, 1),
        x[1],
        x[:, 1:],
        x.unsqueeze(0),
        x.squeeze(),
        x.flatten(1),
        x.expand(1, 2, 3, 4),
        x.narrow(2, 1, 2),
        x.select(0, 1),
        *x.split(1),
        *x.chunk(2, 1),
        *x.unbind(2),
        x.detach(),
        x.mT,
    )
    for view in views:
        before = view.clone()
        x += 1
        assert fg.equal(view, before + 1)


def test_copies_share_no_memory():
    x = fg.arange(6).view(2, 3)
    for copied in (
        x.clone(),
        x[[0, 1]],
        x.flip(0),
        x.t().reshape(6),
        x.float(),
        fg.cat([x]),
        x.to(fg.int64, copy=True),
    ):
        before = copied.clone()
        x.add_(1)
        assert fg.equal(copied, before)


def test_scatter_in_place(torch):
    for t in (fg, torch):
        x = t.zeros(3, 4)
        index = t.tensor([[0, 2], [1, 0]])
        x.scatter_(1, index, t.tensor([[1.0, 2.0], [3.0, 4.0]]))
        assert x.tolist() == [[1, 0, 2, 0], [4, 3, 0, 0], [0, 0, 0, 0]]
        x.scatter_(0, index, 9)
        assert x[:, :2].tolist() == [[9, 9], [9, 3], [0, 9]]
    with pytest.raises(RuntimeError, match=r"out of (bounds|range)"):
        fg.zeros(2).scatter_(0, fg.tensor([2]), 1.0)
    with pytest.raises(RuntimeError, match="leaf"):
        fg.zeros(2, requires_grad=True).scatter_(0, fg.tensor([0]), 1.0)


def test_relu_in_place():
    x = fg.tensor([-1.0, 2.0])
    assert fg.nn.functional.relu(x, inplace=True) is x
    assert x.tolist() == [0, 2]


def test_detach_in_place():
    x = fg.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y
    assert not y.requires_grad
    assert y.is_leaf
    with pytest.raises(RuntimeError, match="detach"):
        (x * 2)[0].detach_()


def test_requires_grad_of_what_is_written_to():
    x = fg.ones(2, requires_grad=True)
    y = fg.zeros(2)
    y[0] = x[1]
    assert y.requires_grad
    z = fg.zeros(2)
    with fg.no_grad():
        z[0] = x[1]
    assert not z.requires_grad
