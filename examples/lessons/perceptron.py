# %% [markdown]
# # The perceptron and its geometry
#
# A perceptron answers 1 where $w \cdot x + b > 0$. The points where this sum is zero form a line;
# $w$ stands at a right angle to it, and points to the side of the ones.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad.viz import decision_regions
from lesson import GREY, INK, save

torch.manual_seed(1)

# %% [markdown]
# Two clouds that a line can separate.

# %%
points = torch.cat([torch.randn(40, 2) + torch.tensor([-2.0, -1.0]), torch.randn(40, 2) + 2])
labels = torch.arange(80) // 40
print("points", tuple(points.shape), "of each class", torch.bincount(labels).tolist())

# %% [markdown]
# ## Rosenblatt's rule
#
# For a point on the wrong side, turn $w$ towards it if it is a one, away from it if it is a zero.
# Points on the right side change nothing. Where a separating line exists, this ends: the number of
# corrections is at most $(R/\gamma)^2$, with the largest norm $R$ and the margin $\gamma$.

# %%
w, b = torch.zeros(2), torch.zeros(1)
history = []
wrong = len(points)
while wrong:
    wrong = 0
    for index in torch.randperm(len(points)).tolist():
        answer = int(w @ points[index] + b > 0)
        if (error := int(labels[index]) - answer) != 0:
            w, b = w + error * points[index], b + error
            history.append((w, b))
            wrong += 1
print(f"{len(history)} corrections: w {w.tolist()}, b {b.item():.2f}")

# %% [markdown]
# ## Distances
#
# The signed distance of a point from the line is $(w \cdot x + b) / |w|$. The nearest point's is
# the margin; a larger one would be safer, but the rule stops at the first line that separates.

# %%
distance = (points @ w + b) / w.norm()
margin = distance.abs().min().item()
accuracy = ((distance > 0) == labels.bool()).float().mean().item()
print(f"accuracy {accuracy}, margin {margin:.3f}")

# %% [markdown]
# Grey: the lines of earlier corrections. The arrow is $w$, drawn with length 1.5.

# %%
figure, axes = plt.subplots(figsize=(5, 4.4), layout="constrained")
decision_regions(lambda x: x @ w + b, points, labels, axes=axes)
foot = -b * w / (w @ w)  # the line's point nearest to zero
for older, bias in history[:-1]:
    start = -bias * older / (older @ older)
    across = start + torch.stack([-older[1], older[0]])
    axes.axline(start.tolist(), across.tolist(), color=GREY, linewidth=0.6)
tip = foot + 1.5 * w / w.norm()
axes.annotate("", tip.tolist(), foot.tolist(), arrowprops={"color": INK, "width": 1.5})
axes.text(*(tip + 0.1).tolist(), "w", color=INK, fontsize=12)
axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
save(figure, "perceptron")
