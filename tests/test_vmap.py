"""vmap computes all samples together: the results must be those of a loop over the samples.

Every row of the op table is evaluated under vmap with some of its operands mapped and the others
shared, and so is its gradient.
"""

from contextlib import suppress
from math import prod
from random import Random
from warnings import catch_warnings, simplefilter

import pytest

import fastgrad as fg
from fastgrad.func import grad, jacfwd, jacrev, vmap
from rows import OPS
from strategies import Small, SmallSmooth

pytestmark = [
    pytest.mark.core,
    pytest.mark.filterwarnings("ignore:There is a performance drop"),
]

DIFFERENTIABLE = [op for op in OPS if op.differentiable]

# The operations without a rule, which vmap evaluates for one sample after the other.
LOOPED = {
    *("cov", "quantile", "nanquantile", "searchsorted", "bucketize", "tensor_split", "as_strided"),
    *("unique", "unique dim", "unique_consecutive", "unique_consecutive dim"),
    *("repeat_interleave alone", "index_put", "put", "scatter", "scatter number", "index_copy"),
    *("select_scatter", "slice_scatter", "diagonal_scatter", "slogdet", "logdet", "inverse"),
    *("batch_norm", "batch_norm evaluated", "pinverse", "lu_solve", "cholesky_inverse"),
    # Where only the index is mapped, or an operand has no dimensions:
    *("cummax", "cummin", "sort", "msort", "topk", "index_select 0-d", "index_add", "index_fill"),
    *("scatter_add", "scatter reduce", "scatter 0-d", "index_put adding", "put adding"),
    *(f"scatter_reduce {how}" for how in ("sum", "prod", "mean", "amax", "amin")),
    *(f"index_reduce {how}" for how in ("prod", "mean", "amax", "amin")),
    *("index_add plain", "masked_scatter", "nn.functional.multilabel_margin_loss"),
    *("nn.functional.max_unpool1d", "nn.functional.max_unpool2d", "nn.functional.max_unpool3d"),
    "masked_select",  # of masks without dimensions
    # Where the weights of the classes are mapped:
    *("nn.functional.cross_entropy", "cross_entropy smoothed", "cross_entropy of learned weights"),
}

# Their shapes or results depend on the numbers of a sample.
DEPENDENT = {
    *("bincount", "histc", "histogram", "histogram of edges"),
    *("nonzero", "nonzero as_tuple", "argwhere", "where alone"),
    *("masked_select", "masked_scatter"),  # where the mask is mapped
}


def is_looped(op):
    return str(op) in LOOPED or str(op).startswith("linalg.")


class Mapped:
    """An operation and a sample as a function of its tensors, some of which are mapped."""

    def __init__(self, op, sample, random):
        self.op, self.sample = op, sample
        tensors = [o.tensor(fg).detach() for o in sample.operands()]
        self.in_dims = tuple(
            None if random.random() < 0.3 else random.choice([0, x.dim()]) for x in tensors
        )
        self.args = [
            x if dim is None else fg.stack([x, x.flip(tuple(range(x.dim())))], dim)
            for x, dim in zip(tensors, self.in_dims, strict=True)
        ]
        self.wanted = tuple(i for i, o in enumerate(sample.operands()) if o.wants_gradient)

    def __call__(self, *tensors):
        rest = iter(tensors)
        return tuple(self.op(fg, self.sample, lambda o: next(rest)))

    def gradient(self, *tensors):
        return grad(self.value, argnums=self.wanted)(*tensors)

    def value(self, *tensors):
        """A number made of the outputs."""
        total = fg.zeros((), dtype=fg.float64)
        for y in self(*tensors):
            if y.dtype.is_floating_point:
                weights = fg.linspace(0.5, 1.5, y.numel(), dtype=y.dtype)
                total = total + (y * weights.view(y.shape)).sum()
        return total

    def expected(self, function):
        """The results of a loop, or None where the sample does not suit the operation."""
        rows = [
            [
                x if d is None else x.select(d, i)
                for x, d in zip(self.args, self.in_dims, strict=True)
            ]
            for i in range(2)
        ]
        try:
            found = [function(*row) for row in rows]
        except (RuntimeError, ValueError, IndexError, TypeError):
            return None
        first, second = ([y.shape for y in parts] for parts in found)
        return found if first == second else None


def cases(op):
    """Suitable samples of an operation."""
    dtype = "float64" if "float64" in op.dtypes else op.dtypes[0]
    for seed in range(6):
        sample = op.make((SmallSmooth if op.differentiable else Small)(seed, dtype))
        if op.is_smooth(sample) and sample.operands():
            mapped = Mapped(op, sample, Random(seed))
            if any(dim is not None for dim in mapped.in_dims):
                yield mapped


