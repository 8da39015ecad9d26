"""The `.mynah` file: a zip of one JSON manifest and one safetensors entry. Never a pickle.

Reading an untrusted file runs no code of it and writes nothing: the family is looked up by name among those of
this installation, settings are plain values, arrays are safetensors with a checked hash, and entries that are
unknown, oversize or oddly named, and manifests that cannot be meant, are refused in one line.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import mynah
from mynah import catalog
from mynah.contracts.classifier import VectorModel
from mynah.contracts.model import Model
from mynah.ground.errors import IncompatibleFile, Stopped, UsageError
from mynah.representations import Frames, by_name
from mynah.training import Training

SCHEMA = "mynah.model/1"
MANIFEST, TENSORS = "model.json", "tensors.safetensors"
#: Largest entries that are read: a manifest of 64 MiB, arrays of 4 GiB.
LARGEST = {MANIFEST: 64 << 20, TENSORS: 4 << 30}
#: A larger entry than this may unpack to no more than so many times the file: what fitted models hold packs far less.
FREE, MOST_RATIO = {MANIFEST: 1 << 20, TENSORS: 64 << 20}, 200
#: Highest rate in Hz at which sounds are read.
HIGHEST_RATE = 384_000


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
        **model.facts(),
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
    """Return the checked manifest of a model file; its arrays are not read.

    Raises:
        IncompatibleFile: not a model of this schema, or damaged.
    """
    with _opened(Path(path)) as archive:
        return _manifest(archive, Path(path))


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that answers exactly as the saved one.

    Raises:
        IncompatibleFile: not a model file, of another version, damaged, or of a family not in this installation.
    """
    path = Path(path)
    with _opened(path) as archive:
        facts = _manifest(archive, path)
        content = _read(archive, TENSORS)
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        raise _refuse(path, "its arrays do not match their hash")
    try:
        settings = dict(facts["settings"])
        if isinstance(settings.get("training"), dict):
            settings["training"] = Training(**settings["training"])
        representation = facts["representation"]
        model = catalog.model_class(facts["family"])(**settings)
        model.representation_ = None if representation is None else by_name(representation)
        model.rate_, model.n_features_in_ = facts["rate"], facts["features"]
        model.take_facts(facts)
        model.record_ = facts["training"]
        model.restore(_finite(load_tensors(content)))
        _check_answers(model)
    except Stopped:
        raise
    except Exception as error:
        raise _refuse(path, f"its content does not fit this version ({type(error).__name__})") from error
    return model


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(archive, MANIFEST))
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise _refuse(path, "its manifest is damaged") from error
    if not isinstance(found, dict) or not str(found.get("schema", "")).startswith("mynah.model/"):
        raise _refuse(path, "it is not a Mynah model")
    if found["schema"] != SCHEMA:
        raise _refuse(path, f"it is of version {found['schema']!r} and this Mynah reads {SCHEMA!r}")
    for name, fits in _FITS.items():
        if name not in found:
            raise _refuse(path, f"its manifest lacks {name}")
        if not fits(found[name]):
            raise _refuse(path, f"its content does not fit this version: {name}", repr(found[name])[:60])
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_labels(value: Any) -> bool:
    """Labels are words or numbers, all of one kind, each once."""
    kinds = {type(label) for label in value} if isinstance(value, list) else set()
    return len(kinds) == 1 and kinds <= {str, int, float, bool} and len(set(value)) == len(value)


def _is_record(value: Any) -> bool:
    """A record may say how long the training clips were; then it says it whole."""
    if not isinstance(value, dict):
        return False
    seconds = value.get("seconds")
    if seconds is None:
        return True
    known = isinstance(seconds, dict) and {"min", "median", "max"} <= seconds.keys()
    return known and all(_is_number(seconds[name]) and seconds[name] > 0 for name in ("min", "median", "max"))


#: What each fact of a manifest must be.
_FITS = {
    "family": lambda value: isinstance(value, str),
    "settings": lambda value: isinstance(value, dict),
    "representation": lambda value: value is None or isinstance(value, dict),
    "rate": lambda value: value is None or (_is_count(value) and value <= HIGHEST_RATE),
    "features": _is_count,
    "labels": _are_labels,
    "temperature": lambda value: _is_number(value) and value > 0,
    "threshold": lambda value: _is_number(value) and 0 <= value <= 1,
    "training": lambda value: isinstance(value, dict),
    "record": _is_record,
    "sha256": lambda value: isinstance(value, str),
}


def _finite(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays; `ValueError` where one holds NaN or infinity, which no model has learned."""
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{name} is not finite")
    return tensors


def _check_answers(model: Model) -> None:
    """Raise `ValueError` where arrays are not of as many classes as there are labels; nets compare shapes."""
    if not isinstance(model, VectorModel):
        return
    classes = len(model.classes_)
    if bool(model.arrays_) != (classes > 1):
        raise ValueError("one class learns nothing, several learn something")
    codes = model.arrays_.get("codes")
    if codes is not None and not np.array_equal(np.unique(codes), np.arange(classes)):
        raise ValueError("the codes are not those of the labels")
    silence = np.zeros((1, model.n_features_in_), np.float32)
    answer = model.predict_proba(Frames.from_arrays([silence], model.representation_, model.rate_))
    if answer.shape != (1, classes):
        raise ValueError("the arrays are not of as many classes as there are labels")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a model file whose entries have the right names and sizes; damage found further on is refused too."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, path)
            yield archive
    except FileNotFoundError as error:
        raise IncompatibleFile("no such file", where=path) from error
    except IsADirectoryError as error:
        remedy = f"The model of a run is {path / 'best.mynah'}." if (path / "best.mynah").exists() else None
        raise IncompatibleFile("a folder is no model", where=path, remedy=remedy) from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refuse(path, "it is not a Mynah model, or is damaged") from error


def _check_entries(archive: zipfile.ZipFile, path: Path) -> None:
    sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    if sorted(sizes) != sorted(LARGEST) or len(archive.infolist()) != len(LARGEST):
        raise _refuse(path, f"it holds {sorted(sizes)[:4]} where a model holds {sorted(LARGEST)}")
    most = MOST_RATIO * path.stat().st_size
    for name, size in sizes.items():
        if size > LARGEST[name] or size > max(FREE[name], most):
            raise _refuse(path, f"its entry {name} is too large", f"{size} bytes")


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
