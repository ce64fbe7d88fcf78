"""One real instance on a small repository, whose history goes on behind the base commit."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from evals.repositories import ENVIRONMENT
from evals.swe.instances import Instance

TEST = """\
from calc import add


def test_add():
    assert add(2, 3) == 5


def test_zero():
    assert add(0, 0) == 0
"""
FIX = """\
diff --git a/calc.py b/calc.py
--- a/calc.py
+++ b/calc.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a - b
+    return a + b
"""


class Example(NamedTuple):
    """The folder of mirrors, the repository in it, and the instance."""

    mirrors: Path
    repository: Path
    instance: Instance


def git(directory: Path, *arguments: str) -> str:
    environment = {**ENVIRONMENT, **os.environ}  # a fixture of a whole module has no git configuration of a test
    done = subprocess.run(
        ["git", *arguments], cwd=directory, check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.strip()


def make_example(folder: Path, hidden: str = TEST, **fields: object) -> Example:
    """add() subtracts at the base commit; the next commit, on main and tagged, has the fix and a test."""
    repository = folder / "mirrors" / "tiny__calc"
    (repository / "tests").mkdir(parents=True)
    (repository / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (repository / "tests" / "test_old.py").write_text("def test_old():\n    assert True\n")
    (repository / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    git(repository, "init", "--quiet")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "first")
    base = git(repository, "rev-parse", "HEAD")
    (repository / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    git(repository, "commit", "--quiet", "--all", "--message", "the fix")
    git(repository, "tag", "v2")
    row = {
        "instance_id": "tiny__calc-1",
        "repo": "tiny/calc",
        "base_commit": base,
        "patch": FIX,
        "test_patch": new_file("tests/test_calc.py", hidden),
        "problem_statement": "add() in calc.py subtracts\n",
        "FAIL_TO_PASS": '["tests/test_calc.py::test_add"]',
        "PASS_TO_PASS": ["tests/test_calc.py::test_zero"],
        "version": "1",
        **fields,
    }
    return Example(folder / "mirrors", repository, Instance.model_validate(row))


def new_file(path: str, text: str) -> str:
    """A patch that adds a file."""
    lines = text.splitlines()
    body = "".join(f"+{line}\n" for line in lines)
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1,{len(lines)} @@\n{body}"
