"""Differentiation: the graph, the engine, and the switches of recording."""

from fastgrad.autograd.anomaly import detect_anomaly, set_detect_anomaly
from fastgrad.autograd.engine import backward, grad
from fastgrad.autograd.function import Function
from fastgrad.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
