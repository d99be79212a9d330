# %% [markdown]
# # Tensors and NumPy
#
# A tensor is a box of numbers with a shape and one type for all of them. Here we make some, take
# them apart, let small ones act on large ones, and share memory with NumPy.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fastgrad as torch
from lesson import INK, save

# %% [markdown]
# ## Making them
#
# The type follows from what we write: whole numbers become `int64`, others `float32`.

# %%
x = torch.arange(12, dtype=torch.float32)
X = x.reshape(3, -1)  # -1: as many as are left
print(X, X.shape, X.dtype, X.numel())
print(torch.tensor([[2, 1], [4, 3]]).dtype, torch.zeros(2).dtype)

# %% [markdown]
# ## Taking them apart
#
# A slice is a *view*: it has no numbers of its own, and writing into it changes the whole.

# %%
row, column, block = X[-1], X[:, 1], X[0:2, 2:4]
block[:] = 0
print("after writing zeros into a view:", X, sep="\n")
print("numbers above 5:", X[X > 5])

# %% [markdown]
# ## Broadcasting
#
# Where shapes differ, an axis of length 1 is repeated as often as needed. A column and a row thus
# make a table.

# %%
a, b = torch.arange(1, 10).reshape(9, 1), torch.arange(1, 10).reshape(1, 9)
table = a * b
print("multiplication table", table.shape, "last row", table[-1])

# %% [markdown]
# ## Along an axis
#
# `dim` names the axis that disappears; `keepdim` leaves it with length 1, ready to broadcast.

# %%
print("sum of each column", X.sum(dim=0), "mean of each row", X.mean(dim=1))
shares = X / X.sum(dim=1, keepdim=True)
print("each row of shares sums to", shares.sum(dim=1))

# %% [markdown]
# ## Memory
#
# `Y = Y + X` makes a new tensor and lets the name point to it; `Y += X` writes into the old one.

# %%
Y = torch.ones_like(X)
before = Y.data_ptr()
Y = Y + X
moved = Y.data_ptr() != before
before = Y.data_ptr()
Y += X
stayed = Y.data_ptr() == before
print("Y = Y + X moved:", moved, "  Y += X stayed:", stayed)

# %% [markdown]
# ## NumPy
#
# `from_numpy` and `numpy()` copy nothing: both names see the same numbers. `torch.tensor` copies.

# %%
array = np.zeros(3, dtype=np.float32)
shared, copied = torch.from_numpy(array), torch.tensor(array)
array[0] = 7
print("shared", shared, "copied", copied, "NumPy's sine of a tensor", np.sin(shared))

# %%
figure, axes = plt.subplots(figsize=(4.2, 3.8), layout="constrained")
axes.imshow(table, cmap="Blues")
for i in range(9):
    for j in range(9):
        color = INK if table[i, j] < 45 else "white"
        axes.text(j, i, table[i, j].item(), ha="center", va="center", color=color, fontsize=8)
axes.set(xticks=range(9), yticks=range(9), xticklabels=range(1, 10), yticklabels=range(1, 10))
axes.set_title("a column times a row")
save(figure, "tensors")
