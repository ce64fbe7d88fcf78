"""What a step costs: the ratio is to the bare run of the same round."""

from evals.ttrl_cost import BARE, OURS, Cost, table


def cost(trainer: str, number: int, seconds: float) -> Cost:
    return Cost(trainer=trainer, round=number, samples=64, trained=64, cpu_seconds=seconds)


def test_the_ratio_is_the_median_of_those_of_the_rounds() -> None:
    costs = [
        cost(BARE, 0, 10),
        cost(OURS, 0, 5),
        cost(BARE, 1, 20),
        cost(OURS, 1, 8),
        cost(BARE, 2, 10),
        cost(OURS, 2, 9),
    ]
    bare, ours = table(costs).shown
    assert bare[-3:] == ["10.00", "1.00", "3"]
    assert ours == [OURS, "64", "64", "8.00", "0.50", "3"]