def check(op, mapped, function):
    expected = mapped.expected(function)
    if expected is None:
        return
    with catch_warnings():
        simplefilter("ignore" if is_looped(op) else "error")
        try:
            found = vmap(function, in_dims=mapped.in_dims)(*mapped.args)
        except RuntimeError as error:
            if str(op) in DEPENDENT and "depends on" in str(error):
                return
            raise
    for i, part in enumerate(found):
        for sample, values in zip(part.unbind(0), expected, strict=True):
            assert (sample.dtype, sample.shape) == (values[i].dtype, values[i].shape)
            assert fg.allclose(sample, values[i], rtol=1e-9, atol=1e-11, equal_nan=True)


@pytest.mark.parametrize("op", OPS, ids=str)
def test_results_are_those_of_the_loop(op):
    for mapped in cases(op):
        check(op, mapped, mapped)


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=str)
def test_gradients_are_those_of_the_loop(op):
    for mapped in cases(op):
        if mapped.wanted:
            check(op, mapped, mapped.gradient)


@pytest.mark.parametrize("op", [op for op in DIFFERENTIABLE if str(op) not in DEPENDENT], ids=str)
def test_outer_gradients_pass_through(op):
    """The gradient of a sum over samples, by grad of vmap, is the sum of the samples' gradients."""
    for mapped in cases(op):
        shared = [i for i in mapped.wanted if mapped.in_dims[i] is None]
        expected = mapped.expected(mapped.gradient) if shared else None
        if expected is None:
            continue
        with catch_warnings(action="ignore"):
            found = grad(
                lambda *args, m=mapped: vmap(m.value, in_dims=m.in_dims)(*args).sum(), shared[0]
            )(*mapped.args)
        at = mapped.wanted.index(shared[0])
        assert fg.allclose(found, expected[0][at] + expected[1][at], rtol=1e-9, equal_nan=True)


# What is special about single operations


def data(t):
    return t.arange(24.0, dtype=t.float64).view(2, 3, 4) / 7 - 1.5


def per_sample_of_a_model(t):
    F = t.nn.functional
    shapes = {"conv": (2, 1, 3, 3), "b": (2,), "w": (5, 18), "c": (5,), "scale": (5,)}
    params = {
        name: t.linspace(-1, 1, prod(shape), dtype=t.float64).view(shape)
        for name, shape in shapes.items()
    }
    x = t.linspace(-1, 1, 256, dtype=t.float64).view(4, 1, 8, 8).cos()

    def loss(p, x, y):
        hidden = F.relu(F.conv2d(x.unsqueeze(0), p["conv"], p["b"]))
        out = F.linear(F.max_pool2d(hidden, 2).flatten(1), p["w"], p["c"])
        return F.cross_entropy(F.layer_norm(out, (5,), p["scale"]), y.unsqueeze(0))

    found = t.func.vmap(t.func.grad(loss), in_dims=(None, 0, 0))(params, x, t.tensor([0, 4, 2, 2]))
    return [found[name] for name in params]


def nested(t):
    f = t.func.vmap(t.func.vmap(lambda row, scale: (row * scale).sum(), (0, None)), (0, 0))
    return [f(data(t), t.tensor([[1.0], [2.0]], dtype=t.float64))]


def dims_and_chunks(t):
    def f(pair, scale):
        return {"both": pair[0] @ pair[1].T * scale, "first": pair[0].max(0).values}

    mapped = t.func.vmap(
        f, in_dims=((1, None), None), out_dims={"both": 1, "first": -1}, chunk_size=2
    )
    found = mapped((data(t), data(t)[0]), 2.0)
    return [found["both"], found["first"]]


def indexing(t):
    x, i = data(t), t.tensor([0, 2])
    several = t.func.vmap(lambda x, i: (x[i], x[:, i], x[i, 1:], x[..., None, i]), (0, 0))
    table = t.func.vmap(lambda i: data(t)[:, i])
    rows = t.func.vmap(lambda x, i: x[i.unsqueeze(0).expand(2), :2])
    return [*several(x, i), table(i), rows(x, i)]


def in_place(t):
    def f(x):
        y = x * 2
        y[0] = x[1]
        y.mul_(x)
        y[:, 1] += 1.0
        return y.cumsum(0)

    return [t.func.vmap(f)(data(t)), t.func.vmap(t.func.grad(lambda x: f(x).sum()))(data(t))]


def numbers_promote_as_numbers(t):
    f = t.func.vmap(lambda a, b: (a * b, a + 1))
    first = f(t.tensor([1.5, -2.0], dtype=t.float64), t.ones(2, 3))
    return [*first, *f(t.tensor([2, 3]), t.ones(2, 3, dtype=t.int32))]


def einsum_and_attention(t):
    x = data(t)
    attention = t.nn.functional.scaled_dot_product_attention
    return [
        t.func.vmap(lambda x: t.einsum("ij,kj->ik", x, x))(x),
        t.func.vmap(lambda x: attention(x, x, x))(x),
        t.func.vmap(lambda x: t.linalg.norm(x) + x.std())(x),
    ]


