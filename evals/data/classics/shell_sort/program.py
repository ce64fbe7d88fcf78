def shell_sort(values):
    """Sort in ascending order with shrinking gaps; returns a new list."""
    result = list(values)
    gap = len(result) // 2
    while gap > 0:
        for start in range(gap, len(result)):
            current = result[start]
            position = start
            while position >= gap and result[position - gap] > current:
                result[position] = result[position - gap]
                position -= gap
            result[position] = current
        gap = gap // 2 - 1
    return result
