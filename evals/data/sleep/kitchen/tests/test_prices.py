from prices import cheapest, line_total, split_bill


def test_without_a_deal():
    assert line_total(3, 4) == 12


def test_three_for_two():
    assert line_total(5, 7, (3, 2)) == 25
    assert line_total(5, 2, (3, 2)) == 10


def test_cheapest():
    shops = {"north": {"tea": 4}, "south": {"tea": 3}, "east": {"rice": 1}}
    assert cheapest(shops, "tea") == "south"
    assert cheapest(shops, "salt") is None


def test_bill():
    assert split_bill(10, 3) == [4, 3, 3]
    assert sum(split_bill(101, 7)) == 101
