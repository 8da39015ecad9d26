"""Checkpoints survive a kill at any point, refuse what is not theirs, and bring back every bit."""

import json
import os
import signal

import numpy as np
import pytest
import torch

from mynah.ground.errors import IncompatibleFile, Stopped
from mynah.stores import FolderStore, Missing, Store, open_store
from mynah.training import Batch, Batches, Checkpoints, Fit, Notice, Saver, Training
from mynah.training.checkpoints import KEPT, MANIFESTS, PARTS, join, split


class Dictionary(Store):
    """A store in memory; `faults` maps the number of an operation to what happens there."""

    def __init__(self, faults=None):
        self.url, self.kept, self.faults, self.count = "dictionary", {}, faults or {}, 0

    def _turn(self):
        self.count += 1
        fault = self.faults.get(self.count)
        return fault() if fault else None

    def get(self, name):
        self._turn()
        if name not in self.kept:
            raise Missing("is not there", where=name)
        return self.kept[name]

    def get_range(self, name, start, length):
        return self.get(name)[start : start + length]

    def put(self, name, content):
        change = self._turn()
        self.kept[name] = change(content) if change else content

    def names(self, prefix=""):
        self._turn()
        return sorted(name for name in self.kept if name.startswith(prefix))

    def delete(self, name):
        self._turn()
        self.kept.pop(name, None)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(1, 3, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(3)
        self.head = torch.nn.Sequential(torch.nn.Dropout(0.3), torch.nn.Linear(6, 2))
        self.to(memory_format=torch.channels_last)

    def forward(self, frames):
        x = torch.relu(self.norm(self.conv(frames[:, None])))
        return self.head(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))


def loss(net, batch: Batch):
    return torch.nn.functional.cross_entropy(net(batch.frames), batch.target)


def fit(keeper=None, steps=30, optimizer="AdamW"):
    rng = np.random.default_rng(0)
    examples = [rng.normal(i % 2, 1, (6, 5)).astype(np.float32) for i in range(20)]
    data = Batches(examples, np.arange(20) % 2, 2, size=8, seed=1)
    settings = Training(budget=f"{steps}steps", optimizer=optimizer, patience=99)
    inputs = torch.from_numpy(np.stack(examples[:6]))
    target = torch.arange(6) % 2

    def validate(net, poll):
        poll()
        score = torch.nn.functional.cross_entropy(net(inputs), target).item()
        return score, 0.01, score

    return Fit(Net(), loss, data, settings, seed=2, validate=validate, keeper=keeper)


def bits(done):
    return torch.cat([v.flatten().double() for v in done.net.state_dict().values()])


@pytest.fixture(scope="module")
def whole():
    done = fit()
    list(done)
    return done


def test_a_state_comes_back_as_it_was():
    state = {
        "net": {"w": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "b": torch.arange(3)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "betas": (0.9, 0.999)},
        "best": {"loss": float("inf"), "weights": None},
        "step": 3, "history": [{"a": 1.5, "b": None}], "flag": True,
    }  # fmt: skip
    plain, tensors = split(state)
    again = join(json.loads(json.dumps(plain)), tensors)
    assert torch.equal(again["net"]["w"], state["net"]["w"])
    assert again["net"]["w"].stride() == state["net"]["w"].stride()
    assert again["net"]["b"].dtype == torch.int64
    assert list(again["optimizer"]["state"]) == [0]
    assert again["optimizer"]["betas"] == (0.9, 0.999)
    assert again["best"] == state["best"]
    assert again["history"] == state["history"]
    assert again["flag"] is True
    with pytest.raises(TypeError, match="cannot be kept"):
        split({"net": object()})


@pytest.mark.parametrize("place", ["folder", "memory://"])
@pytest.mark.parametrize("optimizer", ["AdamW", "SGD", "RMSprop"])
def test_a_stopped_fit_goes_on_with_the_same_bits(place, optimizer, tmp_path):
    if place == "memory://":
        pytest.importorskip("obstore")
    store = open_store(tmp_path if place == "folder" else place)
    straight = fit(optimizer=optimizer)
    list(straight)
    notice = Notice()
    first = fit(Saver(Checkpoints(store, "one"), notice, every_steps=4), optimizer=optimizer)
    with pytest.raises(Stopped, match="enough"):
        _walk(first, lambda event: notice.give(Stopped("enough")) if event.step >= 17 else None)
    second = fit(Saver(Checkpoints(store, "one"), every_steps=4), optimizer=optimizer)
    list(second)
    assert second.step == 30
    assert second.history == straight.history or _without_seconds(second) == _without_seconds(straight)
    assert torch.equal(bits(second), bits(straight))


