def missing(needed, pantry):
    short = {}
    for name, amount in needed.items():
        left = amount - pantry.get(name, 0)
        if left > 0:
            short[name] = left
    return short


def by_aisle(items, aisles):
    grouped = {}
    for item in sorted(items):
        aisle = aisles.get(item, "other")
        grouped.setdefault(aisle, []).append(item)
    return grouped
