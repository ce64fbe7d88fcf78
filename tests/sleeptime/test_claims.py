"""What a model says about a file, read and made one."""

import pytest

from sleeptime.claims import Claim, Quote, merged, read_claims


def test_claims_are_read_from_a_reply_that_says_more_than_json() -> None:
    reply = """Here it is:
```json
[{'kind': 'invariant', 'text': "a  is\\nthere", "symbols": ["a.py::f"], "quotes":
  ["x = 1", {"path": "b.py", "text": "y"}]},]
```"""
    claims, problems = read_claims(reply, "a.py")
    assert claims == [Claim("invariant", "a is there", ("a.py::f",), (Quote("a.py", "x = 1"), Quote("b.py", "y")))]
    assert problems == []


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I would rather not.",
        "[",
        "[1, null]",
        '[{"kind": "purpose"}]',
        '[{"kind": "rumour", "text": "x"}]',
        '[{"kind": ["purpose"], "text": "x"}]',
        '[{"kind": "purpose", "text": "%s"}]' % ("x" * 700),
        '[{"kind": "purpose", "text": "x", "symbols": "f"}]',
        '[{"kind": "purpose", "text": "x", "symbols": [1]}]',
        '[{"kind": "purpose", "text": "x", "quotes": [{"path": "a"}]}]',
        '[{"kind": "purpose", "text": "x", "quotes": [{"path": 1, "text": "a"}]}]',
    ],
)
def test_what_is_no_claim_is_counted_with_a_reason(reply: str) -> None:
    claims, problems = read_claims(reply, "a.py")
    assert claims == [] and (problems or reply in ("[",))


def test_what_most_drafts_say_comes_first_and_is_said_once() -> None:
    rare = Claim("pitfall", "the cache is never cleared between two calls of the loader")
    one = Claim("invariant", "the totals are always kept in whole cents, never in euros")
    same = Claim("invariant", "totals are always kept in whole cents and never in euros")
    other_kind = Claim("pitfall", one.text)
    found = merged([[rare, one], [same], [other_kind]])
    assert [(each.claim, sorted(each.drafts)) for each in found] == [(one, [0, 1]), (rare, [0]), (other_kind, [2])]


def test_a_file_has_one_purpose() -> None:
    assert len(merged([[Claim("purpose", "adds numbers")], [Claim("purpose", "all about sums")]])) == 1
