# %% [markdown]
# # Logistic regression and binary cross-entropy
#
# A neuron whose sum goes through the sigmoid gives a probability. Its natural loss is the binary
# cross-entropy: the surprise, $-\ln p$, at what was really there.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from fastgrad.viz import decision_regions
from lesson import BLUE, GREY, INK, ORANGE, save

torch.manual_seed(0)

# %% [markdown]
# Two clouds that overlap: no line is right about all of their points.

# %%
points = torch.cat([torch.randn(100, 2) - 1, torch.randn(100, 2) + 1])
labels = (torch.arange(200) // 100).float()

# %% [markdown]
# ## From scratch
#
# The derivative of the loss with respect to the sum is simply `p - label`, so that the gradient
# needs no graph. We let fastgrad confirm this before we use it.

# %%
w = torch.zeros(2, requires_grad=True)
p = torch.sigmoid(points @ w)
loss = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
(by_graph,) = torch.autograd.grad(loss, w)
by_hand = points.T @ (p.detach() - labels) / len(points)
print("gradient by the graph", by_graph, "by hand", by_hand)

# %%
w, b = torch.zeros(2), torch.zeros(())
losses = []
for _ in range(200):
    p = torch.sigmoid(points @ w + b)
    losses.append(-(labels * p.log() + (1 - labels) * (1 - p).log()).mean().item())
    w = w - 0.5 * points.T @ (p - labels) / len(points)
    b = b - 0.5 * (p - labels).mean()
print(f"from scratch: loss {losses[0]:.4f} (ln 2) falls to {losses[-1]:.4f}, w {w.tolist()}")

# %% [markdown]
# ## Concise
#
# `BCEWithLogitsLoss` takes the sums themselves: sigmoid and logarithm together never overflow.

# %%
neuron = nn.Linear(2, 1)
loss_of = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(neuron.parameters(), lr=0.5)
for _ in range(200):
    loss = loss_of(neuron(points).flatten(), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
accuracy = ((neuron(points).flatten() > 0) == labels.bool()).float().mean().item()
print(f"concise: loss {loss.item():.4f}, accuracy {accuracy:.3f}")

# %% [markdown]
# ## Why not the squared error?
#
# For a neuron that is wrong and sure of it (a sum of -10 where the label is 1), the squared error
# has hardly any gradient left. The cross-entropy pulls with full strength.

# %%
sums = torch.linspace(-10, 10, 201, requires_grad=True)
(squared_pull,) = torch.autograd.grad(((1 - sums.sigmoid()) ** 2).sum(), sums)
(entropy_pull,) = torch.autograd.grad(-nn.functional.logsigmoid(sums).sum(), sums)
print(f"at -10: squared error {squared_pull[0]:.5f}, cross-entropy {entropy_pull[0]:.5f}")

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
decision_regions(neuron, points, labels, axes=left)
left.set_title("regions")
middle.plot(losses, color=BLUE)
middle.axhline(losses[-1], color=GREY, linewidth=0.7)
middle.set(xlabel="step", title="binary cross-entropy")
right.plot(sums.detach(), squared_pull, color=ORANGE, label="squared error")
right.plot(sums.detach(), entropy_pull, color=INK, label="cross-entropy")
right.set(xlabel="sum, where the label is 1", title="gradient")
right.legend(frameon=False)
save(figure, "logistic_regression")
