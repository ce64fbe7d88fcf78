"""The settings of sleep: defaults, a file, and what is wrong with one."""

import pytest

from memory.errors import UserError
from sleeptime.settings import SleepSettings, settings_file


def test_without_a_file_a_paid_endpoint_gets_nothing() -> None:
    assert SleepSettings.load().paid_tokens_per_day == 0


def test_a_file_sets_what_it_names() -> None:
    settings_file().write_text("paid_tokens_per_day = 5000\nmodel = 'small'\n")
    settings = SleepSettings.load()
    assert (settings.paid_tokens_per_day, settings.model, settings.quiet_seconds) == (5000, "small", 120)


@pytest.mark.parametrize("text", ["token_per_day = 1", "paid_tokens_per_day = -1", "paid_tokens_per_day = ", "\xff"])
def test_what_is_not_understood_is_an_error_that_names_the_file(text: str) -> None:
    settings_file().write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"sleep\.toml"):
        SleepSettings.load()


def test_a_relative_path_could_lie_in_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPWRIGHT_CONFIG", "sleep.toml")
    with pytest.raises(UserError, match="absolute path"):
        SleepSettings.load()
