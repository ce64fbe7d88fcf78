from program import checksum, is_valid_card


def test_small_digits():
    assert checksum("1234") == 4 + 6 + 2 + 2


def test_letters_are_refused():
    assert not is_valid_card("4539 14a8")


def test_doubled_digit_above_nine():
    assert checksum("80") == 7


def test_valid_card():
    assert is_valid_card("4539 1488 0343 6467")


def test_invalid_card():
    assert not is_valid_card("8273 1232 7352 0569")
