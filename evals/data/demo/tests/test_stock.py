from unittest import TestCase

from shop.stock import OutOfStock, Stock


class StockTest(TestCase):
    def setUp(self):
        self.stock = Stock()
        self.stock.receive("tea", 10)

    def test_what_arrives_is_available(self):
        self.assertEqual(self.stock.available("tea"), 10)

    def test_nothing_of_an_unknown_product(self):
        self.assertEqual(self.stock.available("salt"), 0)

    def test_reserved_pieces_are_not_available(self):
        self.stock.reserve("tea", 4)
        self.assertEqual(self.stock.available("tea"), 6)

    def test_no_more_than_there_is(self):
        with self.assertRaises(OutOfStock):
            self.stock.reserve("tea", 11)

    def test_shipping_needs_a_reservation(self):
        with self.assertRaises(ValueError):
            self.stock.ship("tea", 1)
