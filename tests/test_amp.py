"""Mixed precision: autocast and GradScaler."""

import math
import warnings

import pytest

import fastgrad as fg
import fastgrad.nn.functional as F
from fastgrad import nn
from fastgrad.utils.checkpoint import checkpoint

needs_cuda = pytest.mark.skipif(not fg.cuda.is_available(), reason="needs a CUDA device")
HALVES = [fg.float16, fg.bfloat16]


def cuda(*size, dtype=fg.float32):
    count = math.prod(size)
    return (fg.arange(count) % 5 - 2).reshape(size).to(dtype).cuda()


@pytest.mark.skipif(fg.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_it_is_off():
    with pytest.warns(UserWarning, match="CUDA is not available. Disabling"):
        block = fg.amp.autocast("cuda")
    with block:
        assert not fg.is_autocast_enabled()
    with pytest.warns(UserWarning, match="CUDA is not available. Disabling"):
        scaler = fg.amp.GradScaler("cuda")
    assert not scaler.is_enabled()
    assert scaler.get_scale() == 1.0


def test_on_the_cpu_it_is_refused():
    for make in (fg.amp.autocast, fg.amp.GradScaler):
        with pytest.raises(RuntimeError, match="cpu"):
            make("cpu")
        make("cpu", enabled=False)
    assert not fg.amp.is_autocast_available("cpu")


def test_what_is_asked_outside_of_blocks():
    assert not fg.is_autocast_enabled()
    assert fg.get_autocast_dtype("cuda") is fg.float16
    assert fg.is_autocast_cache_enabled()
    fg.clear_autocast_cache()


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
def test_products_are_in_16_bits(dtype):
    a, b = cuda(4, 4), cuda(4, 4)
    x, w = cuda(1, 2, 5, 5), cuda(3, 2, 3, 3)
    with fg.amp.autocast("cuda", dtype=dtype):
        assert fg.is_autocast_enabled("cuda")
        assert fg.get_autocast_dtype("cuda") is dtype
        found = [
            a @ b,
            a.matmul(other=b),
            fg.mm(a, b),
            F.linear(a, b, b[0]),
            fg.addmm(b, a, b),
            fg.einsum("ij,jk->ik", a, b),
            fg.matmul(a, b.to(dtype)),
        ]
        filtered = F.conv2d(x, w)
    assert all(y.dtype is dtype for y in [*found, filtered])
    assert found[0].equal(a.to(dtype) @ b.to(dtype))
    assert found[3].equal(F.linear(a.to(dtype), b.to(dtype), b[0].to(dtype)))
    assert (a @ b).dtype is fg.float32


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
def test_what_needs_range_is_in_float32(dtype):
    x = cuda(3, 4, dtype=dtype)
    target = fg.tensor([0, 1, 2]).cuda()
    with fg.amp.autocast("cuda", dtype=dtype):
        found = [
            F.softmax(x, 1),
            F.log_softmax(x, 1),
            F.cross_entropy(x, target),
            F.mse_loss(x, x),
            F.layer_norm(x, (4,)),
            x.exp(),
            (x + 3).log(),
            x.pow(2),
            x.sum(),
            x.sum(1, keepdim=True),
            x.cumsum(0),
            x.norm(),
        ]
        assert all(y.dtype is fg.float32 for y in found)
        assert found[0].equal(F.softmax(x.float(), 1))
        for y in (x + x, x.mean(), F.relu(x), x.t(), fg.cat([x, x])):
            assert y.dtype is dtype
        assert (x + x.float()).dtype is fg.float32
        assert fg.cat([x, x.float()]).dtype is fg.float32
        assert fg.addcmul(x, x.float(), x).dtype is fg.float32


@needs_cuda
def test_what_it_leaves_alone():
    a, b = cuda(2, 2, dtype=fg.float64), cuda(2, 2, dtype=fg.float64)
    whole = fg.ones(2, 2, dtype=fg.int64)
    with fg.amp.autocast("cuda"):
        assert (a @ b).dtype is fg.float64
        assert (a.cpu() @ b.cpu()).dtype is fg.float64
        assert (fg.ones(2, 2) @ fg.ones(2, 2)).dtype is fg.float32  # of the CPU
        assert (whole @ whole).dtype is fg.int64


@needs_cuda
def test_blocks_in_blocks():
    a = cuda(2, 2)
    with fg.amp.autocast("cuda", dtype=fg.bfloat16):
        with fg.amp.autocast("cuda", enabled=False):
            assert (a @ a).dtype is fg.float32
            with fg.amp.autocast("cuda"):
                assert (a @ a).dtype is fg.float16
        assert (a @ a).dtype is fg.bfloat16
        with pytest.raises(KeyError), fg.cuda.amp.autocast():
            raise KeyError
        assert (a @ a).dtype is fg.bfloat16
    assert not fg.is_autocast_enabled()

    @fg.amp.autocast("cuda")
    def product(x):
        return x @ x

    assert product(a).dtype is fg.float16
    with pytest.warns(UserWarning, match="not supported"):
        block = fg.amp.autocast("cuda", dtype=fg.float64)
    with block:
        assert (a @ a).dtype is fg.float32


@needs_cuda
def test_binary_cross_entropy_is_refused():
    x = cuda(3).sigmoid()
    with fg.amp.autocast("cuda"), pytest.raises(RuntimeError, match="unsafe to autocast"):
        F.binary_cross_entropy(x, x)
    with fg.amp.autocast("cuda"):
        assert F.binary_cross_entropy_with_logits(x.half(), x).dtype is fg.float32


@needs_cuda
def test_parameters_are_cast_once():
    w = cuda(4, 4).requires_grad_()
    x = cuda(4, 4)
    with fg.amp.autocast("cuda"):
        first, second = x @ w, x @ w
        casts = {y.grad_fn.next_functions[1][0] for y in (first, second)}
        assert len(casts) == 1
        (first.float() + second.float()).sum().backward()
        grad = w.grad.clone()
        with fg.no_grad():
            w.add_(1)
            changed = x @ w
        assert changed.equal(x.half() @ w.half())
    assert w.grad.dtype is fg.float32
    assert grad.equal(2 * (x.half().t() @ fg.ones(4, 4).half().cuda()).float())
    with fg.amp.autocast("cuda", cache_enabled=False):
        assert not fg.is_autocast_cache_enabled()
        found = {(x @ w).grad_fn.next_functions[1][0] for _ in range(2)}
    assert len(found) == 2


@needs_cuda
def test_a_network_learns():
    fg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)).cuda()
    optimizer = fg.optim.SGD(model.parameters(), lr=0.1)
    scaler = fg.amp.GradScaler("cuda", init_scale=128.0)
    x, target = cuda(30, 4), (fg.arange(30) % 3).cuda()
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        with fg.amp.autocast("cuda"):
            out = model(x)
            loss = F.cross_entropy(out, target)
        assert out.dtype is fg.float16
        assert loss.dtype is fg.float32
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.dtype is p.grad.dtype is fg.float32 for p in model.parameters())


