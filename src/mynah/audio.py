"""Read, write and resample sound files. Inside Mynah a wave is float32 (channel, time), full scale +-1.

This is the only place where the (time, channel) of files becomes (channel, time).
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mynah.ground.errors import BadInput, Stopped, UsageError
from mynah.ground.riff import finished

#: libsndfile's name of the container that goes with a suffix, in lower case.
_FORMATS = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".mp3": "MP3",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".aifc": "AIFF",
    ".caf": "CAF",
    ".w64": "W64",
    ".rf64": "RF64",
    ".au": "AU",
}
#: Suffixes that are read, in lower case; files may spell them in capitals.
EXTENSIONS = frozenset(_FORMATS)
#: Suffixes of sound that libsndfile cannot decode.
NEEDS_CONVERSION = frozenset({".m4a", ".aac", ".wma", ".mp4", ".m4b", ".amr", ".alac"})
#: How files begin that libsndfile would read, were they whole.
_BEGINNINGS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM", b"caff", b"riff", b".snd", b"ID3", b"\xff\xfb")
#: Most samples, over all channels, that one block may hold: 16 MiB of float32.
_MOST_SAMPLES = 2**22


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says: rate in Hz, channels, frames, container and sample format."""

    rate: int
    channels: int
    frames: int
    format: str
    subtype: str

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


class _Hush:
    """Keep the MP3 decoder's own lines off the terminal while it works.

    libmpg123 writes to file descriptor 2 and libsndfile offers no switch, so the descriptor points to nowhere for
    the moments it runs. Readers in several threads share one turn: the first in redirects, the last out restores.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._kept = threading.Lock(), 0, -1

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                try:
                    self._kept = os.dup(2)
                    nowhere = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nowhere, 2)
                    os.close(nowhere)
                except OSError:  # no descriptor 2, or none left: then let it talk
                    pass

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._kept >= 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)
                self._kept = -1


_HUSH = _Hush()
_TALK = contextlib.nullcontext()


def _quietly(path: Path) -> contextlib.AbstractContextManager[None]:
    return _HUSH if path.suffix.lower() == ".mp3" else _TALK


class _Forward(soundfile.SoundFile):
    """A file that is read front to back, and moves only when told.

    Where a file can seek, soundfile seeks after every read. In MP3 of variable bit rate, libsndfile 1.2.2 then lands
    elsewhere: up to 4359 samples away, and with the decoder's memory gone, so that every block began with other sound.
    """

    def seekable(self) -> bool:
        return False


def _name(path: Path) -> str | bytes:
    """Return the name as bytes where the system has such: not every name on a disk is valid UTF-8."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


