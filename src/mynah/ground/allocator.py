"""Keep glibc's malloc from giving memory back after every layer: it is asked for again at the next step.

A recurrent layer over 1,000 frames asks for workspaces of many megabytes at every step. glibc takes such blocks from
the system and returns them at once, so each step pays for page faults (benchmarks/allocator.py measures how much).
Tuned, a process keeps the most that it ever used.
"""

from __future__ import annotations

import ctypes
import os
import sys

#: Parameters of mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
LARGEST = 2**31 - 1
TOP_PAD = 256 * 2**20


def tune_allocator() -> bool:
    """Tune malloc once for this process, before work; whether it was done.

    Does nothing on other C libraries than glibc, nor where MYNAH_MALLOC is ``default``.
    """
    if os.environ.get("MYNAH_MALLOC") == "default" or not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):  # musl has a mallopt that does nothing, or none
        return False
    mallopt = library.mallopt
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    # glibc caps the threshold of single blocks at 32 MiB, so such blocks are switched off altogether
    wanted = [(M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST), (M_TOP_PAD, TOP_PAD)]
    answers = [mallopt(number, value) for number, value in wanted]
    return answers == [1, 1, 1]
