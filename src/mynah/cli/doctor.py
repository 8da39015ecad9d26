"""`mynah doctor`: versions, devices, extras, what is missing and the line that installs it."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata, util
from typing import Annotated

import typer

import mynah

NAME = "doctor"
BASE = (
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "scikit-learn",
    "torch",
    "typer",
    "jinja2",
    "safetensors",
    "mido",
    "joblib",
)
#: Modules that show that an extra is installed.
EXTRAS = {
    "cloud": ("obstore",),
    "ray": ("ray",),
    "dask": ("distributed",),
    "tensorboard": ("tensorboard",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "datasets": ("mirdata", "soundata"),
    "rl": ("gymnasium", "pyspiel", "ale_py"),
    "physics": ("camb",),
    "serve": ("starlette", "uvicorn"),
    "plots": ("matplotlib",),
    "keras": ("h5py",),
}


def command(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> int | None:
    """Say what this installation has, what is missing and the line that installs it."""
    found = examine()
    print(json.dumps(found, indent=1) if as_json else _text(found))
    return 6 if any(version is None for version in found["base"].values()) else None


def examine() -> dict:
    """Return versions, devices and extras; nothing heavy is imported but torch, and that only for devices."""
    return {
        "mynah": mynah.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "base": {name: _version(name) for name in BASE},
        "devices": _devices(),
        "audio": _audio(),
        "kernels": _kernels(),
        "extras": {
            extra: {module: util.find_spec(module) is not None for module in modules}
            for extra, modules in EXTRAS.items()
        },
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    if util.find_spec("torch") is None:
        return []
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [f"cpu, {torch.get_num_threads()} threads", *gpus]


def _audio() -> list[str]:
    if util.find_spec("soundfile") is None:
        return []
    from mynah.audio import EXTENSIONS

    return sorted(EXTENSIONS)


def _kernels() -> str:
    if util.find_spec("numpy") is None:
        return ""
    from mynah import kernels

    return kernels.state()


def _text(found: dict) -> str:
    lines = [f"mynah {found['mynah']} · Python {found['python']} · {found['platform']} · {found['cores']} cores"]
    lines += [f"  {name:14} {version or 'MISSING: pip install ' + name}" for name, version in found["base"].items()]
    lines.append(f"devices: {'; '.join(found['devices'])}")
    lines.append(f"kernels: {found['kernels']}")
    lines.append(f"reads:   {' '.join(found['audio'])}")
    lines.append("extras (from the folder that Mynah was installed from):")
    for extra, modules in found["extras"].items():
        missing = [module for module, there in modules.items() if not there]
        state = f"not installed: pip install '.[{extra}]'" if missing else "installed"
        lines.append(f"  {extra:14} {state}")
    return "\n".join(lines)