def _walk(fitted, do):
    for event in fitted:
        do(event)


def _without_seconds(done):
    return [{k: v for k, v in event.items() if k != "seconds"} for event in done.history]


def test_stopping_inside_an_evaluation_loses_nothing(whole):
    store, notice = Dictionary(), Notice()
    saver = Saver(Checkpoints(store, "one"), notice, every_steps=1000)
    polls = iter(range(1000))
    saver.poll = lambda: (notice.give(Stopped("now")), notice.obey()) if next(polls) == 2 else None
    with pytest.raises(Stopped):
        list(fit(saver))
    again = fit(Saver(Checkpoints(store, "one")))
    list(again)
    assert torch.equal(bits(again), bits(whole))
    assert _without_seconds(again) == _without_seconds(whole)


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


def _kill():
    raise Killed


def test_a_kill_at_every_point_of_the_protocol_leaves_a_checkpoint(whole):
    """Three saves; the process dies at each operation of them in turn; the next one finds the last whole save."""
    states = []
    one = fit(Saver(Checkpoints(Dictionary(), "x"), every_steps=10**6))
    for event in one:
        if event.step in (16, 20, 25):
            states.append(one.state())
    counter = Dictionary()
    for state in states:
        Checkpoints(counter, "one").save(state)
    assert counter.count > 20
    for point in range(1, counter.count + 1):
        store = Dictionary({point: _kill})
        done = 0
        try:
            for state in states:
                Checkpoints(store, "one").save(state)
                done += 1
        except Killed:
            pass
        found = Checkpoints(store, "one").newest()
        steps = [state["step"] for state in states]
        assert (found["step"] if found else 0) in [0, *steps][done : done + 2]
        again = fit(Saver(Checkpoints(store, "one"), every_steps=7))
        list(again)
        assert torch.equal(bits(again), bits(whole))


@pytest.mark.parametrize("harm", [lambda content: content[:-7], lambda content: b"", lambda content: b"x" + content])
def test_damage_of_the_newest_falls_back_to_the_one_before(harm):
    for kind in (PARTS, MANIFESTS):
        store = Dictionary()
        one = fit(Saver(Checkpoints(store, "one"), every_steps=10**6))
        steps = []
        before = set()
        for event in one:
            if event.step in (16, 20):
                before = set(store.kept)
                Checkpoints(store, "one").save(one.state())
                steps.append(event.step)
        for name in set(store.kept) - before:
            if name.startswith(kind):
                store.kept[name] = harm(store.kept[name])
        assert Checkpoints(store, "one").newest()["step"] == steps[0]


def test_a_server_that_damages_what_it_takes_is_found_out():
    store = Dictionary({2: lambda: lambda content: content[:-1]})
    one = fit()
    with pytest.raises(Stopped, match="something else than was written"):
        Checkpoints(store, "one").save(one.state())
    assert Checkpoints(store, "one").newest() is None


def test_only_the_newest_two_stay_and_their_parts():
    store = Dictionary()
    one = fit(Saver(Checkpoints(store, "one"), every_steps=3))
    list(one)
    one.keeper.close()
    manifests = store.names(MANIFESTS)
    assert len(manifests) == KEPT
    used = {
        facts["sha256"] for name in manifests for facts in Checkpoints(store, "one")._manifest(name)["parts"].values()
    }
    assert {name.removeprefix(PARTS).partition(".")[0] for name in store.names(PARTS)} == used
    Checkpoints(store, "one").clear()
    assert store.names() == []


def test_two_machines_on_one_run_do_no_harm(whole):
    store = Dictionary()
    fits = [fit(Saver(Checkpoints(store, "one"), every_steps=2)) for _ in range(2)]
    walks = [iter(f) for f in fits]
    for _ in range(40):
        for walk in walks:
            next(walk, None)
    for done in fits:
        done.keeper.close()
        assert torch.equal(bits(done), bits(whole))
    assert Checkpoints(store, "one").newest()["step"] == 30


