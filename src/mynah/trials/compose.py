"""From a folder of MIDI files to new pieces, the model that made them, and one page: what `mynah compose` does."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import mynah
from mynah import audio, catalog, modelfile
from mynah.composer import Composer
from mynah.datasets import performance
from mynah.errors import BadInput, IncompatibleFile, Stopped, UsageError
from mynah.model import ByGradient, with_budget
from mynah.music import Piece, midi
from mynah.music.piece import bars as bars_of
from mynah.progress import Progress, silent
from mynah.report import music
from mynah.report.wording import plural
from mynah.stores import FolderStore
from mynah.temperature import checked
from mynah.training import Budget, Checkpoints, Saver, generator, noticed, world

MODEL, DOCUMENT, PAGE, PREVIEWS = "composer.mynah", midi.DOCUMENT, "report.html", "previews"
SCHEMA = "mynah.music/1"
#: Share of the pieces that are not learned, so that what was learned can be judged; of fewer than so many, none.
HELD_SHARE, FEWEST_TO_HOLD = 0.15, 4
#: What is said of a piece without new notes.
SILENT = "nothing but silence came: train longer, or raise the temperature"
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
    """

    bars: int = 16
    temperature: float = 1.0
    count: int = 3
    seed: int = 0
    prime: str | None = None
    render: bool = False
    soundfont: str | None = None

    def check(self) -> Piece | None:
        """Return the piece to go on from, if any.

        Raises:
            UsageError: bars, temperature or count that cannot be meant.
            BadInput: a prime without pitched notes, or unreadable; a soundfont that is not there.
            MissingExtra: a soundfont, but no FluidSynth.
        """
        if self.bars < 1 or self.count < 1:
            raise UsageError("a piece has 1 bar or more, and there is 1 or more of them", measured=self)
        try:
            checked(self.temperature)
        except ValueError as error:
            raise UsageError(str(error), where="--temperature") from error
        if self.soundfont is not None:
            performance.check_fluidsynth(self.soundfont)
        if self.prime is None:
            return None
        found = midi.read(self.prime)
        if not found.pitched.notes:
            raise BadInput("it holds drums only, so there is nothing to go on from", where=self.prime)
        return found.from_start()


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
                f"surprise at {plural(held['pieces'], 'piece')} held out: {held['surprise']:.3f} {held['unit']}; "
                f"of one who knows how often each event comes, and no more: {held['without_learning']:.3f}"
            )
        else:
            lines.append("no piece was held out, so what was learned is not judged")
        for piece in document["composed"]:
            silent = "" if any(note[0] >= piece["primed"] for note in piece["notes"]) else f"  ({SILENT})"
            lines.append(f"piece   {self.folder / piece['file']}{silent}")
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
        IncompatibleFile: the model is no composer.
        Stopped: told to stop; the same call goes on with the training.
    """
    order, out = order or Order(), Path(out)
    prime = order.check()
    Budget.parse(budget)
    if Path(place).is_file() and Path(place).suffix == ".mynah":
        if family is not None:
            raise UsageError("a model is of its own family", where="--family", remedy="Leave it out.")
        model, document = _opened(Path(place))
        example = None
    else:
        kind = catalog.card(family or "melody_rnn")
        if "compose" not in kind.tasks:
            composers = ", ".join(card.name for card in catalog.cards() if "compose" in card.tasks)
            raise UsageError("this family makes no music", where=kind.name, remedy=f"Those that do: {composers}.")
        found = midi.read_folder(place)
        _make(out)
        model, document = _learned(kind.name, found, budget, order.seed, out, progress)
        document |= {"dataset": Path(place).resolve().name, "problems": list(found.problems)}
        example = found.pieces[0]
    _make(out / PREVIEWS)
    document |= {"created": datetime.now().astimezone().isoformat(timespec="seconds"), "mynah": mynah.__version__}
    document |= {"order": {name: getattr(order, name) for name in ("bars", "temperature", "count", "seed")}}
    document["prime"] = None if order.prime is None else Path(order.prime).name
    document["composed"] = list(_composed(model, order, prime, out, progress))
    document["example"] = None if example is None else _shown(example.from_start(), "example", out, 0)
    modelfile.save(model, out / MODEL, record={"music": _facts(document)})
    _write(out / DOCUMENT, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    music.build(out)
    return Composition(out, document)


def _facts(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a model file keeps of the document."""
    return {name: document[name] for name in ("dataset", "learned", "held_out", "history")}


