"""The examples run, and print what they promise."""

import csv
import runpy
from pathlib import Path

import numpy as np

import mynah

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_learn_a_folder(tmp_path, capsys):
    runpy.run_path(str(EXAMPLES / "learn_a_folder.py"))["main"](tmp_path, budget="30steps")
    said = capsys.readouterr().out
    assert "Verdict" in said
    assert "an unheard kick is called " in said


def test_spoken_strings(tmp_path):
    """Strings are made of one speaker's digits of their own side of the split, in the order of their text."""
    digits, rate = tmp_path / "digits", 8000
    digits.mkdir()
    with open(digits / "meta.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label", "speaker", "split"])
        for side, split in enumerate(("train", "test")):
            for label in range(3):
                wave = np.full((1, 100), 0.1 + 0.2 * label + 0.1 * side, np.float32)
                mynah.write(digits / f"{label}-{split}.wav", wave, rate)
                table.writerow([f"{label}-{split}.wav", label, "ann", split])
    main = runpy.run_path(str(EXAMPLES / "spoken_strings.py"))["main"]
    out = main(digits, tmp_path / "out", {"train": 6, "test": 4})
    with open(out / "meta.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows].count("test") == 4
    for row in rows:
        wave, _ = mynah.read(out / row["file"])
        heard = np.round(wave[0][wave[0] != 0], 2)[::100] - 0.1 - 0.1 * (row["split"] == "test")
        assert "".join(str(round(level / 0.2)) for level in heard) == row["label"]
