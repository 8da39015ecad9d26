"""Standard MIDI files in and out, through mido, and folders of them."""

from __future__ import annotations

import io
import json
import os
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido

from mynah.ground.errors import BadInput, MynahError, NotEnoughData, Stopped
from mynah.ground.files import replacing
from mynah.music.cleaning import cleaned
from mynah.music.piece import DRUMS, LONGEST_QUARTERS, Meter, Note, Piece, Tempo, is_meter

SUFFIXES = (".mid", ".midi")
#: What `compose` writes into its folder, and how its schema begins: what lies there is no music to learn from.
DOCUMENT, SCHEMAS = "music.json", "mynah.music/"
#: Largest file that is read, and longest piece in seconds: more is damage, or wants to exhaust the memory.
LARGEST_BYTES, LONGEST_SECONDS = 16 << 20, 7200


@dataclass(frozen=True)
class Found:
    """What a folder holds: the pieces with their files, and of each file or folder left out, which is `where`, why.

    Attributes:
        files: (piece,) paths inside the folder, with forward slashes.
    """

    pieces: tuple[Piece, ...]
    problems: tuple[BadInput, ...]
    files: tuple[str, ...]


def read(path: str | os.PathLike[str]) -> Piece:
    """Return the notes, tempo and meter of a file; a note that never ends, ends with its track.

    Raises:
        BadInput: it is no MIDI file, is damaged, too long, of a kind that is not read, or has no notes.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(
            "not the name of a MIDI file", where=path, measured=path.suffix or "no suffix", remedy="I read .mid."
        )
    file = _opened(path)
    if file.ticks_per_beat <= 0:
        raise BadInput(
            "its time is counted in video frames", where=path, remedy="Export it again with ticks a quarter note."
        )
    if file.type == 2:
        raise BadInput("its tracks are separate songs (format 2)", where=path, remedy="Export each as its own file.")
    notes: list[Note] = []
    tempos: dict[int, Tempo] = {}
    meters: dict[int, Meter] = {}
    for number, track in enumerate(file.tracks):
        _read_track(number, track, notes, tempos, meters)
    piece = Piece(
        notes=tuple(notes),
        ticks=file.ticks_per_beat,
        tempos=tuple(sorted(tempos.values())) or (Tempo(0),),
        meters=tuple(sorted(meters.values())) or (Meter(0),),
        name=path.name,
    )
    if not piece.notes:
        raise BadInput("the file holds no notes", where=path, remedy="Leave it out.")
    quarters, seconds = piece.end / piece.ticks, piece.seconds(piece.end)
    if quarters > LONGEST_QUARTERS or seconds > LONGEST_SECONDS:
        raise BadInput(
            f"the piece is longer than {LONGEST_QUARTERS:,} quarter notes or {LONGEST_SECONDS // 3600} hours",
            where=path,
            measured=f"{quarters:,.0f} and {seconds / 3600:.1f}",
            remedy="Cut it, or export it again if that cannot be.",
        )
    return piece


def _opened(path: Path) -> mido.MidiFile:
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise BadInput("too large for a MIDI file", where=path, measured=f"{size} bytes", remedy="Leave it out.")
        return mido.MidiFile(file=io.BytesIO(cleaned(path.read_bytes())), clip=True)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise BadInput("cannot be read", where=path, measured=error.strerror) from error
    except MynahError as error:
        error.where = path
        raise
    except Exception as error:  # mido has no exception of its own: OSError, EOFError, ValueError, IndexError ...
        why = "the file ends too early" if isinstance(error, EOFError) else "its chunks or events make no sense"
        raise BadInput(
            "not a Standard MIDI file, or damaged", where=path, measured=why, remedy="Export it again, or leave it out."
        ) from error


def _read_track(
    number: int, track: mido.MidiTrack, notes: list[Note], tempos: dict[int, Tempo], meters: dict[int, Meter]
) -> None:
    """Add what one track holds; of notes of one pitch that overlap, the first to begin is the first to end."""
    tick = 0
    program: dict[int, int] = defaultdict(int)
    sounding: dict[tuple[int, int], deque[tuple[int, int, int]]] = defaultdict(deque)

    def end(channel: int, pitch: int) -> None:
        start, velocity, instrument = sounding[channel, pitch].popleft()
        notes.append(Note(start, max(tick, start + 1), pitch, velocity, number, channel, instrument))

    for message in track:
        tick += message.time
        if message.type == "set_tempo":
            tempos[tick] = Tempo(tick, max(1, message.tempo))
        elif message.type == "time_signature":
            if is_meter(message.numerator, message.denominator):  # of others, the one before holds
                meters[tick] = Meter(tick, message.numerator, message.denominator)
        elif message.type == "program_change":
            program[message.channel] = message.program
        elif message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note].append((tick, message.velocity, program[message.channel]))
        elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
            end(message.channel, message.note)
    for (channel, pitch), left in sounding.items():
        while left:
            end(channel, pitch)


def write(piece: Piece, path: str | os.PathLike[str]) -> Path:
    """Write a piece as a file of format 1, under its final name only when it is complete.

    Raises:
        Stopped: the disk is full or cannot be written.
    """
    path = Path(path)
    file = mido.MidiFile(type=1, ticks_per_beat=piece.ticks)
    changes = [(t.tick, mido.MetaMessage("set_tempo", tempo=min(t.microseconds, 0xFFFFFF))) for t in piece.tempos] + [
        (m.tick, mido.MetaMessage("time_signature", numerator=m.numerator, denominator=m.denominator))
        for m in piece.meters
    ]
    numbers = sorted({note.track for note in piece.notes})
    file.tracks.append(_track(sorted([*changes, *_messages(piece, 0)], key=lambda event: event[0])))
    for number in range(1, max(numbers, default=0) + 1):  # a track without notes stays, so that numbers do not change
        file.tracks.append(_track(list(_messages(piece, number))))
    try:
        with replacing(path) as part:
            file.save(part)
    except OSError as error:
        raise Stopped("the piece could not be written", where=path, measured=error.strerror) from error
    return path


def _messages(piece: Piece, track: int) -> Iterator[tuple[int, mido.Message]]:
    """Yield tick and message of a track's notes: at one tick ends come first, then instruments, then beginnings."""
    events: list[tuple[int, int, Note]] = []
    for note in piece.notes:
        if note.track == track:
            events += [(note.start, 1, note), (note.end, 0, note)]
    program: dict[int, int] = defaultdict(int)
    for tick, begins, note in sorted(events):
        if not begins:
            yield tick, mido.Message("note_off", channel=note.channel, note=note.pitch, velocity=0)
            continue
        if note.program != program[note.channel]:
            program[note.channel] = note.program
            yield tick, mido.Message("program_change", channel=note.channel, program=note.program)
        yield tick, mido.Message("note_on", channel=note.channel, note=note.pitch, velocity=note.velocity)


