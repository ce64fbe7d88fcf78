from collections import deque


def moving_average(values, width):
    """Means of every run of `width` neighbouring values."""
    averages = []
    for start in range(len(values) - width):
        window = values[start : start + width]
        averages.append(sum(window) / width)
    return averages


class Smoother:
    """The mean of the last `width` values, one value at a time."""

    def __init__(self, width):
        self.window = deque(maxlen=width)

    def add(self, value):
        self.window.append(value)
        return sum(self.window) / len(self.window)
