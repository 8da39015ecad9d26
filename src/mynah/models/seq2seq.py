"""Sequence to sequence learning (Sutskever, Vinyals & Le 2014, arXiv:1409.3215), with attention as a choice.

    v = the state of the encoder after x_1 ... x_T                                        section 2
    p(y_1 ... y_T' | x) = prod_t p(y_t | v, y_1 ... y_{t-1})                              eq. 1

The encoder reads the source backwards (section 3.3), so that its first words lie next to the first answers.
With attention (Bahdanau, Cho & Bengio 2015, arXiv:1409.0473) the encoder reads both ways, h_j are its outputs, and

    e_tj = v . tanh(W s_{t-1} + U h_j),    a_tj = softmax_j(e_tj),    c_t = sum_j a_tj h_j   section 3.1, A.1.2

c_t goes into the decoder beside the symbol before. Symbol 0 begins and ends every answer.

Departures from the papers:
- Frames of sound in place of words; clips are short, so `stride` frames are averaged, and one layer of 96 units
  replaces four of 1000.
- Adam in place of SGD by hand-set halvings.
- With attention, the answer is an affine map of state and context, without the maxout layer.
- Beam search divides the log-probability by the number of symbols, the end included (the papers do not, and so favour
  short answers); the greedy answer is always among those compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mynah.contracts.transcriber import NetTranscriber, Transcript, cross_entropy
from mynah.ground.randomness import seeded
from mynah.layers.dropout import Dropout
from mynah.layers.masks import averaged, time_mask
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "seq2seq",
    "title": "Sequence to sequence learning",
    "year": 2014,
    "authors": "I. Sutskever, O. Vinyals, Q. V. Le",
    "reference": "Sequence to sequence learning with neural networks, arXiv:1409.3215",
    "tasks": ("transcribe",),
    "reading": ("seq2seq",),
    "superseded_by": (),
    "aliases": ("sequence-to-sequence", "encoder-decoder"),
    "estimator": "Seq2Seq",
    "cost": "gradient",
    "claims": (
        {
            "experiment": "transduction",
            "title": "generated translation: perplexity with the source reversed, divided by that without",
            "measure": "reversed_to_forward",
            "at_most": 0.99,
            "paper": "4.7 / 5.8 = 0.81 on WMT'14 English to French (as recalled)",
            "seeds": "all",
        },
        {
            "experiment": "transduction",
            "title": "generated translation, with attention: share right by a beam of 4, less that right greedily",
            "measure": "beam_less_greedy",
            "at_least": 0.0,
            "paper": "five networks: BLEU 33.0 greedily, 34.8 by a beam of 12 (as recalled)",
            "seeds": "all",
        },
    ),
}


class Seq2SeqNetwork(nn.Module):
    """An encoder over frames and a decoder over symbols.

    Args:
        inputs: features of a frame.
        outputs: symbols, the end included.
        hidden: units of a layer, and of a symbol's embedding.
        layers: of encoder and decoder each.
        cell: "lstm" or "gru".
        reverse: whether the source is read from its end.
        attention: whether the decoder looks back at the source, which is then read both ways.
        stride: frames that are averaged into one.
        dropout: share of the decoder's features dropped before the answer, and of the encoder's outputs.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int = 96,
        layers: int = 1,
        cell: str = "lstm",
        reverse: bool = True,
        attention: bool = False,
        stride: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in ("lstm", "gru"):
            raise ValueError(f"a cell is 'lstm' or 'gru', not {cell!r}")
        if attention and reverse:
            raise ValueError("with attention the source is read both ways, so it cannot be reversed too")
        if min(hidden, layers, stride) < 1:
            raise ValueError(f"hidden, layers and stride must be 1 or more, not {hidden}, {layers} and {stride}")
        self.reverse, self.stride, self.layers = reverse, stride, layers
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        self.encoder = kind(inputs, hidden, layers, batch_first=True, bidirectional=attention)
        self.embedding = nn.Embedding(outputs, hidden)
        self.attention = Attention(hidden, 2 * hidden) if attention else None
        self.bridge = nn.Linear(hidden, layers * hidden) if attention else None
        context = 2 * hidden if attention else 0
        self.decoder = kind(hidden + context, hidden, layers, batch_first=True)
        self.dropout = Dropout(dropout)
        self.answer = nn.Linear(hidden + context, outputs)

    def forward(
        self,
        frames: Float[Tensor, "batch time inputs"],
        lengths: Int[Tensor, " batch"] | None,
        given: Int[Tensor, "batch step"],
    ) -> Float[Tensor, "batch step outputs"]:
        """Return logits (batch, step, outputs) of the symbols that follow `given` (batch, step)."""
        source, state = self.encode(frames, lengths)
        if source is None:
            y, _ = self.decoder(self.embedding(given), state)
            return self.answer(self.dropout(y))
        steps = []
        for symbol in given.unbind(dim=1):
            logits, state = self._attend(symbol, source, state)
            steps.append(logits)
        return torch.stack(steps, dim=1)

    def encode(self, frames: Tensor, lengths: Tensor | None) -> tuple[Any, Any]:
        """Return what the decoder looks at, None without attention, and the state that it begins with."""
        frames, lengths = averaged(frames, lengths, self.stride)
        if lengths is None:
            lengths = torch.full((len(frames),), frames.shape[1], device=frames.device)
        if self.reverse:
            frames = reversed_rows(frames, lengths)
        packed = nn.utils.rnn.pack_padded_sequence(frames, lengths.cpu(), batch_first=True, enforce_sorted=False)
        y, state = self.encoder(packed)
        if self.attention is None or self.bridge is None:
            return None, state
        y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=frames.shape[1])
        y = self.dropout(y)
        hidden = state[0] if isinstance(state, tuple) else state
        first = torch.tanh(self.bridge(hidden[-1]))  # of the backward direction, as in A.2.2
        first = first.unflatten(1, (self.layers, -1)).transpose(0, 1).contiguous()
        begin = (first, torch.zeros_like(first)) if isinstance(state, tuple) else first
        return self.attention.prepare(y, lengths), begin

    def step(self, symbol: Tensor, source: Any, state: Any) -> tuple[Tensor, Any]:
        """Return logits (batch, outputs) after the symbols (batch,), and the next state."""
        if source is not None:
            return self._attend(symbol, source, state)
        y, state = self.decoder(self.embedding(symbol)[:, None], state)
        return self.answer(y[:, 0]), state

    def _attend(self, symbol: Tensor, source: Any, state: Any) -> tuple[Tensor, Any]:
        assert self.attention is not None
        top = state[0][-1] if isinstance(state, tuple) else state[-1]
        context = self.attention(top, source)
        y, state = self.decoder(torch.cat([self.embedding(symbol), context], dim=1)[:, None], state)
        return self.answer(self.dropout(torch.cat([y[:, 0], context], dim=1))), state

    @torch.no_grad()
    def greedy(self, frames: Tensor, lengths: Tensor | None, longest: int) -> list[Transcript]:
        """Return an answer a row: the likeliest symbol at each step, to the end or to `longest` symbols."""
        source, state = self.encode(frames, lengths)
        symbol = torch.zeros(len(frames), dtype=torch.int64, device=frames.device)
        written: list[list[int]] = [[] for _ in frames]
        score, counts = frames.new_zeros(len(frames)), frames.new_zeros(len(frames))
        going = torch.ones_like(symbol, dtype=torch.bool)
        for _ in range(longest + 1):
            logits, state = self.step(symbol, source, state)
            best, symbol = torch.log_softmax(logits, dim=1).max(dim=1)
            score, counts = score + best * going, counts + going
            going = going & (symbol != 0)
            for row in torch.nonzero(going)[:, 0].tolist():
                if len(written[row]) < longest:
                    written[row].append(int(symbol[row]))
            if not going.any():
                break
        return [Transcript(row, float(mean)) for row, mean in zip(written, score / counts, strict=True)]

    @torch.no_grad()
    def beam(self, frames: Tensor, longest: int, width: int) -> Transcript:
        """Return the answer to one clip (1, time, feature) of highest mean log-probability a symbol that a beam finds.

        Answers that end leave the beam, which narrows by as many (section 3.2).
        """
        source, state = self.encode(frames, None)
        found = self.greedy(frames, None, longest)
        live: list[tuple[float, list[int]]] = [(0.0, [])]
        symbol = torch.zeros(1, dtype=torch.int64)
        ended = 0
        for length in range(1, longest + 2):
            logits, state = self.step(symbol, repeated(source, len(live)), state)
            total = torch.log_softmax(logits, dim=1) + torch.tensor([score for score, _ in live])[:, None]
            scores, places = total.flatten().topk(min(width - ended, total.numel()))
            rows, symbols = (places // total.shape[1]).tolist(), (places % total.shape[1]).tolist()
            grown = [(float(s), live[r][1], r, k) for s, r, k in zip(scores, rows, symbols, strict=True)]
            found += [Transcript(written, score / length) for score, written, _, k in grown if k == 0]
            going = [entry for entry in grown if entry[3] != 0]
            ended += len(grown) - len(going)
            if not going or length > longest:
                break
            live = [(score, [*written, k]) for score, written, _, k in going]
            state = chosen(state, torch.tensor([r for _, _, r, _ in going]))
            symbol = torch.tensor([k for _, _, _, k in going])
        return max(found, key=lambda transcript: transcript.score)


class Attention(nn.Module):
    """Additive attention: a weighted mean of the source's outputs, by a query."""

    def __init__(self, query: int, width: int) -> None:
        super().__init__()
        self.of_query, self.of_source = nn.Linear(query, query), nn.Linear(width, query, bias=False)
        self.energy = nn.Linear(query, 1, bias=False)

    def prepare(self, y: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs (batch, time, width), U h_j, and 0 where a frame is real, else minus infinity."""
        closed = (1 - time_mask(lengths, y.shape[1])).bool()
        return y, self.of_source(y), torch.zeros_like(closed, dtype=y.dtype).masked_fill(closed, float("-inf"))

    def forward(
        self,
        query: Float[Tensor, "batch query"],
        source: tuple[
            Float[Tensor, "batch time width"], Float[Tensor, "batch time query"], Float[Tensor, "batch time"]
        ],
    ) -> Float[Tensor, "batch width"]:
        """Return the context (batch, width) of a query (batch, query)."""
        y, known, closed = source
        energy = self.energy(torch.tanh(self.of_query(query)[:, None] + known))[:, :, 0] + closed
        return (torch.softmax(energy, dim=1)[:, None] @ y)[:, 0]


def reversed_rows(frames: Tensor, lengths: Tensor) -> Tensor:
    """Return (batch, time, feature) with the real frames of each row in reverse, and its padding where it was."""
    place = torch.arange(frames.shape[1], device=frames.device)[None]
    turned = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    return frames.gather(1, turned[:, :, None].expand_as(frames))


def repeated(source: Any, count: int) -> Any:
    """Return what one clip's decoder looks at, for `count` hypotheses."""
    return None if source is None else tuple(part.expand(count, *part.shape[1:]) for part in source)


def chosen(state: Any, rows: Tensor) -> Any:
    """Return these rows of a decoder's state, which has its batch second."""
    return tuple(part[:, rows] for part in state) if isinstance(state, tuple) else state[:, rows]


class Seq2Seq(NetTranscriber):
    """Clips transcribed by an encoder and a decoder.

    Args:
        hidden, layers, cell, reverse, attention, stride, dropout: see `Seq2SeqNetwork`.
        beam: hypotheses of the search; 1 is the greedy answer.
        training, representation, rate, random_state: see `ByGradient`.
    """

    default_training = Training(budget="120epochs", most_epochs=400)

    def __init__(
        self,
        hidden: int = 96,
        layers: int = 1,
        cell: str = "lstm",
        reverse: bool = False,
        attention: bool = True,
        stride: int = 2,
        dropout: float = 0.3,
        beam: int = 4,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.hidden = hidden
        self.layers = layers
        self.cell = cell
        self.reverse = reverse
        self.attention = attention
        self.stride = stride
        self.dropout = dropout
        self.beam = beam

    def build(self, inputs: int, outputs: int) -> nn.Module:
        if self.beam < 1:
            raise ValueError(f"a beam holds 1 hypothesis or more, not {self.beam}")
        return Seq2SeqNetwork(
            inputs,
            outputs,
            self.hidden,
            self.layers,
            self.cell,
            self.reverse,
            self.attention,
            self.stride,
            self.dropout,
        )

    def search(self, net: Seq2SeqNetwork, frames: Tensor, longest: int) -> Transcript:
        return net.beam(frames, longest, self.beam) if self.beam > 1 else super().search(net, frames, longest)


#: Of the experiment: steps, and those with attention, which learns faster and is slower a step.
STEPS, ATTENTIVE_STEPS = 1200, 300
BEAM = 4


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    transduction: two layers of 128 units learn the same sentences forwards and backwards for equally many steps;
    with attention, for a quarter of them. The beam is judged with attention: without, no sentence is right by then.
    """
    from mynah.papers.problems import transduction

    if experiment != "transduction":
        raise ValueError(f"no experiment {experiment!r}")
    nets = {
        "forward": _translator(seed, STEPS),
        "reversed": _translator(seed, STEPS, reverse=True),
        "attention": _translator(seed, ATTENTIVE_STEPS, attention=True),
    }
    found = {name: transduction.perplexity(net, seed, cross_entropy) for name, net in nets.items()}
    greedy, beam = _answers(nets["attention"], seed)
    ratio = found["reversed"] / found["forward"]
    return {**found, "reversed_to_forward": ratio, "greedy": greedy, "beam": beam, "beam_less_greedy": beam - greedy}


def _translator(seed: int, steps: int, *, reverse: bool = False, attention: bool = False) -> Seq2SeqNetwork:
    from mynah.papers.problems import transduction
    from mynah.papers.problems.descent import PLAIN, descend

    words = transduction.WORDS
    net = seeded(seed, lambda: Seq2SeqNetwork(words, words + 1, 128, 2, reverse=reverse, attention=attention))
    training = replace(PLAIN, batch=64, learning_rate=3e-3, schedule="cosine")
    for _ in descend(net, cross_entropy, transduction.drawer(seed), steps=steps, seed=seed, training=training):
        pass
    return net


def _answers(net: Seq2SeqNetwork, seed: int) -> tuple[float, float]:
    """Return the shares of test sentences that are right greedily and by a beam."""
    from mynah.papers.problems import transduction

    net.eval()
    test, longest = transduction.test_part(seed), 2 * transduction.LONGEST
    greedy = [transcript.numbers for transcript in net.greedy(test.frames, test.lengths, longest)]
    clips = [frames[None, :length] for frames, length in zip(test.frames, test.lengths.tolist(), strict=True)]
    beam = [net.beam(clip, longest, BEAM).numbers for clip in clips]
    return transduction.right(greedy, seed), transduction.right(beam, seed)
