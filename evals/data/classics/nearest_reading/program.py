def nearest_reading(readings, target):
    """Return the value of the sorted, non-empty list that lies closest to target; the smaller one on a tie."""
    low, high = 0, len(readings) - 1
    while low < high:
        middle = (low + high) // 2
        if readings[middle] < target:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return readings[0]
    before, after = readings[low - 1], readings[low]
    if target - before >= after - target:
        return before
    return after
