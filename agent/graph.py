"""The picture of the agent.

    START → recall → localise → propose ─┬→ check ─┬→ choose → finish → END
                                         ├→ check ─┤
                                         └→ check ─┘
                                         (nothing to check: → choose)

recall      notes that bear on the task
localise    run the tests as they are, rank the suspicious lines
propose     one call of the model for all proposals; each is applied in a worktree and becomes a candidate
check       one for each group of equal candidates, side by side, each in its own worktree; the best group goes first,
            and once it has passed the others are left unchecked, so the winner does not depend on who is faster
choose      passes the check, then votes, then earliest
finish      the experience

`solve` computes; `run_task` is `solve` and the effect. No checkpointer: a run that was cut is run again.
"""

import os
import time
from typing import Protocol

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent import nodes
from agent.state import AgentContext, AgentState, Stage
from memory.experiences import ExperienceLog
from memory.records import Experience, Task

MOST_CHECKS = 8
"""Side by side; more would fight for memory."""


class Node(Protocol):
    """Takes the state, returns what it changed."""

    def __call__(self, state: AgentState, runtime: Runtime[AgentContext]) -> AgentState: ...


def solve(task: Task, context: AgentContext) -> Experience:
    """Work on a task; nothing but throw-away worktrees is written.

    Raises ModelError where the model fails, RepositoryError, and KeyboardInterrupt after an interrupt of the deadline.
    """
    final = _graph.invoke(
        {"task": task, "began": time.monotonic()},
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
        context.memory.mark_used(experience.notes, experience.id)
    return experience


def _processors() -> int:
    """That this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _timed(stage: Stage, node: Node) -> Node:
    def timed(state: AgentState, runtime: Runtime[AgentContext]) -> AgentState:
        began = time.monotonic()
        return {**node(state, runtime), "seconds": {stage: time.monotonic() - began}}

    return timed


def _build() -> CompiledStateGraph[AgentState, AgentContext, AgentState, AgentState]:
    builder = StateGraph(AgentState, context_schema=AgentContext)
    builder.add_node("recall", _timed("recall", nodes.recall))
    builder.add_node("localise", _timed("localise", nodes.localise))
    builder.add_node("propose", _timed("propose", nodes.propose))
    builder.add_node("check", nodes.check)
    builder.add_node("choose", nodes.choose)
    builder.add_node("finish", nodes.finish)
    builder.add_edge(START, "recall")
    builder.add_edge("recall", "localise")
    builder.add_edge("localise", "propose")
    builder.add_conditional_edges("propose", nodes.fan_out, ["check", "choose"])
    builder.add_edge("check", "choose")
    builder.add_edge("choose", "finish")
    builder.add_edge("finish", END)
    return builder.compile()


_graph = _build()
