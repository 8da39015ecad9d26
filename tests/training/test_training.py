"""Budget, keyed randomness, batches by number, and the loop."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mynah.ground.errors import UsageError
from mynah.ground.randomness import key, permute
from mynah.training import Batches, Budget, Diverged, Fit, Training
from mynah.training.loop import PROBE_STEPS, _optimizer

# --- budget


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90s", Budget(seconds=90)),
        ("10m", Budget(seconds=600)),
        ("1.5h", Budget(seconds=5400)),
        ("500steps", Budget(steps=500)),
        ("1step", Budget(steps=1)),
        ("500steps/420", Budget(steps=500, stop=420)),
        (" 20 epochs ", Budget(epochs=20)),
    ],
)
def test_budget_is_read_and_written(text, wanted):
    assert Budget.parse(text) == wanted
    assert Budget.parse(str(wanted)) == wanted


@pytest.mark.parametrize("text", ["", "ten minutes", "10", "-5m", "0s", "2.5steps", "10 parsecs", "nan s"])
def test_wrong_budgets(text):
    with pytest.raises(UsageError):
        Budget.parse(text)


# --- keyed randomness


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**62))
def test_permutation_is_one(size, seed):
    assert sorted(permute(np.arange(size), size, seed)) == list(range(size))


def test_permutation_and_key_never_change():
    """Golden values: a change here would change every resumed run."""
    assert permute(np.arange(10), 10, 1).tolist() == [5, 3, 7, 0, 4, 2, 9, 8, 6, 1]
    assert key("a", 1) == 1225621968716036906
    assert permute(np.array([123456789]), 10**12, 7).tolist() == [int(permute(123456789, 10**12, 7))]


def test_permutations_differ_by_key_and_look_even():
    first = np.array([permute(0, 8, seed).item() for seed in range(4000)])
    counts = np.bincount(first, minlength=8)
    assert ((counts - 500) ** 2 / 500).sum() < 24.3  # chi square, 7 degrees of freedom, 0.1 %


# --- batches


def batches(count=10, size=4, **options):
    examples = [np.full((i + 1, 2), i, dtype=np.float32) for i in range(count)]
    return Batches(examples, np.arange(count) % 3, 3, size=size, seed=5, **options)


def test_each_epoch_visits_every_example_once():
    for count, size in ((10, 4), (3, 32), (1, 4), (1003, 8)):
        data = batches(count, size)
        epochs = []
        for epoch in range(2):
            steps = range(epoch * data.steps_per_epoch, (epoch + 1) * data.steps_per_epoch)
            parts = [data.items(step) for step in steps]
            epochs.append(np.concatenate(parts).tolist())
            assert max(map(len, parts)) <= size
            assert max(map(len, parts)) - min(map(len, parts)) <= 1
        assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(count))
        assert epochs[0] != epochs[1] or count < 4


def test_batches_hold_similar_lengths_in_changing_company():
    data = batches(1000, 8)
    spans = [np.ptp(data.lengths[data.items(step)]) for step in range(data.steps_per_epoch)]
    assert np.mean(spans) < 150  # of 1000; eight at random span 778
    beside = [
        next(set(items) for items in map(data.items, range(e * 125, (e + 1) * 125)) if 7 in items) for e in (0, 1)
    ]
    assert len(beside[0] & beside[1]) <= 3
    lengths = [data.lengths[data.items(step)].mean() for step in range(16)]
    assert sorted(lengths) != lengths  # not from short to long


def test_batch_is_a_function_of_its_number():
    one, two = batches(crop_frames=3), batches(crop_frames=3)
    for step in (7, 0, 7, 3):
        a, b = one[step], two[step]
        assert torch.equal(a.frames, b.frames)
        assert torch.equal(a.target, b.target)


def test_padding_and_crops():
    batch = batches(crop_frames=3)[0]
    assert batch.frames.shape[1] == 3
    for frames, length, target in zip(batch.frames, batch.lengths, batch.target, strict=True):
        item = int(frames[0, 0])
        assert length == min(3, item + 1)
        assert (frames[:length] == item).all()
        assert (frames[length:] == 0).all()
        assert target.argmax() == item % 3


def test_what_is_as_long_as_an_excerpt_was_not_cut():
    data = batches(crop_frames=3)
    for step in range(data.steps_per_epoch):
        batch, items = data[step], data.items(step)
        assert batch.cut.tolist() == [item + 1 > 3 for item in items]
        assert batch.ended.tolist() == [float(item + 1 <= 3) for item in items]
        assert batch.part(slice(1, 3)).cut.tolist() == batch.cut[1:3].tolist()
    whole = batches(crop_frames=10)[0]
    assert whole.part(slice(0, 2)).ended.tolist() == [1, 1]


# --- loop


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)
        self.dropout = nn.Dropout(0.2)

    def forward(self, frames, lengths):
        return self.layer(self.dropout(frames[:, 0]))


def cross_entropy(net, batch):
    return nn.functional.cross_entropy(net(batch.frames, batch.lengths), batch.target)


def fit(seed=0, validate=None, **options):
    torch.manual_seed(seed)
    chosen = replace(Training(budget="60steps", warmup_steps=5), **options)
    return Fit(Line(), cross_entropy, batches(), chosen, seed=3, validate=validate)


def weights(done):
    return torch.cat([value.flatten() for value in done.net.state_dict().values()])


def test_loss_falls_and_events_tell():
    done = fit(budget="300steps", learning_rate=0.05, average=0.0)
    events = list(done)
    assert events[-1].step == events[-1].steps == 300
    assert events[-1].train_loss < 0.75 * events[0].train_loss
    assert 18 <= len(events) <= 21


def test_training_leaves_the_callers_randomness_alone():
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    other = Fit(Line(), cross_entropy, batches(), Training(budget="20steps"), seed=3)
    torch.manual_seed(1)
    list(other)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("optimizer", ["AdamW", "SGD", "RMSprop", "Adagrad"])
def test_stopping_anywhere_and_resuming_changes_no_bit(optimizer):
    whole = fit(optimizer=optimizer)
    list(whole)
    for stop in (1, 4, 11, 19):
        first = fit(optimizer=optimizer)
        for number, _ in enumerate(first):
            if number == stop:
                break
        state = first.state()
        second = fit(seed=99, optimizer=optimizer)
        second.restore(state)
        list(second)
        assert torch.equal(weights(second), weights(whole))


@pytest.mark.parametrize("name", ["AdamW", "SGD", "RMSprop", "Adagrad"])
def test_no_compiler_is_loaded_and_the_steps_are_those_of_torch(name, monkeypatch):
    """torch.optim loads torch's compiler at the first step, for seconds in every process that trains."""
    torch.manual_seed(0)
    plain, ours = nn.Linear(3, 2), nn.Linear(3, 2)
    ours.load_state_dict(plain.state_dict())
    options = {"weight_decay": 0.1} | ({"momentum": 0.9} if name == "SGD" else {})
    expected = getattr(torch.optim, name)(plain.parameters(), lr=0.1, **options if name != "Adagrad" else {})
    x = torch.randn(8, 3)

    def steps(net, optimizer):
        for _ in range(5):
            net(x).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        optimizer.load_state_dict(optimizer.state_dict())

    steps(plain, expected)
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # from here on it cannot be imported
    steps(ours, _optimizer(ours, Training(optimizer=name, learning_rate=0.1, weight_decay=0.1)))
    assert all(torch.equal(one, other) for one, other in zip(plain.parameters(), ours.parameters(), strict=True))


