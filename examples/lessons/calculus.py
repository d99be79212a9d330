# %% [markdown]
# # Gradients, Taylor expansion, Hessian
#
# A derivative is the slope of the straight line that fits best at a point. More derivatives give a
# parabola, a cubic, and so on: this is the Taylor expansion. In several dimensions the slope is the
# gradient, and the curvature the Hessian.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from lesson import BLUE, GREEN, GREY, INK, ORANGE, print_table, save

# %% [markdown]
# ## A limit
#
# $f(x) = 3x^2 - 4x$ at 1. The quotient of differences approaches the slope 2, until the rounding of
# `float64` takes over.


# %%
def f(x):
    return 3 * x**2 - 4 * x


one = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
(slope,) = torch.autograd.grad(f(one), one)
quotients = {h: ((f(1.0 + h) - f(1.0)) / h) for h in (1e-1, 1e-3, 1e-8, 1e-15)}
print_table({"h": h, "quotient": q, "error": abs(q - slope.item())} for h, q in quotients.items())

# %% [markdown]
# ## Taylor expansion
#
# $f(x) \approx \sum_k f^{(k)}(a) (x - a)^k / k!$. Each derivative is the gradient of the one
# before, so a loop with `create_graph=True` finds the coefficients.


# %%
def coefficients(function, at, degree):
    """Return the coefficients of (x - at) ** 0, 1, ... degree."""
    a = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    value, found, factorial = function(a), [], 1
    for k in range(degree + 1):
        found.append(value.item() / factorial)
        (value,) = torch.autograd.grad(value, a, create_graph=True)
        factorial *= k + 1
    return torch.tensor(found, dtype=torch.float64)


def polynomial(found, x):
    return (x.unsqueeze(1) ** torch.arange(len(found))) @ found


x = torch.linspace(-7, 7, 281, dtype=torch.float64)
expansions = {n: polynomial(coefficients(torch.sin, 0.0, n), x) for n in (1, 3, 5, 9)}
print("of exp at 0:", coefficients(torch.exp, 0.0, 5).tolist())
near = x.abs() < 1
for n, values in expansions.items():
    print(f"sine, degree {n}: largest error in (-1, 1) {(values - x.sin())[near].abs().max():.1e}")

# %% [markdown]
# ## Gradient and Hessian
#
# Rosenbrock's valley has its lowest point at (1, 1). There the gradient is zero, and both
# eigenvalues of the Hessian are positive: it curves upwards in every direction. Their ratio says
# how narrow the valley is, and how hard for gradient descent.


# %%
def rosenbrock(p):
    return (1 - p[..., 0]) ** 2 + 10 * (p[..., 1] - p[..., 0] ** 2) ** 2


gradient_of, hessian_of = torch.func.grad(rosenbrock), torch.func.hessian(rosenbrock)
bottom = torch.ones(2, dtype=torch.float64)
curvatures = torch.linalg.eigvalsh(hessian_of(bottom))
print("gradient", gradient_of(bottom), "Hessian", hessian_of(bottom), sep="\n")
print("curvatures", curvatures, "ratio", (curvatures[1] / curvatures[0]).item())

# %% [markdown]
# The negative gradient is the direction of steepest descent: of many directions, none goes down
# faster.

# %%
start = torch.tensor([-1.0, 0.5], dtype=torch.float64)
g = gradient_of(start)
turns = torch.linspace(0, 2 * torch.pi, 3600, dtype=torch.float64)
around = start + 1e-4 * torch.stack([turns.cos(), turns.sin()], dim=1)
steepest = (around[rosenbrock(around).argmin()] - start) / 1e-4
print("steepest by trying", steepest, " - gradient / norm", -g / g.norm())

# %% [markdown]
# ## Newton's method
#
# Where the second Taylor expansion has its lowest point, there Newton's method goes next:
# $p - H^{-1} g$. It needs a few steps where gradient descent needs hundreds.

# %%
newton, descent = [start], [start]
for _ in range(6):
    step = torch.linalg.solve(hessian_of(newton[-1]), gradient_of(newton[-1]))
    newton.append(newton[-1] - step)
for _ in range(300):
    descent.append(descent[-1] - 0.01 * gradient_of(descent[-1]))
newton, descent = torch.stack(newton), torch.stack(descent)
print("Newton after 6 steps", newton[-1], " gradient descent after 300", descent[-1])

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(x, x.sin(), color=INK, linewidth=2, label="sine")
for (n, values), color in zip(expansions.items(), (GREY, GREEN, ORANGE, BLUE), strict=True):
    left.plot(x, values, color=color, label=f"degree {n}")
left.set(ylim=(-2, 2), xlabel="x", title="Taylor expansions at 0")
left.legend(frameon=False, ncols=2)
a, b = torch.meshgrid(torch.linspace(-1.8, 1.8, 120), torch.linspace(-2.2, 2, 120), indexing="xy")
heights = rosenbrock(torch.stack([a, b], dim=-1))
right.contour(a, b, heights.log(), levels=14, colors=GREY, linewidths=0.5)
right.plot(*descent.T, ".-", color=ORANGE, markersize=3, label="gradient descent")
right.plot(*newton.T, "o-", color=BLUE, markersize=4, label="Newton")
right.set(xlabel="first", ylabel="second", title="Rosenbrock's valley")
right.legend(frameon=False, loc="lower left")
save(figure, "calculus")