def test_another_fit_or_version_is_refused_and_nothing_is_overwritten():
    store = Dictionary()
    Checkpoints(store, "one").save(fit().state())
    before = dict(store.kept)
    with pytest.raises(IncompatibleFile, match="other sounds or settings"):
        list(fit(Saver(Checkpoints(store, "another"))))
    from mynah.training import checkpoints

    name = store.names(MANIFESTS)[0]
    body = checkpoints._unsealed(store.kept[name]) | {"schema": "mynah.checkpoint/9"}
    store.kept[name] = checkpoints._sealed(body)
    with pytest.raises(IncompatibleFile, match="another version"):
        Checkpoints(store, "one").newest()
    assert store.kept.keys() == before.keys()


def test_an_error_of_the_background_surfaces_at_the_next_step():
    def full():
        raise Stopped("cannot be written", measured="No space left on device")

    store = Dictionary({4: full})
    one = fit(Saver(Checkpoints(store, "one"), every_steps=5))
    with pytest.raises(Stopped, match="No space left"):
        list(one)
    assert one.step < 30


def test_saving_gets_rarer_where_it_is_slow():
    saver = Saver(Checkpoints(Dictionary(), "one"), every=0.0)
    saver.upload.seconds = 3.0
    one = fit(saver)
    list(one)
    assert saver.due - __import__("time").monotonic() > 50  # 3 s every 60 s are 5 %


@pytest.mark.parametrize(("place", "error"), [("ftp://x/y", "no such kind of store"), ("s3://", "s3://")])
def test_wrong_places(place, error):
    with pytest.raises(Exception, match=error) as found:
        open_store(place).names()
    assert found.value.exit_code in (2, 6, 75)


def test_folders_say_what_is_wrong(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(Stopped, match="cannot be written"):
        FolderStore(tmp_path / "file").put("a/b", b"x")
    store = FolderStore(tmp_path / "there")
    assert store.names() == []
    with pytest.raises(Missing):
        store.get("a/b")
    store.put("a/b", b"12345")
    assert (store.get("a/b"), store.get_range("a/b", 1, 3), store.names("a/")) == (b"12345", b"234", ["a/b"])
    below = store.within("a")
    assert (below.names(), below.get("b")) == (["b"], b"12345")
    below.delete("b")
    below.delete("b")
    assert store.names() == []


def test_sigkill_and_sigterm_in_real_processes(tmp_path, whole):
    """The run is killed at random moments, in turn by SIGKILL and by SIGTERM, until it gets through."""
    from mynah.training import noticed

    rng = np.random.default_rng(int.from_bytes(os.urandom(4), "big"))
    store = FolderStore(tmp_path)
    for turn in range(200):
        point = int(rng.integers(1, 60))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with noticed() as notice:
                    faulty = _Mortal(store, point, signal.SIGKILL if turn % 2 else signal.SIGTERM)
                    one = fit(Saver(Checkpoints(faulty, "one"), notice, every_steps=3))
                    list(one)
                    one.keeper.close()
                    code = 0 if torch.equal(bits(one), bits(whole)) else 3
            except Stopped as error:
                code = error.exit_code
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 75:
            assert os.WEXITSTATUS(status) == 0
            return
    raise AssertionError("it never got through")


class _Mortal(Store):
    """A store whose user is sent a signal at its n-th operation."""

    def __init__(self, store, point, number):
        self.store, self.left, self.number, self.url = store, point, number, store.url

    def _turn(self):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)

    def get(self, name):
        self._turn()
        return self.store.get(name)

    def get_range(self, name, start, length):
        self._turn()
        return self.store.get_range(name, start, length)

    def put(self, name, content):
        self._turn()
        self.store.put(name, content)

    def names(self, prefix=""):
        self._turn()
        return self.store.names(prefix)

    def delete(self, name):
        self._turn()
        self.store.delete(name)


class Tidied(Dictionary):
    """A store where a part is gone as soon as it is written: another machine has dropped it."""

    def get(self, name):
        if name.startswith(PARTS):
            raise Missing("is not there", where=name)
        return super().get(name)

    def names(self, prefix=""):
        return [name for name in super().names(prefix) if not name.startswith(PARTS)]


def test_what_another_machine_tidies_up_is_no_loss_if_it_is_ahead():
    one = fit()
    behind = one.state()
    list(one)
    store = Tidied()
    with pytest.raises(Stopped, match="not there any more"):
        Checkpoints(store, "one").save(behind)
    Checkpoints.save(Checkpoints(ahead := Dictionary(), "one"), one.state())
    store.kept |= ahead.kept
    assert Checkpoints(store, "one").save(behind) == Checkpoints(ahead, "one")._manifests()[0]
