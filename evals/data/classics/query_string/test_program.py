from program import build_query, parse_query


def test_empty():
    assert parse_query("?") == {}


def test_repeated_names():
    assert parse_query("?tag=a&tag=b") == {"tag": ["a", "b"]}


def test_name_alone():
    assert parse_query("debug") == {"debug": [""]}


def test_build():
    assert build_query({"q": ["two words"], "a": ["1"]}) == "a=1&q=two+words"


def test_spaces():
    assert parse_query("q=two+words") == {"q": ["two words"]}
