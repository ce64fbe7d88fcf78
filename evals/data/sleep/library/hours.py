def is_open(hour, weekday):
    if weekday == 6:
        return False
    if weekday == 5:
        return 10 <= hour < 14
    return 9 <= hour < 18


def open_hours(weekday):
    return sum(1 for hour in range(24) if is_open(hour, weekday))


def next_opening(hour, weekday):
    for ahead in range(1, 8 * 24):
        later = hour + ahead
        day = (weekday + later // 24) % 7
        if is_open(later % 24, day):
            return ahead
    return None
