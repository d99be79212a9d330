# %% [markdown]
# # Numerical stability
#
# `float32` ends at about 3.4e38, and below 1e-45 there is only zero. Formulas that are right on
# paper can leave this range on the way. Here this is made to happen, and repaired.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from lesson import BLUE, GREEN, ORANGE, print_table, save

torch.manual_seed(0)

# %% [markdown]
# ## Softmax that overflows
#
# $e^{89}$ is already infinite, and infinite by infinite is not a number. Subtracting the largest
# sum from all of them leaves the probabilities as they are, and no power is above 1.

# %%
sums = torch.tensor([100.0, 99.0, -10.0])
naive = sums.exp() / sums.exp().sum()
shifted = (sums - sums.max()).exp() / (sums - sums.max()).exp().sum()
print("naive", naive, "shifted", shifted, "the library's", sums.softmax(dim=0), sep="\n")

# %% [markdown]
# ## Log-sum-exp
#
# The third probability is zero now: it underflowed, and its logarithm is infinite, so a loss there
# would be, too. The logarithm of the softmax needs no division:
# $\ln p_i = x_i - m - \ln \sum_j e^{x_j - m}$ with the largest sum $m$.

# %%
by_steps = shifted.log()
m = sums.max()
log_sum_exp = m + (sums - m).exp().sum().log()
in_one = sums - log_sum_exp
print("log of softmax", by_steps, "with log-sum-exp", in_one, "log_softmax", sep="\n")
print(sums.log_softmax(dim=0), "logsumexp", sums.logsumexp(dim=0).item())

# %% [markdown]
# ## Small differences of large numbers
#
# The variance as "mean of squares less square of the mean" loses all digits where the mean is
# large.

# %%
values = torch.randn(10_000) + 10_000
two_means = ((values**2).mean() - values.mean() ** 2).item()
centered = ((values - values.mean()) ** 2).mean().item()
print(f"variance 1: by two means {two_means}, centered {centered:.4f}")

# %% [markdown]
# ## Products that vanish and explode
#
# A gradient is a product with as many factors as there are layers. A product of a hundred
# random 16 x 16 matrices leaves the range of `float32` unless their numbers are of the
# size 1/4, the inverse root of the width: this is what initializations aim at.

# %%
sizes = {}
for scale in (1.0, 0.25, 0.08):
    product, sizes[scale] = torch.eye(16), []
    for _ in range(100):
        product = product @ (scale * torch.randn(16, 16))
        sizes[scale].append(product.abs().max().item())
print_table(
    {"size of factors": scale, "product of 50": found[49], "product of 100": found[99]}
    for scale, found in sizes.items()
)


# %% [markdown]
# In a deep network: the sigmoid's derivative is at most 1/4, so that the first layers receive
# next to nothing. ReLU with the right scale of first weights keeps the size of gradients.


# %%
def gradient_norms(activation, initialize, depth=20, width=64):
    """Return the norm of the gradient of each layer's weights."""
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), activation()]
        initialize(layers[-2].weight)
    nn.Sequential(*layers)(torch.randn(32, width)).square().mean().backward()
    return [layer.weight.grad.norm().item() for layer in layers[::2]]


kinds = {
    "sigmoid": (nn.Sigmoid, nn.init.xavier_uniform_, ORANGE),
    "tanh, Xavier": (nn.Tanh, nn.init.xavier_uniform_, GREEN),
    "ReLU, Kaiming": (nn.ReLU, nn.init.kaiming_normal_, BLUE),
}
gradients = {name: gradient_norms(*kind[:2]) for name, kind in kinds.items()}
print_table(
    {"network": name, "first layer": found[0], "last layer": found[-1]}
    for name, found in gradients.items()
)

# %% [markdown]
# Gradients that are too large can be clipped to a norm, direction kept.

# %%
weight = torch.ones(4, requires_grad=True)
(weight.sum() * 1e4).backward()
before = nn.utils.clip_grad_norm_([weight], max_norm=1.0).item()
print("norm before clipping", before, "and after", weight.grad.norm().item())

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
x = torch.linspace(-8, 8, 200, requires_grad=True)
for name, function, color in (("sigmoid", torch.sigmoid, ORANGE), ("ReLU", torch.relu, BLUE)):
    (slope,) = torch.autograd.grad(function(x).sum(), x)
    left.plot(x.detach(), slope, color=color, label=name)
left.set(title="derivative of the activation", ylim=(-0.05, 1.3))
left.legend(frameon=False)
for (scale, found), color in zip(sizes.items(), (ORANGE, GREEN, BLUE), strict=True):
    middle.semilogy(range(1, 101), found, color=color, label=f"factors of size {scale}")
middle.set(xlabel="number of matrices", title="largest number of their product")
middle.legend(frameon=False)
for name, found in gradients.items():
    right.semilogy(range(1, 21), found, ".-", color=kinds[name][2], label=name)
right.set(xlabel="layer", title="norm of the gradient")
right.legend(frameon=False)
save(figure, "numerical_stability")
