from collections import deque

MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))


def maze_steps(maze, start, goal):
    """Fewest steps from start to goal through the open cells ('.') of a maze; None where there is no way."""
    waiting = deque([(start, 0)])
    visited = {start}
    while waiting:
        (row, column), steps = waiting.popleft()
        if (row, column) == goal:
            return steps
        for down, right in MOVES:
            cell = (row + down, column + right)
            if not (0 <= cell[0] < len(maze) and 0 <= cell[1] < len(maze[0])):
                continue
            if maze[cell[0]][cell[1]] == "." and cell not in visited:
                visited.add(cell)
                waiting.append((cell, steps))
    return None
