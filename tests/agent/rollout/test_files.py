"""The file tools: what is shown, what is changed, and what is refused."""

from pathlib import Path

import pytest

from agent.errors import EditRefused
from agent.rollout.files import MOST_LINES, edit, read, write
from agent.rollout.observation import LONGEST

ADD = "def add(a, b):\n    return a - b\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "src").mkdir(parents=True)
    (top / "calc.py").write_text(ADD + "\n\ndef double(a):\n    return a * 2\n")
    (top / "src" / "deep.txt").write_text("deep\n")
    (tmp_path / "outside.txt").write_text("secret\n")
    return top


def test_a_file_is_read_with_line_numbers(root: Path) -> None:
    assert read(root, "calc.py", 2, 2).text == "calc.py, lines 2 to 2 of 6:\n     2\t    return a - b"


def test_a_folder_is_listed_with_slashes(root: Path) -> None:
    assert read(root, ".").text == "The repository's top holds:\ncalc.py\nsrc/"
    assert read(root, "src/").text == "The folder src holds:\ndeep.txt"


def test_a_long_file_is_read_in_parts(root: Path) -> None:
    (root / "long.txt").write_text("".join(f"{i}\n" for i in range(1, 2001)))
    assert read(root, "long.txt").text.endswith(f"[Lines {MOST_LINES + 1} to 2000 are left out.]")
    assert "  2000\t2000" in read(root, "long.txt", 1990).text


def test_a_file_of_one_huge_line_is_cut(root: Path) -> None:
    (root / "min.js").write_text("x" * 3_000_000)
    assert len(read(root, "min.js").text) < LONGEST


def test_lines_that_are_not_there_are_a_failure(root: Path) -> None:
    found = read(root, "calc.py", 10, 20)
    assert found.failed and "has 6 lines" in found.text


def test_a_wrong_path_is_answered_with_what_may_be_meant(root: Path) -> None:
    assert "src/deep.txt" in read(root, "deep.txt").text


@pytest.mark.parametrize(
    "path",
    ["../outside.txt", "/etc/passwd", "link.txt", "links/outside.txt", ".git", ".git/config", ".GIT/config", "a\0b"],
)
@pytest.mark.parametrize("tool", ["read", "edit", "write"])
def test_what_leads_out_of_the_worktree_or_into_git_is_refused(root: Path, path: str, tool: str) -> None:
    (root / "link.txt").symlink_to(root.parent / "outside.txt")
    (root / "links").symlink_to(root.parent)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("[core]\n")
    with pytest.raises(EditRefused):
        if tool == "read":
            read(root, path)
        elif tool == "edit":
            edit(root, path, "secret", "x")
        else:
            write(root, path, "x\n")
    assert (root.parent / "outside.txt").read_text() == "secret\n"
    assert (root / ".git" / "config").read_text() == "[core]\n"


def test_a_link_within_the_worktree_is_followed_and_stays(root: Path) -> None:
    (root / "alias.py").symlink_to("calc.py")
    edit(root, "alias.py", "a - b", "a + b")
    assert (root / "alias.py").is_symlink() and "a + b" in (root / "calc.py").read_text()


def test_the_worktrees_own_path_is_as_good_as_a_relative_one(root: Path) -> None:
    assert "a - b" in read(root, f"{root}/calc.py").text
    assert not edit(root, f"{root}/calc.py", "a - b", "a + b").failed


def test_a_part_of_a_line_is_enough_where_it_occurs_once(root: Path) -> None:
    found = edit(root, "calc.py", "a - b", "a + b")
    assert (root / "calc.py").read_text().startswith(ADD.replace("-", "+"))
    assert "     2\t    return a + b" in found.text and found.may_have_written


def test_a_part_over_several_lines_is_widened_to_whole_ones(root: Path) -> None:
    edit(root, "calc.py", "b):\n    return a - ", "c):\n    return a + c - ")
    # The edit breaks nothing that pyflakes would know: `b` is undefined then.
    assert (root / "calc.py").read_text().startswith(ADD)
    edit(root, "calc.py", "b):\n    return a - b", "c):\n    return a + c")
    assert (root / "calc.py").read_text().startswith("def add(a, c):\n    return a + c\n\n\ndef double")


def test_a_text_that_occurs_twice_is_refused_with_its_lines(root: Path) -> None:
    with pytest.raises(EditRefused, match="lines 2, 6"):
        edit(root, "calc.py", "return a", "return b")


def test_a_whole_line_counts_before_parts_of_others(root: Path) -> None:
    (root / "a.txt").write_text("xy\ny\n")
    edit(root, "a.txt", "y", "z")
    assert (root / "a.txt").read_text() == "xy\nz\n"


def test_line_numbers_copied_from_a_refusal_are_taken_away(root: Path) -> None:
    with pytest.raises(EditRefused) as refusal:
        edit(root, "calc.py", "def add(a, c):\n    return a - b", "")
    copied = "\n".join(str(refusal.value).split("\n")[1:3])
    edit(root, "calc.py", copied, copied.replace("a - b", "a + b"))
    assert (root / "calc.py").read_text().startswith("def add(a, b):\n    return a + b\n")


def test_copied_line_numbers_are_taken_away(root: Path) -> None:
    edit(
        root,
        "calc.py",
        "     1\tdef add(a, b):\n     2\t    return a - b",
        "     1\tdef add(a, b):\n     2\t    return a + b",
    )
    assert (root / "calc.py").read_text().startswith(ADD.replace("-", "+"))


def test_line_ends_of_a_file_survive(root: Path) -> None:
    (root / "dos.txt").write_bytes(b"one two\r\nthree\r\n")
    edit(root, "dos.txt", "two\nthree", "2\n3")
    assert (root / "dos.txt").read_bytes() == b"one 2\r\n3\r\n"
    write(root, "dos.txt", "a\nb\n")
    assert (root / "dos.txt").read_bytes() == b"a\r\nb\r\n"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("a - b", "(a - b", "calc.py:2: does not parse"),
        ("a - b", "a - c", "calc.py:2: undefined name 'c'"),
    ],
)
def test_an_edit_that_breaks_the_file_is_refused_with_the_lines(root: Path, old: str, new: str, reason: str) -> None:
    found = edit(root, "calc.py", old, new)
    assert found.failed and reason in found.text and f"     2\t    return {new}" in found.text
    assert (root / "calc.py").read_text().startswith(ADD)


def test_a_file_is_made_with_its_folders(root: Path) -> None:
    found = write(root, "new/a.py", "x = 1\n")
    assert (root / "new" / "a.py").read_text() == "x = 1\n" and "created" in found.text


def test_what_is_broken_in_a_written_file_is_said(root: Path) -> None:
    found = write(root, "calc.py", "def add(:\n")
    assert not found.failed and "calc.py:1: does not parse" in found.text


def test_binary_files_are_not_shown_and_can_be_replaced(root: Path) -> None:
    (root / "data.bin").write_bytes(b"\0\1")
    with pytest.raises(EditRefused, match="NUL"):
        read(root, "data.bin")
    write(root, "data.bin", "text\n")
    assert (root / "data.bin").read_text() == "text\n"
