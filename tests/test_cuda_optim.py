"""Optimizers on a CUDA device: what they do is what they do on the CPU."""

from typing import Any

import pytest

import fastgrad as torch
from cuda_common import assert_same
from fastgrad import nn, optim

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

RULES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    ("Adadelta", {"lr": 1.0}),
    ("Rprop", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 2.0}),
]
IDS = [f"{name}-{i}" for i, (name, _) in enumerate(RULES)]

# Nothing, less than a block, an odd number, more than a block.
SHAPES = [(0,), (), (3,), (7, 5), (5000,), (4099,)]


def parameters(dtype: torch.dtype, device: str) -> list[nn.Parameter]:
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(shape).to(dtype).to(device)) for shape in SHAPES]


def train(name: str, options: dict[str, Any], dtype: torch.dtype, device: str) -> Any:
    params = parameters(dtype, device)
    optimizer = getattr(optim, name)(params, **options)
    generator = torch.Generator().manual_seed(1)
    for _ in range(7):
        for p in params:
            p.grad = torch.randn(p.shape, generator=generator).to(dtype).to(device)
        optimizer.step()
    return params, optimizer


@pytest.mark.parametrize(("name", "options"), RULES, ids=IDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_same_steps_as_on_the_cpu(name: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    expected, _ = train(name, options, dtype, "cpu")
    params, optimizer = train(name, options, dtype, "cuda")
    for p, e in zip(params, expected, strict=True):
        assert_same(p, e)
    for state in optimizer.state.values():
        for value in state.values():
            assert value.device.type == "cuda"
        if "step" in state:
            assert state["step"].item() == 7


@pytest.mark.parametrize(("name", "options"), RULES, ids=IDS)
def test_parameters_of_16_bits_are_computed_in_float32(name: str, options: dict[str, Any]) -> None:
    expected, _ = train(name, options, torch.bfloat16, "cpu")
    params, _ = train(name, options, torch.bfloat16, "cuda")
    for p, e in zip(params, expected, strict=True):
        assert_same(p, e)


def test_more_parameters_than_one_launch_takes_and_mixed_dtypes() -> None:
    def stepped(device: str) -> list[nn.Parameter]:
        kinds = [torch.float32, torch.float64, torch.float16]
        params = [
            nn.Parameter(torch.full((i,), 1.0, dtype=kinds[i % 3], device=device))
            for i in range(200)
        ]
        optimizer = optim.Adam(params, lr=0.5)
        for p in params:
            p.grad = torch.ones_like(p)
        optimizer.step()
        return params

    for here, there in zip(stepped("cpu"), stepped("cuda"), strict=True):
        assert_same(there, here)


def test_views_that_are_not_contiguous_or_aligned() -> None:
    base = torch.zeros(9, 11, device="cuda")
    turned = nn.Parameter(base[1:, 1:].t())
    turned.grad = torch.arange(80.0, device="cuda").view(8, 10).t()
    odd = nn.Parameter(torch.zeros(4098, device="cuda")[1:])
    odd.grad = torch.ones(4097, device="cuda")
    optim.SGD([turned, odd], lr=1.0).step()
    assert torch.equal(turned.detach().cpu(), -torch.arange(80.0).view(8, 10).t())
    assert base[0].abs().sum().item() == 0
    assert torch.equal(odd.detach().cpu(), torch.full((4097,), -1.0))


def test_a_state_from_the_cpu_goes_to_the_parameters() -> None:
    _, here = train("Adam", {"lr": 0.1}, torch.float32, "cpu")
    params = parameters(torch.float32, "cuda")
    optimizer = optim.Adam(params, lr=0.1)
    optimizer.load_state_dict(here.state_dict())
    state = optimizer.state[params[2]]
    assert state["step"].device.type == "cuda"
    assert state["step"].item() == 7
    params[2].grad = torch.ones_like(params[2])
    optimizer.step()
    assert state["step"].item() == 8


def test_the_gradients_norm_is_clipped_on_the_device() -> None:
    params = parameters(torch.float32, "cuda")
    for p in params:
        p.grad = torch.ones_like(p)
    total = nn.utils.clip_grad_norm_(params, 1.0)
    assert total.device.type == "cuda"
    squares = sum(p.grad.square().sum().item() for p in params)  # type: ignore[union-attr]
    assert abs(squares - 1) < 1e-4
