"""Tensors as text: fixed strings, and equality with torch's own printing; HTML previews."""

import math
import random
import sys
import tracemalloc
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad.printing import _format_number, html_repr, set_printoptions, tensor_repr

DTYPES = [
    *("float32", "float64", "float16", "bfloat16"),
    *("int64", "int32", "int16", "int8", "uint8", "bool"),
]
SMALLEST_DENORMAL = 1.401298464324817e-45


@pytest.fixture(autouse=True)
def _default_options():
    yield
    set_both(profile="default")


def set_both(**options):
    """Set the same options here and, where it is in use, in torch."""
    set_printoptions(**options)
    if "torch" in sys.modules:
        sys.modules["torch"].set_printoptions(**options)


def column(*lines):
    return "\n".join(lines)


FIXED = [
    ([1.0, 2.0, -3.0], {}, "tensor([ 1.,  2., -3.])"),
    ([1.0, 2.5], {}, "tensor([1.0000, 2.5000])"),
    ([0.1, 1000.0], {}, "tensor([1.0000e-01, 1.0000e+03])"),
    ([1.0, 1000.0], {}, "tensor([   1., 1000.])"),
    ([1.0, 1001.0], {}, "tensor([1.0000e+00, 1.0010e+03])"),
    ([1e8], {}, "tensor([100000000.])"),
    ([1e8 + 8], {}, "tensor([1.0000e+08])"),
    ([1e8 + 1], {"dtype": fg.float64}, "tensor([1.0000e+08], dtype=torch.float64)"),
    ([0.0, -0.0], {}, "tensor([0., -0.])"),
    ([math.nan, math.inf, -math.inf], {}, "tensor([nan, inf, -inf])"),
    ([1.0, math.nan, -math.inf], {}, "tensor([1., nan, -inf])"),
    ([1.5, math.nan, 0.0], {}, "tensor([1.5000,    nan, 0.0000])"),
    ([SMALLEST_DENORMAL], {}, "tensor([1.4013e-45])"),
    (2.5, {}, "tensor(2.5000)"),
    (3.0, {"requires_grad": True}, "tensor(3., requires_grad=True)"),
    (7, {}, "tensor(7)"),
    (True, {}, "tensor(True)"),
    ([True, False], {}, "tensor([ True, False])"),
    ([1, -20, 300], {}, "tensor([  1, -20, 300])"),
    ([1, 2], {"dtype": fg.int32}, "tensor([1, 2], dtype=torch.int32)"),
    ([0, 255], {"dtype": fg.uint8}, "tensor([  0, 255], dtype=torch.uint8)"),
    ([0.1], {"dtype": fg.float64}, "tensor([0.1000], dtype=torch.float64)"),
    ([0.1, 2.5], {"dtype": fg.float16}, "tensor([0.1000, 2.5000], dtype=torch.float16)"),
    ([0.1, 2.5], {"dtype": fg.bfloat16}, "tensor([0.1001, 2.5000], dtype=torch.bfloat16)"),
    ([-128, 7], {"dtype": fg.int8}, "tensor([-128,    7], dtype=torch.int8)"),
    ([-1, 300], {"dtype": fg.int16}, "tensor([ -1, 300], dtype=torch.int16)"),
    ([], {}, "tensor([])"),
    ([], {"dtype": fg.int64}, "tensor([], dtype=torch.int64)"),
    ([[], []], {}, "tensor([], size=(2, 0))"),
    ([[]], {"dtype": fg.bool}, "tensor([], size=(1, 0), dtype=torch.bool)"),
    ([[1, 2], [3, 40]], {}, "tensor([[ 1,  2],\n        [ 3, 40]])"),
    ([[[1], [2]], [[3], [4]]], {}, column(
        "tensor([[[1],",
        "         [2]],",
        "",
        "        [[3],",
        "         [4]]])",
    )),
]  # fmt: skip


@pytest.mark.parametrize(("values", "how", "expected"), FIXED)
def test_known_text(values, how, expected):
    assert tensor_repr(fg.tensor(values, **how)) == expected


@pytest.mark.parametrize(("values", "how", "expected"), FIXED)
def test_repr_and_str_are_this_text(values, how, expected):
    t = fg.tensor(values, **how)
    assert repr(t) == str(t) == expected


def test_long_lines_are_broken_at_the_line_width():
    expected = column(
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,",
        "        18, 19])",
    )
    assert tensor_repr(fg.arange(20)) == expected


