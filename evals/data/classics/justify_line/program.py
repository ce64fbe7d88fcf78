def justify_line(words, width):
    """One line of exactly `width` characters: the spaces spread evenly, extra ones in the leftmost gaps."""
    if len(words) == 1:
        return words[0].ljust(width)
    letters = sum(len(word) for word in words)
    gaps = len(words) - 1
    spaces, extra = divmod(width - letters, len(words))
    line = ""
    for index, word in enumerate(words[:-1]):
        line += word + " " * spaces
        if index < extra:
            line += " "
    return line + words[-1]
