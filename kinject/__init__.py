"""Put facts from after a model's cutoff into the model, and measure which way works."""

from typing import Any

__all__ = ["__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":  # lazily: importlib.metadata would cost every import of kinject some 20 ms
        from importlib.metadata import version

        return version("kinject")
    raise AttributeError(f"module 'kinject' has no attribute {name!r}")
