def start_offsets(best):
    slowest = max(best.values())
    return {name: slowest - time for name, time in best.items()}


def adjusted(time, handicap):
    return max(time - handicap, 0)


def new_handicap(old, time, expected):
    change = time - expected
    if change > 0:
        return min(old + change // 2, 60)
    return max(old + change, 0)
