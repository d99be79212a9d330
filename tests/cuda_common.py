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
    a, b = (np.asarray(t.detach().cpu().tolist()) for t in (found, expected))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
