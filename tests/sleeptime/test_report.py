"""What a sleep says of itself at its end."""

from io import StringIO

import pytest
from rich.console import Console

from sleeptime.dry_run import Foreseen
from sleeptime.progress import SleepProgress
from sleeptime.records import Item, PassCount, SleepRun
from sleeptime.report import show_foreseen, show_run

SEEN = {"survey": PassCount(finished=3, notes=2, seconds=1.5)}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (SleepRun(id="a1"), "Nothing new to think about.\nDone: sleep run a1, 0 items left.\n"),
        (SleepRun(id="a1", stopped=True, left=7), "Gave way: sleep run a1, 7 items left.\n"),
        (SleepRun(id="a1", stopped=True, left=1), "Gave way: sleep run a1, 1 item left.\n"),
        (
            SleepRun(id="a1", passes=SEEN),
            "survey    3 thought out, 2 notes, 1.5 s\n"
            "Done: sleep run a1, 0 items left; `sleepwright memory undo a1` takes its notes back.\n",
        ),
    ],
    ids=["nothing new", "cut before it had looked", "cut at the last", "notes"],
)
def test_a_run_is_told_in_a_few_lines(run: SleepRun, said: str) -> None:
    out = StringIO()
    show_run(run, Console(file=out, width=40), as_json=False)
    assert out.getvalue() == said


def test_what_a_repository_says_moves_no_cursor() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=200)
    item = Item(pass_name="presolve", key="k", about="calc.py: # TODO \x1b]0;mine\x07 be odd", expected_use=1)
    show_foreseen([Foreseen(item)], console, as_json=False)
    with SleepProgress(console) as progress:
        progress.show(SleepRun(id="a1"), item)
        progress.notice(f"{item.about}: failed")
    assert out.getvalue().count("be odd") >= 3 and "\x1b]" not in out.getvalue()
