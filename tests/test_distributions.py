"""Distributions: densities, moments, gradients, samples and divergences are PyTorch's."""

import math

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import distributions as D
from fastgrad.distributions.draws import gamma_gradient
from parity import assert_same, same_roundings

LOC, SCALE = [[0.5, -1.0, 2.0]], [[0.7], [2.0]]
POSITIVE = [[0.4, 1.0, 3.5], [2.0, 7.0, 0.9]]
PROBS, LOGITS = [[0.1, 0.5, 0.75], [0.3, 0.95, 0.4]], [[-2.0, 0.0, 1.5], [0.3, -0.4, 3.0]]
SHARES = [[1.0, 2.0, 5.0], [0.2, 0.3, 0.5]]
MATRIX = [[[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 1.5]]]
FACTOR = [[[1.2, 0.0, 0.0], [0.3, 0.8, 0.0], [-0.5, 0.1, 2.0]]]

# Name, parameters (lists become tensors), and values.
ROWS = [
    ("Normal", {"loc": LOC, "scale": SCALE}, [[-1.0, 0.2, 3.0]]),
    ("LogNormal", {"loc": LOC, "scale": SCALE}, [[0.1, 0.2, 3.0]]),
    ("HalfNormal", {"scale": SCALE}, [[0.1, 0.2, 3.0]]),
    ("Uniform", {"low": LOC, "high": [[3.0], [4.0]]}, [[0.5, 1.5, 2.5]]),
    ("Exponential", {"rate": POSITIVE}, [[0.1, 0.2, 3.0]]),
    ("Gamma", {"concentration": POSITIVE, "rate": SCALE}, [[0.1, 0.2, 3.0]]),
    ("Chi2", {"df": POSITIVE}, [[0.1, 0.2, 3.0]]),
    ("StudentT", {"df": POSITIVE, "loc": LOC, "scale": SCALE}, [[0.1, -0.2, 3.0]]),
    ("Beta", {"concentration1": POSITIVE, "concentration0": SCALE}, [[0.1, 0.2, 0.9]]),
    ("Dirichlet", {"concentration": POSITIVE}, [[0.1, 0.2, 0.7]]),
    ("Laplace", {"loc": LOC, "scale": SCALE}, [[-1.0, 0.2, 3.0]]),
    ("Gumbel", {"loc": LOC, "scale": SCALE}, [[-1.0, 0.2, 3.0]]),
    ("Cauchy", {"loc": LOC, "scale": SCALE}, [[-1.0, 0.2, 3.0]]),
    ("Bernoulli", {"probs": PROBS}, [[0.0, 1.0, 1.0]]),
    ("Bernoulli", {"logits": LOGITS}, [[0.0, 1.0, 1.0]]),
    ("Geometric", {"probs": PROBS}, [[0.0, 1.0, 4.0]]),
    ("Geometric", {"logits": LOGITS}, [[0.0, 1.0, 4.0]]),
    ("Binomial", {"total_count": 5, "probs": PROBS}, [[0.0, 5.0, 2.0]]),
    ("Binomial", {"total_count": 5, "logits": LOGITS}, [[0.0, 5.0, 2.0]]),
    ("Poisson", {"rate": POSITIVE}, [[0.0, 5.0, 2.0]]),
    ("Categorical", {"probs": SHARES}, [[0, 2]]),
    ("Categorical", {"logits": LOGITS}, [[2, 1]]),
    ("OneHotCategorical", {"probs": SHARES}, [[0.0, 1.0, 0.0]]),
    ("OneHotCategorical", {"logits": LOGITS}, [[0.0, 1.0, 0.0]]),
    ("Multinomial", {"total_count": 4, "probs": SHARES}, [[0.0, 1.0, 3.0]]),
    ("Multinomial", {"total_count": 4, "logits": LOGITS}, [[0.0, 1.0, 3.0]]),
    ("MultivariateNormal", {"loc": LOC, "covariance_matrix": MATRIX}, [[0.1, 0.2, -2.0]]),
    ("MultivariateNormal", {"loc": LOC, "precision_matrix": MATRIX}, [[0.1, 0.2, -2.0]]),
    ("MultivariateNormal", {"loc": LOC, "scale_tril": FACTOR}, [[0.1, 0.2, -2.0]]),
]
IDS = [f"{name}-{'-'.join(options)}" for name, options, _ in ROWS]
every = pytest.mark.parametrize(("name", "options", "values"), ROWS, ids=IDS)
CONTINUOUS = [row for row in ROWS if getattr(D, row[0]).has_rsample]


