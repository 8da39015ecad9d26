"""Make spoken strings of digits from a folder of single ones, to be written down by `mynah learn --task transcribe`.

python examples/spoken_strings.py FSDD OUT

FSDD is the Free Spoken Digit Dataset with its meta.csv (file, label, speaker, split). A string is 1 to 5 digits of one
speaker, with pauses of 0 to 0.2 s; strings that judge are made of recordings that judge, so no sound is on both sides.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

import mynah

#: Strings a speaker: to learn from, and that judge.
STRINGS = {"train": 400, "test": 60}
MOST_DIGITS, LONGEST_PAUSE_SECONDS = 5, 0.2


def main(digits: Path, out: Path, strings: dict[str, int] = STRINGS, seed: int = 0) -> Path:
    """Write OUT/*.wav and OUT/meta.csv (file, label, speaker, split), and return OUT."""
    rng = np.random.default_rng(seed)
    with open(digits / "meta.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    spoken = defaultdict(lambda: defaultdict(list))
    for row in rows:
        spoken[row["split"], row["speaker"]][row["label"]].append(row["file"])
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "meta.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file", "label", "speaker", "split"])
        for (part, speaker), of_digit in sorted(spoken.items()):
            for number in range(strings[part]):
                text = "".join(rng.choice(sorted(of_digit), rng.integers(1, MOST_DIGITS + 1)))
                name = f"{part}-{speaker}-{number:04d}.wav"
                rate, wave = _joined([digits / rng.choice(of_digit[digit]) for digit in text], rng)
                mynah.write(out / name, wave, rate)
                table.writerow([name, text, speaker, part])
    return out


def _joined(files, rng):
    pieces = []
    for file in files:
        wave, rate = mynah.read(file)
        pieces += [np.zeros((1, rng.integers(0, round(LONGEST_PAUSE_SECONDS * rate)))), wave]
    return rate, np.concatenate(pieces, axis=1).astype(np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
