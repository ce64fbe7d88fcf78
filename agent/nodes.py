"""The nodes of the graph: each takes the state, does one thing, and returns only what changed.

`propose` is where answers of a model become candidates: it applies them in a worktree, and git says what they are.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from langgraph.runtime import Runtime
from langgraph.types import Send

from agent.localise import Localisation
from agent.localise import localise as localise_fault
from agent.reuse import reuse_answers
from agent.state import AgentContext, AgentState, CheckState, OutOfTime, Proposal
from agent.trial import TEST_SECONDS, candidate, check_seconds, checked
from agent.vain import failure_states, has_failed
from agent.vote import choose as choose_winner
from agent.vote import rank
from memory.experiences import new_id
from memory.records import Candidate, Experience, FailureState, Status, Task, Tokens, Vote


def recall(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
    """Notes that bear on the task and are true of the tree as it is."""
    context = runtime.context
    context.progress.step("recall", 0, 1)
    if context.memory is None or not context.reads_notes:
        return {"notes": ()}
    recall = context.memory.recall(state["task"].request)
    if recall.problem:
        context.progress.notice(recall.problem)
    if recall.notes:
        context.progress.notice(f"Recalled for {recall.tokens} tokens: notes {', '.join(recall.ids)}.")
    return {"notes": recall.ids}


def localise(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
    """Run the tests as the tree is now, and rank the lines that may hold the fault."""
    context, task = runtime.context, state["task"]
    context.progress.step("localise", 0, 1)
    with context.repository.worktree(task.snapshot, context.worktrees) as worktree:
        found = localise_fault(
            worktree,
            task.request,
            task.test_command,
            context.sandbox,
            _test_seconds(context),
            readable=context.repository.inputs,
        )
    for notice in _notices(found):
        context.progress.notice(notice)
    if found.command:
        task = task.model_copy(update={"test_command": found.command})
    notes = context.memory.recalled(state["notes"]) if context.memory and state["notes"] else ()
    return {"task": task, "localisation": replace(found, notes=tuple(note.text for note in notes))}


def _notices(found: Localisation) -> Iterator[str]:
    """What the user should know about the tests as they are now."""
    if found.tests is None:
        yield "There is no test command: nothing can be checked but whether the files parse."
    elif found.tests.exit_code in (126, 127):
        yield f"The test command cannot be run: {found.tests.output.strip()[-200:]}"
    elif found.tests.passed:
        yield "The test command passes before any change: it cannot tell a fix from no fix."
    elif found.tests.timed_out:
        yield (
            f"The test command was ended after {found.tests.seconds:.0f} s; a --timeout of more than five times as "
            "much gives it longer."
        )
    if found.left_out:
        more = f" and {len(found.left_out) - 3} more" if len(found.left_out) > 3 else ""
        yield (
            f"Patches are checked without {', '.join(found.left_out[:3])}{more}, which fails too: the task names other "
            "tests, which run none of the same suspicious lines."
        )


def reuse(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
    """Answers worked out beforehand; where one passes it is all that there is to choose from."""
    return reuse_answers(state, runtime.context)


def is_answered(state: AgentState) -> bool:
    """Whether `reuse` has found the answer."""
    return "candidates" in state


def propose(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
    """Ask the model once for all proposals, and turn each into a candidate; hints come last, and so win no tie."""
    context, task = runtime.context, state["task"]
    with context.repository.worktree(task.snapshot, context.worktrees) as worktree:
        proposals = [*_sample(context, task, worktree, state["localisation"]), *state["hints"]]
        # Most samples repeat each other: what the same edits come to is found out once.
        answers = [replace(proposal, tokens=Tokens(), seconds=0.0, skipped=0) for proposal in proposals]
        known = state["localisation"].known_to_fail
        outcomes = {
            answer: _unless_known(candidate(answer, context.repository, worktree, task), known)
            for answer in dict.fromkeys(answers)
        }
    candidates = tuple(
        outcomes[answer].model_copy(update={"index": index, "tokens": proposal.tokens, "seconds": proposal.seconds})
        for index, (answer, proposal) in enumerate(zip(answers, proposals, strict=True))
    )
    return {"proposals": tuple(proposals), "candidates": candidates}


def fan_out(state: AgentState, runtime: Runtime[AgentContext]) -> list[Send] | str:
    """One check for each group of equal candidates, the best group first."""
    groups = rank(state["candidates"])
    runtime.context.progress.step("check", 0, len(groups))
    timeout = check_seconds(state["localisation"].tests)
    return [
        Send(
            "check",
            CheckState(
                task=state["task"],
                proposal=state["proposals"][group[0]],
                first=group[0],
                rank=position,
                groups=len(groups),
                timeout=timeout,
            ),
        )
        for position, group in enumerate(groups)
    ] or "choose"


def check(state: CheckState, runtime: Runtime[AgentContext]) -> AgentState:
    """Check one group in a worktree of its own, unless it can no longer win or the time is up."""
    context, task = runtime.context, state["task"]
    if context.deadline.passed or context.race.is_lost(state["rank"]):
        return {}
    found = checked(state["proposal"], task, context, state["timeout"])
    if found is None:
        return {}
    context.progress.step("check", context.race.finish(state["rank"], found.passed), state["groups"])
    return {"checks": {state["first"]: found}}


def choose(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
    """Give each group's check to all its candidates, and choose the winner."""
    checks = state.get("checks", {})
    shared = {index: checks[group[0]] for group in rank(state["candidates"]) if group[0] in checks for index in group}
    candidates = tuple(
        candidate.model_copy(update={"check": shared.get(candidate.index)}) for candidate in state["candidates"]
    )
    checking = time.monotonic() - state["began"] - sum(state["seconds"].values())
    return {"candidates": candidates, "vote": choose_winner(candidates), "seconds": {"check": checking}}


