from unittest import TestCase

from shop.basket import Basket
from shop.catalogue import Catalogue, Product
from shop.stock import Stock

PRODUCTS = [Product("tea", "Green tea", 450, 100), Product("pot", "Tea pot", 2900, 900)]


class BasketTest(TestCase):
    def setUp(self):
        self.stock = Stock()
        self.stock.receive("tea", 100)
        self.basket = Basket(Catalogue(PRODUCTS), self.stock)

    def test_an_empty_basket_costs_nothing(self):
        self.assertEqual(self.basket.total(), 0)

    def test_the_total_includes_shipping(self):
        self.basket.add("tea", 2)
        self.assertEqual(self.basket.total(), 900 + 540)

    def test_removed_products_cost_nothing(self):
        self.basket.add("tea", 2)
        self.basket.add("pot")
        self.basket.remove("tea")
        self.assertEqual(self.basket.goods(), 2900)

    def test_checking_out_reserves_the_pieces(self):
        self.basket.add("tea", 5)
        self.basket.check_out()
        self.assertEqual(self.stock.available("tea"), 95)

    def test_search_finds_the_cheapest_first(self):
        found = Catalogue(PRODUCTS).search("TEA")
        self.assertEqual([product.code for product in found], ["tea", "pot"])
