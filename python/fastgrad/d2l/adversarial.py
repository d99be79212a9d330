"""One step of each of two networks that play against each other."""

from __future__ import annotations

from typing import Any

import fastgrad as torch
from fastgrad import Tensor


def update_D(X: Tensor, Z: Tensor, net_D: Any, net_G: Any, loss: Any, trainer_D: Any) -> Tensor:
    """Train the discriminator to tell data from what the generator makes of noise; the loss."""
    trainer_D.zero_grad()
    real, made = net_D(X), net_D(net_G(Z).detach())
    found: Tensor = (loss(real, torch.ones_like(real)) + loss(made, torch.zeros_like(made))) / 2
    found.backward()
    trainer_D.step()
    return found


def update_G(Z: Tensor, net_D: Any, net_G: Any, loss: Any, trainer_G: Any) -> Tensor:
    """Train the generator to make of noise what the discriminator takes for data; the loss."""
    trainer_G.zero_grad()
    made = net_D(net_G(Z))
    found: Tensor = loss(made, torch.ones_like(made))
    found.backward()
    trainer_G.step()
    return found
