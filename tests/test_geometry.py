"""Where tensors lie in memory: views, strides, memory formats, and changes of shape in place."""

import numpy as np
import pytest

import fastgrad as fg
from parity import assert_same, outcome

pytestmark = pytest.mark.core


def matrix(t):
    return t.arange(6.0).reshape(2, 3)


def described(value):
    """What a call gave, in a form that both libraries give."""
    if isinstance(value, (tuple, list)):
        return [described(part) for part in value]
    if hasattr(value, "stride"):
        return tuple(value.shape), value.stride(), value.storage_offset(), value.tolist()
    return value


def same(torch, call):
    """The same values, sizes, strides and offsets, or the same type of exception."""
    ours, theirs = (described(outcome(call, t, matrix(t))) for t in (fg, torch))
    assert ours == theirs


VIEWS = [
    lambda t, x: x.view(3, 2),
    lambda t, x: x.view(size=(6,)),
    lambda t, x: x.reshape(shape=(3, -1)),
    lambda t, x: x.reshape([2, 3]),
    lambda t, x: x.reshape(t.tensor(3), 2),
    lambda t, x: x.permute(dims=(1, 0)),
    lambda t, x: x.transpose(dim0=0, dim1=-1),
    lambda t, x: x.swapaxes(axis0=0, axis1=1),
    lambda t, x: x.unsqueeze(axis=1),
    lambda t, x: x.unsqueeze(1).squeeze(axis=1),
    lambda t, x: x.unsqueeze(0).unsqueeze(-1).squeeze((0, -1)),
    lambda t, x: x.expand(4, -1, -1),
    lambda t, x: x.expand(size=(2, 2, 3)),
    lambda t, x: x.broadcast_to(2, 2, 3),
    lambda t, x: x.unflatten(1, (-1, 1)),
    lambda t, x: x.movedim(source=0, destination=1),
    lambda t, x: x.as_strided((2, 2), (1, 2), 1),
    lambda t, x: x[1].as_strided((2,), (1,)),
    lambda t, x: x.unfold(1, 2, 1),
    lambda t, x: x.unfold(dimension=0, size=2, step=5),
    lambda t, x: x.t(),
    lambda t, x: x[0].t(),
    lambda t, x: x.T,
    lambda t, x: x.H,
    lambda t, x: x.split(split_size=1),
    lambda t, x: x.tensor_split(2, dim=1),
    lambda t, x: x.tensor_split(indices=(1,), dim=1),
    lambda t, x: x.hsplit(3),
    lambda t, x: x.unbind(1),
    lambda t, x: t.meshgrid([t.arange(2), t.arange(3)], indexing="xy"),
    lambda t, x: t.atleast_3d([x, x[0], x[0, 0]]),
]


@pytest.mark.parametrize("call", VIEWS)
def test_views_lie_in_memory_as_in_torch(torch, call):
    same(torch, call)


@pytest.mark.parametrize("call", VIEWS[:-3])
def test_views_share_memory_and_version_with_their_base(call):
    x = fg.arange(6.0).view(2, 3).clone()
    found = call(fg, x)
    for view in found if isinstance(found, tuple) else (found,):
        assert view._base is x
        before = x._version
        with fg.no_grad():
            view.as_strided((1,), (1,)).fill_(9)
        assert x._version == before + 1
        assert 9 in x


def test_a_view_of_a_view_has_the_base_of_the_first():
    x = fg.zeros(4, 3)
    assert x.t()[1:].unsqueeze(0).as_strided((2,), (1,))._base is x


