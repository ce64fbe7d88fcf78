class Warehouse:
    """Boxes of perishable goods, each with the day on which it expires."""

    def __init__(self):
        self.boxes = {}

    def store(self, product, expires):
        self.boxes.setdefault(product, []).append(expires)

    def take(self, product, count):
        """Take the boxes that expire first; KeyError if there are not enough."""
        if len(self.boxes.get(product, [])) < count:
            raise KeyError(product)
        self.boxes[product].sort()
        return [self.boxes[product].pop() for _ in range(count)]

    def discard_expired(self, today):
        """Throw away what expired before today; returns how many boxes that were."""
        thrown = 0
        for product, days in self.boxes.items():
            fresh = [day for day in days if day >= today]
            thrown += len(days) - len(fresh)
            self.boxes[product] = fresh
        return thrown