def made(library, name, options, dtype="float64"):
    """The distribution, and its parameters with gradients."""
    given = {
        key: library.tensor(value, dtype=getattr(library, dtype), requires_grad=True)
        if isinstance(value, list)
        else value
        for key, value in options.items()
    }
    leaves = [value for value in given.values() if not isinstance(value, int)]
    return getattr(library.distributions, name)(**given), leaves


def tensor_of(library, values):
    whole = all(isinstance(number, int) for row in values for number in row)
    return library.tensor(values, dtype=library.int64 if whole else library.float64)


def gradients(library, result, leaves):
    found = library.autograd.grad(result.sum(), leaves, allow_unused=True)
    return [library.zeros(()) if each is None else each for each in found]


def assert_close(ours, theirs, tolerance=1e-9):
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance
    )


@every
def test_log_prob_and_its_gradients(torch, name, options, values):
    results = []
    for library in (fg, torch):
        distribution, leaves = made(library, name, options)
        value = tensor_of(library, values)
        if value.is_floating_point() and distribution.has_rsample:
            leaves = [*leaves, value.requires_grad_()]
        found = distribution.log_prob(value)
        results.append([found, *gradients(library, found, leaves)])
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs)


@every
@pytest.mark.parametrize("what", ["mean", "variance", "stddev", "mode"])
def test_moments_and_their_gradients(torch, name, options, values, what):
    results = []
    for library in (fg, torch):
        distribution, leaves = made(library, name, options)
        try:
            found = getattr(distribution, what)
        except NotImplementedError:
            results.append([NotImplementedError])
            continue
        graded = found.requires_grad and what != "mode"
        results.append([found, *(gradients(library, found, leaves) if graded else [])])
    if results[1] == [NotImplementedError]:
        assert results[0] == [NotImplementedError]
        return
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs)


@every
def test_entropy_and_its_gradients(torch, name, options, values):
    if name == "Poisson":
        pytest.skip("has no entropy in closed form")
    results = []
    for library in (fg, torch):
        distribution, leaves = made(library, name, options)
        found = distribution.entropy()
        results.append([found, *gradients(library, found, leaves), distribution.perplexity()])
    # PyTorch counts the draws of a multinomial distribution in float32.
    tolerance = 1e-6 if name == "Multinomial" else 1e-9
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, tolerance)


@pytest.mark.parametrize("name", ["Normal", "LogNormal", "HalfNormal", "Uniform", "Exponential"])
def test_cdf_and_icdf(torch, name):
    check_cdf(torch, name)


@pytest.mark.parametrize("name", ["Laplace", "Gumbel", "Cauchy"])
def test_cdf_and_icdf_of_the_others(torch, name):
    check_cdf(torch, name)


def check_cdf(torch, name):
    _, options, values = next(row for row in ROWS if row[0] == name)
    ours, theirs = made(fg, name, options)[0], made(torch, name, options)[0]
    x, y = tensor_of(fg, values), tensor_of(torch, values)
    assert_close(ours.cdf(x), theirs.cdf(y))
    ranks = [[0.01, 0.5, 0.98]]
    assert_close(ours.icdf(tensor_of(fg, ranks)), theirs.icdf(tensor_of(torch, ranks)))


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_of_a_seed(torch, name, options, values, dtype):
    if not same_roundings(torch):
        pytest.skip("PyTorch's kernels round otherwise than these")
    ours, theirs = (made(library, name, options, dtype)[0] for library in (fg, torch))
    for shape in [(), (4,), (2, 3)]:
        for library in (fg, torch):
            library.manual_seed(len(shape))
        found = ours.sample(shape)
        assert not found.requires_grad
        assert_same(found, theirs.sample(shape), exact=False)
    assert_same(fg.rand(3), torch.rand(3))  # as many numbers were drawn


