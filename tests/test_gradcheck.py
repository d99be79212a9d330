"""gradcheck and gradgradcheck: right gradients pass, wrong ones are shown."""

import pytest

import fastgrad as fg
from fastgrad.autograd.gradcheck import GradcheckError


def leaf(*numbers):
    return fg.tensor(numbers, dtype=fg.float64, requires_grad=True)


def function(forward, backward):
    """A Function of the user's, applied."""
    made = type("Made", (fg.autograd.Function,), {})
    made.forward, made.backward = staticmethod(forward), staticmethod(backward)
    return made.apply


wrong = function(lambda ctx, x: x * 2, lambda ctx, grad: grad * 3)
forgetful = function(lambda ctx, x: x * 2, lambda ctx, grad: grad * 0 + 2)


@pytest.mark.parametrize("check", [fg.autograd.gradcheck, fg.autograd.gradgradcheck])
def test_right_gradients_pass(check):
    a, b = leaf(0.5, 2.0), leaf(1.5, -0.5)
    assert check(lambda a, b: (a * b.exp()).sin(), (a, b))
    assert check(lambda a, b: (a @ b, a.outer(b)), [a, b])
    assert check(lambda a, n: a.cumprod(0) * n, (a, 3.0))
    assert check(lambda a: (a.exp(), a.argmax()), a)


def test_a_wrong_gradient_is_shown():
    with pytest.raises(GradcheckError) as info:
        fg.autograd.gradcheck(wrong, leaf(1.0, 2.0))
    message = str(info.value)
    assert message.startswith("Jacobian mismatch for output 0 with respect to input 0,\nnumerical:")
    assert "2.0000" in message.partition("analytical:")[0]
    assert "3." in message.partition("analytical:")[2]


def test_the_wrong_one_of_several_is_named():
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(GradcheckError, match="output 1 with respect to input 2"):
        fg.autograd.gradcheck(lambda n, x, y: (x * y, x + wrong(y)), (3, x, y))


def test_without_an_exception_the_answer_is_false():
    assert fg.autograd.gradcheck(wrong, leaf(1.0), raise_exception=False) is False


def test_a_backward_that_ignores_what_arrives():
    with pytest.raises(GradcheckError, match="not multiplied by grad_output"):
        fg.autograd.gradcheck(forgetful, leaf(1.0))


def test_a_backward_that_differs_each_time():
    calls = []

    def backward(ctx, grad):
        calls.append(1)
        return grad * (2 + 1e-9 * len(calls))

    changing = function(lambda ctx, x: x * 2, backward)
    with pytest.raises(GradcheckError, match="not reentrant"):
        fg.autograd.gradcheck(changing, leaf(1.0))
    assert fg.autograd.gradcheck(changing, leaf(1.0), nondet_tol=1e-6)


def test_a_wrong_second_derivative():
    def backward(ctx, grad):
        return grad * 2 * ctx.saved_tensors[0].detach()

    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    square = function(forward, backward)
    x = leaf(1.0, 3.0)
    assert fg.autograd.gradcheck(square, x)
    with pytest.raises(GradcheckError):
        fg.autograd.gradgradcheck(square, x)
    assert not fg.autograd.gradgradcheck(square, x, raise_exception=False)


def test_undefined_gradients_reach_a_function_or_are_zeros():
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx, first, second):
        seen.append(first is None or second is None)
        parts = [g * k for g, k in ((first, 2), (second, 3)) if g is not None]
        return sum(parts[1:], parts[0])

    both = function(forward, backward)
    fg.autograd.gradcheck(both, leaf(1.0), check_undefined_grad=False)
    assert not any(seen)
    fg.autograd.gradcheck(both, leaf(1.0))
    assert any(seen)


def test_inputs_are_what_they_were():
    x = leaf(1.0, 2.0)
    fg.autograd.gradcheck(lambda x: x.exp(), x)
    assert x.tolist() == [1.0, 2.0]
    assert x.grad is None

    def failing(x):
        if not fg.is_grad_enabled():
            raise KeyError
        return x

    with pytest.raises(KeyError):
        fg.autograd.gradcheck(failing, x)
    assert x.tolist() == [1.0, 2.0]


def test_captured_parameters_can_be_checked():
    layer = fg.nn.Linear(2, 2).double()
    x = fg.ones(1, 2, dtype=fg.float64)
    assert fg.autograd.gradcheck(lambda *parameters: layer(x).sin(), tuple(layer.parameters()))


def test_what_cannot_be_checked_raises():
    x = leaf(1.0)
    with pytest.raises(ValueError, match="none of them have requires_grad"):
        fg.autograd.gradcheck(lambda x: x, fg.ones(2))
    with pytest.raises(ValueError, match="no tensor"):
        fg.autograd.gradcheck(lambda x: 3.0, x)
    with pytest.raises(ValueError, match="nothing to check"):
        fg.autograd.gradcheck(lambda x: x, x, check_backward_ad=False)
    with pytest.raises(RuntimeError, match="stride 0"):
        fg.autograd.gradcheck(lambda x: x, x.detach().expand(3).requires_grad_())
    for option in ("check_forward_ad", "check_batched_grad", "fast_mode", "masked"):
        with pytest.raises(NotImplementedError, match=option):
            fg.autograd.gradcheck(lambda x: x, x, **{option: True})


def test_single_precision_is_warned_of():
    with pytest.warns(UserWarning, match="float32"):
        fg.autograd.gradcheck(lambda x: x * 2, fg.ones(1, requires_grad=True), eps=1e-2)


def test_non_contiguous_inputs_and_weights():
    x = fg.arange(6.0, dtype=fg.float64).view(2, 3).T.requires_grad_()
    assert fg.autograd.gradcheck(lambda x: x.sin(), x)
    assert fg.autograd.gradgradcheck(lambda x: x.sin(), x, gen_non_contig_grad_outputs=True)
