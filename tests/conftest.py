"""Shared fixtures: one torch thread, and the recordings kept beside the checkout when they are there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json

import numpy as np
import pytest
from jaxtyping import config

import shape_checker
from browsing import browser  # noqa: F401  a fixture

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it runs in the background ignore Ctrl-C
shape_checker.install()  # before anything imports what it checks

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the checkout; the test skips, with the reason, where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real recordings (shared/data beside the checkout) are not here")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _shapes():
    shape_checker.forget()


@pytest.fixture
def unchecked():
    """Shapes are not checked, as when Mynah runs: such a test meets the errors that a function raises itself."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def tiny_chorales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder of data with a few invented chorales in the published form, which MYNAH_DATA names."""
    from mynah.papers.problems import chorales

    rng = np.random.default_rng(0)
    pieces = {
        part: [
            [sorted({int(pitch) for pitch in rng.integers(48, 72, 4)}) for _ in range(length)]
            for length in rng.integers(4, 9, count)
        ]
        for part, count in (("train", 8), ("valid", 3), ("test", 3))
    }
    folder = tmp_path / chorales.DATA
    folder.mkdir()
    (folder / "jsb-chorales-quarter.json").write_text(json.dumps(pieces), encoding="utf-8")
    monkeypatch.setenv("MYNAH_DATA", str(tmp_path))
    chorales.rolls.cache_clear()
    yield pieces
    chorales.rolls.cache_clear()


@pytest.fixture
def kernel():
    """The compiled kernels; a test of them skips where the package was installed without a compiler."""
    from mynah import kernels

    if kernels.native is None:
        pytest.skip(kernels.state())
    return kernels.native
