"""What is wrong with an inspected file, and what is done about it."""

from __future__ import annotations

import math

from mynah.data.corpus import ANTIPHASE, Problem
from mynah.data.inspection import Inspection

#: Peak below which a file counts as silent: -90 dB, under one step of 16 bits.
SILENT_PEAK = 2.0**-15
#: Share of samples cut flat at full scale from which a file counts as clipped.
CLIPPED_SHARE = 1e-3
#: Mean, relative to full scale, from which a file counts as having DC.
DC_LEVEL = 0.02
#: Peak of the mean of the channels over theirs below which they cancel each other: -30 dB; equal ones have 1.
CANCELLED = 10 ** (-30 / 20)
#: Frames an MP3 may be short of without a fault: two of its 1152-frame packets of encoder padding.
MP3_SLACK = 2 * 1152
#: Longest clip that one label is taken to describe: ten minutes.
LONG_SECONDS = 600.0


def judge(file: str, found: Inspection, repair: bool) -> list[Problem]:
    """Return what is wrong with a file; whatever is "set aside" is not used."""
    if found.error:
        return [Problem(file, "unreadable", "set aside", found.error, found.remedy)]
    if found.frames == 0:
        return [Problem(file, "empty", "set aside", "no samples", "Export it again.")]
    problems = []
    if found.bad:
        action, remedy = (
            ("repaired", "They are read as 0.") if repair else ("set aside", "Export it again, or use --repair.")
        )
        problems.append(Problem(file, "nan", action, f"{found.bad} samples are NaN or infinite", remedy))
    if found.peak < SILENT_PEAK:
        problems.append(Problem(file, "silent", "set aside", f"peak {found.peak:.1e} of full scale", "Remove it."))
    elif found.mixed < CANCELLED * found.peak:
        problems.append(_cancelled(file, found))
    if found.declared > found.frames + (MP3_SLACK if found.format.startswith("MP3") else 0):
        detail = f"used {found.frames / found.rate:.3g} s of {found.declared / found.rate:.3g} s"
        problems.append(Problem(file, "truncated", "flagged", detail, "Copy or export it again."))
    if found.declared < found.frames and found.format.startswith("WAV"):
        detail = f"its header says {found.declared / found.rate:.3g} s, and was not finished: read to the end"
        remedy = f"{found.frames / found.rate:.3g} s are used; save it again to mend it."
        problems.append(Problem(file, "unfinished", "flagged", detail, remedy))
    if found.clipped >= CLIPPED_SHARE:
        detail = f"{100 * found.clipped:.1f} % of samples cut flat at full scale"
        problems.append(Problem(file, "clipped", "flagged", detail, "Record lower."))
    if found.mean >= DC_LEVEL:
        action, remedy = ("repaired", "The mean is taken out.") if repair else ("flagged", "Use --repair.")
        problems.append(Problem(file, "dc", action, f"mean {found.mean:.3f} of full scale", remedy))
    return problems


def _cancelled(file: str, found: Inspection) -> Problem:
    """Return what is wrong with channels that are each other's opposite: their mean says nothing."""
    softer = "silent" if found.mixed < SILENT_PEAK else f"{20 * math.log10(found.peak / found.mixed):.0f} dB softer"
    detail = f"its channels cancel each other: their mean is {softer}, so the first is used"
    return Problem(file, ANTIPHASE, "flagged", detail, "Turn the polarity of one channel round.")


def judge_length(file: str, seconds: float) -> list[Problem]:
    """Return what is wrong with the length of a labelled clip, which is read whole when its frames are computed."""
    if seconds <= LONG_SECONDS:
        return []
    remedy = "Label parts of it by start and end in a labels file."
    return [Problem(file, "long", "flagged", f"{seconds:.0f} s in one clip", remedy)]
