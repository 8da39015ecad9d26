"""Claims, their verification and their evidence: verdicts follow what is measured."""

import json
import sys
import types
from dataclasses import replace

import pytest

from mynah import catalog
from mynah.catalog import Card
from mynah.ground.errors import Stopped
from mynah.models import echo_state, lstm
from mynah.papers import claims, verification
from mynah.papers.claims import Claim, Row
from mynah.papers.verification import Experiment, Outcome, judge, verify

PLAIN = {"experiment": "e", "title": "t", "measure": "m", "paper": "p"}


def card(name, *made):
    return Card(name, "T", 2000, "A", "R", ("classify",), (), "E", "gradient", tuple({**PLAIN, **c} for c in made))


@pytest.fixture
def family(monkeypatch):
    """Make a family of a `reproduce`, as if it were a file in models/."""

    def make(name, reproduce):
        module = types.ModuleType(f"mynah.models.{name}")
        module.reproduce = reproduce
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return make


def rows(*cards, **options):
    return verify(cards, workers=1, **options)


def test_the_median_is_held_against_the_threshold(family):
    family("toy", lambda experiment, seed, quick: {"m": [1.0, 5.0, 2.0][seed]})
    low, high, all_seeds = rows(card("toy", {"at_most": 2}, {"at_least": 2.5}, {"at_most": 2, "seeds": "all"}))
    assert (low.measured, low.passed, low.seeds) == (2.0, True, [1.0, 5.0, 2.0])
    assert (high.measured, high.passed) == (2.0, False)
    assert (all_seeds.measured, all_seeds.passed) == (5.0, False)


def test_the_best_seed_is_chosen_by_what_the_claim_names(family):
    family("toy", lambda experiment, seed, quick: {"m": [0.9, 0.1, 0.5][seed], "train": [3.0, 1.0, 2.0][seed]})
    (row,) = rows(card("toy", {"at_least": 0.5, "seeds": "best by train"}))
    assert (row.measured, row.passed) == (0.1, False)


def test_a_threshold_may_come_from_another_family(family):
    family("toy", lambda experiment, seed, quick: {"m": 1.0})
    family("peer", lambda experiment, seed, quick: {"n": 3.0 + seed})
    (row,) = rows(card("toy", {"at_most": ("peer", "other", "n", 0.5)}))
    assert (row.threshold, row.passed) == (2.0, True)
    (row,) = rows(card("toy", {"at_least": ("peer", "other", "absent", 0.5)}))
    assert row.passed is False
    assert "peer gives no threshold" in row.why


@pytest.mark.parametrize(
    ("reproduce", "why"),
    [
        (lambda experiment, seed, quick: {"m": float("nan")}, "m is nan"),
        (lambda experiment, seed, quick: {"other": 1.0}, "gives no m"),
        (lambda experiment, seed, quick: {"m": 1 / (seed - 1)}, "ZeroDivisionError"),
    ],
)
def test_what_is_not_measured_misses(family, reproduce, why):
    family("toy", reproduce)
    (row,) = rows(card("toy", {"at_most": 9}))
    assert row.passed is False
    assert row.measured is None
    assert why in row.why
    json.dumps(claims.asdict(row), allow_nan=False)


def test_a_signal_ends_the_verification_and_is_no_missed_gate(family):
    def stopped(experiment, seed, quick):
        raise Stopped("stopped by SIGTERM")

    family("toy", stopped)
    with pytest.raises(Stopped, match="SIGTERM"):
        rows(card("toy", {"at_most": 9}))


def test_quick_is_one_seed_and_leaves_long_claims_out(family):
    seen = []
    family("toy", lambda experiment, seed, quick: seen.append((experiment, seed, quick)) or {"m": 1.0})
    quick = rows(card("toy", {"at_most": 2}, {"at_most": 2, "experiment": "long", "quick": False}), quick=True)
    assert [row.experiment for row in quick] == ["e"]
    assert seen == [("e", 0, True)]


def test_claims_share_an_experiment_and_an_interrupted_verification_goes_on(family, tmp_path):
    seen = []

    def reproduce(experiment, seed, quick):
        if seed == 2 and len(seen) == 2:
            seen.append("broken off")
            raise KeyboardInterrupt
        seen.append(seed)
        return {"m": float(seed)}

    family("toy", reproduce)
    made = card("toy", {"at_most": 2}, {"at_least": 0})
    with pytest.raises(KeyboardInterrupt):
        rows(made, kept=tmp_path / "kept")
    (tmp_path / "kept").open("a").write('{"key": "cut o')
    assert [row.passed for row in rows(made, kept=tmp_path / "kept")] == [True, True]
    assert seen == [0, 1, "broken off", 2]


