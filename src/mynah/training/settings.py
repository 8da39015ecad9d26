"""Every choice of a gradient-trained fit in one frozen record."""

from __future__ import annotations

from dataclasses import dataclass

from mynah.training.budget import Budget


@dataclass(frozen=True)
class Training:
    """How a network is trained. The defaults serve clips of one to ten seconds on a laptop.

    Args:
        budget: ``"10m"``, ``"500steps"`` or ``"20epochs"``, see `Budget.parse`.
        most_epochs: a budget in seconds never turns into more epochs than this; the rest is given back.
        batch: examples a step.
        optimizer: name of a class in ``torch.optim``.
        learning_rate: peak of the schedule.
        schedule: after a linear warm-up, "cosine" goes down to zero by half a cosine and "constant" stays.
        warmup_steps: length of the warm-up, in steps.
        weight_decay: decoupled weight decay, where the optimizer has it.
        clip_norm: largest norm of the gradient, clipped after backward and before the step.
        label_smoothing: share of the target spread over all classes (Szegedy et al. 2015, section 7).
        average: decay per step of the exponential average of the weights that is validated and kept; 0 is off.
        valid: share of the groups held out of training to choose the best step; 0 is off.
        patience: stop after this many validations in a row without a better loss (there are about 20 in a fit).
        crop_seconds: training sees random excerpts of this length, prediction whole clips.
        precision: "float32"; "bfloat16" for forward and backward, with float32 weights; or "auto", which takes
            bfloat16 where the processor multiplies it in hardware.
        augment: vary training examples (level, noise, shift, masks, mixtures) where the input is log-mel.
    """

    budget: str | Budget = "60epochs"
    most_epochs: int = 200
    batch: int = 32
    optimizer: str = "AdamW"
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    warmup_steps: int = 20
    weight_decay: float = 1e-2
    clip_norm: float = 5.0
    label_smoothing: float = 0.0
    average: float = 0.98
    valid: float = 0.12
    patience: int = 10
    crop_seconds: float = 2.0
    augment: bool = True
    precision: str = "float32"
