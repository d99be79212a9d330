# %% [markdown]
# # Linear regression, from scratch and concise
#
# Data is made from a known line with noise, so that we can see whether the line is found again.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from fastgrad import nn
from fastgrad.utils.data import DataLoader, TensorDataset
from lesson import BLUE, GREY, ORANGE, print_table, save

torch.manual_seed(0)
true_w, true_b = 2.0, -3.4
x = torch.rand(200, 1) * 10
y = true_w * x + true_b + torch.randn(200, 1)

# %% [markdown]
# ## From scratch
#
# A step of gradient descent moves each parameter against its gradient. The loss is the mean of the
# squared errors over a batch; `no_grad` keeps the step itself out of the graph.

# %%
w, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
losses = []
for _ in range(60):
    for batch in torch.randperm(200).split(20):
        loss = ((x[batch] * w + b - y[batch]) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for parameter in (w, b):
                parameter -= 0.01 * parameter.grad
                parameter.grad.zero_()
    with torch.no_grad():
        losses.append(((x * w + b - y) ** 2).mean().item())
print(f"from scratch: w {w.item():.3f}, b {b.item():.3f}, loss {losses[-1]:.3f}")

# %% [markdown]
# ## Concise
#
# The same with a layer, a loss, an optimizer and a loader of batches.

# %%
net = nn.Linear(1, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
batches = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True)
for _ in range(60):
    for inputs, targets in batches:
        loss = nn.functional.mse_loss(net(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"concise: w {net.weight.item():.3f}, b {net.bias.item():.3f}")

# %% [markdown]
# ## Without any descent
#
# For a line the best parameters follow from a system of equations: least squares.

# %%
best = torch.linalg.lstsq(torch.cat([x, torch.ones_like(x)], dim=1), y).solution.flatten()
print(f"least squares: w {best[0].item():.3f}, b {best[1].item():.3f}")

# %% [markdown]
# ## Prediction
#
# Inside the data (up to 10) the lines agree. Outside, small errors of the slope grow with x.

# %%
asked = torch.tensor([[1.0], [2.0], [10.0], [100.0], [1000.0]])
with torch.no_grad():
    predicted = net(asked)
print_table(
    {"x": value, "predicted": guess, "true": true_w * value + true_b}
    for value, guess in zip(asked.flatten().tolist(), predicted.flatten().tolist(), strict=True)
)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
left.plot(x, y, ".", color=GREY)
ends = torch.tensor([[0.0], [10.0]])
left.plot(ends, net(ends).detach(), color=BLUE, label="fitted")
left.plot(ends, true_w * ends + true_b, "--", color=ORANGE, label="true")
left.set(xlabel="x", ylabel="y")
left.legend(frameon=False)
right.semilogy(range(1, 61), losses, color=BLUE)
right.set(xlabel="epoch", ylabel="mean squared error, from scratch")
save(figure, "linear_regression")
