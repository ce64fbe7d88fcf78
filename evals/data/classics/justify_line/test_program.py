from program import justify_line


def test_single_word():
    assert justify_line(["hello"], 8) == "hello   "


def test_two_words():
    assert justify_line(["to", "be"], 8) == "to    be"


def test_even_spaces():
    assert justify_line(["a", "b", "c"], 7) == "a  b  c"


def test_extra_spaces_go_left():
    assert justify_line(["this", "is", "fine"], 14) == "this  is  fine"
    assert justify_line(["this", "is", "fine"], 13) == "this  is fine"
