"""What is known to fail: patches that were tried in vain, by a sleep or a run, on the same state of a failing test.

A patch that left a test failing leaves it failing again, and so fails every command that runs the test in this way. Of
a check that timed out nothing is kept: another time the machine may be faster.
"""

from collections.abc import Mapping

from agent.localise import Localisation
from agent.probed_run import named_failures
from agent.reach import Reach
from agent.state import AgentContext
from memory.errors import UserError
from memory.known_failures import KnownFailures
from memory.records import Candidate, Experience, FailureState, Task

MOST_TESTS = 50
"""Failing tests that anything is remembered of."""


def failure_states(found: Localisation, task: Task, context: AgentContext) -> tuple[FailureState, ...]:
    """The failing tests, as what was tried on them is known by."""
    if not (found.failing and found.errors and task.test_command):
        return ()
    reach = Reach(context.repository, task.snapshot)
    told = list(zip(found.failing, found.errors, strict=True))[:MOST_TESTS]
    return tuple(reach.state(test, error, task.test_command) for test, error in told)


def known_to_fail(found: Localisation, task: Task, context: AgentContext) -> frozenset[str]:
    """Fingerprints of the patches that need not be tried again."""
    try:
        if context.memory is None or context.memory.failures.tests().isdisjoint(found.failing):
            return frozenset()
        return context.memory.failures.of(failure_states(found, task, context))
    except UserError as error:
        context.progress.notice(f"What was tried in vain cannot be looked up: {error}")
        return frozenset()


def has_failed(candidate: Candidate) -> bool:
    """Whether its tests came to an end, and not a good one."""
    tests = candidate.check.tests if candidate.check else None
    return tests is not None and not tests.passed and not tests.timed_out


def remember(experience: Experience, failures: KnownFailures) -> None:
    """Keep what was tried in vain."""
    if failed := tried_in_vain(experience):
        failures.keep(failed)


def tried_in_vain(experience: Experience) -> Mapping[FailureState, set[str]]:
    """For each test that failed before, the fingerprints of the candidates that left it failing."""
    failed: dict[FailureState, set[str]] = {}
    for candidate in experience.candidates:
        if candidate.fingerprint and candidate.check and candidate.check.tests and has_failed(candidate):
            named = named_failures(candidate.check.tests.output)
            for state in experience.failing:
                if state.test in named:
                    failed.setdefault(state, set()).add(candidate.fingerprint)
    return failed
