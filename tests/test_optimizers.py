"""Every optimizer against torch's: drawn options, states, files of each other, errors."""

import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad import nn, optim
from test_optim import START, flat, parameters, set_gradients

COMMON = {
    "weight_decay": st.sampled_from([0, 0.1]),
    "maximize": st.booleans(),
    "foreach": st.sampled_from([None, True, False]),
}
RATE = {"lr": st.sampled_from([0.0, 0.01, 0.5])}
BETAS = {
    "betas": st.sampled_from([(0.9, 0.999), (0.0, 0.5), (0.5, 0.0), (0.8, 0.9)]),
    "eps": st.sampled_from([1e-8, 0.1]),
}
DECOUPLED = {"decoupled_weight_decay": st.booleans()}
OPTIONS = {
    "Adam": {**COMMON, **RATE, **BETAS, **DECOUPLED, "amsgrad": st.booleans()},
    "AdamW": {**COMMON, **RATE, **BETAS, "amsgrad": st.booleans()},
    "Adamax": {**COMMON, **RATE, **BETAS},
    "NAdam": {
        **COMMON,
        **RATE,
        **BETAS,
        **DECOUPLED,
        "momentum_decay": st.sampled_from([4e-3, 0.5]),
    },
    "RAdam": {**COMMON, **RATE, **BETAS, **DECOUPLED},
    "RMSprop": {
        **COMMON,
        **RATE,
        "alpha": st.sampled_from([0.99, 0.5]),
        "eps": st.sampled_from([1e-8, 0.1]),
        "momentum": st.sampled_from([0, 0.9]),
        "centered": st.booleans(),
    },
    "Adagrad": {
        **COMMON,
        **RATE,
        "lr_decay": st.sampled_from([0, 0.1]),
        "initial_accumulator_value": st.sampled_from([0, 0.5]),
        "eps": st.sampled_from([1e-10, 0.1]),
    },
    "Adadelta": {
        **COMMON,
        "lr": st.sampled_from([0.0, 1.0]),
        "rho": st.sampled_from([0.9, 0.5, 1.0]),
        "eps": st.sampled_from([1e-6, 0.1]),
    },
    "Adafactor": {
        **COMMON,
        **RATE,
        "beta2_decay": st.sampled_from([-0.8, -0.1]),
        "eps": st.sampled_from([(None, 1e-3), (0.1, 0.5)]),
        "d": st.sampled_from([1.0, 3.0]),
    },
    "Rprop": {
        **RATE,
        "maximize": st.booleans(),
        "etas": st.sampled_from([(0.5, 1.2), (0.1, 3.0)]),
        "step_sizes": st.sampled_from([(1e-6, 50), (0.05, 0.2)]),
    },
    "ASGD": {
        **COMMON,
        **RATE,
        "lambd": st.sampled_from([1e-4, 0.1]),
        "alpha": st.sampled_from([0.75, 0.5]),
        "t0": st.sampled_from([1e6, 1.0]),
    },
}
NAMES = sorted(OPTIONS)
OF_EACH = {name: st.fixed_dictionaries(options) for name, options in OPTIONS.items()}


