"""A folder of sounds, or a packed one, as a lazy sequence of clips, with labels, groups, splits and problems."""

from mynah.sounds.clip import Clip, Leak, Problem, Sounds
from mynah.sounds.packing import pack
from mynah.sounds.scan import scan
from mynah.sounds.splits import Fold, Splits, check_enough, split

__all__ = ["Clip", "Fold", "Leak", "Problem", "Sounds", "Splits", "check_enough", "pack", "scan", "split"]
