"""Mynah learns from your sounds: a folder in, a fair comparison, a page and a model out.

The public names are loaded on first use, so that ``import mynah`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mynah.audio import read, write
    from mynah.data import Clip, Sounds, scan, split  # type: ignore[no-redef]
    from mynah.ground.errors import MynahError
    from mynah.modelfile import load, save
    from mynah.runs.compare import compare
    from mynah.runs.learn import learn
    from mynah.runs.run import Run
    from mynah.using.listening import apply

__version__ = "0.1.0"

_HOMES = {
    "learn": "mynah.runs.learn",
    "Run": "mynah.runs.run",
    "compare": "mynah.runs.compare",
    "apply": "mynah.using.listening",
    "load": "mynah.modelfile",
    "save": "mynah.modelfile",
    "scan": "mynah.data",
    "split": "mynah.data",
    "Clip": "mynah.data",
    "Sounds": "mynah.data",
    "read": "mynah.audio",
    "write": "mynah.audio",
    "MynahError": "mynah.ground.errors",
}

__all__ = [
    "Clip",
    "MynahError",
    "Run",
    "Sounds",
    "apply",
    "compare",
    "learn",
    "load",
    "read",
    "save",
    "scan",
    "split",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mynah' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
