"""Fingerprints, majority, and the choice of a winner."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.vote import FileChange, choose, consensus, fingerprint, rank
from memory.records import Candidate, Check, CommandRun, Vote

OLD = b'''"""Module."""


def total(items):
    """Sum up."""
    result = 0  # start
    for item in items:
        result = item
    return result
'''
NEW = OLD.replace(b"result = item", b"result += item")


def change(new: bytes | None, old: bytes | None = OLD, path: str = "total.py") -> str:
    return fingerprint([FileChange(path, old, new)])


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(NEW.replace(b"+= item", b"+= item  # add"), id="a comment"),
        pytest.param(NEW.replace(b"Sum up.", b"Add them."), id="a docstring"),
        pytest.param(NEW.replace(b'    """Sum up."""\n', b""), id="no docstring"),
        pytest.param(NEW.replace(b"+= item", b"+= (item)"), id="parentheses"),
        pytest.param(NEW.replace(b"\n", b"\r\n").replace(b"    ", b"\t"), id="layout"),
    ],
)
def test_the_same_program_has_the_same_fingerprint(new: bytes) -> None:
    assert new != NEW
    assert change(new) == change(NEW)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(change(NEW.replace(b"+=", b"-=")), id="another operator"),
        pytest.param(change(NEW.replace(b"result += item", b"pass\n    result += item")), id="another indentation"),
        pytest.param(change(NEW, path="other.py"), id="another file"),
        pytest.param(change(None), id="deleted"),
        pytest.param(change(NEW, old=None), id="created"),
    ],
)
def test_another_change_has_another_fingerprint(other: str) -> None:
    assert other and other != change(NEW)


def test_a_fingerprint_is_sixteen_hex_digits() -> None:
    assert len(change(NEW)) == 16
    int(change(NEW), 16)


def test_the_order_of_files_and_unchanged_files_do_not_count() -> None:
    a, b, same = FileChange("a", b"1", b"2"), FileChange("b", b"1", b"2"), FileChange("c", b"1", b"1")
    assert fingerprint([a, b]) == fingerprint([b, same, a]) != fingerprint([a])


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.py", OLD, OLD),
        ("a.py", b"x = 1\n", b"\nx = 1  \r\n"),
        ("a.py", b"x =\n", b"\nx =  \n"),
        ("a.md", b"two words\n", b"\r\ntwo   words \r\n"),
        ("a.py", None, None),
    ],
)
def test_a_change_of_whitespace_is_none(path: str, old: bytes | None, new: bytes | None) -> None:
    assert change(new, old, path) == ""


def test_no_change_has_no_fingerprint() -> None:
    assert fingerprint([]) == ""


def test_a_change_of_a_comment_counts_where_it_is_the_only_one() -> None:
    comment = change(OLD.replace(b"# start", b"# begin"))
    assert comment and comment != change(OLD.replace(b"# start", b"# zero"))


def test_a_change_of_a_comment_does_not_count_beside_code() -> None:
    code, comment = FileChange("a.py", b"x = 1", b"x = 2"), FileChange("b.py", b"# a\n", b"# b\n")
    assert fingerprint([code, comment]) == fingerprint([code])


def test_text_counts_by_its_words_and_indentation() -> None:
    assert change(b"a:\n  b: 1\n", b"a:\nb: 1\n", "a.yml")
    assert change(b"A title\n", b"a title\n", "a.md")


def test_an_empty_file_is_created() -> None:
    assert change(b"", None, "pkg/__init__.py")


def test_binary_files_count_by_every_byte() -> None:
    assert change(b"\0a b", b"\0a  b", "a.bin")


def test_paths_need_not_be_utf8() -> None:
    assert change(b"2", b"1", "\udcff")


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b"x = 1\0", id="NUL"),
        pytest.param(b"(" * 10_000, id="nested parentheses"),
        pytest.param(b"-" * 100_000 + b"1", id="nested operators"),
        pytest.param(b"1+" * 50_000 + b"1", id="a long sum"),
        pytest.param(b"x = 0x" + b"f" * 10_000, id="a huge number"),
        pytest.param(b"x = '\xff'", id="not UTF-8"),
        pytest.param(b"# coding: nonsense\n", id="unknown encoding"),
        pytest.param(b"x = '\\d\\ud800'", id="odd escapes"),
        pytest.param(b"def f(:", id="no Python"),
    ],
)
def test_hostile_python_is_fingerprinted_too(hostile: bytes) -> None:
    assert change(hostile) and change(hostile) == change(hostile)
    assert change(NEW, hostile) == change(NEW.replace(b"# start", b""), hostile)


@given(st.text(max_size=20), st.none() | st.binary(max_size=60), st.none() | st.binary(max_size=60))
def test_any_bytes_have_a_fingerprint(path: str, old: bytes | None, new: bytes | None) -> None:
    for name in (path, path + ".py"):
        assert bool(change(new, old, name)) == bool(change(old, new, name))
        assert change(old, old, name) == ""


# --- majority

FINGERPRINTS = st.lists(st.none() | st.sampled_from("abc"), max_size=12)


def test_the_majority_wins() -> None:
    assert consensus(["a", "b", None, "b"]) == Vote(winner=1, votes=2, agreement=0.5, abstentions=1)


def test_ties_go_to_the_earliest() -> None:
    assert consensus([None, "b", "a", "a", "b"]).winner == 1


@pytest.mark.parametrize("abstained", [[], [None], [None, ""]])
def test_without_votes_nobody_wins(abstained: list[str | None]) -> None:
    assert consensus(abstained) == Vote(winner=None, votes=0, agreement=0.0, abstentions=len(abstained))


@given(FINGERPRINTS)
def test_abstentions_are_counted_and_never_win(fingerprints: list[str | None]) -> None:
    vote = consensus(fingerprints)
    assert vote.abstentions == fingerprints.count(None)
    assert (vote.winner is None) == (vote.abstentions == len(fingerprints))
    assert vote.winner is None or fingerprints[vote.winner] is not None


@given(FINGERPRINTS)
def test_the_winner_has_the_most_votes_and_is_the_earliest_that_has(fingerprints: list[str | None]) -> None:
    vote = consensus(fingerprints)
    votes = [0 if one is None else fingerprints.count(one) for one in fingerprints]
    assert vote.votes == max(votes, default=0)
    assert vote.winner == (votes.index(vote.votes) if vote.votes else None)


@given(FINGERPRINTS)
def test_agreement_is_the_winners_share_of_all(fingerprints: list[str | None]) -> None:
    vote = consensus(fingerprints)
    assert 0 <= vote.agreement <= 1
    assert vote.agreement * len(fingerprints) == pytest.approx(vote.votes)
    assert vote.votes + vote.abstentions <= len(fingerprints)


@given(FINGERPRINTS, st.randoms(use_true_random=False))
def test_the_order_decides_nothing_but_ties(fingerprints: list[str | None], random: Random) -> None:
    shuffled = random.sample(fingerprints, len(fingerprints))
    one, other = consensus(fingerprints), consensus(shuffled)
    assert (one.votes, one.agreement, one.abstentions) == (other.votes, other.agreement, other.abstentions)
    sizes = sorted(fingerprints.count(name) for name in {*fingerprints} - {None})
    if one.winner is not None and other.winner is not None and sizes[-2:-1] != sizes[-1:]:
        assert fingerprints[one.winner] == shuffled[other.winner]


@given(FINGERPRINTS)
def test_names_of_fingerprints_do_not_count(fingerprints: list[str | None]) -> None:
    assert consensus([one and {"a": "z", "b": "y", "c": "x"}[one] for one in fingerprints]) == consensus(fingerprints)


@given(FINGERPRINTS)
def test_one_more_vote_for_the_winner_changes_no_winner(fingerprints: list[str | None]) -> None:
    vote = consensus(fingerprints)
    if vote.winner is not None:
        assert consensus([*fingerprints, fingerprints[vote.winner]]).winner == vote.winner


# --- choice


PASSED = Check(tests=CommandRun(command="pytest", exit_code=0, output="", seconds=1.0))
FAILED = Check(tests=CommandRun(command="pytest", exit_code=1, output="", seconds=1.0))
CHECKS = st.sampled_from([None, PASSED, FAILED, Check(problems=("a.py does not parse",))])


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Every candidate of a group has the group's check, or none yet; some abstain in spite of their fingerprint."""
    group_checks = {name: draw(CHECKS) for name in "abc"}
    sampled = []
    for index, one in enumerate(draw(FINGERPRINTS)):
        check = group_checks[one] if one and draw(st.booleans()) else None
        abstained = draw(st.sampled_from([None, None, "touches tests"])) if one else "empty"
        sampled.append(Candidate(index=index, fingerprint=one or "", abstained=abstained, check=check))
    return sampled


