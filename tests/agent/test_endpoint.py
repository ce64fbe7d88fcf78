"""What an endpoint's words mean."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agent.endpoint import refused, retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_to_retry_after_is_a_wait_from_now() -> None:
    wait = retry_after({"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=1))})
    assert wait is not None
    assert 3000 < wait <= 3600


def test_a_server_that_asks_to_wait_is_believed() -> None:
    assert refused("http://a/v1", "m", "", 429, {"retry-after": "7"}, "slow").wait == 7.0


def test_the_words_of_a_server_are_one_short_line() -> None:
    sentence = str(refused("http://a/v1", "m", "", 500, {}, "first\nsecond " + "x" * 1000))
    assert "first second" in sentence
    assert "\n" not in sentence
    assert len(sentence) < 400
