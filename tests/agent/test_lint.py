import threading
import warnings

import pytest

from agent.lint import MAX_SIZE, new_problems, still_parses

GOOD = b"def f(a):\n    return a\n"


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (b"def f(:\n", "a.py:1: does not parse"),
        (b"def f():\nreturn 1\n", "a.py:2: does not parse"),
        (b"x = 1\nreturn x\n", "a.py:2: does not parse: 'return' outside function"),
        (b"x = 1\nbreak\n", "a.py:2: does not parse: 'break' outside loop"),
        (b"def f(a, a): pass\n", "a.py:1: does not parse: duplicate argument 'a'"),
        (b"await g()\n", "a.py:1: does not parse: 'await' outside function"),
        (b"x = '\xe9'\n", "a.py:"),
        (b"# coding: nonsense\n", "a.py:"),
        (b"x = 1\x00\n", "a.py:"),
    ],
)
def test_a_file_that_no_longer_parses_is_a_problem(new: bytes, problem: str) -> None:
    [found] = new_problems("a.py", GOOD, new)
    assert found.startswith(problem)
    assert not still_parses("a.py", GOOD, new)


@pytest.mark.parametrize(
    "source",
    [
        b"# coding: latin-1\nx = '\xe9'\n",
        b"\xef\xbb\xbfx = 1\n",
        b"x = 1\r\ny = 2\r\n",
        b"x = 1\ry = 2\r",
        b"",
        b"x = '\\d'\nif x is 'a': pass\n",
    ],
)
def test_a_file_in_any_encoding_that_python_reads_is_fine(source: bytes) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert new_problems("a.py", None, source) == []
    assert caught == []


def test_a_file_that_did_not_parse_before_is_not_judged() -> None:
    assert new_problems("a.py", b"print 'python 2'\n", b"print 'python two'\n") == []
    assert new_problems("a.py", b"print 'python 2'\n", b"print(undefined)\n") == []
    assert still_parses("a.py", b"print 'python 2'\n", b"print 'python two'\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("    return b", "a.py:2: undefined name 'b'"),
        ("    print(g); g = 1", "a.py:2: local variable 'g'"),
        ("    return '%d %d' % (a,)", "a.py:2: '...' % ... has 2 placeholder(s) but 1 substitution(s)"),
        ("    return '{} {}'.format(a)", "a.py:2: '...'.format(...) is missing argument(s) for placeholder(s): 1"),
        ("    from os import *", "a.py:"),
    ],
)
def test_a_new_fatal_error_is_a_problem(line: str, problem: str) -> None:
    old = b"g = 1\ndef f(a):\n    return a\n"
    [found] = new_problems("a.py", old, f"def f(a):\n{line}\ng = 1\n".encode())
    assert found.startswith(problem)


def test_an_export_that_is_not_there_is_a_problem() -> None:
    assert new_problems("a.py", GOOD, b"__all__ = ['f']\n") == ["a.py:1: undefined name 'f' in __all__"]


def test_style_is_no_problem() -> None:
    assert new_problems("a.py", GOOD, b"import os\ndef f(a):\n    b = 1\n    return a == None\n") == []


def test_errors_of_the_old_version_are_not_held_against_the_new_one() -> None:
    old = b"def f():\n    return undefined\n"
    assert new_problems("a.py", old, b"# moved\n\n" + old) == []


def test_an_undefined_local_is_the_same_error_on_another_line() -> None:
    old = b"x = 1\ndef f():\n    print(x)\n    x = 2\n"
    assert new_problems("a.py", old, b"\n\n" + old) == []


def test_one_more_error_of_a_known_kind_is_a_problem() -> None:
    old = b"def f():\n    return undefined\n"
    assert new_problems("a.py", old, old + b"def g():\n    return undefined\n") == [
        "a.py:4: undefined name 'undefined'"
    ]


def test_all_errors_of_a_new_file_are_new() -> None:
    assert new_problems("a.py", None, b"print(x)\nprint(y)\n") == [
        "a.py:1: undefined name 'x'",
        "a.py:2: undefined name 'y'",
    ]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.json", b'{"a": 1}', b'{"a": 1,}'),
        ("a.json", None, b"{"),
        ("a.ipynb", b"{}", b"{]"),
        ("a.toml", b"a = 1", b"a = "),
        ("a.toml", b"a = 1", b"a = '\xff'"),
    ],
)
def test_json_and_toml_must_parse_too(path: str, old: bytes | None, new: bytes) -> None:
    [problem] = new_problems(path, old, new)
    assert problem.startswith(f"{path}: does not parse: ")


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [("a.json", b"// comment\n{}", b"// other\n{}"), ("a.json", None, b"\xef\xbb\xbf{}"), ("a.txt", b"", b"{")],
)
def test_other_dialects_and_kinds_are_not_judged(path: str, old: bytes | None, new: bytes) -> None:
    assert new_problems(path, old, new) == []


DEEP = 200_000
HOSTILE = [
    ("a.py", b"x = " + b"(" * DEEP),
    ("a.py", b"x = " + b"[" * DEEP + b"]" * DEEP),
    ("a.py", b"x = " + b"-" * DEEP + b"1"),
    ("a.py", b"x = " + b"1+" * DEEP + b"1"),
    ("a.py", b"x = a" + b".a" * DEEP),
    ("a.py", b"".join(b" " * depth + b"if 1:\n" for depth in range(150))),
    ("a.py", b"\x00" * DEEP),
    ("a.py", b"x = " + b"9" * DEEP),
    ("a.json", b"[" * DEEP + b"]" * DEEP),
    ("a.toml", b"x = " + b"[" * DEEP + b"]" * DEEP),
]


@pytest.mark.parametrize(("path", "source"), HOSTILE)
def test_hostile_content_does_no_harm_in_a_thread_either(path: str, source: bytes) -> None:
    found: list[list[str]] = []
    thread = threading.Thread(target=lambda: found.append(new_problems(path, b"", source)))
    thread.start()
    thread.join()
    assert len(found[0]) <= 1


def test_a_huge_file_is_not_judged() -> None:
    assert new_problems("a.py", GOOD, b"(" + b" " * MAX_SIZE) == []
