"""Learn ten kinds of synthesised sounds, and name one that the models have not heard.

Point `learn` at a folder of your own in place of `builtin(...)`: one sub-folder a label.
"""

import sys
from pathlib import Path

import mynah
from mynah.data.builtin import builtin


def main(folder: Path, budget: str = "60s") -> None:
    sounds = builtin(folder / "sounds", clips_per_class=10)
    run = mynah.learn(sounds, out=folder / "run", budget=budget, families=["svm", "mlp", "lenet"])
    print(run)

    unheard = builtin(folder / "unheard", clips_per_class=1, seed=1) / "kick" / "000.wav"
    label = run.best.predict(unheard)[0]
    print(f"an unheard kick is called {label}")
    assert label in run.results["classes"]


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "mynah-example"))
