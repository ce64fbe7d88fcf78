from program import TextHistory


def test_write():
    history = TextHistory("a")
    history.write("b")
    assert history.text == "ab"


def test_undo():
    history = TextHistory()
    history.write("one ")
    history.write("two ")
    history.undo()
    assert history.text == "one "


def test_undo_of_nothing():
    history = TextHistory("x")
    history.undo()
    assert history.text == "x"


def test_redo():
    history = TextHistory()
    history.write("one")
    history.undo()
    history.redo()
    assert history.text == "one"


def test_redo_can_be_undone():
    history = TextHistory()
    history.write("one")
    history.undo()
    history.redo()
    history.undo()
    assert history.text == ""
