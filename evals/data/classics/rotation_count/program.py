def rotation_count(items):
    """How many places a sorted list of distinct items was rotated to the right."""
    left = 0
    right = len(items) - 1
    while left < right:
        middle = left + (right - left) // 2
        if items[middle] > items[left]:
            left = middle + 1
        else:
            right = middle
    return left


def restore_order(items):
    """The list as it was before it was rotated."""
    count = rotation_count(items)
    return items[count:] + items[:count]
