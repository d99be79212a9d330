# %% [markdown]
# # Underfitting, overfitting, weight decay, dropout
#
# A model that is too simple misses the pattern; one with more freedom than the data can settle
# learns the noise. The error on data that was not trained on tells which it is.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from lesson import BLUE, GREEN, GREY, INK, ORANGE, print_table, save

torch.manual_seed(0)


def sample(count):
    """Return points of a cubic with noise: x in [-1, 1], and y."""
    x = torch.linspace(-1, 1, count).unsqueeze(1)
    return x, 2 * x**3 - x + 0.3 * torch.randn(count, 1)


x, y = sample(16)
test_x, test_y = sample(500)

# %% [markdown]
# ## Polynomials of degree 1, 3 and 12
#
# Weight decay adds $\lambda |w|^2$ to the squared errors. For a polynomial the best weights then
# solve $(P^\top P + \lambda I) w = P^\top y$.


# %%
def powers(x, degree):
    """Return the columns 1, x, ... x ** degree."""
    return x ** torch.arange(degree + 1)


def fit(degree, decay=0.0):
    """Return the weights with the least penalized error, [degree + 1, 1]."""
    P = powers(x, degree).double()
    return torch.linalg.solve(P.T @ P + decay * torch.eye(degree + 1), P.T @ y.double()).float()


fits = {
    "degree 1": fit(1),
    "degree 3": fit(3),
    "degree 12": fit(12),
    "degree 12, decay": fit(12, decay=0.01),
}
errors = {}
for name, weights in fits.items():
    train_error, test_error = (
        ((powers(inputs, len(weights) - 1) @ weights - targets) ** 2).mean().item()
        for inputs, targets in ((x, y), (test_x, test_y))
    )
    errors[name] = {"train": train_error, "test": test_error, "norm of w": weights.norm().item()}
print_table({"model": name} | error for name, error in errors.items())

# %% [markdown]
# ## Dropout
#
# In training, dropout sets each hidden number to zero with probability p, and divides the others by
# 1 - p, so that the mean stays. In evaluation it does nothing.

# %%
drop = nn.Dropout(0.5)
ones = torch.ones(10_000)
dropped = drop(ones)
print("kept", (dropped > 0).float().mean().item(), "mean", dropped.mean().item())
drop.eval()
unchanged = bool((drop(ones) == ones).all())
print("unchanged in evaluation:", unchanged)

# %% [markdown]
# A large network on the same 16 points: as it is, with weight decay (`weight_decay` of the
# optimizer), and with dropout. Steep first weights let it bend as often as it likes.


# %%
def train(p=0.0, weight_decay=0.0, steps=800):
    """Train on the 16 points, and return the network and its test errors."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(1, 100), nn.Tanh(), nn.Dropout(p), nn.Linear(100, 100))
    net.extend([nn.Tanh(), nn.Dropout(p), nn.Linear(100, 1)])
    nn.init.normal_(net[0].weight, std=10)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=weight_decay)
    curve = []
    for step in range(steps):
        loss = nn.functional.mse_loss(net.train()(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            with torch.no_grad():
                curve.append(nn.functional.mse_loss(net.eval()(test_x), test_y).item())
    return net.eval(), curve


networks = {
    "plain": train(),
    "weight decay": train(weight_decay=2.0),
    "dropout": train(p=0.5),
}
for name, (_, curve) in networks.items():
    print(f"{name}: test error at the end {curve[-1]:.4f}, at best {min(curve):.4f}")

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
line = torch.linspace(-1, 1, 200).unsqueeze(1)
colors = (GREY, GREEN, ORANGE, BLUE)
for (name, weights), color in zip(fits.items(), colors, strict=True):
    left.plot(line, powers(line, len(weights) - 1) @ weights, color=color, label=name)
for (name, (net, curve)), color in zip(networks.items(), (ORANGE, BLUE, GREEN), strict=True):
    middle.plot(line, net(line).detach(), color=color, label=name)
    right.semilogy(range(0, 800, 10), curve, color=color, label=name)
for axes in (left, middle):
    axes.plot(x, y, "o", color=INK, markersize=4)
    axes.set(xlabel="x", ylim=(-2, 2))
    axes.legend(frameon=False)
left.set_title("polynomials")
middle.set_title("networks")
right.set(xlabel="step", title="networks' test error")
save(figure, "overfitting")
