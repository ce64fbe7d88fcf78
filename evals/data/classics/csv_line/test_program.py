from program import split_line


def test_one_field():
    assert split_line("hello") == ["hello"]


def test_empty_line_is_one_empty_field():
    assert split_line("") == [""]


def test_three_fields():
    assert split_line("a,b,c") == ["a", "b", "c"]


def test_quoted_separator():
    assert split_line('"x, y",z') == ["x, y", "z"]


def test_escaped_quote():
    assert split_line('"say ""hi"""') == ['say "hi"']


def test_other_separator():
    assert split_line("1;2", separator=";") == ["1", "2"]