def _track(events: list[tuple[int, mido.Message]]) -> mido.MidiTrack:
    track, before = mido.MidiTrack(), 0
    for tick, message in events:
        track.append(message.copy(time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track", time=0))
    return track


def read_folder(folder: str | os.PathLike[str]) -> Found:
    """Return the pieces below a folder in the order of their names, with what is wrong with the other files.

    Hidden files, and folders that an earlier `compose` wrote, are left out; of the latter it is said.

    Raises:
        BadInput: the folder is not there, or holds no MIDI files.
        NotEnoughData: not one of them can be learned from.
    """
    root = Path(folder)
    if not root.is_dir():
        raise BadInput("no such folder of MIDI files", where=root, remedy="Name a folder with .mid files in it.")
    ours: list[Path] = []
    files = sorted(_files(root, ours))
    midi = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not midi and ours:
        raise BadInput(
            "no MIDI files but in a folder that `mynah compose` wrote",
            where=root,
            measured=ours[0].relative_to(root).as_posix(),
            remedy=f"Name your own files' folder; if they lie there, delete its {DOCUMENT}.",
        )
    if not midi:
        others = sorted({path.suffix.lower() or "without suffix" for path in files})
        raise BadInput(
            "no MIDI files",
            where=root,
            measured=f"{len(files)} files: {', '.join(others[:5])}" if files else "nothing at all",
            remedy="I read .mid and .midi.",
        )
    pieces, names = [], []
    problems = [
        BadInput(
            "written by `mynah compose`", where=place.relative_to(root).as_posix(), remedy="Nothing is learned from it."
        )
        for place in sorted(ours)
    ]
    for path in midi:
        try:
            piece = read(path)
            if not piece.pitched.notes:
                raise BadInput(
                    f"it holds drums only (channel {DRUMS + 1})", where=path, remedy="Add a file with a melody."
                )
            pieces.append(piece)
            names.append(path.relative_to(root).as_posix())
        except BadInput as error:
            error.where = path.relative_to(root).as_posix()
            problems.append(error)
    if not pieces:
        raise NotEnoughData(
            "none of the MIDI files can be learned from",
            where=root,
            measured=f"{len(midi)} files; {problems[0]}",
            remedy="Put in files with notes on a channel other than 10.",
        )
    return Found(tuple(pieces), tuple(problems), tuple(names))


def _files(root: Path, ours: list[Path]) -> Iterator[Path]:
    """Yield the files below a folder; folders that `compose` wrote go to `ours`."""
    for place, folders, names in os.walk(root):
        if document_of(place) is not None:
            folders.clear()
            ours.append(Path(place))
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in names if not name.startswith("."))


def document_of(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the document of a folder that `compose` wrote, of any version; None of any other folder."""
    try:
        found = json.loads((Path(folder) / DOCUMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and str(found.get("schema", "")).startswith(SCHEMAS) else None
