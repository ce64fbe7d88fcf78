def busiest(visits):
    best_day, most = None, 0
    for day, count in visits.items():
        if count > most:
            best_day, most = day, count
    return best_day


def median(values):
    order = sorted(values)
    middle = len(order) // 2
    if len(order) % 2 == 1:
        return order[middle]
    return (order[middle - 1] + order[middle]) / 2


def growth(before, after):
    if before == 0:
        return None
    return round(100 * (after - before) / before)