def voter(index: int, fingerprint: str, check: Check | None = None) -> Candidate:
    return Candidate(index=index, fingerprint=fingerprint, check=check)


def test_groups_are_ranked_by_votes_then_by_the_earliest() -> None:
    sampled = [voter(i, one) for i, one in enumerate("cabbac")]
    sampled.append(Candidate(index=6, fingerprint="c", abstained="touches tests"))
    sampled += [voter(7, "d"), voter(8, "b")]
    assert rank(sampled) == [[2, 3, 8], [0, 5], [1, 4], [7]]


def test_a_passed_check_beats_votes() -> None:
    sampled = [voter(0, "a", FAILED), voter(1, "a"), voter(2, "b", PASSED)]
    assert choose(sampled) == Vote(winner=2, votes=1, agreement=1 / 3, abstentions=0)


def test_unchecked_stands_between_passed_and_failed() -> None:
    failed, unchecked, passed = voter(0, "a", FAILED), voter(1, "b"), voter(2, "c", PASSED)
    assert choose([failed, unchecked]).winner == 1
    assert choose([failed, unchecked, passed]).winner == 2


def test_among_equals_votes_decide_and_then_the_earliest() -> None:
    assert choose([voter(0, "a"), voter(1, "b"), voter(2, "b")]).winner == 1
    assert choose([voter(0, "a"), voter(1, "b")]) == Vote(winner=0, votes=1, agreement=0.5, abstentions=0)


