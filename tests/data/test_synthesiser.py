"""The built-in sounds: each kind is what its name says, measured; the folder is the same bytes for a seed."""

import hashlib

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

from mynah.data.builtin import builtin
from mynah.data.synthesiser import KINDS, PITCH_HZ, SECONDS, render
from mynah.ground.errors import Stopped, UsageError

RATE = 16_000
PITCHED = ["bowed_string", "brass", "flute", "plucked_string", "struck_bar", "vowel"]


def rng(seed=0):
    return np.random.default_rng(seed)


def spectrum(wave):
    """Hz and power of a wave (time,), transformed with zeros behind it."""
    size = 1 << 18
    return np.fft.rfftfreq(size, 1 / RATE), np.abs(np.fft.rfft(wave * np.hanning(len(wave)), size)) ** 2


def partial(wave, near):
    """Hz of the strongest partial within 80 cents of `near`."""
    hertz, power = spectrum(wave)
    place = np.abs(1200 * np.log2(np.maximum(hertz, 1) / near)) < 80
    return hertz[place][power[place].argmax()]


def share(wave, low, high):
    hertz, power = spectrum(wave)
    return power[(hertz >= low) & (hertz < high)].sum() / power.sum()


def centroid(wave):
    hertz, power = spectrum(wave)
    return (hertz * power).sum() / power.sum()


def level_db(wave):
    return 10 * np.log10(np.mean(np.square(wave)) + 1e-20)


def dry(kind, f0=220.0, seconds=1.0, seed=0):
    return KINDS[kind](f0, seconds, RATE, rng(seed))


@pytest.mark.parametrize("kind", PITCHED)
@pytest.mark.parametrize("f0", [110.0, 196.3, 440.0])
def test_pitch_is_the_one_asked_for(kind, f0):
    for seed in range(3):
        found = partial(dry(kind, f0, seed=seed), f0)
        assert abs(1200 * np.log2(found / f0)) < 10, f"{found:.2f} Hz"


@pytest.mark.parametrize("f0", [110.0, 440.0])
def test_bell_has_its_partials_and_no_harmonic_series(f0):
    wave = dry("bell", f0)
    for ratio in (0.5, 1.0, 1.19, 1.5, 2.0):
        assert abs(1200 * np.log2(partial(wave, ratio * f0) / (ratio * f0))) < 30
    assert share(wave, 1.15 * f0, 1.25 * f0) > 10 * share(dry("flute", f0), 1.15 * f0, 1.25 * f0)


def test_bar_overtones_are_not_harmonic():
    for seed in range(6):
        wave = dry("struck_bar", 220.0, seconds=0.3, seed=seed)
        second = max((2.756, 4.0), key=lambda ratio: share(wave, 0.99 * ratio * 220, 1.01 * ratio * 220))
        assert share(wave, 0.97 * second * 220, 1.03 * second * 220) > 100 * share(wave, 1.97 * 220, 2.03 * 220)


