"""`mynah verify`: rows, verdicts and exit codes, without waiting for a paper's experiment."""

import json

import pytest

from mynah.cli.app import run
from mynah.models import lstm
from mynah.papers import reading

NOT_BUILT = next(entry.id for entry in reading.entries() if not entry.families)


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Let the LSTM's experiments measure these figures, whatever a claim is called."""

    class Measures(dict):
        def items(self):
            claims = [claim for claim in lstm.CARD["claims"] if claim["experiment"] == self["experiment"]]
            return [(claim["measure"], self["figure"](claim)) for claim in claims]

    monkeypatch.chdir(tmp_path)

    def set_to(figure):
        monkeypatch.setattr(
            lstm, "reproduce", lambda experiment, seed, quick: Measures(experiment=experiment, figure=figure)
        )

    return set_to


ONE = ["verify", "lstm", "--workers", "1", "--quiet", "--json"]


def at_threshold(claim):
    bound = claim.get("at_most", claim.get("at_least"))
    return bound if isinstance(bound, int | float) else 0.0


def beyond(claim):
    return at_threshold(claim) + (1.0 if "at_most" in claim else -1.0)


def test_rows_and_exit_code_follow_what_is_measured(measured, capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MYNAH_DATA", raising=False)
    measured(at_threshold)
    assert run(ONE) == 0
    rows = json.loads(capsys.readouterr().out)
    wanted = {"name", "experiment", "measured", "threshold", "paper", "passed", "seconds", "seeds"}
    assert all(wanted <= set(row) for row in rows)
    assert {row["passed"] for row in rows} <= {True, None}
    assert all(len(row["seeds"]) == 3 for row in rows if row["passed"])
    measured(beyond)
    assert run(ONE) == 1
    assert False in {row["passed"] for row in json.loads(capsys.readouterr().out)}
    assert not list(tmp_path.glob("mynah-verify*")), "a finished verification leaves nothing"


def test_the_table_names_the_verdicts(measured, capsys):
    measured(beyond)
    assert run(["verify", "long-short-term-memory", "--workers", "1", "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "MISSED" in out
    assert "gates passed" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["verify", "lsmt"], 2, "Did you mean lstm"),
        (["verify", NOT_BUILT], 6, "not built yet"),
        (["verify", "knn"], 6, "no experiment yet"),
        (["verify", "lstm", "--data", "nowhere"], 2, "not a folder"),
    ],
)
def test_names_that_cannot_be_verified(arguments, code, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    assert said in " ".join(capsys.readouterr().err.split())
