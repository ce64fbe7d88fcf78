from waypost.query import build_query, parse_query


def test_pairs():
    assert parse_query("a=1&b=2") == {"a": ["1"], "b": ["2"]}


def test_many_values():
    assert parse_query("a=1&a=2") == {"a": ["1", "2"]}


def test_build():
    assert build_query({"q": "two words", "page": 2}) == "q=two+words&page=2"
