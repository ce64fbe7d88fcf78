def digits(text):
    return [int(char) for char in text if char.isdigit()]


def check_digit(first):
    total = 0
    for i, digit in enumerate(first):
        weight = 1 if i % 2 == 0 else 3
        total += weight * digit
    return (10 - total % 10) % 10


def is_valid(text):
    found = digits(text)
    if len(found) != 13:
        return False
    return check_digit(found[:12]) == found[12]