COPIES = [
    lambda t, x: x.t().clone(),
    lambda t, x: x.t().clone(memory_format=t.contiguous_format),
    lambda t, x: x[:, ::2].clone(),
    lambda t, x: x.expand(4, 2, 3).clone(),
    lambda t, x: t.zeros(2, 3, 4).permute(2, 0, 1)[:, :, ::2].clone(),
    lambda t, x: t.zeros(1, 3, 1, 4).permute(2, 1, 3, 0).clone(),
    lambda t, x: x.t().double(),
    lambda t, x: x.t().double(memory_format=t.contiguous_format),
    lambda t, x: x.t().to(x.dtype, copy=True),
    lambda t, x: x.t().to(t.int64, memory_format=t.contiguous_format),
    lambda t, x: x.t().contiguous(),
    lambda t, x: t.zeros_like(x.t()),
    lambda t, x: t.ones_like(x.t(), memory_format=t.contiguous_format),
    lambda t, x: t.full_like(x.expand(4, 2, 3), 2),
    lambda t, x: t.empty_like(x[:, ::2]).zero_(),
    lambda t, x: t.zeros(1, 2, 3, 4).contiguous(memory_format=t.channels_last),
    lambda t, x: t.zeros(1, 2, 3, 4).clone(memory_format=t.channels_last),
    lambda t, x: t.zeros(1, 2, 3, 4).to(memory_format=t.channels_last),
    lambda t, x: t.zeros(1, 2, 3, 4, 5).to(memory_format=t.channels_last_3d),
    lambda t, x: t.zeros_like(t.zeros(1, 2, 3, 4), memory_format=t.channels_last),
    lambda t, x: t.empty(1, 2, 3, 4, memory_format=t.channels_last).zero_(),
    lambda t, x: t.empty_strided((2, 3), (1, 2)).zero_(),
    lambda t, x: t.empty_permuted((2, 3, 4), (2, 0, 1)).zero_(),
    lambda t, x: t.rot90(x),
    lambda t, x: t.repeat_interleave(x.t(), 1, 0),
    lambda t, x: x.view(t.int32),
    lambda t, x: x.view(t.uint8),
    lambda t, x: x.double().view(t.float32),
    lambda t, x: x.contiguous(memory_format=t.channels_last),
    lambda t, x: x.t().contiguous(memory_format=t.preserve_format),
    lambda t, x: x.view(t.int64),
    lambda t, x: x.is_contiguous(memory_format=t.channels_last),
    lambda t, x: (
        t.zeros(1, 2, 3, 4).permute(0, 3, 1, 2).is_contiguous(memory_format=t.channels_last)
    ),
]


@pytest.mark.parametrize("call", COPIES)
def test_copies_lie_in_memory_as_in_torch(torch, call):
    same(torch, call)


def test_a_memory_format_keeps_values_and_gradients(torch):
    grads = []
    for t in (fg, torch):
        x = t.arange(24.0).reshape(1, 2, 3, 4).requires_grad_()
        y = x.contiguous(memory_format=t.channels_last)
        assert y.is_contiguous(memory_format=t.channels_last)
        assert y.tolist() == x.tolist()
        (y * y).sum().backward()
        grads.append(x.grad)
    assert_same(*grads)


# Overlapping views


OVERLAPS = [
    lambda x: x.unfold(0, 3, 1),
    lambda x: x.as_strided((3, 4), (1, 1), 2),
    lambda x: x.as_strided((2, 2, 2), (0, 3, 1)),
    lambda x: x.view(3, 4).t().as_strided((4,), (2,), 1),
    lambda x: x.view(3, 4)[:, ::2].as_strided((5, 2), (2, 1), 0),
    lambda x: x[:3].expand(4, 3).as_strided((3, 2), (1, 0), 0),
    lambda x: x.view(3, 4).unfold(1, 2, 1).as_strided((3, 3), (4, 1), 0),
]


@pytest.mark.parametrize("view", OVERLAPS)
def test_gradients_add_up_where_views_overlap(torch, view):
    grads = []
    for t in (fg, torch):
        x = t.linspace(1, 2, 12, dtype=t.float64).requires_grad_()
        y = view(x * 1)
        weights = t.arange(float(y.numel()), dtype=t.float64).view(y.shape)
        (y * y * weights).sum().backward()
        grads.append(x.grad)
    assert_same(*grads, exact=False)


# Changes of shape in place


