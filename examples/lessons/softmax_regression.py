# %% [markdown]
# # Softmax regression, from scratch and concise
#
# One sum for each class, turned into probabilities by the softmax: logistic regression for more
# than two classes. The data is a part of MNIST, handwritten digits of 28 x 28 pixels.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from fastgrad.train import LiveCurves, fit
from fastgrad.utils.data import TensorDataset
from lesson import BLUE, DATA, ORANGE, mnist, save

torch.manual_seed(0)
images, labels = mnist(DATA, train=True, count=4000)
test_images, test_labels = mnist(DATA, train=False, count=1000)
images, test_images = images.flatten(1), test_images.flatten(1)
print("train", tuple(images.shape), "test", tuple(test_images.shape))

# %% [markdown]
# ## From scratch
#
# The softmax divides exponentials by their sum. Subtracting the largest first changes nothing in
# the result, and keeps the exponentials from overflowing.


# %%
def softmax(sums):
    """Return probabilities, one row for each row of sums."""
    powers = (sums - sums.amax(dim=1, keepdim=True)).exp()
    return powers / powers.sum(dim=1, keepdim=True)


def cross_entropy(probabilities, labels):
    """Return the mean surprise at the true classes."""
    return -probabilities[torch.arange(len(labels)), labels].log().mean()


W = (torch.randn(784, 10) * 0.01).requires_grad_()
b = torch.zeros(10, requires_grad=True)
scratch = {"loss": [], "train": [], "test": []}
for _ in range(10):
    for batch in torch.randperm(len(images)).split(128):
        loss = cross_entropy(softmax(images[batch] @ W + b), labels[batch])
        loss.backward()
        with torch.no_grad():
            for parameter in (W, b):
                parameter -= 0.3 * parameter.grad
                parameter.grad.zero_()
    with torch.no_grad():
        found, test_found = softmax(images @ W + b), softmax(test_images @ W + b)
    scratch["loss"].append(cross_entropy(found, labels).item())
    scratch["train"].append((found.argmax(dim=1) == labels).float().mean().item())
    scratch["test"].append((test_found.argmax(dim=1) == test_labels).float().mean().item())
print("from scratch:", {name: round(values[-1], 3) for name, values in scratch.items()})

# %% [markdown]
# ## Concise
#
# `CrossEntropyLoss` takes the sums and does softmax and logarithm in one step, and `fit` is the
# loop over epochs and batches. `LiveCurves` shows how it goes: below the cell in a notebook, as
# lines in a terminal.

# %%
net = nn.Linear(784, 10)
history = fit(
    net,
    TensorDataset(images, labels),
    epochs=10,
    batch_size=128,
    loss=nn.CrossEntropyLoss(),
    optimizer=torch.optim.SGD(net.parameters(), lr=0.3),
    val_data=TensorDataset(test_images, test_labels),
    progress=False,
    callback=LiveCurves(epochs=10),
)
concise = [epoch.val_accuracy for epoch in history]
print(f"concise: test {concise[-1]:.3f}")

# %% [markdown]
# ## Curves, and what was learned
#
# A row of the weights has one number for each pixel, so it is a picture: ink where it is red speaks
# for the digit, ink where it is blue against it.

# %%
figure = plt.figure(figsize=(9, 3.6), layout="constrained")
left, right = figure.subfigures(1, 2)
axes = left.subplots()
axes.plot(scratch["loss"], color=BLUE, label="train loss")
axes.plot(scratch["train"], "--", color=BLUE, label="train accuracy")
axes.plot(scratch["test"], color=ORANGE, label="test accuracy")
axes.plot(concise, ":", color=ORANGE, label="test accuracy, concise")
axes.set(xlabel="epoch", ylim=(0, 1))
axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.42))
for digit, place in enumerate(right.subplots(2, 5).flat):
    place.imshow(W.detach()[:, digit].reshape(28, 28), cmap="RdBu_r", vmin=-0.5, vmax=0.5)
    place.set_title(digit)
    place.axis("off")
save(figure, "softmax_regression")