def test_a_state_does_not_follow_the_fit():
    first = fit()
    steps = iter(first)
    next(steps)
    state = first.state()
    before = state["optimizer"]["state"][0]["exp_avg"].clone()
    list(steps)
    assert torch.equal(state["optimizer"]["state"][0]["exp_avg"], before)


def test_the_average_that_is_off_is_the_last_weights():
    ends = []
    for average in (0.0, 1e-12):  # the second is computed, and weighs the last weights alone
        one = fit(average=average)
        list(one)
        ends.append(weights(one))
    assert torch.equal(*ends)


def test_batches_can_be_asked_for_in_any_order():
    data, steps = batches(1003, 8), range(0, 300, 7)
    forward = {step: data.items(step).tolist() for step in steps}
    assert {step: batches(1003, 8).items(step).tolist() for step in steps} == forward
    assert {step: data.items(step).tolist() for step in reversed(steps)} == {k: forward[k] for k in reversed(steps)}


def test_seconds_become_recorded_steps_that_repeat_the_same_bits():
    timed = fit(budget="0.5s", most_epochs=40)
    list(timed)
    again = fit(budget=str(Budget(steps=timed.steps, stop=timed.step if timed.ended == "deadline" else None)))
    list(again)
    assert timed.steps > PROBE_STEPS
    assert torch.equal(weights(again), weights(timed))


def test_most_epochs_gives_time_back():
    done = fit(budget="1h", most_epochs=10)
    list(done)
    assert done.step == 10 * batches().steps_per_epoch


def test_patience_keeps_the_last_as_good_weights():
    losses = iter([1.0, 0.5, 0.52, 0.9, 0.9, 0.9, 0.9])
    seen = []

    def validate(net, poll):
        seen.append(torch.cat([v.flatten().clone() for v in net.state_dict().values()]))
        return next(losses), 0.05, 0.0

    done = fit(validate=validate, patience=3)
    list(done)
    assert done.ended == "patience"
    assert len(seen) == 6
    assert torch.equal(weights(done), seen[2])  # 0.52 is within 0.05 of 0.5, and later


def test_not_a_number_stops_with_step_and_cause():
    broken = Fit(Line(), lambda net, batch: cross_entropy(net, batch) * math.nan, batches(), Training(), seed=0)
    with pytest.raises(Diverged, match=r"not a number \(loss nan at step 0"):
        list(broken)


def test_gradients_are_clipped_before_the_step():
    free, clipped = (fit(optimizer="SGD", learning_rate=1.0, clip_norm=norm, budget="1steps", warmup_steps=1,
                         average=0.0, weight_decay=0.0) for norm in (1e9, 1e-3))  # fmt: skip
    before = weights(clipped)
    list(free)
    list(clipped)
    assert (weights(clipped) - before).norm() == pytest.approx(1e-3, rel=1e-3)
    assert (weights(free) - before).norm() > 1e-2


@pytest.mark.parametrize("wrong", [{"optimizer": "Nonsense"}, {"optimizer": "lr_scheduler"}, {"precision": "int3"}])
def test_wrong_settings(wrong):
    with pytest.raises(UsageError):
        fit(**wrong)
