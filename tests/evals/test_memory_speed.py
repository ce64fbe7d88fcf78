"""The benchmark of the memory, small: every step is there, and what it says of the notes is true."""

from evals.memory_speed import measure


def test_every_step_is_measured_and_a_commit_makes_notes_stale() -> None:
    steps = {step.step: step for step in measure(notes=300, files=60, rounds=1)}
    assert list(steps) == [
        "add 300 notes",
        "state of all notes",
        "the same with 20 dirty files",
        "the same after a commit of them",
        "recall",
    ]
    stale = int(steps["the same after a commit of them"].size.split()[0])
    assert 0 < stale < 300
    assert all(step.p95 >= step.p50 > 0 for step in steps.values())