def _opened(path: Path) -> tuple[Composer, dict[str, Any]]:
    model = modelfile.load(path)
    facts = modelfile.manifest(path)["record"].get("music")
    if not isinstance(model, Composer) or not isinstance(facts, dict):
        raise IncompatibleFile("this model makes no music", where=path.name, remedy="Make one with `mynah compose`.")
    card = catalog.card(catalog.name_of(type(model)))
    return model, {"schema": SCHEMA, "family": card.name, "title": card.title, "problems": [], **facts}


def _learned(
    family: str, found: midi.Found, budget: str, seed: int, out: Path, progress: Progress
) -> tuple[Composer, dict[str, Any]]:
    """Train on most of the pieces, and judge by the others."""
    pieces = list(found.pieces)
    kept, held = _split(pieces, seed)
    model: Any = with_budget(catalog.model_class(family)(random_state=seed), budget)
    identity = _identity(model, kept)
    checkpoints = Checkpoints(FolderStore(out / ".training" / identity), identity)
    with noticed() as notice:
        saver = Saver(checkpoints, notice)
        for event in model.fit_events(kept, [], keeper=saver):
            held_loss = "" if event.valid_loss is None else f", {event.valid_loss:.3f} on pieces held out"
            progress("train", event.step, event.steps, f"{event.train_loss:.3f} {model.unit}{held_loss}")
        saver.close()
    judged = None
    if held:
        judged = {
            "pieces": len(held),
            "unit": model.unit,
            "surprise": float(model.surprise(held).mean()),
            "without_learning": float(model.without_learning(kept, held).mean()),
        }
    if world().is_first:
        checkpoints.clear()
    card = catalog.card(family)
    document = {"schema": SCHEMA, "family": card.name, "title": card.title, "learned": len(kept), "held_out": judged}
    return model, {**document, "history": model.history_}


def _split(pieces: list[Piece], seed: int) -> tuple[list[Piece], list[Piece]]:
    if len(pieces) < FEWEST_TO_HOLD:
        return pieces, []
    order = generator(seed, "held out").permutation(len(pieces))
    count = max(1, round(HELD_SHARE * len(pieces)))
    return [pieces[n] for n in sorted(order[count:])], [pieces[n] for n in sorted(order[:count])]


def _identity(model: ByGradient, pieces: list[Piece]) -> str:
    """Return what decides the fit, so that an interrupted one goes on and another begins anew."""
    settings = {name: str(value) for name, value in model.get_params(deep=False).items()}
    digest = hashlib.sha256(json.dumps([type(model).__name__, settings, mynah.__version__]).encode())
    for piece in pieces:
        digest.update(repr(piece).encode())
    return digest.hexdigest()[:16]


def _composed(
    model: Composer, order: Order, prime: Piece | None, out: Path, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Write the pieces one after the other, and yield what the document says of each."""
    until = 0 if prime is None else prime.end
    new = model.generate(order.count, bars=order.bars, like=prime, temperature=order.temperature, seed=order.seed)
    for number, piece in enumerate(new, 1):
        name = f"piece-{number}"
        midi.write(piece, out / f"{name}.mid")
        shown = _shown(piece, name, out, until) | {"file": f"{name}.mid", "wav": ""}
        if order.render or order.soundfont is not None:
            shown["wav"] = f"{name}.wav"
            if order.soundfont is not None:
                performance.render_by_fluidsynth(piece, order.soundfont, out / shown["wav"])
            else:
                audio.write(out / shown["wav"], performance.render(piece), performance.RATE)
        progress("compose", number, order.count, name)
        yield shown


def _shown(piece: Piece, name: str, out: Path, until: int) -> dict[str, Any]:
    """Write what the page plays, and return what it draws, in quarter notes."""
    sound = audio.mp3_bytes(performance.render(piece), performance.RATE)
    _write(out / PREVIEWS / f"{name}.mp3", sound)
    position, _ = bars_of(piece.meters, piece.ticks, round(piece.end * GRID / piece.ticks) + 1, GRID)
    return {
        "name": piece.name or name,
        "sound": f"{name}.mp3",
        "seconds": round(piece.seconds(piece.end), 3),
        "primed": round(until / piece.ticks, 4),
        "bars": (np.flatnonzero(position == 0) / GRID).tolist(),
        "notes": [
            [round(n.start / piece.ticks, 4), round(n.end / piece.ticks, 4), n.pitch]
            for n in piece.notes
            if not n.is_drum
        ],
        "drums": sum(note.is_drum for note in piece.notes),
    }


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stopped("the folder cannot be made", where=folder, measured=error.strerror) from error


def _write(path: Path, content: str | bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Stopped("a file could not be written", where=path, measured=error.strerror) from error
