"""What was tried in vain: kept by state, of one test or several, and the oldest make room."""

from pathlib import Path

import pytest

from memory import known_failures
from memory.known_failures import KnownFailures
from memory.records import FailureState

ADD, HALVE = FailureState(test="test_add", key="1"), FailureState(test="test_halve", key="2")


def test_what_is_kept_of_a_state_is_there_for_everybody(tmp_path: Path) -> None:
    with KnownFailures(tmp_path / "failures.db") as failures:
        failures.keep({ADD: {"a", "b"}})
        failures.keep({ADD: {"b", "c"}, HALVE: {"d"}})
    with KnownFailures(tmp_path / "failures.db") as failures:
        assert failures.of([ADD]) == {"a", "b", "c"} and failures.of([ADD, HALVE]) == {"a", "b", "c", "d"}
        assert failures.of([FailureState(test="test_add", key="other")]) == frozenset()
        assert failures.tests() == {"test_add", "test_halve"}


def test_looking_makes_no_file(tmp_path: Path) -> None:
    with KnownFailures(tmp_path / "failures.db") as failures:
        assert failures.tests() == frozenset()
    assert not (tmp_path / "failures.db").exists()


def test_the_oldest_states_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_failures, "_MOST_STATES", 2)
    with KnownFailures(tmp_path / "failures.db") as failures:
        states = [FailureState(test=f"test_{i}", key=str(i)) for i in range(3)]
        for state in states:
            failures.keep({state: {"x"}})
        assert [failures.of([state]) for state in states] == [frozenset(), {"x"}, {"x"}]
        assert failures.tests() == {"test_1", "test_2"}
