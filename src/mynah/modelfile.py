"""The `.mynah` file: a zip of one JSON manifest and one safetensors entry. Never a pickle.

The manifest holds what is said of every model, and `facts`: what the model's contract says of its answers, and checks
when they are read. Nothing here knows a contract or a family by name.

Reading an untrusted file runs no code of it and writes nothing: the family is looked up by name among those of
this installation, or among those that the caller has loaded, settings are plain values, arrays are safetensors with a
checked hash, and entries that are unknown, oversize or oddly named, and manifests that are invalid, are refused in one
line.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import platform
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import mynah
from mynah import catalog
from mynah.contracts import own
from mynah.contracts.model import Model
from mynah.ground.errors import IncompatibleFile, MissingExtra, Stopped, UsageError
from mynah.ground.files import replacing
from mynah.representations import by_name
from mynah.training import Training

SCHEMA, SCHEMA_1 = "mynah.model/2", "mynah.model/1"
MANIFEST, TENSORS = "model.json", "tensors.safetensors"
#: Largest entries that are read: a manifest of 64 MiB, arrays of 4 GiB.
LARGEST = {MANIFEST: 64 << 20, TENSORS: 4 << 30}
#: A larger entry than this may unpack to no more than so many times the file: what fitted models hold packs far less.
FREE, MOST_RATIO = {MANIFEST: 1 << 20, TENSORS: 64 << 20}, 200
#: Highest rate in Hz at which sounds are read.
HIGHEST_RATE = 384_000
#: Characters of a reason that is not ours, at most.
LONGEST_REASON = 200
#: What a source begins with: the name of the file in which a user keeps a family.
FILE = "file:"


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
        "source": _source(type(model)),
        "settings": _settings(model),
        "representation": None if model.representation_ is None else model.representation_.to_json(),
        "rate": model.rate_,
        "features": int(model.n_features_in_),
        "contract": model.contract,
        "facts": model.facts(),
        "training": model.record_,
        "record": dict(record or {}),
        "sha256": hashlib.sha256(tensors).hexdigest(),
    }
    entries = {MANIFEST: json.dumps(manifest, indent=1, ensure_ascii=False).encode(), TENSORS: tensors}
    for name, content in entries.items():
        if len(content) > LARGEST[name]:
            raise _too_large(path, name, len(content))
    try:
        with replacing(path, durable=True) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries.items():
                _add(archive, name, content)
    except OSError as error:
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


def _source(kind: type) -> dict[str, str] | None:
    """Return the name and the hash of the file that defines a family; None for those of this installation."""
    if kind.__module__.startswith("mynah.models."):
        return None
    try:
        path = Path(inspect.getfile(kind))
        return {"name": f"{FILE}{path.name}", "sha256": _hash_of_text(path)}
    except (OSError, TypeError):  # typed into a notebook or a prompt
        return {"name": f"{FILE}{kind.__name__}", "sha256": ""}


def _hash_of_text(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _settings(model: Model) -> dict[str, Any]:
    settings = model.get_params(deep=False)
    settings.pop("representation", None)
    return {name: asdict(value) if isinstance(value, Training) else value for name, value in settings.items()}


def manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the checked manifest of a model file, `facts` as they stand there; its arrays are not read.

    Raises:
        IncompatibleFile: not a model of this schema, or damaged.
    """
    with _opened(Path(path)) as archive:
        return _manifest(archive, Path(path))


def load(path: str | os.PathLike[str], *, families: own.Families = None) -> Model:
    """Read a model that answers exactly as the saved one.

    Args:
        path: a model file.
        families: those that are not of this installation: name to class, or a user's own file, such as ``"mine.py"``
            or ``"mine.py:MyFamily"``, or a list of these. The file is run.

    Raises:
        UsageError: a file of `families` is not there, or has an error in it.
        IncompatibleFile: not a model file, of another version, damaged, or of a family that is not there.
        MissingExtra: something that its family needs is not installed.
    """
    path = Path(path)
    with _opened(path) as archive:
        found = _manifest(archive, path)
        content = _read(archive, TENSORS)
    if hashlib.sha256(content).hexdigest() != found["sha256"]:
        raise _refuse(path, "its arrays do not match their hash")
    foreign = _foreign(path, found, families)
    try:
        kind = catalog.model_class(found["family"]) if foreign is None else foreign
        model = _unfitted(kind, found)
        facts = found["facts"] if found["schema"] == SCHEMA else kind.facts_of_version_1(found["facts"])
        model.take_facts(facts)
        model.restore(_finite(load_tensors(content)))
        model.check_restored()
    except (Stopped, MissingExtra):
        raise
    except Exception as error:
        why = f": {error}"[:LONGEST_REASON] if isinstance(error, ValueError) and str(error).isprintable() else ""
        raise _refuse(path, f"its content does not fit this version ({type(error).__name__}{why})") from error
    return model


