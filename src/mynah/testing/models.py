"""The battery that every model and representation passes; outside models can be put through it too.

from mynah.testing import check_model
check_model(lambda: MyModel(training=Training(budget="30epochs")))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import TypeCheckError

from mynah.contracts.classifier import ClassifierModel
from mynah.contracts.transcriber import TranscriberModel
from mynah.ground.texts import errors
from mynah.layers.sequence_network import SequenceNetwork
from mynah.layers.windows import detached
from mynah.representations import Representation
from mynah.testing.fits import check_fit

#: What refuses a wrong shape: the function itself, or the check of its annotations where a test run has one.
REFUSALS = (ValueError, TypeCheckError)

RATE = 8000


@dataclass(frozen=True)
class ToyClip:
    """A wave in memory that looks like a clip."""

    wave: np.ndarray
    rate: int = RATE

    def read(self, rate: int) -> np.ndarray:
        """Return float32 (1, time); the toy has one rate only."""
        if rate != self.rate:
            raise ValueError(f"a toy clip of {self.rate} Hz cannot be read at {rate} Hz")
        return self.wave


def toy(clips_per_class: int = 12, seed: int = 0) -> tuple[list[ToyClip], np.ndarray]:
    """Return clips of three kinds (rising, falling and steady noisy tones) of 0.15-0.4 s, and their labels."""
    rng = np.random.default_rng(seed)
    clips, labels = [], []
    for label, slope in (("falling", -2.0), ("rising", 2.0), ("steady", 0.0)):
        for _ in range(clips_per_class):
            time = np.arange(int(rng.uniform(0.15, 0.4) * RATE)) / RATE
            hertz = rng.uniform(800, 1600) * 2 ** (slope * (time / time[-1] - 0.5))
            wave = np.sin(2 * np.pi * np.cumsum(hertz) / RATE) * rng.uniform(0.1, 0.8)
            clips.append(ToyClip((wave + rng.normal(0, 0.02, len(time))).astype(np.float32)[None]))
            labels.append(label)
    order = rng.permutation(len(clips))
    return [clips[i] for i in order], np.array(labels)[order]


def check_model(make: Callable[[], ClassifierModel], *, learns: float = 0.6) -> None:
    """Run the battery on what `make` returns; raises `AssertionError` at the first fault.

    Args:
        make: returns a new unfitted model, the same at each call.
        learns: accuracy on new toy clips that the model must reach (chance is 1/3).
    """
    clips, labels = toy()
    fitted = make().fit(clips, labels)
    check_learns(fitted, learns)
    check_distribution(fitted, clips)
    check_fit(make, fitted, clips, labels, lambda model, which: model.predict_proba([clips[i] for i in which]))
    check_oddities(make, fitted)


def check_learns(fitted: ClassifierModel, least: float) -> None:
    """New clips of the toy are named better than `least`."""
    clips, labels = toy(seed=1)
    accuracy = float((fitted.predict(clips) == labels).mean())
    assert accuracy >= least, f"{type(fitted).__name__} names {accuracy:.2f} of new toy clips, below {least}"


def check_distribution(fitted: ClassifierModel, clips: Sequence[ToyClip]) -> None:
    """A clip's probabilities are a distribution over the labels."""
    found = fitted.predict_proba(clips)
    assert found.shape == (len(clips), len(fitted.classes_))
    assert np.allclose(found.sum(axis=1), 1.0)


def check_oddities(make: Callable[[], ClassifierModel], fitted: ClassifierModel) -> None:
    """Silence, one sample, one clip and one class are survived."""
    for wave in (np.zeros((1, 800)), np.zeros((1, 1)), np.ones((1, 1))):
        answer = fitted.predict_proba([ToyClip(wave.astype(np.float32))])
        assert np.isfinite(answer).all(), f"no answer for a wave of shape {wave.shape}"
    clips, _ = toy(clips_per_class=1)
    alone = make().fit(clips[:1], ["only"])
    assert list(alone.predict(clips)) == ["only"] * len(clips)


