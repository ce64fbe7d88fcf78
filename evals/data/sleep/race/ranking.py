def ranks(times):
    order = sorted(times.values())
    placed = {}
    for name, time in times.items():
        placed[name] = order.index(time) + 1
    return placed


def podium(times):
    order = sorted(times, key=lambda name: (times[name], name))
    return order[:3]


def gap_to_winner(times, name):
    best = min(times.values())
    return times[name] - best
