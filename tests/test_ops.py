"""Every row of the op table: values, dtypes, layouts, instruction sets, hostile arguments."""

import os
import subprocess
import sys
from contextlib import suppress
from warnings import catch_warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastgrad as fg
from rows import OPS, activation, special, trigonometry, unary
from strategies import ALL, FLOATS, HALVES, Drawn, Hostile, Large, Sample, samples

pytestmark = pytest.mark.core
every_op = pytest.mark.parametrize("op", OPS, ids=str)
RTOL = {"bfloat16": 2e-2, "float16": 2.5e-3, "float32": 2e-6, "float64": 4e-14}
ISAS = fg._core.build_info()["isas"]


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def assert_close(tensor, expected, scale):
    """Shape and values; a few units in the last place of the dtype, `scale` times."""
    assert tuple(tensor.shape) == expected.shape
    rtol = scale * RTOL.get(name_of(tensor.dtype), 0)
    found = np.asarray(tensor.detach().tolist(), expected.dtype).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)


def functions_of_the_library():
    """The public functions that operate on tensors, each under one of its names."""
    spaces = [(fg, ""), (fg.nn.functional, "nn.functional."), (fg.special, "special.")]
    spaces.append((fg.linalg, "linalg."))
    for space, prefix in spaces:
        for name, value in vars(space).items():
            if getattr(value, "__module__", "").startswith(
                "fastgrad.ops."
            ) and value.__module__ not in (
                "fastgrad.ops.creation",
                "fastgrad.ops.exchange",
                "fastgrad.ops.data",
                "fastgrad.ops.exchange",
                "fastgrad.ops.metadata",
                "fastgrad.ops.ranges",
                "fastgrad.ops.random",
                "fastgrad.ops.dropout",
                "fastgrad.ops.spellings",
            ):
                yield prefix + name, value


def named(path):
    """What the library has under a name, or None."""
    found = fg
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def test_every_function_has_a_row():
    """Creation, random and in-place functions have test files of their own."""
    tested = {named(op.name) for op in OPS}
    elsewhere = {
        *("allclose", "equal", "detach", "broadcast_shapes", "isin", "imag"),
        *("is_complex", "is_conj", "is_neg", "is_nonzero", "is_same_size", "is_signed"),
        "nn.functional.gumbel_softmax",
        # tests/test_embedding_bag.py, test_ctc.py, test_transformer.py
        *("nn.functional.embedding_bag", "nn.functional.ctc_loss"),
        "nn.functional.multi_head_attention_forward",
        # Other forms of what has a row.
        *("svd", "qr", "cholesky", "linalg.cholesky_ex", "linalg.lu_factor_ex", "linalg.eigvals"),
        *("lu", "lu_unpack", "linalg.LinAlgError"),
    }
    missing = {name for name, function in functions_of_the_library() if function not in tested}
    assert {name for name in missing if not name.endswith("_")} <= elsewhere


@given(data=st.data())
def test_comparisons_of_whole_tensors(torch, data):
    sample = data.draw(samples(lambda m: Sample((m.operand((2,)), m.operand((2,)))), "float64"))
    a, b = (operand.values for operand in sample.operands())
    close = a + 1e-9
    for t in (fg, torch):
        x, y = t.tensor(a), t.tensor(b)
        assert t.equal(x, x.clone())
        assert t.equal(x, y) is bool((a == b).all())
        assert t.allclose(x, t.tensor(close)) is True
        assert t.allclose(x, y, rtol=0.1, atol=0.5) is bool(np.allclose(a, b, 0.1, 0.5))
        assert not t.allclose(x, t.tensor([np.nan, 0.0], dtype=t.float64))
        assert t.allclose(x * np.nan, x * np.nan, equal_nan=True)
        assert not t.equal(x, x[:1])


@given(shapes=st.lists(st.lists(st.sampled_from((1, 2, 3)), max_size=3), max_size=3))
def test_broadcast_shapes(shapes):
    try:
        expected = np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        with pytest.raises(RuntimeError, match="broadcast"):
            fg.broadcast_shapes(*shapes)
    else:
        assert fg.broadcast_shapes(*shapes) == expected


@every_op
@given(data=st.data())
def test_values_are_those_of_numpy(op, data):
    dtype = data.draw(st.sampled_from(op.dtypes))
    sample = data.draw(samples(op.make, dtype))
    ours, expected = op(fg, sample), op.expected(sample)
    assert len(ours) == len(expected)
    for tensor, array in zip(ours, expected, strict=True):
        assert_close(tensor, array, op.scale)


@pytest.mark.parametrize("op", [op for op in OPS if "float32" in op.dtypes and op.halves], ids=str)
@settings(max_examples=8)
@given(data=st.data())
def test_values_of_16_bit_floats_are_those_of_numpy(op, data):
    sample = data.draw(samples(op.make, data.draw(st.sampled_from(HALVES))))
    for tensor, array in zip(op(fg, sample), op.expected(sample), strict=True):
        assert_close(tensor, array, op.scale)


