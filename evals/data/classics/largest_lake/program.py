def lake_size(terrain, row, column, seen):
    """Number of connected water cells (0) that can be reached from here and were not seen before."""
    inside = 0 <= row < len(terrain) and 0 <= column < len(terrain[0])
    if not inside and (row, column) in seen or terrain[row][column] != 0:
        return 0
    seen.add((row, column))
    return (
        1
        + lake_size(terrain, row - 1, column, seen)
        + lake_size(terrain, row + 1, column, seen)
        + lake_size(terrain, row, column - 1, seen)
        + lake_size(terrain, row, column + 1, seen)
    )


def largest_lake(terrain):
    seen = set()
    sizes = [lake_size(terrain, row, column, seen) for row in range(len(terrain)) for column in range(len(terrain[0]))]
    return max(sizes)