def test_large_tensors_show_their_edges():
    assert tensor_repr(fg.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    expected = column(
        "tensor([[0., 0., 0.,  ..., 0., 0., 0.],",
        "        [0., 0., 0.,  ..., 0., 0., 0.],",
        "        [0., 0., 0.,  ..., 0., 0., 0.],",
        "        ...,",
        "        [0., 0., 0.,  ..., 0., 0., 0.],",
        "        [0., 0., 0.,  ..., 0., 0., 0.],",
        "        [0., 0., 0.,  ..., 0., 0., 0.]])",
    )
    assert tensor_repr(fg.zeros(40, 50)) == expected


def test_edges_decide_the_format():
    x = fg.ones(2000)
    x[1000] = 0.5
    assert tensor_repr(x) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


def test_gradient_suffixes():
    x = fg.ones(2, requires_grad=True)
    assert tensor_repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert tensor_repr(x + 1) == "tensor([2., 2.], grad_fn=<AddBackward0>)"
    assert tensor_repr(x.detach()) == "tensor([1., 1.])"


def test_suffix_that_does_not_fit_starts_a_line():
    x = fg.full((9,), 0.5, dtype=fg.float64, requires_grad=True)
    expected = column(
        "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],",
        "       dtype=torch.float64, requires_grad=True)",
    )
    assert tensor_repr(x) == expected


def test_suffix_breaks_where_torch_breaks():
    x = fg.tensor([0.5], requires_grad=True)
    set_printoptions(linewidth=37)
    assert tensor_repr(x) == "tensor([0.5000], requires_grad=True)"
    set_printoptions(linewidth=36)
    assert tensor_repr(x) == "tensor([0.5000],\n       requires_grad=True)"


def test_default_dtype_is_left_out():
    before = fg.get_default_dtype()
    fg.set_default_dtype(fg.float64)
    try:
        assert tensor_repr(fg.tensor([0.5])) == "tensor([0.5000])"
        short = fg.tensor([0.5], dtype=fg.float32)
        assert tensor_repr(short) == "tensor([0.5000], dtype=torch.float32)"
    finally:
        fg.set_default_dtype(before)


def test_options():
    x = fg.tensor([1.23456, 10.0])
    set_printoptions(precision=2)
    assert tensor_repr(x) == "tensor([ 1.23, 10.00])"
    set_printoptions(sci_mode=True)
    assert tensor_repr(x) == "tensor([1.23e+00, 1.00e+01])"
    set_printoptions(linewidth=10)
    assert tensor_repr(x) == "tensor([ 1.23,\n        10.00])"
    set_printoptions(profile="default", threshold=3, edgeitems=1)
    assert tensor_repr(fg.arange(4)) == "tensor([0,  ..., 3])"
    set_printoptions(edgeitems=0)
    assert tensor_repr(fg.arange(4)) == "tensor([...], size=(4,))"
    set_printoptions(profile="full")
    assert "..." not in tensor_repr(fg.arange(2000))
    set_printoptions(profile="short")
    assert tensor_repr(fg.arange(2000)) == "tensor([   0,    1,  ..., 1998, 1999])"


def test_profile_comes_before_the_other_options():
    set_printoptions(profile="short", precision=5)
    assert tensor_repr(fg.tensor([0.5])) == "tensor([0.50000])"


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "tiny"},
        {"edgeitems": -1},
        {"precision": 1.5},
        {"precision": "a"},
        {"linewidth": math.inf},
        {"threshold": "a"},
        {"threshold": math.nan},
    ],
)
def test_wrong_options_change_nothing(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        set_printoptions(**{"precision": 2, "threshold": 1} | wrong)
    assert tensor_repr(fg.tensor([0.5, 1.0])) == "tensor([0.5000, 1.0000])"


def test_format_of_a_tensor_without_dimensions():
    loss = fg.tensor(0.123456, requires_grad=True)
    assert _format_number(loss, ".3f") == "0.123"
    assert _format_number(fg.tensor(5), ">4") == "   5"
    assert _format_number(fg.tensor(True), "") == "True"
    assert f"{loss * 2:8.2e}" == "2.47e-01"


def test_format_of_a_tensor_with_dimensions():
    x = fg.ones(2)
    assert f"{x}" == _format_number(x, "") == str(x)
    with pytest.raises(TypeError, match=r"unsupported format string .*shape \(2,\)"):
        _format_number(x, ".3f")
    with pytest.raises(ValueError, match="format code"):
        _format_number(fg.tensor(1.0), "q")


def test_format_of_a_parameter():
    p = fg.nn.Parameter(fg.tensor(0.5))
    assert f"{p}" == str(p) == "Parameter containing:\ntensor(0.5000, requires_grad=True)"
    assert _format_number(p, ".1f") == "0.5"


def test_repr_of_a_parameter_a_subclass_and_containers(torch):
    def texts(lib):
        class Image(lib.Tensor):
            pass

        p = lib.nn.Parameter(lib.ones(2, 2))
        x = lib.ones(2, requires_grad=True)
        net = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.ReLU())
        parts = [x, {"a": x * 2}, (p,)]
        return [repr(p), repr(parts), str(parts), repr(net), repr(lib.ones(2).as_subclass(Image))]

    assert texts(fg) == texts(torch)


