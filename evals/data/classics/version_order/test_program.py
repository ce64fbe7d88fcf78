from program import is_newer, parse_version


def test_parse():
    assert parse_version("v1.4-rc1") == ((1, 4, 0), "rc1")


def test_numbers_are_not_text():
    assert is_newer("1.10.0", "1.9.9")


def test_same_version():
    assert not is_newer("2.0", "2.0.0")


def test_labels():
    assert is_newer("1.0-rc2", "1.0-rc1")


def test_release_is_newer_than_its_candidate():
    assert is_newer("1.0", "1.0-rc1")
    assert not is_newer("1.0-rc1", "1.0")
