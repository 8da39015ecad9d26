"""A folder of sounds, or a packed one, as a lazy sequence of clips, with labels, groups, splits and problems."""

from mynah.data.clip import Clip, Leak, Problem, Sounds
from mynah.data.packing import pack
from mynah.data.scan import scan
from mynah.data.splits import Fold, Splits, check_enough, split

__all__ = ["Clip", "Fold", "Leak", "Problem", "Sounds", "Splits", "check_enough", "pack", "scan", "split"]
