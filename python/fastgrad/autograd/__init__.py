"""Differentiation: the graph, the engine, and the switches of recording."""

from fastgrad.autograd.engine import backward, grad
from fastgrad.autograd.grad_mode import enable_grad, no_grad, set_grad_enabled

__all__ = ["backward", "enable_grad", "grad", "no_grad", "set_grad_enabled"]
