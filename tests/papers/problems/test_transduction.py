"""The generated translation is one: monotone but for words that come one or two places later."""

import numpy as np

from mynah.ground.randomness import generator
from mynah.papers.problems import transduction as t


def test_a_translation_by_hand():
    counterpart, delay = t.dictionary(0)
    plain, one, two = (int(np.flatnonzero(delay == late)[0]) for late in (0, 1, 2))
    sentence = np.array([two, one, plain, plain])
    # places: two at 2.5, one at 2.5 (the earlier word first), the others at 2 and 3
    assert t.translated(sentence, 0).tolist() == counterpart[[plain, two, one, plain]].tolist()


def test_every_word_moves_two_places_at_most():
    counterpart, _ = t.dictionary(5)
    rng = np.random.default_rng(0)
    for _ in range(50):
        words = rng.permutation(t.WORDS)
        place = {word: n for n, word in enumerate(t.translated(words, 5))}
        moved = [place[counterpart[word]] - n for n, word in enumerate(words)]
        assert sorted(place.values()) == list(range(t.WORDS))
        assert min(moved) >= -2
        assert max(moved) <= 2


def test_batches_are_padded_and_end():
    batch = t.drawer(1)(generator(0, "x"), 40)
    for frames, length, target in zip(batch.frames, batch.lengths.tolist(), batch.target.tolist(), strict=True):
        assert t.SHORTEST <= length <= t.LONGEST
        assert (frames[:length].sum(dim=1) == 1).all()
        assert not frames[length:].any()
        words = frames[:length].argmax(dim=1).numpy()
        assert target == [*(t.translated(words, 1) + 1), 0, *[-1] * (len(target) - length - 1)]
