from program import Playlist


def test_titles():
    assert Playlist("one", "two").titles() == ["one", "two"]


def test_empty():
    assert Playlist().titles() == []


def test_remove_first():
    playlist = Playlist("one", "two", "three")
    assert playlist.remove("one")
    assert playlist.titles() == ["two", "three"]


def test_remove_unknown():
    assert not Playlist("one").remove("two")


def test_remove_from_the_middle():
    playlist = Playlist("one", "two", "three")
    assert playlist.remove("two")
    assert playlist.titles() == ["one", "three"]


def test_remove_last():
    playlist = Playlist("one", "two")
    playlist.remove("two")
    assert playlist.titles() == ["one"]
