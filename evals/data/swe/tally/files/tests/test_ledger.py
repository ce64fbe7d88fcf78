import pytest

from tally.ledger import Ledger, Unbalanced


@pytest.fixture
def ledger():
    made = Ledger()
    made.post("2025-01-03", "Salary", {"assets:bank": "2000", "income:salary": "-2000"})
    made.post("2025-01-05", "Rent", {"expenses:rent": "900", "assets:bank": "-900"})
    made.post("2025-02-02", "Lunch", {"expenses:food:lunch": "12.50", "assets:cash": "-12.50"})
    return made


def test_an_entry_must_balance(ledger):
    with pytest.raises(Unbalanced):
        ledger.post("2025-02-03", "Oops", {"assets:bank": "1", "income:salary": "-2"})


def test_balance_of_one_account(ledger):
    assert ledger.balance("assets:bank") == 110000


def test_balances(ledger):
    assert ledger.balances()["expenses:rent"] == 90000


def test_find(ledger):
    assert [entry.text for entry in ledger.find("rent")] == ["Rent"]
