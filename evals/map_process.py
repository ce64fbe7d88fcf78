"""Maps of a repository, one for each prompt, as a run makes them: one process of `sleepwright eval map`.

Arguments: the repository, the budget in tokens, the prompts. Prints a line for each prompt: CPU seconds, length.
"""

import resource
import sys
from math import inf
from pathlib import Path

from agent.cli import begin_process
from agent.localise import Localisation
from agent.task_map import TaskMap
from agent.workspace import Repository
from memory.records import Task


def main(root: Path, budget: int, prompts: list[str]) -> None:
    begin_process()
    repository = Repository.open(root)
    for prompt in prompts:
        # A run takes its snapshot whether there is a map or not.
        task = Task(request=prompt, repo=str(root), base_commit=None, snapshot=repository.snapshot(), test_command=None)
        began = cpu_seconds()
        text = TaskMap(task, Localisation(None, (), ()), most_seconds=inf).text(budget)
        sys.stdout.write(f"{cpu_seconds() - began} {len(text)}\n")


def cpu_seconds() -> float:
    """Of this process, and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