def finish(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
    """The task as it will be remembered."""
    candidates, vote, context = state["candidates"], state["vote"], runtime.context
    tests = state["localisation"].tests
    if context.deadline.passed:
        context.progress.notice("The run was ended by its time limit; this is the best candidate so far.")
    experience = Experience(
        id=context.run.begun.id if context.run else new_id(),
        task=state["task"],
        status=_status(candidates, vote, state["task"].test_command),
        candidates=candidates,
        vote=vote,
        model=context.proposer.name,
        adapter=context.adapter,
        tokens=sum((candidate.tokens for candidate in candidates), Tokens()),
        seconds={**state["seconds"], "total": time.monotonic() - state["began"]},
        notes=state["notes"],
        failing=_failing(state, context),
        skipped=sum(proposal.skipped for proposal in state["proposals"]),
        passed_before=tests is not None and tests.passed,
    )
    return {"experience": experience}


def _failing(state: AgentState, context: AgentContext) -> tuple[FailureState, ...]:
    """What failed before, where anybody will want to remember what was tried in vain."""
    vote = state["vote"].winner
    is_solved = vote is not None and not has_failed(state["candidates"][vote])
    if context.memory is None or is_solved or not any(map(has_failed, state["candidates"])):
        return ()
    return failure_states(state["localisation"], state["task"], context)


def _unless_known(found: Candidate, known_to_fail: frozenset[str]) -> Candidate:
    """The candidate, without a vote where it is known to fail."""
    is_known = found.abstained is None and found.fingerprint in known_to_fail
    return found.model_copy(update={"abstained": "known to fail"}) if is_known else found


def _sample(context: AgentContext, task: Task, worktree: Path, localisation: Localisation) -> Sequence[Proposal]:
    reserve = _seconds_for_a_check(context, localisation)

    def progress(done: int) -> None:
        if context.deadline.left() <= reserve:
            raise OutOfTime
        context.progress.step("propose", done, context.candidates)

    try:
        progress(0)
        return context.proposer.propose(task, worktree, localisation, context.candidates, context.seed, progress)
    except OutOfTime:
        return ()


def _seconds_for_a_check(context: AgentContext, localisation: Localisation) -> float:
    """What the model is not given of the run's time, so that what it has by then can still win."""
    if localisation.tests is None:
        return 0.0
    return min(1.0 + 2.0 * localisation.tests.seconds, context.deadline.left() / 5)


def _status(candidates: Sequence[Candidate], vote: Vote, test_command: str | None) -> Status:
    if vote.winner is None:
        return "no_candidate"
    found = candidates[vote.winner].check
    if found is None:
        return "failed" if test_command else "unchecked"  # nobody knows that it passes
    if not found.passed:
        return "failed"
    return "passed" if found.tests else "unchecked"


def _test_seconds(context: AgentContext) -> float:
    left = context.deadline.left()
    return TEST_SECONDS if left == float("inf") else min(left, max(TEST_SECONDS, left / 5))
