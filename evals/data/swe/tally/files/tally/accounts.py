"""Accounts are names with colons: "expenses:food:lunch" is below "expenses:food"."""


def parents(account):
    """The accounts above this one, the nearest first."""
    parts = account.split(":")
    return [":".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]


def is_below(account, other):
    """Whether `account` is `other` or lies below it."""
    return account == other or account.startswith(other + ":")


def depth(account):
    """1 for a top account."""
    return account.count(":") + 1


def roll_up(balances):
    """Balances with every account's amount added to all those above it."""
    totals = dict(balances)
    for account, cents in balances.items():
        for parent in parents(account):
            totals[parent] = totals.get(parent, 0) + cents
    return totals
