# %% [markdown]
# # Error rate, confusion matrix, precision, recall, F1, ROC
#
# One number does not say how a classifier is wrong. Where a class is rare, always answering "no"
# has a low error rate, and finds nothing.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from lesson import BLUE, DATA, GREY, INK, ORANGE, mnist, print_table, save

torch.manual_seed(0)
images, digits = mnist(DATA, train=True, count=3000)
test_images, test_digits = mnist(DATA, train=False, count=2000)

# %%
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(5):
    for batch in torch.randperm(len(images)).split(100):
        loss = nn.functional.cross_entropy(net(images[batch]), digits[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    probabilities = net(test_images).softmax(dim=1)
answers = probabilities.argmax(dim=1)

# %% [markdown]
# ## Confusion matrix
#
# Row: what it was. Column: what was said. Counting the pair numbers `10 * row + column` fills it.
# The error rate is the share that is not on the diagonal.

# %%
confusion = torch.bincount(10 * test_digits + answers, minlength=100).reshape(10, 10)
error_rate = 1 - confusion.diag().sum().item() / len(answers)
print(confusion, f"error rate {error_rate:.4f}", sep="\n")

# %% [markdown]
# ## Precision, recall, F1
#
# Precision: of those that were called a 3, how many are? Recall: of the 3s, how many were found?
# F1 is their harmonic mean, which is low when either is.

# %%
right = confusion.diag().double()
precision, recall = right / confusion.sum(dim=0), right / confusion.sum(dim=1)
f1 = 2 * precision * recall / (precision + recall)
print_table(
    {"digit": i, "precision": p, "recall": r, "F1": f}
    for i, (p, r, f) in enumerate(
        zip(precision.tolist(), recall.tolist(), f1.tolist(), strict=True)
    )
)
print(f"mean F1 over the classes {f1.mean().item():.4f}")

# %% [markdown]
# ## A threshold instead of the largest
#
# "Is it an 8?" About one in ten is, so that "never" has an error rate of 10 per cent, recall 0.
# A lower threshold finds more of them and is wrong more often.

# %%
score, is_eight = probabilities[:, 8], test_digits == 8


def counts(said):
    """Return true positives, false positives and false negatives."""
    return [int(pair.sum()) for pair in (said & is_eight, said & ~is_eight, ~said & is_eight)]


rows = []
for threshold in (0.05, 0.2, 0.5, 0.8, 0.95):
    found, false, missed = counts(score > threshold)
    rows.append(
        {
            "threshold": threshold,
            "error rate": (false + missed) / len(score),
            "precision": found / (found + false),
            "recall": found / (found + missed),
        }
    )
print_table(rows)
print("never:", is_eight.float().mean().item())

# %% [markdown]
# ## ROC
#
# Going through the images from the highest score down, each 8 is a step up and every other digit a
# step to the right. The area under the curve is the probability that a random 8 has a higher score
# than a random other digit; we compute it both ways.

# %%
order = score.argsort(descending=True)
hits = is_eight[order].double()
true_rate, false_rate = hits.cumsum(0) / hits.sum(), (1 - hits).cumsum(0) / (1 - hits).sum()
area = torch.trapezoid(true_rate, false_rate).item()
eights, others = score[is_eight], score[~is_eight]
pairs = (eights.unsqueeze(1) > others).double().mean().item()
print(f"area under the curve {area:.5f}, pairs in the right order {pairs:.5f}")

# %%
figure, (left, middle, right_axes) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
left.imshow(confusion, cmap="Blues", vmax=60)
for i in range(10):
    for j in range(10):
        color = INK if confusion[i, j] < 40 else "white"
        text = confusion[i, j].item()
        left.text(j, i, text, ha="center", va="center", fontsize=7, color=color)
left.set(xlabel="said", ylabel="was", xticks=range(10), yticks=range(10))
precisions = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
middle.plot(true_rate, precisions, color=ORANGE)
middle.set(xlabel="recall of 8", ylabel="precision", ylim=(0, 1.05))
right_axes.plot(false_rate, true_rate, color=BLUE, label=f"area {area:.3f}")
right_axes.plot([0, 1], [0, 1], "--", color=GREY, label="guessing")
right_axes.set(xlabel="share of the others called 8", ylabel="share of 8s found", title="ROC")
right_axes.legend(frameon=False)
save(figure, "evaluation")
