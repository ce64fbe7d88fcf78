"""One field of an expression: stars, numbers, ranges, steps and lists of them."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class BadField(ValueError):
    """A field that cannot be read."""


class Field:
    """What a field may hold: its name, the smallest and the largest value, and names of values."""

    def __init__(self, name, low, high, names=()):
        self.name = name
        self.low = low
        self.high = high
        self.names = names

    def parse(self, text):
        """The set of values that the text allows."""
        values = set()
        for part in text.split(","):
            values.update(self._parse_part(part))
        return values

    def _parse_part(self, part):
        span, slash, step_text = part.partition("/")
        step = 1
        if slash:
            if not step_text.isdigit() or int(step_text) == 0:
                raise BadField(f"{self.name}: {step_text!r} is no step")
            step = int(step_text)
        if span == "*":
            first, last = self.low, self.high
        elif "-" in span:
            left, _, right = span.partition("-")
            first, last = self._value(left), self._value(right)
        else:
            first = self._value(span)
            last = self.high if slash else first
        if first > last:
            raise BadField(f"{self.name}: {span!r} runs backwards")
        return range(first, last + 1, step)

    def _value(self, text):
        lowered = text.lower()
        if lowered in self.names:
            return self.names.index(lowered) + self.low
        if not text.isdigit():
            raise BadField(f"{self.name}: {text!r} is no value")
        value = int(text)
        if value < self.low or value > self.high:
            raise BadField(f"{self.name}: {value} is not between {self.low} and {self.high}")
        return value


MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day", 1, 31)
MONTH = Field("month", 1, 12, MONTHS)
WEEKDAY = Field("weekday", 0, 6, DAYS)
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