@needs_cuda
def test_checkpoints_run_again_as_they_ran():
    w = cuda(4, 4).requires_grad_()
    x = cuda(4, 4).requires_grad_()

    def layer(x):
        return F.softmax(x @ w, 1) @ w

    grads = []
    for run in (layer, lambda x: checkpoint(layer, x, use_reentrant=False)):
        w.grad = x.grad = None
        with fg.amp.autocast("cuda", dtype=fg.bfloat16):
            loss = run(x).float().sum()
        loss.backward()
        grads.append((w.grad.tolist(), x.grad.tolist()))
    assert grads[0] == grads[1]


@needs_cuda
def test_custom_functions():
    class Product(fg.autograd.Function):
        @staticmethod
        @fg.amp.custom_fwd(device_type="cuda")
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a @ b

        @staticmethod
        @fg.amp.custom_bwd(device_type="cuda")
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            seen.append((grad @ b.t()).dtype)
            return (grad @ b.t()).float(), (a.t() @ grad).float()

    class InFloat32(fg.autograd.Function):
        @staticmethod
        @fg.amp.custom_fwd(device_type="cuda", cast_inputs=fg.float32)
        def forward(ctx, a):
            seen.append(((a @ a).dtype, a.dtype, fg.is_autocast_enabled()))
            return a * 2

        @staticmethod
        @fg.amp.custom_bwd(device_type="cuda")
        def backward(ctx, grad):
            return grad * 2

    seen = []
    a, b = cuda(2, 2).requires_grad_(), cuda(2, 2).requires_grad_()
    with fg.amp.autocast("cuda"):
        out = Product.apply(a, b)
    assert out.dtype is fg.float16
    out.sum().backward()
    assert seen == [fg.float16]
    seen.clear()
    with fg.amp.autocast("cuda"):
        InFloat32.apply(a.half())
    assert seen == [(fg.float32, fg.float32, False)]