def test_data_that_are_not_there_are_said(family, tmp_path, monkeypatch):
    monkeypatch.delenv("MYNAH_DATA", raising=False)
    family("toy", lambda experiment, seed, quick: {"m": 1.0})
    made = card("toy", {"at_most": 2, "data": "bells"})
    (row,) = rows(made)
    assert (row.passed, row.verdict) == (None, "not run")
    assert "--data" in row.why
    (row,) = rows(made, data=str(tmp_path))
    assert "not in" in row.why
    (tmp_path / "bells").mkdir()
    (row,) = rows(made, data=str(tmp_path))
    assert row.passed


def test_a_claim_bounds_from_one_side():
    with pytest.raises(ValueError, match="at_most or at_least"):
        Claim("toy", **PLAIN)
    with pytest.raises(ValueError, match="at_most or at_least"):
        Claim("toy", **PLAIN, at_most=1, at_least=0)


def test_a_figure_at_the_threshold_passes():
    experiments = {Experiment("toy", "e", 0, True): Outcome({"m": 1.0}, 1.0)}
    assert judge(Claim("toy", **PLAIN, at_most=1.0), experiments, quick=True).passed
    assert judge(Claim("toy", **PLAIN, at_least=1.0), experiments, quick=True).passed
    assert not judge(Claim("toy", **PLAIN, at_least=1.0001), experiments, quick=True).passed


def test_evidence_belongs_to_the_claim_it_was_measured_for(tmp_path, monkeypatch):
    made = card("lstm", {"at_most": 2})
    monkeypatch.setattr(claims, "EVIDENCE", tmp_path / "evidence.json")
    claims.evidence.cache_clear()
    assert claims.state_of(made) == "not verified"
    row = Row("lstm", "e", "t", "m", 1.0, "<=", 2.0, "p", True, 3.0, [1.0])
    claims.record([row], "2026-01-01", "a machine")
    assert claims.state_of(made) == "verified"
    assert claims.rows_of(made)[0].date == "2026-01-01"
    assert claims.state_of(card("lstm", {"at_most": 1})) == "not verified"
    assert claims.state_of(card("lstm", {"at_most": 2}, {"at_most": 3, "measure": "n"})) == "not verified"
    claims.record([claims.replace(row, measured=5.0, passed=False)], "2026-01-02", "a machine")
    assert claims.state_of(made) == "gate missed"
    claims.record([claims.replace(row, measured=None, passed=None)], "2026-01-03", "a machine")
    assert claims.state_of(made) == "gate missed"
    claims.evidence.cache_clear()


def test_two_claims_on_one_measure_keep_a_row_each(tmp_path, monkeypatch):
    made = card("lstm", {"at_most": 2}, {"at_most": 3, "title": "against another"})
    monkeypatch.setattr(claims, "EVIDENCE", tmp_path / "evidence.json")
    claims.evidence.cache_clear()
    row = Row("lstm", "e", "t", "m", 1.0, "<=", 2.0, "p", True, 3.0, [1.0])
    claims.record([row, claims.replace(row, title="against another", threshold=3.0)], "2026-01-01", "a machine")
    assert len(claims.rows_of(made)) == 2
    assert claims.state_of(made) == "verified"
    claims.evidence.cache_clear()


def test_the_code_of_an_experiment_is_its_own_and_what_it_imports():
    found = {}
    verification._gather("mynah.models.lstm", found)
    assert {"mynah.models.lstm", "mynah.papers.problems.adding", "mynah.training.loop", "mynah.layers.heads"} <= set(
        found
    )
    assert not {"mynah.models.gru", "mynah.runs.learn", "mynah.report.page"} & set(found)


def verdict(name, experiment, measure):
    """Verify one claim of a real family, on one seed."""
    real = next(card for card in catalog.cards() if card.name == name)
    wanted = tuple(c for c in real.claims if c["experiment"] == experiment and c["measure"] == measure)
    (row,) = rows(replace(real, claims=wanted), quick=True)
    assert row.why == ""
    return row.passed


def test_a_reservoir_that_does_not_forget_its_start_misses_its_gate(monkeypatch):
    assert verdict("echo_state", "mackey-glass-400", "nrmse84") is True
    drawn = echo_state.reservoir
    monkeypatch.setattr(echo_state, "reservoir", lambda *args, radius, **settings: drawn(*args, radius=2.0, **settings))
    assert verdict("echo_state", "mackey-glass-400", "nrmse84") is False


def test_an_lstm_that_drops_its_state_misses_its_gate(monkeypatch):
    assert verdict("lstm", "stateful", "carried") is True
    run = lstm.LSTMNetwork.forward
    monkeypatch.setattr(lstm.LSTMNetwork, "forward", lambda self, x, state=None: run(self, x))
    assert verdict("lstm", "stateful", "carried") is False
