import pytest
from program import Pager


def test_count():
    assert Pager(list(range(10)), 5).count() == 2
    assert Pager(list(range(11)), 5).count() == 3


def test_first_page():
    assert Pager(list("abcde"), 2).page(1) == ["a", "b"]


def test_middle_page():
    assert Pager(list("abcde"), 2).page(2) == ["c", "d"]


def test_last_page():
    assert Pager(list("abcde"), 2).page(3) == ["e"]


def test_no_such_page():
    with pytest.raises(IndexError):
        Pager(list("abcde"), 2).page(4)


def test_page_of():
    assert Pager(list("abcde"), 2).page_of("d") == 2
