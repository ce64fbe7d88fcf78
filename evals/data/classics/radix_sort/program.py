def digit_at(number, position):
    return number // 10**position % 10


def radix_sort(numbers):
    """Sort non-negative integers digit by digit, from the least significant one."""
    result = list(numbers)
    if not result:
        return result
    width = len(str(max(result)))
    for position in range(width):
        buckets = [[] for _ in range(9)]
        for number in result:
            buckets[digit_at(number, position)].append(number)
        result = [number for bucket in buckets for number in bucket]
    return result
