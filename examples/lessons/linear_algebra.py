# %% [markdown]
# # Linear algebra: products, norms, eigenvectors
#
# A matrix moves space: its columns are where the unit vectors go. Eigenvectors are the directions
# that stay directions.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fastgrad as torch
from lesson import BLUE, GREEN, GREY, INK, ORANGE, save

torch.manual_seed(0)

# %% [markdown]
# ## Products
#
# Element by element, a vector with a vector, a matrix with a vector, a matrix with a matrix.

# %%
A = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
print("x * y", x * y, " dot", torch.dot(x, y).item(), " A x", torch.mv(A, x))
print("A A", torch.mm(A, A), "is A symmetric?", bool((A == A.T).all()), sep="\n")

# %% [markdown]
# The dot product measures angles: $x \cdot y = |x| |y| \cos\varphi$.

# %%
cosine = torch.dot(x, y) / (x.norm() * y.norm())
print(f"angle between x and y: {torch.rad2deg(cosine.acos()).item():.2f} degrees")

# %% [markdown]
# ## Norms
#
# The length, the sum of absolute values, the largest one; for a matrix, the root of all squares
# (Frobenius), and the largest factor by which it lengthens a vector.

# %%
z = torch.tensor([3.0, -4.0])
norms = {kind: torch.linalg.vector_norm(z, kind).item() for kind in (2, 1, float("inf"))}
print("norms of (3, -4):", norms)
spectral = torch.linalg.matrix_norm(A, 2).item()
turns = torch.linspace(0, 2 * torch.pi, 1000)
directions = torch.stack([turns.cos(), turns.sin()])
lengthened = (A @ directions).norm(dim=0).max().item()
print(f"Frobenius {A.norm().item():.4f}, spectral {spectral:.4f}, by trying {lengthened:.4f}")

# %% [markdown]
# ## Eigenvectors
#
# $A v = \lambda v$. A symmetric matrix has as many as dimensions, at right angles to each other,
# and is put together from them: $A = V \Lambda V^\top$.

# %%
values, V = torch.linalg.eigh(A)
print("eigenvalues", values, "eigenvectors (columns)", V, sep="\n")
rebuilt = V @ torch.diag(values) @ V.T
print(f"largest error of V diag(values) V^T: {(rebuilt - A).abs().max().item():.1e}")
print("trace and sum", A.trace().item(), values.sum().item())
print("determinant and product", torch.linalg.det(A).item(), values.prod().item())

# %% [markdown]
# Multiplying again and again turns almost every vector into the direction of the largest
# eigenvalue; the lengthening then is that eigenvalue. This is power iteration.

# %%
v, path = torch.tensor([1.0, -0.9]), []
for _ in range(15):
    path.append(v / v.norm())
    v = A @ path[-1]
largest = v.norm().item()
print(f"largest eigenvalue by power iteration {largest:.5f}, by eigh {values[1].item():.5f}")

# %% [markdown]
# A rotation has no real direction that stays: its eigenvalues are complex numbers,
# for which we ask NumPy.

# %%
quarter_turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
print("eigenvalues of a quarter turn", np.linalg.eigvals(quarter_turn.numpy()))

# %% [markdown]
# ## Principal components
#
# The eigenvectors of a cloud's covariance are the directions in which it is widest and narrowest,
# and the eigenvalues its variances there.

# %%
cloud = torch.randn(1000, 2) @ A
covariance = torch.cov(cloud.T)
variances, components = torch.linalg.eigh(covariance)
print("variances", variances, " squares of A's eigenvalues", values**2)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
left.plot(*directions, color=GREY, label="unit circle")
left.plot(*(A @ directions), color=BLUE, label="its image")
for step, unit in enumerate(path[:6]):
    left.plot([0, unit[0]], [0, unit[1]], color=GREEN, alpha=0.3 + 0.1 * step, linewidth=1.5)
for value, vector in zip(values, V.T, strict=True):
    left.plot(*torch.stack([-value * vector, value * vector]).T, "--", color=ORANGE)
left.set(aspect="equal", title="eigenvectors, power iteration (green)")
left.legend(frameon=False, loc="upper left")
right.plot(*cloud.T, ".", color=GREY, markersize=2)
for variance, component in zip(variances, components.T, strict=True):
    right.plot(*torch.stack([0 * component, 2 * variance.sqrt() * component]).T, color=INK)
right.set(aspect="equal", title="principal components")
save(figure, "linear_algebra")
