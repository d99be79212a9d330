"""Comparing a tensor with PyTorch's."""

import numpy as np


def name_of(dtype):
    """The name of a dtype of either library."""
    return str(dtype).removeprefix("torch.")


def assert_same(ours, theirs, exact=True):
    """Dtype, shape and numbers; without `exact`, up to rounding."""
    assert name_of(ours.dtype) == name_of(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    found, expected = ours.detach().numpy(), theirs.detach().numpy()
    if exact:
        np.testing.assert_array_equal(found, expected)
    else:
        tolerance = 1e-5 if expected.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def outcome(function, *args):
    """What a call gives, or the type of the exception that it raises."""
    try:
        return function(*args)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return type(error)
