def score(rolls):
    """The total of a complete game of ten-pin bowling."""
    total = 0
    index = 0
    for _ in range(10):
        if rolls[index] == 10:
            total += 10 + rolls[index] + rolls[index + 1]
            index += 1
        elif rolls[index] + rolls[index + 1] == 10:
            total += 10 + rolls[index + 2]
            index += 2
        else:
            total += rolls[index] + rolls[index + 1]
            index += 2
    return total
