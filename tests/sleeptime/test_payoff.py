"""Has sleep paid: the arithmetic."""

from memory.records import Experience, Injection, Note, Tokens
from sleeptime.payoff import payoff
from tests.memory.test_experiences import experience


def tasks(kind: str, tokens: int, *, notes: tuple[str, ...] = (), model: str = "m", count: int = 3) -> list[Experience]:
    return [
        experience(f"{kind}{number}").model_copy(
            update={"tokens": Tokens(prompt=tokens), "notes": notes, "model": model}
        )
        for number in range(count)
    ]


def note(id: str, cost: int) -> Note:
    return Note(id=id, text="text", origin="inferred", cost=Tokens(completion=cost))


def used(id: str, by: list[Experience]) -> list[Injection]:
    return [Injection(note=id, used_by=each.id, tokens=20) for each in by]


def test_a_token_at_test_time_counts_as_ten_of_sleep() -> None:
    helped = tasks("helped", 900, notes=("n1",))
    every = helped + tasks("alone", 1_000)
    found = payoff(every, [note("n1", 2_500)], used("n1", helped), sleep_tokens=3_000)
    assert found.saved_per_task == 100
    assert found.notes[0].break_even == 3 and found.notes[0].uses == 3
    assert found.has_paid  # three tasks saved 100 each, ten times what was spent
    assert not payoff(every, [], [], sleep_tokens=3_001).has_paid


def test_what_a_task_saves_is_shared_by_its_notes() -> None:
    helped = tasks("helped", 900, notes=("n1", "n2"))
    found = payoff(helped + tasks("alone", 1_000), [note("n1", 1_000)], used("n1", helped), sleep_tokens=1_000)
    assert found.notes[0].break_even == 2


def test_with_too_few_tasks_nothing_is_claimed() -> None:
    every = tasks("helped", 1, notes=("n1",), count=2) + tasks("alone", 1_000)
    found = payoff(every, [note("n1", 10)], [], sleep_tokens=10)
    assert found.saved_per_task is None and found.has_paid is None and found.notes[0].break_even is None


def test_notes_that_cost_more_than_they_save_never_pay() -> None:
    every = tasks("helped", 1_200, notes=("n1",)) + tasks("alone", 1_000)
    found = payoff(every, [note("n1", 10)], [], sleep_tokens=10)
    assert found.saved_per_task == -200 and found.has_paid is False and found.notes[0].break_even is None


def test_a_model_is_compared_with_itself_only() -> None:
    every = [
        *tasks("a", 100, notes=("n1",), model="small"),
        *tasks("b", 150, model="small"),
        *tasks("c", 90_000, model="large"),
    ]
    assert payoff(every, [], [], sleep_tokens=0).saved_per_task == 50


def test_uses_by_other_clients_are_no_tasks() -> None:
    helped = tasks("helped", 900, notes=("n1",))
    other = [Injection(note="n1", used_by="mcp", tokens=20)]
    assert payoff(helped, [note("n1", 10)], used("n1", helped) + other, sleep_tokens=10).notes[0].uses == 3
