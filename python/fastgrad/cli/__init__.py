"""The command ``fastgrad``."""

from fastgrad.cli.main import main

__all__ = ["main"]
