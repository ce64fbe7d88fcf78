"""Reports as text."""

from tally.accounts import depth, roll_up
from tally.money import format_amount


def balance_sheet(ledger):
    """A line for every account, those below another one indented, amounts to the right."""
    totals = roll_up(ledger.balances())
    lines = []
    for account in sorted(totals):
        name = "  " * (depth(account) - 1) + account.rpartition(":")[2]
        lines.append(f"{name:<30}{format_amount(totals[account]):>12}")
    return "\n".join(lines)


def monthly(ledger, account):
    """(month, cents) pairs of what went into the account in each month, in their order."""
    months = {}
    for entry in ledger.entries:
        if entry.touches(account):
            month = entry.date[:7]
            for name, cents in entry.amounts.items():
                if name == account or name.startswith(account + ":"):
                    months[month] = months.get(month, 0) + cents
    return sorted(months.items())


def running(ledger, account):
    """(date, text, balance after it) of every entry that touches the account."""
    rows = []
    total = 0
    for entry in ledger.entries:
        if entry.touches(account):
            total += sum(
                cents for name, cents in entry.amounts.items() if name == account or name.startswith(account + ":")
            )
            rows.append((entry.date, entry.text, total))
    return rows