def leaf(values):
    x = fg.zeros(len(values), device="cuda", requires_grad=True)
    x.grad = fg.tensor(values).cuda()
    return x


@needs_cuda
def test_steps_with_infinite_gradients_are_left_out():
    for bad in (math.inf, -math.inf, math.nan):
        good, spoilt = leaf([256.0, 512.0]), leaf([1.0, bad])
        scaler = fg.amp.GradScaler("cuda", init_scale=256.0, growth_interval=2)
        optimizer = fg.optim.SGD([good, spoilt], lr=1.0)
        scaler.step(optimizer)
        scaler.update()
        assert good.tolist() == [0, 0]
        assert scaler.get_scale() == 128.0
        spoilt.grad = fg.zeros(2).cuda()
        good.grad = fg.tensor([128.0, 256.0]).cuda()
        for scale in (128.0, 256.0):
            scaler.step(optimizer)
            scaler.update()
            assert scaler.get_scale() == scale
        assert good.tolist() == [-1 - 1 / 128, -2 - 2 / 128]


@needs_cuda
def test_unscaled_gradients_can_be_clipped():
    x = leaf([512.0, 0.0])
    optimizer = fg.optim.SGD([x], lr=1.0)
    scaler = fg.amp.GradScaler("cuda", init_scale=256.0)
    scaler.unscale_(optimizer)
    assert x.grad.tolist() == [2, 0]
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_([x], 1.0)
    scaler.step(optimizer)
    assert x[0].item() == pytest.approx(-1, abs=1e-5)
    with pytest.raises(RuntimeError, match="step"):
        scaler.step(optimizer)
    scaler.update()
    with pytest.raises(RuntimeError, match="No inf checks"):
        scaler.update()


@needs_cuda
def test_scaler_states():
    scaler = fg.amp.GradScaler("cuda", init_scale=8.0, growth_interval=1)
    two = scaler.scale([fg.ones(1).cuda(), fg.ones(1).cuda()])
    assert [x.item() for x in two] == [8, 8]
    optimizer = fg.optim.SGD([leaf([1.0])], lr=1.0)
    scaler.step(optimizer)
    scaler.update()
    other = fg.cuda.amp.GradScaler()
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    assert other.get_scale() == 16.0
    other.update(4.0)
    assert other.get_scale() == 4.0
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})
    for wrong in ({"growth_factor": 1.0}, {"backoff_factor": 1.0}):
        with pytest.raises(ValueError, match="factor"):
            fg.amp.GradScaler("cuda", **wrong)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, lambda: 0)
    half = fg.zeros(1, device="cuda", dtype=fg.float16, requires_grad=True)
    half.grad = fg.ones_like(half)
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(fg.optim.SGD([half], lr=1.0))


def test_a_scaler_that_is_off_changes_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaler = fg.amp.GradScaler("cuda", enabled=False)
    x = fg.zeros(1, requires_grad=True)
    x.grad = fg.ones(1)
    optimizer = fg.optim.SGD([x], lr=1.0)
    assert scaler.scale(x) is x
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert x.item() == -1
    assert scaler.state_dict() == {}
