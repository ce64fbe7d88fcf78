from program import keyword_cipher


def test_key_a_changes_nothing():
    assert keyword_cipher("attack", "a") == "attack"


def test_key_of_one_letter():
    assert keyword_cipher("abz", "b") == "bca"


def test_longer_key():
    assert keyword_cipher("attack", "lemon") == "lxfopv"


def test_spaces_use_no_key_letter():
    assert keyword_cipher("ab ab", "bc") == "bd bd"
