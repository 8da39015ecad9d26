"""Training by gradient: budget, batches by number, one loop."""

from mynah.training.batches import Augment, Batch, Batches, pad
from mynah.training.budget import Budget
from mynah.training.checkpoints import Checkpoints
from mynah.training.loop import Diverged, Event, Fit, Keeper, check_optimizer, one_thread
from mynah.training.preemption import Notice, noticed, spot_watched
from mynah.training.saving import Saver
from mynah.training.settings import Training
from mynah.training.validation import Validation, inner_split

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
    "check_optimizer",
    "inner_split",
    "noticed",
    "one_thread",
    "pad",
    "spot_watched",
]
