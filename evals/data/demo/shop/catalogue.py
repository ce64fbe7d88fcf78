"""What the shop sells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    code: str
    name: str
    price: int
    weight: int
    """Grams."""


class Catalogue:
    def __init__(self, products):
        self._products = {product.code: product for product in products}

    def __getitem__(self, code):
        if code not in self._products:
            raise KeyError(f"there is no product {code!r}")
        return self._products[code]

    def search(self, words):
        """Products whose name has all the words, cheapest first."""
        wanted = words.lower().split()
        found = [product for product in self._products.values() if all(word in product.name.lower() for word in wanted)]
        return sorted(found, key=lambda product: (product.price, product.code))
