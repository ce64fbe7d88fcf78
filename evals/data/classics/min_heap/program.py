class MinHeap:
    """A binary heap in a list: the smallest item comes out first."""

    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)
        index = len(self.items) - 1
        while index > 0:
            parent = (index - 1) // 2
            if self.items[parent] <= self.items[index]:
                break
            self.items[parent], self.items[index] = self.items[index], self.items[parent]
            index = parent

    def pop(self):
        smallest = self.items[0]
        last = self.items.pop()
        if self.items:
            self.items[0] = last
            self.sink(0)
        return smallest

    def sink(self, index):
        while True:
            smallest = index
            for child in (2 * index, 2 * index + 1):
                if child < len(self.items) and self.items[child] < self.items[smallest]:
                    smallest = child
            if smallest == index:
                return
            self.items[index], self.items[smallest] = self.items[smallest], self.items[index]
            index = smallest
