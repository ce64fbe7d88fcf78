LOAN_DAYS = 28


def due_day(day, is_new):
    return day + (7 if is_new else LOAN_DAYS)


def fine(due, returned, per_day=2, most=50):
    late = returned - due
    if late <= 0:
        return 0
    return min(late * per_day, most)


def can_borrow(loans, overdue, limit=5):
    return overdue == 0 and loans < limit