@contextlib.contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[_Forward]:
    """Open a file for decoding, and say in our words what the decoder cannot."""
    path = Path(path)
    mended = None
    try:
        mended = finished(path)
        with _quietly(path):
            file = _Forward(_name(path) if mended is None else mended)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        raise _unreadable(path, error) from error
    with file, contextlib.nullcontext() if mended is None else contextlib.closing(mended):
        try:
            yield file
        except soundfile.LibsndfileError as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadInput:
    """Say why a file is not decoded: missing, empty, a format without decoder, damaged, or not sound at all."""
    if path.is_symlink() and not path.exists():
        return BadInput("a link to a file that is not there", where=path, measured=os.readlink(path))
    if not path.exists():
        return BadInput("no such file", where=path)
    if path.is_dir():
        return BadInput("is a folder, not a file", where=path)
    if not path.is_file():
        return BadInput("is not a regular file", where=path, remedy="Remove it.")
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as denied:
        return BadInput(
            "the file cannot be opened", where=path, measured=denied.strerror, remedy="Check its permissions."
        )
    if size == 0:
        return BadInput("the file is empty", where=path, measured="0 bytes", remedy="Copy it again.")
    if path.suffix.lower() in NEEDS_CONVERSION or head[4:8] == b"ftyp":
        return BadInput(
            "AAC and WMA are not read", where=path, remedy="Convert it to WAV or FLAC, for example with ffmpeg."
        )
    if head.startswith(_BEGINNINGS):
        reason = str(getattr(error, "error_string", error)).removeprefix("Error : ").rstrip(".")
        return BadInput(
            "the sound data are damaged or cut off",
            where=path,
            measured=f"{size} bytes; the decoder says: {reason}",
            remedy="Copy or export it again.",
        )
    return BadInput(
        "not a sound file, whatever its name says",
        where=path,
        measured=f"{size} bytes, starts with {head[:8]!r}",
        remedy="Remove it, or export the sound again.",
    )


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Return what the header of a file says.

    Raises:
        BadInput: missing, empty or not a sound file.
    """
    with _open(path) as file:
        return _facts(file)


def _facts(file: soundfile.SoundFile) -> AudioInfo:
    return AudioInfo(file.samplerate, file.channels, file.frames, file.format, file.subtype)


def read(
    path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    end: float | None = None,
    rate: int | None = None,
    mono: bool = False,
    first: bool = False,
) -> tuple[np.ndarray, int]:
    """Read a file or a part of it.

    Args:
        start, end: seconds; `end` None reads to the end.
        rate: resample to this rate in Hz.
        mono: average the channels.
        first: take the first channel, where their mean says nothing since they cancel each other.

    Returns:
        float32 (channel, time) and its rate in Hz.

    Raises:
        BadInput: the file cannot be decoded.
    """
    path = Path(path)
    with _open(path) as file:
        own = file.samplerate
        begin = max(0, round(start * own))
        last = sys.maxsize if end is None else max(begin, round(end * own))
        if file.format == "MP3":
            wave = _part_of_mp3(path, own, begin, last).T
        else:
            wave = _part(file, min(begin, file.frames), min(last, file.frames)).T
    wave = wave[:1] if first else wave
    wave = np.ascontiguousarray(wave.mean(axis=0, keepdims=True) if mono and len(wave) > 1 else wave)
    return (wave, own) if rate is None else (resample(wave, own, rate), rate)


def _part(file: _Forward, first: int, last: int) -> np.ndarray:
    """Return the frames [first, last) of a file that seeks truly, as (time, channel)."""
    # the first block after a seek in Vorbis may be wrong (libsndfile issue 885), so it is read and dropped
    ahead = min(first, 8192 if file.format == "OGG" else 0)
    if first:
        file.seek(first - ahead)
    return file.read(last - first + ahead, dtype="float32", always_2d=True)[ahead:]


class _Tape:
    """An MP3 decoded front to back, whose parts are cut from what passes by: the only exact way (see `_Forward`)."""

    BLOCK_SECONDS, KEPT_SECONDS = 10, 60

    def __init__(self, path: Path, key: tuple[object, ...]) -> None:
        self.key, self.path = key, path
        self.file = _Forward(_name(path))
        self.kept = np.zeros((0, self.file.channels), np.float32)  # what passed last, (time, channel)
        self.position = 0  # where `kept` ends

    @property
    def start(self) -> int:
        return self.position - len(self.kept)

    def part(self, first: int, last: int) -> np.ndarray:
        """Return the frames [first, last), with `first` not before `start`."""
        pieces = [self.kept[first - self.start :]]
        while self.position < last:
            with _quietly(self.path):
                block = self.file.read(self.BLOCK_SECONDS * self.file.samplerate, dtype="float32", always_2d=True)
            if not len(block):
                break
            pieces.append(block[max(0, first - self.position) :])
            self.position += len(block)
        passed = np.concatenate(pieces)
        self.kept = passed[-self.KEPT_SECONDS * self.file.samplerate :].copy()
        return passed[: last - first]


_HELD = threading.local()


def _part_of_mp3(path: Path, rate: int, first: int, last: int) -> np.ndarray:
    """Return the frames [first, last) as (time, channel); a long file stays open, so that going on costs no rewind."""
    facts = os.stat(path)
    key = (os.getpid(), os.path.abspath(path), facts.st_size, facts.st_mtime_ns)
    tape: _Tape | None = getattr(_HELD, "tape", None)
    _HELD.tape = None
    if tape is None or tape.key != key or first < tape.start:
        with _quietly(path):
            tape = _Tape(path, key)
    wave = tape.part(first, last)
    if tape.position > _Tape.KEPT_SECONDS * rate:
        _HELD.tape = tape
    return wave


def blocks(
    path: str | os.PathLike[str], *, seconds: float = 10.0, rate: int | None = None, mono: bool = False
) -> Iterator[np.ndarray]:
    """Yield a file piece by piece as float32 (channel, time): constant memory, whatever its length.

    Args:
        seconds: length of the pieces that are read, less for very many channels; resampled pieces may differ
            by a few samples.
        rate: resample to this rate in Hz, as one stream without seams.
        mono: average the channels.

    Raises:
        BadInput: the file cannot be decoded, here or further on.
    """
    header, pieces = stream(path, seconds=seconds)
    channels = 1 if mono else header.channels
    waves = (w.mean(axis=0, keepdims=True) if mono and len(w) > 1 else w for w in pieces)
    if rate is None or rate == header.rate:
        yield from waves
        return
    flow = soxr.ResampleStream(header.rate, rate, channels, dtype="float32", quality="HQ")
    for wave in waves:
        out = flow.resample_chunk(np.ascontiguousarray(wave.T)).reshape(-1, channels)
        if len(out):
            yield np.ascontiguousarray(out.T)
    rest = flow.resample_chunk(np.zeros((0, channels), np.float32), last=True).reshape(-1, channels)
    if len(rest):
        yield np.ascontiguousarray(rest.T)


def stream(path: str | os.PathLike[str], *, seconds: float = 10.0) -> tuple[AudioInfo, Iterator[np.ndarray]]:
    """Open a file once: what its header says, and its waves (channel, time) block by block.

    Raises:
        BadInput: at once or while iterating, when the file cannot be decoded.
    """
    pieces = _pieces(path, seconds)
    header = next(pieces)
    assert isinstance(header, AudioInfo)
    return header, pieces  # type: ignore[return-value]


def _pieces(path: str | os.PathLike[str], seconds: float) -> Iterator[AudioInfo | np.ndarray]:
    with _open(path) as file:
        yield _facts(file)
        size = max(1, min(round(seconds * file.samplerate), _MOST_SAMPLES // file.channels))
        while True:
            with _quietly(Path(path)):
                piece = file.read(size, dtype="float32", always_2d=True)
            if len(piece):
                yield np.ascontiguousarray(piece.T)
            if len(piece) < size:
                return


def resample(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Return float32 (channel, time) at another rate in Hz (soxr, high quality)."""
    if from_rate == to_rate or wave.shape[1] == 0:
        return wave.astype(np.float32, copy=False)
    out = soxr.resample(np.ascontiguousarray(wave.T), from_rate, to_rate, quality="HQ")
    return np.ascontiguousarray(out.reshape(-1, wave.shape[0]).T.astype(np.float32, copy=False))