CHANGES = [
    lambda x: x.t_(),
    lambda x: x.transpose_(0, 1),
    lambda x: x.swapaxes_(0, 1),
    lambda x: x.swapdims_(0, 1),
    lambda x: x.unsqueeze_(0),
    lambda x: x.squeeze_(),
    lambda x: x[:1].squeeze_(0),
    lambda x: x.as_strided_((2, 2), (1, 2), 1),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_of_shape_are_those_of_torch(torch, change):
    results = []
    for t in (fg, torch):
        leaf = t.arange(6.0).requires_grad_()
        x = leaf.view(2, 3) * 2
        before = x._version
        y = change(x)
        weights = t.arange(1.0, y.numel() + 1).view(y.shape)
        (y * weights).sum().backward()
        results.append((described(y), y is x, x._version - before, leaf.grad.tolist()))
    assert results[0] == results[1]


@pytest.mark.parametrize("change", CHANGES)
def test_a_leaf_that_requires_grad_keeps_its_shape(change):
    x = fg.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        change(x)
    assert x.shape == (2, 3)


def test_what_was_saved_before_a_change_of_shape_is_missed():
    x = fg.ones(2, 3, requires_grad=True)
    y = x * 2
    z = (y * y).sum()
    y.t_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_a_view_follows_its_base_through_a_change_of_shape():
    x = fg.arange(6.0, requires_grad=True)
    y = x.view(2, 3) * 2
    row = y[0]
    y.t_()
    assert row.grad_fn.name() == "AsStridedBackward0"
    row.sum().backward()
    assert x.grad.tolist() == [2, 2, 2, 0, 0, 0]


RESIZES = [
    lambda t, x: x.resize_(3),
    lambda t, x: x.resize_(2, 2),
    lambda t, x: x.t().resize_((2, 2)),
    lambda t, x: x[1].resize_(2),
    lambda t, x: x.resize_as_(t.zeros(3, 1)),
    lambda t, x: x.resize_([0]),
    lambda t, x: x.resize_(-1),
    lambda t, x: x.requires_grad_().resize_(1),
    lambda t, x: t.from_numpy(np.zeros(2)).resize_(4),
]


@pytest.mark.parametrize("call", RESIZES)
def test_resize_is_that_of_torch(torch, call):
    same(torch, call)


def test_a_tensor_that_grows_keeps_its_elements_and_its_views():
    x = fg.arange(4.0)
    part = x[1:3]
    x.resize_(100_000)
    assert x[:4].tolist() == [0, 1, 2, 3]
    x[1] = 7
    assert part.tolist() == [1, 2] or part.tolist() == [7, 2]
    x.resize_(2).resize_(3, 40_000)
    assert x[0, :4].tolist() == [0, 7, 2, 3]
    with pytest.raises(RuntimeError, match="out of memory"):
        x.resize_(2**50)


# x.data


def test_data_is_the_same_memory_with_its_own_count_of_changes():
    x = fg.ones(3, requires_grad=True)
    y = x * x
    x.data.add_(1)
    assert x.tolist() == [2, 2, 2]
    assert x._version == 0
    assert (x.data.requires_grad, x.data.is_leaf, x.data._base) == (False, True, None)
    y.sum().backward()
    assert x.grad.tolist() == [4, 4, 4]


def test_setting_data_keeps_the_tensor(torch):
    results = []
    for t in (fg, torch):
        x = t.ones(3)
        x.add_(1)
        view = x[:2]
        x.data = t.zeros(2, 2, dtype=t.float64)
        found = (described(x), str(x.dtype), x._version, x.requires_grad)
        view.fill_(5)
        assert x.tolist() == [[0, 0], [0, 0]]
        leaf = t.ones(3, requires_grad=True)
        leaf.data = t.ones(4)
        (leaf * 3).sum().backward()
        results.append((found, leaf.grad.tolist(), leaf.is_leaf, leaf._version))
    assert results[0] == results[1]


def test_data_that_does_not_fit():
    x = fg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="int"):
        x.data = 3
    with pytest.raises(RuntimeError, match="int64"):
        x.data = fg.ones(2, dtype=fg.int64)


def test_setting_data_again_and_again_leaves_no_chain():
    x = fg.ones(3)
    for _ in range(200_000):
        x.data = x.data
    del x  # a chain of 200,000 storages would end the stack here


def test_a_failed_backward_leaves_recording_on():
    x = fg.ones(3, requires_grad=True)
    x.sum().backward()
    x.data = fg.ones(4)
    with pytest.raises(RuntimeError, match="size"):
        (x * 2).sum().backward()
    assert fg.is_grad_enabled()


