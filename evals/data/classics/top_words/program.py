import re
from collections import Counter


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def top_words(text, count, ignored=()):
    """The most frequent words with their frequencies; equal ones in alphabetical order."""
    frequency = Counter(word for word in words(text) if word not in ignored)
    ranked = sorted(frequency.items(), key=lambda entry: (entry[1], entry[0]))
    return ranked[:count]
