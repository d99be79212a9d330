# %% [markdown]
# # Multilayer perceptron, and label smoothing
#
# A hidden layer with a nonlinear activation between two linear ones. Without the activation the
# two would be one linear layer again. The data is a part of MNIST.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from lesson import BLUE, DATA, ORANGE, mnist, print_table, save

torch.manual_seed(0)
images, labels = mnist(DATA, train=True, count=3000)
test_images, test_labels = mnist(DATA, train=False, count=1000)
images, test_images = images.flatten(1), test_images.flatten(1)

# %% [markdown]
# Two linear layers in a row are one: their product.

# %%
first, second = nn.Linear(784, 64), nn.Linear(64, 10)
with torch.no_grad():
    weight = second.weight @ first.weight
    bias = second.weight @ first.bias + second.bias
    difference = (second(first(images[:5])) - (images[:5] @ weight.T + bias)).abs().max().item()
print(f"largest difference of the two: {difference:.1e}")

# %% [markdown]
# ## From scratch
#
# ReLU is the larger of a number and zero.

# %%
W1, b1 = (torch.randn(784, 128) * 0.05).requires_grad_(), torch.zeros(128, requires_grad=True)
W2, b2 = (torch.randn(128, 10) * 0.1).requires_grad_(), torch.zeros(10, requires_grad=True)


def scratch(x):
    """Return the ten sums of each row of pixels."""
    return torch.maximum(x @ W1 + b1, torch.tensor(0.0)) @ W2 + b2


def train(net, parameters, epochs=8, **options):
    """Train with the cross-entropy's options, and return the test accuracy of each epoch."""
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    accuracies = []
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(100):
            loss = nn.functional.cross_entropy(net(images[batch]), labels[batch], **options)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = net(test_images).argmax(dim=1) == test_labels
        accuracies.append(right.float().mean().item())
    return accuracies


curves = {"from scratch": train(scratch, [W1, b1, W2, b2])}

# %% [markdown]
# ## Concise, with hard and with smooth labels
#
# Hard labels ask for a probability of 1, which the softmax only reaches with infinite sums. Label
# smoothing asks for $1 - \varepsilon + \varepsilon/10$, and $\varepsilon/10$ for every other digit.

# %%
networks = {}
for name, smoothing in (("hard labels", 0.0), ("smooth labels", 0.1)):
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    curves[name] = train(net, net.parameters(), label_smoothing=smoothing)
    networks[name] = net

# %% [markdown]
# The loss from its definition, to see that the option does just that.

# %%
targets = nn.functional.one_hot(test_labels, 10) * 0.9 + 0.01
with torch.no_grad():
    sums = networks["smooth labels"](test_images)
    by_definition = -(targets * sums.log_softmax(dim=1)).sum(dim=1).mean().item()
    by_option = nn.functional.cross_entropy(sums, test_labels, label_smoothing=0.1).item()
print(f"smoothed loss by definition {by_definition:.5f}, by the option {by_option:.5f}")

# %%
sure = {}
for name, net in networks.items():
    with torch.no_grad():
        sure[name] = net(test_images).softmax(dim=1).amax(dim=1)
print_table(
    {"labels": name, "test accuracy": curves[name][-1], "mean confidence": values.mean().item()}
    for name, values in sure.items()
)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
for (name, values), style in zip(curves.items(), ("--", "-", "-"), strict=True):
    left.plot(values, style, color=ORANGE if name == "smooth labels" else BLUE, label=name)
left.set(xlabel="epoch", ylabel="test accuracy")
left.legend(frameon=False)
right.hist([sure["hard labels"], sure["smooth labels"]], bins=15, color=[BLUE, ORANGE])
right.set(xlabel="probability of the chosen digit", ylabel="test images")
save(figure, "mlp")
