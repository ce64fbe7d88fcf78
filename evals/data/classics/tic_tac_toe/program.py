def winner(board):
    """'X', 'O' or None for a board of three strings of three characters."""
    lines = [list(row) for row in board]
    lines += [[board[row][column] for row in range(3)] for column in range(3)]
    lines.append([board[i][i] for i in range(3)])
    lines.append([board[i][3 - i] for i in range(3)])
    for line in lines:
        if line[0] != " " and line[0] == line[1] == line[2]:
            return line[0]
    return None


def is_draw(board):
    return winner(board) is None and " " not in "".join(board)
