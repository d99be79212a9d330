# %% [markdown]
# # Batch, stochastic and mini-batch gradient descent
#
# All three follow the gradient of the mean loss. They differ in how many samples a step looks at:
# all of them, one, or a few. We watch their paths over the loss of a line with two parameters.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from lesson import BLUE, GREEN, GREY, INK, ORANGE, print_table, save

torch.manual_seed(0)
x = torch.randn(256)
y = 2 * x - 1 + torch.randn(256)
X = torch.stack([x, torch.ones_like(x)], dim=1)
best = torch.linalg.lstsq(X, y.unsqueeze(1)).solution.flatten()
print("the best parameters", best)


# %%
def mean_loss(parameters):
    """Return the mean squared error of each row of parameters [n, 2]."""
    return ((parameters @ X.T - y) ** 2).mean(dim=1)


def descend(batch_size, lr, steps):
    """Return the parameters at the start and after each step, [steps + 1, 2]."""
    parameters = torch.tensor([-1.0, 2.0])
    path = [parameters]
    while len(path) <= steps:
        for batch in torch.randperm(len(y)).split(batch_size):
            error = X[batch] @ parameters - y[batch]
            parameters = parameters - lr * 2 * X[batch].T @ error / len(batch)
            path.append(parameters)
    return torch.stack(path[: steps + 1])


# %% [markdown]
# The same number of steps for each. A step of the whole batch costs 256 times as much as one of a
# single sample, so the last column counts what was paid.

# %%
sizes = {"batch": 256, "stochastic": 1, "mini-batch": 16}
paths = {name: descend(size, lr=0.05, steps=60) for name, size in sizes.items()}
distances = {name: (path - best).norm(dim=1) for name, path in paths.items()}
print_table(
    {
        "descent": name,
        "loss after 60 steps": mean_loss(path[-1:]).item(),
        "distance from the best": distances[name][-1].item(),
        "samples looked at": 60 * sizes[name],
    }
    for name, path in paths.items()
)

# %% [markdown]
# ## Noise that stays, and goes
#
# With one sample, the gradient is not zero even at the best parameters, so the steps go on to
# jump about. A learning rate that falls makes the jumps smaller: they then average out.

# %%
parameters, jumps = best.clone(), []
falling = best.clone()
for step in range(2000):
    i = int(torch.randint(256, ()))
    parameters = parameters - 0.05 * 2 * X[i] * (X[i] @ parameters - y[i])
    falling = falling - 0.05 / (1 + step / 50) * 2 * X[i] * (X[i] @ falling - y[i])
    jumps.append(((parameters - best).norm().item(), (falling - best).norm().item()))
constant_noise, falling_noise = torch.tensor(jumps)[-500:].mean(dim=0).tolist()
print(f"mean distance at the end: {constant_noise:.3f} constant, {falling_noise:.3f} falling")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
w, b = torch.meshgrid(torch.linspace(-1.5, 3.5, 80), torch.linspace(-2.5, 2.5, 80), indexing="xy")
losses = mean_loss(torch.stack([w, b], dim=-1).reshape(-1, 2)).reshape(80, 80)
left.contour(w, b, losses, levels=12, colors=GREY, linewidths=0.6)
for (name, path), color in zip(paths.items(), (INK, ORANGE, BLUE), strict=True):
    left.plot(path[:, 0], path[:, 1], ".-", color=color, linewidth=1, markersize=3, label=name)
    right.semilogy(distances[name], color=color, label=name)
left.plot(*best.tolist(), "*", color=GREEN, markersize=14)
left.set(xlabel="slope", ylabel="intercept")
left.legend(frameon=False)
right.set(xlabel="step", ylabel="distance from the best parameters")
save(figure, "gradient_descent")