def assert_same_state(ours, theirs, precision):
    assert ours["param_groups"] == theirs["param_groups"]
    assert [list(group) for group in ours["param_groups"]] == [
        list(group) for group in theirs["param_groups"]
    ]
    assert sorted(ours["state"]) == sorted(theirs["state"])
    for number, state in ours["state"].items():
        expected = theirs["state"][number]
        assert list(state) == list(expected)
        for key, value in state.items():
            assert str(value.dtype).split(".")[-1] == str(expected[key].dtype).split(".")[-1]
            assert value.reshape(-1).tolist() == pytest.approx(
                expected[key].reshape(-1).tolist(), rel=precision, abs=precision
            ), key


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), dtype=st.sampled_from(["float32", "float64"]))
def test_every_optimizer_follows_torch(torch, name, data, dtype):
    """Also when a parameter gets its first gradient later than others."""
    options = data.draw(OF_EACH[name])
    ours, theirs = parameters(fg, START, dtype), parameters(torch, START, dtype)
    optimizers = (
        getattr(optim, name)(ours, **options),
        getattr(torch.optim, name)(theirs, **options),
    )
    for step in range(7):
        skip = data.draw(st.sets(st.integers(0, 3), max_size=2))
        for params, optimizer in zip((ours, theirs), optimizers, strict=True):
            set_gradients(params, step, skip)
            optimizer.step()
    # The step number, and for some the factors made of it, are float32 in both libraries.
    precision = 1e-6 if dtype == "float64" else 2e-5
    assert flat(ours) == pytest.approx(flat(theirs), rel=precision, abs=precision)
    assert_same_state(*(optimizer.state_dict() for optimizer in optimizers), precision)


@pytest.mark.parametrize("name", [*NAMES, "SGD", "LBFGS"])
def test_the_options_are_those_of_torch(torch, name):
    ours = inspect.signature(getattr(optim, name)).parameters.values()
    theirs = inspect.signature(getattr(torch.optim, name)).parameters.values()
    assert [(p.name, p.default, p.kind) for p in ours] == [
        (p.name, p.default, p.kind) for p in theirs
    ]


@pytest.mark.parametrize("name", NAMES)
def test_repr_is_that_of_torch(torch, name):
    ours, theirs = parameters(fg, START), parameters(torch, START)
    assert repr(getattr(optim, name)(ours)) == repr(getattr(torch.optim, name)(theirs))