@every_op
def test_large_values_are_those_of_numpy(op):
    """Whole blocks and their remainders; the error of a long sum is measured by its largest."""
    sample = op.make(Large(3, op.dtypes[0]))
    for tensor, expected in zip(op(fg, sample), op.expected(sample), strict=True):
        assert tuple(tensor.shape) == expected.shape
        tolerance = (
            20
            * op.scale
            * RTOL.get(name_of(tensor.dtype), 0)
            * np.nanmax(np.abs(expected), initial=1)
        )
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=tolerance, atol=tolerance)


SIZES = st.sampled_from((1, 2, 5, 8, 15, 16, 17, 31, 33, 48, 64, 65, 97, 130, 257, 300))


@settings(max_examples=60)
@given(m=SIZES, k=SIZES, n=SIZES, data=st.data())
def test_products_of_any_size_are_those_of_numpy(m, k, n, data):
    maker = Drawn(data.draw, data.draw(st.sampled_from(FLOATS)))
    a, b, bias = (maker.operand(shape) for shape in ((m, k), (k, n), (n,)))
    x, y = a.tensor(fg), b.tensor(fg)
    expected = a.values.astype(float) @ b.values.astype(float)
    assert_close(x @ y, expected, 100)
    assert_close(y.t() @ x.t(), expected.T, 100)
    assert_close(fg.nn.functional.linear(x, y.t(), bias.tensor(fg)), expected + bias.values, 100)


@every_op
@given(data=st.data())
def test_results_are_those_of_torch(torch, op, data):
    if not op.torch or (not hasattr(torch, op.name.split(".")[0]) and op.call is None):
        pytest.skip("no such function in PyTorch")
    sample = data.draw(samples(op.make, data.draw(st.sampled_from(op.dtypes))))
    with catch_warnings(action="ignore"):  # of variances without degrees of freedom
        theirs = op(torch, sample)
    for tensor, expected in zip(op(fg, sample), theirs, strict=True):
        assert name_of(tensor.dtype) == name_of(expected.dtype)
        assert_close(tensor, expected.numpy(), op.scale)


@every_op
@settings(max_examples=12)
@given(data=st.data())
def test_dtypes_are_accepted_as_in_torch(torch, op, data):
    """For every dtype that PyTorch accepts, the dtype of its result."""
    if not op.torch:
        pytest.skip("no such function in PyTorch")
    sample = data.draw(samples(op.make, data.draw(st.sampled_from(ALL + HALVES))))
    assume(all(operand.values.size for operand in sample.operands()))  # PyTorch checks less there
    theirs = dtypes_of_results(op, torch, sample)
    if theirs is not None:
        assert dtypes_of_results(op, fg, sample) == theirs


def dtypes_of_results(op, lib, sample):
    """The dtypes of what the operation returns; None where it raises an error."""
    try:
        with catch_warnings(action="ignore"):
            return [name_of(result.dtype) for result in op(lib, sample)]
    except (RuntimeError, TypeError, ValueError, IndexError):
        return None


@every_op
@settings(max_examples=40)
@given(data=st.data())
def test_arguments_that_do_not_fit_never_crash(op, data):
    """Whatever comes, the answer is a result or one of the documented exceptions."""
    try:
        sample = data.draw(samples(op.make, data.draw(st.sampled_from(ALL)), Hostile))
    except (IndexError, ValueError, ZeroDivisionError):
        assume(False)
    with suppress(RuntimeError, TypeError, ValueError, IndexError), catch_warnings(action="ignore"):
        op(fg, sample)


SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    np.inf,
    -np.inf,
    np.nan,
    1e-40,
    1e-300,
    3e38,
    -3e38,
    1e300,
    88.8,
    -104.0,
    710.0,
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "op",
    [*unary.SMOOTH, *trigonometry.SMOOTH, *special.SMOOTH, *activation.SMOOTH],
    ids=str,
)
def test_unary_functions_at_special_numbers(op, dtype):
    with np.errstate(all="ignore"):
        numbers = np.array(SPECIAL * 3, dtype)
        expected = np.asarray(op.reference(numbers.astype(np.float64)))
        expected = expected.astype(dtype)
    found = np.asarray(op.function(fg)(fg.tensor(numbers)).tolist())
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(
        found, expected, rtol=2e-6 if dtype == "float32" else 1e-13, atol=tiny
    )


@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != fg._core.build_info()["isa"]])
def test_values_with_every_instruction_set(isa):
    """The value tests above, in a process that is made to use one instruction set."""
    if os.environ.get("FASTGRAD_ISA"):
        pytest.skip("an instruction set is forced already")
    environment = os.environ | {"FASTGRAD_ISA": isa, "HYPOTHESIS_PROFILE": "quick"}
    report = [sys.executable, "-c", "import fastgrad as f; print(f._core.build_info()['isa'])"]
    assert subprocess.check_output(report, env=environment, text=True).strip() == isa
    # Not the large ones of functions whose references are loops of Python.
    slow = "large and (zeta or polygamma or digamma or ndtri or erfinv or special.i)"
    chosen = f"(numpy or special) and not ({slow})"
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-x", "-k", chosen]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout[-3000:]
