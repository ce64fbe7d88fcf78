TABLE = [10, 8, 6, 5, 4]


def points_for(place):
    if place < 1:
        raise ValueError("places begin at 1")
    if place > len(TABLE):
        return 0
    return TABLE[place - 1]


def season(results, dropped):
    totals = {}
    for name, places in results.items():
        points = sorted((points_for(place) for place in places), reverse=True)
        totals[name] = sum(points[: len(points) - dropped])
    return totals
