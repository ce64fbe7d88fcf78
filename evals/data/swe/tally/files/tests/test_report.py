from tally.ledger import Ledger
from tally.report import balance_sheet, running


def make():
    ledger = Ledger()
    ledger.post("2025-01-05", "Rent", {"expenses:rent": "900", "assets:bank": "-900"})
    ledger.post("2025-01-06", "Lunch", {"expenses:food": "12.50", "assets:bank": "-12.50"})
    return ledger


def test_accounts_are_indented():
    lines = balance_sheet(make()).splitlines()
    assert lines[0].startswith("assets ")
    assert lines[1].startswith("  bank ")


def test_running_balance():
    assert [row[2] for row in running(make(), "expenses")] == [90000, 91250]
