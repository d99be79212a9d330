"""Comparing a tensor with PyTorch's."""

import numpy as np

from fastgrad import _core


def name_of(dtype):
    """The name of a dtype of either library."""
    return str(dtype).removeprefix("torch.")


# The 16-bit dtypes to one unit in the last place.
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 2**-10, "bfloat16": 2**-7}


def array_of(tensor):
    """The numbers of a tensor as an array; NumPy has no bfloat16."""
    return (
        tensor.detach().float() if "float16" in name_of(tensor.dtype) else tensor.detach()
    ).numpy()


def assert_same(ours, theirs, exact=True):
    """Dtype, shape and numbers; without `exact`, up to rounding."""
    assert name_of(ours.dtype) == name_of(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    found, expected = array_of(ours), array_of(theirs)
    if exact:
        np.testing.assert_array_equal(found, expected)
    else:
        tolerance = TOLERANCE.get(name_of(theirs.dtype), 0)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def outcome(function, *args):
    """What a call gives, or the type of the exception that it raises."""
    try:
        return function(*args)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return type(error)


def same_roundings(torch):
    """Whether both libraries run kernels that multiply and add with one rounding, or neither."""
    plain = torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512")
    return plain == (_core.build_info()["isa"] == "baseline")
