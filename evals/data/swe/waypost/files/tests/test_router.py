import pytest

from waypost.router import Match, Router


@pytest.fixture
def router():
    made = Router()
    made.add("/", "home")
    made.add("/posts/<slug:title>", "post")
    made.add("/posts/new", "new-post")
    return made


def test_home(router):
    assert router.match("/") == Match("home", {})


def test_literals_come_first(router):
    assert router.match("/posts/new").name == "new-post"


def test_url(router):
    assert router.url("post", title="hello") == "/posts/hello"


def test_nothing_matches(router):
    assert router.match("/nowhere/at/all") is None
