from shopping import by_aisle, missing


def test_what_is_short():
    assert missing({"milk": 3, "salt": 1}, {"milk": 1, "salt": 1}) == {"milk": 2}


def test_an_empty_pantry():
    assert missing({"rice": 2}, {}) == {"rice": 2}


def test_aisles():
    assert by_aisle(["pear", "apple", "soap"], {"pear": "fruit", "apple": "fruit"}) == {
        "fruit": ["apple", "pear"],
        "other": ["soap"],
    }


def test_no_items():
    assert by_aisle([], {}) == {}
