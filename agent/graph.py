"""The picture of the agent.

    START → recall → localise → reuse → propose ─┬→ check ─┬→ choose → finish → END
                                                 ├→ check ─┤
                                                 └→ check ─┘
                  (an answer is known: reuse → choose; nothing to check: propose → choose)

recall      notes that bear on the task
localise    run the tests as they are, rank the suspicious lines
reuse       answers worked out beforehand, each checked on the tree as it is; where one passes, no model is asked; else
            it is told what is known to fail
propose     one call of the model for all proposals; each is applied in a worktree and becomes a candidate
check       one for each group of equal candidates, side by side, each in its own worktree; the best group goes first,
            and once it has passed the others are left unchecked, so the winner does not depend on who is faster
choose      passes the check, then votes, then earliest
finish      the experience

`solve` computes; `run_task` is `solve` and the effect. What recall, localise, reuse, propose and each check gave is
kept in the context's run as it comes, and taken from there where the run is resumed. No checkpointer: it would store
the whole state at every step.
"""

import os
import time
from typing import Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent import nodes
from agent.saved_stages import dump, load
from agent.state import AgentContext, AgentState, CheckState, Stage
from agent.vain import remember
from memory.experiences import ExperienceLog
from memory.records import Experience, Task

MOST_CHECKS = 8
"""Side by side; more would fight for memory."""
TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
"""Set for somebody's other programs, they would make langgraph send the task, the code and the patches to a service."""


class Node(Protocol):
    """Takes the state, returns what it changed."""

    def __call__(self, state: AgentState, runtime: Runtime[AgentContext]) -> AgentState: ...


def solve(task: Task, context: AgentContext) -> Experience:
    """Work on a task; nothing but throw-away worktrees is written.

    Raises ModelError where the model fails, RepositoryError, and KeyboardInterrupt after an interrupt of the deadline.
    """
    for name in TRACING:
        os.environ.pop(name, None)
    final = _graph.invoke(
        {"task": task, "began": time.monotonic() - _seconds_before(context)},
        {"max_concurrency": min(_processors(), MOST_CHECKS)},
        context=context,
    )
    experience: Experience = final["experience"]
    return experience


def run_task(task: Task, context: AgentContext, log: ExperienceLog) -> Experience:
    """Work on a task and remember it."""
    experience = solve(task, context)
    log.append(experience)
    if context.memory:
        is_read = context.reads_notes and not experience.was_known
        context.memory.mark_used(experience.notes, experience.id, is_read=is_read)
        remember(experience, context.memory.failures)
    if context.run:
        context.run.finish()
    return experience


def _processors() -> int:
    """That this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _kept(stage: Stage, node: Node) -> Node:
    """The node, timed, unless an earlier process has done it."""

    def kept(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
        run = runtime.context.run
        if run and (saved := run.stage(stage)):
            return load(saved)
        began = time.monotonic()
        update: AgentState = {**node(state, runtime), "seconds": {stage: time.monotonic() - began}}
        if run:
            run.finish_stage(stage, dump(update))
        return update

    return kept


def _kept_check(state: CheckState, runtime: Runtime[AgentContext]) -> AgentState:
    """`nodes.check`, unless an earlier process has done it."""
    run, name = runtime.context.run, f"check {state['first']}"
    if run and (saved := run.stage(name)):
        update = load(saved)
        runtime.context.race.finish(state["rank"], update["checks"][state["first"]].passed)
        return update
    update = nodes.check(state, runtime)
    if run and update:
        run.finish_stage(name, dump(update))
    return update


def _seconds_before(context: AgentContext) -> float:
    """What the stages that an earlier process has done took."""
    stages = (context.run.stage(stage) for stage in ("recall", "localise", "reuse", "propose")) if context.run else ()
    return sum(sum(saved["seconds"].values()) for saved in stages if saved)


def _build() -> CompiledStateGraph[AgentState, AgentContext, AgentState, AgentState]:
    builder = StateGraph(AgentState, context_schema=AgentContext)
    builder.add_node("recall", _kept("recall", nodes.recall))
    builder.add_node("localise", _kept("localise", nodes.localise))
    builder.add_node("reuse", _kept("reuse", nodes.reuse))
    builder.add_node("propose", _kept("propose", nodes.propose))
    builder.add_node("check", _kept_check)
    builder.add_node("choose", nodes.choose)
    builder.add_node("finish", nodes.finish)
    builder.add_edge(START, "recall")
    builder.add_edge("recall", "localise")
    builder.add_edge("localise", "reuse")
    builder.add_conditional_edges("reuse", nodes.is_answered, {True: "choose", False: "propose"})
    builder.add_conditional_edges("propose", nodes.fan_out, ["check", "choose"])
    builder.add_edge("check", "choose")
    builder.add_edge("choose", "finish")
    builder.add_edge("finish", END)
    return builder.compile()


_graph = _build()
