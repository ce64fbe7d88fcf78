"""Maps of a repository by aider's RepoMap, one for each prompt; runs in the environment that has aider.

Arguments: the repository, the budget in tokens, the prompts. Prints a line for each prompt: CPU seconds, length.
"""

import re
import subprocess
import sys
import time

sys.stdout = sys.stderr  # aider talks on it

from aider.io import InputOutput
from aider.repomap import RepoMap


class RoughCounter:
    """Stands for a model: only its count of tokens is asked for, and this one costs nothing."""

    def token_count(self, text):
        return len(text) // 4


def main(root, budget, prompts):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    names = [name for name in listed.decode().split("\0") if name]
    files = [f"{root}/{name}" for name in names]
    maps = RepoMap(map_tokens=budget, root=root, main_model=RoughCounter(), io=InputOutput(yes=True, pretty=False))
    for prompt in prompts:
        began = time.process_time()
        words = set(re.split(r"[^\w./]+", prompt))
        mentioned = {name for name in names if name in words or name.rpartition("/")[2] in words}
        text = maps.get_repo_map([], files, mentioned, set(re.split(r"\W+", prompt))) or ""
        print(time.process_time() - began, len(text), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
