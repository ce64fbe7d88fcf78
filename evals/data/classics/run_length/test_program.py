from program import compress, expand


def test_expand():
    assert expand("a3b1") == "aaab"


def test_expand_long_runs():
    assert expand("x12") == "x" * 12


def test_empty():
    assert compress("") == ""


def test_compress():
    assert compress("aaab") == "a3b1"


def test_there_and_back():
    assert expand(compress("hello  world")) == "hello  world"
