"""Places for checkpoints, results and packed sounds: a folder, or a bucket (S3, Google, Azure) through obstore.

A few verbs on names with slashes. `put` is atomic: a name has its whole content or none. Nothing here trusts a server
with more: not with conditional writes, which some ignore, nor with checksums, which some do not look at.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

from mynah.ground.errors import MissingExtra, MynahError, Stopped, UsageError
from mynah.ground.files import write_bytes

#: URLs that are buckets; all else is a folder.
SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "memory")
#: A request is tried again for so long, in seconds, before its error is told.
RETRY_SECONDS = 20
#: What is in the errors of a bucket, what it means, and what to do about it.
_CAUSES = (
    ("NoSuchBucket", "there is no such bucket", "Make it, or check the address and AWS_ENDPOINT_URL."),
    ("/latest/", "no credentials were found", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),  # asked EC2 itself
    ("computeMetadata", "no credentials were found", "Set GOOGLE_APPLICATION_CREDENTIALS."),
    ("401 Unauthorized", "the credentials were refused", "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    ("403 Forbidden", "the credentials were refused", "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    ("HTTP error", "the server does not answer", "Check the network and AWS_ENDPOINT_URL."),
)
_REMEDY = "Check the address, the credentials (AWS_ACCESS_KEY_ID ...) and AWS_ENDPOINT_URL."


class Missing(MynahError):
    """There is nothing under this name."""

    exit_code = 4


class Store(ABC):
    """Named contents, each written whole or not at all."""

    #: Where it is, for messages.
    url: str

    @abstractmethod
    def get(self, name: str) -> bytes:
        """Return what is kept under a name; `Missing` when there is nothing, `Stopped` when it cannot be reached."""

    @abstractmethod
    def put(self, name: str, content: bytes) -> None:
        """Keep a content under a name, in place of what was there; `Stopped` when it cannot be written."""

    @abstractmethod
    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin so, sorted."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Forget a name, if it is there."""

    @abstractmethod
    def get_range(self, name: str, start: int, length: int) -> bytes:
        """Return a part of a content."""

    def sizes(self) -> dict[str, int]:
        """Return every name with the bytes under it, sorted by name."""
        return {name: len(self.get(name)) for name in self.names()}

    def within(self, prefix: str) -> Within:
        """Return the same store, seen below a prefix."""
        return Within(self, prefix)


