"""From a folder of MIDI files to new pieces, the model that made them, and one page: what `mynah compose` does."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import mynah
from mynah import audio, catalog, modelfile
from mynah.contracts.composer import Composer, beginning, steps_to_fill
from mynah.contracts.model import ByGradient, with_budget
from mynah.data import performance
from mynah.ground.device import choose, on_device
from mynah.ground.errors import BadInput, IncompatibleFile, Stopped, UsageError
from mynah.ground.files import write_bytes
from mynah.ground.processes import world
from mynah.ground.progress import Progress, silent
from mynah.ground.randomness import generator
from mynah.layers.temperature import checked
from mynah.music import Piece, midi
from mynah.music.borrowed import MOST_LEARNED, MOST_NOTES, Passages, compared
from mynah.music.melody import tunes_of
from mynah.music.piece import bars as bars_of
from mynah.music.piece import tick_of
from mynah.report import music
from mynah.report.wording import plural
from mynah.stores import FolderStore
from mynah.tasks.compose import TASK as COMPOSE
from mynah.training import Budget, Checkpoints, Saver, noticed

MODEL, DOCUMENT, PAGE, PREVIEWS = "composer.mynah", midi.DOCUMENT, "report.html", "previews"
#: What the page plays of the pieces that were learned.
EXAMPLE = "example.mp3"
#: Where a document names the files of a piece, and in which folder they lie.
_FILES = {"file": "", "wav": "", "sound": f"{PREVIEWS}/"}
#: Names of these files.
PIECES = re.compile(r"piece-[0-9]+\.(mid|wav)|previews/piece-[0-9]+\.mp3")
#: Share of the pieces that are not learned, so that what was learned can be judged; of fewer than so many different
#: ones, none.
HELD_SHARE, FEWEST_TO_HOLD = 0.15, 4
#: What is said of a piece without new notes.
SILENT = "nothing but silence came: train longer, or raise the temperature"
#: Held-out pieces that are compared at most to see what is shared anyway.
MOST_HELD = 20
#: Characters of a name that is short enough for a line.
SHORT_NAME = 40
#: Seconds that the page plays of a piece, and of what was given before new music where not all is played.
PLAYED_SECONDS, GIVEN_SECONDS = 120.0, 10.0
#: Steps of the grid that the page draws bar lines on, a quarter note.
GRID = 4


@dataclass(frozen=True)
class Order:
    """What is asked for; checked before any work.

    Args:
        bars, temperature, count, seed: see `Composer.generate`.
        prime: MIDI file to go on from, or None.
        render: write a WAV file beside each piece.
        soundfont: for FluidSynth; None is the built-in synthesiser.
        device: to learn on, see `mynah.ground.device.choose`.
    """

    bars: int = 16
    temperature: float = 1.0
    count: int = 3
    seed: int = 0
    prime: str | None = None
    render: bool = False
    soundfont: str | None = None
    device: str = "auto"

    def check(self) -> Piece | None:
        """Return the piece to go on from, if any.

        Raises:
            UsageError: invalid bars, temperature or count; a device that is not there.
            BadInput: a prime without pitched notes, or unreadable; a soundfont that is not there.
            MissingExtra: a soundfont, but no FluidSynth.
        """
        if self.bars < 1 or self.count < 1:
            raise UsageError("a piece has 1 bar or more, and there is 1 or more of them", measured=self)
        try:
            checked(self.temperature)
        except ValueError as error:
            raise UsageError(str(error), where="--temperature") from error
        choose(self.device)
        if self.soundfont is not None:
            performance.check_fluidsynth(self.soundfont)
        if self.prime is None:
            return None
        found = midi.read(self.prime)
        if not found.pitched.notes:
            raise BadInput("it holds drums only, so there is nothing to go on from", where=self.prime)
        return beginning(found)


def _passage(piece: dict[str, Any]) -> str:
    """Return what is said of the notes that a piece shares with a learned one, if they were compared."""
    found = piece["borrowed"]
    if found is None:
        return ""
    name = found["piece"] or ""
    known = name if name.isprintable() and 0 < len(name) <= SHORT_NAME else "a learned piece"
    return f"{found['notes']} of {found['of']} notes in a row as in {known}"


@dataclass
class Composition:
    """What was made: the folder, and the document that lies in it."""

    folder: Path
    results: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        document = self.results
        lines = [f"{document['dataset']}: {plural(document['learned'], 'piece')} learned by {document['family']}"]
        held = document["held_out"]
        if held is not None:
            lines.append(
                f"prediction error on {plural(held['pieces'], 'held-out piece')}: {held['surprise']:.3f} "
                f"{held['unit']}; of the counting baseline: {held['without_learning']:.3f}"
            )
        elif document.get("saved") is not None:
            lines.append(f"{COMPOSE.metric.title}: {COMPOSE.metric.show(document['saved'])} of unseen pieces")
        else:
            lines.append("no piece was held out, so what was learned is not judged")
        of_held = (document["borrowed"] or {}).get("held_out")
        if of_held:
            lines.append(
                f"longest passage that a learned piece has too, in the median of "
                f"{plural(of_held['pieces'], 'piece')} held out: {of_held['notes']:g} of {of_held['of']:g} notes"
            )
        for piece in document["composed"]:
            aside = _passage(piece) if any(note[0] >= piece["primed"] for note in piece["notes"]) else SILENT
            lines.append(f"piece   {self.folder / piece['file']}" + (f"  ({aside})" if aside else ""))
        lines += [f"sound   {self.folder / piece['wav']}" for piece in document["composed"] if piece["wav"]]
        lines += [f"page    {self.folder / PAGE}", f"model   {self.folder / MODEL}"]
        lines.append(f"next    mynah compose {self.folder / MODEL} --prime YOURS.mid")
        return "\n".join(lines)


def compose(
    place: str | os.PathLike[str],
    *,
    family: str | None = None,
    budget: str = "5m",
    order: Order | None = None,
    out: str | os.PathLike[str] = "mynah-music",
    progress: Progress = silent,
) -> Composition:
    """Learn from a folder of MIDI files, or take a model that has, and write new pieces and a page.

    Args:
        place: the folder, or a `.mynah` file of an earlier call.
        family: that learns, see `mynah list`; None is melody_rnn. A model is of its own.
        budget: of the training, see `Budget.parse`.
        order: see `Order`.
        out: folder for what is made.

    Raises:
        BadInput, NotEnoughData, UsageError, MissingExtra: see `Order.check` and `read_folder`.
        UsageError: `out` is the folder of MIDI files, or holds files that are not of an earlier call.
        IncompatibleFile: the model is no composer.
        Stopped: told to stop, or the disk is full; the same call goes on with the training, or with what it gave.
    """
    order, out = order or Order(), Path(out)
    prime = order.check()
    Budget.parse(budget)
    _check_out(out, Path(place))
    if Path(place).is_file() and Path(place).suffix == ".mynah":
        if family is not None:
            raise UsageError("a model is of its own family", where="--family", remedy="Leave it out.")
        model, document = _opened(Path(place))
        example = likeness = None
    else:
        kind = catalog.card(family or "melody_rnn")
        if "compose" not in kind.tasks:
            composers = ", ".join(card.name for card in catalog.cards() if "compose" in card.tasks)
            raise UsageError("this family makes no music", where=kind.name, remedy=f"Those that do: {composers}.")
        found = midi.read_folder(place)
        _make(out)
        if midi.document_of(out) is None:
            _mark(out, [])
        kept, held = _split(list(found.pieces), order.seed)
        with on_device(order.device):
            model, document = _learned(kind.name, kept, held, budget, order.seed, out, progress)
        document |= {"dataset": Path(place).resolve().name, "problems": [str(problem) for problem in found.problems]}
        example = found.pieces[0]
        likeness = _Likeness(model, kept, held, order.bars)
    _make(out / PREVIEWS)
    _make_room(out, order)
    document |= {"created": datetime.now().astimezone().isoformat(timespec="seconds"), "mynah": mynah.__version__}
    document |= {"order": {name: getattr(order, name) for name in ("bars", "temperature", "count", "seed")}}
    document["prime"] = None if order.prime is None else Path(order.prime).name
    document["borrowed"] = None if likeness is None else likeness.facts
    document["composed"] = list(_composed(model, order, prime, likeness, out, progress))
    document["example"] = None if example is None else _shown(example.from_start(), EXAMPLE, out, 0)
    modelfile.save(model, out / MODEL, record={"music": _facts(document)})
    _write(out / DOCUMENT, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    music.build(out)
    return Composition(out, document)


def _check_out(out: Path, place: Path) -> None:
    """Refuse a folder in which something would be overwritten, or hidden, that no earlier call wrote."""
    out = out.resolve()
    if out.is_dir() and place.is_dir() and out.samefile(place):
        raise UsageError(
            "the pieces cannot go into the folder that is learned from",
            where="--out",
            measured=out,
            remedy="Name another folder.",
        )
    earlier = midi.document_of(out)
    named = set() if earlier is None else {DOCUMENT, MODEL, PAGE} | _written(earlier)
    there = [path.relative_to(out).as_posix() for path in [*out.glob("*"), *out.glob(f"{PREVIEWS}/*")]]
    for name in sorted(there):
        ours = name in (DOCUMENT, MODEL, PAGE) or PIECES.fullmatch(name)
        if ours and name not in named and not (place.is_file() and (out / name).samefile(place)):
            raise UsageError(
                f"this folder holds a {name} that `mynah compose` did not write",
                where="--out",
                measured=out,
                remedy="Name another folder.",
            )


def _written(document: dict[str, Any]) -> set[str]:
    """Return the names of the files that a document says are of its pieces; others that it may name are not."""
    listed = document.get("composed")
    pieces = [piece for piece in listed if isinstance(piece, dict)] if isinstance(listed, list) else []
    named = {f"{place}{piece.get(kind)}" for piece in pieces for kind, place in _FILES.items()}
    return {name for name in named if PIECES.fullmatch(name)}


def _mark(out: Path, pieces: list[dict[str, str]]) -> None:
    """Say whose the folder is before anything lies in it: interrupted, its pieces are no music to learn from."""
    _write(out / DOCUMENT, json.dumps({"schema": music.SCHEMA, "composed": pieces}) + "\n")


def _make_room(out: Path, order: Order) -> None:
    """Remove the pieces of an earlier call, and name those to come."""
    for name in sorted({*_written(midi.document_of(out) or {}), f"{PREVIEWS}/{EXAMPLE}"}):
        try:
            (out / name).unlink(missing_ok=True)
        except OSError as error:
            raise Stopped("an earlier piece cannot be removed", where=out / name, measured=error.strerror) from error
    _mark(out, [_files(number, order) for number in range(1, order.count + 1)])


def _files(number: int, order: Order) -> dict[str, str]:
    """Return the names of the files of a piece, see `_FILES`."""
    name = f"piece-{number}"
    sounds = order.render or order.soundfont is not None
    return {"file": f"{name}.mid", "wav": f"{name}.wav" if sounds else "", "sound": f"{name}.mp3"}


def _facts(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a model file keeps of the document."""
    kept = ("dataset", "learned", "fit", "held_out", "history", "saved")
    return {name: document[name] for name in kept if name in document}