def derivatives(t):
    def f(x):
        return (x.tanh() * x.sum()).prod()

    x = data(t)[0, :2, :3]
    return [
        t.func.vmap(t.func.jacrev(f))(x),
        t.func.vmap(t.func.hessian(f))(x),
        t.func.hessian(lambda x: t.func.vmap(f)(x).sum())(x),
        t.func.jacrev(t.func.vmap(f), chunk_size=1)(x),
    ]


@pytest.mark.parametrize(
    "case",
    [
        *(per_sample_of_a_model, nested, dims_and_chunks, indexing, in_place, derivatives),
        *(numbers_promote_as_numbers, einsum_and_attention),
    ],
    ids=lambda case: case.__name__,
)
def test_results_are_as_in_torch(torch, case):
    for ours, theirs in zip(case(fg), case(torch), strict=True):
        assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-9, abs=1e-12)


REFUSED = {
    "item": lambda x: x.sum().item() * x,
    "branch": lambda x: x if x.sum() > 0 else -x,
    "float": lambda x: float(x.sum()) * x,
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_the_numbers_of_one_sample_is_refused(torch, name):
    for t in (fg, torch):
        with pytest.raises(RuntimeError):
            t.func.vmap(REFUSED[name])(t.ones(2, 3, 4))


def test_refusals_say_what_to_do():
    with pytest.raises(RuntimeError, match=r"calling \.item\(\).*torch\.where"):
        vmap(lambda x: x * x.item())(fg.ones(2))
    with pytest.raises(RuntimeError, match=r"control flow.*call the function in a loop"):
        vmap(lambda x: x if x > 0 else -x)(fg.ones(2))
    with pytest.raises(
        RuntimeError, match=r"add_\(\) would write .* into a tensor that they share"
    ):
        vmap(lambda x: fg.zeros(()).add_(x))(fg.ones(2))


def test_nothing_outside_sees_a_batched_tensor():
    """What would read the memory of a tensor inside vmap refuses."""
    for read in (bytes, fg.tensor, fg.nn.Parameter, lambda x: fg.tensor([x, x])):
        with pytest.raises((RuntimeError, BufferError)):
            vmap(lambda x, read=read: read(x) and x)(fg.ones(2))
    assert vmap(lambda x: fg.tensor(x.numpy() * 2))(fg.ones(2, 3)).sum().item() == 12


def evaluate(op):
    for mapped in cases(op):
        for function in (mapped, mapped.gradient)[: 1 + op.differentiable]:
            with suppress(RuntimeError, ValueError, IndexError, TypeError):
                vmap(function, in_dims=mapped.in_dims)(*mapped.args)


@pytest.mark.parametrize("name", sorted(LOOPED))
def test_what_is_said_to_loop_does(name):
    (op,) = (op for op in OPS if str(op) == name)
    with pytest.warns(UserWarning, match="no batching rule"):
        evaluate(op)


def test_an_operation_without_a_rule_warns_and_loops():
    x = fg.tensor([[1.0, 3.0], [2.0, 0.0]])
    with pytest.warns(UserWarning, match="no batching rule for searchsorted"):
        found = vmap(lambda x: fg.searchsorted(fg.tensor([0.5, 2.5]), x))(x)
    assert found.tolist() == [[1, 2], [1, 0]]


def test_a_loop_does_not_repeat_a_change_of_the_input():
    def f(x):
        x.add_(1)
        return fg.searchsorted(fg.tensor([0.5]), x)

    with catch_warnings(action="ignore"), pytest.raises(RuntimeError, match="changed its input"):
        vmap(f)(fg.ones(2, 3))


def test_an_autograd_function_is_called_for_each_sample():
    class Double(fg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            assert x.shape == (3,)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with catch_warnings(action="ignore"):
        assert (
            vmap(grad(lambda x: Double.apply(x).sum()))(fg.ones(2, 3)).tolist() == [[2.0] * 3] * 2
        )


def test_same_random_numbers_for_all_samples():
    fg.manual_seed(0)
    found = vmap(lambda x: fg.nn.functional.dropout(x), randomness="same")(fg.ones(3, 8))
    assert (found == found[0]).all()
    fg.manual_seed(0)
    alone = fg.nn.functional.dropout(fg.ones(8))
    assert (found[0] == alone).all()


def test_jacobians_in_chunks():
    x = data(fg)[0, 0]
    whole = jacrev(fg.tanh)(x)
    assert fg.equal(whole, jacrev(fg.tanh, chunk_size=3)(x))
    assert fg.allclose(whole, jacfwd(fg.tanh, chunk_size=3)(x))


def test_detach_cuts_outer_graphs_too():
    w = fg.tensor(2.0)
    found = grad(lambda w: vmap(lambda x: (w * x).detach() * w)(fg.ones(3)).sum())(w)
    assert found.item() == 6.0