def check_transcriber(make: Callable[[], TranscriberModel], *, learns: float | None = 0.7) -> None:
    """Run the battery of transcribers on what `make` returns; raises `AssertionError` at the first fault.

    Args:
        make: returns a new unfitted model, the same at each call.
        learns: share of the symbols of new clips that must be right; None for one that does not listen.
    """
    clips, texts = toy_strings()
    fitted = make().fit(clips, texts)
    if learns is not None:
        others, true = toy_strings(seed=1)
        wrong = sum(errors(a, b) for a, b in zip(true, fitted.predict(others).tolist(), strict=True))
        right = 1 - wrong / sum(map(len, true))
        assert right >= learns, f"{type(fitted).__name__} writes {right:.2f} of new toy strings, below {learns}"
    assert all(0 <= probability <= 1 for _, probability in fitted.transcribe(clips))
    check_fit(make, fitted, clips, texts, lambda model, which: model.transcribe([clips[i] for i in which]))
    for wave in (np.zeros((1, 800)), np.zeros((1, 1)), np.ones((1, 1))):
        (_, probability), *_ = fitted.transcribe([ToyClip(wave.astype(np.float32))])
        assert np.isfinite(probability), f"no answer for a wave of shape {wave.shape}"
    assert isinstance(make().fit(clips[:1], ["ab"]).predict(clips)[0], str)


