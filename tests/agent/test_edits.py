"""The edit battery of the reference, and what the applier does with paths and files."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edits import MAX_BYTES, Decoded, Edit, apply_edits, decode, edit_bytes
from agent.errors import EditRefused

APPLIED = {
    "CRLF is kept": (b"a\r\nb\r\nc\r\n", "b\n", "B\n", b"a\r\nB\r\nc\r\n"),
    "CRLF for added lines": (b"a\r\nb\r\n", "b", "b\nnew", b"a\r\nb\r\nnew\r\n"),
    "CRLF in the edit, LF in the file": (b"a\nb\n", "a\r\nb\r\n", "a\r\nB\r\n", b"a\nB\n"),
    "mixed line endings, only edited lines touched": (b"a\r\nb\nc\rd\r\n", "b\nc\n", "B\nc\n", b"a\r\nB\nc\rd\r\n"),
    "mixed line endings, the edited line keeps its own": (b"a\nb\r\nc\n", "a\nb\nc\n", "a\nB\nc\n", b"a\nB\r\nc\n"),
    "mixed line endings, the rest of a deletion": (b"a\r\nb\nc\n", "a\nb\n", "a\n", b"a\r\nc\n"),
    "lone CR elsewhere": (b"a\rb\nfoo\n", "foo", "bar", b"a\rb\nbar\n"),
    "lone CR in the edited lines": (b"a\rb\nfoo\n", "a\nb\nfoo", "a\nB\nfoo", b"a\rB\nfoo\n"),
    "lone CR in search and new text": (b"a\rb\nfoo\n", "a\rb", "a\rB", b"a\rB\nfoo\n"),
    "lone CR is the only line ending": (b"a\rb\rc\r", "b\n", "B\nB2\n", b"a\rB\rB2\rc\r"),
    "lone CR that the new text adds": (b"a\nb\n", "b", "x\ry\nz", b"a\nx\ry\nz\n"),
    "BOM, first line edited": (b"\xef\xbb\xbfa\nb\n", "a", "A", b"\xef\xbb\xbfA\nb\n"),
    "BOM in search and new text": (b"\xef\xbb\xbfa\nb\n", "\ufeffa", "\ufeffA", b"\xef\xbb\xbfA\nb\n"),
    "BOM, all deleted": (b"\xef\xbb\xbfa\n", "a\n", "", b"\xef\xbb\xbf"),
    "latin-1": (b"caf\xe9 = 1\nx = 1\n", "x = 1", "x = 'th\xe9'", b"caf\xe9 = 1\nx = 'th\xe9'\n"),
    "latin-1, searched by its letters": (b"caf\xe9 = 1\n", "caf\xe9 = 1", "caf\xe9 = 2", b"caf\xe9 = 2\n"),
    "latin-1, searched by surrogate escapes": (b"caf\xe9 = 1\n", "caf\udce9 = 1", "caf\udce9 = 2", b"caf\xe9 = 2\n"),
    "UTF-16 little endian": (
        "a\r\nb\r\n".encode("utf-16"),
        "b",
        "\u20ac\nc",
        "a\r\n\u20ac\r\nc\r\n".encode("utf-16"),
    ),
    "UTF-16 big endian": (
        b"\xfe\xff" + "a\nb\n".encode("utf-16-be"),
        "a\n",
        "",
        b"\xfe\xff" + "b\n".encode("utf-16-be"),
    ),
    "all content deleted": (b"a\nb\n", "a\nb\n", "", b""),
    "all content deleted, no final newline": (b"a\nb", "a\nb\n", "", b""),
    "no final newline in the file, none added": (b"a\nb", "b\n", "c\n", b"a\nc"),
    "no final newline in the file, lines appended": (b"a\nb", "b\n", "b\nc\n", b"a\nb\nc"),
    "no final newline in the file, CRLF": (b"a\r\nb", "a\nb\n", "a\nB\nc\n", b"a\r\nB\r\nc"),
    "no final newline in the file, last line deleted": (b"a\nb", "b", "", b"a\n"),
    "no final newline, the only line": (b"a", "a\n", "b\nc\n", b"b\nc"),
    "no final newline in the edit, the file's stays": (b"a\nb\n", "b", "c", b"a\nc\n"),
    "trailing spaces in the file, unedited lines": (b"a  \nb \t\nc\n", "a\nb\nc\n", "a\nb\nC\n", b"a  \nb \t\nC\n"),
    "trailing spaces in the file, the edited line": (b"x = 1   \ny = 2\n", "x = 1\n", "x = 9\n", b"x = 9   \ny = 2\n"),
    "trailing spaces in the search text": (b"x = 1\ny = 2\n", "x = 1  \n", "x = 9  \n", b"x = 9\ny = 2\n"),
    "trailing spaces removed on purpose": (b"x = 1  \n", "x = 1  \n", "x = 1\n", b"x = 1\n"),
    "trailing spaces added on purpose": (b"line\n", "line\n", "line  \n", b"line  \n"),
    "a blank line of spaces": (b"a\n    \nb\n", "a\n\nb", "a\n\nB", b"a\n    \nB\n"),
    "tabs in the file, spaces in the search text": (
        b"def f():\n\tif x:\n\t\treturn 1\n",
        "    if x:\n        return 1\n",
        "    if y:\n        z()\n        for _ in z:\n            return 2\n",
        b"def f():\n\tif y:\n\t\tz()\n\t\tfor _ in z:\n\t\t\treturn 2\n",
    ),
    "spaces in the file, tabs in the search text": (
        b"def f():\n  if x:\n    return 1\n",
        "\tif x:\n\t\treturn 1\n",
        "\tif x:\n\t\tg()\n\t\treturn 2\n",
        b"def f():\n  if x:\n    g()\n    return 2\n",
    ),
    "outdented search": (
        b"class A:\n    def f(self):\n        return 1\n",
        "def f(self):\n    return 1\n",
        "def f(self):\n\n    if self:\n        return 2\n",
        b"class A:\n    def f(self):\n\n        if self:\n            return 2\n",
    ),
    "file with marker text": (
        b"<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\n",
        "=======\nb\n>>>>>>> REPLACE\n```\n",
        "=======\n<<<<<<< HEAD\n>>>>>>> REPLACE\n```python\n",
        b"<<<<<<< SEARCH\na\n=======\n<<<<<<< HEAD\n>>>>>>> REPLACE\n```python\n",
    ),
    "empty search fills an empty file": (b"", "", "a\nb\n", b"a\nb\n"),
    "a line that is also part of a longer one": (b"foobar\nfoo\n", "foo", "baz", b"foobar\nbaz\n"),
    "form feeds and Unicode separators do not end a line": (
        "\x0ca\u2028b\x85c\nd\n".encode(),
        "d",
        "e",
        "\x0ca\u2028b\x85c\ne\n".encode(),
    ),
}

REFUSED = {
    "twice": (b"a\nx\na\n", "a\n", "b\n", "lines 1, 3"),
    "twice, overlapping": (b"a\na\na\n", "a\na\n", "b\n", "lines 1, 2"),
    "twice, trailing spaces ignored": (b"a \nx\na  \n", "a", "b", "lines 1, 3"),
    "twice, indentation ignored": (b" a\nx\n\ta\n", "a", "b", "lines 1, 3"),
    "part of a longer line": (b"x\nfoobar\n", "foo", "bar", "whole lines.*2\tfoobar"),
    "absent": (b"import os\n\ndef total(items):\n", "def totals(items):", "x", "3\tdef total"),
    "absent from an empty file": (b"", "a", "b", "no text"),
    "unevenly indented": (b"if a:\n    b\n", " if a:\n    b\n", "x", "1\tif a:\n2\t    b"),
    "applied already": (b"new()\n", "old()", "new()", "new text is in it, at line 1"),
    "no-op": (b"a\n", "a\n", "a\n", "changes nothing"),
    "no-op but for the line ending": (b"a\r\n", "a\r\n", "a\n", "changes nothing"),
    "no-op but for the final newline": (b"a", "a", "a\n", "changes nothing"),
    "NUL": (b"a\nb\0c\n", "a", "b", "binary"),
    "NUL in the new text": (b"a\n", "a", "b\0", "binary"),
    "UTF-16 without a byte order mark": ("a\n".encode("utf-16-le"), "a", "b", "UTF-16 without"),
    "broken UTF-16": (b"\xff\xfea", "a", "b", "not valid utf-16-le"),
    "latin-1 cannot hold the new text": (b"caf\xe9\nx\n", "x", "\u20ac", r"'\\u20ac', which latin-1"),
    "no UTF-8 for a lone surrogate": (b"x\n", "x", "\udce9", r"'\\udce9', which utf-8"),
    "empty search": (b"a\n", "", "b", "search text is empty"),
}


@pytest.mark.parametrize(("data", "old", "new", "expected"), APPLIED.values(), ids=APPLIED)
def test_the_edit_changes_these_bytes_and_no_others(data: bytes, old: str, new: str, expected: bytes) -> None:
    assert edit_bytes(data, old, new) == expected


@pytest.mark.parametrize(("data", "old", "new", "reason"), REFUSED.values(), ids=REFUSED)
def test_the_refusal_says_why(data: bytes, old: str, new: str, reason: str) -> None:
    with pytest.raises(EditRefused, match="(?s)" + reason):
        edit_bytes(data, old, new)


def test_decode_gives_the_text_that_edits_are_matched_against() -> None:
    assert decode(b"\xef\xbb\xbfa\r\n") == Decoded("a\r\n", "utf-8", b"\xef\xbb\xbf")
    assert decode(b"caf\xe9") == Decoded("caf\xe9", "latin-1", b"")


LINES = st.lists(st.text("ab \t\x0c\xe9", max_size=5), max_size=6, unique_by=str.strip)
ENDINGS = st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=6, max_size=6)


@given(LINES, ENDINGS, st.booleans(), st.data())
def test_one_edited_line_leaves_all_other_bytes_alone(
    lines: list[str], endings: list[str], final: bool, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(lines) - 1)) if lines else 0
    lines[at : at + 1] = ["the edited line"]
    endings = endings[: len(lines) - 1] + [endings[-1] if final else ""]
    file = "".join(map("".join, zip(lines, endings, strict=True)))
    expected = file.replace("the edited line", "another line")
    assert edit_bytes(file.encode(), "the edited line\n", "another line\n") == expected.encode()


@given(st.binary(max_size=40), st.text("a \t\r\n", max_size=6), st.text("ab \t\r\n", max_size=6))
def test_any_input_is_edited_or_refused(data: bytes, old: str, new: str) -> None:
    try:
        assert edit_bytes(data, old, new) != data
    except EditRefused as refusal:
        assert str(refusal)


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_files_are_created_with_their_folders(tmp_path: Path) -> None:
    apply_edits(tmp_path, [Edit("new/folder/a.py", "", "x = 1\n"), Edit("new/__init__.py", "", "")])
    assert tree(tmp_path) == {"new/folder/a.py": b"x = 1\n", "new/__init__.py": b""}


def test_edits_apply_in_sequence(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n2\n")
    apply_edits(tmp_path, [Edit("a", "1", "2b"), Edit("./a", "2b\n2", "3"), Edit("b", "", "x"), Edit("b", "x", "y")])
    assert tree(tmp_path) == {"a": b"3\n", "b": b"y"}


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(Edit("a", "absent", "x"), id="no match"),
        pytest.param(Edit("absent", "a", "b"), id="no such file"),
        pytest.param(Edit("c", "c", "c"), id="no-op"),
        pytest.param(Edit("new/b", "", "a file where a folder must be"), id="writing fails"),
        pytest.param(Edit("new/" + "b" * 300, "", "x"), id="file name too long"),
    ],
)
def test_all_edits_or_none(tmp_path: Path, last: Edit) -> None:
    (tmp_path / "a").write_bytes(b"a\n")
    (tmp_path / "c").write_bytes(b"c\n")
    before = tree(tmp_path)
    with pytest.raises(EditRefused):
        apply_edits(tmp_path, [Edit("a", "a", "b"), Edit("d/e", "", "x"), Edit("new", "", "x"), last])
    assert tree(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]


def test_a_refusal_names_the_edit_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\n")
    with pytest.raises(EditRefused, match="^edit 2 of 2, 'a': the search text is not in the file"):
        apply_edits(tmp_path, [Edit("a", "a", "b"), Edit("a", "a", "c")])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "not the path of a file"),
        (".", "not the path of a file"),
        ("folder/", "not the path of a file"),
        ("a\0b", "not the path of a file"),
        ("\ud800", "not the path of a file"),
        ("/etc/hostname", "relative"),
        ("../a", "relative"),
        ("folder/../../a", "relative"),
        (".git/config", "git's own"),
        ("sub/.GIT/hooks/pre-commit", "git's own"),
        ("to-git/config", "git's own"),
        ("folder", "directory"),
        ("fifo", "not a regular file"),
        ("to-device", "leads out"),
        ("to-outside", "leads out"),
        ("to-parent/new", "leads out"),
        ("loop", "loop|Too many levels"),
        ("file/below", "Not a directory"),
        ("large", "more than"),
    ],
)
def test_paths_that_are_none_of_its_business(tmp_path: Path, path: str, reason: str) -> None:
    root = tmp_path / "root"
    (root / ".git").mkdir(parents=True)
    (root / ".git/config").touch()
    (root / "folder").mkdir()
    (root / "file").touch()
    (tmp_path / "outside").touch()
    os.mkfifo(root / "fifo")
    os.truncate(os.open(root / "large", os.O_CREAT | os.O_WRONLY), MAX_BYTES + 1)
    links = {"to-git": ".git", "to-device": "/dev/null", "to-outside": "../outside", "to-parent": "..", "loop": "loop"}
    for link, target in links.items():
        (root / link).symlink_to(target)
    with pytest.raises(EditRefused, match=reason):
        apply_edits(root, [Edit(path, "", "x")])
    assert sorted(os.listdir(tmp_path)) == ["outside", "root"]
    assert (tmp_path / "outside").read_bytes() == b""


def test_a_symbolic_link_stays_and_its_target_is_edited(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a").write_bytes(b"a\n")
    (tmp_path / "link").symlink_to("real/a")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "dangling").symlink_to("real/new")
    apply_edits(
        tmp_path,
        [Edit("link", "a", "b"), Edit("folder/a", "b", "c"), Edit("real/a", "c", "d"), Edit("dangling", "", "n")],
    )
    assert tree(tmp_path / "real") == {"a": b"d\n", "new": b"n"}
    assert (
        (tmp_path / "link").is_symlink() and (tmp_path / "folder").is_symlink() and (tmp_path / "dangling").is_symlink()
    )


def test_the_root_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "link").symlink_to("root")
    apply_edits(tmp_path / "link", [Edit("a", "", "x")])
    assert tree(tmp_path / "root") == {"a": b"x"}


def test_a_hard_link_elsewhere_keeps_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").write_bytes(b"a\n")
    os.link(tmp_path / "elsewhere", tmp_path / "root/a")
    apply_edits(tmp_path / "root", [Edit("a", "a", "b")])
    assert tree(tmp_path) == {"elsewhere": b"a\n", "root/a": b"b\n"}


def test_mode_bits_stay(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_bytes(b"a\n")
    script.chmod(0o751)
    apply_edits(tmp_path, [Edit("run.sh", "a", "b")])
    assert stat.S_IMODE(script.stat().st_mode) == 0o751


@pytest.mark.parametrize("name", ["two words", "new\nline", "'\"", "-dash", "\udcff\udcfe", "\u00e9", "a\\b", ".env"])
def test_file_names_may_be_odd(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a\n")
    apply_edits(tmp_path, [Edit(name, "a", "b")])
    assert (tmp_path / name).read_bytes() == b"b\n"
    assert os.listdir(tmp_path) == [name]
