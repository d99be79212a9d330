"""Learning-rate schedulers: the rates of torch, states, errors and warnings."""

import math
import pickle
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from fastgrad import nn, optim

FACTOR = st.sampled_from([0.1, 0.5, 0.9, 1.0])
COUNT = st.integers(1, 6)
MOMENTUM = st.sampled_from([0.0, 0.5, 0.9])

OPTIONS = {
    "StepLR": {"step_size": COUNT, "gamma": FACTOR},
    "MultiStepLR": {"milestones": st.lists(st.integers(0, 9), max_size=4), "gamma": FACTOR},
    "ConstantLR": {"factor": FACTOR, "total_iters": COUNT},
    "LinearLR": {"start_factor": FACTOR, "end_factor": FACTOR, "total_iters": COUNT},
    "ExponentialLR": {"gamma": FACTOR},
    "PolynomialLR": {"total_iters": COUNT, "power": st.sampled_from([0.5, 1.0, 2.0])},
    "CosineAnnealingLR": {"T_max": COUNT, "eta_min": st.sampled_from([0.0, 0.01])},
    "CosineAnnealingWarmRestarts": {
        "T_0": COUNT,
        "T_mult": st.integers(1, 3),
        "eta_min": st.sampled_from([0.0, 0.01]),
    },
    "CyclicLR": {
        "base_lr": st.sampled_from([0.01, 0.1]),
        "max_lr": st.sampled_from([0.2, [0.5, 1.0]]),
        "step_size_up": COUNT,
        "step_size_down": st.none() | COUNT,
        "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
        "gamma": FACTOR,
        "cycle_momentum": st.booleans(),
        "base_momentum": MOMENTUM,
        "max_momentum": MOMENTUM,
    },
    "OneCycleLR": {
        "max_lr": st.sampled_from([0.2, [0.5, 1.0]]),
        "total_steps": st.integers(12, 20),
        "pct_start": st.sampled_from([0.25, 0.4]),
        "anneal_strategy": st.sampled_from(["cos", "linear"]),
        "cycle_momentum": st.booleans(),
        "base_momentum": MOMENTUM,
        "max_momentum": MOMENTUM,
        "div_factor": st.sampled_from([25.0, 2.0]),
        "final_div_factor": st.sampled_from([1e4, 3.0]),
        "three_phase": st.booleans(),
    },
    "SWALR": {
        "swa_lr": st.sampled_from([0.01, [0.5, 0.05]]),
        "anneal_epochs": st.integers(0, 6),
        "anneal_strategy": st.sampled_from(["cos", "linear"]),
    },
}
NAMES = sorted(OPTIONS)
OF_EACH = {name: st.fixed_dictionaries(options) for name, options in OPTIONS.items()}


def an_optimizer(lib, kind="SGD", **options):
    """One of two groups with different rates."""
    a, b = (lib.nn.Parameter(lib.ones(1)) for _ in range(2))
    if kind == "SGD":
        options.setdefault("momentum", 0.9)
    groups = [{"params": [a]}, {"params": [b], "lr": 0.3}]
    return getattr(lib.optim, kind)(groups, lr=0.1, **options)


def a_scheduler(lib, name, optimizer, **options):
    module = lib.optim.swa_utils if name == "SWALR" else lib.optim.lr_scheduler
    return getattr(module, name)(optimizer, **options)


def rates(optimizer):
    """What the scheduler has set, in every group."""
    return [(float(g["lr"]), g.get("momentum"), g.get("betas")) for g in optimizer.param_groups]


def path(lib, make, steps=10, kind="SGD", take=lambda scheduler, i: scheduler.step()):
    """The rates of every epoch."""
    optimizer = an_optimizer(lib, kind)
    scheduler = make(lib, optimizer)
    seen = [rates(optimizer)]
    for i in range(steps):
        optimizer.step()
        take(scheduler, i)
        seen.append(rates(optimizer))
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
    return seen


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_schedule_is_that_of_torch(torch, name, data):
    options = data.draw(OF_EACH[name])
    kind = data.draw(st.sampled_from(["SGD", "Adam"]))

    def make(lib, optimizer):
        return a_scheduler(lib, name, optimizer, **options)

    ours, theirs = (path(lib, make, kind=kind) for lib in (fg, torch))
    assert ours == theirs


def steps_to(epochs):
    def take(scheduler, i):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler.step(epochs[i])

    return take


@pytest.mark.parametrize("name", [n for n in NAMES if n != "SWALR"])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_steps_to_given_epochs(torch, name, data):
    options = data.draw(OF_EACH[name])
    epochs = data.draw(st.lists(st.integers(0, 9), min_size=3, max_size=3))

    def make(lib, optimizer):
        return a_scheduler(lib, name, optimizer, **options)

    ours, theirs = (path(lib, make, 3, take=steps_to(epochs)) for lib in (fg, torch))
    assert ours == theirs


def halving(epoch):
    return 0.5**epoch