def test_repr_of_a_view_that_lost_its_base():
    """Its node cannot be made anew; printing it says so."""
    base = fg.ones(4, requires_grad=True) * 1
    view = base[2:]
    base.data = fg.zeros(1)
    with fg.no_grad():
        view.add_(1)
    with pytest.raises(RuntimeError):
        _ = view.grad_fn
    assert repr(view) == "tensor([2., 2.], grad_fn=<Invalid>)"
    assert "grad_fn=&lt;Invalid&gt;" in html_repr(view)


def test_expanded_tensors_beyond_memory_print():
    x = fg.ones(1).expand(1 << 30, 1 << 20)
    assert repr(x).count("1.") == 36


def test_only_the_edges_of_a_big_tensor_are_read():
    x = fg.zeros(1000, 1000)
    tracemalloc.start()
    try:
        tensor_repr(x), html_repr(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000  # a list of all its values alone holds eight times as much


# Equality with torch: its own tensors are passed to our function.

SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, SMALLEST_DENORMAL, 1e-38, 3.4e38, 5e-324,
           1.7e308, 1e-4, 9.9999e-5, 1e8, 1e8 + 8, 0.5, 1e3, 999.99995, 2**24, 2**53]  # fmt: skip
scaled = st.builds(lambda m, e: m * 10.0**e, st.integers(-99999, 99999), st.integers(-12, 9))
numbers = (
    st.sampled_from(SPECIAL)
    | scaled
    | st.floats(width=32)
    | st.floats(-2, 2)
    | st.integers(-3000, 3000).map(float)
    | st.floats()
)
shapes = st.lists(st.integers(0, 8), max_size=4).filter(lambda s: math.prod(s) <= 400)
whole_options = {
    "precision": st.integers(0, 8),
    "threshold": st.sampled_from([0, 5, 20, 100, math.inf]),
    "edgeitems": st.integers(0, 4),
    "linewidth": st.integers(1, 160),
    "profile": st.sampled_from(["default", "short", "full"]),
    "sci_mode": st.sampled_from([None, True, False]),
}
LIMITS = {
    "int64": (-(2**63), 2**63 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int8": (-128, 127),
    "uint8": (0, 255),
}
LARGEST = {"float32": 3.4028235e38, "bfloat16": 3.38e38, "float16": 65504.0, "float64": math.inf}


def values_of(dtype):
    if dtype in LIMITS:
        low, high = LIMITS[dtype]
        return st.integers(low, high) | st.integers(max(low, -99), 99)
    if dtype == "bool":
        return st.booleans()
    return numbers.filter(lambda value: not math.isfinite(value) or abs(value) < LARGEST[dtype])


@st.composite
def contents(draw):
    """A dtype, a shape and as many values, picked from a few that were drawn."""
    dtype, shape = draw(st.sampled_from(DTYPES[:2] + DTYPES)), draw(shapes)
    pool = draw(st.lists(values_of(dtype), min_size=1, max_size=6))
    picker = random.Random(draw(st.integers(0, 99)))
    return dtype, shape, picker.choices(pool, k=math.prod(shape))


def build(lib, dtype, shape, values):
    return lib.tensor(values, dtype=getattr(lib, dtype)).reshape(shape)


@settings(max_examples=1500, deadline=None)
@given(contents())
def test_same_text_as_torch(torch, drawn):
    t = build(torch, *drawn)
    assert tensor_repr(t) == repr(t)


@settings(max_examples=1000, deadline=None)
@given(contents(), st.fixed_dictionaries({}, optional=whole_options))
def test_same_text_as_torch_with_options(torch, drawn, options):
    t = build(torch, *drawn)
    set_both(profile="default")
    set_both(**options)
    assert tensor_repr(t) == repr(t)


@settings(max_examples=300, deadline=None)
@given(contents())
def test_our_tensors_print_as_torch_prints_theirs(torch, drawn):
    assert repr(build(fg, *drawn)) == repr(build(torch, *drawn))


@settings(max_examples=200, deadline=None)
@given(contents(), st.integers(1, 90))
def test_same_gradient_suffixes_as_torch(torch, drawn, linewidth):
    dtype, shape, values = drawn
    set_both(linewidth=linewidth)
    t = build(torch, "float64" if dtype == "float64" else "float32", shape, [0.5] * len(values))
    leaf = t.requires_grad_()
    for shown in (leaf, leaf + 1, leaf.exp().sum(), torch.nn.Parameter(leaf).reshape(-1)):
        assert tensor_repr(shown) == repr(shown)


@pytest.mark.parametrize(
    "shape", [(1001,), (7, 300), (300, 7), (6, 300), (3, 7, 8, 9), (500, 1, 3)]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_summaries_are_torch_s(torch, shape, dtype):
    t = (torch.arange(math.prod(shape)).reshape(shape) * 0.37).to(getattr(torch, dtype))
    assert tensor_repr(t) == repr(t)
    assert tensor_repr(t.transpose(0, -1)) == repr(t.transpose(0, -1))


def test_every_line_width_breaks_as_in_torch(torch):
    t = torch.full((2, 9), 0.5, dtype=torch.float64)
    for linewidth in range(130):
        set_both(linewidth=linewidth)
        for shown in (t, t.clone().requires_grad_(), t[0].clone().requires_grad_() * 2):
            assert tensor_repr(shown) == repr(shown)


@pytest.mark.parametrize("spec", ["", ".3f", ">9", "e", "+.1%"])
def test_same_format_as_torch(torch, spec):
    t = torch.tensor(-1.23456, requires_grad=True)
    assert _format_number(t, spec) == format(t, spec)


class Cells(HTMLParser):
    """The rows of the one table of a piece of HTML, and the text outside it; tags must match."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.text, self.open = [], "", []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] == "td":
            self.rows[-1].append(data)
        else:
            self.text += data


def test_html_of_a_small_matrix():
    seen = Cells(html_repr(fg.tensor([[1.0, 2.5], [-3.0, math.nan]], requires_grad=True)))
    assert (
        seen.text
        == "Tensor shape=(2, 2), dtype=torch.float32, device=cpu, 16 bytes, requires_grad=True"
    )
    assert seen.rows == [["1.0000", "2.5000"], ["-3.0000", "nan"]]


def test_html_shows_at_most_six_rows_and_columns():
    seen = Cells(html_repr(fg.arange(2 * 20 * 30).reshape(2, 20, 30)))
    assert seen.text == (
        "Tensor shape=(2, 20, 30), dtype=torch.int64, device=cpu, 9.4 KiB, showing [0, :, :]"
    )
    assert seen.rows[0] == ["0", "1", "2", "\u2026", "27", "28", "29"]
    assert seen.rows[3] == ["\u2026"]
    assert len(seen.rows) == 7


@pytest.mark.parametrize(
    ("shape", "rows"), [((), [["0"]]), ((3,), [["0"] * 3]), ((0, 3), []), ((2, 0, 3), [])]
)
def test_html_of_other_shapes(shape, rows):
    seen = Cells(html_repr(fg.zeros(shape, dtype=fg.int64)))
    assert seen.rows == rows
    size = 8 * math.prod(shape)
    assert seen.text == f"Tensor shape={shape}, dtype=torch.int64, device=cpu, {size} bytes"


@pytest.mark.parametrize(
    ("elements", "amount"),
    [(256, "1.0 KiB"), (1 << 20, "4.0 MiB"), (1 << 28, "1.0 GiB"), (1 << 48, "1024.0 TiB")],
)
def test_html_tells_the_size(elements, amount):
    assert f"device=cpu, {amount}" in html_repr(fg.zeros(1).expand(elements))


def test_html_is_escaped():
    class Odd:
        def __init__(self, t):
            self._t = t

        def __getattr__(self, name):
            return getattr(self._t, name)

    Odd.__name__ = "<script>"
    assert html_repr(Odd(fg.zeros(0))).startswith("<div><code>&lt;script&gt; shape=(0,)")
