from isbn import check_digit, digits, is_valid


def test_digits():
    assert digits("978-0 1") == [9, 7, 8, 0, 1]


def test_check_digit():
    assert check_digit([9, 7, 8, 0, 3, 0, 6, 4, 0, 6, 1, 5]) == 7
    assert check_digit([0] * 12) == 0


def test_valid():
    assert is_valid("978-0-306-40615-7")


def test_not_valid():
    assert not is_valid("978-0-306-40615-8")
    assert not is_valid("978-0-306-4061")
