"""evals/ttrl_tasks.py: what is learnt from and what is asked lie apart."""

from evals.ttrl_tasks import Size, shared_out
from ttrl_adapter.records import Exercise

FUNCTIONS = [
    f"def total_{n}(values, limit):\n    found = {n}\n    for value in values:\n        if value < limit:\n"
    f"            found += value * {n + 2}\n    return found"
    for n in range(12)
]


def names(exercises: list[Exercise]) -> set[str]:
    return {exercise.lines[0].split("(")[0] for exercise in exercises}


def test_no_function_is_in_two_parts() -> None:
    held_out, canaries, rest, _ = shared_out(FUNCTIONS, Size(4, 3, 2), 0, lambda prompt: True)
    assert (len(held_out), len(canaries)) == (3, 2)
    parts = [names(held_out), names(canaries), names(rest)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 12


def test_a_function_has_several_bugs_and_each_has_one_first() -> None:
    rest = shared_out(FUNCTIONS, Size(4, 3, 2), 0, lambda prompt: True)[2]
    assert len({exercise.id for exercise in rest}) == len(rest) > 14
    assert len(names(rest[:7])) == 7


def test_seeds_differ_in_what_is_learnt_from_only() -> None:
    first, second = (shared_out(FUNCTIONS, Size(4, 3, 2), seed, lambda prompt: True) for seed in (0, 1))
    assert first[:2] == second[:2] and first[2] != second[2]


def test_what_does_not_fit_is_left_out() -> None:
    held_out, canaries, rest, twins = shared_out(FUNCTIONS, Size(4, 3, 2), 0, lambda prompt: "total_1" not in prompt)
    found = names([*held_out, *canaries, *rest, *twins.values()])
    assert found and not any(name.startswith("def total_1") for name in found)


def test_a_twin_is_another_bug_in_the_same_function_and_is_not_learnt_from() -> None:
    parts = shared_out(FUNCTIONS, Size(4, 3, 2), 0, lambda prompt: True)
    by_id = {exercise.id: exercise for exercise in parts.rest}
    assert parts.twins and not {twin.id for twin in parts.twins.values()} & by_id.keys()
    assert all(names([by_id[id]]) == names([twin]) for id, twin in parts.twins.items())
