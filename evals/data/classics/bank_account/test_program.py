import pytest
from program import Account


def test_deposit():
    account = Account("ann")
    account.deposit(500)
    assert account.balance == 500


def test_withdraw_everything():
    account = Account("ann", balance=500)
    account.withdraw(500)
    assert account.balance == 0


def test_too_much():
    with pytest.raises(ValueError):
        Account("ann", balance=500).withdraw(501)


def test_overdraft():
    account = Account("ann", balance=100, overdraft=300)
    account.withdraw(400)
    assert account.balance == -300


def test_transfer():
    ann, bob = Account("ann", balance=900), Account("bob")
    ann.transfer(bob, 250)
    assert (ann.balance, bob.balance) == (650, 250)
