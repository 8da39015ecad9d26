"""What is not learned does not cost a piece its notes: wrong meta events, unknown chunks, a RIFF wrapper."""

import io
import struct

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mynah.ground.errors import BadInput
from mynah.music import cleaning
from mynah.music.cleaning import cleaned
from mynah.music.midi import read

NOTES = b"".join(b"\0" + bytes([0x90, pitch, 80]) + b"\x60" + bytes([0x80, pitch, 0]) for pitch in range(60, 68))
END = b"\0\xff\x2f\0"


def file(*tracks, kind=1):
    head = b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), 96)
    return head + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


PLAIN = file(NOTES + END)
ODD = {
    "key of 8 sharps": file(b"\0\xff\x59\2\x08\0" + NOTES + END),
    "key of mode 255": file(b"\0\xff\x59\2\xfe\xff" + NOTES + END),
    "short key": file(b"\0\xff\x59\1\0" + NOTES + END),
    "short tempo": file(b"\0\xff\x51\2\7\xa1" + NOTES + END),
    "short meter": file(b"\0\xff\x58\1\4" + NOTES + END),
    "SMPTE offset out of range": file(b"\0\xff\x54\5" + b"\xff" * 5 + NOTES + END),
    "unknown meta event": file(b"\0\xff\x7a\3abc" + NOTES + END),
    "text that is no text": file(b"\0\xff\3\4\xff\xfe\x80\0" + NOTES + END),
    "exclusive event": file(b"\0\xf0\3\x7e\1\xf7" + NOTES + END),
    "no end of track": file(NOTES),
    "unknown chunk": PLAIN[:14] + b"XFIH" + struct.pack(">I", 4) + b"abcd" + PLAIN[14:],
    "more tracks than there are": PLAIN[:10] + struct.pack(">H", 7) + PLAIN[12:],
    "bytes behind the last chunk": PLAIN + b"abc",
    "RIFF": b"RIFF" + struct.pack("<I", 12 + len(PLAIN)) + b"RMIDdata" + struct.pack("<I", len(PLAIN)) + PLAIN,
}


@pytest.mark.parametrize("odd", ODD)
def test_a_piece_keeps_its_notes(tmp_path, odd):
    path = tmp_path / "a.mid"
    path.write_bytes(PLAIN)
    notes = read(path).notes
    assert [note.pitch for note in notes] == list(range(60, 68))
    path.write_bytes(ODD[odd])
    assert read(path).notes == notes


def test_what_is_dropped_takes_no_time():
    """The time before an event that is dropped is added to the next one that is kept."""
    track = b"\x83\x60\xff\3\1a" + b"\x60\x90\x40\x50" + b"\x60\xff\x54\1a" + b"\x40\x40\0" + END
    found = mido.MidiFile(file=io.BytesIO(cleaned(file(track))))
    assert [(message.time, message.type) for message in found.tracks[0]] == [
        (480 + 96, "note_on"),
        (96 + 64, "note_on"),
        (0, "end_of_track"),
    ]


def test_tempos_meters_and_instruments_stay(tmp_path):
    track = b"\0\xff\x51\3\7\xa1\x20\0\xff\x58\4\3\2\x18\x08\0\xc0\x28" + NOTES + END
    (tmp_path / "a.mid").write_bytes(file(track))
    piece = read(tmp_path / "a.mid")
    assert piece.tempos[0].microseconds == 500_000
    assert (piece.meters[0].numerator, piece.meters[0].denominator) == (3, 4)
    assert {note.program for note in piece.notes} == {0x28}


@pytest.mark.parametrize(
    "content",
    [b"", b"MThd", PLAIN[:-6], PLAIN[:30], b"RIFF\0\0\0\0RMID", file(b"\0\x40\x40" + END), file(b"\xff" * 9)],
)
def test_what_cannot_be_followed_is_left_to_the_reader(content):
    assert cleaned(content) == content


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_no_bytes_raise(content, is_track):
    cleaned(file(content) if is_track else content)


def test_too_many_notes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cleaning, "MOST_NOTES", 15)
    (tmp_path / "a.mid").write_bytes(file(NOTES, NOTES))
    with pytest.raises(BadInput, match=r"a\.mid: too many notes to learn from \(over 15\)"):
        read(tmp_path / "a.mid")
    (tmp_path / "a.mid").write_bytes(PLAIN)
    assert len(read(tmp_path / "a.mid").notes) == 8


def test_a_reason_is_a_sentence(tmp_path):
    (tmp_path / "a.mid").write_bytes(file(b"\0\x40\x40" + END))
    with pytest.raises(BadInput, match="its chunks or events make no sense"):
        read(tmp_path / "a.mid")
