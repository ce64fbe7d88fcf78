class Autocomplete:
    """A trie of words with suggestions for a prefix."""

    def __init__(self, words=()):
        self.children = {}
        self.is_word = False
        for word in words:
            self.add(word)

    def add(self, word):
        node = self
        for letter in word:
            node = node.children.setdefault(letter, Autocomplete())
        node.is_word = True

    def find(self, prefix):
        node = self
        for letter in prefix:
            if letter not in node.children:
                return None
            node = node.children[letter]
        return node

    def __contains__(self, word):
        node = self.find(word)
        return node is not None and self.is_word

    def suggest(self, prefix):
        node = self.find(prefix)
        return [] if node is None else [prefix + rest for rest in node.endings()]

    def endings(self):
        found = [""] if self.is_word else []
        for letter in sorted(self.children):
            found += [letter + rest for rest in self.children[letter].endings()]
        return found
