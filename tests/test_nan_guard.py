"""nan_guard: finds where NaN and infinity come from, and costs little."""

from time import perf_counter

import pytest

import fastgrad as fg
from fastgrad import nn


class Log(nn.Module):
    def forward(self, x):
        return x.log()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), Log())
        self.head = nn.Linear(3, 1)

    def forward(self, x):
        return self.head(self.body(x))


def mlp():
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def negative_net():
    net = Net()
    with fg.no_grad():
        net.body[0].weight.fill_(-1.0)
        net.body[0].bias.zero_()
    return net


def test_finite_training_runs_and_gives_the_same():
    results = []
    for guarded in (False, True):
        fg.manual_seed(0)
        net = mlp()
        optimizer = fg.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            if guarded:
                with fg.nan_guard():
                    net(fg.ones(2, 4)).sum().backward()
            else:
                net(fg.ones(2, 4)).sum().backward()
            optimizer.step()
        results.append([p.tolist() for p in net.parameters()])
    assert results[0] == results[1]


def test_the_first_operation_is_named_with_its_module_and_line():
    net = negative_net()
    with pytest.raises(FloatingPointError) as info, fg.nan_guard():
        net(fg.ones(2, 3))
    message = str(info.value)
    for part in (
        "the result of Log is not finite",
        "shape [2, 3], torch.float32, 6 nan and 0 inf of 6 elements; no finite ones",
        "in body.1 Log() of Net",
        "test_nan_guard.py",
        "return x.log()",
    ):
        assert part in message


def test_the_finite_rest_is_described():
    x = fg.tensor([1.0, -1.0, 0.0, fg.e, fg.e], requires_grad=True)
    with pytest.raises(FloatingPointError) as info, fg.nan_guard():
        x.log()  # here
    assert "1 nan and 1 inf of 5 elements" in str(info.value)
    assert "min 0, max 1, mean 0.6667" in str(info.value)
    assert "x.log()  # here" in str(info.value)


def test_a_gradient_is_named_with_the_line_of_its_forward():
    x = fg.zeros(3, requires_grad=True)
    with fg.nan_guard():
        y = x.sqrt()  # the culprit
        with pytest.raises(FloatingPointError) as info:
            y.sum().backward()
    message = str(info.value)
    assert "in backward, the gradient of input 0 of Sqrt is not finite" in message
    assert "0 nan and 3 inf of 3" in message
    assert "the culprit" in message
    assert x.grad is None


def test_a_gradient_inside_a_module_is_named_with_it():
    class Root(nn.Module):
        def forward(self, x):
            return (x * 0).sqrt()

    net = nn.Sequential(nn.Linear(2, 2), Root())
    expected = r"of Sqrt .* in 1 Root\(\) of Sequential"
    with pytest.raises(FloatingPointError, match=expected), fg.nan_guard():
        net(fg.ones(1, 2)).sum().backward()


def test_parameters_and_inputs_that_were_bad_before_are_named():
    net = mlp()
    with fg.no_grad():
        net[2].bias.fill_(fg.nan)
    expected = r"in 2 Linear.*Not finite before: bias$"
    with pytest.raises(FloatingPointError, match=expected), fg.nan_guard():
        net(fg.ones(2, 4))
    expected = r"in 0 Linear.*Not finite before: input 0$"
    with pytest.raises(FloatingPointError, match=expected), fg.nan_guard():
        mlp()(fg.full((2, 4), fg.inf))


def test_without_recording_modules_are_looked_at():
    net = negative_net()
    expected = r"the output of Log is not finite.*body.1 Log"
    with pytest.raises(FloatingPointError, match=expected), fg.nan_guard(), fg.no_grad():
        net(fg.ones(2, 3))


def test_inside_a_checkpoint_modules_are_looked_at():
    net = negative_net()
    with pytest.raises(FloatingPointError, match="the output of Log"), fg.nan_guard():
        fg.utils.checkpoint.checkpoint(net, fg.ones(2, 3))


@pytest.mark.parametrize("how", ["masked_fill", "where", "add", "assign"])
def test_masks_of_attention_pass(how):
    scores = fg.zeros(3, 3, requires_grad=True)
    mask = fg.ones(3, 3).triu(1).bool()
    with fg.nan_guard():
        s = scores * 1
        if how == "masked_fill":
            s = s.masked_fill(mask, -fg.inf)
        elif how == "where":
            s = fg.where(mask, -fg.inf, s)
        elif how == "add":
            s = s + fg.zeros(3, 3).masked_fill(mask, -fg.inf)
        else:
            s[mask] = -fg.inf
        (s.view(9).neg().neg().clone().view(3, 3) / 2).softmax(-1).square().sum().backward()
    assert scores.grad.isfinite().all()


def test_a_mask_of_everything_is_found_in_softmax():
    scores = fg.zeros(2, 2, requires_grad=True)
    with pytest.raises(FloatingPointError, match="Softmax"), fg.nan_guard():
        scores.masked_fill(fg.ones(2, 2).bool(), -fg.inf).softmax(-1)


def test_a_sum_that_overflows_is_no_alarm():
    x = fg.full((10,), 3e38, requires_grad=True)
    with fg.nan_guard():
        y = x * 1
    assert y.isfinite().all()


def test_everything_is_as_before_afterwards():
    call = nn.Module.__call__
    with pytest.raises(KeyError), fg.nan_guard():
        raise KeyError
    assert nn.Module.__call__ is call
    assert fg.zeros(1, requires_grad=True).log().item() == -fg.inf
    x = fg.zeros(1, requires_grad=True)
    x.sqrt().backward()
    assert x.grad.item() == fg.inf
    assert not fg.is_anomaly_enabled()


def test_guards_and_anomaly_mode_can_be_nested():
    x = fg.zeros(1, requires_grad=True)
    with fg.nan_guard():
        with fg.nan_guard(), fg.autograd.detect_anomaly():
            assert fg.is_anomaly_enabled()
        assert not fg.is_anomaly_enabled()
        with pytest.raises(FloatingPointError, match="Log"):
            x.log()


def test_results_do_not_live_longer():
    from weakref import ref

    net = mlp()
    with fg.nan_guard():
        out = net(fg.ones(1, 4))
        node = ref(out.grad_fn)
        del out
        assert node() is None


def step_times(net, x, y, guarded, count=10):
    """Seconds per training step."""
    start = perf_counter()
    for _ in range(count):
        net.zero_grad()
        if guarded:
            with fg.nan_guard():
                nn.functional.cross_entropy(net(x), y).backward()
        else:
            nn.functional.cross_entropy(net(x), y).backward()
    return (perf_counter() - start) / count


def test_it_costs_little():
    """Below a tenth on an idle machine; the bound leaves room for a busy one."""
    net = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    x, y = fg.rand(256, 784), fg.randint(0, 10, (256,))
    step_times(net, x, y, True), step_times(net, x, y, False)
    pairs = [(step_times(net, x, y, False), step_times(net, x, y, True)) for _ in range(12)]
    plain, guarded = (min(times) for times in zip(*pairs, strict=True))
    assert guarded < 1.4 * plain
