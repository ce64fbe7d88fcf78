def fits(books, width):
    return sum(books) <= width


def fill(books, width):
    shelves = [[]]
    used = 0
    for book in books:
        if used + book > width:
            shelves.append([])
            used = 0
        shelves[-1].append(book)
        used += book
    return shelves


def tallest(shelf):
    best = None
    for name, height in shelf:
        if best is None or height > best[1]:
            best = (name, height)
    return best[0] if best else None
