# %% [markdown]
# # Automatic differentiation and dynamic graphs
#
# While tensors that require a gradient are computed with, fastgrad notes what was done. `backward`
# walks through these notes from the result to the start and applies the chain rule.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad.viz import graph
from lesson import BLUE, INK, ORANGE, save

torch.manual_seed(0)

# %% [markdown]
# ## A first gradient
#
# For $y = 2 x^\top x$ the gradient is $4x$.

# %%
x = torch.arange(4.0, requires_grad=True)
y = 2 * torch.dot(x, x)
y.backward()
print("gradient", x.grad, "  4 x", 4 * x.detach())

# %% [markdown]
# Gradients add up until they are set to zero, and `detach` cuts a tensor off from its past: in the
# second line below, `u` counts as a constant.

# %%
x.grad.zero_()
u = (x * x).detach()
(u * x).sum().backward()
print("with u constant the gradient is u:", x.grad, u)

# %% [markdown]
# ## Graphs made by running Python
#
# The notes are made anew by every run, so loops and branches need no special words. Here the
# number of products depends on the data: a matrix is multiplied by itself until it is large.

# %%
w = torch.tensor([[0.9, 0.5], [-0.4, 1.1]], requires_grad=True)
s = torch.eye(2)
steps = 0
while s.norm() < 10:
    s = s.mm(w)
    steps += 1
s.sum().backward()
print(f"{steps} products, gradient\n{w.grad}")

# %% [markdown]
# A check without the chain rule: change each number by a little, and see how the result changes.

# %%
measured = torch.zeros(2, 2, dtype=torch.float64)
for i in range(2):
    for j in range(2):
        ends = []
        for change in (1e-5, -1e-5):
            moved = w.detach().double()
            moved[i, j] += change
            ends.append(torch.linalg.matrix_power(moved, steps).sum())
        measured[i, j] = (ends[0] - ends[1]) / 2e-5
print("measured\n", measured, sep="")

# %% [markdown]
# ## A recurrent step by hand
#
# The same four tensors serve every step of a sequence. The graph grows with it, and the gradient
# of a weight is the sum over all its uses.

# %%
W_h, W_x = torch.randn(20, 20, requires_grad=True), torch.randn(20, 10, requires_grad=True)
h, sequence = torch.randn(1, 20), torch.randn(5, 10)
for step in sequence:
    i2h = torch.mm(W_x, step.reshape(10, 1))
    h2h = torch.mm(W_h, h.t())
    h = (i2h + h2h).t().tanh()
loss = h.sum()
loss.backward()
print("loss", loss.item(), "  gradients", tuple(W_h.grad.shape), tuple(W_x.grad.shape))

# %% [markdown]
# The notes of a small expression can be printed.

# %%
a = torch.tensor(2.0, requires_grad=True)
print(graph((a * a + a.exp()).log(), {"a": a}))

# %% [markdown]
# ## The derivative of a curve
#
# `create_graph=True` notes the derivative's own computation, which can then be derived, too.

# %%
t = torch.linspace(-6, 6, 200, requires_grad=True)
sine = t.sin()
(first,) = torch.autograd.grad(sine.sum(), t, create_graph=True)
(second,) = torch.autograd.grad(first.sum(), t)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
lines = (("sin", sine, INK), ("first", first, BLUE), ("second derivative", second, ORANGE))
for name, values, color in lines:
    axes.plot(t.detach(), values.detach(), color=color, label=name)
axes.legend(frameon=False, loc="upper right", ncols=3)
axes.set(xlabel="x", ylim=(-1.2, 1.6))
save(figure, "differentiation")