@pytest.mark.parametrize("count", [0, 1, 7, 40, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binomial_samples_of_a_seed(torch, count, dtype):
    probs = [0.0, 0.01, 0.3, 0.5, 0.7, 0.999, 1.0]
    drawn = []
    for library in (fg, torch):
        library.manual_seed(count)
        each = library.tensor(probs, dtype=getattr(library, dtype))
        drawn.append(library.distributions.Binomial(count, each).sample((200,)))
    assert_same(*drawn)


@pytest.mark.parametrize(
    ("name", "options"),
    [row[:2] for row in CONTINUOUS],
    ids=[name for name, is_row in zip(IDS, ROWS, strict=True) if is_row in CONTINUOUS],
)
def test_samples_have_gradients(torch, name, options):
    if name in ("Beta", "Dirichlet"):
        pytest.skip("has another gradient than PyTorch; see below")
    if not same_roundings(torch):
        pytest.skip("PyTorch's kernels round otherwise than these")
    results = []
    for library in (fg, torch):
        library.manual_seed(3)
        distribution, leaves = made(library, name, options)
        found = distribution.rsample((5,))
        assert found.requires_grad
        results.append([found, *gradients(library, found, leaves)])
    # PyTorch's gradient of gamma-distributed numbers is an approximation.
    tolerance = 5e-3 if name in ("Gamma", "Chi2", "StudentT") else 1e-5
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, tolerance)


@pytest.mark.parametrize("concentration", [0.05, 0.5, 1.0, 3.7, 40.0, 900.0])
def test_the_gradient_of_gamma_distributed_numbers(concentration):
    """A number of a given rank, at two concentrations near each other."""
    special = pytest.importorskip("scipy.special")
    step = 1e-5 * concentration
    for rank in (0.001, 0.1, 0.5, 0.9, 0.999):
        sides = [special.gammaincinv(concentration + h, rank) for h in (-step, step)]
        x = special.gammaincinv(concentration, rank)
        expected = (sides[1] - sides[0]) / (2 * step)
        found = gamma_gradient(
            fg.tensor(concentration, dtype=fg.float64), fg.tensor(x, dtype=fg.float64)
        )
        assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_of_a_number_without_rank_ends():
    strange = fg.tensor([math.nan, math.inf])
    assert not gamma_gradient(fg.ones(2), strange).isfinite().any()


@pytest.mark.parametrize("name", ["Beta", "Dirichlet"])
def test_gradients_of_shares_are_right_on_average(name):
    """The mean's gradient is that of the mean of samples."""
    fg.manual_seed(0)
    a = fg.tensor([1.5, 3.0], dtype=fg.float64, requires_grad=True)
    shares = D.Beta(a[0], a[1]) if name == "Beta" else D.Dirichlet(a)
    drawn = shares.rsample((4000,))
    first = drawn if name == "Beta" else drawn[:, 0]
    (found,) = fg.autograd.grad(first.mean(), a)
    (expected,) = fg.autograd.grad(a[0] / a.sum(), a)
    assert fg.allclose(found, expected, atol=0.01)


# Shapes


@every
def test_a_larger_batch_and_the_text(torch, name, options, values):
    ours, theirs = made(fg, name, options)[0], made(torch, name, options)[0]
    assert tuple(ours.batch_shape) == tuple(theirs.batch_shape)
    assert tuple(ours.event_shape) == tuple(theirs.event_shape)
    shape = (4, *ours.batch_shape)
    larger, expected = ours.expand(shape), theirs.expand(shape)
    assert tuple(larger.batch_shape) == shape
    assert larger.event_shape == ours.event_shape
    value = tensor_of(fg, values)
    assert_close(larger.log_prob(value), expected.log_prob(tensor_of(torch, values)))
    assert_close(larger.mean, expected.mean)
    fg.manual_seed(0)
    assert tuple(larger.sample((2,)).shape) == (2, *shape, *ours.event_shape)
    assert repr(ours).startswith(f"{name}(")


@pytest.mark.parametrize("text", ["Normal(0.0, 2.0)", "Bernoulli(logits=torch.zeros(3))"])
def test_the_text_is_pytorchs(torch, text):
    ours, theirs = (
        eval(f"lib.distributions.{text}", {"lib": library, "torch": library})
        for library in (fg, torch)
    )
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", ["Bernoulli", "Binomial", "Categorical", "OneHotCategorical"])
@pytest.mark.parametrize("expand", [True, False])
def test_all_values(torch, name, expand):
    _, options, _ = next(row for row in ROWS if row[0] == name)
    ours, theirs = made(fg, name, options)[0], made(torch, name, options)[0]
    assert_same(ours.enumerate_support(expand), theirs.enumerate_support(expand))
    total = ours.log_prob(ours.enumerate_support()).exp().sum(0)
    assert fg.allclose(total, fg.ones_like(total))


def test_numbers_make_one_distribution_of_the_default_dtype():
    m = D.Normal(0, 1)
    assert (m.batch_shape, m.sample().dtype) == ((), fg.float32)
    assert D.Normal(0, fg.ones(2, dtype=fg.float64)).loc.dtype == fg.float64
    assert D.Uniform(fg.zeros(3), 1).batch_shape == (3,)


def test_probabilities_asked_for_first_without_a_graph_have_one():
    logits = fg.zeros(2, 3, requires_grad=True)
    policy = D.Categorical(logits=logits)
    with fg.no_grad():
        policy.sample()
    assert policy.probs.requires_grad
    policy.entropy().sum().backward()
    assert logits.grad is not None


# Independent


@pytest.mark.parametrize("number", [0, 1, 2])
def test_independent_ones_as_one(torch, number):
    results = []
    for library in (fg, torch):
        base, _ = made(library, "Normal", {"loc": LOC, "scale": SCALE})
        one = library.distributions.Independent(base, number)
        library.manual_seed(0)
        value = tensor_of(library, [[0.1, 0.2, 0.3], [0.0, 1.0, 2.0]])
        results.append(
            [
                *(one.log_prob(value), one.entropy(), one.mean, one.variance, one.mode),
                one.expand([4, *one.batch_shape]).log_prob(value),
            ]
        )
        results[-1] += [one.rsample((2,)), one.sample()]
        shapes = (2, 3)
        assert tuple(one.batch_shape) == shapes[: 2 - number]
        assert tuple(one.event_shape) == shapes[2 - number :]
        assert one.has_rsample
        assert not one.has_enumerate_support
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, 1e-6)


