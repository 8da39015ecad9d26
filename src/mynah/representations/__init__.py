"""What models see of a sound: settings in seconds and Hz, modules from waves to frames, a cache of frames."""

from typing import Any

from mynah.representations.augmentation import augment_log_mel
from mynah.representations.cache import VERSION, Frames, compute
from mynah.representations.cepstrum import MFCC
from mynah.representations.mel import LogMel
from mynah.representations.mulaw import MuLaw
from mynah.representations.phase_vocoder import PhaseVocoder
from mynah.representations.representation import Representation
from mynah.representations.representation import by_name as _by_name
from mynah.representations.statistics import ClipStatistics
from mynah.representations.stft import STFT
from mynah.representations.waveform import Waveform

KINDS: dict[str, type[Representation]] = {
    kind.NAME: kind for kind in (Waveform, MuLaw, STFT, PhaseVocoder, LogMel, MFCC, ClipStatistics)
}


def by_name(document: dict[str, Any]) -> Representation:
    """Return the representation that `Representation.to_json` described; `IncompatibleFile` if unknown."""
    return _by_name(document, KINDS)


def described(representation: Representation) -> dict[str, Any]:
    """Return its JSON and the version of what is computed: when that changes, so do results."""
    return {**representation.to_json(), "version": VERSION}


__all__ = [
    "KINDS",
    "MFCC",
    "STFT",
    "ClipStatistics",
    "Frames",
    "LogMel",
    "MuLaw",
    "PhaseVocoder",
    "Representation",
    "Waveform",
    "augment_log_mel",
    "by_name",
    "compute",
    "described",
]
