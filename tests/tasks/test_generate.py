"""The task of making sounds: what is refused, what is judged, and a whole run with the simplest family."""

import dataclasses

import numpy as np
import pytest
import soundfile

import mynah
from mynah.contracts.generator import GeneratorModel
from mynah.data import Fold, scan
from mynah.data.builtin import builtin
from mynah.data.clip import Wave
from mynah.ground.errors import BadInput, NotEnoughData, UsageError
from mynah.judging import likeness
from mynah.models.frame_vae import FrameVAE
from mynah.models.shaped_noise import ShapedNoise
from mynah.report import build
from mynah.report.schema import validate
from mynah.representations import Waveform
from mynah.representations.cache import represent
from mynah.runs.compare import compare
from mynah.runs.learn import Learning
from mynah.runs.plan import Plan
from mynah.tasks import generate
from mynah.tasks.task import Part
from mynah.training import Training

RATE = 8000


def tone(hertz, seconds, seed):
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.5 * np.sin(2 * np.pi * hertz * rng.uniform(0.95, 1.05) * time) * np.exp(-4 * time) + rng.normal(
        0, 0.003, len(time)
    )


def folder_of(root, labels=("low", "high"), clips=10, seconds=0.3):
    for number in range(clips):
        for label in labels:
            place = root / label
            place.mkdir(parents=True, exist_ok=True)
            wave = tone({"low": 300, "high": 1800}.get(label, 700), seconds, number + 100 * len(label))
            soundfile.write(place / f"{number:02d}.wav", wave, RATE)
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("generate")
    options = {"task": "generate", "families": "shaped_noise", "executor": "sequential"}
    return mynah.learn(folder_of(root / "sounds", clips=30), out=root / "run", **options)


def test_a_run_makes_sounds_and_judges_them(run):
    results = run.results
    validate(results, strict=True)
    assert (results["task"], results["verb"], results["folds"]) == ("generate", "generate", 1)
    row = next(row for row in run.board if row["name"] == "shaped_noise")
    judged = row["details"]["judging"]
    assert row["status"] == "ok", row["message"]
    assert row["score"] == pytest.approx(1 - judged["mmd2"] / max(judged["mmd2_noise"], generate.LEAST_FAR))
    assert judged["mmd2_low"] < judged["mmd2"] < judged["mmd2_high"]
    assert judged["mmd2_real"] < judged["mmd2"] < judged["mmd2_noise"]
    assert judged["named_right_real"] == 1
    assert judged["made"] == sum(gain is not None for gain in row["details"]["gained"]) == 12
    test = {k for k, gain in enumerate(row["details"]["gained"]) if gain is not None}
    for sound in row["sounds"]:
        assert sound["item"] in test
        assert sound["details"]["nearest"] not in test
        assert results["items"][sound["item"]]["label"] == sound["label"]
        wave, rate = mynah.read(run.folder / sound["file"])
        assert rate == RATE
        assert wave.std() > 0


def test_the_page_has_each_sound_once(run):
    row = run.board[0]
    page = build(run.folder).read_text(encoding="utf-8")
    heard = {n for s in row["sounds"] for n in (s["id"], s["item"], s["details"]["nearest"])}
    assert page.count("data:audio/mpeg") == len(heard)
    assert "Judged without ears" in page
    assert "a copy</p>" not in page
    assert "chance" not in page.split("<main>")[1].split("</main>")[0].lower()


