def cocktail_sort(values):
    """Bubble forth and back until nothing moves; returns a new list."""
    items = list(values)
    start, end = 0, len(items) - 1
    swapped = True
    while swapped:
        swapped = False
        for i in range(start, end):
            if items[i] > items[i + 1]:
                items[i], items[i + 1] = items[i + 1], items[i]
                swapped = True
        end -= 1
        for i in range(end, start, -1):
            if items[i - 1] > items[i]:
                items[i - 1], items[i] = items[i], items[i + 1]
                swapped = True
        start += 1
    return items
