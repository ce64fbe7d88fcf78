def compress(text):
    """'aaab' becomes 'a3b1'."""
    parts = []
    index = 0
    while index < len(text):
        letter = text[index]
        count = 1
        while index < len(text) and text[index] == letter:
            count += 1
            index += 1
        parts.append(letter + str(count))
    return "".join(parts)


def expand(text):
    """The inverse of compress, for texts without digits."""
    result = ""
    index = 0
    while index < len(text):
        letter = text[index]
        index += 1
        digits = ""
        while index < len(text) and text[index].isdigit():
            digits += text[index]
            index += 1
        result += letter * int(digits)
    return result
