def spiral_walk(grid):
    """The cells of a rectangular grid, clockwise from the top left corner to the centre."""
    cells = []
    top, bottom = 0, len(grid) - 1
    left, right = 0, len(grid[0]) - 1
    while top <= bottom and left <= right:
        for column in range(left, right + 1):
            cells.append(grid[top][column])
        for row in range(top + 1, bottom + 1):
            cells.append(grid[row][right])
        if top < bottom and left < right:
            for column in range(right - 1, left, -1):
                cells.append(grid[bottom][column])
            for row in range(bottom - 1, top, -1):
                cells.append(grid[row][left])
        top, bottom = top + 1, bottom - 1
        left, right = left + 1, right - 1
    return cells
