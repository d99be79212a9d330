"""Differentiation: the graph, the engine, and the switches of recording."""

from __future__ import annotations

from fastgrad.autograd.anomaly import detect_anomaly, set_detect_anomaly
from fastgrad.autograd.engine import backward, grad
from fastgrad.autograd.function import Function
from fastgrad.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from fastgrad.autograd.gradcheck import gradcheck, gradgradcheck
from fastgrad.autograd.variable import Variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from fastgrad.autograd import functional as functional

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    """Import what most scripts do not need when they first name it."""
    if name == "functional":
        from importlib import import_module

        return import_module("fastgrad.autograd.functional")
    raise AttributeError(f"module 'fastgrad.autograd' has no attribute '{name}'")
