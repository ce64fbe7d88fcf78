WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def days_until(today, weekday):
    """Days from one weekday to the next occurrence of another, 7 for the same one."""
    difference = (WEEKDAYS.index(weekday) - WEEKDAYS.index(today)) % 7
    return difference or 7


def plan_visits(today, weekdays):
    """(days from now, weekday) for each weekday, soonest first."""
    return sorted((days_until(weekday, today), weekday) for weekday in weekdays)
