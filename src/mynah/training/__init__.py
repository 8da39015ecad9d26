"""Training by gradient: budget, keyed randomness, batches by number, one loop."""

from mynah.training.batches import Augment, Batch, Batches, pad
from mynah.training.budget import Budget
from mynah.training.checkpoints import Checkpoints
from mynah.training.keyed import generator, key, permute, seeded
from mynah.training.loop import Diverged, Event, Fit, Keeper, check_optimizer, one_thread
from mynah.training.preemption import Notice, noticed, spot_watched
from mynah.training.saving import Saver
from mynah.training.settings import Training
from mynah.training.validation import Validation, inner_split
from mynah.training.world import World, joined, world

__all__ = [
    "Augment",
    "Batch",
    "Batches",
    "Budget",
    "Checkpoints",
    "Diverged",
    "Event",
    "Fit",
    "Keeper",
    "Notice",
    "Saver",
    "Training",
    "Validation",
    "World",
    "check_optimizer",
    "generator",
    "inner_split",
    "joined",
    "key",
    "noticed",
    "one_thread",
    "pad",
    "permute",
    "seeded",
    "spot_watched",
    "world",
]
