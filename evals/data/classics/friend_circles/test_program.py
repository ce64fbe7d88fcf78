from program import FriendCircles


def test_strangers():
    circles = FriendCircles(["ann", "bob"])
    assert not circles.connected("ann", "bob")


def test_alone():
    assert FriendCircles(["ann"]).circle_size("ann") == 1


def test_introduced():
    circles = FriendCircles(["ann", "bob", "cleo"])
    circles.introduce("ann", "bob")
    assert circles.connected("bob", "ann")
    assert not circles.connected("bob", "cleo")


def test_through_others():
    circles = FriendCircles("abcd")
    circles.introduce("a", "b")
    circles.introduce("c", "d")
    circles.introduce("b", "c")
    assert circles.connected("a", "d")
    assert circles.circle_size("d") == 4
