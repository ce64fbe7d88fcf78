def signature(word):
    """The same for all words with the same letters."""
    letters = [letter for letter in word.lower() if letter.isalpha()]
    return "".join(letters)


def anagram_families(words):
    """Groups of two or more words that are anagrams of each other, in order of their first word."""
    families = {}
    for word in words:
        families.setdefault(signature(word), []).append(word)
    return [family for family in families.values() if len(family) > 1]
