"""The allocator is tuned on glibc, can be left alone, and keeps its memory."""

import platform
import subprocess
import sys

import pytest

from mynah.ground.allocator import tune_allocator

FAULTS = """
import resource, torch
from mynah.ground.allocator import tune_allocator
tune_allocator()
def touch():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 * 2**20)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(min(touch() for _ in range(10)))
"""


def test_the_environment_switches_it_off(monkeypatch):
    monkeypatch.setenv("MYNAH_MALLOC", "default")
    assert tune_allocator() is False


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tune_allocator() is False


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is tuned")
def test_big_blocks_are_kept():
    """A big tensor after others like it causes next to no page faults; in a process left alone, thousands each time."""
    faults = {}
    for kind in ("default", "tuned"):
        done = subprocess.run(
            [sys.executable, "-c", FAULTS], env={"MYNAH_MALLOC": kind}, capture_output=True, text=True, check=True
        )
        faults[kind] = int(done.stdout)
    assert faults["tuned"] < 100 < faults["default"]
