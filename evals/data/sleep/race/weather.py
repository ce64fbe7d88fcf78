def average(readings):
    known = [value for value in readings if value is not None]
    if not known:
        return None
    return sum(known) / len(known)


def heat_alarm(readings, limit, needed):
    streak = 0
    for value in readings:
        if value is not None and value >= limit:
            streak += 1
        else:
            streak = 0
        if streak == needed:
            return True
    return False


def warmest_hour(readings):
    best = 0
    for hour, value in enumerate(readings):
        if value > readings[best]:
            best = hour
    return best
