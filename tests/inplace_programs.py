"""Programs that change tensors in place: each takes a library and a leaf, and returns a tensor."""


def correlated(t, x):
    """A convolution written out by hand, as in a textbook."""
    kernel = t.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=t.float64)
    y = t.zeros(2, 3, dtype=t.float64)
    for i in range(2):
        for j in range(3):
            y[i, j] = (x[i : i + 2, j : j + 2] * kernel).sum()
    return y


def augmented(t, x):
    y = x * 1
    y += 1
    y *= x
    y -= 2
    y /= x + 1
    return y


def through_a_view(t, x):
    y = x * 2
    y[1].mul_(3)
    y[:, 2] += x[:, 0]
    return y


def through_a_view_of_a_view(t, x):
    y = x * 2
    part = y.t()[1:].t()[:, ::2]
    part *= x[:, 1:3]
    return y + 1


def the_view_itself(t, x):
    y = x * 2
    row = y[1]
    row.exp_()
    return row * y[0]


def an_older_view(t, x):
    y = x * 2
    older = y[0]
    y *= 3
    return older * older


def a_view_of_the_same_memory(t, x):
    y = x * 2
    a, b = y[:2], y[1:]
    a.mul_(2)
    b.mul_(3)
    return a.sum() + b.sum() + y.sum()


def reshaped(t, x):
    y = x.clone()
    y.view(-1)[5:].mul_(2)
    y.unsqueeze(0).squeeze(0).reshape(4, 3)[1] = 0
    return y


def by_mask_and_index(t, x):
    y = x * 1
    y[y > 1.5] = 0
    y[[0, 2], [1, 3]] = x[0, :2] * 5
    y[t.tensor([1])] *= 2
    return y


def constants(t, x):
    y = x * x
    y[0] = 7
    y[1, 1:3] = t.ones(2, dtype=t.float64)
    y[2].fill_(3)
    y[:, 3].zero_()
    return y


def into_plain_memory(t, x):
    y = t.zeros(3, 4, dtype=t.float64)
    y[1] = x[0]
    y.t()[2].copy_(x[:, 1])
    return y * y


def accumulated(t, x):
    total = t.zeros(4, dtype=t.float64)
    for row in x:
        total += row * row
    return total


def functions(t, x):
    y = x * 1
    return y.neg_().abs_().square_().log_().clamp_(-1, 1)


def functions_that_need_their_result(t, x):
    names = ("exp_", "sqrt_", "tanh_", "sigmoid_", "relu_")
    return t.stack([getattr(x * 1, name)() for name in names])


def powers(t, x):
    y = x * 1
    y **= 2
    y %= 3
    return y.pow_(1.5)


def broadcast(t, x):
    y = x * 1
    y += x[0]
    y.mul_(x[:, :1])
    return y


def filled_by_mask(t, x):
    y = x * 1
    return y.masked_fill_(x > 1, 4.0)


def put(t, x):
    y = x * 1
    return y.index_put_((t.tensor([0, 0]),), x[1:] * 2, accumulate=True)


def split_in_parts(t, x):
    y = x * 1
    first, second = y.narrow(1, 0, 2), y.select(0, 2)
    first += 1
    second *= 2
    return y


def expanded_source(t, x):
    y = t.zeros(3, 4, dtype=t.float64)
    y.copy_(x[0])
    y[:, :2] = x[:, :1]
    return y


def swapped(t, x):
    y = x * 1
    y[0], y[1] = y[1].clone(), y[0].clone()
    return y


def detached_inside(t, x):
    y = x * 2
    y.detach()[0] = 5  # seen by the values, not by the graph
    return y + 1


PROGRAMS = [
    correlated,
    augmented,
    through_a_view,
    through_a_view_of_a_view,
    the_view_itself,
    an_older_view,
    a_view_of_the_same_memory,
    reshaped,
    by_mask_and_index,
    constants,
    into_plain_memory,
    accumulated,
    functions,
    functions_that_need_their_result,
    powers,
    broadcast,
    filled_by_mask,
    put,
    split_in_parts,
    expanded_source,
    swapped,
    detached_inside,
]