def test_the_model_goes_on_from_python(run):
    model = run.best
    first, second = (np.concatenate(list(sound)) for sound in model.generate(2, seconds=0.2))
    assert first.shape == second.shape == (RATE // 5,)


def test_runs_can_be_compared_and_repeated(run):
    assert compare([run.folder]).rows[0]["score"] == pytest.approx(run.board[0]["score"])
    assert run.to_repeat(run.folder.parent / "sounds")["task"] == "generate"
    assert "best.mynah --label high" in str(run)
    assert "Labels: high, low" in str(run)
    assert "mynah generate best.mynah --label high" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_without_labels_learn_makes_sounds_by_itself(tmp_path):
    folder = folder_of(tmp_path / "some", labels=("sound",)) / "sound"
    run = mynah.learn(folder, out=tmp_path / "run", executor="sequential", families="shaped_noise")
    assert (run.results["task"], run.results["classes"]) == ("generate", [])
    assert run.board[0]["details"]["judging"]["named_right"] is None
    assert "There are no labels, so" in str(run)
    assert "Label recognised" not in (tmp_path / "run/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("is_slow", "seconds"), [(False, 5.0), (True, generate.BEGINNING_SECONDS)])
def test_long_sounds_are_played_further_than_they_are_judged(is_slow, seconds, tmp_path, monkeypatch):
    monkeypatch.setattr(ShapedNoise, "is_slow", is_slow)
    folder = folder_of(tmp_path / "some", labels=("sound",), clips=12, seconds=5.0) / "sound"
    run = mynah.learn(folder, out=tmp_path / "run", executor="sequential", families="shaped_noise")
    lengths = [soundfile.info(run.folder / sound["file"]).duration for sound in run.board[0]["sounds"]]
    assert lengths == [pytest.approx(seconds, abs=0.01)] * len(lengths)


@pytest.mark.parametrize("clips", [4, 5, 6])
def test_a_handful_of_clips_is_judged_by_several_folds(clips, tmp_path):
    folder = folder_of(tmp_path / "some", labels=("sound",), clips=clips) / "sound"
    run = mynah.learn(folder, out=tmp_path / "run", executor="sequential", families="shaped_noise", anyway=True)
    assert run.results["best"] == "shaped_noise"
    assert run.board[0]["details"]["judging"]["made"] == clips
    assert (tmp_path / "run" / "report.html").exists()


def test_with_labels_learn_classifies(tmp_path):
    run = mynah.learn(folder_of(tmp_path / "some"), out=tmp_path / "run", executor="sequential", families="knn")
    assert run.results["task"] == "classify"


def test_short_clips_are_set_aside(tmp_path):
    folder = folder_of(tmp_path / "some")
    soundfile.write(folder / "low" / "tick.wav", tone(300, 0.03, 0), RATE)
    sounds, _ = generate.TASK.check(scan(folder), False)
    assert len(sounds) == 20
    assert [(p.file, p.kind, p.action, p.detail) for p in sounds.problems] == [
        ("low/tick.wav", "short", "set aside", "30 ms")
    ]


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda root: folder_of(root, seconds=0.04), BadInput, "shorter than 50 ms.*the longest 40 ms"),
        (lambda root: folder_of(root, clips=1), NotEnoughData, "at least 4 sounds are needed"),
        (lambda root: folder_of(root, clips=2), NotEnoughData, "too few"),
        (lambda root: silent(folder_of(root)), BadInput, "silent|bad"),
    ],
    ids=["short", "two", "four", "silent"],
)
def test_what_is_refused(make, kind, words, tmp_path):
    with pytest.raises(kind, match=words):
        mynah.learn(make(tmp_path / "some"), out=tmp_path / "run", task="generate")
    assert not (tmp_path / "run" / "results.json").exists()


def silent(root):
    for path in root.rglob("*.wav"):
        soundfile.write(path, np.zeros(2400), RATE)
    return root


def test_a_family_of_another_task_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"does not generate.*shaped_noise"):
        mynah.learn(folder_of(tmp_path / "some"), out=tmp_path / "run", task="generate", families="lstm")


def test_clips_that_judge_are_spread_over_the_labels(tmp_path):
    sounds = scan(folder_of(tmp_path / "some", clips=40, seconds=0.3))
    chosen = generate.TASK.held(sounds, np.arange(80))
    assert len(chosen) == generate.MOST_JUDGED
    assert abs(sum(sounds.labels[i] == "low" for i in chosen) - 30) <= 1
    long = dataclasses.replace(sounds, items=tuple(dataclasses.replace(c, frames=RATE * 9) for c in sounds))
    assert len(generate.TASK.held(long, np.arange(80))) == generate.LEAST_JUDGED


def test_long_clips_are_judged_by_their_beginning(tmp_path):
    sounds = scan(folder_of(tmp_path / "some", clips=2, seconds=3.0))
    heard = generate.TASK.scored(sounds)
    assert {clip.seconds for clip in heard} == {generate.BEGINNING_SECONDS}
    assert np.array_equal(heard[0].read(), sounds[0].read()[:, : round(generate.BEGINNING_SECONDS * RATE)])
    assert heard[0].content != sounds[0].content


def prepared(folder, place):
    """Return a run that has come as far as its first fit, and what its fold judges models by."""
    plan = Plan(task="generate", families="shaped_noise", executor="sequential")
    learning = Learning.prepare(folder, place / "run", plan, lambda *_: None, "")
    learning._represent()
    fold = learning.splits.folds[0]
    waves = next(frames for frames in learning.frames.values() if frames.representation == Waveform())
    return learning, Part(waves, learning.judged, learning.targets, fold.train, fold.test, 0, place)


