"""A generator at work: files that are whole or not there, the same bytes for a seed, memory that does not grow."""

import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mynah import audio, modelfile
from mynah.cli.app import run
from mynah.ground.errors import BadInput, Stopped, UsageError
from mynah.models.char_rnn import CharRNN
from mynah.models.knn import KNN
from mynah.models.shaped_noise import ShapedNoise
from mynah.testing.models import RATE, toy
from mynah.training import Training
from mynah.using import making
from mynah.using.listening import apply
from mynah.using.making import Wish, make


@pytest.fixture(scope="module")
def model():
    return ShapedNoise().fit(*toy())


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    return modelfile.save(model, tmp_path_factory.mktemp("model") / "a.mynah")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_are_named_and_the_same_seed_gives_the_same_bytes(model, tmp_path):
    made = list(make(model, Wish(count=4, seconds=0.2, seed=7), tmp_path / "a"))
    assert names(tmp_path / "a") == [
        "falling-s7-01.wav",
        "falling-s7-04.wav",
        "rising-s7-02.wav",
        "steady-s7-03.wav",
    ]
    assert [m.label for m in made] == ["falling", "rising", "steady", "falling"]
    assert all(m.seconds == 0.2 and audio.info(m.file).frames == RATE // 5 for m in made)
    list(make(model, Wish(count=2, seconds=0.2, seed=7), tmp_path / "b"))
    for name in names(tmp_path / "b"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()
    list(make(model, Wish(count=1, seconds=0.2, seed=8), tmp_path / "c"))
    one, other = (audio.read(tmp_path / name)[0] for name in ("a/falling-s7-01.wav", "c/falling-s8-01.wav"))
    assert not np.array_equal(one, other)


def test_memory_grows_with_neither_number_nor_length(model, tmp_path):
    peaks = []
    for number, (count, seconds) in enumerate([(2, 2.0), (20, 2.0), (1, 40.0)]):
        tracemalloc.start()
        for made in make(model, Wish(count=count, seconds=seconds), tmp_path / str(number)):
            os.unlink(made.file)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks[1:]) < 1.3 * peaks[0] + 1e5


def test_a_sound_of_another_rate_is_gone_on_from(model, tmp_path):
    soundfile.write(tmp_path / "like.flac", 0.5 * np.sin(np.arange(44100) / 20), 44100)
    heard = making._heard(tmp_path / "like.flac", RATE)
    assert heard.shape == (RATE,)
    (made,) = make(model, Wish(count=1, seconds=0.1, like=tmp_path / "like.flac"), tmp_path / "out")
    assert made.label == ""
    assert audio.info(made.file).frames == RATE // 10
    soundfile.write(tmp_path / "short.wav", np.ones(1), RATE)
    assert len(list(make(model, Wish(count=1, like=tmp_path / "short.wav"), tmp_path / "from-short"))) == 1


def test_of_a_long_sound_only_the_end_is_heard(tmp_path):
    wave = np.concatenate([np.zeros(10 * RATE), np.full(30 * RATE, 0.25)])
    soundfile.write(tmp_path / "long.wav", wave, RATE)
    heard = making._heard(tmp_path / "long.wav", RATE)
    assert len(heard) == 30 * RATE
    assert (heard == 0.25).all()


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"temperature": -1.0}, r"temperature must be between 0 \(the most probable\) and 10, got -1"),
        ({"temperature": 10.5}, "between 0 .* and 10, got 10.5"),
        ({"temperature": float("nan")}, "got nan"),
        ({"label": "unheard of"}, "falling, rising, steady"),
        ({"seconds": 0.0}, "at least one sample of 8000 Hz"),
        ({"seconds": 1e9}, "too long for one file"),
        ({"count": 0}, "count must be at least 1"),
    ],
)
def test_a_wish_that_cannot_be_meant(model, tmp_path, wish, words):
    with pytest.raises(UsageError, match=words):
        next(make(model, Wish(**wish), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_sounds_that_cannot_be_gone_on_from(model, tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(9, np.nan), RATE, subtype="FLOAT")
    for name, words in (("empty.wav", "no samples"), ("nan.wav", "NaN"), ("nothing.wav", "no such file")):
        with pytest.raises(BadInput, match=words):
            next(make(model, Wish(like=tmp_path / name), tmp_path / "out"))


def test_labels_that_are_numbers_can_be_asked_for(tmp_path):
    clips, labels = toy(2)
    numbered = ShapedNoise().fit(clips, np.unique(labels, return_inverse=True)[1] + 1)
    (made,) = make(numbered, Wish(count=1, seconds=0.1, label="2"), tmp_path)
    assert (made.label, names(tmp_path)) == ("2", ["2-s0-01.wav"])
    with pytest.raises(UsageError, match=r"no sounds labelled '7'.*: 1, 2, 3"):
        next(make(numbered, Wish(label="7"), tmp_path))


def test_nothing_is_overwritten(model, tmp_path):
    list(make(model, Wish(count=1, seconds=0.1), tmp_path))
    before = (tmp_path / "falling-s0-01.wav").read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        next(make(model, Wish(count=3, seconds=0.2), tmp_path))
    assert names(tmp_path) == ["falling-s0-01.wav"]
    assert (tmp_path / "falling-s0-01.wav").read_bytes() == before


def test_the_same_command_goes_on_with_what_is_missing(model, tmp_path):
    wish = Wish(count=4, seconds=0.1, seed=3)
    whole = {Path(made.file).name: Path(made.file).read_bytes() for made in make(model, wish, tmp_path / "whole")}
    stopped = make(model, wish, tmp_path / "a")
    first = Path(next(stopped).file)
    stopped.close()
    written = first.stat().st_mtime_ns
    for other in (Wish(count=4, seconds=0.2, seed=3), Wish(count=4, seconds=0.1, seed=3, temperature=0.5)):
        with pytest.raises(UsageError, match="is there already"):
            next(make(model, other, tmp_path / "a"))
    with pytest.raises(UsageError, match="is there already"):
        next(make(ShapedNoise().fit(*toy(2)), wish, tmp_path / "a"))
    assert [made.number for made in make(model, wish, tmp_path / "a")] == [1, 2, 3]
    assert first.stat().st_mtime_ns == written
    assert {name: (tmp_path / "a" / name).read_bytes() for name in names(tmp_path / "a")} == whole
    with pytest.raises(UsageError, match="is there already"):
        next(make(model, wish, tmp_path / "a"))


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_stopped_command_says_so_in_one_line_and_goes_on(saved, tmp_path, monkeypatch, capsys, number, code):
    """The signal comes in the middle of the third sound."""
    command = ["generate", str(saved), "--out", str(tmp_path / "out"), "-q", "--count", "5", "--seconds", "0.5"]
    plain, begun = audio.write_blocks, []

    def write_blocks(path, blocks, rate):
        begun.append(path)
        return plain(path, stopped(blocks) if len(begun) == 3 else blocks, rate)

    def stopped(blocks):
        yield from blocks
        os.kill(os.getpid(), number)

    monkeypatch.setattr(audio, "write_blocks", write_blocks)
    assert run(command) == code
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert said.startswith("mynah: stopped" if code == 75 else "mynah: interrupted")
    assert [name for name in names(tmp_path / "out") if not name.startswith(".")] == [path.name for path in begun[:2]]
    assert run(command) == 0
    assert len(begun) == 3 + 3
    assert len(names(tmp_path / "out")) == 5


def test_models_of_other_tasks(model, tmp_path):
    classifier = KNN().fit(*toy())
    with pytest.raises(UsageError, match=r"makes no sounds.*KNN.*mynah apply"):
        next(make(classifier, Wish(), tmp_path / "out"))
    composer = CharRNN(hidden=8, training=Training(budget="2steps"))
    with pytest.raises(UsageError, match=r"makes no sounds.*mynah compose"):
        next(make(composer, Wish(), tmp_path / "out"))
    soundfile.write(tmp_path / "a.wav", np.ones(800), RATE)
    for other, command in ((model, "generate"), (composer, "compose")):
        with pytest.raises(UsageError, match=f"names none.*mynah {command}"):
            next(iter(apply(other, [tmp_path / "a.wav"])))


def test_a_folder_that_cannot_be_made(model, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(Stopped, match="cannot be written"):
        next(make(model, Wish(), tmp_path / "out"))


@pytest.mark.skipif(os.name == "nt", reason="limits on file sizes are POSIX")
def test_a_full_disk_is_one_sentence_and_leaves_whole_files(saved, tmp_path):
    program = (
        "import resource, signal, sys\n"
        "from mynah.cli.app import run\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n"
        "for seconds in ('1', '9'):\n"
        "    code = run(['generate', sys.argv[1], '--out', sys.argv[2], '--count', '1', '--seed', seconds,\n"
        "                '--seconds', seconds])\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, saved, tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 75
    assert done.stderr.count("\n") == 1
    assert "the sound could not be written" in done.stderr
    assert names(tmp_path / "out") == ["falling-s1-01.wav"]
    assert audio.info(tmp_path / "out" / "falling-s1-01.wav").frames == RATE


def test_the_command(saved, tmp_path, capsys):
    assert run(["generate", str(saved), "--out", str(tmp_path), "--count", "2", "--seconds", "0.1", "-q"]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / f"{n}-s0-0{i}.wav") for i, n in ((1, "falling"), (2, "rising"))
    ]
    assert run(["generate", str(saved), "--temperature", "-1"]) == 2
    assert run(["generate", str(saved), "--temperature", "0", "--out", str(tmp_path / "still"), "-q"]) == 0
    assert run(["generate", str(tmp_path / "falling-s0-01.wav")]) == 4
