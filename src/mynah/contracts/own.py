"""Families, and tasks, of a user's own file, ``mine.py:MyFamily``, and of installed packages that offer some.

A file is run only because the user named it; what a model file says never loads one. A package offers a family by an
entry point of the group ``mynah.families``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from mynah.contracts.model import Model
from mynah.contracts.offers import GROUP
from mynah.contracts.wrapped import as_family, can_wrap
from mynah.ground.blame import OWN, in_words
from mynah.ground.errors import MissingExtra, UsageError

#: Where families come from: class names with a file or a list of them, or a path.
Families = Mapping[str, type[Model]] | str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None


@dataclass(frozen=True)
class Source:
    """Where a family or a task comes from, cheap to send to a worker.

    Attributes:
        path: of the file, absolute; of a package's module for an entry point.
        name: of the class in it; of the entry point.
        sha256: of the file: another file is another family.
        group: of the entry point; empty for a file.
    """

    path: str
    name: str
    sha256: str
    group: str = ""

    def __reduce__(self) -> tuple[object, ...]:  # what follows in a pickle may hold objects of classes of this file
        return _arrived, (self.path, self.name, self.sha256, self.group)

    @property
    def packaged(self) -> bool:
        """Whether it is an entry point."""
        return bool(self.group)

    @property
    def written(self) -> str:
        """What finds it again from every folder."""
        return self.name if self.packaged else f"{self.path}:{self.name}"

    @property
    def defined(self) -> Any:
        """The class as the file or the package has it.

        Raises:
            UsageError: the file is another by now, or has an error in it.
        """
        if self.packaged:
            return _point(self.group, self.name).load()
        return getattr(_module(self.path, self.sha256), self.name)

    @property
    def family(self) -> str:
        """What the family is called: the file without its folder, and the class."""
        return self.name if self.packaged else f"{Path(self.path).name}:{self.name}"

    @property
    def kind(self) -> type[Model]:
        """The family's class.

        Raises:
            UsageError: the file is another by now, or has an error in it.
        """
        return _kind(self)


def _arrived(path: str, name: str, sha256: str, group: str) -> Source:
    """Return a source that was sent to a worker, after running its file: the classes of what follows are then there."""
    source = Source(path, name, sha256, group)
    with suppress(Exception):  # said where the class is asked for
        _ = source.defined
    return source


def is_own(text: str) -> bool:
    """Tell whether a family is written as a file."""
    return text.partition(".py:")[1] != "" or text.endswith(".py")


def sources(text: str, fits: Callable[[object], bool] = can_wrap, what: str = "family") -> list[Source]:
    """Return the families of ``mine.py:MyFamily``, or of ``mine.py``: of all classes that it defines.

    Args:
        fits: which classes are meant.
        what: they are called.

    Raises:
        UsageError: no such file or class, or an error in the file.
    """
    place, _, name = text.rpartition(":") if not text.endswith(".py") else (text, "", "")
    path, digest, module = _opened(place)
    there = _defined(path, digest, module, fits)
    if not name:
        if not there:
            raise UsageError(f"defines no {what}", where=text)
        return there
    if not isinstance(getattr(module, name, None), type):
        names = ", ".join(source.name for source in there)
        raise UsageError("has no such class", where=text, remedy=f"There are {names}." if names else None)
    return [Source(path, name, digest)]


def beside(place: str, fits: Callable[[object], bool] = can_wrap) -> list[Source]:
    """Return the families, or what else fits, that a file defines; perhaps none.

    Raises:
        UsageError: no such file, or an error in it.
    """
    return _defined(*_opened(place), fits)


def _opened(place: str) -> tuple[str, str, ModuleType]:
    """Run a file, and return its whole path, its hash and what it has become."""
    path = str(Path(place).expanduser().absolute())
    digest = hashlib.sha256(_content(Path(path))).hexdigest()
    return path, digest, _module(path, digest)


def _defined(path: str, digest: str, module: ModuleType, fits: Callable[[object], bool]) -> list[Source]:
    """Return what of a file fits, of all that it defines itself."""
    return [
        Source(path, key, digest)
        for key, value in vars(module).items()
        if fits(value) and getattr(value, "__module__", "") == module.__name__ and not key.startswith("_")
    ]


def packaged(name: str, group: str = GROUP) -> Source | None:
    """Return the family, or what else a group holds, that an installed package offers under this name, or None.

    Raises:
        MissingExtra: it cannot be imported.
    """
    found = [point for point in metadata.entry_points(group=group) if point.name == name]
    if not found:
        return None
    try:
        path = Path(inspect.getfile(found[0].load()))
    except Exception as error:
        raise MissingExtra(
            f"cannot be imported from {found[0].value}", where=name, measured=f"{type(error).__name__}: {error}"
        ) from error
    return Source(str(path), name, hashlib.sha256(path.read_bytes()).hexdigest(), group)


def find(family: str, families: Families) -> type[Model] | None:
    """Return the class of a family, of those that the user named or that packages offer; None where it is not there.

    Raises:
        UsageError: see `sources`.
    """
    if isinstance(families, Mapping):
        return families.get(family)
    named = [families] if isinstance(families, str | os.PathLike) else families or []
    file, _, name = family.rpartition(":")
    for text in (part.strip() for one in named for part in os.fspath(one).split(",")):
        wanted = f"{text}:{name}" if file and Path(text).name == file else text
        for source in sources(wanted) if is_own(wanted) else ():
            if source.family == family:
                return source.kind
    offer = packaged(family)
    return None if offer is None else offer.kind


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError("cannot be read", where=path.name, measured=error.strerror) from error


@cache
def _kind(source: Source) -> type[Model]:
    defined = source.defined  # perhaps imported there from elsewhere: the file is still its source
    module = defined.__module__ if source.packaged else _module(source.path, source.sha256).__name__
    return as_family(defined, source.family, module)


def _point(group: str, name: str) -> metadata.EntryPoint:
    return next(point for point in metadata.entry_points(group=group) if point.name == name)


@cache
def _module(path: str, sha256: str) -> ModuleType:
    """Run a file of this content, once in a process."""
    content, file = _content(Path(path)), Path(path).name
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UsageError("has changed since the run began", where=file, remedy="Give the command again.")
    name = f"{OWN}{sha256[:16]}_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where classes look for their module
    folder = str(Path(path).parent)
    sys.path.insert(0, folder)  # it may import what lies beside it
    try:
        exec(compile(content, path, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError("has an error in it", where=file, measured=in_words(error, path)) from error
    finally:
        sys.path.remove(folder)
    return module