def test_a_check_belongs_to_the_whole_group() -> None:
    sampled = [voter(0, "a"), voter(1, "b"), voter(2, "b", PASSED)]
    assert choose(sampled) == Vote(winner=1, votes=2, agreement=2 / 3, abstentions=0)


def test_an_abstention_never_wins_though_it_passes() -> None:
    abstained = Candidate(index=0, fingerprint="a", abstained="touches tests", check=PASSED)
    assert choose([abstained, voter(1, "a", FAILED)]).winner == 1
    assert choose([abstained]) == Vote(winner=None, votes=0, agreement=0.0, abstentions=1)


@given(candidates())
def test_ranking_splits_the_voters_and_begins_with_the_consensus(sampled: list[Candidate]) -> None:
    votes = [one.fingerprint if one.abstained is None else None for one in sampled]
    groups = rank(sampled)
    assert sorted(sum(groups, [])) == [position for position, vote in enumerate(votes) if vote]
    assert all(group == sorted(group) and len({votes[i] for i in group}) == 1 for group in groups)
    assert groups == sorted(groups, key=lambda group: (-len(group), group[0]))
    assert (groups[0][0] if groups else None) == consensus(votes).winner


@given(candidates())
def test_without_checks_the_choice_is_the_consensus(sampled: list[Candidate]) -> None:
    unchecked = [one.model_copy(update={"check": None}) for one in sampled]
    assert choose(unchecked) == consensus([one.fingerprint if one.abstained is None else None for one in sampled])


@given(candidates())
def test_no_group_stands_before_the_chosen_one(sampled: list[Candidate]) -> None:
    def order(group: list[int]) -> tuple[int, int, int]:
        checks = [check for position in group if (check := sampled[position].check)]
        return (0 if checks and checks[0].passed else 2 if checks else 1), -len(group), group[0]

    vote, groups = choose(sampled), rank(sampled)
    assert vote.winner == (min(groups, key=order)[0] if groups else None)
    assert vote.votes == next((len(group) for group in groups if vote.winner in group), 0)
    assert vote.abstentions == len(sampled) - sum(map(len, groups))
    assert vote.agreement == pytest.approx(vote.votes / len(sampled) if sampled else 0)
