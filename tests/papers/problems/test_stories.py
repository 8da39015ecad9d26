"""Stories: a listener who knows the words but not the generator answers every question."""

import numpy as np
import pytest
import torch

from mynah.ground.randomness import generator
from mynah.papers.problems import stories
from mynah.papers.problems.stories import PEOPLE, PLACES, THINGS, VOCABULARY


def heard(statements):
    """Return where people and things are, from the statements alone, and which statements that took."""
    place, holder, lies = {}, {}, {}
    for number, statement in enumerate(statements):
        words = statement.split()
        person = words[0]
        assert person in PEOPLE
        if words[-1] in PLACES:
            place[person] = (words[-1], number)
            continue
        thing = next(word for word in words if word in THINGS)
        if any(word in words for word in ("took", "picked", "carries")):
            assert thing not in holder, "taken from somebody"
            assert thing not in lies or lies[thing][0] == place[person][0], "taken from afar"
            holder[thing] = (person, number)
        else:
            assert holder.pop(thing)[0] == person, "left by somebody else"
            lies[thing] = (place[person][0], {number, place[person][1]})
    known = {person: (at, {number}) for person, (at, number) in place.items()}
    known |= lies
    known |= {thing: (place[by][0], {number, place[by][1]}) for thing, (by, number) in holder.items()}
    return known


@pytest.mark.parametrize("facts", [1, 2])
def test_a_listener_knows_the_answer(facts):
    rng = generator(0, "told")
    for _ in range(300):
        story = stories.tell(rng, facts)
        assert len(story.statements) % 2 == 0
        assert 2 <= len(story.statements) <= stories.LONGEST[facts]
        answer, needed = heard(story.statements)[story.question.split()[-1]]
        assert answer == story.answer
        assert len(needed) == facts
        if facts == 2:
            assert not any({story.answer, story.question.split()[-1]} <= {*s.split()} for s in story.statements)


def test_no_other_number_of_facts():
    with pytest.raises(ValueError, match="one fact or two, not 3"):
        stories.tell(generator(0), 3)


@pytest.mark.parametrize("facts", [1, 2])
def test_no_answer_is_common(facts):
    answers = stories.questions(0, "train", 1000, facts).answers
    counts = np.bincount(answers, minlength=len(VOCABULARY))
    assert {VOCABULARY[number] for number in np.flatnonzero(counts)} == set(PLACES)
    assert counts.max() < 1000 / len(PLACES) * 1.35


def test_numbers_are_words_and_the_most_recent_statement_comes_first():
    given = stories.questions(3, "train", 20, 2)
    rng = generator(3, "stories", "train", 2)
    for row in range(20):
        told = stories.tell(rng, 2)
        written = [" ".join(VOCABULARY[n] for n in words if n) for words in given.stories[row]]
        assert written[: given.counts[row]] == list(reversed(told.statements))
        assert not any(written[given.counts[row] :])
        assert " ".join(VOCABULARY[n] for n in given.asked[row] if n) == told.question
        assert VOCABULARY[given.answers[row]] == told.answer


def test_sentences_fit():
    longest = [form.format(*["x"] * form.count("{}")) for form in (*stories.MOVES, *stories.TAKES, *stories.LEAVES)]
    assert max(len(form.split()) for form in longest) == stories.WORDS
    assert VOCABULARY[0] == ""
    assert len(set(VOCABULARY)) == len(VOCABULARY)


def test_seeds_and_parts_differ():
    one = stories.questions(0, "train", 50, 2)
    assert np.array_equal(one.stories, stories.questions(0, "train", 50, 2).stories)
    for other in (stories.questions(1, "train", 50, 2), stories.questions(0, "test", 50, 2)):
        assert not np.array_equal(one.stories, other.stories)


def test_empty_memories_are_strewn_in():
    """A tenth, rounded up; statements keep their order, and none is lost."""
    plain = stories.questions(0, "train", 200, 2)
    strewn = stories.with_empty_memories(generator(0, "strewn"), plain)
    assert np.array_equal(strewn.counts, plain.counts + np.ceil(plain.counts / 10))
    places = []
    for before, after, count in zip(plain.stories, strewn.stories, strewn.counts, strict=True):
        is_told = after.any(axis=1)
        assert np.array_equal(after[is_told], before[before.any(axis=1)])
        assert not is_told[count:].any()
        places.extend(np.flatnonzero(~is_told[:count]) / (count - 1))
    assert np.histogram(places, bins=4, range=(0, 1))[0].min() > len(places) / 8
    again = stories.with_empty_memories(generator(1, "strewn"), plain)
    assert not np.array_equal(again.stories, strewn.stories)


def test_batches_begin_with_what_is_asked():
    given = stories.questions(0, "train", 30, 1)
    batch = given[:7].batch()
    assert batch.frames.shape == (7, 1 + given.counts[:7].max(), stories.WORDS)
    assert torch.equal(batch.frames[:, 0], torch.from_numpy(given.asked[:7]))
    assert torch.equal(batch.lengths, torch.from_numpy(1 + given.counts[:7]))
    drawn = stories.drawer(given)(generator(0), 16)
    assert drawn.frames.shape[0] == 16
    assert drawn.frames.dtype == torch.int64


class Said(torch.nn.Module):
    """Says one word, whatever is asked."""

    def __init__(self, word, score):
        super().__init__()
        self.word, self.score = word, score

    def forward(self, frames, lengths):
        logits = torch.zeros(len(frames), len(VOCABULARY))
        logits[:, self.word] = self.score
        return logits


def test_errors_are_counted():
    given = stories.questions(0, "test", 600, 1)
    word = int(given.answers[0])
    share = float((given.answers == word).mean())
    found = stories.evaluate(Said(word, 3.0), given)
    assert found["error"] == pytest.approx(1 - share)
    total = np.log(np.exp(3.0) + len(VOCABULARY) - 1)
    assert found["loss"] == pytest.approx(total - 3 * share, rel=1e-5)
    assert float(stories.loss(Said(word, 3.0), given.batch())) == pytest.approx(600 * found["loss"], rel=1e-5)