def test_independent_takes_no_more_dimensions_than_there_are():
    with pytest.raises(ValueError, match="expected 0 to 1 dimensions"):
        D.Independent(D.Normal(fg.zeros(2), 1), 2)
    several = D.Independent(D.Bernoulli(fg.ones(2) / 2), 1)
    with pytest.raises(NotImplementedError, match="are not listed"):
        several.enumerate_support()
    assert D.Independent(D.Bernoulli(fg.ones(2) / 2), 0).enumerate_support().shape == (2, 2)
    with pytest.raises(ValueError, match="0 or 1"):
        several.log_prob(fg.tensor([0.5, 1.0]))


# Divergences

OTHER = {
    "loc": [[1.0, 0.5, 0.0]],
    "scale": [[1.5], [0.6]],
    "rate": [[1.0, 2.0, 0.3]],
    "concentration": [[1.0, 2.5, 3.0]],
    "df": [[2.0, 2.5, 3.0]],
    "concentration1": [[1.0, 2.5, 3.0]],
    "concentration0": [[2.0, 0.5, 3.0]],
    "low": [[0.0, -2.0, 1.0]],
    "high": [[5.0], [3.5]],
    "probs": [[0.6, 0.2, 0.2], [0.1, 0.2, 0.7]],
    "logits": [[0.5, 1.0, -1.0], [0.0, 0.2, 0.7]],
    "covariance_matrix": [[[1.0, 0.2, 0.0], [0.2, 2.0, 0.1], [0.0, 0.1, 1.0]]],
    "scale_tril": [[[1.0, 0.0, 0.0], [0.2, 2.0, 0.0], [0.0, 0.1, 1.0]]],
}
WITH_KL = [
    row[:2]
    for row in ROWS
    if row[0] not in ("HalfNormal", "StudentT", "Cauchy", "Gumbel", "Multinomial")
    and "precision_matrix" not in row[1]
]


