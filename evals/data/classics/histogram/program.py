def histogram(values, low, high, bins):
    """How many values fall in each of `bins` equal parts of [low, high]; values outside are ignored."""
    counts = [0] * bins
    width = (high - low) / bins
    for value in values:
        if low <= value <= high:
            index = min(int((value - low) / width), bins)
            counts[index] += 1
    return counts


def draw(counts):
    """A line of stars for each bin."""
    return "\n".join("*" * count for count in counts)
