import pytest

from sound_files import put


@pytest.fixture
def folder(tmp_path):
    """Two labels of six good clips each."""
    for label in ("high", "low"):
        for name in ("ant", "bee", "cat", "dog", "eel", "fox"):
            put(tmp_path / "in" / label / f"{name}.wav")
    return tmp_path / "in"
