"""The memory network against its equations written out word by word, and what its parts promise."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from mynah.models import memn2n
from mynah.models.memn2n import ClipNetwork, MemN2N, StoryNetwork, position_encoding
from mynah.papers.problems import stories
from mynah.training import Training

WORDS, LONGEST, MEMORIES, WIDTH = 12, 4, 7, 6


def story_network(count=3):
    torch.manual_seed(0)
    return StoryNetwork(WORDS, LONGEST, MEMORIES, WIDTH, count).double().eval()


def clip_network(**settings):
    torch.manual_seed(0)
    given = {"inputs": 3, "outputs": 2, "width": 4, "count": 2, "questions": 3, "segment": 2, "memories": 4}
    return ClipNetwork(**{**given, **settings}).double().eval()


def literal_sentence(table, vectors):
    """Section 4.1: sum over j of l_j times what word j is embedded as; `vectors` are rows that `table` embeds."""
    total = np.zeros(table.shape[1])
    for j, vector in enumerate(vectors, start=1):
        for k in range(1, len(total) + 1):
            weight = (1 - j / len(vectors)) - (k / len(total)) * (1 - 2 * j / len(vectors))
            total[k - 1] += weight * (vector @ table)[k - 1]
    return total


def literal_hops(u, memories, *, linear=False, rectified=False):
    for m, c in pairwise(memories):
        p = m @ u
        if not linear:
            p = np.exp(p) / np.exp(p).sum()
        u = u + p @ c
        if rectified:
            u[len(u) // 2 :] = np.maximum(u[len(u) // 2 :], 0)
    return u


def one_hot(words):
    return np.eye(WORDS)[[word for word in words if word]]


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_a_story_is_answered_by_the_equations(linear, count):
    """Sentences of several lengths, an empty memory within, and padding after, which takes no part."""
    net = story_network(count)
    net.linear = linear
    with torch.no_grad():
        net.tables *= 5
        net.times *= 5
    asked, story = [3, 5, 0, 0], [[1, 2, 3, 4], [7, 0, 0, 0], [0, 0, 0, 0], [9, 11, 2, 0]]
    frames = torch.tensor([[asked, *story, [0, 0, 0, 0]]])
    said = net(frames, torch.tensor([5]))[0].detach().numpy()

    tables, times = net.tables.detach().numpy().copy(), net.times.detach().numpy()
    tables[:, 0] = 0
    memories = [
        np.stack([literal_sentence(table, one_hot(words)) + times[k, i] for i, words in enumerate(story)])
        for k, table in enumerate(tables)
    ]
    u = literal_hops(literal_sentence(tables[0], one_hot(asked)), memories, linear=linear)
    np.testing.assert_allclose(said, tables[-1] @ u, rtol=1e-5, atol=1e-6)


def test_position_encoding_tells_the_order_of_words():
    one, other = (literal_sentence(np.eye(4), np.eye(4)[order]) for order in ([0, 1, 2], [2, 1, 0]))
    assert not np.allclose(one, other)
    encoding = position_encoding(torch.tensor([0, 1, 3]), 3, 4).double()
    assert (encoding[0] == 0).all()
    assert (encoding[1, 1:] == 0).all()
    for j in (1, 2, 3):
        for k in (1, 2, 3, 4):
            assert encoding[2, j - 1, k - 1] == pytest.approx((1 - j / 3) - (k / 4) * (1 - 2 * j / 3), abs=1e-6)


def test_the_null_word_stays_zero():
    """It scores nothing, and neither its row nor a step of training, which reaches it through W, moves it."""
    net = story_network()
    frames = torch.tensor([[[3, 5, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [4, 0, 0, 0]]])
    lengths = torch.tensor([4])
    before = net(frames, lengths)
    assert before[0, 0] == 0
    torch.nn.functional.cross_entropy(before, torch.tensor([2])).backward()
    assert (net.tables.grad[:, 0] == 0).all()
    with torch.no_grad():
        net.tables[:, 0] += 1
    assert torch.equal(net(frames, lengths), before)


def test_padding_is_not_remembered():
    net = story_network()
    frames = torch.randint(1, WORDS, (2, 6, LONGEST), generator=torch.Generator().manual_seed(0))
    together = net(frames, torch.tensor([4, 6]))
    torch.testing.assert_close(together[:1], net(frames[:1, :4], torch.tensor([4])))


def test_weights_are_tied_as_neighbours():
    """A look more costs one table of words and one of times: A is the C before, B the first A, W the last C."""
    counts = [sum(value.numel() for value in story_network(count).parameters()) for count in (1, 2, 3)]
    assert counts[0] == 2 * (WORDS + MEMORIES) * WIDTH
    assert counts[1] - counts[0] == counts[2] - counts[1] == (WORDS + MEMORIES) * WIDTH


def test_weights_start_small():
    torch.manual_seed(0)
    net = StoryNetwork(200, 4, 200, 20, 2)
    assert net.tables.std().item() == pytest.approx(0.1, rel=0.05)
    assert net.times.std().item() == pytest.approx(0.1, rel=0.05)


def test_a_clip_is_named_by_the_equations():
    """Seven frames in segments of two: the last segment is one frame, and more segments than ages."""
    net = clip_network(memories=3)
    frames = torch.randn(1, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    segments = [frames[0, start : start + 2].numpy() for start in (0, 2, 4, 6)]
    tables, times = net.tables.detach().numpy(), net.times.detach().numpy()
    ages = [2, 2, 1, 0]
    memories = [
        np.stack([literal_sentence(table, x) / len(x) for x in segments]) + time[ages]
        for table, time in zip(tables, times, strict=True)
    ]
    found = [literal_hops(u, memories, rectified=True) for u in net.questions.detach().numpy()]
    expected = net.out[1](torch.from_numpy(np.concatenate(found)))
    torch.testing.assert_close(net(frames, None)[0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_a_clip_alone_and_in_a_padded_batch(length):
    net = clip_network()
    frames = torch.randn(2, 11, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    frames[0, length:] = 0
    together = net(frames, torch.tensor([length, 11]))
    torch.testing.assert_close(together[0], net(frames[:1, :length], None)[0])


@pytest.mark.parametrize("name", ["width", "hops", "questions", "segment", "memories"])
def test_sizes_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        MemN2N(**{name: 0}, training=Training(budget="1steps")).fit(np.eye(4), [0, 1, 0, 1])


def test_the_linear_start_ends_where_validation_gets_no_better(monkeypatch):
    """The best weights are kept; with the softmax, training goes on to the end."""
    given = stories.questions(0, "train", 40, 1)
    for linear, least, most in ((True, 3, 3), (False, 10, 30)):
        net = StoryNetwork(len(stories.VOCABULARY), stories.WORDS, stories.MEMORIES, 5, 1)
        net.linear = linear
        seen = []

        def evaluate(net, held, seen=seen):
            seen.append(net.tables.detach().clone())
            return {"loss": [2.0, 1.0][len(seen) - 1] if len(seen) < 3 else 3.0}

        monkeypatch.setattr(stories, "evaluate", evaluate)
        memn2n._train(net, given, given, 0, epochs=20, learning_rate=1e-3)
        assert least <= len(seen) <= most
        assert torch.equal(net.tables, seen[1])


def test_only_its_experiments_are_run():
    with pytest.raises(ValueError, match="no experiment 'three-facts'"):
        memn2n.reproduce("three-facts", 0)
