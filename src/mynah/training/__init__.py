"""Training by gradient: budget, keyed randomness, batches by number, one loop."""

from mynah.training.batches import Augment, Batch, Batches, pad
from mynah.training.budget import Budget
from mynah.training.keyed import key, permute
from mynah.training.loop import Diverged, Event, Fit, one_thread
from mynah.training.settings import Training
from mynah.training.validation import Validation, inner_split

__all__ = [
    "Augment",
    "Batch",
    "Batches",
    "Budget",
    "Diverged",
    "Event",
    "Fit",
    "Training",
    "Validation",
    "inner_split",
    "key",
    "one_thread",
    "pad",
    "permute",
]
