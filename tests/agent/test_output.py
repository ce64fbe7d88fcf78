from agent.output import HEAD, TAIL, BoundedOutput, readable


def output_of(*chunks: bytes) -> str:
    output = BoundedOutput()
    for chunk in chunks:
        output.add(chunk)
    return output.text()


def test_a_short_output_is_kept_as_it_is() -> None:
    assert output_of(b"one\n", b"two\n") == "one\ntwo\n"


def test_no_output_is_empty_text() -> None:
    assert output_of() == ""


def test_what_just_fits_is_kept_whole() -> None:
    assert output_of(b"a" * HEAD, b"b" * TAIL) == "a" * HEAD + "b" * TAIL


def test_the_middle_of_a_long_output_is_left_out_and_counted() -> None:
    text = output_of(b"begin\n", *[b"x" * 65536] * 800, b"\nend\n")
    assert text.startswith("begin\n") and text.endswith("\nend\n")
    assert f"[... {800 * 65536 + 11 - HEAD - TAIL:,} bytes left out ...]" in text


def test_a_character_split_over_chunks_is_whole() -> None:
    snow = "☃".encode()
    assert output_of(snow[:1], snow[1:]) == "☃"


def test_a_character_at_the_cut_is_left_out_rather_than_broken() -> None:
    text = output_of(b".", "☃".encode() * HEAD)
    assert "\N{REPLACEMENT CHARACTER}" not in text
    kept = text.count("☃") * 3 + 1
    assert f"[... {1 + 3 * HEAD - kept:,} bytes left out ...]" in text


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert output_of(b"caf\xe9 \xff!") == "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}!"


def test_colours_titles_and_links_are_removed() -> None:
    assert readable("\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://x\x1b\\link\x1b(B") == "red link"


def test_an_unfinished_escape_sequence_takes_no_other_line_along() -> None:
    assert readable("a\x1b]0;title\nb\x1b") == "a\nb"


def test_a_progress_line_is_reduced_to_its_last_state() -> None:
    assert readable("10%\r50%\r100%\ndone\r\nat 99%\r") == "100%\ndone\nat 99%"


def test_control_characters_are_removed_but_tabs_kept() -> None:
    assert readable("a\x00\x08\x07\tb\x9bc") == "a\tbc"
