def gentlest_path(slopes):
    """Least total effort from the top row to the bottom row; each step goes down, straight or one column aside."""
    effort = list(slopes[0])
    width = len(effort)
    for row in slopes[1:]:
        following = []
        for column in range(width):
            first = max(0, column - 1)
            last = min(width - 1, column + 1)
            following.append(row[column] + min(effort[first:last]))
        effort = following
    return min(effort)
