"""The table of an evaluation, and its JSON."""

import json
from io import StringIO

from rich.console import Console

from evals.classics import Attempt
from evals.report import as_json, show_attempts, show_rates

ATTEMPTS = [
    Attempt(
        name="sort", kind="slice", status="passed", votes=9, candidates=16, distinct=3, agreement=0.5625, seconds=2.0
    ),
    Attempt(name="heap", kind="negation", status="error", seconds=4.0, problem="no [model]"),
]


def shown() -> str:
    console = Console(file=StringIO(), width=80)
    show_attempts(ATTEMPTS, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_row_says_result_votes_and_time() -> None:
    row = next(line for line in shown().splitlines() if line.startswith("sort"))

    assert row.split() == ["sort", "slice", "solved", "9/16", "3", "2.0"]


def test_the_summary_has_an_interval() -> None:
    assert "solved 1/2 = 50.0% (95 % Wilson interval 9.5% to 90.5%), 3.0 s each" in shown()


def test_a_problem_is_told_as_it_is() -> None:
    assert "heap: no [model]" in shown()


def test_no_rate_is_cut_on_a_narrow_terminal() -> None:
    console = Console(file=StringIO(), width=60)
    show_rates([("wrong-variable", ["500", *["100.0"] * 7, "10.25"])], console)
    assert isinstance(console.file, StringIO)
    heads, cells = console.file.getvalue().splitlines()

    assert heads.split("  ")[0] == "kind of bug" and heads.endswith("nats") and cells.split()[-1] == "10.25"
    assert "…" not in heads + cells


def test_json_says_the_same() -> None:
    report = json.loads(as_json(ATTEMPTS))

    assert (report["solved"], report["total"]) == (1, 2)
    assert [attempt["solved"] for attempt in report["attempts"]] == [True, False]
