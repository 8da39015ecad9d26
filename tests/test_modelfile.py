"""A model file: bit-equal answers in a new process, and every hostile or damaged file refused in one line."""

import hashlib
import importlib
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from mynah import modelfile
from mynah.catalog import model_class
from mynah.data.tunes import tune
from mynah.ground.errors import IncompatibleFile, Stopped, UsageError
from mynah.models.knn import KNN
from mynah.models.lstm import LSTM
from mynah.testing.models import toy, toy_strings
from mynah.training import Training


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    clips, labels = toy(6)
    path = tmp_path_factory.mktemp("model") / "a.mynah"
    return modelfile.save(KNN().fit(clips, labels), path, record={"score": 0.5})


def rewrite(source, target, change=None, facts=None, **entries):
    """Copy a model file with another manifest, other facts in it, or other entries."""
    with zipfile.ZipFile(source) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    if change is not None or facts is not None:
        manifest = json.loads(content[modelfile.MANIFEST])
        manifest.update(change or {})
        if facts is not None:
            manifest["facts"].update(facts)
        content[modelfile.MANIFEST] = json.dumps(manifest).encode()
    content.update(entries)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return target


def test_answers_are_bit_equal_in_a_new_process(tmp_path):
    clips, labels = toy(6)
    model = LSTM(hidden=8, training=Training(budget="10steps")).fit(clips, labels)
    model.temperature_, model.threshold_ = 1.3, 0.2
    path = modelfile.save(model, tmp_path / "a.mynah")
    program = (
        "import sys, numpy as np; from mynah import load; from mynah.testing.models import toy\n"
        "model = load(sys.argv[1]); np.save(sys.argv[2], model.predict_proba(toy(6)[0]))\n"
        "print(model.temperature_, model.threshold_, *model.classes_)"
    )
    out = subprocess.run(
        [sys.executable, "-c", program, path, tmp_path / "p.npy"], capture_output=True, text=True, check=True
    ).stdout
    assert np.array_equal(np.load(tmp_path / "p.npy"), model.predict_proba(clips))
    assert out.split() == ["1.3", "0.2", "falling", "rising", "steady"]


def test_manifest_keeps_the_record(saved):
    facts = modelfile.manifest(saved)
    assert facts["record"] == {"score": 0.5}
    assert facts["family"] == "knn"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": "mynah.model/99"}, "version 'mynah.model/99'"),
        ({"schema": "something else"}, "not a Mynah model"),
        ({"family": "os"}, "does not fit"),
        ({"family": "../../evil"}, "does not fit"),
        ({"settings": {"k": 5, "unknown": 1}}, "does not fit"),
        ({"representation": {"name": "evil"}}, "does not fit"),
        ({"sha256": "0" * 64}, "do not match their hash"),
        ({"contract": "generator"}, "another contract"),
        ({"contract": None}, "contract"),
        ({"facts": None}, "facts"),
        ({"source": "file:mine.py"}, "source"),
        ({"source": {"name": "mine.py", "sha256": ""}}, "source"),
        ({"source": {"name": "file:../mine.py", "sha256": ""}}, "source"),
        ({"source": {"name": "file:a\nb.py", "sha256": ""}}, "source"),
        ({"family": 7}, "family"),
        ({"settings": []}, "settings"),
        ({"rate": 0}, "rate"),
        ({"rate": -8000}, "rate"),
        ({"rate": "8000"}, "rate"),
        ({"rate": 8000.5}, "rate"),
        ({"rate": 10**9}, "rate"),
        ({"features": 0}, "features"),
        ({"features": 7}, "does not fit"),
        ({"record": None}, "record"),
        ({"record": {"seconds": 3}}, "record"),
        ({"record": {"seconds": {"min": 1.0, "max": 2.0}}}, "record"),
        ({"record": {"seconds": {"min": 1.0, "median": "long", "max": 2.0}}}, "record"),
        ({"record": {"seconds": {"min": 1.0, "median": float("nan"), "max": 2.0}}}, "record"),
        ({"record": {"seconds": {"min": 1.0, "median": 1.5, "max": 10**400}}}, "record"),
    ],
)
def test_wrong_manifests(saved, tmp_path, change, why):
    with pytest.raises(IncompatibleFile, match=why) as error:
        modelfile.load(rewrite(saved, tmp_path / "b.mynah", change))
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"labels": None}, "labels must be words or numbers of one kind, not None"),
        ({"labels": ["falling", "rising"]}, "does not fit"),
        ({"labels": ["falling", "rising", "steady", "still"]}, "does not fit"),
        ({"labels": ["falling", "falling", "steady"]}, "labels must differ"),
        ({"labels": ["falling", 2, None]}, "labels"),
        ({"labels": [["falling"], ["rising"], ["steady"]]}, "labels"),
        ({"labels": [1, 2, 10**400]}, "labels must be finite"),
        ({"temperature": 0}, "temperature must be above 0"),
        ({"temperature": -1.0}, "temperature must be from 0 to inf, not -1.0"),
        ({"temperature": float("nan")}, "temperature must be a finite number"),
        ({"temperature": 10**400}, "temperature must be a finite number"),
        ({"temperature": "1"}, "temperature"),
        ({"threshold": 1.5}, "threshold must be from 0 to 1, not 1.5"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": None}, "threshold"),
        ({"colour": "red"}, "unknown facts: .'colour'"),
    ],
)
def test_wrong_facts(saved, tmp_path, facts, why):
    with pytest.raises(IncompatibleFile, match=why) as error:
        modelfile.load(rewrite(saved, tmp_path / "b.mynah", facts=facts))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("fact", ["labels", "temperature"])
