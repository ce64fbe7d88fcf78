def checksum(digits):
    """Luhn's sum: from the right, every second digit counts double, with its own digits added up."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit)
        if index % 2 == 1:
            value *= 2
            if value > 9:
                value -= 10
        total += value
    return total


def is_valid_card(number):
    digits = number.replace(" ", "")
    return digits.isdigit() and checksum(digits) % 10 == 0
