NUMERALS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def roman_year(text):
    """The number that a Roman numeral such as MCMXC stands for."""
    total = 0
    largest = 0
    for letter in reversed(text.upper()):
        value = NUMERALS[letter]
        if value <= largest:
            total -= value
        else:
            total += value
            largest = value
    return total
