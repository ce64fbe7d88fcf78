def rook_paths(rows, columns, blocked=frozenset(), row=0, column=0):
    """Ways from a corner of the board to the opposite one, one square down or right at a time."""
    if (row, column) == (rows - 1, columns - 1):
        return 1
    down = rook_paths(rows, columns, blocked, row + 1, column)
    right = rook_paths(rows, columns, blocked, row, column + 1)
    return down + right


def worst_block(rows, columns):
    """The inner square whose blocking leaves the fewest ways; the first of several."""
    squares = [(row, column) for row in range(1, rows - 1) for column in range(1, columns - 1)]
    return min(squares, key=lambda square: rook_paths(rows, columns, {square}))