def _foreign(path: Path, found: dict[str, Any], families: own.Families) -> type[Model] | None:
    """Return the class of a model whose family is not of this installation, or None where it is."""
    source = found["source"]
    if source is None:
        return None
    file = source["name"].removeprefix(FILE)
    kind = own.find(found["family"], families)
    if kind is None:
        raise IncompatibleFile(
            f"made by a family in {file}", where=path.name, remedy=f"Give --families {file}, if you trust that file."
        )
    held = _source(kind)
    if held is not None and held["sha256"] != source["sha256"]:
        warnings.warn(f"{file} has changed since {path.name} was made: its answers may differ", stacklevel=3)
    return kind


def _unfitted(kind: type[Model], found: dict[str, Any]) -> Model:
    """Return a model of the manifest's settings; `ValueError` where it promises something else than the file says."""
    if found["schema"] == SCHEMA and found["contract"] != kind.contract:
        raise ValueError("the family is of another contract")
    settings = dict(found["settings"])
    if isinstance(settings.get("training"), dict):
        settings["training"] = Training(**settings["training"])
    model = kind(**settings)
    representation = found["representation"]
    model.representation_ = None if representation is None else by_name(representation)
    model.rate_, model.n_features_in_, model.record_ = found["rate"], found["features"], found["training"]
    return model


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read(archive, MANIFEST))
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise _refuse(path, "its manifest is damaged") from error
    if not isinstance(found, dict) or not str(found.get("schema", "")).startswith("mynah.model/"):
        raise _refuse(path, "it is not a Mynah model")
    if found["schema"] not in (SCHEMA, SCHEMA_1):
        raise _refuse(path, f"it is of version {found['schema']!r} and this Mynah reads {SCHEMA!r}")
    if found["schema"] == SCHEMA_1:
        found = _of_version_1(found)
    for name, fits in _FITS.items():
        if name not in found:
            raise _refuse(path, f"its manifest lacks {name}")
        if not fits(found[name]):
            raise _refuse(path, f"its content does not fit this version: {name}", repr(found[name])[:60])
    return found


def _of_version_1(found: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as it is now: facts stood beside the rest, and every family was of this installation."""
    shared = {name: value for name, value in found.items() if name in (*_FITS, "schema", "mynah", "python")}
    facts = {name: value for name, value in found.items() if name not in shared}
    return {**shared, "source": None, "contract": "", "facts": facts}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_source(value: Any) -> bool:
    """A source is the bare name of a file, as it may be shown, and a hash."""
    if not (isinstance(value, dict) and value.keys() == {"name", "sha256"} and isinstance(value["sha256"], str)):
        return False
    name = value["name"]
    file = name.removeprefix(FILE) if isinstance(name, str) and name.startswith(FILE) else ""
    return 0 < len(file) <= 255 and file.isprintable() and "\\" not in file and PurePath(file).name == file


def _is_record(value: Any) -> bool:
    """A record may say how long the training clips were; then it says it whole."""
    if not isinstance(value, dict):
        return False
    seconds = value.get("seconds")
    if seconds is None:
        return True
    known = isinstance(seconds, dict) and {"min", "median", "max"} <= seconds.keys()
    return known and all(_is_number(seconds[name]) and seconds[name] > 0 for name in ("min", "median", "max"))


#: What each entry of a manifest must be.
_FITS = {
    "family": lambda value: isinstance(value, str),
    "source": lambda value: value is None or _is_source(value),
    "settings": lambda value: isinstance(value, dict),
    "representation": lambda value: value is None or isinstance(value, dict),
    "rate": lambda value: value is None or (_is_count(value) and value <= HIGHEST_RATE),
    "features": _is_count,
    "contract": lambda value: isinstance(value, str),
    "facts": lambda value: isinstance(value, dict),
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
