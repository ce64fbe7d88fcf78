"""What a customer is about to buy."""

from shop.pricing import line_price, shipping_fee


class Basket:
    def __init__(self, catalogue, stock):
        self._catalogue = catalogue
        self._stock = stock
        self._counts = {}

    def add(self, code, count=1):
        product = self._catalogue[code]
        self._counts[product.code] = self._counts.get(product.code, 0) + count

    def remove(self, code):
        self._counts.pop(code, None)

    def goods(self):
        """The price of all that is in the basket."""
        return sum(line_price(self._catalogue[code].price, count) for code, count in self._counts.items())

    def weight(self):
        return sum(self._catalogue[code].weight * count for code, count in self._counts.items())

    def total(self):
        if not self._counts:
            return 0
        return self.goods() + shipping_fee(self.goods(), self.weight())

    def check_out(self):
        """Reserve everything and empty the basket; returns the amount to pay."""
        amount = self.total()
        for code, count in self._counts.items():
            self._stock.reserve(code, count)
        self._counts.clear()
        return amount
