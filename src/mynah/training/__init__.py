"""Training by gradient: budget, keyed randomness, batches by number, one loop."""

from mynah.stores import FolderStore, Store, open_store
from mynah.training.batches import Augment, Batch, Batches, pad
from mynah.training.budget import Budget
from mynah.training.checkpoints import Checkpoints
from mynah.training.keyed import key, permute
from mynah.training.loop import Diverged, Event, Fit, Keeper, one_thread
from mynah.training.preemption import Notice, noticed
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
    "FolderStore",
    "Keeper",
    "Notice",
    "Saver",
    "Store",
    "Training",
    "Validation",
    "inner_split",
    "key",
    "noticed",
    "one_thread",
    "open_store",
    "pad",
    "permute",
]
