"""A folder of sounds as a lazy sequence of clips, with labels, groups, splits and problems."""

from mynah.sounds.clip import Clip, Leak, Problem, Sounds
from mynah.sounds.scan import scan
from mynah.sounds.splits import Fold, Splits, check_enough, split

__all__ = ["Clip", "Fold", "Leak", "Problem", "Sounds", "Splits", "check_enough", "scan", "split"]