def _opened(path: Path) -> tuple[Composer, dict[str, Any]]:
    model = modelfile.load(path)
    record = modelfile.manifest(path)["record"]
    facts = record.get("music") or _facts_of_run(record)
    if not isinstance(model, Composer) or not isinstance(facts, dict):
        raise IncompatibleFile("this model makes no music", where=path.name, remedy="Make one with `mynah compose`.")
    card = catalog.card(catalog.name_of(type(model)))
    return model, {"schema": music.SCHEMA, "family": card.name, "title": card.title, "problems": [], **facts}


def _facts_of_run(record: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is known of a model that `mynah learn --task compose` kept; None of any other."""
    if record.get("metric") != COMPOSE.metric.name:
        return None
    known = {"dataset": str(record.get("dataset", "")), "learned": int(record.get("clips", 0))}
    return known | {"fit": "", "held_out": None, "history": [], "saved": record.get("score")}


def _learned(
    family: str, kept: list[Piece], held: list[Piece], budget: str, seed: int, out: Path, progress: Progress
) -> tuple[Composer, dict[str, Any]]:
    """Train on the pieces kept, or take the model of an earlier call that has, and judge by those held out."""
    model: Any = with_budget(catalog.model_class(family)(random_state=seed), budget)
    facts: dict[str, Any] = {"learned": len(kept), "fit": _identity(model, kept)}
    earlier = _saved(out / MODEL, facts["fit"])
    if earlier is None:
        _train(model, kept, facts, out, progress)
    else:
        model, facts = earlier
    judged = None
    if held:
        judged = {
            "pieces": len(held),
            "unit": model.unit,
            "surprise": float(model.prediction_error(held).mean()),
            "without_learning": float(model.counting_baseline(kept, held).mean()),
        }
    card = catalog.card(family)
    return model, {"schema": music.SCHEMA, "family": card.name, "title": card.title, **facts, "held_out": judged}


def _train(model: Any, pieces: list[Piece], facts: dict[str, Any], out: Path, progress: Progress) -> None:
    """Fit a model and save it with its `facts`, to which its history is added; then its checkpoints can go."""
    checkpoints = Checkpoints(FolderStore(out / ".training" / facts["fit"]), facts["fit"])
    with noticed() as notice:
        saver = Saver(checkpoints, notice)
        for event in model.fit_events(pieces, [], tunes_of(pieces), saver):
            held_loss = "" if event.valid_loss is None else f", {event.valid_loss:.3f} on pieces held out"
            progress("train", event.step, event.steps, f"{event.train_loss:.3f} {model.unit}{held_loss}")
        saver.close()
        facts["history"] = model.history_
        if world().is_first:
            modelfile.save(model, out / MODEL, record={"music": facts})
            checkpoints.clear()
    notice.obey()


def _saved(path: Path, fit: str) -> tuple[Composer, dict[str, Any]] | None:
    """Return the model that lies there and its facts, if it is of this fit."""
    try:
        model, document = _opened(path)
    except IncompatibleFile:
        return None
    if document.get("fit") != fit:
        return None
    return model, {name: document[name] for name in ("learned", "fit", "history")}


def _split(pieces: list[Piece], seed: int) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces to learn and those held out; of copies all are on one side."""
    tunes = tunes_of(pieces)
    count = len(np.unique(tunes))
    if count < FEWEST_TO_HOLD:
        return pieces, []
    chosen = generator(seed, "held out").permutation(count)[: max(1, round(HELD_SHARE * count))]
    held = np.isin(tunes, chosen)
    return [pieces[n] for n in np.flatnonzero(~held)], [pieces[n] for n in np.flatnonzero(held)]


def _identity(model: ByGradient, pieces: list[Piece]) -> str:
    """Return what decides the fit, so that an interrupted one goes on and another begins anew."""
    settings = {name: str(value) for name, value in model.get_params(deep=False).items()}
    digest = hashlib.sha256(json.dumps([type(model).__name__, settings, mynah.__version__]).encode())
    for piece in pieces:
        digest.update(repr(piece).encode())
    return digest.hexdigest()[:16]


class _Likeness:
    """How long a passage new music shares with the pieces that were learned, as the family hears them.

    Args:
        model: of the family.
        kept, held: the pieces that were learned, and those that were not.
        bars: of new music; so many of each held-out piece are compared.

    Attributes:
        facts: for the document; what is found of the held-out pieces shows what is common anyway.
    """

    def __init__(self, model: Composer, kept: list[Piece], held: list[Piece], bars: int) -> None:
        self._model = model
        self._learned = _spread(kept, MOST_LEARNED)
        self._passages = Passages([self._heard(piece) for piece in self._learned])
        found = [self.of(_first_bars(piece, bars)) for piece in _spread(held, MOST_HELD)]
        of_held = {"pieces": len(found)} | {
            name: float(np.median([passage[name] for passage in found])) for name in ("notes", "of") if found
        }
        self.facts = {"learned": len(self._learned), "held_out": of_held if found else None}

    def of(self, piece: Piece) -> dict[str, Any]:
        """Return the notes of the longest passage, the notes of the piece that were compared, and whose it is."""
        piece = self._heard(piece)
        passage = self._passages.longest(piece)
        name = self._learned[passage.where].name if passage.notes else None
        return {"notes": passage.notes, "of": len(piece.notes), "piece": name}

    def _heard(self, piece: Piece) -> Piece:
        return compared(self._model.input_of(piece), MOST_NOTES)


def _spread(pieces: list[Piece], most: int) -> list[Piece]:
    """Return at most so many of the pieces, spread evenly."""
    count = min(len(pieces), most)
    return [pieces[number * len(pieces) // count] for number in range(count)]


def _first_bars(piece: Piece, bars: int) -> Piece:
    piece = piece.from_start()
    end = tick_of(steps_to_fill(replace(piece, notes=()), bars), piece.ticks)
    return _part(piece, 0, end)


def _part(piece: Piece, first: int, end: int | None = None) -> Piece:
    """Return a piece with those notes alone that begin in a span of ticks."""
    return replace(piece, notes=tuple(n for n in piece.notes if first <= n.start and (end is None or n.start < end)))


def _composed(
    model: Composer, order: Order, prime: Piece | None, likeness: _Likeness | None, out: Path, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Write the pieces one after the other, and yield what the document says of each."""
    until = 0 if prime is None else prime.until
    new = model.generate(order.count, bars=order.bars, like=prime, temperature=order.temperature, seed=order.seed)
    for number, piece in enumerate(new, 1):
        files = _files(number, order)
        midi.write(piece, out / files["file"])
        shown = _shown(piece, files["sound"], out, until) | files
        shown["borrowed"] = None if likeness is None else likeness.of(_part(piece, until))
        if order.soundfont is not None:
            performance.render_by_fluidsynth(piece, order.soundfont, out / files["wav"])
        elif order.render:
            audio.write_blocks(out / files["wav"], performance.render_blocks(piece), performance.RATE)
        progress("compose", number, order.count, files["file"])
        yield shown


def _shown(piece: Piece, sound: str, out: Path, until: int) -> dict[str, Any]:
    """Write what the page plays under the name `sound`, and return what it draws, in quarter notes."""
    first, seconds = _played(piece, until)
    wave = performance.render(piece, first=first, seconds=seconds)
    _write(out / PREVIEWS / sound, audio.mp3_bytes(wave, performance.RATE))
    position, _ = bars_of(piece.meters, piece.ticks, round(piece.end * GRID / piece.ticks) + 1, GRID)
    return {
        "name": piece.name or Path(sound).stem,
        "sound": sound,
        "seconds": round(piece.seconds(piece.end), 3),
        "played": [round(first, 3), round(first + seconds, 3)],
        "primed": round(until / piece.ticks, 4),
        "bars": (np.flatnonzero(position == 0) / GRID).tolist(),
        "notes": [
            [round(n.start / piece.ticks, 4), round(n.end / piece.ticks, 4), n.pitch]
            for n in piece.notes
            if not n.is_drum
        ],
        "drums": sum(note.is_drum for note in piece.notes),
    }


def _played(piece: Piece, until: int) -> tuple[float, float]:
    """Return from where on and how long the page plays a piece, in seconds: of a long one where new music begins."""
    length = performance.seconds_of(piece)
    if length <= PLAYED_SECONDS:
        return 0.0, length
    first = max(0.0, min(piece.seconds(until) - GIVEN_SECONDS, length - PLAYED_SECONDS))
    return first, PLAYED_SECONDS


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stopped("the folder cannot be made", where=folder, measured=error.strerror) from error


def _write(path: Path, content: str | bytes) -> None:
    try:
        write_bytes(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise Stopped("a file could not be written", where=path, measured=error.strerror) from error
