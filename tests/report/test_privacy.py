"""Pages are sent to others: no user's name, no folder outside the sounds."""

import pytest

from mynah.report.privacy import without_paths


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mynah learn /home/alice/Sounds --budget 10m", "mynah learn Sounds --budget 10m"),
        ("mynah learn /home/alice/a --out /home/bob/b", "mynah learn a --out b"),
        (r"cannot read 'C:\Users\Alice\x.wav': denied", "cannot read 'x.wav': denied"),
        ("~alice/sounds/x.wav and ~/x.wav", "x.wav and x.wav"),
        ("file:///Users/alice/a.wav", "a.wav"),
        (r"--labels=\\server\alice\l.csv", "--labels=l.csv"),
        ("../../home/alice/x and ../Samples", "x and Samples"),
        ("cd y;/home/alice/x", "cd y;x"),
        ("a|/home/alice/x", "a|x"),
        ("</home/alice/x>", "<x>"),
        ("`/home/alice/x`", "`x`"),
    ],
)
def test_paths_are_cut_to_their_last_name(text, wanted):
    assert without_paths(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mynah learn '/home/Alice Smith/My Samples' --out r", "mynah learn 'My Samples' --out r"),
        ('"/home/Alice Smith/Samples/" is empty', '"Samples" is empty'),
        (r"C:\Users\Alice Smith\Music\x is missing", "x is missing"),
        (r"\\nas\Alice Ann Smith\x.wav", "x.wav"),
        ("/home/Alice Smith/Samples is missing", "Samples is missing"),
        (r"/home/Alice\ Smith/Samples is missing", "Samples is missing"),
        ("/home/Alice Smith/a.wav and dog/b.wav", "a.wav and dog/b.wav"),
    ],
)
def test_folders_with_spaces_are_cut_too(text, wanted):
    assert without_paths(text) == wanted


@pytest.mark.parametrize("text", ["mynah learn /home/alice", "mynah learn '/Users/Alice Smith'", r"C:\Users\alice"])
def test_a_home_has_no_name_to_show(text):
    assert "alice" not in without_paths(text).lower()
    assert "..." in without_paths(text)


@pytest.mark.parametrize(
    "text",
    ["dog/take 1.wav, 3/4 and FLAC/PCM_16", "1 / 2, and/or, // x, /s", "https://example.org/a/b", "Bob's (dry)/take/x"],
)
def test_what_is_no_absolute_path_stays(text):
    assert without_paths(text) == text


def test_names_inside_the_folder_stay_whole():
    document = {
        "file": "/home/alice/x.wav",
        "label": "dog/~ big",
        "classes": ["a /b/c d"],
        "how": {"command": "/a/b c"},
    }
    assert without_paths(document) == {
        "file": "x.wav",
        "label": "dog/~ big",
        "classes": ["a /b/c d"],
        "how": {"command": "b c"},
    }