@pytest.mark.parametrize("kind", ["plucked_string", "struck_bar", "bell", "kick", "snare", "hat"])
def test_struck_and_plucked_sounds_die_away(kind):
    for seed in range(5):
        wave = dry(kind, seed=seed)
        assert level_db(wave[: RATE // 10]) > level_db(wave[-RATE // 10 :]) + 3


@pytest.mark.parametrize("kind", ["bowed_string", "flute", "vowel"])
def test_driven_sounds_last_and_rise_gently(kind):
    for seed in range(5):
        wave = dry(kind, seed=seed)
        assert abs(level_db(wave[RATE // 2 : -RATE // 10]) - level_db(wave[RATE // 4 : RATE // 2])) < 3
        assert level_db(wave[: RATE // 100]) < level_db(wave[RATE // 4 : RATE // 2]) - 6


def test_string_is_damped_faster_the_higher_the_partial():
    wave = dry("plucked_string", 220.0)
    early, late = wave[: RATE // 4], wave[-RATE // 4 :]
    assert centroid(late) < 0.8 * centroid(early)


def test_kick_is_low_and_falls_in_pitch():
    for seed in range(5):
        wave = dry("kick", seed=seed)
        assert share(wave, 0, 200) > 0.8
        assert centroid(lfilter([1], [1, -0.95], wave[:400])) > centroid(lfilter([1], [1, -0.95], wave[800:1600]))


def test_hat_is_above_5_khz_and_snare_is_between():
    for seed in range(5):
        assert share(dry("hat", seed=seed), 5000, RATE / 2) > 0.85
        snare = dry("snare", seed=seed)
        assert share(snare, 120, 450) > 0.05
        assert share(snare, 1000, RATE / 2) > 0.1


def test_brass_grows_brighter_with_loudness():
    for seed in range(5):
        wave = dry("brass", seed=seed)
        assert centroid(wave[: RATE // 50]) < centroid(wave[RATE // 8 : RATE // 4])


def test_vowels_differ_in_their_formants():
    """Of one pitch, those like "ee" have their energy round the second formant, those like "ah" below it."""
    waves = [dry("vowel", 110.0, seed=seed) for seed in range(12)]
    bright = [10 * np.log10(share(wave, 1800, 3000) / share(wave, 550, 1500)) for wave in waves]
    assert max(bright) - min(bright) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_recordings_differ_and_keep_their_limits(kind):
    waves = [render(kind, rate=RATE, rng=rng(seed)) for seed in range(6)]
    for wave in waves:
        assert wave.dtype == np.float32
        assert wave.shape[0] == 1
        assert SECONDS[0] <= wave.shape[1] / RATE <= SECONDS[1]
        assert 0.1 <= np.abs(wave).max() <= 0.9
        assert np.isfinite(wave).all()
    assert len({wave.shape[1] for wave in waves}) == 6
    assert np.array_equal(waves[2], render(kind, rate=RATE, rng=rng(2)))


@pytest.mark.parametrize("rate", [8000, 44_100])
def test_other_rates_and_lengths(rate):
    for kind in KINDS:
        wave = render(kind, rate=rate, rng=rng(), seconds=0.25, f0=PITCH_HZ[1])
        assert wave.shape == (1, rate // 4)
        assert np.isfinite(wave).all()


@pytest.mark.parametrize(
    "wrong", [{"rate": 4000}, {"seconds": 0.0}, {"f0": 5000.0}, {"f0": 1.0}], ids=lambda wrong: next(iter(wrong))
)
def test_what_cannot_be_rendered_is_refused(wrong):
    with pytest.raises(UsageError, match="built-in sounds need"):
        render("bell", **{"rate": RATE, "rng": rng()} | wrong)


def test_unknown_kind_is_refused_with_the_list():
    with pytest.raises(UsageError, match="struck_bar"):
        render("kazoo", rate=RATE, rng=rng())


def digest(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.wav")
    }


def test_folder_is_the_same_bytes_for_a_seed(tmp_path):
    first = builtin(tmp_path / "a", clips_per_class=2, seed=3)
    second = builtin(tmp_path / "b", clips_per_class=2, seed=3)
    other = builtin(tmp_path / "c", clips_per_class=2, seed=4)
    assert len(digest(first)) == 20
    assert digest(first) == digest(second)
    assert not set(digest(first).values()) & set(digest(other).values())
    assert sorted(path.name for path in first.iterdir() if path.is_dir()) == sorted(KINDS)
    assert soundfile.info(first / "bell" / "000.wav").samplerate == RATE


def test_names_do_not_tell_the_class(tmp_path):
    folder = builtin(tmp_path, clips_per_class=2)
    assert {path.stem for path in folder.rglob("*.wav")} == {"000", "001"}


def test_an_interrupted_folder_goes_on(tmp_path):
    whole = digest(builtin(tmp_path, clips_per_class=2))
    kept, lost = tmp_path / "kick" / "000.wav", tmp_path / "kick" / "001.wav"
    lost.unlink()
    before = kept.stat().st_mtime_ns
    assert digest(builtin(tmp_path, clips_per_class=2)) == whole
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"clips_per_class": 1}, {"rate": 8000}], ids=lambda other: next(iter(other))
)
def test_sounds_of_another_recipe_are_never_mixed_in(tmp_path, other):
    builtin(tmp_path, clips_per_class=2)
    with pytest.raises(UsageError, match="holds other files"):
        builtin(tmp_path, **{"clips_per_class": 2} | other)


def test_a_folder_of_the_user_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        builtin(tmp_path, clips_per_class=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_that_cannot_be_written_stops(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Stopped, match="cannot be written"):
        builtin(tmp_path / "file" / "sounds", clips_per_class=1)


def test_families_would_differ_on_them(tmp_path):
    """Neighbours on clip statistics are far from chance, and far from perfect."""
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mynah.data import scan
    from mynah.representations import ClipStatistics, compute

    sounds = scan(builtin(tmp_path / "sounds", clips_per_class=15), cache=tmp_path / "seen.json", workers=1)
    assert not sounds.problems
    assert not sounds.leaks
    frames = compute(sounds, ClipStatistics(), RATE, tmp_path / "cache", workers=1)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(5))
    accuracy = cross_val_score(model, np.concatenate(list(frames)), sounds.labels, cv=5).mean()
    assert 0.4 < accuracy < 0.95
