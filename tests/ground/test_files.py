"""Files are whole or not there."""

import os

import pytest

from mynah.ground.files import replacing, write_bytes


def test_a_file_takes_the_place_of_the_one_before(tmp_path):
    path = tmp_path / "a.json"
    write_bytes(path, b"one")
    write_bytes(path, b"two", durable=True)
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_what_was_there_stays_where_writing_fails(tmp_path, error):
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def fail():
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_name_may_be_as_long_as_the_disk_allows(tmp_path):
    path = tmp_path / ("n" * 250 + ".json")
    write_bytes(path, b"long")
    assert path.read_bytes() == b"long"


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "none" / "a", b"")