# Arguments


WRONG = [
    lambda t, x: x.reshape(),
    lambda t, x: x.permute(),
    lambda t, x: x.unflatten(1, ()),
    lambda t, x: x.unflatten(1, (2, 2)),
    lambda t, x: x.unflatten(1, (-1, -1)),
    lambda t, x: x.unflatten(1, 3),
    lambda t, x: x.unflatten(5, (3,)),
    lambda t, x: x.squeeze((0, 0)),
    lambda t, x: x.unsqueeze(),
    lambda t, x: x.unsqueeze((0, 1)),
    lambda t, x: x[0].mT,
    lambda t, x: t.zeros(1, 1, 1).H,
    lambda t, x: x.expand(-1, 2, 3),
    lambda t, x: t.zeros(1).expand(2**40, 2**40),
    lambda t, x: t.movedim(x, (0, 0), (0, 1)),
    lambda t, x: t.movedim(x, (0, 1), (0,)),
    lambda t, x: t.movedim(x, 0, 5),
    lambda t, x: t.broadcast_tensors(x, t.zeros(2)),
    lambda t, x: t.broadcast_tensors([x, x]),
    lambda t, x: t.broadcast_shapes((-1,), (3,)),
    lambda t, x: t.meshgrid(x, indexing="ij"),
    lambda t, x: t.meshgrid(indexing="ij"),
    lambda t, x: t.meshgrid(x[0], x[0].long(), indexing="ij"),
    lambda t, x: t.meshgrid(x[0], indexing="ji"),
    lambda t, x: t.atleast_1d(3),
    lambda t, x: x.as_strided((2, 2), (1, 2), 9),
    lambda t, x: x.as_strided((2, 2), (-1, 2)),
    lambda t, x: x.as_strided((2, 2), (1,)),
    lambda t, x: x.as_strided((2,), (1,), -1),
    lambda t, x: x.as_strided((2,), (2**62,)),
    lambda t, x: x.unfold(0, 3, 1),
    lambda t, x: x.unfold(1, 2, 0),
    lambda t, x: x.unfold(1, -2, 1),
    lambda t, x: x.unfold(2, 1, 1),
    lambda t, x: t.empty_strided((2, 3), (1,)),
    lambda t, x: t.empty_strided((2, 3), (-1, 2)),
    lambda t, x: t.empty_strided((2, -3), (1, 2)),
    lambda t, x: t.empty_permuted((2, 3), (0, 0)),
    lambda t, x: t.empty_permuted((2, 3), (0, 2)),
    lambda t, x: t.empty(2, memory_format=t.channels_last),
    lambda t, x: t.empty(2, memory_format=t.preserve_format),
    lambda t, x: t.chunk(t.tensor(1), 2),
    lambda t, x: t.split(t.tensor(1), 1),
    lambda t, x: t.split(x, -1),
    lambda t, x: t.split(x, [3, -1]),
    lambda t, x: t.split(x, 1.5),
    lambda t, x: t.split_with_sizes(x, 1),
    lambda t, x: t.tensor_split(x, 0),
    lambda t, x: t.tensor_split(x, 1.5),
    lambda t, x: t.tensor_split(x, t.tensor([1.0])),
    lambda t, x: t.tensor_split(t.tensor(1), 1),
    lambda t, x: t.hsplit(x, 2),
    lambda t, x: t.vsplit(x[0], 1),
    lambda t, x: t.dsplit(x, 1),
    lambda t, x: t.unbind(t.tensor(1)),
    lambda t, x: t.cat([x, t.tensor(1)]),
    lambda t, x: t.cat([x, 3]),
    lambda t, x: t.cat(x),
    lambda t, x: t.cat(part for part in (x, x)),
    lambda t, x: t.stack([]),
    lambda t, x: t.stack(x),
    lambda t, x: t.hstack([]),
    lambda t, x: t.hstack(x),
    lambda t, x: t.vstack([x, 3]),
    lambda t, x: t.block_diag(t.zeros(1, 1, 1)),
    lambda t, x: t.block_diag([x]),
    lambda t, x: t.cartesian_prod(x),
    lambda t, x: t.cartesian_prod(),
    lambda t, x: t.combinations(x),
    lambda t, x: t.combinations(x[0], r=-1),
    lambda t, x: t.flip(x, (0, 0)),
    lambda t, x: t.flip(x, (2,)),
    lambda t, x: t.fliplr(x[0]),
    lambda t, x: t.flipud(x[0, 0]),
    lambda t, x: t.roll(x, (1, 2)),
    lambda t, x: t.roll(x, ()),
    lambda t, x: t.roll(x, 1, 5),
    lambda t, x: t.roll(x[0, 0], 1, 0),
    lambda t, x: t.roll(x, 1.5),
    lambda t, x: t.rot90(x[0]),
    lambda t, x: t.rot90(x, 1, (0, -2)),
    lambda t, x: t.rot90(x, 1, (0,)),
    lambda t, x: x.repeat(2),
    lambda t, x: x.repeat(-1, 1),
    lambda t, x: x.repeat(2**40, 2**40),
    lambda t, x: t.repeat_interleave(x, -1),
    lambda t, x: t.repeat_interleave(x, t.tensor([1, 2]), 1),
    lambda t, x: t.repeat_interleave(t.tensor([1, -2])),
    lambda t, x: t.repeat_interleave(t.tensor([1.0])),
    lambda t, x: t.repeat_interleave(t.tensor([[1]])),
    lambda t, x: t.repeat_interleave(t.tensor([1, 2]), output_size=4),
    lambda t, x: t.repeat_interleave(x, 2, 0, output_size=5),
    lambda t, x: t.repeat_interleave(x, [1, 2], 0),
]


