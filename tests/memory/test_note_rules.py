"""What is refused on every way in."""

import pytest

from memory.errors import NoteRefused
from memory.note_rules import LONGEST_PATH, LONGEST_TEXT, MOST_ANCHORS, check_note
from memory.records import Anchor, Answer, Note
from tests.memory.note_examples import anchor, answer, note

BLOB = "0" * 40


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (note(" \n"), "is empty"),
        (note("a" * (LONGEST_TEXT + 1)), "has 4001 bytes"),
        (note("The key is AKIA" + "IOSFODNN7EXAMPLE"), "holds an AWS access key"),
        (note("-----BEGIN RSA " + "PRIVATE KEY-----"), "holds a private key"),
        (note("red \x1b[31m text"), "control character"),
        (note("Always use tabs.", kind="rule"), "Only what the user said is a rule"),
        (note(id="../../etc"), "is no id"),
        (note(anchors=(anchor("/etc/passwd"),)), "no path inside"),
        (note(anchors=(anchor("a/../../b"),)), "no path inside"),
        (note(anchors=(anchor(".git/config"),)), "no path inside"),
        (note(anchors=(anchor("a" * 301),)), "longer than 300 bytes"),
        (note(anchors=(anchor("a.py", "HEAD"),)), "where git's id"),
        (note(anchors=(anchor(),) * (MOST_ANCHORS + 1)), "13 anchors"),
        (note(commit="HEAD"), "git's whole id"),
        (note(answer=Answer(patch="+1")), "only an answer has one"),
        (answer("t::a", patch=" "), "has no patch"),
        (answer("t::a", patch="+x\n" * 2_000), "too large for a note"),
        (answer("t::a", patch="+\udcff"), "not UTF-8"),
        (answer("t::a", patch="+KEY = 'AKIA" + "IOSFODNN7EXAMPLE'"), "patch holds an AWS access key"),
        (note().model_copy(update={"source": "token: " + "q7Xz2Lm9Vb4Nc8Ws1Kd6Tf3Ry5"}), "looks like a password"),
    ],
)
def test_a_note_is_refused_with_its_reason(refused: Note, reason: str) -> None:
    with pytest.raises(NoteRefused, match=reason):
        check_note(refused)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("field", ["source", "run", "checks"])
def test_what_is_too_long_is_not_searched_for_secrets(field: str) -> None:
    long = "token" * 40_000
    with pytest.raises(NoteRefused, match="500 characters"):
        check_note(note().model_copy(update={field: (long,) if field == "checks" else long}))


def test_a_users_rule_is_taken() -> None:
    check_note(note("Always use tabs.\n\tLike this.", kind="rule", origin="user-said"))


def test_the_largest_note_is_within_the_limits_of_chroma_cloud() -> None:
    largest = note(
        "ä" * (LONGEST_TEXT // 2),
        anchors=tuple(
            Anchor(path="p" * LONGEST_PATH, blob="f" * 64, symbol="s" * 200, lines=(10**6, 10**6))
            for _ in range(MOST_ANCHORS)
        ),
    )
    check_note(largest)
    assert len(largest.text.encode()) <= 16_384
    assert sum(len(a.model_dump_json()) + 1 for a in largest.anchors) <= 8_192


def test_the_code_of_an_answer_may_hold_what_a_text_may_not() -> None:
    check_note(answer("t::a", patch="+\x0c\r\n+x = '\x1b[31m'\n"))
