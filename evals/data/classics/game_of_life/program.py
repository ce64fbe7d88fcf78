def neighbours(cell):
    row, column = cell
    return {
        (row + down, column + right)
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
        if down != 0 and right != 0
    }


def next_generation(alive):
    """Conway's rules on an endless board; alive is the set of living (row, column) cells."""
    counts = {}
    for cell in alive:
        for neighbour in neighbours(cell):
            counts[neighbour] = counts.get(neighbour, 0) + 1
    return {cell for cell, count in counts.items() if count == 3 or (count == 2 and cell in alive)}
