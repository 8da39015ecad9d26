"""`mynah pack`, and what `check` and `learn` make of packed sounds."""

import json

import pytest

from mynah.cli.app import run
from mynah.data.builtin import builtin
from mynah.data.index import INDEX
from mynah.data.packed import store_at
from s3_server import s3

LEARN = ["--families", "chance,knn,mlp", "--budget", "30steps", "--quiet", "--json"]
#: Of a row of the board, what the sounds decide; the rest is time.
SAME = ("name", "score", "ci", "probability", "verdict", "details", "status", "parameters")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store_at.cache_clear()


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return builtin(tmp_path_factory.mktemp("data") / "sounds", clips_per_class=7, rate=8000)


@pytest.fixture(scope="module")
def learned(sounds, tmp_path_factory):
    """What comes of the folder itself."""
    return scores(sounds, tmp_path_factory.mktemp("run") / "run", "sequential")


def scores(place, out, executor):
    """Return the rows of the board, the clips, and the answers by the hashes of the trials."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as said:
        assert run(["learn", str(place), "--out", str(out), "--executor", executor, "--workers", "2", *LEARN]) == 0
    document = json.loads(said.getvalue())
    rows = [{name: row[name] for name in SAME} for row in document["families"]]
    answers = {path.parent.name: path.read_bytes() for path in (out / "trials").glob("*/answers.npy")}
    assert len(answers) == len(rows) * document["folds"]
    return rows, document["items"], answers


def test_a_packed_folder_gives_the_same_scores(sounds, learned, tmp_path, capsys):
    packed = tmp_path / "packed"
    assert run(["pack", str(sounds), str(packed), "--json", "--quiet"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["schema"], done["files"], done["shards"], done["left_out"]) == ("mynah.pack/1", 70, 1, 0)
    assert run(["check", str(sounds), "--json", "--quiet"]) == 0
    of_folder = capsys.readouterr().out
    assert run(["check", str(packed), "--json", "--quiet"]) == 0
    assert capsys.readouterr().out == of_folder
    assert scores(packed, tmp_path / "run", "sequential") == learned
    results = (tmp_path / "run" / "results.json").read_text()
    assert str(tmp_path) not in results


def test_a_bucket_gives_the_same_scores(sounds, learned, tmp_path, capsys, monkeypatch):
    with s3(monkeypatch, tmp_path / "server") as url:
        assert run(["pack", str(sounds), f"{url}/packed"]) == 0
        said = capsys.readouterr().out
        assert "70 files" in said
        assert f"mynah learn {url}/packed" in said
        assert run(["check", f"{url}/packed"]) == 0
        assert "70 clips, 10 classes" in capsys.readouterr().out
        assert scores(f"{url}/packed", tmp_path / "run", "processes") == learned


def test_learning_stops_at_a_changed_shard(sounds, tmp_path, capsys):
    packed = tmp_path / "packed"
    assert run(["pack", str(sounds), str(packed), "--quiet"]) == 0
    shard = packed / "shard-00000.tar"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    learn = ["learn", str(packed), "--out", str(tmp_path / "run"), "--executor", "sequential", *LEARN]
    assert run(learn) == 4
    assert "shard-00000.tar: a shard is not what was packed" in capsys.readouterr().err
    shard.write_bytes(content[:-2000])
    assert run(["check", str(packed)]) == 4
    assert run(["learn", str(packed), *LEARN]) == 4
    (packed / INDEX).unlink()
    capsys.readouterr()
    assert run(["learn", str(packed), *LEARN]) == 3
    said = capsys.readouterr()
    assert "packing was not finished" in said.err
    assert not said.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["pack"], 2),
        (["pack", "nowhere", "out"], 3),
        (["pack", "nowhere", "out", "--shard-mb", "0"], 2),
        (["pack", "nowhere", "http://out"], 2),
        (["learn", "http://somewhere"], 2),
        (["check", "http://somewhere"], 2),
    ],
)
def test_exit_codes(arguments, code, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert not said.out
    assert not (tmp_path / "out").exists()


def test_packing_over_something_is_a_usage_error(sounds, tmp_path, capsys):
    assert run(["pack", str(sounds), str(sounds)]) == 2
    assert "holds other files" in capsys.readouterr().err
