"""Logs of pytest, and what resolves an instance."""

import pytest

from evals.swe.verdict import END, EXIT_CODE, START, judge, read_log


def log(body: str, code: int = 1) -> str:
    return f"setup\n{START}\n{body}\n{END}\n{EXIT_CODE}: {code}\n"


def test_the_summary_is_read() -> None:
    found = read_log(
        log("PASSED t.py::a\nFAILED t.py::b - assert 1\nSKIPPED [1] t.py:3: no\nXFAIL t.py::c\nERROR t.py::d - boom")
    )

    assert found == {"t.py::a": "PASSED", "t.py::b": "FAILED", "t.py::c": "XFAIL", "t.py::d": "ERROR"}


@pytest.mark.parametrize("line", ["PASSED {}", "XFAIL {}", "XFAIL {} - not yet"])
@pytest.mark.parametrize(
    "name", ["t.py::x[a b]", "t.py::x[a - b]", "t.py::x[[1, 2]]", "t.py::x[a] - [b]", "t.py::x[a::b]"]
)
def test_parameters_may_hold_what_separates_a_name_from_a_reason(line: str, name: str) -> None:
    found = read_log(log(line.format(name), code=0))

    assert found is not None and judge(found, [name], []).is_resolved


@pytest.mark.parametrize(
    "text",
    [
        "PASSED t.py::a",  # no marks
        f"{START}\nPASSED t.py::a",  # no end
        log("nothing"),
        log("PASSED t.py::a", code=1),  # it says that all is well, and ended otherwise
    ],
)
def test_what_is_no_result(text: str) -> None:
    assert read_log(text) is None


@pytest.mark.parametrize(
    ("found", "is_resolved"),
    [
        ({"f": "PASSED", "p": "PASSED"}, True),
        ({"f": "XFAIL", "p": "SKIPPED"}, True),
        ({"f": "SKIPPED", "p": "PASSED"}, False),
        ({"f": "PASSED", "p": "FAILED"}, False),
        ({"p": "PASSED"}, False),
        ({"f": "PASSED"}, False),
    ],
)
def test_the_rules_of_resolved(found: dict[str, str], is_resolved: bool) -> None:
    assert judge(found, ["f"], ["p"]).is_resolved is is_resolved  # type: ignore[arg-type]


def test_an_id_that_was_cut_within_its_parameters() -> None:
    found = {"t.py::x[log(photon,": "PASSED", "t.py::x[log(photon/s)]": "PASSED"}

    assert judge(found, ["t.py::x[log(pho"], []).is_resolved  # type: ignore[arg-type]
    assert not judge({**found, "t.py::x[log(photon]": "FAILED"}, ["t.py::x[log(pho"], []).is_resolved  # type: ignore[dict-item]
