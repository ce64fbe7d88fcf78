from waitlist import Waitlist


def filled():
    waiting = Waitlist()
    waiting.join("ann")
    waiting.join("bob")
    return waiting


def test_order():
    waiting = filled()
    assert [waiting.next(), waiting.next(), waiting.next()] == ["ann", "bob", None]


def test_nobody_joins_twice():
    waiting = filled()
    assert waiting.join("cy") is True
    assert waiting.join("ann") is False
    assert waiting.waiting == ["ann", "bob", "cy"]


def test_staff_first():
    waiting = filled()
    waiting.join("zoe", is_staff=True)
    assert waiting.next() == "zoe"


def test_position():
    assert filled().position("bob") == 2
    assert filled().position("zoe") is None