def test_facts_that_lack_one(saved, tmp_path, fact):
    facts = modelfile.manifest(saved)["facts"]
    del facts[fact]
    with pytest.raises(IncompatibleFile, match=f"lacks {fact}"):
        modelfile.load(rewrite(saved, tmp_path / "b.mynah", {"facts": facts}))


@pytest.mark.parametrize("fact", ["record", "rate", "facts", "contract", "source", "family", "sha256"])
def test_a_manifest_without_an_entry(saved, tmp_path, fact):
    with zipfile.ZipFile(saved) as archive:
        found = json.loads(archive.read(modelfile.MANIFEST))
    del found[fact]
    path = rewrite(saved, tmp_path / "b.mynah", **{modelfile.MANIFEST: json.dumps(found).encode()})
    for read in (modelfile.manifest, modelfile.load):
        with pytest.raises(IncompatibleFile, match=f"lacks {fact}"):
            read(path)


@pytest.mark.parametrize("family", ["chance", "logistic", "svm", "forest", "mlp"])
@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c", "d"]])
def test_labels_that_do_not_fit_the_arrays(tmp_path, family, labels):
    clips, names = toy(6)
    short = {"training": Training(budget="2steps")} if family == "mlp" else {}
    path = modelfile.save(model_class(family)(**short).fit(clips, names), tmp_path / "a.mynah")
    assert modelfile.load(path).predict(clips).shape == (len(clips),)
    with pytest.raises(IncompatibleFile, match="does not fit"):
        modelfile.load(rewrite(path, tmp_path / "b.mynah", facts={"labels": labels}))


def test_each_entry_is_unpacked_once_and_the_manifest_alone(saved, monkeypatch):
    opened = []
    plain = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda self, name, *a: opened.append(name) or plain(self, name, *a))
    modelfile.manifest(saved)
    assert opened == [modelfile.MANIFEST]
    opened.clear()
    modelfile.load(saved)
    assert opened == [modelfile.MANIFEST, modelfile.TENSORS]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(saved, tmp_path, monkeypatch):
    path = rewrite(saved, tmp_path / "b.mynah", **{modelfile.TENSORS: bytes(80 << 20)})
    assert path.stat().st_size < 1 << 20
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(IncompatibleFile, match=r"tensors.safetensors is too large \(83886080 bytes\)"):
        modelfile.load(path)


