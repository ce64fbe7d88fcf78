from memory.words import stem, stems_of, words


def test_identifiers_are_kept_whole_and_split() -> None:
    assert words("parseURL_now") == ["parseurl_now", "parse", "url", "now"]


def test_a_plain_word_comes_once() -> None:
    assert words("Parser parser2") == ["parser", "parser2", "parser", "2"]


def test_stop_words_are_left_out() -> None:
    assert words("The parser is in the file") == ["parser", "file"]


def test_other_scripts_are_words_too() -> None:
    assert words("größe решение") == ["größe", "решение"]


def test_plurals_and_verbs_share_their_stem() -> None:
    assert len({stem(word) for word in ("parse", "parses", "parsed", "parsing")}) == 1
    assert len({stem(word) for word in ("query", "queries")}) == 1
    assert len({stem(word) for word in ("stop", "stopped", "stopping")}) == 1


def test_short_words_numbers_and_other_scripts_are_their_own_stems() -> None:
    assert [stem(word) for word in ("bus", "123ing", "größes", "class")] == ["bus", "123ing", "größes", "class"]


def test_words_with_one_stem_are_counted_together() -> None:
    assert stems_of({"parses": 2, "parsing": 1}) == {"pars": 3}
