"""Entries that balance, and what they come to."""

from tally.accounts import is_below
from tally.money import format_amount, parse_amount


class Unbalanced(ValueError):
    """The amounts of an entry do not add up to zero."""


class Entry:
    """One transaction: a date, what it was for, and an amount for each account."""

    def __init__(self, date, text, amounts):
        self.date = date
        self.text = text
        self.amounts = dict(amounts)

    def touches(self, account):
        """Whether it moves money of the account or of one below it."""
        return any(is_below(name, account) for name in self.amounts)


class Ledger:
    """All entries, in the order in which they were posted."""

    def __init__(self):
        self.entries = []

    def post(self, date, text, amounts):
        """Add an entry; amounts are texts by account. Unbalanced where they do not add up to zero."""
        cents = {account: parse_amount(amount) for account, amount in amounts.items()}
        difference = sum(cents.values())
        if difference != 0:
            raise Unbalanced(f"{text!r} is off by {format_amount(difference)}")
        entry = Entry(date, text, cents)
        self.entries.append(entry)
        return entry

    def balance(self, account, until=None):
        """Cents in the account and all below it, of entries up to and including the date `until`."""
        total = 0
        for entry in self.entries:
            if until is not None and entry.date > until:
                continue
            for name, cents in entry.amounts.items():
                if is_below(name, account):
                    total += cents
        return total

    def balances(self):
        """Cents by account, accounts that came to zero left out."""
        totals = {}
        for entry in self.entries:
            for account, cents in entry.amounts.items():
                totals[account] = totals.get(account, 0) + cents
        return {account: cents for account, cents in totals.items() if cents != 0}

    def find(self, word):
        """Entries whose text has the word, whatever its case."""
        wanted = word.lower()
        return [entry for entry in self.entries if wanted in entry.text.lower()]

    def between(self, first, last):
        """Entries from the date `first` to the date `last`, both included, by date."""
        found = [entry for entry in self.entries if first <= entry.date <= last]
        return sorted(found, key=lambda entry: entry.date)
