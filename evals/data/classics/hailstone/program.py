def hailstone(number):
    """The sequence that halves even numbers and takes odd ones times three plus one, down to 1."""
    sequence = [number]
    while number != 1 and len(sequence) < 1000:
        if number % 2 == 0:
            number //= 2
        else:
            number = 3 * number - 1
        sequence.append(number)
    return sequence


def longest_start(limit):
    """The start up to limit whose sequence is longest; the smallest of several."""
    return max(range(1, limit + 1), key=lambda start: len(hailstone(start)))
