def pace(seconds, metres):
    return round(seconds * 1000 / metres)


def predicted(seconds, metres, target):
    return seconds * target // metres


def is_even(splits, tolerance):
    mean = sum(splits) / len(splits)
    for split in splits:
        if abs(split - mean) > tolerance:
            return False
    return True


def negative_split(splits):
    half = len(splits) // 2
    return sum(splits[half:]) < sum(splits[:half])
