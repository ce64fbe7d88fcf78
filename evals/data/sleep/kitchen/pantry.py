class Pantry:
    def __init__(self):
        self.stock = {}

    def add(self, name, amount):
        if amount <= 0:
            raise ValueError("nothing to add")
        self.stock[name] = self.stock.get(name, 0) + amount

    def take(self, name, amount):
        have = self.stock.get(name, 0)
        if amount > have:
            raise KeyError(name)
        self.stock[name] = have - amount
        if self.stock[name] == 0:
            del self.stock[name]
        return amount

    def low(self, limit):
        return sorted(name for name, amount in self.stock.items() if amount < limit)
