class Pager:
    """Cuts a list into pages; the first page is number 1."""

    def __init__(self, items, size):
        self.items = items
        self.size = size

    def count(self):
        return (len(self.items) + self.size - 1) // self.size

    def page(self, number):
        if not 1 <= number <= self.count():
            raise IndexError(f"there is no page {number}")
        start = (number - 1) * self.size
        return self.items[start : self.size]

    def page_of(self, item):
        return self.items.index(item) // self.size + 1