def slower(epoch):
    return 1 / (1 + epoch)


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR"])
@pytest.mark.parametrize("function", [halving, [halving, slower]])
def test_schedules_of_functions(torch, name, function):
    def make(lib, optimizer):
        return getattr(lib.optim.lr_scheduler, name)(optimizer, function)

    assert path(fg, make) == path(torch, make)


@settings(max_examples=40, deadline=None)
@given(
    options=st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.sampled_from([0.1, 0.5]),
            "patience": st.integers(0, 2),
            "threshold": st.sampled_from([1e-4, 0.3]),
            "threshold_mode": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 2),
            "min_lr": st.sampled_from([0, 0.05, [0.01, 0.1]]),
            "eps": st.sampled_from([1e-8, 0.02]),
        }
    ),
    values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, math.nan]), max_size=12),
)
def test_plateau(torch, options, values):
    def make(lib, optimizer):
        return lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)

    def take(scheduler, i):
        scheduler.step(values[i])

    ours, theirs = (path(lib, make, len(values), take=take) for lib in (fg, torch))
    assert ours == theirs


def sequence(lib, optimizer):
    schedulers = lib.optim.lr_scheduler
    parts = [
        schedulers.LinearLR(optimizer, 0.5, total_iters=3),
        schedulers.ExponentialLR(optimizer, 0.5),
        schedulers.CosineAnnealingLR(optimizer, 4),
    ]
    return schedulers.SequentialLR(optimizer, parts, [3, 6])


def chain(lib, optimizer):
    schedulers = lib.optim.lr_scheduler
    parts = [schedulers.ConstantLR(optimizer, 0.5, 2), schedulers.ExponentialLR(optimizer, 0.9)]
    return schedulers.ChainedScheduler(parts, optimizer)


def nested(lib, optimizer):
    schedulers = lib.optim.lr_scheduler
    first = schedulers.SequentialLR(
        optimizer,
        [schedulers.ConstantLR(optimizer, 0.5, 1), schedulers.StepLR(optimizer, 2)],
        [2],
    )
    return schedulers.SequentialLR(
        optimizer, [first, schedulers.ExponentialLR(optimizer, 0.5)], [5]
    )


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("make", [sequence, chain, nested])
def test_schedulers_of_schedulers(torch, make):
    assert path(fg, make) == path(torch, make)


# States

MAKERS = {
    **{
        name: lambda lib, optimizer, name=name, options=options: a_scheduler(
            lib, name, optimizer, **options
        )
        for name, options in {
            "StepLR": {"step_size": 2},
            "MultiStepLR": {"milestones": [2, 4]},
            "ConstantLR": {},
            "LinearLR": {},
            "ExponentialLR": {"gamma": 0.5},
            "PolynomialLR": {},
            "CosineAnnealingLR": {"T_max": 4},
            "CosineAnnealingWarmRestarts": {"T_0": 3},
            "CyclicLR": {"base_lr": 0.1, "max_lr": 0.2, "step_size_up": 2},
            "OneCycleLR": {"max_lr": 0.2, "total_steps": 20},
            "SWALR": {"swa_lr": 0.05},
            "LambdaLR": {"lr_lambda": halving},
            "MultiplicativeLR": {"lr_lambda": slower},
        }.items()
    },
    "SequentialLR": sequence,
    "ChainedScheduler": chain,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_loaded_state_continues_the_schedule(name):
    optimizer = an_optimizer(fg)
    scheduler = MAKERS[name](fg, optimizer)
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    saved = pickle.loads(pickle.dumps((optimizer.state_dict(), scheduler.state_dict())))
    other = an_optimizer(fg)
    twin = MAKERS[name](fg, other)
    other.load_state_dict(saved[0])
    twin.load_state_dict(saved[1])
    for o, s in ((optimizer, scheduler), (other, twin)):
        o.step()
        s.step()
    assert rates(other) == rates(optimizer)
    assert twin.get_last_lr() == scheduler.get_last_lr()


@pytest.mark.parametrize("name", [n for n in MAKERS if n != "CyclicLR"])
def test_states_have_the_keys_of_torch(torch, name):
    states = []
    for lib in (fg, torch):
        optimizer = an_optimizer(lib)
        scheduler = MAKERS[name](lib, optimizer)
        optimizer.step()
        scheduler.step()
        states.append(scheduler.state_dict())
    extra = {"anneal_func"} if name == "SWALR" else set()
    assert set(states[0]) - extra == set(states[1]) - extra
    assert states[0].get("last_epoch") == states[1].get("last_epoch")


class Falling:
    def __init__(self):
        self.factor = 0.5

    def __call__(self, epoch):
        return self.factor**epoch


def test_attributes_of_callable_objects_are_saved():
    scheduler = fg.optim.lr_scheduler.LambdaLR(an_optimizer(fg), [Falling(), halving])
    assert scheduler.state_dict()["lr_lambdas"] == [{"factor": 0.5}, None]
    twin = fg.optim.lr_scheduler.LambdaLR(an_optimizer(fg), [Falling(), halving])
    twin.lr_lambdas[0].factor = 0.25
    twin.load_state_dict(scheduler.state_dict())
    assert twin.lr_lambdas[0].factor == 0.5


def test_the_last_epoch_of_a_new_scheduler(torch):
    for lib in (fg, torch):
        optimizer = an_optimizer(lib)
        with pytest.raises(KeyError, match="initial_lr"):
            lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.5, last_epoch=3)
        for group in optimizer.param_groups:
            group["initial_lr"] = 1.0
        scheduler = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.5, last_epoch=3)
        assert scheduler.last_epoch == 4
        assert rates(optimizer)[0][0] == 0.1


