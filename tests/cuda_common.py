"""What the tests of CUDA devices share: when they are skipped, and comparisons with the CPU."""

import numpy as np
import pytest

import fastgrad as fg

needs_cuda = pytest.mark.skipif(
    not fg.cuda.is_available(), reason="needs a CUDA device, and a build that knows it"
)


def on_cuda(function, *args, **options):
    """What a function makes where new tensors go to the CUDA device."""
    with fg.device("cuda"):
        return function(*args, **options)


def assert_same(found, expected, scale=1.0):
    """A result of the device and that of the CPU: kind, shape, and values up to rounding."""
    assert found.device.type == "cuda"
    assert found.dtype is expected.dtype
    assert tuple(found.shape) == tuple(expected.shape)
    rtol = {"float64": 1e-12, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}
    tolerance = scale * rtol.get(str(expected.dtype).removeprefix("torch."), 0)
    np.testing.assert_allclose(array(found), array(expected), rtol=tolerance, atol=tolerance)


def array(t):
    """A tensor's numbers, floats as float64."""
    t = t.detach().cpu()
    return (t.double() if t.dtype.is_floating_point else t).numpy()


def random(*shape, seed=0, dtype=fg.float32, scale=1.0):
    """Normal numbers on the CPU."""
    numbers = np.random.default_rng(seed).normal(size=shape) * scale
    return fg.tensor(numbers, dtype=dtype, device="cpu")


def results_on(device, function, inputs):
    """What a function gives there, and the gradients of the inputs that require them: arrays."""
    own = [
        x.detach().to(device).requires_grad_(x.requires_grad) if isinstance(x, fg.Tensor) else x
        for x in inputs
    ]
    found = function(*own)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    assert all(r.device.type == device for r in results)
    roots = [r for r in results if r.requires_grad]
    if roots:
        upstream = [random(*r.shape, seed=i, dtype=r.dtype).to(device) for i, r in enumerate(roots)]
        fg.autograd.backward(roots, upstream)
    grads = [x.grad for x in own if isinstance(x, fg.Tensor) and x.requires_grad]
    return [t if t is None else t.detach().cpu().numpy() for t in results + grads]


def compare(function, *inputs, rtol=1e-5, atol=1e-5):
    """That a function and its gradients are the same on CPU and device, and twice the same bits."""
    expected, found = results_on("cpu", function, inputs), results_on("cuda", function, inputs)
    again = results_on("cuda", function, inputs)
    for a, b, c in zip(expected, found, again, strict=True):
        if a is None:
            assert b is None
            continue
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=rtol, atol=atol)
        np.testing.assert_array_equal(b, c)