@pytest.mark.parametrize(
    ("name", "options"), WITH_KL, ids=[f"{name}-{'-'.join(options)}" for name, options in WITH_KL]
)
def test_divergences_and_their_gradients(torch, name, options):
    results = []
    for library in (fg, torch):
        p, leaves = made(library, name, options)
        others = {key: OTHER.get(key, value) for key, value in options.items()}
        q, more = made(library, name, others)
        found = library.distributions.kl_divergence(p, q)
        results.append([found, *gradients(library, found, leaves + more)])
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs, 1e-7)


def test_divergences_where_probabilities_are_zero(torch):
    for name in ("Categorical", "OneHotCategorical"):
        found = []
        for library in (fg, torch):
            kind = getattr(library.distributions, name)
            p = kind(library.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]))
            q = kind(library.tensor([[0.2, 0.8, 0.0], [0.5, 0.5, 0.0]]))
            found.append(library.distributions.kl_divergence(p, q))
        assert_close(*found, 1e-6)
        assert found[0][1] == math.inf
    certain = D.Bernoulli(fg.tensor([0.0, 1.0]))
    assert D.kl_divergence(certain, D.Bernoulli(fg.tensor([1.0, 0.0]))).tolist() == [math.inf] * 2
    assert D.kl_divergence(D.Uniform(0.0, 2.0), D.Uniform(0.0, 1.0)) == math.inf


def test_divergences_of_independent_ones():
    p = D.Independent(D.Normal(fg.zeros(2, 3), 1), 1)
    q = D.Independent(D.Normal(fg.ones(2, 3), 1), 1)
    assert D.kl_divergence(p, q).tolist() == [1.5, 1.5]
    with pytest.raises(NotImplementedError, match="different numbers"):
        D.kl_divergence(p, D.Independent(D.Normal(fg.ones(2, 3), 1), 2))


def test_divergences_that_no_function_is_known_for():
    with pytest.raises(NotImplementedError, match="Normal and Laplace"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Laplace(0.0, 1.0))
    with pytest.raises(NotImplementedError, match="fewer trials"):
        D.kl_divergence(D.Binomial(2, 0.5), D.Binomial(3, 0.5))
    with pytest.raises(TypeError, match="expected kinds of distributions"):
        D.register_kl(int, D.Normal)


