def shift_letter(letter, places):
    if not letter.isalpha():
        return letter
    first = ord("A") if letter.isupper() else ord("a")
    return chr((ord(letter) - first + places) % 25 + first)


def encrypt(text, places):
    """Move every letter of the English alphabet by some places; all else stays."""
    return "".join(shift_letter(letter, places) for letter in text)


def decrypt(text, places):
    return encrypt(text, -places)
