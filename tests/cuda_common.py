"""What the tests of CUDA kernels share: the same on the CPU and on a device, compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import fastgrad as torch

if TYPE_CHECKING:
    from collections.abc import Callable

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device or a build with the emulation of one"
)


def random(*shape: int, seed: int = 0, dtype: Any = torch.float32, scale: float = 1.0) -> Any:
    """Normal numbers on the CPU."""
    numbers = np.random.default_rng(seed).normal(size=shape) * scale
    return torch.tensor(numbers, dtype=dtype)


def run(f: Callable[..., Any], inputs: tuple[Any, ...], device: str) -> list[Any]:
    """The results of f, and the gradients of the inputs that require them, as arrays."""
    own = [
        x.detach().to(device).requires_grad_(x.requires_grad) if isinstance(x, torch.Tensor) else x
        for x in inputs
    ]
    found = f(*own)
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    assert all(r.device.type == device for r in results)
    roots = [r for r in results if r.requires_grad]
    if roots:
        upstream = [random(*r.shape, seed=i, dtype=r.dtype).to(device) for i, r in enumerate(roots)]
        torch.autograd.backward(roots, upstream)
    grads = [x.grad for x in own if isinstance(x, torch.Tensor) and x.requires_grad]
    return [t if t is None else t.detach().cpu().numpy() for t in results + grads]


def compare(f: Callable[..., Any], *inputs: Any, rtol: float = 1e-5, atol: float = 1e-5) -> None:
    """That f gives the same on CPU and device, with its gradients, and twice the same bits."""
    expected, found = run(f, inputs, "cpu"), run(f, inputs, "cuda")
    again = run(f, inputs, "cuda")
    assert len(expected) == len(found)
    for a, b, c in zip(expected, found, again, strict=True):
        if a is None:
            assert b is None
            continue
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=rtol, atol=atol)
        np.testing.assert_array_equal(b, c)