# Errors


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: D.Normal(0.0, -1.0), "expected scale to be greater than 0"),
        (lambda: D.Normal(math.nan, 1.0), "expected loc to be numbers"),
        (lambda: D.Uniform(1.0, 1.0), "expected low < high"),
        (lambda: D.Bernoulli(1.5), "expected probs to be from 0"),
        (lambda: D.Bernoulli(), "exactly one of probs and logits"),
        (lambda: D.Bernoulli(0.5, 0.0), "exactly one of probs and logits"),
        (lambda: D.Geometric(0.0), "expected probs above 0"),
        (lambda: D.Categorical(fg.tensor(0.5)), "one dimension or more"),
        (lambda: D.Categorical(fg.tensor([-1.0, 2.0])), "shares that add up to 1"),
        (lambda: D.Dirichlet(fg.tensor(0.5)), "one dimension or more"),
        (lambda: D.Dirichlet(fg.tensor([0.5, -1.0])), "each greater than 0"),
        (lambda: D.Poisson(-1.0), "expected rate to be"),
        (lambda: D.Chi2(-1.0), "expected df to be greater than 0"),
        (lambda: D.Exponential(fg.tensor([1.0, -1.0])), "expected rate to be greater than 0"),
        (lambda: D.Gamma(1.0, 0.0), "expected rate to be greater than 0"),
        (lambda: D.Normal("a", 1.0), "numbers or tensors, got str and float|got str, float"),
        (
            lambda: D.MultivariateNormal(fg.zeros(2), -fg.eye(2)),
            "positive definite matrices",
        ),
        (lambda: D.MultivariateNormal(fg.zeros(2), fg.ones(2)), "of two or more"),
        (
            lambda: D.MultivariateNormal(fg.zeros(2), scale_tril=fg.ones(2, 2)),
            "lower triangular",
        ),
    ],
)
def test_wrong_parameters(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("distribution", "value", "words"),
    [
        (D.Bernoulli(0.5), fg.tensor(0.5), "0 or 1"),
        (D.Categorical(fg.ones(3)), fg.tensor(3), "whole numbers from 0 to 2"),
        (D.Normal(0.0, 1.0), 0.5, "values in a tensor, got float"),
        (D.Normal(fg.zeros(3), 1.0), fg.zeros(2), r"shape \[3\]"),
        (D.Dirichlet(fg.ones(3)), fg.zeros(2), r"shape \[3\]"),
        (D.Multinomial(3, fg.ones(2)), fg.tensor([3.0, 1.0]), "counts of 3 in all"),
        (D.OneHotCategorical(fg.ones(2)), fg.tensor([1.0, 1.0]), "a single 1"),
        (D.Binomial(3, 0.5), fg.tensor(4.0), "whole numbers from 0"),
        (D.Uniform(0.0, 1.0), fg.tensor(2.0), "from 0"),
    ],
)
def test_values_outside(distribution, value, words):
    with pytest.raises(ValueError, match=words):
        distribution.log_prob(value)


def test_checks_can_be_left_out(torch):
    assert D.Normal(0.0, -1.0, validate_args=False).scale == -1
    found = [
        library.distributions.Uniform(0.0, 1.0, validate_args=False).log_prob(library.tensor(2.0))
        for library in (fg, torch)
    ]
    assert_same(*found)
    D.Distribution.set_default_validate_args(False)
    try:
        assert D.Normal(0.0, -1.0).scale == -1
    finally:
        D.Distribution.set_default_validate_args(True)


def test_what_a_distribution_lacks_is_named():
    for ask in ("mean", "mode", "variance", "support"):
        with pytest.raises(NotImplementedError, match=f"Distribution.{ask}"):
            getattr(D.Distribution(), ask)
    for ask in ("log_prob", "cdf", "icdf"):
        with pytest.raises(NotImplementedError, match=f"Distribution.{ask}"):
            getattr(D.Distribution(), ask)(fg.zeros(1))
    for ask in ("sample", "rsample", "entropy", "enumerate_support"):
        with pytest.raises(NotImplementedError, match="Distribution"):
            getattr(D.Distribution(), ask)()
    with pytest.raises(NotImplementedError, match="one whole number"):
        D.Multinomial(fg.tensor([1, 2]), fg.ones(2, 3))
    with pytest.raises(NotImplementedError, match="numbers of trials differ"):
        D.Binomial(fg.tensor([1, 2]), 0.5).entropy()


# In use


def test_a_policy_learns_which_action_is_rewarded():
    """REINFORCE on an armed bandit."""
    fg.manual_seed(0)
    logits = fg.zeros(3, requires_grad=True)
    optimizer = fg.optim.Adam([logits], lr=0.1)
    for _ in range(100):
        policy = D.Categorical(fg.softmax(logits, dim=-1))
        action = policy.sample()
        loss = -policy.log_prob(action) * (1.0 if action.item() == 2 else 0.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert logits.argmax() == 2


def test_the_likeliest_parameters_are_found():
    fg.manual_seed(0)
    values = D.Gamma(3.0, 2.0).sample((500,))
    log_rate = fg.zeros((), requires_grad=True)
    optimizer = fg.optim.Adam([log_rate], lr=0.05)
    for _ in range(200):
        loss = -D.Gamma(3.0, log_rate.exp()).log_prob(values).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert log_rate.exp().item() == pytest.approx(3.0 / values.mean().item(), rel=1e-3)
