"""Files: saving and loading, atomic writing, and tensors in the safetensors format."""

from fastgrad.io import atomic, safetensors
from fastgrad.io.files import load, save

__all__ = ["atomic", "load", "safetensors", "save"]
