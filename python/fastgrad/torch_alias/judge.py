"""Whether one of PyTorch's names is in fastgrad, and is the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import fastgrad
from fastgrad.torch_alias.absent import nearest
from fastgrad.torch_alias.differences import difference
from fastgrad.torch_alias.lookup import member
from fastgrad.torch_alias.names import home_of, module_exists
from fastgrad.torch_alias.uses import methods

SAME, DIFFERS, ABSENT = "same", "differs", "absent"


@dataclass(frozen=True)
class Verdict:
    """A name, cut after the first part that is absent, its status, and a word about it."""

    name: str
    status: str
    note: str = ""


@cache
def judge(name: str, keywords: tuple[str, ...] = ()) -> tuple[Verdict, ...]:
    """What is to be said of a name that is called with these keywords.

    A keyword that the function does not take is a name of its own, such as ``torch.sum(foo=)``.

    >>> from fastgrad.torch_alias.judge import judge
    >>> judge("torch.nn.Linear")[0].status, judge("torch.nn.Lineaer")[0].note
    ('same', 'nearest: torch.nn.Linear')
    """
    owner, _, method = name.rpartition(".")
    if owner not in _EXAMPLES:
        return _judge_path(name, keywords)
    owners = methods().get(method, (owner,))
    found = any(hasattr(_example(each), method) for each in owners)
    return (_present(name) if found else _absent(name),)


# Of each class whose methods are told by their names alone: an object that has all attributes.
_EXAMPLES: dict[str, Callable[[], object]] = {
    "torch.Tensor": lambda: fastgrad.Tensor,
    "torch.nn.Module": fastgrad.nn.Module,
    "torch.optim.Optimizer": lambda: fastgrad.optim.SGD([fastgrad.zeros(1)]),
    "torch.optim.lr_scheduler.LRScheduler": lambda: fastgrad.optim.lr_scheduler.StepLR(
        fastgrad.optim.SGD([fastgrad.zeros(1)]), 1
    ),
}


def has_methods(owner: str) -> bool:
    """Whether a path is that of a class whose methods are told by their names alone."""
    return owner in _EXAMPLES


@cache
def _example(owner: str) -> object:
    return _EXAMPLES[owner]()


def _judge_path(name: str, keywords: tuple[str, ...]) -> tuple[Verdict, ...]:
    root, *parts = name.split(".")
    path, value = root, import_module(home_of(root))
    for part in parts:
        full = f"{path}.{part}"
        if isinstance(value, ModuleType) and module_exists(path):
            try:
                value = member(path, value, part)
            except AttributeError:
                return (_absent(full),)
        elif isinstance(value, type):
            if not hasattr(value, part):
                return (_absent(full),)
            value = getattr(value, part)
        else:
            break  # an attribute of a value, of which nothing is known
        path = full
    refused = [k for k in keywords if not _takes(value, k)]
    missing = tuple(Verdict(f"{path}({k}=)", ABSENT, "no such argument") for k in refused)
    return (_present(path), *missing)


def _present(name: str) -> Verdict:
    note = difference(name)
    return Verdict(name, DIFFERS if note else SAME, note)


def _absent(name: str) -> Verdict:
    near = nearest(name)
    return Verdict(name, ABSENT, f"nearest: {near}" if near else "")


def _takes(function: Any, keyword: str) -> bool:
    """Whether a function takes a keyword, as far as its signature tells."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return any(
        p.kind is inspect.Parameter.VAR_KEYWORD or (p.name == keyword and p.kind in named)
        for p in parameters
    )
