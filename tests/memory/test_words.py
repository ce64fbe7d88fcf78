from memory.words import words


def test_identifiers_are_kept_whole_and_split() -> None:
    assert words("parseURL_now") == ["parseurl_now", "parse", "url", "now"]


def test_a_plain_word_comes_once() -> None:
    assert words("Parser parser2") == ["parser", "parser2", "parser", "2"]


def test_stop_words_are_left_out() -> None:
    assert words("The parser is in the file") == ["parser", "file"]


def test_other_scripts_are_words_too() -> None:
    assert words("größe решение") == ["größe", "решение"]
