# %% [markdown]
# # Probability
#
# Random numbers make the laws of probability visible: shares approach probabilities, means become
# normal, and Bayes' rule can be counted.

# %%
import matplotlib.pyplot as plt

import fastgrad as torch
from lesson import BLUE, GREEN, GREY, INK, ORANGE, PINK, save

torch.manual_seed(0)

# %% [markdown]
# ## Dice and the law of large numbers
#
# After n throws the share of each face differs from 1/6 by something like $1/\sqrt{n}$.

# %%
throws = torch.randint(0, 6, (2000,))
counts = torch.nn.functional.one_hot(throws, 6).cumsum(0)
shares = counts / torch.arange(1, 2001).unsqueeze(1)
print("shares after 20 throws", shares[19], "after 2000", shares[-1], sep="\n")

# %% [markdown]
# ## Mean and variance
#
# Of a die: the mean of the faces is 3.5, their variance 35/12. Independent variances add up, so
# the mean of n throws has a variance n times smaller.

# %%
faces = torch.arange(1.0, 7.0)
mean, variance = faces.mean().item(), faces.var(correction=0).item()
means = torch.randint(1, 7, (20_000, 30)).float().mean(dim=1)
print(f"one throw: mean {mean}, variance {variance:.4f}")
print(f"mean of 30: {means.mean().item():.4f}, 30 times its variance {30 * means.var().item():.4f}")

# %% [markdown]
# ## Bayes' rule
#
# One in a hundred is ill. A test finds 95 % of them, and is wrong about 4 % of the others. How
# probable is the illness after a positive test? By the rule, and by counting a million people.

# %%
prior, sensitivity, false_alarm = 0.01, 0.95, 0.04
positive = sensitivity * prior + false_alarm * (1 - prior)
by_rule = sensitivity * prior / positive
ill = torch.rand(1_000_000) < prior
alarm = torch.rand(1_000_000) < torch.where(ill, sensitivity, false_alarm)
by_counting = (ill & alarm).sum().item() / alarm.sum().item()
print(f"ill after a positive test: by the rule {by_rule:.4f}, by counting {by_counting:.4f}")

# %% [markdown]
# ## The normal distribution, and the most likely parameters
#
# The likelihood of data is the product of its densities. Its logarithm can be maximized by gradient
# descent; for a normal distribution the result has to be the mean and the standard deviation.


# %%
def normal_density(x, center, width):
    return (-0.5 * ((x - center) / width) ** 2).exp() / (width * (2 * torch.pi) ** 0.5)


data = 1.5 + 0.7 * torch.randn(500)
center, log_width = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
optimizer = torch.optim.Adam([center, log_width], lr=0.05)
for _ in range(300):
    surprise = -normal_density(data, center, log_width.exp()).log().mean()
    optimizer.zero_grad()
    surprise.backward()
    optimizer.step()
likeliest = center.item(), log_width.exp().item()
print(f"most likely {likeliest[0]:.4f}, {likeliest[1]:.4f}")
print(f"mean and deviation {data.mean().item():.4f}, {data.std(correction=0).item():.4f}")

# %% [markdown]
# ## Entropy
#
# The mean surprise $-\sum p \ln p$. The cross-entropy is the mean surprise of somebody who believes
# in q, and is least for q = p: this is why classifiers minimize it.

# %%
p, q = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.2, 0.3, 0.5])
entropy, cross_entropy = -(p * p.log()).sum().item(), -(p * q.log()).sum().item()
print(f"entropy {entropy:.4f}, cross-entropy {cross_entropy:.4f}", end=", ")
print(f"Kullback-Leibler divergence {cross_entropy - entropy:.4f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained")
for face, color in enumerate((BLUE, GREEN, GREY, INK, ORANGE, PINK)):
    left.semilogx(range(1, 2001), shares[:, face], color=color, linewidth=1)
left.axhline(1 / 6, color=INK, linestyle="--", linewidth=0.8)
left.set(xlabel="throws", ylabel="share of each face", ylim=(0, 0.6))
edges = [(total - 0.5) / 30 for total in range(66, 146, 2)]  # between possible means
right.hist(means.numpy(), bins=edges, density=True, color=BLUE, alpha=0.5)
line = torch.linspace(2.2, 4.8, 200)
right.plot(line, normal_density(line, mean, (variance / 30) ** 0.5), color=INK)
right.set(xlabel="mean of 30 throws", ylabel="density", title="and a normal distribution")
save(figure, "probability")
