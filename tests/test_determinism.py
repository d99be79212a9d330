"""The same bits for any number of threads, on inputs large enough to be split among them."""

import pytest

import fastgrad as fg
from fastgrad import nn
from rows import OPS
from strategies import Large

pytestmark = pytest.mark.core
F = nn.functional


@pytest.fixture(autouse=True)
def _threads():
    before = fg.get_num_threads()
    yield
    fg.set_num_threads(before)


def bits(tensor):
    """The memory of a tensor, comparable where there are NaNs."""
    return (
        bytes(memoryview(tensor.detach().contiguous().reshape(-1)).cast("B"))
        if tensor.numel()
        else b""
    )


def same_for_any_number_of_threads(compute):
    results = []
    for threads in (1, 2, 3, 8):
        fg.set_num_threads(threads)
        assert fg.get_num_threads() == threads
        results.append([bits(y) for y in compute()])
    for other in results[1:]:
        assert other == results[0]


@pytest.mark.parametrize("op", OPS, ids=str)
def test_every_op(op):
    sample = op.make(Large(7, op.dtypes[0]))
    same_for_any_number_of_threads(lambda: op(fg, sample))


@pytest.mark.parametrize("dtype", [fg.float32, fg.float64], ids=str)
@pytest.mark.parametrize(
    "shape", [(300_007,), (3, 100_003), (100_003, 3), (701, 431), (65, 67, 71)]
)
def test_reductions_of_odd_sizes(shape, dtype):
    x = fg.randn(shape, dtype=dtype)

    def compute():
        for dim in (None, *range(len(shape))):
            yield x.sum(dim)
            yield x.mean(dim)
            yield x.std(dim)
            yield x.argmax(dim)
            yield fg.flip(x, () if dim is None else (dim,))
        yield fg.dot(x.flatten(), x.flatten())
        yield x.cumsum(0)
        yield fg.softmax(x, -1)
        yield fg.log_softmax(x, 0)
        leaf = x.clone().requires_grad_()
        fg.softmax(leaf, 0).backward(x)
        yield leaf.grad
        yield F.mse_loss(x, x * x)
        yield F.binary_cross_entropy_with_logits(x, x * x, reduction="sum")

    same_for_any_number_of_threads(compute)


@pytest.mark.parametrize(
    "sizes",
    [(1, 300, 5000), (5000, 3, 64), (257, 511, 129), (33, 1025, 65), (600, 1, 600), (400, 400, 1)],
)
def test_products_of_odd_sizes(sizes):
    rows, inner, columns = sizes
    a, b = fg.randn(rows, inner), fg.randn(inner, columns)

    def compute():
        yield a @ b
        yield b.t() @ a.t()
        yield a.t().contiguous().t() @ b
        yield F.linear(a, b.t().contiguous(), fg.ones(columns))

    same_for_any_number_of_threads(compute)


def test_many_small_products():
    a, b = fg.randn(97, 31, 45), fg.randn(97, 45, 29)
    same_for_any_number_of_threads(lambda: [a @ b, a @ b[0]])


@pytest.mark.parametrize("shape", [(300, 300), (2000, 7, 7)])
def test_factorisations_and_distances(shape):
    a = fg.randn(shape)

    def compute():
        yield fg.linalg.inv(a)
        yield from fg.linalg.lu(a)
        yield fg.linalg.cholesky(a @ a.mT + fg.eye(shape[-1]))
        yield fg.linalg.solve_triangular(a, a, upper=True)
        yield fg.cdist(a, a)
        yield fg.cdist(a, a, 1)

    same_for_any_number_of_threads(compute)


@pytest.mark.parametrize("classes", [3, 1000])
def test_cross_entropy(classes):
    logits = fg.randn(1500, classes, requires_grad=True)
    labels = fg.randint(0, classes, (1500,))

    def compute():
        for reduction in ("mean", "sum", "none"):
            loss = F.cross_entropy(logits, labels, reduction=reduction)
            (gradient,) = fg.autograd.grad(loss.sum(), logits)
            yield from (loss, gradient)

    same_for_any_number_of_threads(compute)


def test_training_of_a_network():
    def compute():
        fg.manual_seed(0)
        net = nn.Sequential(nn.Linear(301, 257), nn.ReLU(), nn.Linear(257, 10))
        optimizer = fg.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        x, y = fg.randn(513, 301), fg.randint(0, 10, (513,))
        for _ in range(3):
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return [loss, *net.parameters(), *(p.grad for p in net.parameters())]

    same_for_any_number_of_threads(compute)


def test_random_numbers():
    def compute():
        fg.manual_seed(3)
        yield fg.rand(300_001)
        yield fg.randn(300_001)
        yield fg.randperm(100_001)

    same_for_any_number_of_threads(compute)


def test_number_of_threads_must_be_positive():
    with pytest.raises((RuntimeError, ValueError)):
        fg.set_num_threads(0)
    with pytest.raises((RuntimeError, ValueError)):
        fg.set_num_threads(-1)
    with pytest.raises(TypeError):
        fg.set_num_threads("2")