def converted(state_dict, lib):
    """A state dict with the tensors of another library."""

    def convert(value):
        return lib.tensor(value.tolist(), dtype=getattr(lib, str(value.dtype).split(".")[-1]))

    state = {
        number: {key: convert(value) for key, value in values.items()}
        for number, values in state_dict["state"].items()
    }
    return {"state": state, "param_groups": state_dict["param_groups"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_state_of_torch_continues_the_trajectory(torch, name):
    theirs = parameters(torch, START)
    source = getattr(torch.optim, name)(theirs)
    for step in range(3):
        set_gradients(theirs, step)
        source.step()
    ours = parameters(fg, [float(x) for x in flat(theirs)])
    twin = getattr(optim, name)(ours)
    twin.load_state_dict(converted(source.state_dict(), fg))
    for params, optimizer in ((theirs, source), (ours, twin)):
        set_gradients(params, 3)
        optimizer.step()
    assert flat(ours) == pytest.approx(flat(theirs), rel=1e-6, abs=1e-6)
    back = getattr(torch.optim, name)(parameters(torch, START))
    back.load_state_dict(converted(twin.state_dict(), torch))
    assert back.state_dict()["param_groups"] == source.state_dict()["param_groups"]


def test_an_old_state_with_numbers_for_steps_is_read():
    params = parameters(fg, START)
    optimizer = optim.Adam(params)
    set_gradients(params, 0)
    optimizer.step()
    state = optimizer.state_dict()
    for values in state["state"].values():
        values["step"] = 1
    twin = optim.Adam(parameters(fg, START))
    twin.load_state_dict(state)
    assert all(values["step"].item() == 1.0 for values in twin.state.values())


@pytest.mark.parametrize("name", [*NAMES, "SGD"])
def test_memory_in_another_order(name):
    """A parameter that is a transposed view, and a gradient that is expanded."""
    plain, turned = nn.Parameter(fg.ones(2, 3)), nn.Parameter(fg.ones(3, 2).t())
    for p in (plain, turned):
        optimizer = getattr(optim, name)([p])
        for _ in range(3):
            p.grad = fg.tensor([[1.0, -2.0, 3.0]]).expand(2, 3)
            optimizer.step()
    assert fg.equal(plain, turned)
    assert not fg.equal(plain, fg.ones(2, 3)) or name == "LBFGS"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_parameters(torch, name, dtype):
    ours, theirs = parameters(fg, START, dtype), parameters(torch, START, dtype)
    for lib, params in ((fg, ours), (torch, theirs)):
        optimizer = getattr(lib.optim, name)(params, lr=0.05)
        for step in range(3):
            set_gradients(params, step)
            optimizer.step()
    assert flat(ours) == pytest.approx(flat(theirs), rel=0.03, abs=0.03)
    assert ours[0].dtype is getattr(fg, dtype)


@pytest.mark.parametrize("name", [*NAMES, "SGD"])
def test_the_same_bits_for_any_number_of_threads(name):
    before, results = fg.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 8):
            fg.set_num_threads(threads)
            fg.manual_seed(0)
            p = nn.Parameter(fg.randn(100_003))
            optimizer = getattr(optim, name)([p])
            for _ in range(2):
                p.grad = fg.randn(100_003)
                optimizer.step()
            results.append(p.detach().clone())
    finally:
        fg.set_num_threads(before)
    assert all(fg.equal(results[0], other) for other in results[1:])


def leaf():
    return nn.Parameter(fg.ones(2))


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        *((name, {"lr": -0.1}, "rate") for name in NAMES),
        *((name, {"lr": float("nan")}, "rate") for name in NAMES),
        *(
            (name, {"weight_decay": -1}, "Invalid weight_decay value: -1")
            for name in NAMES
            if name not in ("Rprop", "Adafactor")
        ),
        *(
            (name, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0")
            for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")
        ),
        ("Adam", {"betas": (0.9, -0.5)}, "Invalid beta parameter at index 1: -0.5"),
        ("Adam", {"eps": -1}, "Invalid epsilon value: -1"),
        ("NAdam", {"momentum_decay": -1}, "Invalid momentum_decay value: -1"),
        ("RMSprop", {"alpha": -1}, "Invalid alpha value: -1"),
        ("RMSprop", {"momentum": -1}, "Invalid momentum value: -1"),
        ("Adagrad", {"lr_decay": -1}, "Invalid lr_decay value: -1"),
        ("Adagrad", {"initial_accumulator_value": -1}, "Invalid initial_accumulator_value"),
        ("Adafactor", {"weight_decay": -1}, "weight_decay should be >= 0 but is: -1"),
        ("Adafactor", {"beta2_decay": 1}, "beta2_decay should be <= 0 but is: 1"),
        ("Adafactor", {"d": 0.5}, "d should be >= 1 but is: 0.5"),
        ("Adafactor", {"eps": (-1.0, 0.1)}, "epsilon1 should be >= 0 but is: -1"),
        ("Adafactor", {"eps": (None, -1)}, "epsilon2 should be >= 0 but is: -1"),
        ("Adadelta", {"rho": 1.5}, "Invalid rho value: 1.5"),
        ("Rprop", {"etas": (1.5, 2.0)}, "Invalid eta values: 1.5, 2.0"),
    ],
)
def test_bad_options_raise_as_in_torch(torch, name, options, text):
    with pytest.raises(ValueError, match=text):
        getattr(optim, name)([leaf()], **options)
    with pytest.raises(ValueError, match=text):
        getattr(torch.optim, name)([torch.nn.Parameter(torch.ones(2))], **options)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "Adafactor"])
def test_options_that_cannot_be_honoured_are_refused(name):
    with pytest.raises(NotImplementedError, match="differentiable"):
        getattr(optim, name)([leaf()], differentiable=True)
    if name != "Adagrad" and not fg.cuda.is_available():
        with pytest.raises(NotImplementedError, match="capturable"):
            getattr(optim, name)([leaf()], capturable=True)


def test_betas_may_be_tensors():
    optimizer = optim.Adam([leaf()], betas=(fg.tensor(0.5), fg.tensor(0.75)))
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.75)


