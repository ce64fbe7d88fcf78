class RingBuffer:
    """A queue of fixed capacity that forgets its oldest item when it is full."""

    def __init__(self, capacity):
        self.slots = [None] * capacity
        self.start = 0
        self.count = 0

    def push(self, item):
        end = self.start + self.count % len(self.slots)
        self.slots[end] = item
        if self.count == len(self.slots):
            self.start = (self.start + 1) % len(self.slots)
        else:
            self.count += 1

    def pop(self):
        if self.count == 0:
            raise IndexError("the buffer is empty")
        item = self.slots[self.start]
        self.start = (self.start + 1) % len(self.slots)
        self.count -= 1
        return item

    def __len__(self):
        return self.count