def write(path: str | os.PathLike[str], wave: np.ndarray, rate: int, *, subtype: str | None = None) -> None:
    """Write float32 (channel, time) under its final name only when it is complete; the suffix names the format.

    Args:
        subtype: sample format such as "PCM_24" or "FLOAT"; None takes the usual one of the container.

    Raises:
        UsageError: a suffix, rate, channel count or subtype that the format does not have.
        Stopped: the disk is full or cannot be written; a file that was there is untouched.
    """
    write_blocks(path, [wave], rate, channels=1 if wave.ndim == 1 else len(wave), subtype=subtype)


def write_blocks(
    path: str | os.PathLike[str],
    blocks: Iterable[np.ndarray],
    rate: int,
    *,
    channels: int = 1,
    subtype: str | None = None,
) -> int:
    """Do what `write` does with a sound that comes in blocks (channel, time), none of which is kept.

    What `blocks` raises is passed on, and nothing is left under `path` but what was there.

    Returns:
        The samples of each channel.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise UsageError("no such sound format", where=path, remedy="Use .wav, .flac, .ogg, .opus, .mp3 or .aiff.")
    subtype = subtype or ("OPUS" if suffix == ".opus" else None)
    # a short name of our own: the final one may already be as long as the disk allows
    part = path.with_name(f".{os.getpid()}-{threading.get_ident()}.part")
    kind = f"{rate} Hz, {channels} channels, {subtype or 'usual subtype'}"
    written = 0
    try:
        with _written(path, kind):
            file = soundfile.SoundFile(_name(part), "w", rate, channels, subtype, format=_FORMATS[suffix])
        with file:
            for block in blocks:
                with _written(path, kind):
                    file.write(block.T)
                written += block.shape[-1]
        with _written(path, kind):
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return written


@contextlib.contextmanager
def _written(path: Path, kind: str) -> Iterator[None]:
    """Say in our words why a file of this kind could not be written."""
    try:
        yield
    except (OSError, AssertionError) as error:  # soundfile asserts that every frame was taken
        raise Stopped(
            "the sound could not be written", where=path, measured=str(error) or "disk full?", remedy="Free some space."
        ) from error
    except (soundfile.LibsndfileError, ValueError, TypeError) as error:
        if _is_system(error):
            raise Stopped("the sound could not be written", where=path, remedy="Free some space.") from error
        raise UsageError(
            f"{_FORMATS[path.suffix.lower()]} cannot hold this",
            where=path,
            measured=f"{kind}: {error}",
            remedy="Resample it, or write .wav.",
        ) from error


def _is_system(error: Exception) -> bool:
    return getattr(error, "code", None) == 2  # SF_ERR_SYSTEM in sndfile.h


def mp3_bytes(wave: np.ndarray, rate: int) -> bytes:
    """Return (channel, time) as an MP3 file in memory: at a rate that MP3 has, more than two channels averaged."""
    rates = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
    fitting = min((r for r in rates if r >= rate), default=48000)
    if len(wave) > 2:
        wave = wave.mean(axis=0, keepdims=True)
    buffer = io.BytesIO()
    soundfile.write(buffer, resample(wave, rate, fitting).T, fitting, format="MP3", subtype="MPEG_LAYER_III")
    return buffer.getvalue()
