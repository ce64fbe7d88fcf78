"""How many pieces there are, and how many of them are promised to someone."""


class OutOfStock(Exception):
    pass


class Stock:
    def __init__(self):
        self._pieces = {}
        self._reserved = {}

    def receive(self, code, count):
        if count <= 0:
            raise ValueError("receive at least one piece")
        self._pieces[code] = self._pieces.get(code, 0) + count

    def available(self, code):
        return self._pieces.get(code, 0) - self._reserved.get(code, 0)

    def reserve(self, code, count):
        if count > self.available(code):
            raise OutOfStock(f"{self.available(code)} pieces of {code!r} are left")
        self._reserved[code] = self._reserved.get(code, 0) + count

    def ship(self, code, count):
        """Reserved pieces leave the house."""
        if count > self._reserved.get(code, 0):
            raise ValueError("ship only what was reserved")
        self._reserved[code] -= count
        self._pieces[code] -= count
