"""Read, write and resample sound files. Inside Mynah a wave is float32 (channel, time), full scale +-1.

This is the only place where the (time, channel) of files becomes (channel, time).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mynah.errors import BadInput, Stopped

#: Suffixes that are read, in lower case; files may spell them in capitals.
EXTENSIONS = frozenset(
    {".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".caf", ".w64", ".rf64", ".au"}
)
#: Suffixes of sound that libsndfile cannot decode.
NEEDS_CONVERSION = frozenset({".m4a", ".aac", ".wma", ".mp4", ".m4b", ".amr", ".alac"})


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


def _open(path: str | os.PathLike[str]) -> soundfile.SoundFile:
    path = Path(path)
    try:
        return soundfile.SoundFile(os.fspath(path))
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadInput:
    """Say why a file does not open: missing, empty, a format without decoder, or not sound at all."""
    if not path.exists():
        return BadInput("no such file", where=path)
    try:
        size = path.stat().st_size
        head = path.open("rb").read(16) if path.is_file() else b""
    except OSError as denied:
        return BadInput("the file cannot be opened", where=path, measured=denied.strerror)
    if path.is_dir():
        return BadInput("is a folder, not a file", where=path)
    if size == 0:
        return BadInput("the file is empty", where=path, measured="0 bytes", remedy="Copy it again.")
    if path.suffix.lower() in NEEDS_CONVERSION or head[4:8] == b"ftyp":
        return BadInput(
            "AAC and WMA are not read", where=path, remedy="Convert it to WAV or FLAC, for example with ffmpeg."
        )
    if head[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM", b"caff"):
        return BadInput("the sound data are damaged", where=path, measured=f"{size} bytes", remedy="Copy it again.")
    return BadInput("not a sound file, whatever its name says", where=path, measured=f"starts with {head[:8]!r}")


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Return what the header of a file says.

    Raises:
        BadInput: missing, empty or not a sound file.
    """
    with _open(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames, file.format, file.subtype)


def read(
    path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    end: float | None = None,
    rate: int | None = None,
    mono: bool = False,
) -> tuple[np.ndarray, int]:
    """Read a file or a part of it.

    Args:
        start, end: seconds; `end` None reads to the end.
        rate: resample to this rate in Hz.
        mono: average the channels.

    Returns:
        float32 (channel, time) and its rate in Hz.

    Raises:
        BadInput: the file cannot be decoded.
    """
    with _open(path) as file:
        own = file.samplerate
        first = min(max(0, round(start * own)), file.frames)
        count = -1 if end is None else max(0, min(round(end * own), file.frames) - first)
        try:
            if first:
                file.seek(first)
            wave = file.read(count, dtype="float32", always_2d=True).T
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise _unreadable(Path(path), error) from error
    wave = np.ascontiguousarray(wave.mean(axis=0, keepdims=True) if mono and len(wave) > 1 else wave)
    return (wave, own) if rate is None else (resample(wave, own, rate), rate)


def blocks(
    path: str | os.PathLike[str], *, seconds: float = 10.0, rate: int | None = None, mono: bool = False
) -> Iterator[np.ndarray]:
    """Yield a file piece by piece as float32 (channel, time): constant memory, whatever its length.

    Args:
        seconds: length of the pieces that are read; resampled pieces may differ by a few samples.
        rate: resample to this rate in Hz, as one stream without seams.
        mono: average the channels.
    """
    with _open(path) as file:
        size = max(1, round(seconds * file.samplerate))
        channels = 1 if mono else file.channels
        stream = None
        if rate is not None and rate != file.samplerate:
            stream = soxr.ResampleStream(file.samplerate, rate, channels, dtype="float32", quality="HQ")
        while True:
            try:
                piece = file.read(size, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError) as error:
                raise _unreadable(Path(path), error) from error
            last = len(piece) < size
            if mono and piece.shape[1] > 1:
                piece = piece.mean(axis=1, keepdims=True)
            if stream is not None:
                piece = stream.resample_chunk(np.ascontiguousarray(piece), last=last).reshape(-1, channels)
            if len(piece):
                yield np.ascontiguousarray(piece.T)
            if last:
                return


def resample(wave: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Return float32 (channel, time) at another rate in Hz (soxr, high quality)."""
    if from_rate == to_rate or wave.shape[1] == 0:
        return wave.astype(np.float32, copy=False)
    out = soxr.resample(np.ascontiguousarray(wave.T), from_rate, to_rate, quality="HQ")
    return np.ascontiguousarray(out.reshape(-1, wave.shape[0]).T.astype(np.float32, copy=False))


def write(path: str | os.PathLike[str], wave: np.ndarray, rate: int, *, subtype: str | None = None) -> None:
    """Write float32 (channel, time) under its final name only when it is complete; the suffix names the format.

    Raises:
        BadInput: an unknown suffix.
        Stopped: the disk is full or cannot be written.
    """
    path = Path(path)
    kind = {"aif": "AIFF", "aifc": "AIFF", "oga": "OGG", "opus": "OGG"}.get(
        path.suffix[1:].lower(), path.suffix[1:].upper()
    )
    if kind not in soundfile.available_formats():
        raise BadInput("no such sound format", where=path, remedy="Use .wav, .flac, .ogg, .mp3 or .aiff.")
    part = path.with_name(f".{os.getpid()}.part{path.suffix}")
    try:
        soundfile.write(
            os.fspath(part), wave.T, rate, format=kind, subtype=subtype or ("OPUS" if path.suffix == ".opus" else None)
        )
        os.replace(part, path)
    except (OSError, soundfile.LibsndfileError) as error:
        part.unlink(missing_ok=True)
        raise Stopped("the sound could not be written", where=path, measured=str(error)) from error


def mp3_bytes(wave: np.ndarray, rate: int) -> bytes:
    """Return (channel, time) as an MP3 file in memory, at a rate that MP3 has."""
    rates = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
    fitting = min((r for r in rates if r >= rate), default=48000)
    buffer = io.BytesIO()
    soundfile.write(buffer, resample(wave, rate, fitting).T, fitting, format="MP3", subtype="MPEG_LAYER_III")
    return buffer.getvalue()
