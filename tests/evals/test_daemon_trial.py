"""The daemon's trial, as small as it can be."""

from evals.daemon_trial import measure


def test_a_trial_measures_and_finds_nothing_lost() -> None:
    said: list[str] = []
    trial = measure(rounds=1, kills=1, rest_seconds=0.5, progress=said.append, tests=0)
    assert len(trial.yields) == 1 and trial.kills == 1 and trial.notes > 2
    assert (trial.lost, trial.doubled) == (0, 0) and trial.waiting_cpu < 1
    assert len(trial.ends) == 1 and len(said) == 4
