# %% [markdown]
# # XOR: what one neuron cannot do
#
# XOR is 1 where exactly one of two inputs is. A single neuron divides the plane by one line, and
# no line separates these four points: at best three of them are right. Two layers fold the plane
# first.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from fastgrad.viz import decision_regions
from lesson import BLUE, ORANGE, print_table, save

torch.manual_seed(1)
inputs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
labels = torch.tensor([0.0, 1.0, 1.0, 0.0])


# %%
def train(net, steps=500):
    """Train on the four points, and return the loss after each step."""
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    losses = []
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy_with_logits(net(inputs).flatten(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(net):
    """Return the share of the four points that are right."""
    return ((net(inputs).flatten() > 0) == labels.bool()).float().mean().item()


# %% [markdown]
# ## One neuron
#
# The best that it can do is to say one half everywhere: its loss ends at $\ln 2 = 0.693$.

# %%
single = nn.Linear(2, 1)
single_losses = train(single)
single_accuracy = accuracy(single)
print(f"one neuron: loss {single_losses[-1]:.4f}, accuracy {single_accuracy}")

# %% [markdown]
# It is not the training's fault. Of a hundred thousand random lines none does better than three
# points of four.

# %%
lines = torch.randn(100_000, 3)
answers = lines[:, :2] @ inputs.T + lines[:, 2:] > 0
best_line = (answers == labels.bool()).float().mean(dim=1).max().item()
print("the best of 100,000 lines:", best_line)

# %% [markdown]
# ## Two layers

# %%
double = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
double_losses = train(double)
double_accuracy = accuracy(double)
print(f"two layers: loss {double_losses[-1]:.4f}, accuracy {double_accuracy}")
with torch.no_grad():
    print_table(
        {"inputs": str(x.int().tolist()), "label": int(label), "probability": net_says}
        for x, label, net_says in zip(
            inputs, labels, double(inputs).sigmoid().flatten().tolist(), strict=True
        )
    )

# %% [markdown]
# ## By hand
#
# Two hidden neurons are enough: one answers OR, the other AND, and XOR is "OR, but not AND".

# %%
hidden = (inputs @ torch.tensor([[1.0, 1.0], [1.0, 1.0]]) - torch.tensor([0.5, 1.5]) > 0).float()
by_hand = (hidden @ torch.tensor([1.0, -1.0]) > 0.5).float()
print("OR and AND", hidden.tolist(), "XOR", by_hand.tolist())

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.5), layout="constrained")
for axes, net, title in ((left, single, "one neuron"), (middle, double, "two layers")):
    decision_regions(net, inputs, labels, axes=axes)
    axes.set(title=title, xlabel="first input", ylabel="second input", aspect="equal")
right.plot(single_losses, color=ORANGE, label="one neuron")
right.plot(double_losses, color=BLUE, label="two layers")
right.set(xlabel="step", ylabel="binary cross-entropy", ylim=(0, 1))
right.legend(frameon=False)
save(figure, "xor")
