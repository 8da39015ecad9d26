"""The `.mynah` file: a zip of one JSON manifest and one safetensors entry. Never a pickle.

Reading an untrusted file runs no code of it and writes nothing: the family is looked up by name among those of
this installation, settings are plain values, arrays are safetensors with a checked hash, and entries that are
unknown, oversize or oddly named are refused in one line.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import mynah
from mynah import catalog
from mynah.errors import IncompatibleFile, Stopped, UsageError
from mynah.model import Model
from mynah.representations import by_name
from mynah.training import Training

SCHEMA = "mynah.model/1"
MANIFEST, TENSORS = "model.json", "tensors.safetensors"
#: Largest entries that are read: a manifest of 64 MiB, arrays of 4 GiB.
LARGEST = {MANIFEST: 64 << 20, TENSORS: 4 << 30}


def save(model: Model, path: str | os.PathLike[str], *, record: Mapping[str, Any] | None = None) -> Path:
    """Write a fitted model, atomically.

    Args:
        model: fitted.
        path: where; the usual suffix is ``.mynah``.
        record: JSON-able facts to keep with it (scores, data set, seed).

    Raises:
        UsageError: the model is larger than what `load` reads.
        Stopped: the disk is full or cannot be written; nothing is left under `path` but what was there.
    """
    path = Path(path)
    arrays = {name: np.asarray(value, order="C") for name, value in model.tensors().items()}
    size = sum(array.nbytes for array in arrays.values())
    if size > LARGEST[TENSORS]:  # before as much is copied
        raise _too_large(path, TENSORS, size)
    tensors = save_tensors(arrays)
    manifest = {
        "schema": SCHEMA,
        "mynah": mynah.__version__,
        "python": platform.python_version(),
        "family": catalog.name_of(type(model)),
        "settings": _settings(model),
        "representation": None if model.representation_ is None else model.representation_.to_json(),
        "rate": model.rate_,
        "features": int(model.n_features_in_),
        "labels": model.classes_.tolist(),
        "temperature": float(model.temperature_),
        "threshold": float(model.threshold_),
        "training": model.record_,
        "record": dict(record or {}),
        "sha256": hashlib.sha256(tensors).hexdigest(),
    }
    entries = {MANIFEST: json.dumps(manifest, indent=1, ensure_ascii=False).encode(), TENSORS: tensors}
    for name, content in entries.items():
        if len(content) > LARGEST[name]:
            raise _too_large(path, name, len(content))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in entries.items():
                    _add(archive, name, content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Stopped("the model could not be written", where=path, measured=error.strerror) from error
    return path


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add an entry without the time of day, so that equal models are equal files."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _too_large(path: Path, name: str, size: int) -> UsageError:
    return UsageError(
        "the model is too large for a file that can be read again",
        where=path.name,
        measured=f"{name}: {size} bytes, at most {LARGEST[name]}",
        remedy="Give it fewer or smaller parts by its settings, or keep a shorter record.",
    )


def _settings(model: Model) -> dict[str, Any]:
    settings = model.get_params(deep=False)
    settings.pop("representation", None)
    return {name: asdict(value) if isinstance(value, Training) else value for name, value in settings.items()}


def manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the checked manifest of a model file.

    Raises:
        IncompatibleFile: not a model of this schema, or damaged.
    """
    path = Path(path)
    try:
        found = json.loads(_entries(path)[0])
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise _refuse(path, "its manifest is damaged") from error
    if not isinstance(found, dict) or not str(found.get("schema", "")).startswith("mynah.model/"):
        raise _refuse(path, "it is not a Mynah model")
    if found["schema"] != SCHEMA:
        raise _refuse(path, f"it is of version {found['schema']!r} and this Mynah reads {SCHEMA!r}")
    return found


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that answers exactly as the saved one.

    Raises:
        IncompatibleFile: not a model file, of another version, damaged, or of a family not in this installation.
    """
    path = Path(path)
    facts = manifest(path)
    content = _entries(path)[1]
    if hashlib.sha256(content).hexdigest() != facts.get("sha256"):
        raise _refuse(path, "its arrays do not match their hash")
    try:
        settings = dict(facts["settings"])
        if isinstance(settings.get("training"), dict):
            settings["training"] = Training(**settings["training"])
        representation = facts["representation"]
        model = catalog.model_class(facts["family"])(**settings)
        model.representation_ = None if representation is None else by_name(representation)
        model.rate_, model.n_features_in_ = facts["rate"], int(facts["features"])
        model.classes_ = np.array(facts["labels"])
        if model.classes_.ndim != 1 or not len(model.classes_):
            raise ValueError("labels")
        model.temperature_, model.threshold_ = float(facts["temperature"]), float(facts["threshold"])
        model.record_ = facts["training"]
        model.restore(load_tensors(content))
    except Exception as error:
        raise _refuse(path, f"its content does not fit this version ({type(error).__name__})") from error
    return model


def _entries(path: Path) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            if sorted(sizes) != sorted(LARGEST) or len(archive.infolist()) != len(LARGEST):
                raise _refuse(path, f"it holds {sorted(sizes)[:4]} where a model holds {sorted(LARGEST)}")
            for name, size in sizes.items():
                if size > LARGEST[name]:
                    raise _refuse(path, f"its entry {name} is too large", f"{size} bytes")
            return _read(archive, MANIFEST), _read(archive, TENSORS)
    except FileNotFoundError as error:
        raise IncompatibleFile("no such file", where=path) from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refuse(path, "it is not a Mynah model, or is damaged") from error


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one entry, never more bytes than allowed, whatever its header says."""
    with archive.open(name) as entry:
        content = entry.read(LARGEST[name] + 1)
    if len(content) > LARGEST[name]:
        raise zipfile.BadZipFile(f"{name} is larger than it says")
    return content


def _refuse(path: Path, why: str, measured: object = None) -> IncompatibleFile:
    return IncompatibleFile(
        f"cannot be used as a model: {why}",
        where=path.name,
        measured=measured,
        remedy="Make it again with `mynah learn`.",
    )
