ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def keyword_cipher(text, keyword):
    """Vigenere: each letter moves by the next letter of the keyword (a = 0); all else is copied."""
    result = []
    used = 0
    for letter in text:
        if letter not in ALPHABET:
            result.append(letter)
            continue
        shift = ALPHABET.index(keyword[used % len(keyword)])
        result.append(ALPHABET[(ALPHABET.index(letter) + shift) % 26])
    return "".join(result)