@pytest.mark.parametrize("call", WRONG)
def test_wrong_arguments_raise_what_torch_raises(torch, call):
    ours, theirs = (outcome(call, t, matrix(t)) for t in (fg, torch))
    assert isinstance(theirs, type)
    assert ours is theirs


CORNERS = [
    lambda t, x: t.cat([t.zeros(0), x.long()]),
    lambda t, x: t.cat([t.zeros(0), t.zeros(0)], 1),
    lambda t, x: t.cat([x.byte(), x.int(), x.bool()], axis=1),
    lambda t, x: t.stack([x, x], axis=-1),
    lambda t, x: t.block_diag(),
    lambda t, x: t.combinations(x[0], r=0),
    lambda t, x: t.cartesian_prod(x[0]),
    lambda t, x: t.flip(x[0, 0], (0,)),
    lambda t, x: t.flip(x, dims=()),
    lambda t, x: t.roll(x, 2**62, 0),
    lambda t, x: t.roll(x, (1, 1), (0, 0)),
    lambda t, x: t.tile(x, dims=()),
    lambda t, x: x.repeat(repeats=(1, 2)),
    lambda t, x: x[0, 0].repeat(2),
    lambda t, x: t.repeat_interleave(x, repeats=2, dim=-1, output_size=6),
    lambda t, x: t.repeat_interleave(x[0, 0], 2),
    lambda t, x: t.atleast_1d(),
    lambda t, x: t.broadcast_tensors(),
    lambda t, x: t.split(t.zeros(0, 3), 0),
    lambda t, x: t.tensor_split(t.arange(7), (5, 2, -1, 100)),
    lambda t, x: t.tensor(3).unfold(0, 1, 1),
    lambda t, x: x.unfold(1, 1, 2**62).shape,
]


@pytest.mark.parametrize("call", CORNERS)
def test_corner_cases_are_those_of_torch(torch, call):
    same(torch, call)


def test_meshgrid_without_indexing_warns_as_torch_does(torch):
    for t in (fg, torch):
        with pytest.warns(UserWarning, match="it will be required to pass the indexing argument"):
            grids = t.meshgrid(t.arange(2), t.arange(3))
        assert grids[0].tolist() == [[0, 0, 0], [1, 1, 1]]


def test_many_tensors_are_joined():
    parts = [fg.full((i % 3, 2), i) for i in range(5000)]
    joined = fg.cat(parts)
    assert joined[:, 0].tolist() == [i for i in range(5000) for _ in range(i % 3)]
    columns = fg.cat([part.t() for part in parts], 1)
    assert columns.t().equal(joined)