def test_a_rate_in_a_tensor_is_changed_in_place():
    rate = fg.tensor(1.0)
    optimizer = optim.SGD([nn.Parameter(fg.ones(1))], lr=rate)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert rate.item() == 0.5
    assert optimizer.param_groups[0]["lr"] is rate
    assert scheduler.get_last_lr()[0] is not rate


# Warnings and errors


def test_the_order_of_steps_is_looked_after():
    scheduler = optim.lr_scheduler.StepLR(an_optimizer(fg), 2)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        scheduler.step()
    optimizer = an_optimizer(fg)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(3)


BAD = [
    ("StepLR", {"optimizer": 3, "step_size": 1}, TypeError, "is not an Optimizer"),
    ("LambdaLR", {"lr_lambda": [halving]}, ValueError, "Expected 2 lr_lambdas, but got 1"),
    ("MultiplicativeLR", {"lr_lambda": 0.5}, TypeError, "should be a function"),
    ("ConstantLR", {"factor": 2.0}, ValueError, "between 0 and 1"),
    ("LinearLR", {"start_factor": 0.0}, ValueError, "greater than 0"),
    ("LinearLR", {"end_factor": 2.0}, ValueError, "between 0 and 1"),
    ("CosineAnnealingWarmRestarts", {"T_0": 0}, ValueError, "positive integer T_0"),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 0.5}, ValueError, "T_mult >= 1"),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "eta_min": "0"}, ValueError, "eta_min"),
    ("ReduceLROnPlateau", {"factor": 1.0}, ValueError, "Factor should be < 1.0"),
    ("ReduceLROnPlateau", {"mode": "mid"}, ValueError, "mode mid is unknown"),
    ("ReduceLROnPlateau", {"threshold_mode": "mid"}, ValueError, "threshold mode mid is unknown"),
    ("ReduceLROnPlateau", {"min_lr": [0.1]}, ValueError, "expected 2 min_lrs, got 1"),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "mode": "x"}, ValueError, "mode is invalid"),
    ("CyclicLR", {"base_lr": [0.1], "max_lr": 1.0}, ValueError, "base_lr must have the same"),
    ("OneCycleLR", {"max_lr": 1.0}, ValueError, "You must define either total_steps"),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": -1}, ValueError, "integer total_steps"),
    ("OneCycleLR", {"max_lr": 1.0, "epochs": 0, "steps_per_epoch": 1}, ValueError, "epochs"),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "pct_start": 2.0}, ValueError, "pct_start"),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "anneal_strategy": "x"}, ValueError, "anneal"),
]


@pytest.mark.parametrize(("name", "options", "error", "text"), BAD)
def test_bad_options_raise_as_in_torch(torch, name, options, error, text):
    for lib in (fg, torch):
        with pytest.raises(error, match=text):
            getattr(lib.optim.lr_scheduler, name)(**{"optimizer": an_optimizer(lib), **options})


def test_a_cycle_of_the_momentum_needs_one(torch):
    for lib in (fg, torch):
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            lib.optim.lr_scheduler.CyclicLR(an_optimizer(lib, "Adagrad"), 0.1, 1.0)


def test_one_cycle_has_an_end(torch):
    for lib in (fg, torch):
        optimizer = an_optimizer(lib)
        scheduler = lib.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=2)
        optimizer.step()
        scheduler.step()
        scheduler.step()
        with pytest.raises(ValueError, match="Tried to step 3 times"):
            scheduler.step()


def test_schedulers_of_schedulers_check_them(torch):
    for lib in (fg, torch):
        schedulers = lib.optim.lr_scheduler
        optimizer = an_optimizer(lib)
        good = schedulers.StepLR(optimizer, 2)
        plateau = schedulers.ReduceLROnPlateau(optimizer)
        foreign = schedulers.StepLR(an_optimizer(lib), 2)
        for bad, error, text in (
            ([], ValueError, "at least one scheduler"),
            ([good, plateau], ValueError, "ReduceLROnPlateau"),
            ([good, foreign], ValueError, "same optimizer"),
            ([good, 3], TypeError, "optimizer"),
        ):
            with pytest.raises(error, match=text):
                schedulers.SequentialLR(optimizer, bad, [1])
            with pytest.raises(error, match=text):
                schedulers.ChainedScheduler(bad, optimizer)
        with pytest.raises(ValueError, match="number of milestones"):
            schedulers.SequentialLR(optimizer, [good], [1])