def test_entries_with_other_names_are_refused(saved, tmp_path):
    for name in ("../escape.txt", "/etc/passwd", "code.py"):
        with pytest.raises(IncompatibleFile, match="holds"):
            modelfile.load(rewrite(saved, tmp_path / "b.mynah", **{name: b"x"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.mynah"]


def test_damage_is_seen(saved, tmp_path):
    whole = saved.read_bytes()
    path = tmp_path / "b.mynah"
    for content in (b"", b"PK", whole[: len(whole) // 2], b"\x80\x04pickle", whole[:60] + b"\xff" * 40 + whole[100:]):
        path.write_bytes(content)
        with pytest.raises(IncompatibleFile):
            modelfile.load(path)
    with pytest.raises(IncompatibleFile, match="no such file"):
        modelfile.load(tmp_path / "nothing.mynah")
    (tmp_path / "best.mynah").write_bytes(whole)
    with pytest.raises(IncompatibleFile, match=r"a folder is no model.*best\.mynah"):
        modelfile.load(tmp_path)


def test_oversize_entries_are_not_unpacked(saved, tmp_path, monkeypatch):
    monkeypatch.setitem(modelfile.LARGEST, modelfile.MANIFEST, 1000)
    path = rewrite(saved, tmp_path / "b.mynah", {"record": {"x": "y" * 100_000}})
    with pytest.raises(IncompatibleFile, match="too large"):
        modelfile.load(path)
    # a header that lies about the size must not help
    content = bytearray(path.read_bytes())
    place = content.find(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 10)
    path.write_bytes(content)
    with pytest.raises(IncompatibleFile):
        modelfile.load(path)
    assert zlib.crc32(path.read_bytes())


def test_a_failed_save_keeps_the_old_file(saved, tmp_path, monkeypatch):
    path = tmp_path / "a.mynah"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(modelfile.os, "replace", full)
    with pytest.raises(Stopped, match="No space left"):
        modelfile.save(modelfile.load(saved), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("entry", [modelfile.MANIFEST, modelfile.TENSORS])
def test_what_could_not_be_read_again_is_not_written(saved, tmp_path, monkeypatch, entry):
    model, path = modelfile.load(saved), tmp_path / "a.mynah"
    monkeypatch.setitem(modelfile.LARGEST, entry, 1000)
    with pytest.raises(UsageError, match=rf"too large .*{entry}: \d+ bytes, at most 1000"):
        modelfile.save(model, path, record={"x": "y" * 1000})
    assert list(tmp_path.iterdir()) == []


def test_the_bytes_are_on_the_disk_before_the_name_is(saved, tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(modelfile.os, name)
        monkeypatch.setattr(modelfile.os, name, lambda *given, name=name, real=real: done.append(name) or real(*given))
    modelfile.save(modelfile.load(saved), tmp_path / "a.mynah")
    assert done == ["fsync", "replace"]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_arrays_that_are_not_finite_are_refused(saved, tmp_path, wrong):
    with zipfile.ZipFile(saved) as archive:
        tensors = load_tensors(archive.read(modelfile.TENSORS))
    tensors["mean"] = np.full_like(tensors["mean"], wrong)
    content = save_tensors(tensors)
    change = {"sha256": hashlib.sha256(content).hexdigest()}
    path = rewrite(saved, tmp_path / "a.mynah", change, **{modelfile.TENSORS: content})
    with pytest.raises(IncompatibleFile, match="does not fit"):
        modelfile.load(path)


#: Files that Mynah wrote when the schema was ``mynah.model/1``, and what those models answered.
OLD = Path(__file__).parent / "files" / "models-1"
ANSWERS = json.loads((OLD / "answers.json").read_text())


def answers_of(name, model):
    """Return what a model answers to what the stored answers were to."""
    if name == "transcriber":
        return [list(found) for found in model.transcribe(toy_strings(12)[0][:3])]
    if name.startswith("composer"):
        pieces = ["abca", "zc"] if name == "composer_text" else [tune(0, n, bars=4, melody_only=True) for n in (0, 1)]
        return model.prediction_error(pieces).tolist()
    clips, labels = toy(4)
    if name == "generator":
        return model.prediction_error(clips[:3], labels[:3]).tolist()
    return model.predict_proba(clips[:3]).tolist()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_file_of_version_1_answers_as_it_did_and_is_kept_as_of_now(name, tmp_path):
    old = modelfile.load(OLD / f"{name}.mynah")
    path = modelfile.save(old, tmp_path / "a.mynah")
    assert modelfile.manifest(OLD / f"{name}.mynah")["schema"] == "mynah.model/1"
    assert modelfile.manifest(path)["schema"] == "mynah.model/2"
    for model in (old, modelfile.load(path)):
        for found, wanted in zip(answers_of(name, model), ANSWERS[name], strict=True):
            if name == "transcriber":
                assert found[0] == wanted[0]
                found, wanted = found[1], wanted[1]
            assert found == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    if name == "vector":
        assert (old.temperature_, old.threshold_) == (1.3, 0.2)


def test_files_of_version_1_are_checked_too(tmp_path):
    for name, change in {
        "vector": {"temperature": 0},
        "generator": {"samples": [[0] * 11] * 3},
        "transcriber": {"between": "-"},
        "composer": {"music": None},
        "composer_text": {"labels": ["ab"]},
    }.items():
        with zipfile.ZipFile(OLD / f"{name}.mynah") as archive:
            old = {**json.loads(archive.read(modelfile.MANIFEST)), **change}
        entries = {modelfile.MANIFEST: json.dumps(old).encode()}
        with pytest.raises(IncompatibleFile, match="does not fit"):
            modelfile.load(rewrite(OLD / f"{name}.mynah", tmp_path / "b.mynah", **entries))


#: A family, and a contract, that Mynah does not know.
MINE = """
import numpy as np
from mynah.contracts import checks
from mynah.contracts.model import Model

class Loudness(Model):
    contract = "level"

    def predict(self, X):
        return np.array([np.abs(frame).mean() - self.quiet_ for frame in self._frames(X, reset=False)])

    def _codes(self, y, count):
        return np.zeros(count, dtype=int)

    def _learn(self, frames, codes, groups, keeper):
        self.quiet_ = float(min(np.abs(frame).mean() for frame in frames))
        yield from ()

    def facts(self):
        return {"quiet": self.quiet_}

    def take_facts(self, facts):
        checks.only(facts, "quiet")
        self.quiet_ = checks.number(facts, "quiet", 0)

    def tensors(self):
        return {}

    def restore(self, tensors):
        pass
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    path = tmp_path / "mynah_loudness.py"
    path.write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("mynah_loudness").Loudness
    sys.modules.pop("mynah_loudness", None)


def test_a_family_of_a_users_file_with_a_contract_of_its_own(mine, tmp_path):
    clips, _ = toy(2)
    model = mine().fit(clips, None)
    path = modelfile.save(model, tmp_path / "a.mynah")
    found = modelfile.manifest(path)
    digest = hashlib.sha256(MINE.encode()).hexdigest()
    assert (found["family"], found["contract"]) == ("mynah_loudness", "level")
    assert found["source"] == {"name": "file:mynah_loudness.py", "sha256": digest}
    loaded = modelfile.load(path, families={"mynah_loudness": mine})
    assert np.array_equal(loaded.predict(clips), model.predict(clips))
    wanted = "made by a family in mynah_loudness.py.*Give --families mynah_loudness.py"
    for families in (None, {}, {"other": mine}):
        with pytest.raises(IncompatibleFile, match=wanted):
            modelfile.load(path, families=families)
    with pytest.raises(IncompatibleFile, match="quiet must be from 0 to inf"):
        modelfile.load(rewrite(path, tmp_path / "b.mynah", facts={"quiet": -1}), families={"mynah_loudness": mine})
    Path(tmp_path / "mynah_loudness.py").write_text(MINE + "\n")
    with pytest.warns(UserWarning, match=r"mynah_loudness.py has changed since a.mynah was made"):
        modelfile.load(path, families={"mynah_loudness": mine})


def test_a_file_cannot_put_another_family_in_the_place_of_ours(saved, mine):
    assert isinstance(modelfile.load(saved, families={"knn": mine}), KNN)
