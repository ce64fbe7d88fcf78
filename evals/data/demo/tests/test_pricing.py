from unittest import TestCase

from shop.pricing import discount_percent, line_price, shipping_fee


class PricingTest(TestCase):
    def test_few_pieces_cost_the_full_price(self):
        self.assertEqual(line_price(200, 3), 600)

    def test_discount_between_two_steps(self):
        self.assertEqual(discount_percent(75), 10)

    def test_ten_pieces_earn_the_first_discount(self):
        self.assertEqual(line_price(200, 10), 1900)

    def test_shipping_by_begun_kilos(self):
        self.assertEqual(shipping_fee(5_000, 1_200), 690)

    def test_large_orders_are_shipped_for_free(self):
        self.assertEqual(shipping_fee(10_000, 30_000), 0)
