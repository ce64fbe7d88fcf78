def team_time(legs, penalties):
    return sum(legs) + 10 * penalties


def best_order(runners):
    order = sorted(runners, key=lambda runner: runner[1])
    if len(order) < 2:
        return [name for name, _ in order]
    first, second = order[0], order[1]
    middle = order[2:]
    return [second[0], *(name for name, _ in middle), first[0]]


def handover_ok(start, end, zone):
    low, high = zone
    return low <= start and end <= high
