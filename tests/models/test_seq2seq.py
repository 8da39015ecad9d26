"""Padding, the end and the search: what encoder-decoders get wrong without a sound."""

import itertools

import numpy as np
import pytest
import torch

from mynah.contracts.transcriber import cross_entropy
from mynah.ground.randomness import seeded
from mynah.models.seq2seq import Seq2SeqNetwork, reversed_rows
from mynah.training import Batch

KINDS = [
    {"reverse": reverse, "attention": attention, "cell": cell, "layers": layers}
    for (reverse, attention), cell, layers in itertools.product(
        [(False, False), (True, False), (False, True)], ["lstm", "gru"], [1, 2]
    )
]


def network(stride=1, **kind):
    return seeded(3, lambda: Seq2SeqNetwork(4, 5, 6, stride=stride, **kind)).eval()


def padded():
    frames, lengths = torch.randn(3, 9, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([9, 4, 6])
    return frames * (torch.arange(9)[None] < lengths[:, None])[:, :, None], lengths


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_padded_row_answers_as_it_does_alone(kind, stride):
    net, (frames, lengths) = network(stride, **kind), padded()
    given = torch.tensor([[0, 1, 2], [0, 3, 3], [0, 4, 1]])
    together = net(frames, lengths, given)
    for row, (clip, length) in enumerate(zip(frames, lengths.tolist(), strict=True)):
        alone = net(clip[None, :length], None, given[row : row + 1])
        assert torch.allclose(together[row], alone[0], atol=1e-6)
        assert net.greedy(frames, lengths, 7)[row].numbers == net.greedy(clip[None, :length], None, 7)[0].numbers


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_steps_say_what_teacher_forcing_says(kind):
    net, (frames, lengths) = network(**kind), padded()
    given = torch.tensor([[0, 1, 2, 4]] * 3)
    whole = net(frames, lengths, given)
    source, state = net.encode(frames, lengths)
    for step in range(4):
        logits, state = net.step(given[:, step], source, state)
        assert torch.allclose(logits, whole[:, step], atol=1e-6)


def test_the_loss_leaves_padding_out_and_the_end_in():
    net, (frames, lengths) = network(reverse=False), padded()
    target = torch.tensor([[1, 2, 0, -1], [3, 0, -1, -1], [4, 1, 2, 0]])
    logits = net(frames, lengths, torch.tensor([[0, 1, 2, 0], [0, 3, 0, 0], [0, 4, 1, 2]])).log_softmax(dim=2)
    wanted = [logits[row, step, k] for row, ks in enumerate(target.tolist()) for step, k in enumerate(ks) if k >= 0]
    assert float(cross_entropy(net, Batch(frames, lengths, target)).detach()) == pytest.approx(
        -float(sum(wanted).detach()) / 9, rel=1e-5
    )


def best_of_all(net, clip, longest):
    """Return the answer of highest mean log-probability among all there are."""
    found = []
    for length in range(longest + 1):
        for said in itertools.product(range(1, 5), repeat=length):
            given = torch.tensor([[0, *said]])
            p = net(clip, None, given)[0].log_softmax(dim=1)
            follow = [*said, 0] if length < longest else [*said]
            score = sum(p[step, k] for step, k in enumerate(follow)) / max(1, len(follow))
            if length < longest:
                found.append((float(score), list(said)))
    return max(found)


@pytest.mark.parametrize("kind", KINDS[::2], ids=str)
def test_a_wide_beam_finds_the_best_answer_and_no_beam_is_worse_than_greed(kind):
    net = network(**kind)
    with torch.no_grad():
        net.answer.weight.mul_(3)
        for seed in range(3):
            clip = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(seed))
            score, _ = best_of_all(net, clip, 4)
            wide = net.beam(clip, 3, 400)
            assert wide.score >= score - 1e-5
            greedy = net.greedy(clip, None, 3)[0]
            for width in (1, 2, 4):
                assert net.beam(clip, 3, width).score >= greedy.score


def test_greed_stops_at_the_end():
    net, (frames, lengths) = network(reverse=False), padded()
    with torch.no_grad():
        net.answer.bias[0] = 100.0
    assert [t.numbers for t in net.greedy(frames, lengths, 7)] == [[], [], []]
    with torch.no_grad():
        net.answer.bias[0] = -100.0
    assert [len(t.numbers) for t in net.greedy(frames, lengths, 7)] == [7, 7, 7]


def test_rows_are_reversed_within_their_length():
    frames, lengths = padded()
    turned = reversed_rows(frames, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert torch.equal(turned[row, :length], frames[row, :length].flip(0))
        assert not turned[row, length:].any()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"cell": "rnn"}, "a cell is"), ({"reverse": True, "attention": True}, "both ways"), ({"hidden": 0}, "1 or more")],
)
def test_settings_that_cannot_be_meant(wrong, words):
    with pytest.raises(ValueError, match=words):
        Seq2SeqNetwork(4, 5, **wrong)


def test_attention_does_not_look_at_padding():
    net, (frames, lengths) = network(reverse=False, attention=True), padded()
    (_, _, closed), _ = net.encode(frames, lengths)
    assert np.isneginf(closed[1, 4:].numpy()).all()
    assert (closed[1, :4] == 0).all()
