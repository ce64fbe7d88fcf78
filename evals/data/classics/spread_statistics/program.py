import math


def mean(values):
    return sum(values) / len(values)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 1:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def deviation(values):
    """The standard deviation of a sample."""
    centre = mean(values)
    squares = sum((value - centre) * 2 for value in values)
    return math.sqrt(squares / (len(values) - 1))
