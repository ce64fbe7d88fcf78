import pytest

from waypost.pattern import BadPattern, Pattern


def test_literal_parts():
    assert Pattern("/about/us").match("/about/us") == {}
    assert Pattern("/about/us").match("/about/them") is None


def test_numbers():
    assert Pattern("/posts/<int:id>").match("/posts/7") == {"id": 7}
    assert Pattern("/posts/<int:id>").match("/posts/seven") is None


def test_a_name_twice():
    with pytest.raises(BadPattern):
        Pattern("/<a>/<a>")


def test_build():
    assert Pattern("/posts/<int:id>").build({"id": 7}) == "/posts/7"
