# %% [markdown]
# # Momentum, AdaGrad, RMSProp, Adadelta, Adam
#
# Each of these changes the plain step, "learning rate times gradient", by remembering something of
# earlier gradients. We write them out, compare them with the library's, and let them race on
# measurements: how loud is an airfoil in a wind tunnel?

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from lesson import BLUE, DATA, GREEN, GREY, INK, ORANGE, PINK, airfoils, print_table, save

torch.manual_seed(0)
table, levels = airfoils(DATA)
X = torch.tensor(table, dtype=torch.float32)
y = torch.tensor(levels, dtype=torch.float32)
X, y = (X - X.mean(dim=0)) / X.std(dim=0), (y - y.mean()) / y.std()
print("measurements", tuple(X.shape), "of five quantities")


# %% [markdown]
# ## The rules
#
# Each function receives a parameter's gradient, and a dictionary that is its memory. It returns
# what to subtract. `v` averages gradients, `s` their squares: dividing by the root of `s` gives
# every parameter a step of its own size.


# %%
def sgd(g, memory, lr=0.05):
    return lr * g


def momentum(g, memory, lr=0.01):
    memory["v"] = 0.9 * memory.get("v", 0) + g
    return lr * memory["v"]


def adagrad(g, memory, lr=0.1):
    memory["s"] = memory.get("s", 0) + g**2
    return lr * g / (memory["s"].sqrt() + 1e-10)


def rmsprop(g, memory, lr=0.01):
    memory["s"] = 0.9 * memory.get("s", 0) + 0.1 * g**2
    return lr * g / (memory["s"].sqrt() + 1e-8)


def adadelta(g, memory, lr=1.0):
    memory["s"] = 0.9 * memory.get("s", 0) + 0.1 * g**2
    step = ((memory.get("d", torch.zeros_like(g)) + 1e-6) / (memory["s"] + 1e-6)).sqrt() * g
    memory["d"] = 0.9 * memory.get("d", 0) + 0.1 * step**2
    return lr * step


def adam(g, memory, lr=0.02):
    memory["t"] = memory.get("t", 0) + 1
    memory["v"] = 0.9 * memory.get("v", 0) + 0.1 * g
    memory["s"] = 0.999 * memory.get("s", 0) + 0.001 * g**2
    mean, square = memory["v"] / (1 - 0.9 ** memory["t"]), memory["s"] / (1 - 0.999 ** memory["t"])
    return lr * mean / (square.sqrt() + 1e-8)


# %% [markdown]
# ## The race
#
# The model is linear, so its best possible loss is known, from least squares.


# %%
def train(update, epochs=3):
    """Train by a function that changes parameters, and return the losses and the weights."""
    generator = torch.Generator().manual_seed(1)
    w, b = torch.zeros(5, requires_grad=True), torch.zeros(1, requires_grad=True)
    losses = []
    for _ in range(epochs):
        for batch in torch.randperm(len(y), generator=generator).split(25):
            loss = ((X[batch] @ w + b - y[batch]) ** 2).mean() / 2
            update([w, b], torch.autograd.grad(loss, [w, b]))
            with torch.no_grad():
                losses.append((((X @ w + b - y) ** 2).mean() / 2).item())
    return losses, w.detach()


def by_hand(rule):
    """Return an update that follows a rule."""
    memories = [{}, {}]

    @torch.no_grad()
    def update(parameters, gradients):
        for parameter, g, memory in zip(parameters, gradients, memories, strict=True):
            parameter -= rule(g, memory)

    return update


def by_library(kind, **options):
    """Return an update by an optimizer of ``torch.optim``."""
    made = []

    def update(parameters, gradients):
        if not made:
            made.append(kind(parameters, **options))
        for parameter, g in zip(parameters, gradients, strict=True):
            parameter.grad = g
        made[0].step()

    return update


# %%
optim = torch.optim
rules = {
    "plain": (sgd, by_library(optim.SGD, lr=0.05), GREY),
    "momentum": (momentum, by_library(optim.SGD, lr=0.01, momentum=0.9), INK),
    "AdaGrad": (adagrad, by_library(optim.Adagrad, lr=0.1), GREEN),
    "RMSProp": (rmsprop, by_library(optim.RMSprop, lr=0.01, alpha=0.9), ORANGE),
    "Adadelta": (adadelta, by_library(optim.Adadelta, lr=1.0, rho=0.9), PINK),
    "Adam": (adam, by_library(optim.Adam, lr=0.02), BLUE),
}
design = torch.cat([X, torch.ones(len(X), 1)], dim=1)
solution = torch.linalg.lstsq(design, y.unsqueeze(1)).solution
least = ((design @ solution).flatten() - y).square().mean().item() / 2
curves, differences = {}, {}
for name, (rule, library, _) in rules.items():
    curves[name], hand_weights = train(by_hand(rule))
    differences[name] = (train(library)[1] - hand_weights).abs().max().item()
print(f"least possible loss {least:.4f}")
print_table(
    {"rule": name, "loss": curve[-1], "hand and library differ by": differences[name]}
    for name, curve in curves.items()
)

# %% [markdown]
# ## A valley
#
# On $f(a, b) = 0.1 a^2 + 2 b^2$ plain descent swings across the valley and creeps along it.
# Momentum gathers speed along it, and runs past the end before it turns; Adam gives each parameter
# a step size of its own.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for name, (_, _, color) in rules.items():
    left.plot(curves[name], color=color, label=name)
left.axhline(least, color=INK, linewidth=0.5)
left.set(xlabel="step", ylabel="loss on all measurements")
left.legend(frameon=False)
a, b = torch.meshgrid(torch.linspace(-6, 2, 80), torch.linspace(-3, 3, 80), indexing="xy")
right.contour(a, b, 0.1 * a**2 + 2 * b**2, levels=12, colors=GREY, linewidths=0.5)
for name, rule, lr in (("plain", sgd, 0.4), ("momentum", momentum, 0.1), ("Adam", adam, 0.4)):
    point, memory, path = torch.tensor([-5.0, -2.0]), {}, []
    for _ in range(25):
        path.append(point)
        point = point - rule(torch.tensor([0.2, 4.0]) * point, memory, lr)
    path = torch.stack(path)
    color = GREEN if name == "plain" else rules[name][2]
    right.plot(path[:, 0], path[:, 1], ".-", color=color, linewidth=1, label=name)
right.set(xlabel="a", ylabel="b")
right.legend(frameon=False, loc="lower right")
save(figure, "optimizers")
