from program import decrypt, encrypt


def test_encrypt():
    assert encrypt("abc", 3) == "def"


def test_other_characters_stay():
    assert encrypt("1, 2!", 5) == "1, 2!"


def test_wraps_at_the_end():
    assert encrypt("XYZ", 3) == "ABC"


def test_decrypt():
    assert decrypt(encrypt("Hello, lazy World", 11), 11) == "Hello, lazy World"