def test_a_state_that_does_not_fit_changes_nothing():
    p = leaf()
    optimizer = optim.Adam([p])
    p.grad = fg.ones(2)
    optimizer.step()
    before = p.detach().clone()
    optimizer.state[p]["exp_avg"] = fg.zeros(3)
    with pytest.raises(RuntimeError, match="exp_avg of the same shape"):
        optimizer.step()
    assert fg.equal(p, before)
    assert optimizer.state[p]["step"].item() == 1.0


# Names


def test_parameters_may_have_names(torch):
    for lib in (fg, torch):
        net = lib.nn.Linear(2, 1)
        optimizer = lib.optim.SGD(net.named_parameters(), lr=0.1)
        assert optimizer.param_groups[0]["params"][0] is net.weight
        assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
        with pytest.raises(ValueError, match="with/without names"):
            optimizer.add_param_group({"params": [lib.nn.Parameter(lib.ones(1))]})
        with pytest.raises(ValueError, match="with/without names"):
            lib.optim.SGD([("weight", net.weight), net.bias], lr=0.1)


def slower(optimizer, state):
    state["param_groups"] = [{**g, "lr": g["lr"] / 2} for g in state["param_groups"]]


def rates_and_calls(lib):
    """The learning rates that loading leaves, and what the hooks saw."""
    optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], lr=0.1)
    seen, rates = [], []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("before"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "mine": 1})
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("after"))
    state = optimizer.state_dict()
    with optimizer.register_load_state_dict_pre_hook(slower):
        optimizer.load_state_dict(state)
        rates.append(optimizer.param_groups[0]["lr"])
    optimizer.load_state_dict(state)
    rates += [state["param_groups"][0]["lr"], optimizer.param_groups[0]["lr"]]
    return rates, seen, state["mine"]


def test_hooks_of_state_dicts(torch):
    expected = ([0.05, 0.1, 0.1], ["before", "after", "after"], 1)
    assert rates_and_calls(fg) == rates_and_calls(torch) == expected


# LBFGS


def rosenbrock(lib, line_search, steps, **options):
    w = lib.nn.Parameter(lib.tensor([-1.5, 2.0], dtype=lib.float64))
    optimizer = lib.optim.LBFGS([w], line_search_fn=line_search, **options)

    def closure():
        optimizer.zero_grad()
        loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
        loss.backward()
        return loss

    path = [(optimizer.step(closure).item(), *w.tolist()) for _ in range(steps)]
    return path, optimizer


@pytest.mark.parametrize(
    ("line_search", "options"),
    [
        ("strong_wolfe", {}),
        ("strong_wolfe", {"max_iter": 4, "history_size": 2}),
        ("strong_wolfe", {"max_eval": 3}),
        (None, {"lr": 1e-3, "max_iter": 5}),
        (None, {"lr": 0.1, "tolerance_change": 1.0}),
    ],
)
def test_lbfgs_follows_torch(torch, line_search, options):
    ours, optimizer = rosenbrock(fg, line_search, 6, **options)
    theirs, other = rosenbrock(torch, line_search, 6, **options)
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(expected, rel=1e-5, abs=1e-8)
    state, expected = (next(iter(o.state.values())) for o in (optimizer, other))
    assert set(state) == set(expected)
    assert (state["n_iter"], state["func_evals"]) == (expected["n_iter"], expected["func_evals"])


def test_lbfgs_finds_the_minimum():
    path, _ = rosenbrock(fg, "strong_wolfe", 4)
    assert path[-1] == pytest.approx((0.0, 1.0, 1.0), abs=1e-5)


def test_lbfgs_errors():
    p = leaf()
    with pytest.raises(ValueError, match="per-parameter options"):
        optim.LBFGS([{"params": [p]}, {"params": [leaf()]}])
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        optim.LBFGS([p], line_search_fn="golden").step(lambda: p.sum())
    with pytest.raises(TypeError, match="closure"):
        optim.LBFGS([p]).step()