def toy_strings(clips: int = 60, seed: int = 0) -> tuple[list[ToyClip], list[str]]:
    """Return clips of one to three tones, low (a), middle (b) or high (c), and their texts."""
    rng = np.random.default_rng(seed)
    hertz = {"a": 500.0, "b": 1100.0, "c": 2300.0}
    texts = ["".join(rng.choice(list(hertz), rng.integers(1, 4))) for _ in range(clips)]
    waves = []
    for text in texts:
        pieces = []
        for symbol in text:
            time = np.arange(int(rng.uniform(0.12, 0.18) * RATE)) / RATE
            pieces += [np.sin(2 * np.pi * hertz[symbol] * time) * rng.uniform(0.3, 0.8), np.zeros(RATE // 20)]
        wave = np.concatenate(pieces)
        waves.append(ToyClip((wave + rng.normal(0, 0.01, len(wave))).astype(np.float32)[None]))
    return waves, texts


def check_network(make: Callable[[], SequenceNetwork], inputs: int, *, tolerance: float = 1e-6) -> None:
    """Run the battery of sequence networks on a small one; raises `AssertionError` at the first fault.

    Args:
        make: returns a new network of a handful of units, the same at each call.
        inputs: features of a frame.
        tolerance: see `check_streams`.
    """
    net = make().eval()
    for chunks in ([3, 1, 4], [1] * 6):
        check_streams(net, inputs, chunks, tolerance=tolerance)
    check_causal(net, inputs)
    check_rows(net, inputs, tolerance=tolerance)
    check_detaches(net, inputs)
    check_shapes(net, inputs)
    check_gradients(make(), inputs)


def check_streams(net: SequenceNetwork, inputs: int, chunks: Sequence[int], *, tolerance: float = 1e-6) -> None:
    """The streaming law: a sequence in chunks, carrying the state, equals the sequence whole.

    Args:
        net: in evaluation mode.
        inputs: features of a frame.
        chunks: lengths of the chunks, each at least 1.
        tolerance: largest difference, relative to 1.
    """
    x = _noise(2, sum(chunks), inputs, seed=sum(chunks))
    with torch.no_grad():
        whole, last = net(x)
        state, parts = None, []
        for piece in x.split(list(chunks), dim=1):
            y, state = net(piece, state)
            parts.append(y)
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=tolerance), "chunks differ from the whole"
    for one, other in zip(_flat(state), _flat(last), strict=True):
        assert torch.allclose(one, other, atol=tolerance), "the state after chunks differs"


def check_causal(net: SequenceNetwork, inputs: int, length: int = 20) -> None:
    """No output depends on later input, and some depends on earlier."""
    x = _noise(1, length, inputs)
    changed = x.clone()
    changed[:, length // 2 :] += 1.0
    with torch.no_grad():
        before, after = net(x)[0], net(changed)[0]
        assert torch.equal(before[:, : length // 2], after[:, : length // 2]), "an output saw the future"
        assert not torch.equal(before, after)
        changed = x.clone()
        changed[:, 0] += 1.0
        assert not torch.equal(net(changed)[0][:, 1:], before[:, 1:]), "nothing is remembered"


def check_rows(net: SequenceNetwork, inputs: int, *, tolerance: float = 1e-6) -> None:
    """A row does not depend on the other rows, nor on frames after its end."""
    x = _noise(4, 9, inputs)
    with torch.no_grad():
        together = net(x)[0]
        for row, y in zip(x, together, strict=True):
            assert torch.allclose(net(row[None])[0][0], y, atol=tolerance), "a row depends on its batch"
            assert torch.allclose(net(row[None, :5])[0][0], y[:5], atol=tolerance), "padding is seen"


def check_detaches(net: SequenceNetwork, inputs: int) -> None:
    """A detached state keeps its values and lets no gradient through; an attached one does."""
    x = _noise(2, 6, inputs)
    first, second = x[:, :3].clone().requires_grad_(), x[:, 3:]
    _, state = net(first)
    for one, other in zip(_flat(state), _flat(detached(state)), strict=True):
        assert torch.equal(one, other)
        assert not other.requires_grad
    y, _ = net(second, detached(state))
    assert not y.requires_grad or torch.autograd.grad(y.sum(), first, allow_unused=True)[0] is None
    y, _ = net(second, net(first)[1])
    gradient = torch.autograd.grad(y.square().sum(), first)[0]
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0, "no gradient through the state"


def check_shapes(net: SequenceNetwork, inputs: int) -> None:
    """The width is as promised, and a sequence without frames or without batch is refused."""
    assert net(_noise(2, 3, inputs))[0].shape == (2, 3, net.width)
    for wrong in (torch.zeros(2, 0, inputs), torch.zeros(3, inputs)):
        try:
            net(wrong)
        except REFUSALS:
            continue
        raise AssertionError(f"a sequence of shape {tuple(wrong.shape)} was accepted")


def check_gradients(net: SequenceNetwork, inputs: int) -> None:
    """Gradients by input and weights, through a carried state, are those of finite differences, in float64."""
    net = net.double().eval()
    x = _noise(2, 4, inputs).double().requires_grad_()
    weights = {name: value for name, value in net.named_parameters() if value.requires_grad}

    def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        given = dict(zip(weights, values, strict=True))
        y, state = torch.func.functional_call(net, given, (x[:, :2],))
        return torch.cat([y, torch.func.functional_call(net, given, (x[:, 2:], state))[0]], dim=1)

    assert torch.autograd.gradcheck(run, (x, *weights.values()), fast_mode=True)


def _noise(batch: int, time: int, inputs: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, time, inputs, generator=torch.Generator().manual_seed(seed))


def _flat(state: object) -> list[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return [state]
    return [tensor for part in state for tensor in _flat(part)] if isinstance(state, tuple | list) else []


def check_representation(representation: Representation, rate: int = 16_000) -> None:
    """Shapes, rates, silence, very short waves, channels, batches and the way through JSON."""
    from mynah.representations import by_name

    assert by_name(representation.to_json()) == representation
    module = representation.build(rate).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for samples in (1, 2, 100, rate // 3):
            frames = module(torch.randn(1, 1, samples, generator=generator))
            assert frames.shape[:2] == (1, cast(Any, module).frame_count(samples)), (
                f"{tuple(frames.shape)} for {samples} samples"
            )
            assert frames.dtype == torch.float32
            assert torch.isfinite(frames).all()
        assert torch.isfinite(module(torch.zeros(1, 1, rate // 3))).all(), "silence"
        batch = torch.randn(3, 2, rate // 3, generator=generator)
        together = module(batch)
        for wave, frames in zip(batch, together, strict=True):
            assert torch.allclose(module(wave[None])[0], frames, atol=1e-4), "an item depends on its batch"
        for wrong in (torch.zeros(2, 5), torch.zeros(1, 1, 0)):
            try:
                module(wrong)
            except REFUSALS:
                continue
            raise AssertionError(f"a wave of shape {tuple(wrong.shape)} was accepted")
