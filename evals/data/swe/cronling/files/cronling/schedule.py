"""When an expression is due."""

from datetime import timedelta

from cronling.fields import FIELDS, BadField

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}

LONGEST_WAIT = 366 * 5
"""Days that are looked at: 29 February may be four years away."""


class Schedule:
    """One expression with five fields, or an alias."""

    def __init__(self, text):
        self.text = ALIASES.get(text.strip().lower(), text)
        parts = self.text.split()
        if len(parts) != len(FIELDS):
            raise BadField(f"{text!r} has {len(parts)} fields, not {len(FIELDS)}")
        values = [field.parse(part) for field, part in zip(FIELDS, parts)]
        self.minutes, self.hours, self.days, self.months, self.weekdays = values
        self.any_day = parts[2].startswith("*")
        self.any_weekday = parts[4].startswith("*")

    def matches_day(self, moment):
        """Whether the day is one of those that are named; where both kinds of day are, either does."""
        if moment.month not in self.months:
            return False
        by_day = moment.day in self.days
        by_weekday = (moment.weekday() + 1) % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday

    def matches(self, moment):
        """Whether it is due in this minute."""
        return self.matches_day(moment) and moment.hour in self.hours and moment.minute in self.minutes

    def next_after(self, moment):
        """The first minute after `moment` in which it is due; None where there is none in years."""
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = start
        for _ in range(LONGEST_WAIT):
            if self.matches_day(day):
                found = self._first_on(day)
                if found is not None:
                    return found
            day = day.replace(hour=0, minute=0) + timedelta(days=1)
        return None

    def _first_on(self, moment):
        """The first due minute of the day, not before `moment`."""
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                if (hour, minute) >= (moment.hour, moment.minute):
                    return moment.replace(hour=hour, minute=minute)
        return None

    def between(self, first, last):
        """All minutes from `first` to `last`, both included, in which it is due."""
        found = []
        moment = self.next_after(first - timedelta(minutes=1))
        while moment is not None and moment <= last:
            found.append(moment)
            moment = self.next_after(moment)
        return found