class Within(Store):
    """A store seen below a prefix."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store, self.prefix = store, prefix.strip("/") + "/"
        self.url = f"{store.url.rstrip('/')}/{prefix.strip('/')}"

    def get(self, name: str) -> bytes:
        return self.store.get(self.prefix + name)

    def get_range(self, name: str, start: int, length: int) -> bytes:
        return self.store.get_range(self.prefix + name, start, length)

    def put(self, name: str, content: bytes) -> None:
        self.store.put(self.prefix + name, content)

    def names(self, prefix: str = "") -> list[str]:
        return [name.removeprefix(self.prefix) for name in self.store.names(self.prefix + prefix)]

    def sizes(self) -> dict[str, int]:
        mine = (item for item in self.store.sizes().items() if item[0].startswith(self.prefix))
        return {name.removeprefix(self.prefix): size for name, size in mine}

    def delete(self, name: str) -> None:
        self.store.delete(self.prefix + name)


class FolderStore(Store):
    """A folder: temporary file, fsync, rename, fsync of the folder."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.url = str(folder)

    def get(self, name: str) -> bytes:
        return self._read(name, 0, None)

    def get_range(self, name: str, start: int, length: int) -> bytes:
        return self._read(name, start, length)

    def _read(self, name: str, start: int, length: int | None) -> bytes:
        try:
            with open(self.folder / name, "rb") as file:
                file.seek(start)
                return file.read() if length is None else file.read(length)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise Missing("is not there", where=self.folder / name) from error
        except OSError as error:
            raise Stopped("cannot be read", where=self.folder / name, measured=error.strerror) from error

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content, durable=True)
            _sync(path.parent)
        except OSError as error:
            raise Stopped(
                "cannot be written",
                where=path,
                measured=error.strerror or error,
                remedy="Make room, or choose another.",
            ) from error

    def names(self, prefix: str = "") -> list[str]:
        found = []
        start = self.folder / prefix.rpartition("/")[0]
        for root, _, files in os.walk(start):
            place = Path(root).relative_to(self.folder).as_posix()
            found += [name if place == "." else f"{place}/{name}" for name in files if not name.endswith(".part")]
        return sorted(name for name in found if name.startswith(prefix))

    def sizes(self) -> dict[str, int]:
        found = {}
        for name in self.names():
            with suppress(FileNotFoundError):  # deleted meanwhile
                found[name] = (self.folder / name).stat().st_size
        return found

    def delete(self, name: str) -> None:
        with suppress(OSError):
            (self.folder / name).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class BucketStore(Store):
    """A prefix in a bucket, or obstore's memory; credentials and endpoint come from the environment."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._held: Any = None

    @property
    def _store(self) -> Any:
        if self._held is None:
            self._held = _connect(self.url)
        return self._held

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "_held": None}

    def get(self, name: str) -> bytes:
        import obstore

        with _said(self.url, name):
            return bytes(obstore.get(self._store, name).bytes())

    def get_range(self, name: str, start: int, length: int) -> bytes:
        import obstore

        with _said(self.url, name):
            try:
                return bytes(obstore.get_range(self._store, name, start=start, length=length))
            except obstore.exceptions.GenericError as error:
                if "non-partial" not in str(error):
                    raise
        return self.get(name)[start : start + length]  # rclone's server answers ranges rightly, but with another code

    def put(self, name: str, content: bytes) -> None:
        import obstore

        with _said(self.url, name):
            obstore.put(self._store, name, content)

    def names(self, prefix: str = "") -> list[str]:
        import obstore

        folder, _, _ = prefix.rpartition("/")
        with _said(self.url, prefix):
            found = [entry["path"] for page in obstore.list(self._store, folder or None) for entry in page]
        return sorted(name for name in found if name.startswith(prefix))

    def sizes(self) -> dict[str, int]:
        import obstore

        with _said(self.url, ""):
            found = {entry["path"]: entry["size"] for page in obstore.list(self._store) for entry in page}
        return dict(sorted(found.items()))

    def delete(self, name: str) -> None:
        import obstore

        with suppress(FileNotFoundError), _said(self.url, name):
            obstore.delete(self._store, name)


class _said:
    """Inside, what goes wrong with a bucket is said in our words."""

    def __init__(self, url: str, name: str) -> None:
        self.where = f"{url.rstrip('/')}/{name}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, *_: object) -> None:
        if error is None or isinstance(error, MynahError) or not isinstance(error, Exception):
            return
        text = str(error).partition("Debug source")[0]
        if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in text:
            raise Missing("is not there", where=self.where) from error
        for sign, what, remedy in _CAUSES:
            if sign in text:
                raise Stopped(what, where=self.where, remedy=remedy) from error
        told = " ".join(text.split())[:200]
        raise Stopped("the store cannot be used", where=self.where, measured=told, remedy=_REMEDY) from error


def _connect(url: str) -> Any:
    try:
        from obstore.store import from_url
    except ModuleNotFoundError as error:
        raise MissingExtra("needs obstore", where=url, remedy="pip install '.[cloud]' in Mynah's folder") from error
    from datetime import timedelta

    options: dict[str, Any] = {}
    if not url.startswith("memory:"):
        options["retry_config"] = {"max_retries": 5, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
        if any(
            value.startswith("http://") for name, value in os.environ.items() if name.startswith("AWS_ENDPOINT_URL")
        ):
            options["client_options"] = {"allow_http": True}
    try:
        return from_url(url, **options)
    except Exception as error:
        raise UsageError("not the address of a bucket", where=url, measured=str(error).split("\n")[0]) from error


def is_bucket(place: str | os.PathLike[str]) -> bool:
    """Whether a place is a URL of a bucket and not a folder."""
    return str(place).partition("://")[0] in SCHEMES and "://" in str(place)


def open_store(place: str | os.PathLike[str]) -> Store:
    """Return the store at a folder or URL (``s3://bucket/prefix``, ``gs://``, ``az://``); nothing is asked of it yet.

    Raises:
        UsageError: a URL of another kind.
        MissingExtra: a bucket without obstore.
    """
    if is_bucket(place):
        return BucketStore(str(place))
    if "://" in str(place):
        raise UsageError("no such kind of store", where=place, remedy=f"Use a folder, or {', '.join(SCHEMES[:5])}://")
    return FolderStore(place)
