import pytest
from program import unclosed_tags


def test_plain_text():
    assert unclosed_tags("2 + 2") == []


def test_self_closing_tag():
    assert unclosed_tags("one<br/>two") == []


def test_balanced():
    assert unclosed_tags("<p>some <b>bold</b> text</p>") == []


def test_unclosed():
    assert unclosed_tags("<ul><li>one") == ["ul", "li"]


def test_wrong_order():
    with pytest.raises(ValueError):
        unclosed_tags("<b><i></b></i>")
