"""Elementary functions against wider arithmetic: every exponent, both signs, special numbers.

The bounds are units in the last place; docs/performance.md has the same table.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastgrad as fg

# For float32 (against float64) and for float64 (against 80-bit numbers).
BOUNDS = {
    "exp": (1.2, 1.2),
    "exp2": (1.2, 1.3),
    "expm1": (1.8, 2.1),
    "log": (0.9, 1.0),
    "log2": (1.8, 1.7),
    "log10": (0.6, 1.9),
    "log1p": (0.6, 1.5),
    "tanh": (2.1, 2.2),
    "sin": (1.5, 0.9),
    "cos": (1.5, 0.9),
    "tan": (2.6, 2.3),
    "asin": (2.4, 2.3),
    "acos": (1.2, 1.3),
    "atan": (2.0, 1.9),
    "sinh": (0.6, 2.0),
    "cosh": (0.6, 2.0),
    "asinh": (0.6, 2.0),
    "acosh": (0.6, 2.0),
    "atanh": (0.6, 2.0),
    "sqrt": (0.51, 0.51),
}
INVERSE = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
INVERSE |= {"asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}


def sweep(kind: type[np.floating], per_exponent: int) -> np.ndarray:
    """Numbers with random mantissas of every exponent, subnormal ones too, and the special ones."""
    info = np.finfo(kind)
    rng = np.random.default_rng(7)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    with np.errstate(over="ignore"):
        mantissas = 1 + rng.random((len(exponents), per_exponent))
        sizes = np.ldexp(mantissas, exponents[:, None]).astype(kind).reshape(-1)
    close = rng.uniform(-3, 3, 20000).astype(kind)
    special = np.array([0.0, 1.0, 0.5, info.tiny, info.max, np.inf, np.nan], kind)
    return np.concatenate([sizes, -sizes, close, special, -special])


def worst_error(got: np.ndarray, want: np.ndarray, kind: type[np.floating]) -> float:
    """In units in the last place; infinite where a special number is not what it should be."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = want.astype(kind)
        special = ~np.isfinite(rounded) | (rounded == 0)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        # The largest number and infinity are neighbours, as are the smallest one and 0.
        edge = np.nextafter(rounded, np.where(rounded == 0, got, kind(0)), dtype=kind) == got
        if not np.all((same | edge)[special]):
            return math.inf
        unit = np.spacing(np.abs(rounded)).astype(want.dtype)
        errors = np.abs(got.astype(want.dtype) - want) / unit
        errors = np.where(np.isinf(got), 0, errors)
    return float(np.nanmax(np.where(special, 0, errors)))


def reference(name: str, x: np.ndarray, wide: type[np.floating]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return getattr(np, INVERSE.get(name, name))(x.astype(wide))


@pytest.mark.parametrize("name", BOUNDS)
def test_float32_is_within_its_bound(name: str) -> None:
    x = sweep(np.float32, 200)
    error = worst_error(
        getattr(fg, name)(fg.tensor(x)).numpy(), reference(name, x, np.float64), np.float32
    )
    assert error <= BOUNDS[name][0]


@pytest.mark.parametrize("name", BOUNDS)
def test_float64_is_within_its_bound(name: str) -> None:
    if np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant:
        pytest.skip("this platform's long double is no wider than double")
    x = sweep(np.float64, 20)
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > 2.0**60)]  # the 80-bit functions know little of larger angles
    error = worst_error(
        getattr(fg, name)(fg.tensor(x)).numpy(), reference(name, x, np.longdouble), np.float64
    )
    assert error <= BOUNDS[name][1]


@pytest.mark.parametrize(("name", "bound"), [("erf", 1.3), ("erfc", 0.6)])
def test_error_functions_of_float32(name: str, bound: float) -> None:
    x = sweep(np.float32, 50)
    want = np.array([getattr(math, name)(v) for v in x.tolist()])
    assert worst_error(getattr(fg, name)(fg.tensor(x)).numpy(), want, np.float32) <= bound


@pytest.mark.parametrize(("name", "bound"), [("erf", 2.0), ("erfc", 5.0)])
def test_error_functions_of_float64(name: str, bound: float) -> None:
    x = np.concatenate([sweep(np.float64, 4), np.linspace(-28, 28, 40001)])
    want = np.array([getattr(math, name)(v) for v in x.tolist()])  # itself within a unit
    assert worst_error(getattr(fg, name)(fg.tensor(x)).numpy(), want, np.float64) <= bound


def test_sigmoid_of_float32() -> None:
    x = sweep(np.float32, 200)
    with np.errstate(over="ignore"):
        want = 1 / (1 + np.exp(-x.astype(np.float64)))
    assert worst_error(fg.sigmoid(fg.tensor(x)).numpy(), want, np.float32) <= 2.4


@pytest.mark.parametrize("name", ["pow", "fmod", "remainder", "atan2", "hypot"])
def test_binary_functions_of_float32(name: str) -> None:
    rng = np.random.default_rng(3)
    x = sweep(np.float32, 20)
    y = rng.permutation(x)
    near = rng.uniform(-20, 20, (2, 20000)).astype(np.float32)
    a, b = np.concatenate([x, near[0]]), np.concatenate([y, near[1]])
    numpys = {"pow": "power", "atan2": "arctan2"}.get(name, name)
    with np.errstate(all="ignore"):
        want = getattr(np, numpys)(a.astype(np.float64), b.astype(np.float64))
        if name == "remainder":  # NumPy has no NaN-free answer for infinite divisors
            finite = np.isfinite(b)
            a, b, want = a[finite], b[finite], want[finite]
    got = getattr(fg, name)(fg.tensor(a), fg.tensor(b)).numpy()
    assert worst_error(got, want, np.float32) <= 1.01


def test_an_element_has_the_same_bits_wherever_it_lies() -> None:
    x = fg.linspace(-9, 9, 1000)
    for name in (*BOUNDS, "erf", "erfc", "sigmoid"):
        whole = getattr(fg, name)(x).numpy()
        for start, length in ((0, 1), (5, 17), (993, 7), (13, 250)):
            part = getattr(fg, name)(x[start : start + length].clone()).numpy()
            np.testing.assert_array_equal(part, whole[start : start + length])
