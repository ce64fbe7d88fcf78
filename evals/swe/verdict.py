"""What the tests said, and whether that resolves an instance: SWE-bench's rules.

Every test of FAIL_TO_PASS has to pass, skipped is not passed; every one of PASS_TO_PASS has to pass or be skipped. A
test that is missing has failed. An exit status without a failing test is no result: something printed what it liked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from memory.records import Record

START = ">>>>> Start Test Output"
END = ">>>>> End Test Output"
EXIT_CODE = ">>>>> Test Exit Code"
APPLIED = ">>>>> Applied Patch"
NOT_APPLIED = ">>>>> Patch Apply Failed"

Status = Literal["PASSED", "FAILED", "ERROR", "SKIPPED", "XFAIL"]

_LINE = re.compile(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL) +(\S.*)$", re.MULTILINE)
_COUNT = re.compile(r"^\[\d+\]$")
_PASSING = ("PASSED", "XFAIL")


class Split(Record):
    """Tests by how they went."""

    success: tuple[str, ...] = ()
    failure: tuple[str, ...] = ()


class Transitions(Record):
    """Of one instance, in the fields of SWE-bench's report.json."""

    FAIL_TO_PASS: Split = Split()
    PASS_TO_PASS: Split = Split()
    FAIL_TO_FAIL: Split = Split()
    PASS_TO_FAIL: Split = Split()

    @property
    def is_resolved(self) -> bool:
        return not self.FAIL_TO_PASS.failure and not self.PASS_TO_PASS.failure


def read_log(text: str) -> dict[str, Status] | None:
    """Each test's status from a log with pytest's `-rA` summary between the marks; None where it is no result."""
    _, start, rest = text.partition(START)
    inside, end, after = rest.partition(END)
    if not start or not end:
        return None
    found: dict[str, Status] = {}
    for status, said in _LINE.findall(inside):
        # SWE-bench cuts names at a space, which parameters may have; data sets made elsewhere have them whole.
        name = said.split()[0]
        if not (status == "SKIPPED" and _COUNT.match(name)):
            # What separates a name from a reason may be in parameters, too.
            names = [name, said.partition(" - ")[0], said.rpartition(" - ")[0] or name]
            names += [said] if status in _PASSING else []
            found |= dict.fromkeys(map(str.rstrip, names), status)
    code = re.search(rf"{re.escape(EXIT_CODE)}: (-?\d+)", after)
    has_failed = any(status in ("FAILED", "ERROR") for status in found.values())
    if not found or (code and int(code[1]) and not has_failed):
        return None
    return found


def judge(
    found: Mapping[str, Status], fail_to_pass: Sequence[str], pass_to_pass: Sequence[str], *, fail_only: bool = False
) -> Transitions:
    """Which tests went as they should; `fail_only` is for runners that name the failing ones alone."""

    def passes(test: str, allowed: Sequence[str]) -> bool:
        status = _look_up(test, found)
        return status != "FAILED" if fail_only else status in allowed

    def split(tests: Sequence[str], is_right: Callable[[str], bool]) -> Split:
        return Split(
            success=tuple(test for test in tests if is_right(test)),
            failure=tuple(test for test in tests if not is_right(test)),
        )

    return Transitions(
        FAIL_TO_PASS=split(fail_to_pass, lambda test: passes(test, _PASSING)),
        PASS_TO_PASS=split(pass_to_pass, lambda test: passes(test, (*_PASSING, "SKIPPED"))),
    )


def _look_up(test: str, found: Mapping[str, Status]) -> Status | None:
    """Of an id that the data set has cut within its parameters, the status that all it could mean agree on."""
    if test in found:
        return found[test]
    if test.count("[") > test.count("]"):
        meant = [status for name, status in found.items() if name.startswith(test)]
        if meant and len({status in _PASSING for status in meant}) == 1:
            return meant[0]
    return None
