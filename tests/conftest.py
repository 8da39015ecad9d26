"""Shared fixtures: one torch thread, and the recordings kept beside the checkout when they are there."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the checkout; the test skips, with the reason, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real recordings (shared/data beside the checkout) are not here")
    return SHARED_DATA
