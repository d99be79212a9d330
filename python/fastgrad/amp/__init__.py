"""Mixed precision on CUDA devices: most work in 16 bits, what needs it in float32.

Follows torch.amp.
"""

from fastgrad.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from fastgrad.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
