"""Files: atomic writing, and tensors in the safetensors format."""

from fastgrad.io import atomic, safetensors

__all__ = ["atomic", "safetensors"]
