"""What a place holds: clips of a folder, or of a packed one, pieces of music; labels, groups, splits and problems."""

from mynah.data.clip import Clip, Sounds
from mynah.data.corpus import Corpus, Item, Leak, Problem
from mynah.data.packing import pack
from mynah.data.scan import scan
from mynah.data.splits import Fold, Splits, check_enough, split

__all__ = [
    "Clip",
    "Corpus",
    "Fold",
    "Item",
    "Leak",
    "Problem",
    "Sounds",
    "Splits",
    "check_enough",
    "pack",
    "scan",
    "split",
]
