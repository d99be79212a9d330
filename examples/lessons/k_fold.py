# %% [markdown]
# # Choosing a model: hold-out, k-fold, leave-one-out
#
# Which degree should a polynomial have? The training error always says: the highest. Data that was
# left out answers better, and with little data every point should be left out once.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from lesson import BLUE, GREEN, GREY, INK, ORANGE, print_table, save

torch.manual_seed(3)


def sample(count):
    """Return x in [-1, 1], and a sine of it with noise, float64."""
    x = torch.rand(count, 1, dtype=torch.float64) * 2 - 1
    return x, (3 * x).sin() + 0.3 * torch.randn(count, 1, dtype=torch.float64)


x, y = sample(30)
degrees = range(1, 11)


# %%
def powers(x, degree):
    return x ** torch.arange(degree + 1)


def error(degree, train, test):
    """Return the mean squared error at test = (x, y) of what was fitted to train = (x, y)."""
    weights = torch.linalg.lstsq(powers(train[0], degree), train[1]).solution
    return ((powers(test[0], degree) @ weights - test[1]) ** 2).mean().item()


# %% [markdown]
# ## k folds
#
# Shuffle once and cut into k parts. Each part is left out in turn; the model is fitted to the
# others. With k equal to the number of points, this is leave-one-out.


# %%
def k_fold(degree, k):
    """Return the error of each of k folds."""
    folds = torch.randperm(len(x), generator=torch.Generator().manual_seed(0)).tensor_split(k)
    errors = []
    for i, held_out in enumerate(folds):
        rest = torch.cat([fold for j, fold in enumerate(folds) if j != i])
        errors.append(error(degree, (x[rest], y[rest]), (x[held_out], y[held_out])))
    return errors


def mean(values):
    return sum(values) / len(values)


# %% [markdown]
# For a linear fit, leave-one-out needs no refitting: the error at a left-out point is its ordinary
# residual divided by $1 - h_i$, where $h$ is the diagonal of $P (P^\top P)^{-1} P^\top$.


# %%
def leave_one_out_at_once(degree):
    P = powers(x, degree)
    hat = P @ torch.linalg.pinv(P)
    return (((y - hat @ y).flatten() / (1 - hat.diag())) ** 2).mean().item()


# %% [markdown]
# Ten thousand new points stand for the truth that one does not have. With 30 points the estimates
# are noisy, too: they tell good degrees from bad ones, but not good ones from each other.

# %%
fresh = sample(10_000)
results = {
    "training": [error(d, (x, y), (x, y)) for d in degrees],
    "hold-out": [error(d, (x[:20], y[:20]), (x[20:], y[20:])) for d in degrees],
    "5-fold": [mean(k_fold(d, 5)) for d in degrees],
    "leave-one-out": [mean(k_fold(d, len(x))) for d in degrees],
    "new data": [error(d, (x, y), fresh) for d in degrees],
}
at_once = [leave_one_out_at_once(d) for d in degrees]
chosen = {name: 1 + values.index(min(values)) for name, values in results.items()}
print_table(
    {"errors": name, "chosen degree": chosen[name]}
    | {f"degree {d}": results[name][d - 1] for d in (1, 3, 5, 10)}
    for name in results
)
print("leave-one-out of degree 3: by refitting", results["leave-one-out"][2], "at once", at_once[2])

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for (name, values), color in zip(results.items(), (GREY, ORANGE, BLUE, GREEN, INK), strict=True):
    left.semilogy(degrees, values, ".-", color=color, label=name)
left.set(xlabel="degree", ylabel="mean squared error", ylim=(0.04, 3))
left.legend(frameon=False)
line = torch.linspace(-1, 1, 200, dtype=torch.float64).unsqueeze(1)
right.plot(x, y, "o", color=INK, markersize=4)
for degree, color in ((1, GREY), (chosen["leave-one-out"], GREEN), (10, ORANGE)):
    weights = torch.linalg.lstsq(powers(x, degree), y).solution
    right.plot(line, powers(line, degree) @ weights, color=color, label=f"degree {degree}")
right.set(xlabel="x", ylim=(-2, 2))
right.legend(frameon=False)
save(figure, "k_fold")
