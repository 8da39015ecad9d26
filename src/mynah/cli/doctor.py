"""`mynah doctor`: versions, devices, extras, what is missing and the line that installs it."""

from __future__ import annotations

import json
import os
import platform
import re
from importlib import metadata, util
from typing import Annotated

import typer

import mynah

NAME = "doctor"
#: Extras for working on Mynah itself, which a user need not install.
DEVELOPMENT = {"test", "bench", "dev"}


def command(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> int | None:
    """Say what this installation has, what is missing and the line that installs it."""
    found = examine()
    print(json.dumps(found, indent=1) if as_json else _text(found))
    return 6 if any(version is None for version in found["base"].values()) else None


def examine() -> dict:
    """Return versions, devices and extras; nothing heavy is imported but torch, and that only for devices."""
    needs = needed()
    base = {name: _version(name) for name in needs.pop("", [])}
    extras = {
        extra: {name: _version(name) for name in names} for extra, names in needs.items() if extra not in DEVELOPMENT
    }
    return {
        "mynah": mynah.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "base": base,
        "devices": _devices(),
        "audio": _audio(),
        "kernels": _kernels(),
        "extras": extras,
    }


def needed(package: str = "mynah") -> dict[str, list[str]]:
    """Return the distributions that an installed package requires, under each of its extras; "" is always."""
    try:
        lines = metadata.requires(package) or []
    except metadata.PackageNotFoundError:  # run from its sources
        lines = []
    found: dict[str, list[str]] = {}
    for line in lines:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"""\bextra\s*==\s*['"]([\w.-]+)['"]""", line)
        if name:
            found.setdefault(extra[1] if extra else "", []).append(name[0])
    return found


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
    if not found["base"]:
        lines.append("  run from its sources, not installed: what it needs is not known (pip install -e .)")
    lines.append(f"devices: {'; '.join(found['devices'])}")
    lines.append(f"kernels: {found['kernels']}")
    lines.append(f"reads:   {' '.join(found['audio'])}")
    lines.append("extras (from the folder that Mynah was installed from):")
    for extra, versions in found["extras"].items():
        state = "installed" if all(versions.values()) else f"not installed: pip install '.[{extra}]'"
        lines.append(f"  {extra:14} {state}")
    return "\n".join(lines)