class Parrot(GeneratorModel):
    """Plays one clip or another that it heard."""

    unit = "nothing"

    def _learn(self, frames, codes, groups, keeper):
        self.heard, self.codes = frames, codes
        yield from ()

    def _prediction_errors(self, frames, codes):
        return np.zeros(len(frames))

    def _sound(self, request):
        yield np.array(self.heard[int(request.draws.choice(np.flatnonzero(self.codes == request.code)))])[:, 0]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Ten kinds of sounds of many lengths."""
    root = tmp_path_factory.mktemp("kinds")
    return prepared(builtin(root / "sounds", clips_per_class=16, rate=RATE), root)


def test_a_parrot_is_found_out_and_the_honest_are_not(kinds):
    """Lengths are drawn, so that sounds are cut, filled and faded."""
    learning, part = kinds
    labels = part.targets[part.train]
    _, facts = generate.TASK.answer(Parrot().fit(part.inputs.take(part.train), labels), part, learning.names)
    judged = facts["judging"]
    assert judged["made"] >= 30
    assert judged["copies"] >= 0.95
    assert judged["copies_real"] <= 0.05
    for honest in (ShapedNoise(), FrameVAE(hidden=32, training=Training(budget="40steps", batch=16))):
        frames = part.inputs.take(part.train)
        if not isinstance(honest, ShapedNoise):
            frames = [learning.corpus[int(i)] for i in part.train]
        model = honest.fit(frames, labels)
        made = [generate._made(model, part, int(clip), generate.BEGINNING_SECONDS) for clip in part.test]
        assert copies_among(made, part) <= 0.03, type(honest).__name__


def test_the_fade_at_the_end_hides_no_copy(tmp_path):
    learning, part = prepared(folder_of(tmp_path / "some", seconds=0.2), tmp_path)
    parrot = Parrot().fit(part.inputs.take(part.train), part.targets[part.train])
    _, facts = generate.TASK.answer(parrot, part, learning.names)
    assert all(sound["details"]["copy"] and sound["details"]["distance"] < 1e-3 for sound in facts["sounds"])


def copies_among(waves, part):
    """The share of waves that is called copies."""
    statistics, mel = part.judged
    clips = [Wave(wave[None], RATE) for wave in waves]
    new = np.concatenate(represent(clips, statistics.representation, RATE))
    vectors = likeness.standardised(*(generate._vectors(statistics, rows) for rows in (part.train, part.test)), new)
    return generate._copies(part, vectors, represent(clips, mel.representation, RATE))["is_copy"].mean()


def test_the_classifier_learns_the_training_clips_alone(kinds, monkeypatch):
    from sklearn.svm import SVC

    learning, part = kinds
    told, fit = [], SVC.fit
    monkeypatch.setattr(SVC, "fit", lambda machine, x, y: told.append((x, y)) or fit(machine, x, y))
    rows = (part.train, part.test)
    vectors = likeness.standardised(*(generate._vectors(part.judged[0], clips) for clips in rows))
    generate._named(part, learning.names, vectors)
    ((heard, labels),) = told
    assert np.array_equal(heard, vectors[0])
    assert labels.tolist() == part.targets[part.train].tolist()


def test_white_noise_is_20_db_below_full_scale_and_as_long_as_each_clip(kinds):
    learning, part = kinds
    for wave, clip in zip(generate._noise(part, RATE), part.test, strict=True):
        assert wave.wave.std() == pytest.approx(0.1, rel=0.1)
        assert wave.wave.shape[1] / RATE == pytest.approx(learning.corpus[int(clip)].seconds, abs=0.021)


def test_the_reference_compares_training_clips_with_held_out_ones(kinds):
    rng = np.random.default_rng(0)
    train, real = rng.normal(size=(60, 3)), rng.normal(3, 1, size=(40, 3))
    found = generate._reference(kinds[1], train, real, 2.0)
    assert found == pytest.approx(likeness.mmd2(real, train, 2.0), rel=0.05)


def test_prediction_error_is_asked_of_each_clip_with_its_own_label(kinds):
    _, part = kinds
    told = []

    class Listener:
        classes_ = np.unique(part.targets)[1:]

        def prediction_error(self, frames, labels):
            told.extend(zip(frames, labels.tolist(), strict=True))
            return np.arange(len(frames), dtype=float)

    known = part.test[np.isin(part.targets[part.test], Listener.classes_)]
    assert generate._prediction_error(Listener(), part) == pytest.approx((len(known) - 1) / 2)
    assert [label for _, label in told] == part.targets[known].tolist() != part.targets[known].tolist()[::-1]
    for clip, (frames, _) in zip(known, told, strict=True):
        assert np.array_equal(frames, part.inputs[int(clip)])


def test_a_copier_is_found_out(tmp_path):
    """A model that plays its training clips, later and softer, is told by the copies and not by the likeness."""
    learning, part = prepared(folder_of(tmp_path / "some"), tmp_path)
    kept = [learning.corpus[int(i)].read()[0] for i in part.train]

    class Copier:
        unit, rate_, is_slow = "nats a bin", RATE, False
        classes_ = np.array(["high", "low"])

        def generate(self, label, seed):
            of_label = [k for k, i in enumerate(part.train) if learning.targets[i] == label]
            wave = kept[of_label[seed % len(of_label)]]
            yield iter([np.zeros(160, np.float32), 0.4 * wave[:1000], 0.4 * wave[1000:]])

        def prediction_error(self, frames, labels):
            return np.zeros(len(frames))

    parts, facts = generate.TASK.answer(Copier(), part, learning.names)
    assert facts["judging"]["copies"] == 1
    assert facts["judging"]["copies_real"] <= 0.25
    assert facts["judging"]["named_right"] == 1
    assert parts.mean() > 0.8
    assert all(
        sound["details"]["copy"] and sound["details"]["distance"] < facts["judging"]["copy_distance"]
        for sound in facts["sounds"]
    )


@pytest.mark.parametrize(("clips", "folds"), [(60, 1), (59, 2), (18, 4), (10, 5), (400, 1)])
def test_small_folders_are_judged_by_several_folds(clips, folds):
    parts = np.array_split(np.arange(clips), 5)
    assert generate._folds([Fold("", np.setdiff1d(np.arange(clips), part), part) for part in parts[::-1]]) == folds
