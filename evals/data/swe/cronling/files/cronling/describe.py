"""Expressions in words."""

from cronling.schedule import Schedule

_DAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)


def ordinal(number):
    """1st, 2nd, 3rd, 4th, 11th, 21st, ..."""
    if 11 <= number % 100 <= 13:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def join_words(words):
    """a; a and b; a, b and c."""
    words = list(words)
    if len(words) == 1:
        return words[0]
    return ", ".join(words[:-1]) + " and " + words[-1]


def describe_time(schedule):
    """The time of day."""
    if len(schedule.hours) == 1 and len(schedule.minutes) == 1:
        return f"at {min(schedule.hours):02}:{min(schedule.minutes):02}"
    if len(schedule.hours) == 24 and len(schedule.minutes) == 60:
        return "every minute"
    if len(schedule.hours) == 24 and len(schedule.minutes) == 1:
        return f"at minute {min(schedule.minutes)} of every hour"
    return f"{len(schedule.hours) * len(schedule.minutes)} times a day"


def describe(text):
    """One sentence, without its full stop."""
    schedule = Schedule(text)
    parts = [describe_time(schedule)]
    if not schedule.any_weekday:
        parts.append("on " + join_words(_DAY_NAMES[day] for day in sorted(schedule.weekdays)))
    if not schedule.any_day:
        parts.append("on the " + join_words(ordinal(day) for day in sorted(schedule.days)))
    if len(schedule.months) < 12:
        parts.append("in " + join_words(_MONTH_NAMES[month - 1] for month in sorted(schedule.months)))
    return " ".join(parts)
